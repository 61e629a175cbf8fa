"""Pricing a whole market at once: ``python -m benchmarks market``.

5,500 stocks and 2 million American contracts, generated from a seed: a few names list most of the contracts, as in the
real market; spots, yields, smiles and the width of quotes differ by name, and the prices are the kernel's own.
Prints the time of the mids (and with ``--sides`` of bids and asks too), where it goes, and the peak memory. A second
round prices the same market an interval later, as a scheduled scan does.
"""

from __future__ import annotations

import argparse
import cProfile
import json
import pstats
import resource
import time
from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl

from scanner.market import chain as contract_columns
from scanner.market import symbology
from scanner.market.calendar import Calendar
from scanner.pricing import american, price_chain
from scanner.pricing.curve import built_in

SESSION = date(2025, 6, 2)
QUOTES = datetime(2025, 6, 2, 19, 0, tzinfo=UTC)
EXPIRIES = [date(2025, 6, 6) + timedelta(days=7 * week) for week in (0, 1, 2, 3, 4, 6, 10, 15, 19, 28, 41, 54, 84)]


def _name(number: int) -> str:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return "".join(letters[number // 26**place % 26] for place in (3, 2, 1, 0))


def listing(names: int, contracts: int, random: np.random.Generator) -> pl.DataFrame:
    """Rows of name, expiry, strike and right: how many a name has is log-normal, as many as are asked for in all."""
    wanted = np.sort(random.lognormal(0.0, 1.2, names))[::-1]
    wanted *= contracts / wanted.sum()
    spots = np.round(np.exp(random.normal(4.0, 0.9, names)), 2)
    frames = []
    for number, (size, spot) in enumerate(zip(wanted, spots, strict=True)):
        dates = EXPIRIES[: int(np.clip(round(size**0.4), 3, len(EXPIRIES)))]
        strikes = max(round(size / len(dates) / 2), 5)
        step = max(spot * 1.6 / strikes, 0.01)
        ladder = np.round(spot * 0.4 + step * np.arange(1, strikes + 1), 2)
        frames.append(
            pl.DataFrame({"expiry": dates})
            .join(pl.DataFrame({"strike": ladder}), how="cross")
            .with_columns(number=pl.lit(number), underlying=pl.lit(_name(number)), spot=pl.lit(float(spot)))
        )
    sides = pl.DataFrame({"right": ["C", "P"]}, schema={"right": contract_columns.RIGHT})
    return pl.concat(frames).join(sides, how="cross")


def generate(names: int, contracts: int, seed: int = 11) -> pl.DataFrame:
    """A chain of the whole market at one moment of a session."""
    random = np.random.default_rng(seed)
    rows = listing(names, contracts, random)
    number, spot, strike = (rows[name].to_numpy() for name in ("number", "spot", "strike"))
    sign = np.where(rows["right"].to_physical().to_numpy() == 0, 1, -1).astype(np.int8)
    years = (rows["expiry"] - SESSION).dt.total_days().to_numpy() / 365 + 1 / (24 * 365)
    by_name = {
        "level": random.uniform(0.2, 0.8, names)[number],
        "paid": np.where(random.random(names) < 0.5, 0.0, random.uniform(0.0, 0.05, names))[number],
        "width": random.uniform(0.005, 0.06, names)[number],
    }
    distance = np.log(strike / spot) / np.sqrt(years + 0.05)
    volatility = by_name["level"] * (1.0 - 0.15 * distance + 0.1 * distance**2)
    rate = built_in().rates(SESSION, years)
    price = american.price(sign, spot, strike, years, rate, by_name["paid"], np.clip(volatility, 0.1, 3.0))
    half = np.maximum(0.01, by_name["width"] * np.sqrt(price))
    ticks = np.maximum(np.round((price - half) * 100) / 100, 0.0), np.round((price + half) * 100 + 0.5) / 100
    root = pl.col("underlying")
    frame = rows.drop("number").with_columns(
        source=pl.lit("generated"),
        simulated=pl.lit(value=True),
        session_date=pl.lit(SESSION),
        quote_time=pl.lit(QUOTES).cast(contract_columns.INSTANT),
        root=root,
        bid=pl.Series(ticks[0]),
        ask=pl.Series(ticks[1]),
        multiplier=pl.lit(100),
        exercise_style=pl.lit("american"),
        settlement=pl.lit("PM"),
        nonstandard=pl.lit(value=False),
        volume=pl.Series(random.integers(0, 50, rows.height)),
    )
    return contract_columns.conform(frame.with_columns(contract=symbology.format_osi_column()), Calendar.standard())


def _later(chain: pl.DataFrame, minutes: int) -> pl.DataFrame:
    """The same quotes some minutes later."""
    return chain.with_columns(pl.col("quote_time") + timedelta(minutes=minutes))


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(arguments: list[str]) -> int:
    """Price the market some times, and say how long it took and where."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks market", description=__doc__)
    parser.add_argument("--contracts", type=int, default=2_000_000)
    parser.add_argument("--names", type=int, default=5_500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--sides", action="store_true", help="volatilities of bids and asks too")
    parser.add_argument("--profile", action="store_true", help="print where the time of one round goes")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    market = generate(options.names, options.contracts)
    before = _peak_megabytes()
    sides = ("mid", "bid", "ask") if options.sides else ("mid",)
    price_chain(market.head(1_000), sides=sides, calendar=Calendar.standard())
    seconds = []
    for number in range(options.rounds):
        moved = _later(market, 5 * number)
        start = time.perf_counter()
        priced = price_chain(moved, sides=sides, calendar=Calendar.standard())
        seconds.append(time.perf_counter() - start)
    solved = priced.contracts["iv"].is_not_null().mean()
    result = {
        "contracts": market.height,
        "expiries": priced.expiries.height,
        "underlyings": priced.underlyings.height,
        "with_volatility": solved,
        "seconds": seconds,
        "peak_megabytes_before_pricing": before,
        "peak_megabytes": _peak_megabytes(),
    }
    if options.json:
        print(json.dumps(result, indent=1))
    else:
        for name, figure in result.items():
            print(f"{name:<32} {figure}")
    if options.profile:
        profile = cProfile.Profile()
        profile.runcall(price_chain, _later(market, 60), sides=sides, calendar=Calendar.standard())
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
    return 0
