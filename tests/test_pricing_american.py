"""American prices, volatilities and greeks against other methods, another library and published numbers."""

from __future__ import annotations

import math
from itertools import product

import numpy as np
import pytest
import QuantLib
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.pricing import american, black, boundary, status


def market(rows=400, seed=2):
    """Random stock options: moneyness 0.7 to 1.4, a week to two years, 10 % to 90 %, four in ten without a yield."""
    random = np.random.default_rng(seed)
    sign = np.where(random.random(rows) < 0.5, 1, -1).astype(np.int8)
    spot = 100.0 * np.exp(random.uniform(-0.35, 0.35, rows))
    years = np.round(random.uniform(7, 730, rows)) / 365.0
    rate = random.uniform(0.005, 0.08, rows)
    dividend_yield = np.where(random.random(rows) < 0.4, 0.0, random.uniform(0.0, 0.08, rows))
    volatility = random.uniform(0.1, 0.9, rows)
    return sign, spot, np.full(rows, 100.0), years, rate, dividend_yield, volatility


def one(sign, spot, strike, years, rate, dividend_yield, last):
    """The arguments of a kernel for one contract."""
    return (np.array([sign], dtype=np.int8), *(np.array([float(x)]) for x in (spot, strike, years, rate)),
            np.array([float(dividend_yield)]), np.array([float(last)]))  # fmt: skip


def quantlib_price(sign, spot, strike, years, rate, dividend_yield, volatility):
    """Converged prices of L. Andersen, M. Lake and D. Offengenden's method as QuantLib has it."""
    day, counter = QuantLib.Date(2, 1, 2025), QuantLib.Actual365Fixed()
    QuantLib.Settings.instance().evaluationDate = day

    def curve(level):
        return QuantLib.YieldTermStructureHandle(QuantLib.FlatForward(day, level, counter))

    process = QuantLib.BlackScholesMertonProcess(
        QuantLib.QuoteHandle(QuantLib.SimpleQuote(spot)),
        curve(dividend_yield),
        curve(rate),
        QuantLib.BlackVolTermStructureHandle(
            QuantLib.BlackConstantVol(day, QuantLib.NullCalendar(), volatility, counter)
        ),
    )
    right = QuantLib.Option.Call if sign > 0 else QuantLib.Option.Put
    exercise = QuantLib.AmericanExercise(day, day + round(years * 365))
    option = QuantLib.VanillaOption(QuantLib.PlainVanillaPayoff(right, strike), exercise)
    engine = QuantLib.QdFpAmericanEngine(process, QuantLib.QdFpAmericanEngine.highPrecisionScheme())
    option.setPricingEngine(engine)
    return option.NPV()


def tree_price(sign, spot, strike, years, rate, dividend_yield, volatility, steps=2_000):
    """J. Cox, S. Ross and M. Rubinstein's tree, as a method that has nothing in common with the kernel."""
    step = years / steps
    up = math.exp(volatility * math.sqrt(step))
    chance = (math.exp((rate - dividend_yield) * step) - 1 / up) / (up - 1 / up)
    discount = math.exp(-rate * step)
    prices = spot * up ** np.arange(-steps, steps + 1, 2.0)
    values = np.maximum(sign * (prices - strike), 0.0)
    for level in range(steps - 1, -1, -1):
        prices = spot * up ** np.arange(-level, level + 1, 2.0)
        values = discount * (chance * values[1:] + (1 - chance) * values[:-1])
        values = np.maximum(values, sign * (prices - strike))
    return values[0]


@pytest.mark.parametrize(
    ("spot", "volatility", "years", "expected"),
    [
        (36, 0.2, 1, 4.478),
        (36, 0.2, 2, 4.840),
        (36, 0.4, 1, 7.101),
        (36, 0.4, 2, 8.508),
        (40, 0.2, 1, 2.314),
        (44, 0.2, 1, 1.110),
    ],
)
def test_puts_are_those_of_a_published_table(spot, volatility, years, expected):
    """F. Longstaff, E. Schwartz, Review of Financial Studies 14(1), 2001, table 1, finite differences; strike 40."""
    price = american.price(*one(-1, spot, 40, years, 0.06, 0.0, volatility))
    # The table allows exercise fifty times a year, and is a little below the American price for it.
    assert price[0] == pytest.approx(expected, abs=0.009)
    assert price[0] >= expected - 0.001


