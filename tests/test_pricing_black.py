"""European prices, volatilities and greeks against other libraries, published numbers and fifty-digit arithmetic."""

from __future__ import annotations

import math

import mpmath
import numpy as np
import psutil
import pytest
import QuantLib
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from scanner.kernels import vector_math
from scanner.pricing import black, black_volatility, normalised, status
from scanner.pricing.arrays import Options

PRICE_DIGITS = 2.3e-16


def column(*values):
    return np.array(values, dtype=np.float64)


def sides(*values):
    return np.array(values, dtype=np.int8)


def implied(sign, price, forward, strike, years, discount):
    volatility, code = black.implied_volatility(
        sides(sign), column(price), column(forward), column(strike), column(years), column(discount)
    )
    return volatility[0], code[0]


def market(rows=200_000, seed=7):
    """Random contracts over the whole of what is quoted: moneyness 0.5 to 2, a day to two years, 5 % to 300 %."""
    random = np.random.default_rng(seed)
    sign = np.where(random.random(rows) < 0.5, 1, -1).astype(np.int8)
    forward = 100.0 * np.exp(random.uniform(math.log(0.5), math.log(2.0), rows))
    years = random.uniform(1 / 365, 2.0, rows)
    volatility = random.uniform(0.05, 3.0, rows)
    return sign, forward, np.full(rows, 100.0), years, np.exp(-0.04 * years), volatility


def vega(forward, strike, years, discount, volatility):
    deviation = volatility * np.sqrt(years)
    d1 = np.log(forward / strike) / deviation + 0.5 * deviation
    return discount * forward * np.exp(-0.5 * d1 * d1) / math.sqrt(2 * math.pi) * np.sqrt(years)


def exact_otm(distance, deviation):
    """The normalised out-of-the-money price in sixty digits."""
    with mpmath.workdps(60):
        h, t = mpmath.mpf(distance) / deviation, mpmath.mpf(deviation) / 2
        half = mpmath.exp(mpmath.mpf(distance) / 2)
        return mpmath.ncdf(t - h) / half - mpmath.ncdf(-t - h) * half


@pytest.mark.parametrize(
    ("sign", "forward", "strike", "years", "rate", "volatility", "expected"),
    [
        # J. Hull, Options, Futures and Other Derivatives: spot 42, strike 40, 10 %, 20 %, half a year: 4.76 and 0.81.
        (1, 42 * math.exp(0.05), 40, 0.5, 0.10, 0.20, 4.76),
        (-1, 42 * math.exp(0.05), 40, 0.5, 0.10, 0.20, 0.81),
        # E. Haug, The Complete Guide to Option Pricing Formulas, Black-76: 19, 19, 0.75 years, 10 %, 28 %: 1.7011.
        (1, 19, 19, 0.75, 0.10, 0.28, 1.7011),
        (-1, 19, 19, 0.75, 0.10, 0.28, 1.7011),
    ],
)
def test_prices_are_those_of_the_textbooks(sign, forward, strike, years, rate, volatility, expected):
    discount = math.exp(-rate * years)
    terms = sides(sign), column(forward), column(strike), column(years), column(discount)
    price = black.price(*terms, column(volatility))
    assert price[0] == pytest.approx(expected, abs=0.005 if expected > 4 or expected < 1 else 5e-5)
    found, code = implied(sign, price[0], forward, strike, years, discount)
    assert code == status.SOLVED
    assert found == pytest.approx(volatility, rel=1e-12)


def test_prices_are_those_of_quantlib():
    sign, forward, strike, years, discount, volatility = (values[:2_000] for values in market())
    expected = [
        QuantLib.blackFormula(QuantLib.Option.Call if s > 0 else QuantLib.Option.Put, k, f, v * math.sqrt(t), d)
        for s, f, k, t, d, v in zip(sign, forward, strike, years, discount, volatility, strict=True)
    ]
    assert black.price(sign, forward, strike, years, discount, volatility) == pytest.approx(expected, abs=1e-12)


def test_volatilities_come_back_from_prices_made_with_scipy():
    sign, forward, strike, years, discount, volatility = market()
    deviation = volatility * np.sqrt(years)
    d1 = np.log(forward / strike) / deviation + 0.5 * deviation
    price = discount * sign * (forward * ndtr(sign * d1) - strike * ndtr(sign * (d1 - deviation)))
    rounding = PRICE_DIGITS * 3 * np.maximum(forward, strike)
    sensitivity = vega(forward, strike, years, discount, volatility)
    solvable = sensitivity > 1e-3
    found, code = black.implied_volatility(sign, price, forward, strike, years, discount)
    assert solvable.mean() > 0.95
    assert (code[solvable] == status.SOLVED).all()
    error = np.abs(found - volatility)[solvable]
    assert (error <= 1e-13 + rounding[solvable] / sensitivity[solvable]).all()
    assert error.max() < 1e-10


