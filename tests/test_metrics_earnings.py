"""Earnings metrics: expected values by hand."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime

import polars as pl
import pytest
from standard import calendar

from scanner.metrics import earnings

EVENTS = pl.DataFrame(
    {
        "underlying": ["ABC", "ABC", "ABC", "XYZ"],
        "date": [date(2026, 4, 28), date(2026, 7, 28), date(2026, 10, 27), date(2026, 7, 1)],
        "kind": ["earnings", "earnings", "earnings", "dividend"],
        "value": [None, None, None, 0.5],
        "when": ["after_close", "before_open", "after_close", None],
    },
    schema_overrides={"value": pl.Float64},
)


def quoted(day: int) -> pl.DataFrame:
    """The quotes of a close in July."""
    closed = datetime(2026, 7, day, 20, tzinfo=UTC)
    return pl.DataFrame({"underlying": ["ABC"], "session_date": [closed.date()], "quote_time": [closed]})


def test_the_next_date_is_the_first_one_not_yet_past():
    assert earnings.next_dates(EVENTS, quoted(20), calendar).rows() == [("ABC", date(2026, 7, 28), 8, "before_open")]
    assert earnings.next_dates(EVENTS, quoted(28), calendar).rows() == [("ABC", date(2026, 10, 27), 91, "after_close")]
    assert earnings.next_dates(None, quoted(28), calendar).is_empty()


def test_the_implied_move_is_what_the_later_expiry_prices_beyond_ordinary_days():
    expiries = pl.DataFrame(
        {
            "underlying": ["ABC", "ABC"],
            "expiry": [date(2026, 7, 24), date(2026, 7, 31)],
            "atm_iv": [0.20, 0.50],
            "years": [4 / 365, 11 / 365],
        }
    )
    found = earnings.implied_move(earnings.next_dates(EVENTS, quoted(20), calendar), expiries)
    by_hand = math.sqrt(2 / math.pi) * math.sqrt((0.25 - 0.04) * 11 / 365)
    assert found.rows() == [("ABC", pytest.approx(by_hand))]
    only_after = expiries.filter(pl.col("expiry") == date(2026, 7, 31))
    assert earnings.implied_move(earnings.next_dates(EVENTS, quoted(20), calendar), only_after).is_empty()


def test_the_average_move_takes_the_session_that_took_the_news_in():
    closes = pl.DataFrame(
        {
            "session_date": [date(2026, 4, 28), date(2026, 4, 29), date(2026, 7, 27), date(2026, 7, 28)],
            "underlying": ["ABC"] * 4,
            "spot": [100.0, 110.0, 110.0, 99.0],
        }
    )
    # After the close of 28 April: +10 % on the 29th. Before the open of 28 July: -10 % on the day itself.
    (found,) = earnings.moves(EVENTS, closes, calendar).rows()
    assert found == ("ABC", pytest.approx(0.10), pytest.approx(-0.10), pytest.approx(0.10), 2)