@pytest.mark.parametrize(
    ("spot", "call", "put"),
    [(80, 0.03, 20.41), (90, 0.58, 11.25), (100, 3.52, 4.40), (110, 10.35, 1.12), (120, 20, 0.18)],
)
def test_prices_are_those_barone_adesi_and_whaley_compare_with(spot, call, put):
    """Their table 1 (1987), column of finite differences: strike 100, 8 %, yield 12 %, volatility 20 %, a quarter."""
    assert american.price(*one(1, spot, 100, 0.25, 0.08, 0.12, 0.2))[0] == pytest.approx(call, abs=0.015)
    assert american.price(*one(-1, spot, 100, 0.25, 0.08, 0.12, 0.2))[0] == pytest.approx(put, abs=0.025)


@pytest.mark.parametrize("terms", list(product((1, -1), (85.0, 100.0, 115.0), (0.25, 1.5), (0.0, 0.03, 0.09))))
def test_prices_are_those_of_a_binomial_tree(terms):
    sign, spot, years, dividend_yield = terms
    contract = (sign, spot, 100.0, years, 0.05, dividend_yield, 0.3)
    assert american.price(*one(*contract))[0] == pytest.approx(tree_price(*contract), abs=0.008)


def test_prices_and_volatilities_are_those_of_quantlib():
    contracts = market()
    expected = np.array([quantlib_price(*contract) for contract in zip(*(c.tolist() for c in contracts), strict=True)])
    error = np.abs(american.price(*contracts) - expected)
    assert np.median(error) < 3e-5
    assert error.max() < 2e-3
    *terms, volatility = contracts
    found, code = american.implied_volatility(terms[0], expected, *terms[1:])
    identifiable = american.greeks(*contracts).vega > 0.01
    assert identifiable.mean() > 0.9
    assert (code[identifiable] == status.SOLVED).all()
    blur = np.abs(found - volatility)[identifiable]
    assert np.median(blur) < 2e-6
    assert np.quantile(blur, 0.99) < 1e-4


def first_difference(function, width):
    """A derivative at zero: central differences of two widths, extrapolated."""
    near, far = ((function(x) - function(-x)) / (2 * x) for x in (width, 2 * width))
    return (4 * near - far) / 3


def test_greeks_are_the_differences_of_quantlib_prices():
    """Where no difference touches the boundary, at which gamma jumps: every price is a cent above exercise there."""
    contracts = [values[:48] for values in market()]
    found = american.greeks(*contracts)
    errors = []
    for row, (sign, s, k, t, r, q, v) in enumerate(zip(*(c.tolist() for c in contracts), strict=True)):
        width, wider = 0.02 * s * v * math.sqrt(t), 0.01 * v

        def price(*, spot=0.0, rate=0.0, vol=0.0, later=1.0, terms=(sign, s, k, t, r, q, v)):
            """The price with something changed; a later expiry is the same one at scaled rates and volatility."""
            sign, s, k, t, r, q, v = terms
            return quantlib_price(sign, s + spot, k, t, (r + rate) * later, q * later, (v + vol) * math.sqrt(later))

        here = price()
        moved = {x: price(spot=x * width) for x in (-2, -1, 1, 2)}
        if min(value - sign * (s + x * width - k) for x, value in moved.items()) < 0.01:
            continue
        near, far = ((moved[x] - 2 * here + moved[-x]) / (x * width) ** 2 for x in (1, 2))
        expected = [
            (8 * (moved[1] - moved[-1]) - moved[2] + moved[-2]) / (12 * width),
            (4 * near - far) / 3,
            first_difference(lambda x, price=price: price(vol=x), wider) / 100,
            -first_difference(lambda x, price=price: price(later=1 + x), 0.01) / t / 365,
            # So short because the price bends sharply with the rate where that is near the yield.
            first_difference(lambda x, price=price: price(rate=x), min(1e-4, 0.01 * r)) / 100,
        ]
        actual = [values[row] for values in found]
        # Below these a greek is measured against them: delta, gamma, vega, theta, rho.
        floors = [1e-2, 1e-4, 1e-2, 1e-3, 1e-2]
        errors.append(np.abs(np.subtract(actual, expected)) / np.maximum(np.abs(expected), floors))
    assert len(errors) > 40
    assert (np.median(errors, axis=0) < 2e-6).all()
    assert (np.max(errors, axis=0) < [2e-6, 1e-5, 1e-5, 1e-5, 1e-4]).all()