def test_where_the_price_is_exact_the_volatility_is_too():
    """Out-of-the-money prices keep their digits, so that nothing is lost to conditioning."""
    sign, forward, strike, years, discount, volatility = market()
    sign = np.where(strike >= forward, 1, -1).astype(np.int8)
    price = black.price(sign, forward, strike, years, discount, volatility)
    found, code = black.implied_volatility(sign, price, forward, strike, years, discount)
    whole = (code == status.SOLVED) & (price > 1e-290) & (volatility * np.sqrt(years) < 4.0)
    assert whole.mean() > 0.95
    assert np.abs(found / volatility - 1.0)[whole].max() < 1e-12


@pytest.mark.parametrize("deviation", [1e-4, 1e-3, 0.0199, 0.0201, 0.041, 0.3, 1.0, 2.9, 5.9, 6.1, 8.0])
@pytest.mark.parametrize("distance", [0.0, 1e-4, 0.01, 0.1, 0.5, 1.0, 2.4, 2.6, 5.0])
def test_the_careful_path_agrees_with_sixty_digits(distance, deviation):
    if distance / deviation > 36:
        assert normalised.normalised_price(distance, deviation) < 1e-280
        return
    exact = exact_otm(distance, deviation)
    assert normalised.normalised_price(distance, deviation) == pytest.approx(float(exact), rel=2e-12)
    strike = 100.0 * math.exp(distance)
    time_value = float(exact * mpmath.sqrt(mpmath.mpf(100) * mpmath.mpf(strike)))
    share_left = 1.0 - time_value / 100.0
    found = normalised.implied_deviation(time_value, 100.0, strike)
    assert found == pytest.approx(deviation, rel=1e-11 + 4 * PRICE_DIGITS / share_left)


@pytest.mark.parametrize(
    ("forward", "strike", "years", "volatility"),
    [
        (100.0, 100.5, 1 / (365 * 24 * 60), 0.40),  # a minute to expiry
        (100.0, 130.0, 5 / 365, 10.0),  # 1000 % volatility
        (100.0, 250.0, 7 / 365, 0.60),  # eleven deviations out
        (100.0, 40.0, 30 / 365, 0.12),  # over twenty
        (100.0, 1500.0, 1.5, 0.90),  # far beyond the fast region in strike
        (100.0, 100.0, 2.0, 6.0),  # close to the bound
        (0.0004, 0.0005, 0.2, 0.8),
        (4e7, 5e7, 0.2, 0.8),
    ],
)
def test_beyond_the_fast_region_the_answer_is_right(forward, strike, years, volatility):
    sign = 1 if strike >= forward else -1
    price = black.price(sides(sign), column(forward), column(strike), column(years), column(0.99), column(volatility))
    exact = exact_otm(abs(math.log(forward / strike)), volatility * math.sqrt(years))
    assert price[0] == pytest.approx(0.99 * float(exact) * math.sqrt(forward * strike), rel=1e-11)
    found, code = implied(sign, price[0], forward, strike, years, 0.99)
    assert code == status.SOLVED
    assert found == pytest.approx(volatility, rel=1e-9)


def test_the_fast_loop_is_right_or_says_nothing_far_outside_its_region():
    random = np.random.default_rng(3)
    rows = 200_000
    deviation = np.exp(random.uniform(math.log(1e-5), math.log(30.0), rows))
    forward = 100.0 * np.exp(random.uniform(-6.0, 6.0, rows))
    strike, ones = np.full(rows, 100.0), np.ones(rows)
    sign = np.where(strike >= forward, 1, -1).astype(np.int8)
    price = black.price(sign, forward, strike, ones, ones, deviation)
    found = np.empty(rows)
    black_volatility.solve_fast(Options(sign, forward, strike, ones, ones), price, found)
    answered = ~np.isnan(found)
    assert 0.05 < answered.mean() < 0.9
    assert np.abs(found / deviation - 1.0)[answered].max() < 1e-11


