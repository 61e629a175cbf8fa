"""What a story probably is, and why it might be nothing."""

from __future__ import annotations

from datetime import date
from typing import Any

import polars as pl
import pytest

from scanner.alerts.kinds import equal, probably
from scanner.alerts.model import Kind
from scanner.metrics.dividends import next_ex_dates

AUGUST, OCTOBER = date(2026, 8, 21), date(2026, 10, 16)


def row(**changes: Any) -> dict[str, Any]:
    """Five thousand calls that are not open yet, out of the money, two months from expiry."""
    values: dict[str, Any] = {"root": "MU", "expiry": OCTOBER, "strike": 980.0, "right": "C", "dte": 56, "mid": 103.0}
    values |= {"volume": 5591, "open_interest": 9000, "otm_pct": 0.02, "opening_chance": 0.3, "roll_suspect": False}
    values |= {"days_to_earnings": None, "days_to_ex_date": None}
    return values | changes


def test_equal_calls_and_puts_at_one_strike_are_a_straddle_or_conversion() -> None:
    put = row(right="P", volume=5537)
    assert probably([row(), put], []) == (
        Kind.conversion,
        ("5,591 calls and 5,537 puts, a straddle or conversion",),
    )
    assert probably([put], [row()])[0] is Kind.conversion


def test_the_same_size_at_another_strike_may_be_a_leg_of_a_spread() -> None:
    other = row(strike=1100.0, volume=5600, open_interest=0)
    assert probably([row()], [other]) == (
        Kind.spread,
        ("5,600 traded in the 1100 call of 16 Oct 2026 too: may be a leg of a spread",),
    )


def test_the_same_size_in_a_nearer_expiry_that_had_as_much_open_may_be_a_roll_to_another_strike() -> None:
    near = row(expiry=AUGUST, strike=900.0, open_interest=6000)
    assert probably([row(open_interest=0)], [near])[0] is Kind.roll
    not_open = row(expiry=AUGUST, strike=900.0, open_interest=100)
    assert probably([row(open_interest=0)], [not_open])[0] is Kind.spread


def test_calls_in_the_money_on_the_last_day_before_the_dividend_are_captured() -> None:
    deep = row(otm_pct=-0.2, days_to_ex_date=1)
    assert probably([deep], [])[0] is Kind.dividend_capture
    assert probably([deep | {"right": "P"}], [])[0] is not Kind.dividend_capture
    assert probably([deep | {"days_to_ex_date": 20}], [])[0] is not Kind.dividend_capture


@pytest.mark.parametrize(
    ("changes", "kind"),
    [
        ({"open_interest": 100}, Kind.opening),
        ({"opening_chance": 0.7}, Kind.opening),
        ({}, Kind.unknown),
        ({"open_interest": None, "opening_chance": None}, Kind.unknown),
    ],
)
def test_more_volume_than_was_open_opens_and_else_the_past_of_such_volumes_tells(
    changes: dict[str, Any], kind: Kind
) -> None:
    assert probably([row(**changes)], []) == (kind, ())


def test_pennies_far_away_on_the_last_day_might_be_nothing() -> None:
    penny = row(mid=0.01, otm_pct=0.86, dte=1)
    assert probably([penny], [])[1] == ("1 cent each", "86 % out of the money", "expires tomorrow")
    assert probably([row(mid=0.005)], [])[1] == ("0.5 cents each",), "between no bid and an ask of a cent"
    assert probably([row(days_to_earnings=20)], [])[1] == ("earnings before it expires",)


def test_what_might_be_nothing_is_said_where_it_is_true_of_every_contract_of_the_story() -> None:
    today, later = row(mid=0.01, dte=0), row(mid=0.03, dte=3, volume=3000)
    assert probably([today, later], [])[1] == ("1 to 3 cents each",)
    assert probably([today, row(mid=2.0, dte=0, volume=3000)], [])[1] == ("expires today",)
    far, farther = row(otm_pct=0.4), row(otm_pct=0.8, volume=3000, days_to_earnings=20)
    assert probably([farther, far], [])[1] == ("at least 40 % out of the money",)


def test_sizes_are_equal_within_half_a_percent_and_from_a_hundred_lots_on() -> None:
    assert equal(1000, 1005)
    assert not equal(1000, 1006)
    assert not equal(99, 99)


def test_the_next_ex_date_is_the_first_after_the_session() -> None:
    events = pl.DataFrame(
        {"underlying": ["MU"] * 3, "date": [date(2026, 8, 21), date(2026, 8, 24), date(2026, 11, 20)]}
        | {"kind": ["dividend"] * 3, "value": [0.1] * 3, "when": [None] * 3}
    )
    assert next_ex_dates(events, date(2026, 8, 21)).rows() == [("MU", 3)]
    assert next_ex_dates(None, date(2026, 8, 21)).is_empty()
