"""A calendar is handed in: two scans in one process that judge by different ones know nothing of each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime

import polars as pl
import pytest
from built_chains import built_chain
from standard import calendar

from scanner import pipeline
from scanner.app import preparing
from scanner.config import Settings
from scanner.outputs.result import ScanResult
from scanner.sources.base import Fetched, Vendor
from scanner.sources.receiving import Request

DAY, BEFORE = date(2026, 8, 5), date(2026, 8, 4)
CLOSE = calendar.session_close(DAY)
OPEN, CLOSED, SHORT = {}, {DAY: "closed"}, {DAY: "09:30-13:00"}


class Canned:
    """A source with one chain."""

    vendor = Vendor("test", "a chain of a test", "")

    def __init__(self, chain: pl.DataFrame) -> None:
        self._chain = chain

    def chains(self, symbols: Iterable[str], now: datetime) -> Iterator[Fetched]:
        """The chain, whatever is asked for."""
        for symbol in symbols:
            yield Fetched(symbol, self._chain)


def scanned(changes: dict) -> ScanResult:
    request = Request(("ABC",), CLOSE, CLOSE, "x")
    setup = preparing.setup(Settings(calendar=changes), None, None)
    return pipeline.scan(request, [Canned(built_chain(DAY))], setup, clock=lambda: CLOSE)


def elapsed(changes: dict) -> tuple[float, list[str]]:
    """How much of the session was over at noon, and what the quality gate says of the chain."""
    setup, noon = preparing.setup(Settings(calendar=changes), None, None), CLOSE.replace(hour=16)
    chain = built_chain(DAY, quote_time=noon, traded_on=DAY)
    _, known = pipeline.know(chain, setup)
    judged = pipeline.judge(chain, known, noon, [], setup.methods)
    return round(judged.measured.elapsed, 4), judged.verdicts[0]["check"].to_list()


# Noon is two and a half hours after the open, of 6.5 hours or of 3.5; a closed day belongs to the session before.
WANTED = [(OPEN, 0.3846, []), (CLOSED, 1.0, ["holiday"]), (SHORT, 0.7143, [])]


@pytest.mark.parametrize("together", [1, 6])
def test_scans_by_different_calendars_do_not_meet(together: int) -> None:
    turns = [changes for changes, *_ in WANTED] * 4
    with ThreadPoolExecutor(together) as pool:
        answers = list(pool.map(elapsed, turns))
        results = list(pool.map(scanned, turns))
    assert answers == [tuple(wanted) for _, *wanted in WANTED] * 4
    assert [result.scan.session_date for result in results] == [DAY, BEFORE, DAY] * 4


def test_settings_copied_with_other_days_have_the_calendar_of_those() -> None:
    shut = Settings(calendar=CLOSED)
    assert not shut.exchange_calendar.is_session(DAY)
    assert shut.model_copy(update={"calendar": {}}).exchange_calendar.is_session(DAY)
    assert shut.model_copy(update={"alerts": shut.alerts}).exchange_calendar is shut.exchange_calendar
