"""The smile says what a strike should cost by what the others cost, and one bad quote neither bends nor hides in it."""

from __future__ import annotations

import math
from datetime import date
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from quoted_chains import DIVIDEND_YIELD, EXPIRIES, RATE, SPOT, quoted_chain, years_to
from standard import price_chain, read_recorded

from scanner.pricing import smile
from scanner.pricing.curve import flat

CURVE = flat(RATE)
STRIKES = tuple(float(strike) for strike in np.arange(80.0, 122.5, 2.5))
LEVEL, SLOPE, BEND = 0.25, -0.20, 0.5


def skewed(strike: float, years: float) -> float:
    """A quadratic smile in the log-moneyness of the forward."""
    x = math.log(strike / SPOT) - (RATE - DIVIDEND_YIELD) * years
    return LEVEL + SLOPE * x + BEND * x * x


def skewed_chain(**arguments: object) -> pl.DataFrame:
    return quoted_chain(root="XSP", american=False, smile=skewed, strikes=STRIKES, **arguments)  # type: ignore[arg-type]


def raised(frame: pl.DataFrame, strike: float, right: str, factor: float) -> pl.DataFrame:
    """One contract of the second expiry quoted at a multiple of its price."""
    here = (pl.col("expiry") == EXPIRIES[1]) & (pl.col("strike") == strike) & (pl.col("right") == right)
    return frame.with_columns(
        pl.when(here).then(pl.col(name) * factor).otherwise(name).alias(name) for name in ("bid", "ask")
    )


def outside(frame: pl.DataFrame) -> pl.DataFrame:
    """The out-of-the-money contracts of the second expiry."""
    return price_chain(frame, CURVE).contracts.filter("otm", pl.col("expiry") == EXPIRIES[1])


def test_the_volatility_at_the_forward_is_read_off_the_smile() -> None:
    priced = price_chain(skewed_chain(), CURVE)
    assert priced.expiries["atm_iv"].to_list() == pytest.approx([LEVEL] * 3, abs=2e-4)


def test_a_contract_on_a_smooth_smile_has_no_excess() -> None:
    inner = outside(skewed_chain()).filter(pl.col("strike").is_between(85, 115))
    assert inner.height >= 12
    assert inner["iv_excess"].abs().max() < 1e-3


@pytest.mark.parametrize(("strike", "right"), [(95.0, "P"), (100.0, "P"), (107.5, "C")])
def test_one_bad_quote_shows_in_full_and_leaves_the_other_strikes_alone(strike: float, right: str) -> None:
    before, after = outside(skewed_chain()), outside(raised(skewed_chain(), strike, right, 1.6))
    bad = pl.col("strike") == strike
    lifted = after.filter(bad)["iv"][0] - before.filter(bad)["iv"][0]
    assert lifted > 0.02
    assert after.filter(bad)["iv_excess"][0] == pytest.approx(lifted, abs=0.1 * lifted)
    others = before.filter(~bad)["iv_excess"] - after.filter(~bad)["iv_excess"]
    assert others.abs().max() < 0.05 * lifted


def test_the_skew_is_the_volatility_of_the_quarter_delta_put_less_that_of_the_call() -> None:
    years = years_to(EXPIRIES[2])
    # Delta a quarter: d1 = -0.67449 for the call, +0.67449 for the put; log-moneyness -d1 s + s^2 / 2 by iteration.
    at = {}
    for side in (-1.0, 1.0):
        vol = LEVEL
        for _ in range(50):
            deviation = vol * math.sqrt(years)
            x = side * 0.6744897501960817 * deviation + deviation * deviation / 2
            vol = LEVEL + SLOPE * x + BEND * x * x
        at[side] = vol
    found = price_chain(skewed_chain(), CURVE).expiries["skew_25d"][2]
    assert found == pytest.approx(at[-1.0] - at[1.0], abs=5e-4)


def test_there_is_no_skew_where_no_strike_is_quoted_so_far_out() -> None:
    priced = price_chain(skewed_chain().filter(pl.col("strike").is_between(97.5, 102.5)), CURVE)
    assert priced.expiries["skew_25d"].null_count() == 3
    assert priced.expiries["atm_iv"].null_count() == 0


def test_there_is_no_excess_without_three_other_strikes() -> None:
    priced = price_chain(skewed_chain().filter(pl.col("strike").is_in([95.0, 100.0, 105.0])), CURVE).contracts
    assert priced["iv"].null_count() == 0
    assert priced["iv_excess"].null_count() == priced.height


def test_there_is_no_at_the_money_volatility_where_all_strikes_are_on_one_side() -> None:
    priced = price_chain(skewed_chain().filter(pl.col("strike") >= 115), CURVE)
    assert priced.expiries["atm_iv"].null_count() == 3
    assert priced.expiries["expected_move_pct"].null_count() == 3


