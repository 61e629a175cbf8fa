"""Volatilities and greeks beside other libraries, in one process and one run: ``python -m benchmarks pricing``.

European: a million contracts, moneyness 0.5 to 2, a day to two years, 5 % to 300 %, one in twenty without a solution;
prices that no quote can show (under 1e-8 of the forward above intrinsic) are not drawn. American: QuantLib's fast QdFp
engine in a loop, inverted by QuantLib itself. Every time is the best of some rounds; a peer that is not installed is
named and left out.
"""

from __future__ import annotations

import argparse
import json
import math
import time
import warnings
from collections.abc import Callable
from typing import Any

import numba
import numpy as np

from scanner.kernels.threads import over_rows
from scanner.pricing import american, black
from scanner.pricing.status import SOLVED

Columns = tuple[np.ndarray, ...]


@numba.njit(nogil=True)
def _touch(a, b, c, d, e, f, g, out):
    """Read seven columns and write one."""
    for row in range(out.shape[0]):
        out[row] = a[row] + b[row] + c[row] + d[row] + e[row] + f[row] + g[row]


def european(rows: int) -> tuple[Columns, np.ndarray, np.ndarray]:
    """Sign, price, forward, strike, years and discount; the volatilities; which rows have a solution."""
    random = np.random.default_rng(20)
    parts: list[np.ndarray] = []
    while sum(part.shape[1] for part in parts) < rows:
        sign = np.where(random.random(rows) < 0.5, 1.0, -1.0)
        forward = 100.0 * np.exp(random.uniform(math.log(0.5), math.log(2.0), rows))
        years, volatility = random.uniform(1 / 365, 2.0, rows), random.uniform(0.05, 3.0, rows)
        terms = (sign.astype(np.int8), forward, np.full(rows, 100.0), years, np.exp(-0.04 * years), volatility)
        price = black.price(*terms)
        time_value = price / terms[4] - np.maximum(sign * (forward - 100.0), 0.0)
        quoted = time_value > 1e-8 * forward
        parts.append(np.stack((sign, price, forward, terms[2], years, terms[4], volatility))[:, quoted])
    drawn = np.concatenate(parts, axis=1)[:, :rows].copy()
    sign, price, forward, strike, years, discount, volatility = drawn
    solvable = random.random(rows) >= 0.05
    bound = discount * np.where(sign > 0, forward, strike)
    intrinsic = discount * np.maximum(sign * (forward - strike), 0.0)
    wrong = np.where(random.random(rows) < 0.5, bound * 1.01, intrinsic * 0.99 - 0.01)
    price = np.where(solvable, price, wrong)
    return (sign.astype(np.int8), price, forward, strike, years, discount), volatility, solvable


def best(run: Callable[[], Any], rounds: int) -> float:
    """Seconds of the quickest of some rounds, after one that warms up."""
    run()
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def european_peers(columns: Columns) -> dict[str, Callable[[], Callable[[], Any]]]:
    """By name, what imports a peer and returns its run over all rows."""
    sign, price, forward, strike, years, discount = columns
    rate = -np.log(discount) / years
    flags = np.where(sign > 0, "c", "p")

    def vollib() -> Callable[[], Any]:
        from py_vollib_vectorized import vectorized_implied_volatility_black

        return lambda: vectorized_implied_volatility_black(
            price, forward, strike, rate, years, flags, return_as="numpy", on_error="ignore"
        )

    def vollib_greeks() -> Callable[[], Any]:
        from py_vollib_vectorized import get_all_greeks, vectorized_implied_volatility_black

        def run() -> Any:
            found = vectorized_implied_volatility_black(
                price, forward, strike, rate, years, flags, return_as="numpy", on_error="ignore"
            )
            return get_all_greeks(flags, forward, strike, years, rate, found, model="black", return_as="dict")

        return run

    def jackel() -> Callable[[], Any]:
        from fast_vollib.jackel import jackel_iv_black

        return lambda: jackel_iv_black(price / discount, forward, strike, years, sign > 0)

    def polars_vol() -> Callable[[], Any]:
        import polars as pl
        import polars_vol

        # It knows spots, not forwards: without a yield the spot is the discounted forward.
        names = ("price", "strike", "spot", "years", "rate", "call")
        frame = pl.DataFrame(dict(zip(names, (price, strike, forward * discount, years, rate, sign > 0), strict=True)))
        return lambda: frame.select(polars_vol.implied_vol(*(pl.col(name) for name in names)))

    return {
        "py_vollib_vectorized": vollib,
        "fast-vollib jackel": jackel,
        "polars-vol": polars_vol,
        "py_vollib_vectorized, with greeks": vollib_greeks,
    }


