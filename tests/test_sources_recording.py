"""`scan --record DIR` keeps what vendors sent, without credentials, and `--source files --path DIR` replays it."""

from __future__ import annotations

import json
from datetime import timedelta
from functools import partial
from pathlib import Path

import polars as pl
import pytest
import vendor_stubs
from commands import Commands
from live_sources import LIVE, moment_of
from pytest_httpserver import HTTPServer
from standard import calendar
from vendor_stubs import KEY, Behaviour, body
from werkzeug import Response

from scanner.app import clock
from scanner.errors import SourceError
from scanner.sources.base import INDEX, Fetched, SourceSettings, VendorOptions
from scanner.sources.http import Limits
from scanner.sources.registry import VENDORS, open_source

AFTER = timedelta(days=1)


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (name for vendor in VENDORS.values() for names in vendor.keys[:1] for name in names):
        monkeypatch.setenv(name, KEY)


def record(name: str, server: HTTPServer, folder: Path, *symbols: str, **options: object) -> list[Fetched]:
    """What a vendor gives while it is recorded."""
    moment = moment_of(name)
    told = {name: VendorOptions(url=server.url_for(""), calls_per_minute=100_000, **options)}  # type: ignore[arg-type]
    settings = SourceSettings(vendors=told, record_to=folder)
    return list(open_source(name, settings, calendar, lambda: moment).chains(symbols or ["XYZ"], moment))


def replay(name: str, folder: Path, *symbols: str) -> list[Fetched]:
    source = open_source("files", SourceSettings(path=folder), calendar, lambda: moment_of(name) + AFTER)
    return list(source.chains(symbols, moment_of(name) + AFTER))