def test_a_call_without_a_yield_is_the_european_one():
    _, spot, strike, years, rate, _, volatility = market()
    calls, none = np.ones(spot.size, dtype=np.int8), np.zeros(spot.size)
    european = black.price(calls, spot * np.exp(rate * years), strike, years, np.exp(-rate * years), volatility)
    assert american.price(calls, spot, strike, years, rate, none, volatility) == pytest.approx(european, abs=1e-11)


def test_a_volatility_found_gives_the_price_back():
    contracts = market(4_000)
    *terms, volatility = contracts
    price = american.price(*contracts)
    found, code = american.implied_volatility(terms[0], price, *terms[1:])
    solved = code == status.SOLVED
    assert solved.mean() > 0.95
    again = american.price(*(values[solved] for values in terms), found[solved])
    assert np.abs(again - price[solved]).max() < 1e-7
    identifiable = solved & (american.greeks(*contracts).vega > 1e-4)
    assert np.abs(found - volatility)[identifiable].max() < 1e-6


@pytest.mark.parametrize(
    ("spots", "yields", "volatilities"),
    [((40.0, 250.0), (0.0, 0.05), (0.05, 1.5)), ((15.0, 700.0), (0.0, 0.3), (1.5, 10.0))],
    ids=["far from the money", "worth nearly all there is"],
)
def test_a_volatility_is_found_wherever_the_price_tells_it(spots, yields, volatilities):
    random = np.random.default_rng(8)
    sign = np.where(random.random(4_000) < 0.5, 1, -1).astype(np.int8)
    levels = ((0.05, 3.0), (0.005, 0.08), yields, volatilities)
    spot = np.exp(random.uniform(*np.log(spots), sign.size))
    years, rate, paid, volatility = (random.uniform(*level, sign.size) for level in levels)
    terms = (sign, spot, np.full(sign.size, 100.0), years, rate, paid)
    price = american.price(*terms, volatility)
    found, code = american.implied_volatility(sign, price, *terms[1:])
    telling = american.greeks(*terms, volatility).vega > 1e-3
    assert telling.mean() > 0.7
    assert (code[telling] == status.SOLVED).all()
    assert np.abs(found / volatility - 1.0)[telling].max() < 1e-7


@given(
    st.sampled_from([1, -1]),
    st.floats(60.0, 160.0),
    st.floats(0.01, 3.0),
    st.floats(-0.02, 0.10),
    st.floats(-0.02, 0.10),
    st.floats(0.03, 3.0),
)
@settings(max_examples=300, deadline=None)
def test_prices_lie_between_the_bounds_and_above_the_european(sign, spot, years, rate, dividend_yield, volatility):
    price = american.price(*one(sign, spot, 100.0, years, rate, dividend_yield, volatility))[0]
    forward, discount = spot * math.exp((rate - dividend_yield) * years), math.exp(-rate * years)
    side = np.array([sign], dtype=np.int8)
    columns = (np.array([x]) for x in (forward, 100.0, years, discount, volatility))
    assert price >= black.price(side, *columns)[0] - 1e-10
    if rate > 0.001 and dividend_yield > 0.001:
        assert max(sign * (spot - 100.0), 0.0) <= price <= (spot if sign > 0 else 100.0)