def american_quantlib(columns: Columns, volatility: np.ndarray) -> tuple[np.ndarray, Callable[[], list[float]]]:
    """Converged prices of the contracts, and the loop that inverts them with the fast scheme."""
    import QuantLib as ql  # noqa: N813 - the library's own usage

    day, counter = ql.Date(2, 1, 2025), ql.Actual365Fixed()
    ql.Settings.instance().evaluationDate = day
    items = []
    for sign, spot, strike, years, rate, paid, vol in zip(*(c.tolist() for c in columns), volatility, strict=True):
        curves = [ql.YieldTermStructureHandle(ql.FlatForward(day, level, counter)) for level in (paid, rate)]
        flat = ql.BlackVolTermStructureHandle(ql.BlackConstantVol(day, ql.NullCalendar(), float(vol), counter))
        process = ql.BlackScholesMertonProcess(ql.QuoteHandle(ql.SimpleQuote(spot)), *curves, flat)
        payoff = ql.PlainVanillaPayoff(ql.Option.Call if sign > 0 else ql.Option.Put, strike)
        items.append((payoff, ql.AmericanExercise(day, day + round(years * 365)), process))

    def price(item: Any) -> float:
        option = ql.VanillaOption(*item[:2])
        option.setPricingEngine(ql.QdFpAmericanEngine(item[2], ql.QdFpAmericanEngine.highPrecisionScheme()))
        return float(option.NPV())

    prices = np.array([price(item) for item in items])

    def invert() -> list[float]:
        found = []
        for (payoff, exercise, process), wanted in zip(items, prices.tolist(), strict=True):
            option = ql.VanillaOption(payoff, exercise)
            level = ql.SimpleQuote(0.3)
            flat = ql.BlackVolTermStructureHandle(
                ql.BlackConstantVol(day, ql.NullCalendar(), ql.QuoteHandle(level), counter)
            )
            trial = ql.BlackScholesMertonProcess(
                process.stateVariable(), process.dividendYield(), process.riskFreeRate(), flat
            )
            engine = ql.QdFpAmericanEngine(trial, ql.QdFpAmericanEngine.fastScheme())
            option.setPricingEngine(engine)

            def gap(vol: float, option: Any = option, level: Any = level, wanted: float = wanted) -> float:
                level.setValue(vol)
                return float(option.NPV()) - wanted

            try:
                found.append(ql.Brent().solve(gap, 1e-7, 0.3, 0.01, 5.0))
            except RuntimeError:
                found.append(math.nan)
        return found

    return prices, invert


def american_market(rows: int) -> tuple[Columns, np.ndarray]:
    """Sign, spot, strike, years, rate and yield of stock options, and their volatilities."""
    random = np.random.default_rng(21)
    paid = np.where(random.random(rows) < 0.4, 0.0, random.uniform(0.0, 0.06, rows))
    columns = (
        np.where(random.random(rows) < 0.5, 1, -1).astype(np.int8),
        100.0 * np.exp(random.uniform(-0.35, 0.35, rows)),
        np.full(rows, 100.0),
        np.round(random.uniform(7, 730, rows)) / 365.0,
        random.uniform(0.01, 0.06, rows),
        paid,
    )
    return columns, random.uniform(0.1, 0.9, rows)


