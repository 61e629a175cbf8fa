"""Several scans of one session through the whole pipeline: looking more often does not alarm more often."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta

import polars as pl
import pytest
from built_chains import built_chain
from standard import calendar

from scanner import pipeline, ruleset, shipped
from scanner.app import opening, preparing
from scanner.config import AlertSettings, Settings, StoreSettings
from scanner.history.known_before import Looks
from scanner.sources import simulated
from scanner.sources.base import Fetched, Vendor
from scanner.sources.receiving import Request
from scanner.store.state import State
from scanner.store.store import Store

NAMES = ("NVDA", "SPY")
SEEDS = (3, 4)
DAY = date(2025, 6, 13)
RULES = list(ruleset.load([shipped.shipped_rules()]).stable())
SETTINGS = Settings(alerts=AlertSettings(budget_per_session=1000))


def scans(store: Store, state: State, source: object, moments: list[datetime]) -> Iterator[pipeline.ScanResult]:
    for number, moment in enumerate(moments):
        request = Request(NAMES, moment, moment, f"scan-{moment:%H%M}-{number}")
        clock = iter([moment]).__next__
        yield pipeline.scan(request, [source], preparing.setup(SETTINGS, store, state, RULES), clock=clock)


def raised(results: Iterator[pipeline.ScanResult]) -> dict[str, float]:
    """The calibrated alerts that were raised, by how seldom as much comes: fixed thresholds promise nothing."""
    alerts = [alert for result in results for alert in result.alerts if alert.score is not None]
    rarest: dict[str, float] = {}
    for alert in alerts:
        rarest[alert.alert_id] = max(rarest.get(alert.alert_id, 0.0), alert.once_in_sessions or 0.0)
    return rarest


def told(seed: int, moments: list[datetime]) -> tuple[int, int]:
    """How many stories scans of a simulated quiet day tell, and how many of them come once a session or less."""
    history = simulated.sample_market(seed, NAMES, last=calendar.previous_session(DAY), count=22)
    with opening.temporary_memory() as memory:
        opening.remember(memory.store, history)
        found = raised(scans(memory.store, memory.state, simulated.SimulatedSource(seed), moments))
        return len(found), sum(once >= 1.0 for once in found.values())


@pytest.mark.slow
def test_scanning_every_half_hour_tells_no_more_rare_stories_on_a_quiet_day_than_scanning_once():
    """The list itself is of the session so far and a little longer: a story that led it at noon stays told.

    Two markets, for of one alone some fifty stories are told, a few more or less by chance.
    """
    opened, closed = calendar.session_open(DAY), calendar.session_close(DAY)
    every_half_hour = [opened + timedelta(minutes=30 * number) for number in range(1, 13)]
    often, once = (
        [sum(counts) for counts in zip(*(told(seed, moments) for seed in SEEDS), strict=True)]
        for moments in ([*every_half_hour, closed], [closed])
    )
    assert often[1] <= once[1]
    assert often[0] <= 1.1 * once[0]


class OneChain:
    """A source of one chain."""

    vendor = Vendor("test", "chains of a test", "")

    def __init__(self, chain: pl.DataFrame) -> None:
        self.chain = chain

    def chains(self, symbols, now):
        yield Fetched("ABC", self.chain)


def looks_after(tmp_path, moments: list[datetime]) -> Looks:
    """What a scan at the close would be told of the scans before it."""
    session = date(2026, 7, 20)
    with opening.open_memory(SETTINGS.model_copy(update={"store": StoreSettings(path=tmp_path)})) as memory:
        for moment in moments:
            list(scans(memory.store, memory.state, OneChain(built_chain(session, quote_time=moment)), [moment]))
        return pipeline.earlier_looks(memory.state, built_chain(session))


def test_the_same_quotes_served_again_are_no_second_look(tmp_path):
    noon = datetime.fromisoformat("2026-07-20T16:00:00Z")
    assert looks_after(tmp_path / "twice", [noon, noon]).counts == {"ABC": 1}
    assert looks_after(tmp_path / "later", [noon, noon + timedelta(minutes=15)]).counts == {"ABC": 2}


def test_a_moment_judged_again_is_told_nothing_of_itself_or_of_what_came_later(tmp_path):
    close = calendar.session_close(date(2026, 7, 20))
    assert looks_after(tmp_path, [close, close + timedelta(minutes=15)]).counts == {}
