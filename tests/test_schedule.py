"""The schedule: fire times worked out by hand from the exchange's hours."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest

from scanner.schedule import AtSession, DuringSession

QUARTER = timedelta(minutes=15)


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("now", "fires"),
    [
        (at(2026, 7, 24, 12, 0), at(2026, 7, 24, 13, 45)),  # before the open: open + 15m
        (at(2026, 7, 24, 13, 45), at(2026, 7, 24, 13, 45)),  # exactly on the grid
        (at(2026, 7, 24, 13, 46), at(2026, 7, 24, 14, 0)),
        (at(2026, 7, 24, 20, 1), at(2026, 7, 27, 13, 45)),  # after Friday's close: Monday
        (at(2026, 7, 2, 20, 30), at(2026, 7, 6, 13, 45)),  # over a holiday and a weekend
        (at(2025, 11, 28, 17, 50), at(2025, 11, 28, 18, 0)),  # a half day ends at 13:00
        (at(2025, 11, 28, 18, 1), at(2025, 12, 1, 14, 45)),
        (at(2026, 3, 6, 21, 30), at(2026, 3, 9, 13, 45)),  # daylight saving begins in between
    ],
)
def test_scans_during_the_session_follow_the_exchanges_hours(now, fires):
    assert DuringSession(QUARTER).get_next_fire_time(None, now) == fires


def test_a_session_has_one_scan_a_quarter_of_an_hour_and_none_twice():
    trigger, fired = DuringSession(QUARTER), []
    now = at(2026, 7, 24, 12, 0)
    while not fired or fired[-1].date() == now.date():
        fired.append(trigger.get_next_fire_time(fired[-1] if fired else None, now))
    today = fired[:-1]
    assert len(today) == 26  # six and a half hours
    assert {later - earlier for earlier, later in pairwise(today)} == {QUARTER}
    assert fired[-1] == at(2026, 7, 27, 13, 45)


def test_the_closing_scan_waits_for_the_slowest_product_and_the_sources_delay():
    stocks = AtSession("close", ["GOOG"], timedelta(minutes=15))
    with_index = AtSession("close", ["GOOG", "SPX"], timedelta(minutes=15))
    morning = at(2026, 7, 24, 12, 0)
    assert stocks.get_next_fire_time(None, morning) == at(2026, 7, 24, 20, 20)  # 16:00 + 15m + 5m
    assert with_index.get_next_fire_time(None, morning) == at(2026, 7, 24, 20, 35)  # 16:15 + 15m + 5m
    assert stocks.get_next_fire_time(at(2026, 7, 24, 20, 20), at(2026, 7, 24, 20, 20)) == at(2026, 7, 27, 20, 20)


def test_a_start_after_midnight_still_finds_the_closing_scan_of_the_coming_session():
    trigger = AtSession("close", ["GOOG"], timedelta())
    assert trigger.get_next_fire_time(None, at(2026, 7, 25, 2, 0)) == at(2026, 7, 27, 20, 5)