def run_european(rows: int, rounds: int) -> dict[str, Any]:
    """Times in nanoseconds a contract, errors, and ratios to the peers."""
    columns, volatility, solvable = european(rows)
    whole, found, code = [(0, rows)], np.empty(rows), np.empty(rows, np.int8)
    greeks = tuple(np.empty(rows) for _ in range(5))
    sign, price, forward, *rest = columns
    with_spot = (sign, price, 0.98 * forward, forward, *rest)
    floats = [np.ascontiguousarray(column, dtype=np.float64) for column in (*columns, volatility)]
    seconds = {
        "floor: read 7, write 1": best(lambda: _touch(*floats, found), rounds),
        "one thread": best(lambda: black.implied_volatility(*columns), rounds),
        "with greeks": best(
            lambda: over_rows((found, code, *greeks), black.volatility_and_greeks, with_spot, whole), rounds
        ),
        "volatility": best(lambda: over_rows((found, code), black.implied_volatility, columns, whole), rounds),
    }
    missing = []
    for name, load in european_peers(columns).items():
        try:
            seconds[name] = best(load(), 2)
        except Exception as error:
            missing.append(f"{name} ({type(error).__name__}: {str(error)[:80]})")
    nanoseconds = {name: taken / rows * 1e9 for name, taken in seconds.items()}
    deviation = volatility * np.sqrt(columns[4])
    d1 = np.log(forward / columns[3]) / deviation + 0.5 * deviation
    vega = columns[5] * forward * np.exp(-0.5 * d1 * d1) / math.sqrt(2 * math.pi) * np.sqrt(columns[4])
    error = np.abs(found - volatility)
    clear = solvable & (vega > 1e-2)
    ratios = {
        name: taken / nanoseconds["with greeks" if "greeks" in name else "volatility"]
        for name, taken in nanoseconds.items()
        if name not in ("volatility", "with greeks", "one thread")
    }
    return {
        "nanoseconds": nanoseconds,
        "peer_over_ours": ratios,
        "largest_error_where_vega_over_0.01": float(error[clear].max()),
        "share_with_vega_over_0.01": float(clear.sum() / solvable.sum()),
        "largest_error_over_bound": float(
            (error / (1e-13 + 1e-15 * np.maximum(forward, 100.0) / vega))[solvable].max()
        ),
        "unsolvable_rows_solved": int((code[~solvable] == SOLVED).sum()),
        "solvable_rows_unsolved": int((code[solvable] != SOLVED).sum()),
        "missing": missing,
    }


def run_american(rows: int, rounds: int) -> dict[str, Any]:
    """Microseconds a contract beside QuantLib's loop, and errors where vega is above a cent a point."""
    columns, volatility = american_market(rows)
    price = american.price(*columns, volatility)
    found, code = np.empty(rows), np.empty(rows, np.int8)
    terms = (columns[0], price, *columns[1:])
    whole = [(0, rows)]
    taken = best(lambda: over_rows((found, code), american.implied_volatility, terms, whole), rounds)
    greeks = best(
        lambda: over_rows(tuple(np.empty(rows) for _ in range(5)), american.greeks, (*columns, volatility), whole), 2
    )
    result = {"microseconds": taken / rows * 1e6, "greeks_microseconds": greeks / rows * 1e6, "missing": []}
    few = tuple(column[:1_000] for column in columns)
    try:
        prices, invert = american_quantlib(few, volatility[:1_000])
    except ImportError as error:
        return result | {"missing": [f"QuantLib ({error})"]}
    start = time.perf_counter()
    invert()
    quantlib = (time.perf_counter() - start) / 1_000 * 1e6
    ours, _ = american.implied_volatility(few[0], prices, *few[1:])
    clear = american.greeks(*few, volatility[:1_000]).vega > 0.01
    error = np.abs(ours - volatility[:1_000])[clear]
    quantiles = {f"error_p{level}": float(np.nanquantile(error, level / 100)) for level in (50, 95, 99)}
    return result | quantiles | {
        "quantlib_microseconds": quantlib,
        "quantlib_over_ours": quantlib / result["microseconds"],
        "unsolved_where_clear": int(np.isnan(error).sum()),
    }  # fmt: skip


def main(arguments: list[str]) -> int:
    """Run both parts and print them as a table, or as JSON."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks pricing", description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    warnings.simplefilter("ignore")
    result = {
        "european": run_european(options.rows, options.rounds),
        "american": run_american(max(options.rows // 10, 2_000), options.rounds),
    }
    if options.json:
        print(json.dumps(result, indent=1))
        return 0
    for part, figures in result.items():
        print(part)
        for name, figure in figures.items():
            for label, number in figure.items() if isinstance(figure, dict) else [("", figure)]:
                shown = f"{number:.4g}" if isinstance(number, float) else str(number)
                print(f"  {name:<36} {label:<34} {shown}")
    return 0
