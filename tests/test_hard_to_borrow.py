"""A stock that is dear to borrow: its forwards fall away from its price, which is right all the same.

The chains are priced by QuantLib from a known spot, borrowing fee and volatility.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from datetime import date, timedelta

import polars as pl
import pytest
from quoted_chains import QUOTE_TIME, RATE, SESSION, quoted_chain, years_to
from standard import calendar, price_chain

from scanner import quality
from scanner.history.panel import Panel
from scanner.pricing.curve import flat

SPOT, VOLATILITY = 20.0, 1.2
STRIKES = (10.0, 12.5, 15.0, 16.0, 17.0, 18.0, 19.0, 20.0, 21.0, 22.0, 23.0, 24.0, 25.0, 27.5, 30.0, 35.0)
NEAR_THE_MONEY = (17.0, 18.0, 19.0, 20.0, 21.0, 22.0, 23.0)
EXPIRIES = tuple(SESSION + timedelta(days=days) for days in (9, 37, 93, 184))


def borrowed(
    fee: float,
    *,
    told: float = SPOT,
    expiries: Sequence[date] = EXPIRIES,
    strikes: Sequence[float] = STRIKES,
    half_spread: float = 0.02,
    american: bool = True,
    volatility: float = VOLATILITY,
) -> pl.DataFrame:
    """The chain of a stock that costs ``fee`` a year to borrow, with ``told`` in its column of spots."""
    return quoted_chain(
        root="ABC" if american else "XSP",
        american=american,
        expiries=expiries,
        strikes=strikes,
        smile=lambda _strike, _years: volatility,
        spot=SPOT,
        dividend_yield=fee,
        half_spread=half_spread,
        told_spot=told,
    ).filter(pl.col("ask") > 0.004)


def verdicts(chain: pl.DataFrame) -> list[str]:
    return quality.judge(chain, Panel.empty(calendar=calendar), None, QUOTE_TIME)["check"].to_list()


@pytest.mark.parametrize("fee", [0.0, 0.6, 1.0, 1.5, 2.5, 3.5])
def test_the_forward_falls_by_what_borrowing_costs(fee: float) -> None:
    found = price_chain(borrowed(fee), flat(RATE)).expiries["forward"].to_list()
    assert found == pytest.approx([SPOT * math.exp((RATE - fee) * years_to(expiry)) for expiry in EXPIRIES], rel=3e-3)


@pytest.mark.parametrize("fee", [0.6, 1.0, 2.5])
def test_volatilities_are_those_of_the_quotes_at_every_strike_that_tells(fee: float) -> None:
    contracts = price_chain(borrowed(fee), flat(RATE)).contracts
    assert "below_intrinsic" not in contracts["iv_reason"].to_list()
    # Calls that are worth what exercise gives say little: those take their put's volatility, or none.
    at_rest = contracts.filter((pl.col("right") == "C") & (pl.col("bid") <= SPOT - pl.col("strike")))
    assert at_rest.height > 0
    assert set(at_rest["iv_source"]) <= {"twin", None}
    exercise = pl.when(pl.col("right") == "C").then(SPOT - pl.col("strike")).otherwise(pl.col("strike") - SPOT)
    told = contracts.filter((pl.col("bid") > exercise.clip(0) + 0.02) & pl.col("strike").is_between(16, 25))
    assert told.height > 60
    assert told["iv"].to_list() == pytest.approx([VOLATILITY] * told.height, abs=0.015)


SEVERAL, TWO_FAR, ONE_NEAR, ONE_FAR = EXPIRIES, EXPIRIES[1:3], EXPIRIES[:1], EXPIRIES[1:2]


@pytest.mark.parametrize("fee", [0.0, 0.3, 0.6, 1.0, 2.5])
@pytest.mark.parametrize("strikes", [STRIKES, NEAR_THE_MONEY], ids=["deep strikes", "strikes near the money"])
@pytest.mark.parametrize("expiries", [SEVERAL, TWO_FAR], ids=["near and far expiries", "far expiries"])
def test_of_several_expiries_a_borrowing_fee_is_a_slope_and_a_late_price_a_shift(
    fee: float, strikes: tuple[float, ...], expiries: tuple[date, ...]
) -> None:
    assert verdicts(borrowed(fee, strikes=strikes, expiries=expiries)) == []
    for told in (0.9 * SPOT, 1.1 * SPOT):
        late = borrowed(fee, strikes=strikes, expiries=expiries, told=told)
        assert verdicts(late) == ["spot_off_parity"]


@pytest.mark.parametrize(("expiries", "fee"), [(ONE_NEAR, 0.0), (ONE_NEAR, 0.6), (ONE_NEAR, 2.5), (ONE_FAR, 1.0)])
def test_of_one_expiry_calls_that_are_worth_their_exercise_tell_the_price(
    expiries: tuple[date, ...], fee: float
) -> None:
    assert verdicts(borrowed(fee, expiries=expiries)) == []
    for told in (0.9 * SPOT, 1.1 * SPOT):
        assert verdicts(borrowed(fee, expiries=expiries, told=told)) == ["spot_off_parity"]


@pytest.mark.parametrize("told", [0.9 * SPOT, 1.1 * SPOT])
def test_a_late_price_of_a_quiet_stock_is_caught_by_one_expiry(told: float) -> None:
    for expiries in (ONE_NEAR, ONE_FAR):
        assert verdicts(borrowed(0.0, expiries=expiries, told=told, volatility=0.3)) == ["spot_off_parity"]


def test_the_reason_names_the_price_at_which_the_line_of_the_forwards_begins() -> None:
    frame = quality.judge(borrowed(1.0, told=22.0, american=False), Panel.empty(calendar=calendar), None, QUOTE_TIME)
    assert float(frame["detail"].item()) == pytest.approx(SPOT, rel=0.005)
    assert frame["reason"].item().startswith("XSP: spot 22.00 is 9.")


def test_wide_quotes_that_disagree_from_expiry_to_expiry_are_no_slope() -> None:
    # The later expiry's calls lean 3 % up, well within quotes that are 4 % of the spot wide on either side.
    wide = borrowed(0.0, half_spread=0.8, volatility=0.3, expiries=TWO_FAR, strikes=NEAR_THE_MONEY)
    lean = (pl.col("expiry") == TWO_FAR[1]) & (pl.col("right") == "C")
    bent = wide.with_columns(
        pl.when(lean).then(pl.col(name) + 0.6).otherwise(name).alias(name) for name in ("bid", "ask")
    )
    assert verdicts(bent) == []


def test_a_dividend_between_two_expiries_is_a_step_and_not_a_late_price() -> None:
    # One dollar of twenty goes ex between the first expiry and the second: each later forward is 5 % lower at once.
    first, *later = (SESSION + timedelta(days=days) for days in (9, 16, 23, 30))
    before = borrowed(0.0, expiries=[first], volatility=0.4)
    after = quoted_chain(
        expiries=later,
        strikes=STRIKES,
        smile=lambda _strike, _years: 0.4,
        spot=SPOT - 1.0,
        dividend_yield=0.0,
        half_spread=0.02,
        told_spot=SPOT,
    ).filter(pl.col("ask") > 0.004)
    assert verdicts(pl.concat([before, after]).sort("root", "expiry", "strike", "right")) == []