def same(first: pl.DataFrame | None, second: pl.DataFrame | None) -> bool:
    return first is not None and second is not None and first.equals(second)


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize("name", LIVE)
def test_a_recorded_scan_replays_as_it_was_without_the_network_and_without_a_key(
    name: str, httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    vendor_stubs.serve(httpserver, name)
    (live,) = record(name, httpserver, tmp_path / "kept")
    httpserver.clear()
    for variable in (one for names in VENDORS[name].keys for one in names):
        monkeypatch.delenv(variable, raising=False)
    (again,) = replay(name, tmp_path / "kept")
    assert live.error is None, live.error
    assert same(live.chain, again.chain)
    assert live.notes == again.notes
    assert httpserver.log == [] or all(response.status_code == 200 for _, response in httpserver.log)
    for file in (tmp_path / "kept").iterdir():
        assert KEY not in file.read_text("utf-8", "replace"), file.name


@pytest.mark.usefixtures("keys")
def test_bodies_are_kept_as_they_came_and_the_index_says_what_was_asked_when(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    behaviour = vendor_stubs.serve(httpserver, "alphavantage")
    record("alphavantage", httpserver, tmp_path)
    begun, asked = map(json.loads, (tmp_path / INDEX).read_text().splitlines())
    assert (begun["vendor"], begun["symbol"]) == ("alphavantage", "XYZ")
    assert asked["request"] == "/query?function=HISTORICAL_OPTIONS&symbol=XYZ"
    assert (asked["status"], asked["at"]) == (200, moment_of("alphavantage").isoformat())
    sent = vendor_stubs.alphavantage(behaviour, behaviour.asked[0]).get_data()
    assert (tmp_path / asked["body"]).read_bytes() == sent


@pytest.mark.usefixtures("keys")
def test_a_body_that_repeats_the_key_is_kept_without_it(httpserver: HTTPServer, tmp_path: Path) -> None:
    words = body({"message": f"the key {KEY} may not"}, 403)
    vendor_stubs.serve(httpserver, "tradier", Behaviour(failing={"": words}))
    record("tradier", httpserver, tmp_path)
    kept = [file.read_text() for file in tmp_path.iterdir()]
    assert any("the key [hidden] may not" in text for text in kept)
    assert not any(KEY in text for text in kept)


@pytest.mark.usefixtures("keys")
@pytest.mark.parametrize(
    ("answer", "code"), [(Response("slow down", 429), "rate_limited"), (Response("<html>", 200), "unreadable")]
)
def test_what_failed_fails_again_in_the_same_words(
    answer: Response, code: str, httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanner.sources.live.Limits", partial(Limits, attempts=1))
    vendor_stubs.serve(httpserver, "tradier", Behaviour(failing={"ABC": answer}))
    live = record("tradier", httpserver, tmp_path, "XYZ", "ABC")
    again = replay("tradier", tmp_path, "XYZ", "ABC")
    assert live[1].error is not None
    assert live[1].error.code == code
    assert again[1].error == live[1].error
    assert same(live[0].chain, again[0].chain)


@pytest.mark.usefixtures("keys")
def test_the_newest_of_several_scans_counts_and_what_no_scan_asked_for_is_unknown(
    httpserver: HTTPServer, tmp_path: Path
) -> None:
    behaviour = vendor_stubs.serve(httpserver, "cboe")
    record("cboe", httpserver, tmp_path)
    behaviour.market = behaviour.mutated(volume=341)
    told = {"cboe": VendorOptions(url=httpserver.url_for(""), calls_per_minute=100_000)}
    later = moment_of("cboe") + timedelta(minutes=15)
    settings = SourceSettings(vendors=told, record_to=tmp_path)
    list(open_source("cboe", settings, calendar, lambda: later).chains(["XYZ"], later))
    newest, unknown = replay("cboe", tmp_path, "XYZ", "NOPE")
    assert newest.chain is not None
    assert newest.chain["volume"].to_list().count(341) == 1
    assert unknown.error is not None
    assert unknown.error.code == "unknown_symbol"


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        "[]",
        '{"vendor": "cboe", "request": "/a", "status": 200, "body": "x"}',
        '{"vendor": "cboe", "scan": "yesterday", "symbol": "A", "options": {"url": null, "feed": null, "delay": null}}',
    ],
)
def test_a_damaged_index_is_an_error_that_names_its_line(line: str, tmp_path: Path) -> None:
    (tmp_path / INDEX).write_text(f"{line}\n")
    with pytest.raises(SourceError, match=r"requests\.jsonl:1: not a line of a recording"):
        open_source("files", SourceSettings(path=tmp_path), calendar)


def test_a_body_outside_the_folder_is_never_read(tmp_path: Path) -> None:
    (tmp_path / "outside.body").write_text("{}")
    (tmp_path / "kept").mkdir()
    begun = {"vendor": "cboe", "scan": "2026-07-16T18:00:00+00:00", "symbol": "XYZ"}
    begun["options"] = {"url": None, "feed": None, "delay": None}  # type: ignore[assignment]
    asked = {"vendor": "cboe", "request": "/a", "status": 200, "body": "../outside.body"}
    (tmp_path / "kept" / INDEX).write_text(f"{json.dumps(begun)}\n{json.dumps(asked)}\n")
    with pytest.raises(SourceError, match="2: not a line of a recording"):
        open_source("files", SourceSettings(path=tmp_path / "kept"), calendar)


@pytest.mark.usefixtures("keys")
def test_a_scan_is_recorded_and_replayed_from_the_command_line(
    httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    vendor_stubs.serve(httpserver, "massive")
    monkeypatch.setattr(clock, "right_now", lambda: moment_of("massive"))
    config = tmp_path / "config.yaml"
    config.write_text(f"source: massive\nvendors: {{massive: {{url: '{httpserver.url_for('')}'}}}}\n")
    commands = Commands(monkeypatch, capsys)
    first = commands("scan", "XYZ", "--config", config, "--store", tmp_path / "a", "--record", tmp_path / "kept")
    assert first.code == 0, first.err
    httpserver.clear()
    again = commands("scan", "--path", tmp_path / "kept", "--store", tmp_path / "b")
    assert again.code == 0, again.out + again.err
    assert "1 of 1 symbol, 8 contracts" in first.out
    assert "1 of 1 symbol, 8 contracts" in again.out


def test_recording_what_is_not_live_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    ran = Commands(monkeypatch, capsys)("scan", "--source", "simulated", "--record", tmp_path, "--store", tmp_path)
    assert ran.code == 2
    assert "--record: keeps what live vendors send" in ran.err


# --- Fallback order


def test_the_second_source_gives_what_the_first_could_not_and_the_reason_is_kept(
    httpserver: HTTPServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    vendor_stubs.serve(httpserver, "cboe")
    monkeypatch.setattr(clock, "right_now", lambda: moment_of("cboe"))
    monkeypatch.delenv("TRADIER_TOKEN", raising=False)
    config = tmp_path / "config.yaml"
    url = httpserver.url_for("")
    config.write_text(f"source: [tradier, cboe]\naccept_terms: [cboe]\nvendors: {{cboe: {{url: '{url}'}}}}\n")
    ran = Commands(monkeypatch, capsys)("scan", "XYZ", "NOPE", "--config", config, "--store", tmp_path / "store")
    assert ran.code == 1, ran.out + ran.err
    said = " ".join(ran.out.split())
    assert "XYZ: from cboe, because of source tradier: it needs a credential in the environment; set TRADIER_" in said
    assert "Left out: NOPE (source, unknown_symbol): source tradier: it needs a credential" in said
    assert "cboe has no options of it; check the spelling" in said
