"""What all live sources have in common: the plan of calls, many symbols under faults, and a scan that is ended."""

from __future__ import annotations

import gzip
import random
import threading
from collections import Counter
from collections.abc import Iterable
from datetime import timedelta
from pathlib import Path

import pytest
import vendor_stubs
from live_sources import source_of
from pytest_httpserver import HTTPServer
from raw_server import serving
from standard import calendar
from vendor_stubs import NOW, Behaviour, Market, Option

from scanner.errors import UsageError
from scanner.sources.access import Access, MissingKeyError, credential, require_safe
from scanner.sources.base import Rate, SourceSettings, VendorOptions
from scanner.sources.cboe import CboeSource
from scanner.sources.http import Limits, PoliteClient
from scanner.sources.pace import Pace
from scanner.sources.registry import VENDORS, open_source


def market_of(name: str) -> Market:
    """The stubs' market under another name."""
    renamed = [Option(one.symbol.replace("XYZ", name), *list(vars(one).values())[1:]) for one in Market().options]
    return Market(name, tuple(renamed))


class _Asked:
    """As much of a request as the stub of Cboe looks at."""

    def __init__(self, path: str) -> None:
        self.path = path


def answer_of(name: str) -> bytes:
    """Cboe's answer for a name, as it goes over the wire."""
    asked = _Asked(f"/api/global/delayed_quotes/options/{name}.json")
    body = gzip.compress(vendor_stubs.cboe(Behaviour(market=market_of(name)), asked).get_data(), mtime=0)  # type: ignore[arg-type]
    head = "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Encoding: gzip\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def faulty(sound: bytes, chance: random.Random) -> bytes:
    """An answer with one of the faults of networks and servers."""
    head, _, body = sound.partition(b"\r\n\r\n")
    cut = body[: len(body) // 2]
    without_length = b"\r\n".join(line for line in head.split(b"\r\n") if not line.startswith(b"Content-Length"))
    return chance.choice(
        [
            b"",
            b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            b"HTTP/1.1 429 Slow\r\nContent-Length: 0\r\nConnection: close\r\nRetry-After: 1\r\n\r\n",
            head + b"\r\n\r\n" + cut,
            without_length + b"\r\n\r\n" + cut,
            head.replace(b"gzip", b"br") + b"\r\n\r\n" + body,
            b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\n<html>",
            b"nonsense\r\n\r\n",
        ]
    )


def test_under_faults_every_symbol_is_complete_or_named_with_a_reason() -> None:
    names = [f"{first}{second}" for first in "ABCDEFGHIJ" for second in "KLMNOPQRST"]
    chance, lock = random.Random(20260716), threading.Lock()

    def answer(request: bytes) -> Iterable[bytes]:
        name = request.split(b"/options/")[1].split(b".json")[0].decode() if b"/options/" in request else "SPY"
        with lock:
            bad = chance.random() < 0.1
            return [faulty(answer_of(name), chance) if bad else answer_of(name)]

    client = PoliteClient(Limits(read_timeout=5.0, at_once=4, attempts=2), clock=lambda: 0.0, sleep=lambda _: None)
    with serving(answer) as server:
        access = Access(VENDORS["cboe"], client, VendorOptions(url=server.url("")))
        answers = list(CboeSource(access, calendar, workers=4).chains(names, NOW))
    assert [one.symbol for one in answers] == names
    whole = [one for one in answers if one.chain is not None]
    assert all(one.chain is not None and one.chain.height == 8 for one in whole)
    reasons = Counter(one.error.code for one in answers if one.error is not None)
    assert "program_fault" not in reasons
    assert sum(reasons.values()) + len(whole) == len(names)
    # One in ten fails, and what can be tried again seldom fails twice.
    assert len(whole) >= 80, reasons


def test_the_first_symbols_are_asked_for_and_the_others_named_where_calls_are_scarce(httpserver: HTTPServer) -> None:
    behaviour = vendor_stubs.serve(httpserver, "massive")
    source = source_of("massive", httpserver.url_for(""), longest_scan=timedelta(minutes=1))
    source.pace = Pace("massive", Rate(30, 60.0), None, NOW.timestamp)
    answers = list(source.chains(["XYZ", "AAA", "BBB", "CCC"], NOW))
    # Thirty calls a minute are chains of about twelve calls for two names.
    assert [one.error.code if one.error else "chain" for one in answers] == [
        "chain", "unknown_symbol", "not_asked", "not_asked",
    ]  # fmt: skip
    assert answers[2].error is not None
    assert "reach for the first 2" in answers[2].error.message
    assert not any("BBB" in request.full_path for request in behaviour.asked)


def test_a_consumer_that_stops_early_ends_the_asking(httpserver: HTTPServer) -> None:
    behaviour = vendor_stubs.serve(httpserver, "cboe")
    names = ["XYZ", *(f"A{letter}" for letter in "BCDEFGHIJKLMNOPQRSTUVWXYZ")]
    answers = source_of("cboe", httpserver.url_for(""), workers=2).chains(names, NOW)
    assert next(answers).chain is not None
    answers.close()  # type: ignore[attr-defined]
    asked = len({request.path for request in behaviour.asked if "/options/" in request.path})
    assert asked < len(names)


# --- Credentials


def test_a_credential_is_one_whole_set_of_its_variables() -> None:
    alpaca, massive = VENDORS["alpaca"], VENDORS["massive"]
    both = {"APCA_API_KEY_ID": " id ", "APCA_API_SECRET_KEY": "secret"}
    assert credential(alpaca, both) == {"APCA_API_KEY_ID": "id", "APCA_API_SECRET_KEY": "secret"}
    assert credential(massive, {"POLYGON_API_KEY": "old"}) == {"POLYGON_API_KEY": "old"}
    with pytest.raises(MissingKeyError, match=r"APCA_API_KEY_ID alone is not enough.*APCA_API_SECRET_KEY"):
        credential(alpaca, {"APCA_API_KEY_ID": "id", "APCA_API_SECRET_KEY": " "})


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://example.com", "unencrypted to example.com"),
        ("ftp://example.com", "expected https"),
        ("https://user:pass@example.com", "without user"),
        ("https://example.com?apikey=7", "without user, query"),
        ("example.com", "expected https"),
    ],
)
def test_a_credential_leaves_this_machine_encrypted_or_not_at_all(url: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        require_safe(VENDORS["tradier"], VendorOptions(url=url))


@pytest.mark.parametrize(
    "url", ["https://example.com/v1", "http://127.0.0.1:8080", "http://localhost/a", "http://[::1]:1"]
)
def test_a_server_on_this_machine_needs_no_encryption(url: str) -> None:
    require_safe(VENDORS["tradier"], VendorOptions(url=url))


def test_where_that_cannot_be_kept_the_source_goes_on_without(
    tmp_path: Path, httpserver: HTTPServer, caplog: pytest.LogCaptureFixture
) -> None:
    vendor_stubs.serve(httpserver, "cboe")
    (tmp_path / "file").write_text("no folder")
    told = {"cboe": VendorOptions(url=httpserver.url_for(""))}
    settings = SourceSettings(vendors=told, pace_file=tmp_path / "file" / "vendors.sqlite")
    (fetched,) = open_source("cboe", settings, calendar).chains(["XYZ"], NOW)
    assert fetched.chain is not None
    assert "it is kept for this run alone" in caplog.text


def test_a_source_keeps_how_often_it_was_asked_beside_the_store(
    tmp_path: Path, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor_stubs.serve(httpserver, "alphavantage")
    monkeypatch.setenv("ALPHAVANTAGE_API_KEY", vendor_stubs.KEY)
    told = {"alphavantage": VendorOptions(url=httpserver.url_for(""), calls_per_minute=1000, calls_per_day=2)}
    settings = SourceSettings(vendors=told, pace_file=tmp_path / "vendors.sqlite")
    codes = []
    for _ in range(3):  # three runs, each with a client of its own
        (fetched,) = open_source("alphavantage", settings, calendar).chains(["NOPE"], NOW)
        codes.append(fetched.error.code if fetched.error else "")
    assert codes == ["unknown_symbol", "unknown_symbol", "quota_spent"]
