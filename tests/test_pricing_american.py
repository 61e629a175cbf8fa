"""American prices, volatilities and greeks against other libraries, and what must hold whatever the numbers."""

from __future__ import annotations

import numpy as np
import pytest
import QuantLib as ql  # noqa: N813 - the library's own usage
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.pricing import american, black
from scanner.pricing.status import BELOW_INTRINSIC, EXPIRED, NO_INPUT, SOLVED, UNIDENTIFIABLE


def one(*values: float) -> list[np.ndarray]:
    """Arrays of one row: the sign first."""
    return [np.array([values[0]], np.int8), *(np.array([value], np.float64) for value in values[1:])]


def reference(sign: float, spot: float, strike: float, days: int, rate: float, q: float, vol: float) -> float:
    """QuantLib's fixed-point method in high precision."""
    today = ql.Date(2, 1, 2025)
    ql.Settings.instance().evaluationDate = today
    count = ql.Actual365Fixed()
    process = ql.BlackScholesMertonProcess(
        ql.QuoteHandle(ql.SimpleQuote(spot)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, q, count)),
        ql.YieldTermStructureHandle(ql.FlatForward(today, rate, count)),
        ql.BlackVolTermStructureHandle(ql.BlackConstantVol(today, ql.NullCalendar(), vol, count)),
    )
    kind = ql.Option.Call if sign > 0 else ql.Option.Put
    option = ql.VanillaOption(ql.PlainVanillaPayoff(kind, strike), ql.AmericanExercise(today, today + days))
    option.setPricingEngine(ql.QdFpAmericanEngine(process, ql.QdFpAmericanEngine.highPrecisionScheme()))
    return float(option.NPV())


# Barone-Adesi and Whaley 1987, table 1: strike 100, rate 0.08, carry -0.04 (yield 0.12), volatility 0.20, a quarter.
# The column of finite differences: spot, call, put.
PUBLISHED = [(80, 0.03, 20.41), (90, 0.58, 11.25), (100, 3.52, 4.40), (110, 10.35, 1.12), (120, 20.00, 0.18)]


@pytest.mark.parametrize(("spot", "call", "put"), PUBLISHED)
def test_published_prices_come_out_to_the_cents_they_are_printed_in(spot: float, call: float, put: float) -> None:
    market = (float(spot), 100.0, 0.25, 0.08, 0.12, 0.20)
    assert american.price(*one(1, *market))[0] == pytest.approx(call, abs=0.015)
    assert american.price(*one(-1, *market))[0] == pytest.approx(put, abs=0.025)


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("days", [7, 60, 365])
@pytest.mark.parametrize("strike", [85.0, 100.0, 115.0])
@pytest.mark.parametrize(("rate", "q"), [(0.04, 0.0), (0.04, 0.02), (0.02, 0.06)])
def test_volatilities_of_quantlibs_prices_are_the_ones_they_were_made_with(
    sign: int, days: int, strike: float, rate: float, q: float
) -> None:
    price = reference(sign, 100.0, strike, days, rate, q, 0.3)
    vol, status = american.implied_volatility(*one(sign, price, 100.0, strike, days / 365, rate, q))
    vega = black.greeks(*one(sign, 100.0, 100.0, strike, days / 365, 1.0, 0.3)).vega[0]
    if vega < 1e-3:
        assert status[0] in (SOLVED, UNIDENTIFIABLE)
        return
    assert status[0] == SOLVED
    assert vol[0] == pytest.approx(0.3, abs=2e-3)


def test_a_call_on_a_stock_without_dividends_is_worth_the_european_one() -> None:
    forward, discount = 100.0 * np.exp(0.05), np.exp(-0.05)
    european = black.price(*one(1, forward, 95.0, 1.0, discount, 0.25))
    assert american.price(*one(1, 100.0, 95.0, 1.0, 0.05, 0.0, 0.25))[0] == pytest.approx(european[0], rel=1e-12)


def test_what_has_no_volatility_has_a_status() -> None:
    def status(sign: int, price: float, years: float = 0.5, spot: float = 100.0) -> int:
        vol, found = american.implied_volatility(*one(sign, price, spot, 90.0, years, 0.04, 0.01))
        assert np.isnan(vol[0])
        return int(found[0])

    assert status(1, 9.5) == BELOW_INTRINSIC
    assert status(1, 12.0, years=0.0) == EXPIRED
    assert status(1, float("nan")) == NO_INPUT
    assert status(1, 12.0, spot=float("nan")) == NO_INPUT


@settings(max_examples=200, deadline=None)
@given(
    sign=st.sampled_from([1, -1]),
    strike=st.floats(60, 160),
    years=st.floats(0.01, 2.0),
    rate=st.floats(0.0, 0.08),
    q=st.floats(0.0, 0.08),
    vol=st.floats(0.05, 2.0),
)
def test_a_price_is_at_least_the_european_one_and_the_exercise_and_gives_its_volatility_back(
    sign: int, strike: float, years: float, rate: float, q: float, vol: float
) -> None:
    price = american.price(*one(sign, 100.0, strike, years, rate, q, vol))
    forward, discount = 100.0 * np.exp((rate - q) * years), np.exp(-rate * years)
    european = black.price(*one(sign, forward, strike, years, discount, vol))
    assert price[0] >= max(european[0], sign * (100.0 - strike), 0.0) - 1e-9
    found, status = american.implied_volatility(*one(sign, price[0], 100.0, strike, years, rate, q))
    if status[0] == SOLVED:
        again = american.price(*one(sign, 100.0, strike, years, rate, q, found[0]))
        assert again[0] == pytest.approx(price[0], abs=1e-5)
    else:
        # Only an option worth its exercise, now or certainly later, or next to nothing has no volatility.
        certain = max(sign * (100.0 - strike), discount * sign * (forward - strike), 0.0)
        assert price[0] - certain < 1e-4


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("strike", [90.0, 100.0, 110.0])
def test_greeks_are_near_differences_of_quantlibs_prices(sign: int, strike: float) -> None:
    market = (strike, 182, 0.04, 0.02, 0.3)
    found = american.greeks(*one(sign, 100.0, strike, 182 / 365, 0.04, 0.02, 0.3))
    here, up, down = (reference(sign, spot, *market) for spot in (100.0, 101.0, 99.0))
    assert found.delta[0] == pytest.approx((up - down) / 2, abs=3e-3)
    assert found.gamma[0] == pytest.approx(up - 2 * here + down, rel=0.05)
    wider = reference(sign, 100.0, strike, 182, 0.04, 0.02, 0.31)
    narrower = reference(sign, 100.0, strike, 182, 0.04, 0.02, 0.29)
    assert found.vega[0] == pytest.approx((wider - narrower) / 2, rel=0.02)
    later, sooner = (reference(sign, 100.0, strike, days, 0.04, 0.02, 0.3) for days in (181, 183))
    assert found.theta[0] == pytest.approx((later - sooner) / 2, rel=0.03)
    higher = reference(sign, 100.0, strike, 182, 0.041, 0.02, 0.3)
    lower = reference(sign, 100.0, strike, 182, 0.039, 0.02, 0.3)
    assert found.rho[0] == pytest.approx((higher - lower) / 0.2, rel=0.06, abs=2e-3)