def test_the_expected_move_is_the_price_of_the_straddle_over_the_forward() -> None:
    priced = price_chain(quoted_chain(root="XSP", american=False), CURVE).expiries
    years = years_to(EXPIRIES[1])
    # A straddle at the forward, undiscounted and over the forward: 2 (2 N(s / 2) - 1) with s = 0.3 sqrt(years).
    straddle = 2 * math.erf(0.15 * math.sqrt(years) / math.sqrt(2))
    assert priced["expected_move_pct"][1] == pytest.approx(math.exp(-RATE * years) * straddle, rel=1e-4)


def test_the_term_slope_is_the_next_expirys_volatility_less_this_ones() -> None:
    rising = quoted_chain(root="XSP", american=False, smile=lambda _strike, years: 0.2 + 0.1 * years)
    priced = price_chain(rising, CURVE).expiries
    steps = [0.1 * (years_to(later) - years_to(sooner)) for sooner, later in pairwise(EXPIRIES)]
    assert priced["term_slope"].to_list()[:2] == pytest.approx(steps, abs=1e-4)
    assert priced["term_slope"][2] is None


def test_the_term_slope_skips_an_expiry_without_a_volatility() -> None:
    frame = quoted_chain(root="XSP", american=False).with_columns(
        bid=pl.when(pl.col("expiry") == EXPIRIES[1]).then(0.0).otherwise("bid")
    )
    priced = price_chain(frame, CURVE).expiries
    assert priced["atm_iv"][1] is None
    assert priced["term_slope"].to_list() == [pytest.approx(0.0, abs=1e-4), None, None]


def at_thirty(years: list[float], volatilities: list[float]) -> float:
    offsets = np.array([0, len(years)], dtype=np.int64)
    return float(smile.at_maturity(offsets, np.array(years), np.array(volatilities), 30 / 365)[0])


def test_the_volatility_at_thirty_days_lies_between_its_neighbours_in_total_variance() -> None:
    # 20 days at 20 % and 50 days at 30 %: a third of the way, (2/3 * 0.04 * 20 + 1/3 * 0.09 * 50) / 30.
    variance = (2 / 3 * 0.04 * 20 + 1 / 3 * 0.09 * 50) / 30
    assert at_thirty([20 / 365, 50 / 365, 90 / 365], [0.2, 0.3, 0.9]) == pytest.approx(math.sqrt(variance))


def test_an_expiry_of_exactly_thirty_days_is_taken_as_it_is() -> None:
    assert at_thirty([10 / 365, 30 / 365, 60 / 365], [0.5, 0.31, 0.4]) == pytest.approx(0.31)


def test_with_expiries_on_one_side_only_the_nearest_serves_within_reason() -> None:
    assert at_thirty([40 / 365, 60 / 365], [0.33, 0.4]) == 0.33
    assert at_thirty([5 / 365, 22 / 365], [0.5, 0.28]) == 0.28
    assert math.isnan(at_thirty([60 / 365], [0.4]))
    assert math.isnan(at_thirty([7 / 365], [0.4]))


def test_missing_volatilities_are_passed_over() -> None:
    assert at_thirty([20 / 365, 29 / 365, 40 / 365], [0.2, math.nan, 0.2]) == pytest.approx(0.2)
    assert math.isnan(at_thirty([20 / 365, 40 / 365], [math.nan, math.nan]))


def test_the_underlying_has_the_volatility_and_skew_of_thirty_days() -> None:
    priced = price_chain(skewed_chain(), CURVE)
    near, far = (priced.expiries["skew_25d"][i] for i in (0, 1))
    assert priced.underlyings["iv30"][0] == pytest.approx(LEVEL, abs=2e-4)
    assert min(near, far) < priced.underlyings["skew_25d"][0] < max(near, far)


@pytest.mark.realdata
def test_the_thirty_day_volatility_of_aapl_is_near_the_vendors(real_data: Path) -> None:
    # The vendor's own figure of that evening, in its quote file: iv30 28.937.
    path = real_data / "cboe-json" / "delayed_quotes_options_AAPL.json.gz"
    chains = [item.chain for item in read_recorded(path) if item.chain is not None]
    assert price_chain(chains[0]).underlyings["iv30"][0] == pytest.approx(0.28937, abs=0.005)


@pytest.mark.realdata
def test_excesses_of_a_liquid_real_chain_are_within_the_quotes_width(real_data: Path) -> None:
    path = real_data / "cboe-json" / "delayed_quotes_options_AAPL.json.gz"
    chains = [item.chain for item in read_recorded(path) if item.chain is not None]
    near = price_chain(chains[0]).contracts.filter(
        "otm", pl.col("expiry") == date(2026, 9, 18), pl.col("moneyness_sd").abs() < 2, pl.col("iv").is_not_null()
    )
    width = (near["iv_ask"] - near["iv_bid"]) / 2
    assert near.height > 25
    assert (near["iv_excess"].abs() <= width).all()