@given(st.floats(60.0, 160.0), st.floats(0.02, 2.0), st.floats(0.005, 0.1), st.floats(0.0, 0.1), st.floats(0.05, 1.0))
@settings(max_examples=200, deadline=None)
def test_a_call_is_the_put_with_everything_exchanged(spot, years, rate, dividend_yield, volatility):
    call = american.price(*one(1, spot, 100.0, years, rate, dividend_yield, volatility))
    put = american.price(*one(-1, 100.0, spot, years, dividend_yield, rate, volatility))
    assert call[0] == pytest.approx(put[0], rel=1e-13)


@pytest.mark.parametrize(
    ("sign", "price", "years", "expected"),
    [
        (-1, 19.9, 0.5, status.BELOW_INTRINSIC),
        (-1, 20.0, 0.5, status.UNIDENTIFIABLE),
        (-1, 100.0, 0.5, status.ABOVE_BOUND),
        (1, 80.0, 0.5, status.ABOVE_BOUND),
        (-1, 22.0, 0.0, status.EXPIRED),
        (1, math.nan, 0.5, status.NO_INPUT),
    ],
)
def test_what_has_no_solution_says_why(sign, price, years, expected):
    side, *terms, last = one(sign, 80.0, 100.0, years, 0.05, 0.01, price)
    found, code = american.implied_volatility(side, last, *terms)
    assert code[0] == expected
    assert math.isnan(found[0])


def test_a_contract_that_is_exercised_at_once_has_the_greeks_of_its_intrinsic_value():
    deep = american.greeks(*one(-1, 40.0, 100.0, 1.0, 0.05, 0.0, 0.2))
    assert [values[0] for values in deep] == pytest.approx([-1.0, 0.0, 0.0, 0.0, 0.0], abs=1e-9)


def test_garbage_rows_leave_their_neighbours_alone():
    contracts = market(1_000)
    *terms, _ = contracts
    price = american.price(*contracts)
    clean, _ = american.implied_volatility(terms[0], price, *terms[1:])
    spoiled = price.copy()
    spoiled[::3] = np.tile([math.nan, math.inf, -1.0, 0.0, 1e9], 67)[: spoiled[::3].size]
    found, code = american.implied_volatility(terms[0], spoiled, *terms[1:])
    untouched = np.arange(1_000) % 3 != 0
    np.testing.assert_allclose(found[untouched], clean[untouched], rtol=1e-12)
    assert np.isnan(found[::3]).all()
    assert (code[::3] != status.SOLVED).all()


def test_a_contract_has_one_number_whatever_is_priced_beside_it():
    terms = market(rows=300)
    price, greeks = american.price(*terms), american.greeks(*terms)
    found, _ = american.implied_volatility(terms[0], price, *terms[1:-1])
    for rows in (slice(0, 1), slice(1, 8), slice(8, 24), slice(24, 41), slice(41, 300)):
        some = tuple(column[rows] for column in terms)
        np.testing.assert_array_equal(american.price(*some), price[rows])
        np.testing.assert_array_equal(american.implied_volatility(some[0], price[rows], *some[1:-1])[0], found[rows])
        for ours, whole in zip(american.greeks(*some), greeks, strict=True):
            np.testing.assert_array_equal(ours, whole[rows])


def test_the_boundary_starts_at_its_limit_and_falls_with_time():
    table = boundary.table()
    assert table.shape == (boundary.LOG_A.size, boundary.WING.size, boundary.COEFFICIENTS)
    alternating = (-1.0) ** np.arange(boundary.COEFFICIENTS)
    usual = (slice(10, 60), slice(0, 15))
    at_expiry, farthest = table[usual] @ alternating, table[usual].sum(axis=2)
    assert np.abs(at_expiry / farthest).max() < 5e-3
    assert (farthest > 0).all()
