"""moomoo's OpenD: the vendor's package stood in for by a module of its documented interface, from the command line."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import polars as pl
import pytest
from commands import Commands, Ran
from opend_stub import OpenD, client, event, package, quote
from standard import calendar
from test_sources_contract import expected
from vendor_stubs import MARKET, NOW, QUOTED, SESSION, SPOT, TRADED

from scanner.app import clock
from scanner.sources import moomoo
from scanner.sources.access import VendorError
from scanner.sources.http import HttpError
from scanner.sources.opend import OpenDClient
from scanner.sources.tapes.moomoo import contract_of


class Shell:
    """Runs commands in a folder whose configuration asks OpenD at a port."""

    def __init__(self, commands: Commands, folder: Path, opend: OpenD, port: int) -> None:
        self.commands, self.folder, self.opend, self.port = commands, folder, opend, port

    def __call__(self, command: str, *words: object) -> Ran:
        (self.folder / "config.yaml").write_text(
            f"source: moomoo\nstore: {{path: store}}\nvendors: {{moomoo: {{url: 'http://127.0.0.1:{self.port}', "
            "calls_per_minute: 100000}}\n"
        )
        return self.commands(command, *words, "--config", self.folder / "config.yaml")


@pytest.fixture
def listening() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, listening: int) -> Shell:
    opend = OpenD()
    monkeypatch.setitem(sys.modules, "moomoo", package(opend))
    monkeypatch.setattr(clock, "right_now", lambda: NOW)
    return Shell(Commands(monkeypatch, capsys), tmp_path, opend, listening)


def test_the_same_chain_comes_out_as_from_any_vendor(shell: Shell) -> None:
    source = moomoo.MoomooSource(moomoo.Access(moomoo.VENDORS["moomoo"], client(shell.opend)), calendar)
    (fetched,) = source.chains(["XYZ"], NOW)
    assert fetched.error is None, fetched.error
    assert fetched.chain is not None
    given = {row["contract"]: row for row in fetched.chain.iter_rows(named=True)}
    assert sorted(given) == sorted(one.symbol for one in MARKET.options)
    for one in MARKET.options:
        wanted = expected(one, "moomoo")
        assert {name: given[one.symbol][name] for name in wanted} == wanted
    assert fetched.chain["quote_time"].unique().to_list() == [QUOTED]


def test_a_volatility_above_100_per_cent_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    opend = OpenD()
    wild = {**quote(MARKET.options[0]), "option_implied_volatility": 129.5}
    given = opend.get_market_snapshot

    def snapshot(code_list: list[str]) -> tuple[int, pd.DataFrame]:
        status, table = given(code_list)
        return status, pd.DataFrame([wild if row["code"] == wild["code"] else row for row in table.to_dict("records")])

    monkeypatch.setattr(opend, "get_market_snapshot", snapshot)
    (fetched,) = source_of(opend).chains(["XYZ"], NOW)
    assert fetched.chain is not None
    assert fetched.chain.filter(contract=MARKET.options[0].symbol)["vendor_iv"].to_list() == [1.295]


def test_a_scan_asks_opend_and_lists_contracts_once_a_day(shell: Shell) -> None:
    ran = shell("scan", "XYZ", "--format", "json")
    assert ran.code == 0, ran.out + ran.err
    assert json.loads(ran.out)["underlyings"][0]["spot"] == SPOT
    # Two expiries of four weeks are one span of thirty days.
    assert shell.opend.spans == [("2026-07-24", "2026-08-21")]
    assert [method for method, _ in shell.opend.asked] == ["expiries", "chain", "snapshot"]


@pytest.mark.parametrize(
    ("method", "sentence", "code"),
    [
        ("expiries", "This request is too frequent, at most 60 times every 30s", "rate_limited"),
        ("snapshot", "No permission to get US option quotes", "not_entitled"),
        ("expiries", "Unknown stock XYZ", "unknown_symbol"),
        ("chain", "Disconnected from OpenD", "unreachable"),
        ("chain", "something new", "refused"),
    ],
)
def test_what_opend_refuses_is_told_in_its_words(method: str, sentence: str, code: str, shell: Shell) -> None:
    shell.opend.refusing[method] = sentence
    ran = shell("scan", "XYZ", "--format", "json")
    (error,) = json.loads(ran.out)["errors"]
    assert ran.code == 3
    assert error["code"] == code
    assert sentence in error["message"]


def test_a_chain_that_is_quoted_in_part_is_no_chain(shell: Shell) -> None:
    shell.opend.leaving_out = 2
    (error,) = json.loads(shell("scan", "XYZ", "--format", "json").out)["errors"]
    assert error["code"] == "incomplete"
    assert "quotes 2 of 8 contracts not at all" in error["message"]


def test_without_the_package_it_is_said_how_to_get_it(shell: Shell, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("moomoo", "futu"):
        monkeypatch.setitem(sys.modules, name, None)
    ran = shell("scan", "XYZ")
    assert ran.code == 2
    assert "[moomoo]" in ran.err


def test_an_opend_that_does_not_run_is_said_to_be_so_at_once(shell: Shell) -> None:
    shell.port = 9
    ran = shell("doctor")
    assert ran.code == 2
    assert "start OpenD" in " ".join(ran.out.split())


def test_what_the_package_answers_is_recorded_and_replayed_without_it(
    shell: Shell, monkeypatch: pytest.MonkeyPatch
) -> None:
    bodies = shell.folder / "bodies"
    ran = shell("scan", "XYZ", "--record", bodies, "--format", "json")
    assert ran.code == 0, ran.out + ran.err
    assert len(list(bodies.glob("*.body"))) == 3
    for name in ("moomoo", "futu"):
        monkeypatch.setitem(sys.modules, name, None)
    again = shell("scan", "--source", "files", "--path", bodies, "--format", "json")
    assert again.code == 0, again.out + again.err
    assert json.loads(again.out)["underlyings"][0]["spot"] == SPOT
    assert json.loads(again.out)["scan"]["contracts"] == json.loads(ran.out)["scan"]["contracts"] == 8


def source_of(opend: OpenD) -> moomoo.MoomooSource:
    return moomoo.MoomooSource(moomoo.Access(moomoo.VENDORS["moomoo"], client(opend)), calendar)


_DAY = (TRADED - timedelta(hours=6), TRADED + timedelta(hours=6))


def test_flagged_prints_come_from_every_page_with_the_quotes_beside_them() -> None:
    opend = OpenD()
    tape = source_of(opend).flagged("XYZ", *_DAY)
    rows = tape.prints.sort("time", descending=True).to_dicts()
    assert [row["size"] for row in rows] == [100, 101, 102, 103, 104]
    assert {row["contract"] for row in rows} == {"XYZ260724C00100000"}
    assert [row["condition"] for row in rows] == [None, "isoi", None, "isoi", None]
    assert (rows[0]["time"], rows[0]["price"], rows[0]["bid"], rows[0]["ask"]) == (TRADED, 1.95, 1.9, 2.0)
    assert [method for method, _ in opend.asked] == ["events"] * 3
    assert opend.asked[0][1] == ["US.XYZ"]


def test_flagged_prints_outside_the_span_and_of_several_legs_are_not_what_they_are_not() -> None:
    opend = OpenD(events=[event(0), event(1, strategy_type="MULTI_LEG"), event(60 * 7)], page=9)
    rows = source_of(opend).flagged("XYZ", *_DAY).prints.to_dicts()
    assert [(row["size"], row["condition"]) for row in rows] == [(101, None), (100, None)]


@pytest.mark.parametrize(("stated", "repeated"), [(9, False), (None, True)])
def test_a_part_of_the_flagged_prints_is_none_of_them(
    stated: int | None, repeated: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    opend = OpenD(stated=stated)
    if repeated:
        given = opend.get_option_event
        monkeypatch.setattr(opend, "get_option_event", lambda market, **named: given(market, **{**named, "page": None}))
    with pytest.raises(VendorError, match=r"5 of 9 events|do not end"):
        source_of(opend).flagged("XYZ", *_DAY)


def test_a_package_without_events_is_said_to_be_old() -> None:
    opend = OpenD()
    old = OpenDClient(SimpleNamespace(), opend, None, None, lambda seconds: None)
    source = moomoo.MoomooSource(moomoo.Access(moomoo.VENDORS["moomoo"], old), calendar)
    with pytest.raises(HttpError, match="a newer one does"):
        source.flagged("XYZ", *_DAY)


def test_flagged_prints_are_shown_from_the_command_line(shell: Shell) -> None:
    ran = shell("tape", "XYZ", "--source", "moomoo", "--flagged")
    assert ran.code == 0, ran.out + ran.err
    assert "only what the vendor finds unusual" in " ".join((ran.out + ran.err).split())


@pytest.mark.parametrize(
    ("code", "symbol"),
    [
        ("US.AAPL270115P200000", "AAPL270115P00200000"),
        ("US.F261120C12500", "F261120C00012500"),
        ("US.BRK.B270115C500000", "BRKB270115C00500000"),
        ("US.XYZ1270115C500", "XYZ1270115C00000500"),
        ("HK.00700", "HK.00700"),
    ],
)
def test_codes_are_contracts(code: str, symbol: str) -> None:
    assert moomoo._symbol(code) == symbol
    written = pl.DataFrame({"code": [code]}).select(contract_of(pl.col("code"))).item()
    assert written == symbol


def test_spans_hold_every_expiry_and_thirty_days_at_most() -> None:
    days = [SESSION + timedelta(days=days) for days in (0, 29, 30, 31, 200, 500)]
    spans = list(moomoo._spans(days))
    assert all((last - first).days <= 29 for first, last in spans)
    assert all(any(first <= day <= last for first, last in spans) for day in days)
    assert len(spans) == 4


@pytest.mark.parametrize("day", ["9999999999", "2026-02-30", "2026-7-24", "20260724--", "", None, 20260724, ["x"]])
def test_an_expiry_that_is_no_date_is_an_error_and_no_fault(day: object, monkeypatch: pytest.MonkeyPatch) -> None:
    opend = OpenD()
    listed = pd.DataFrame([{"strike_time": "2026-07-24"}, {"strike_time": day}])
    monkeypatch.setattr(opend, "get_option_expiration_date", lambda code: (0, listed))
    (fetched,) = source_of(opend).chains(["XYZ"], NOW)
    assert fetched.error is not None
    assert fetched.error.code == "unreadable"
