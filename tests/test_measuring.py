"""Chains measured whole: what a product is decides what is claimed of its contracts."""

from __future__ import annotations

import math
from datetime import date
from statistics import NormalDist

import polars as pl
import pytest
from built_chains import built_chain
from quoted_chains import FUTURES, FUTURES_STRIKES, FUTURES_VOLATILITY, RATE, volatility_chain, years_of_future
from standard import calendar, conform, measure

from scanner.history.known_before import KnownBefore
from scanner.history.panel import Panel
from scanner.metrics.measure import Frames


def measured(frame: pl.DataFrame) -> Frames:
    return measure(frame, KnownBefore(Panel.empty("test", calendar=calendar)), frame["quote_time"][0]).frames


def test_options_on_volatility_have_their_monthly_expiries():
    frames = measured(volatility_chain())
    monthly = dict(frames["expiry"].select("expiry", "is_monthly").iter_rows())
    assert monthly == {date(2026, 7, 22): True, date(2026, 7, 29): False, date(2026, 8, 19): True}
    row = frames["underlying"].row(0, named=True)
    # 16 contracts of 100 at the next monthly expiry, each of 100 times the index of 17.
    assert row["notional_expiring"] == 16 * 100 * 100 * 17.0
    # With as much open at every strike, the middle ones pay out least; of 18 and 19 the lower.
    assert row["max_pain"] == 18.0


def one_percent(expiry: date, strike: float) -> float:
    """Gamma times the square of the future, by Black's formula."""
    future, years = FUTURES[expiry], years_of_future(expiry)
    deviation = FUTURES_VOLATILITY * math.sqrt(years)
    density = NormalDist().pdf(math.log(future / strike) / deviation + deviation / 2)
    return math.exp(-RATE * years) * density * future / deviation


def test_gamma_of_options_on_different_futures_adds_up_by_percent():
    frames = measured(volatility_chain())
    dollars = {expiry: sum(one_percent(expiry, strike) for strike in FUTURES_STRIKES) for expiry in FUTURES}
    share = dollars[date(2026, 7, 22)] / sum(dollars.values())
    found = dict(frames["expiry"].select("expiry", "gamma_share").iter_rows())
    assert found[date(2026, 7, 22)] == pytest.approx(share, rel=0.01)
    assert frames["underlying"]["gamma_expiring_share"][0] == pytest.approx(share, rel=0.01)


def test_of_an_adjusted_contract_nothing_is_claimed_that_rests_on_a_hundred_shares():
    standard = built_chain(date(2026, 8, 3))
    both = conform(pl.concat([standard, built_chain(date(2026, 8, 3), root="ABC1", columns={"volume": 9_999})]))
    frames, alone = measured(both), measured(standard)
    adjusted = frames["contract"].filter(pl.col("root") == "ABC1")
    claims = ("otm", "otm_pct", "moneyness", "delta", "delta_volume", "gamma", "premium")
    assert adjusted.select(pl.col(claims).null_count()).row(0) == (adjusted.height,) * len(claims)
    assert set(adjusted["iv_reason"]) == {"nonstandard"}
    sums = (
        "call_premium",
        "put_premium",
        "call_volume",
        "gex",
        "notional_expiring",
        "max_pain",
        "gamma_expiring_share",
    )
    assert frames["underlying"].select(sums).equals(alone["underlying"].select(sums))
    assert frames["underlying"]["call_premium"][0] > 0