def test_arbitrary_garbage_never_gives_a_volatility_that_does_not_reprice():
    random = np.random.default_rng(11)
    pool = np.array([0.0, -1.0, 1e-310, 1e-12, 0.01, 1.0, 99.0, 100.0, 101.0, 1e8, 1e150, np.inf, -np.inf, np.nan])
    rows = 300_000
    price, forward, strike, years, discount = random.choice(pool, (5, rows))
    sign = np.where(random.random(rows) < 0.5, 1, -1).astype(np.int8)
    found, code = black.implied_volatility(sign, price, forward, strike, years, discount)
    solved = code == status.SOLVED
    assert (np.isnan(found) == ~solved).all()
    assert (found[solved] > 0).all()
    assert (found[solved] <= status.MAX_VOLATILITY).all()
    terms = (values[solved] for values in (sign, forward, strike, years, discount))
    again = black.price(*terms, found[solved])
    level = np.maximum(price[solved], discount[solved] * np.maximum(forward, strike)[solved])
    assert (np.abs(again - price[solved]) <= 1e-13 * level).all()


@pytest.mark.parametrize(
    ("sign", "price", "years", "expected"),
    [
        (1, 19.9, 0.5, status.BELOW_INTRINSIC),
        (-1, -0.01, 0.5, status.BELOW_INTRINSIC),
        (1, 120.0, 0.5, status.ABOVE_BOUND),
        (-1, 100.0, 0.5, status.ABOVE_BOUND),
        (1, 20.0, 0.5, status.UNIDENTIFIABLE),
        (-1, 0.0, 0.5, status.UNIDENTIFIABLE),
        (1, 25.0, 0.0, status.EXPIRED),
        (1, 25.0, -0.1, status.EXPIRED),
        (1, math.nan, 0.5, status.NO_INPUT),
    ],
)
def test_what_has_no_solution_says_why(sign, price, years, expected):
    found, code = implied(sign, price, 120.0, 100.0, years, 1.0)
    assert code == expected
    assert math.isnan(found)


def test_no_unsolvable_price_is_solved():
    sign, forward, strike, years, discount, _ = market(50_000)
    intrinsic = discount * np.maximum(sign * (forward - strike), 0.0)
    bound = discount * np.where(sign > 0, forward, strike)
    for price in (intrinsic * 0.999 - 1e-9, bound * 1.000001):
        found, code = black.implied_volatility(sign, price, forward, strike, years, discount)
        assert np.isnan(found).all()
        assert (code != status.SOLVED).all()


@given(
    st.sampled_from([1, -1]),
    st.floats(1e-2, 1e5),
    st.floats(-3.0, 3.0),
    st.floats(1e-5, 5.0),
    st.floats(0.01, 10.0),
    st.floats(0.5, 1.05),
)
@settings(max_examples=400, deadline=None)
def test_a_price_gives_a_volatility_that_gives_the_price(sign, forward, distance, years, volatility, discount):
    strike = forward * math.exp(distance)
    terms = sides(sign), column(forward), column(strike), column(years), column(discount)
    price = black.price(*terms, column(volatility))
    found, code = black.implied_volatility(terms[0], price, *terms[1:])
    assume(code[0] == status.SOLVED)
    again = black.price(*terms, found)
    assert again[0] == pytest.approx(price[0], rel=1e-11, abs=1e-14 * max(forward, strike))


@given(st.floats(50.0, 200.0), st.floats(0.02, 3.0), st.floats(0.05, 2.0))
@settings(max_examples=200, deadline=None)
def test_a_call_is_the_put_with_forward_and_strike_exchanged(forward, years, volatility):
    t, d, v = column(years), column(1.0), column(volatility)
    call = black.price(sides(1), column(forward), column(100.0), t, d, v)
    put = black.price(sides(-1), column(100.0), column(forward), t, d, v)
    assert call[0] == pytest.approx(put[0], rel=1e-13)


@given(st.floats(50.0, 200.0), st.floats(0.01, 3.0), st.floats(0.05, 2.0), st.floats(0.001, 0.5))
@settings(max_examples=200, deadline=None)
def test_prices_rise_with_volatility_between_their_bounds(forward, years, volatility, more):
    terms = sides(1, 1), column(forward, forward), column(100.0, 100.0), column(years, years), column(1.0, 1.0)
    low, high = black.price(*terms, column(volatility, volatility + more))
    assert max(forward - 100.0, 0.0) <= low <= high < forward


