"""American contracts before known cash dividends, against another library's grid and a tree of the escrowed model."""

from __future__ import annotations

import math
from datetime import date, timedelta
from itertools import product

import numpy as np
import polars as pl
import pytest
import QuantLib as ql  # noqa: N813 - the library's own usage
from numba import typeof
from quoted_chains import EXPIRIES, QUOTE_TIME, RATE, SESSION, SPOT, quoted_chain
from standard import calendar, measure, price_chain

from scanner.history.known_before import KnownBefore
from scanner.history.panel import Panel
from scanner.market import corporate_events
from scanner.pipeline import Methods
from scanner.pricing import Pricing, american, status
from scanner.pricing.american import Dividends
from scanner.pricing.curve import flat
from scanner.pricing.ex_dates import ahead

QUARTERLY = Dividends(np.array([30, 121, 212, 303]) / 365, np.array([0.8, 0.8, 0.9, 0.9]))
SPECIAL = Dividends(np.array([20]) / 365, np.array([4.0]))


def market(rows=240, seed=5):
    """Random stock options: moneyness 0.75 to 1.35, one of four expiries, 12 % to 70 %, half without a yield."""
    random = np.random.default_rng(seed)
    sign = np.where(random.random(rows) < 0.5, 1, -1).astype(np.int8)
    spot = 100.0 * np.exp(random.uniform(-0.3, 0.3, rows))
    years = random.choice(np.array([45, 120, 240, 365]) / 365, rows)
    rate = random.uniform(0.01, 0.06, rows)
    paid = np.where(random.random(rows) < 0.5, 0.0, random.uniform(-0.01, 0.03, rows))
    return sign, spot, np.full(rows, 100.0), years, rate, paid, random.uniform(0.12, 0.7, rows)


def without_a_yield(contracts):
    """The same contracts, with the known dividends alone."""
    return (*contracts[:5], np.zeros(contracts[0].size), contracts[6])


def one(sign, spot, strike, years, rate, paid, last):
    """The arguments of a kernel for one contract."""
    return (np.array([sign], dtype=np.int8), *(np.array([float(x)]) for x in (spot, strike, years, rate, paid, last)))


def quantlib_price(sign, spot, strike, years, rate, paid, volatility, dividends, size=400):
    """QuantLib's finite differences in the same escrowed model; with a yield it carries dividends at another rate."""
    day, counter = ql.Date(2, 1, 2025), ql.Actual365Fixed()
    ql.Settings.instance().evaluationDate = day
    curves = [ql.YieldTermStructureHandle(ql.FlatForward(day, level, counter)) for level in (paid, rate)]
    flat_volatility = ql.BlackVolTermStructureHandle(ql.BlackConstantVol(day, ql.NullCalendar(), volatility, counter))
    process = ql.BlackScholesMertonProcess(ql.QuoteHandle(ql.SimpleQuote(spot)), *curves, flat_volatility)
    exercise = ql.AmericanExercise(day, day + round(years * 365))
    option = ql.VanillaOption(ql.PlainVanillaPayoff(ql.Option.Call if sign > 0 else ql.Option.Put, strike), exercise)
    dates = [day + round(wait * 365) for wait in dividends.years.tolist()]
    engine = ql.FdBlackScholesVanillaEngine(
        process,
        ql.DividendVector(dates, dividends.amounts.tolist()),
        size,
        size,
        2,
        ql.FdmSchemeDesc.Douglas(),
        False,
        -1e9,
        ql.FdBlackScholesVanillaEngine.Escrowed,
    )
    option.setPricingEngine(engine)
    return option.NPV()


def tree_price(sign, spot, strike, years, rate, paid, volatility, dividends, steps=3_000):
    """A binomial tree of the spot less the value of its dividends, exercised on both sides of each ex-date."""
    step = years / steps
    up = math.exp(volatility * math.sqrt(step))
    chance = (math.exp((rate - paid) * step) - 1 / up) / (up - 1 / up)
    ahead = [(wait, amount) for wait, amount in zip(*dividends, strict=True) if wait <= years]
    base = spot - sum(amount * math.exp(-rate * wait) for wait, amount in ahead)
    at = [min(round(wait / step), steps) for wait, _ in ahead]
    values = np.maximum(sign * (base * up ** np.arange(-steps, steps + 1, 2.0) - strike), 0.0)
    for level in range(steps - 1, -1, -1):
        values = math.exp(-rate * step) * (chance * values[1:] + (1 - chance) * values[:-1])
        prices = base * up ** np.arange(-level, level + 1, 2.0)
        later = sum(a * math.exp(-rate * (n - level) * step) for n, (_, a) in zip(at, ahead, strict=True) if n > level)
        eve = later + sum(a for n, (_, a) in zip(at, ahead, strict=True) if n == level)
        values = np.maximum(values, sign * (prices + later - strike))
        values = np.maximum(values, sign * (prices + eve - strike))
    return values[0]


