"""Exposures against sums by hand and derivatives taken numerically; variances against an integral over prices."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime
from typing import Any

import mpmath
import numpy as np
import polars as pl
import pytest
import QuantLib
from standard import calendar

from scanner.metrics import exposures
from scanner.metrics.exposures import Convention

SESSION = date(2025, 9, 4)
NEAR, FAR = date(2025, 9, 12), date(2025, 9, 19)


def contract(right: str, strike: float, **changes: Any) -> dict[str, Any]:
    values = {
        "underlying": "GOOG", "root": "GOOG", "expiry": NEAR, "strike": strike, "right": right, "nonstandard": False,
        "settlement": "PM", "quote_time": datetime(2025, 9, 4, 20, tzinfo=UTC), "spot": 232.3, "forward": 232.9,
        "discount": 0.998, "years": 0.0224, "iv": 0.31, "gamma": 0.02, "delta": 0.5, "open_interest": 100,
        "volume": 10, "multiplier": 100, "mid": 2.5, "bid": 2.4,
    }  # fmt: skip
    return values | changes


def expiries(*days: date) -> pl.DataFrame:
    row = {
        "underlying": "GOOG", "root": "GOOG", "dte": 8, "years": 0.02, "is_monthly": True, "atm_iv": 0.3,
        "forward": 232.9, "expected_move_pct": 0.03, "call_volume": 1, "put_volume": 1, "volume": 2, "call_oi": 1,
        "put_oi": 1, "open_interest": 2, "oi_share": 0.5, "notional_oi": 1e6, "max_pain": 230.0,
    }  # fmt: skip
    return pl.DataFrame([row | {"expiry": day} for day in days])


def live(*rows: dict[str, Any], convention: Convention = Convention.calls_long_puts_short) -> pl.DataFrame:
    frame = pl.DataFrame(list(rows), infer_schema_length=None)
    return exposures.live(frame, expiries(*sorted(set(frame["expiry"]))), calendar, convention)


def test_gamma_and_delta_are_summed_in_dollars_by_the_convention() -> None:
    rows = contract("C", 230.0), contract("P", 230.0, delta=-0.5, open_interest=300)
    (row,) = exposures.by_strike(live(*rows)).iter_rows(named=True)
    gamma = 0.02 * 100 * 232.3**2 * 0.01
    assert row["gamma_exposure"] == pytest.approx(gamma * (100 - 300), rel=1e-12)
    assert (row["calls_gamma"], row["puts_gamma"]) == (pytest.approx(gamma * 100), pytest.approx(-gamma * 300))
    # Long 100 calls of delta 0.5, short 300 puts of delta -0.5, 100 shares each: dollars of 200 x 100 shares.
    assert row["delta_exposure"] == pytest.approx(0.5 * (100 + 300) * 100 * 232.3, rel=1e-12)
    (short,) = exposures.by_strike(live(*rows, convention=Convention.all_short)).iter_rows(named=True)
    assert short["gamma_exposure"] == pytest.approx(-gamma * 400, rel=1e-12)
    assert short["delta_exposure"] == pytest.approx(0.5 * (-100 + 300) * 100 * 232.3, rel=1e-12)
    assert (row["call_oi"], row["put_oi"], row["call_volume"], row["put_volume"]) == (100, 300, 10, 10)


def delta_of(right: str, spot: mpmath.mpf, strike: float, years: mpmath.mpf, rate: float, paid: float, vol: mpmath.mpf):
    deviation = vol * mpmath.sqrt(years)
    d1 = (mpmath.log(spot / strike) + (rate - paid) * years) / deviation + deviation / 2
    side = 1 if right == "C" else -1
    return side * mpmath.exp(-paid * years) * mpmath.ncdf(side * d1)


@pytest.mark.parametrize("right", ["C", "P"])
@pytest.mark.parametrize(("strike", "years", "paid"), [(180.0, 0.5, 0.02), (232.0, 0.01, 0.0), (300.0, 2.0, -0.03)])
def test_vanna_and_charm_are_the_derivatives_of_delta(right: str, strike: float, years: float, paid: float) -> None:
    spot, rate, volatility = 232.3, 0.04, 0.31
    row = contract(
        right, strike, years=years, iv=volatility,
        forward=spot * math.exp((rate - paid) * years), discount=math.exp(-rate * years),
    )  # fmt: skip
    vanna, charm = (series[0] for series in exposures.vanna_and_charm(pl.DataFrame([row])))
    by_volatility = mpmath.diff(lambda vol: delta_of(right, spot, strike, years, rate, paid, vol), volatility)
    by_time = mpmath.diff(lambda left: delta_of(right, spot, strike, left, rate, paid, volatility), years)
    assert vanna == pytest.approx(float(by_volatility), rel=1e-6, abs=1e-9)
    assert charm == pytest.approx(-float(by_time), rel=1e-6, abs=1e-9)


def test_what_has_no_volatility_or_no_open_interest_is_no_exposure_and_no_zero() -> None:
    frame = live(contract("C", 230.0, iv=None, gamma=None, delta=None), contract("C", 235.0, open_interest=None))
    assert exposures.by_strike(frame)["gamma_exposure"].to_list() == [None, None]
    assert exposures.by_strike(frame)["vanna_exposure"].to_list() == [None, None]


def test_what_is_settled_or_adjusted_counts_for_nothing() -> None:
    frame = live(
        contract("C", 230.0, expiry=date(2025, 9, 3)), contract("C", 231.0, nonstandard=True), contract("C", 232.0)
    )
    assert frame["strike"].to_list() == [232.0]


def test_an_expiry_takes_its_share_of_all_gamma_and_of_that_of_calls() -> None:
    rows = contract("C", 230.0), contract("P", 230.0, open_interest=300), contract("C", 230.0, expiry=FAR)
    frame = exposures.by_expiry(live(*rows), expiries(NEAR, FAR))
    assert frame["gamma_share"].to_list() == pytest.approx([400 / 500, 100 / 500])
    assert frame["positive_gamma_share"].to_list() == pytest.approx([100 / 200, 100 / 200])


def chain_of_smile(volatility: float, years: float, step: float) -> pl.DataFrame:
    """A chain of every strike from 100 to 400, priced by QuantLib with one volatility."""
    forward, discount = 232.9, 0.99
    rows = []
    for strike in np.arange(100.0, 400.0 + step, step):
        for right, kind in (("C", QuantLib.Option.Call), ("P", QuantLib.Option.Put)):
            price = QuantLib.blackFormula(kind, float(strike), forward, volatility * math.sqrt(years), discount)
            rows.append(
                contract(right, float(strike), forward=forward, discount=discount, years=years, mid=price, bid=price)
            )
    return pl.DataFrame(rows)


def test_the_model_free_move_is_the_volatility_that_the_whole_chain_was_priced_with() -> None:
    move = exposures.smile_move(chain_of_smile(0.2, 0.25, 0.5))
    assert move == pytest.approx(0.2 * math.sqrt(0.25), rel=2e-4)


def test_the_model_free_variance_is_the_sum_of_the_method_term_by_term() -> None:
    chain = chain_of_smile(0.35, 0.1, 5.0)
    forward, discount = 232.9, 0.99
    strikes = sorted(set(chain["strike"]))
    price = {(row["strike"], row["right"]): row["mid"] for row in chain.iter_rows(named=True)}
    centre = 230.0
    total = mpmath.mpf(0)
    for place, strike in enumerate(strikes):
        low, high = strikes[max(place - 1, 0)], strikes[min(place + 1, len(strikes) - 1)]
        width = (high - low) / (2 if low < strike < high else 1)
        calls, puts = price[(strike, "C")], price[(strike, "P")]
        value = (calls + puts) / 2 if strike == centre else puts if strike < centre else calls
        total += 2 / mpmath.mpf(discount) * width / mpmath.mpf(strike) ** 2 * value
    expected = total - (mpmath.mpf(forward) / centre - 1) ** 2
    assert exposures.smile_move(chain) ** 2 == pytest.approx(float(expected), rel=1e-6)


def test_two_bids_of_nothing_in_a_row_end_the_sum() -> None:
    rows = [
        contract("C", 235.0, mid=3.0, bid=2.9), contract("C", 240.0, mid=1.0, bid=0.9),
        contract("C", 245.0, mid=0.4, bid=0.0), contract("C", 250.0, mid=0.3, bid=0.0),
        contract("C", 255.0, mid=9.0, bid=8.0),
        contract("P", 230.0, mid=2.0, bid=1.9), contract("P", 225.0, mid=1.0, bid=0.9),
    ]  # fmt: skip
    without = [row for row in rows if row["strike"] != 255.0]
    assert exposures.smile_move(pl.DataFrame(rows)) == exposures.smile_move(pl.DataFrame(without))


def test_without_quotes_no_move_is_made_up() -> None:
    assert exposures.smile_move(chain_of_smile(0.2, 0.25, 5.0).with_columns(bid=pl.lit(None, pl.Float64))) is None
    few = [contract("C", 235.0), contract("P", 230.0)]
    assert exposures.smile_move(pl.DataFrame(few)) is None


def test_the_move_to_a_day_grows_with_the_variance_between_expiries() -> None:
    known = pl.DataFrame({"expiry": [NEAR, FAR], "dte": [8, 15], "smile_move_pct": [0.03, 0.05]})
    assert exposures.move_to(known, NEAR) == pytest.approx(0.03)
    assert exposures.move_to(known, date(2025, 9, 8)) == pytest.approx(0.03 * math.sqrt(4 / 8))
    halfway = 0.03**2 + (0.05**2 - 0.03**2) * 3 / 7
    assert exposures.move_to(known, date(2025, 9, 15)) == pytest.approx(math.sqrt(halfway))
    assert exposures.move_to(known, date(2025, 9, 20)) is None
