"""moomoo's OpenD: the vendor's package stood in for by a module of its documented interface, from the command line."""

from __future__ import annotations

import json
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
import vendor_stubs
from commands import Commands, Ran
from standard import calendar
from test_sources_contract import expected
from vendor_stubs import MARKET, NOW, QUOTED, SPOT, Option

from scanner.app import clock
from scanner.market.calendar import NEW_YORK
from scanner.sources import moomoo

_LATELY = NOW - timedelta(days=3)


def code_of(one: Option) -> str:
    """As OpenD writes it: the strike in thousandths without zeros before it."""
    return f"US.{one.root}{one.symbol[-15:-8]}{int(one.symbol[-8:])}"


def written(moment: datetime) -> str:
    return moment.astimezone(NEW_YORK).strftime("%Y-%m-%d %H:%M:%S")


def quote(one: Option) -> dict[str, Any]:
    return {
        "code": code_of(one), "update_time": written(QUOTED if one.today else _LATELY), "bid_price": one.bid,
        "ask_price": one.ask, "bid_vol": one.bid_size, "ask_vol": one.ask_size, "last_price": one.last or 0.0,
        "volume": one.volume if one.today or not one.traded else 999, "option_open_interest": one.open_interest,
        "option_implied_volatility": (one.iv or 0) * 100, "option_delta": "N/A" if one.delta is None else one.delta,
        "option_contract_size": 100, "option_valid": True, "stock_owner": "US.XYZ",
    }  # fmt: skip


@dataclass
class OpenD:
    """The package's quote context; ``refusing`` answers a method with a sentence in place of a table."""

    refusing: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    spans: list[tuple[str, str]] = field(default_factory=list)
    leaving_out: int = 0

    def answer(self, method: str, about: Any, rows: list[dict[str, Any]]) -> tuple[int, Any]:
        self.asked.append((method, about))
        if method in self.refusing:
            return -1, self.refusing[method]
        return 0, pd.DataFrame(rows)

    def get_option_expiration_date(self, code: str) -> tuple[int, Any]:
        days = MARKET.expiries if code == "US.XYZ" else []
        return self.answer("expiries", code, [{"strike_time": str(day), "expiration_cycle": "WEEK"} for day in days])

    def get_option_chain(self, code: str, *, start: str, end: str) -> tuple[int, Any]:
        self.spans.append((start, end))
        listed = [one for one in MARKET.options if start <= str(one.expiry) <= end]
        return self.answer("chain", code, [{"code": code_of(one), "stock_owner": code} for one in listed])

    def get_market_snapshot(self, code_list: list[str]) -> tuple[int, Any]:
        stock = {"code": "US.XYZ", "last_price": SPOT, "update_time": written(QUOTED), "option_valid": False}
        rows = [stock, *(quote(one) for one in MARKET.options[self.leaving_out :])]
        return self.answer("snapshot", code_list, [row for row in rows if row["code"] in code_list])


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
    opened: list[tuple[str, int]] = []

    def context(*, host: str, port: int) -> OpenD:
        opened.append((host, port))
        return opend

    package = SimpleNamespace(
        OpenQuoteContext=context, SysConfig=SimpleNamespace(set_all_thread_daemon=lambda daemon: None)
    )
    monkeypatch.setitem(sys.modules, "moomoo", package)
    monkeypatch.setattr(clock, "right_now", lambda: NOW)
    return Shell(Commands(monkeypatch, capsys), tmp_path, opend, listening)


def test_the_same_chain_comes_out_as_from_any_vendor(shell: Shell) -> None:
    source = moomoo.MoomooSource(
        moomoo.Access(moomoo.VENDORS["moomoo"], moomoo.PoliteClient()), calendar, opend=shell.opend
    )
    (fetched,) = source.chains(["XYZ"], NOW)
    assert fetched.error is None, fetched.error
    assert fetched.chain is not None
    given = {row["contract"]: row for row in fetched.chain.iter_rows(named=True)}
    assert sorted(given) == sorted(one.symbol for one in MARKET.options)
    for one in MARKET.options:
        wanted = expected(one, "moomoo")
        assert {name: given[one.symbol][name] for name in wanted} == wanted
    assert fetched.chain["quote_time"].unique().to_list() == [QUOTED]


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


def test_what_the_package_answers_cannot_be_recorded(shell: Shell) -> None:
    ran = shell("scan", "XYZ", "--record", shell.folder / "bodies")
    assert ran.code == 2
    assert "--record" in ran.err


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


def test_spans_hold_every_expiry_and_thirty_days_at_most() -> None:
    days = [vendor_stubs.SESSION + timedelta(days=days) for days in (0, 29, 30, 31, 200, 500)]
    spans = list(moomoo._spans(days))
    assert all((last - first).days <= 29 for first, last in spans)
    assert all(any(first <= day <= last for first, last in spans) for day in days)
    assert len(spans) == 4