def test_prices_are_those_of_quantlibs_grid():
    contracts = without_a_yield(market(40))
    for dividends in (QUARTERLY, SPECIAL):
        rows = zip(*(column.tolist() for column in contracts), strict=True)
        expected = np.array([quantlib_price(*row, dividends) for row in rows])
        error = np.abs(american.price(*contracts, dividends) - expected)
        # The library's own grid of this size is a fifth of a cent from one four times as fine.
        assert np.median(error) < 1e-3
        assert error.max() < 5e-3


@pytest.mark.parametrize("terms", list(product((1, -1), (90.0, 110.0, 130.0), (45, 300), (0.0, 0.03))))
def test_prices_are_those_of_a_tree_with_exercise_before_each_ex_date(terms):
    sign, spot, days, paid = terms
    contract = (sign, spot, 100.0, days / 365, 0.05, paid, 0.3)
    found = american.price(*one(*contract), QUARTERLY)
    assert found[0] == pytest.approx(tree_price(*contract, QUARTERLY), abs=0.01)


def test_a_deep_call_shortly_before_a_dividend_reads_the_volatility_it_was_priced_with():
    """Exercise on the eve is worth more than a spot without the dividend tells: that alone read half as much again."""
    dividends = Dividends(np.array([10 / 365]), np.array([1.0]))
    contract = (1, 100.0, 88.0, 40 / 365, 0.04, 0.0, 0.20)
    price = np.array([tree_price(*contract, dividends)])
    side, spot, *rest, _ = one(*contract)
    known, code = american.implied_volatility(side, price, spot, *rest, dividends)
    assert code[0] == status.SOLVED
    assert known[0] == pytest.approx(0.20, abs=2e-3)
    escrowed, _ = american.implied_volatility(side, price, spot - dividends.worth(rest[1], rest[2]), *rest)
    assert escrowed[0] > 0.30


def test_a_volatility_found_gives_the_price_back_and_the_volatility_where_it_shows():
    contracts = market(600)
    *terms, volatility = contracts
    for dividends in (QUARTERLY, SPECIAL):
        price = american.price(*contracts, dividends)
        found, code = american.implied_volatility(terms[0], price, *terms[1:], dividends)
        solved = code == status.SOLVED
        again = american.price(*(values[solved] for values in terms), found[solved], dividends)
        assert np.abs(again - price[solved]).max() < 1e-4
        shown = american.greeks(*contracts, dividends).vega > 0.01
        assert shown.mean() > 0.8
        assert solved[shown].all()
        assert np.abs(found - volatility)[shown].max() < 2e-4


def test_greeks_are_the_differences_of_quantlibs_grid():
    contracts = without_a_yield(market(24, seed=9))
    found = american.greeks(*contracts, QUARTERLY)
    errors = []
    for row, (sign, s, k, t, r, q, v) in enumerate(zip(*(c.tolist() for c in contracts), strict=True)):
        here = quantlib_price(sign, s, k, t, r, q, v, QUARTERLY)
        if here <= max(sign * (s - k), 0.0) + 0.1:
            continue
        width = 0.1 * s * v * math.sqrt(t)
        up, down = (quantlib_price(sign, s + x, k, t, r, q, v, QUARTERLY) for x in (width, -width))
        more, less = (quantlib_price(sign, s, k, t, r, q, v + x, QUARTERLY) for x in (0.02 * v, -0.02 * v))
        dear, cheap = (quantlib_price(sign, s, k, t, r + x, q, v, QUARTERLY) for x in (2e-3, -2e-3))
        expected = [
            (up - down) / (2 * width),
            (up - 2 * here + down) / width**2,
            (more - less) / (0.04 * v) / 100,
            (dear - cheap) / 4e-3 / 100,
        ]
        actual = [found.delta[row], found.gamma[row], found.vega[row], found.rho[row]]
        errors.append(np.abs(np.subtract(actual, expected)) / np.maximum(np.abs(expected), [0.02, 1e-3, 0.01, 0.02]))
    assert len(errors) > 15
    assert (np.median(errors, axis=0) < [2e-3, 1e-2, 2e-3, 5e-3]).all()
    assert (np.max(errors, axis=0) < [2e-2, 5e-2, 3e-2, 4e-2]).all()


def test_theta_is_what_a_day_takes_from_the_price():
    sign, spot, strike, years, rate, paid, volatility = market(200)
    found = american.greeks(sign, spot, strike, years, rate, paid, volatility, QUARTERLY)
    half = 0.5 / 365
    older, younger = (
        american.price(
            sign, spot, strike, years - x, rate, paid, volatility, Dividends(QUARTERLY.years - x, QUARTERLY.amounts)
        )
        for x in (half, -half)
    )
    held = (found.theta != 0.0) & (found.gamma > 1e-5)
    error = np.abs(found.theta - (older - younger))[held] / np.maximum(np.abs(found.theta[held]), 5e-3)
    assert held.sum() > 120
    assert np.median(error) < 5e-3
    assert np.quantile(error, 0.95) < 5e-2


def test_dividends_after_the_expiry_change_nothing():
    contracts = market(200)
    late = Dividends(np.array([2.0]), np.array([5.0]))
    assert american.price(*contracts, late).tolist() == american.price(*contracts).tolist()