def test_greeks_are_the_derivatives_in_fifty_digits():
    """Central differences of sixth order of the formula in fifty digits, for calls and puts near and far."""
    rate, dividend_yield, spot = 0.045, 0.017, 100.0

    def exact(side, s, k, t, r, v):
        d1 = (mpmath.log(s / k) + (r - dividend_yield) * t) / (v * mpmath.sqrt(t)) + v * mpmath.sqrt(t) / 2
        held, owed = s * mpmath.exp(-dividend_yield * t), k * mpmath.exp(-r * t)
        return side * (held * mpmath.ncdf(side * d1) - owed * mpmath.ncdf(side * (d1 - v * mpmath.sqrt(t))))

    cases = [
        (side, k, t, v) for side in (1, -1) for k in (60, 95, 100, 140) for t in (0.02, 0.5, 2) for v in (0.15, 0.8)
    ]
    sign, strike, years, volatility = (np.array(values) for values in zip(*cases, strict=True))
    years, strike = years.astype(float), strike.astype(float)
    forward = spot * np.exp((rate - dividend_yield) * years)
    found = black.greeks(
        sign.astype(np.int8), np.full(len(cases), spot), forward, strike, years, np.exp(-rate * years), volatility
    )
    with mpmath.workdps(50):
        for row, (side, *terms) in enumerate(cases):
            k, t, v = (mpmath.mpf(value) for value in terms)
            s, r = mpmath.mpf(spot), mpmath.mpf(rate)
            expected = (
                mpmath.diff(lambda x, a=side, k=k, t=t, v=v, r=r: exact(a, x, k, t, r, v), s),
                mpmath.diff(lambda x, a=side, k=k, t=t, v=v, r=r: exact(a, x, k, t, r, v), s, 2),
                mpmath.diff(lambda x, a=side, k=k, t=t, s=s, r=r: exact(a, s, k, t, r, x), v) / 100,
                -mpmath.diff(lambda x, a=side, k=k, s=s, v=v, r=r: exact(a, s, k, x, r, v), t) / 365,
                mpmath.diff(lambda x, a=side, k=k, t=t, v=v, s=s: exact(a, s, k, t, x, v), r) / 100,
            )
            actual = [values[row] for values in found]
            # Far out the greeks are of the order of the price itself, which the tails keep to about 1e-12.
            assert actual == pytest.approx([float(value) for value in expected], rel=2e-11, abs=1e-15)


def test_one_pass_gives_what_two_give():
    sign, forward, strike, years, discount, volatility = market(20_000)
    spot = forward * 0.98
    price = black.price(sign, forward, strike, years, discount, volatility)
    price[::20] = -1.0
    found, code, *together = black.volatility_and_greeks(sign, price, spot, forward, strike, years, discount)
    alone, alone_code = black.implied_volatility(sign, price, forward, strike, years, discount)
    apart = black.greeks(sign, spot, forward, strike, years, discount, alone)
    np.testing.assert_array_equal(found, alone)
    np.testing.assert_array_equal(code, alone_code)
    for ours, theirs in zip(together, apart, strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert np.isnan(together[0][::20]).all()


@pytest.mark.parametrize(
    ("ours", "exact", "low", "high"),
    [
        (vector_math.exp, mpmath.exp, -700.0, 700.0),
        (vector_math.log, mpmath.log, 1e-300, 1e300),
        (vector_math.log, mpmath.log, 0.5, 2.0),
    ],
)
def test_elementary_functions_are_good_to_the_last_digits(ours, exact, low, high):
    random = np.random.default_rng(5)
    wide = low > 0 and high / low > 1e10
    points = np.exp(random.uniform(math.log(low), math.log(high), 500)) if wide else random.uniform(low, high, 500)
    with mpmath.workdps(40):
        worst = max(abs(ours(float(x)) / exact(mpmath.mpf(float(x))) - 1) for x in points)
    assert worst < 5e-16


def test_scaled_tails_are_good_on_both_sides_of_the_joint():
    with mpmath.workdps(40):
        for u in (0.0, 0.1, 1.0, 3.0, 7.9, 8.0, 8.1, 20.0, 300.0):
            expected = 2 * mpmath.exp(mpmath.mpf(u) ** 2 / 2) * mpmath.ncdf(-mpmath.mpf(u))
            assert normalised.scaled_tail(u) == pytest.approx(float(expected), rel=2e-15)


def test_memory_stays_flat_over_a_thousand_calls():
    sign, forward, strike, years, discount, volatility = market(5_000)
    price = black.price(sign, forward, strike, years, discount, volatility)

    def run(times):
        for _ in range(times):
            black.volatility_and_greeks(sign, price, forward, forward, strike, years, discount)
        return psutil.Process().memory_info().rss

    settled = run(50)
    assert run(1_000) - settled < 4_000_000