@pytest.mark.parametrize(
    ("sign", "price", "amount", "expected"),
    [
        (1, 29.9, 1.0, status.BELOW_INTRINSIC),
        (-1, 100.5, 1.0, status.ABOVE_BOUND),
        (1, 131.0, 1.0, status.ABOVE_BOUND),
        (1, math.nan, 1.0, status.NO_INPUT),
        (1, 35.0, 200.0, status.NO_INPUT),
    ],
)
def test_what_has_no_solution_says_why(sign, price, amount, expected):
    side, spot, *rest, last = one(sign, 130.0, 100.0, 0.5, 0.05, 0.0, price)
    found, code = american.implied_volatility(side, last, spot, *rest, Dividends(np.array([0.2]), np.array([amount])))
    assert code[0] == expected
    assert math.isnan(found[0])


DIVIDENDS = pl.DataFrame({"underlying": ["ABC"], "ex_date": [date(2025, 6, 10)], "amount": [1.5]})


def paying_chain():
    """The quotes of a chain whose share pays a dividend and a half eight days on: every price from the library."""
    frame = quoted_chain(dividend_yield=0.0, expiries=EXPIRIES[:2])
    day, seen = (SESSION - date(1970, 1, 1)).days, Dividends(np.array([8 / 365]), np.array([1.5]))
    rows = []
    for right, strike, expiry in frame.select("right", "strike", "expiry").iter_rows():
        years = ((expiry - date(1970, 1, 1)).days - day) / 365
        sign = 1 if right == "C" else -1
        rows.append(quantlib_price(sign, SPOT, strike, years, RATE, 0.0, 0.3, seen, size=300))
    mid = pl.Series(rows)
    edge = pl.min_horizontal(0.01, 0.5 * mid)
    return frame.with_columns(bid=mid - edge, ask=mid + edge)


def test_a_chain_before_a_known_dividend_has_one_volatility_at_every_strike():
    priced = price_chain(paying_chain(), flat(RATE), DIVIDENDS)
    own = priced.contracts.filter(pl.col("iv_source") == "own")
    assert own.filter(pl.col("right") == "C", pl.col("strike") < SPOT).height > 5
    # A cent of quotes around the exercise value is no volatility; where vega shows it, calls and puts agree.
    shown = own.filter(pl.col("vega") > 0.02)
    assert shown.height > 20
    assert (shown["iv"] - 0.3).abs().max() < 1e-3
    worth = 1.5 * math.exp(-RATE * 8 / 365)
    forwards = [(SPOT - worth) * math.exp(RATE * years) for years in priced.expiries["years"]]
    assert priced.expiries["forward"].to_list() == pytest.approx(forwards, rel=5e-4)
    blind = price_chain(paying_chain(), flat(RATE)).contracts.filter(pl.col("expiry") == EXPIRIES[0])
    seen = priced.contracts.filter(pl.col("expiry") == EXPIRIES[0])
    deep = (pl.col("right") == "C") & (pl.col("strike") == 95.0)
    assert abs(blind.filter(deep)["iv"][0] - 0.3) > 3 * abs(seen.filter(deep)["iv"][0] - 0.3)


def test_dividends_of_a_table_of_events_are_those_with_dollars():
    table = pl.DataFrame(
        [("KO", date(2026, 9, 12), "dividend", 0.51, None), ("KO", date(2026, 12, 1), "dividend", None, None),
         ("KO", date(2026, 10, 20), "earnings", None, None)],
        schema=corporate_events.SCHEMA, orient="row",
    )  # fmt: skip
    found = corporate_events.dividends(table)
    assert found is not None
    assert found.rows() == [("KO", date(2026, 9, 12), 0.51)]
    assert corporate_events.dividends(corporate_events.empty()) is None


def test_kernels_are_compiled_once_for_chains_with_and_without_known_dividends():
    expiries = pl.DataFrame(
        {"underlying": ["TEST"], "session_date": [SESSION], "expiry": [SESSION + timedelta(days=30)]}
    )
    paid = pl.DataFrame({"underlying": ["TEST"], "ex_date": [SESSION + timedelta(days=9)], "amount": [0.5]})
    kinds = {
        tuple(str(typeof(column)) for column in ahead(expiries, dividends, np.array([30 / 365])))
        for dividends in (None, paid.clear(), paid)
    }
    assert len(kinds) == 1


def test_a_scan_prices_with_the_dividends_of_its_events():
    """What a session is measured with, live or replayed, and what ``scanner chain`` shows."""
    frame = paying_chain()
    table = pl.DataFrame(
        [("ABC", date(2025, 6, 10), "dividend", 1.5, None)], schema=corporate_events.SCHEMA, orient="row"
    )
    known = KnownBefore(Panel.empty("test", calendar=calendar), events=table)
    found = measure(frame, known, QUOTE_TIME, Methods(Pricing(flat(RATE)))).frames["contract"]
    wanted = price_chain(frame, flat(RATE), DIVIDENDS).contracts
    assert found.sort("contract")["iv"].to_list() == wanted.sort("contract")["iv"].to_list()
