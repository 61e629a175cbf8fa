"""Positioning of a whole market: ``python -m benchmarks positioning``.

5,500 names and 2 million contracts as ``python -m benchmarks market`` lists them, with European volatilities, greeks
and open interest from a seed; six in a hundred have no volatility. Prints processor seconds and time of exposures, zero
gamma, walls, notional and what expires (``positioning``), and of every expiry's max pain, warm.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import polars as pl
from scipy.special import ndtr

from benchmarks.market import SESSION, listing
from scanner.market.calendar import Calendar
from scanner.metrics import expiry, positioning

_QUOTES = datetime(SESSION.year, SESSION.month, SESSION.day, 19, 0, tzinfo=UTC)
_RATE, _UNSOLVED = 0.043, 0.06


def generate(names: int, contracts: int, seed: int = 5) -> pl.DataFrame:
    """The columns that positioning needs, of a market at one moment."""
    random = np.random.default_rng(seed)
    rows = listing(names, contracts, random)
    number, strike, spot = (rows[name].to_numpy() for name in ("number", "strike", "spot"))
    years = (rows["expiry"] - SESSION).dt.total_days().to_numpy() / 365 + 1 / 8760
    level = random.uniform(0.2, 0.8, names)[number]
    paid = np.where(random.random(names) < 0.5, 0.0, random.uniform(0.0, 0.05, names))[number]
    distance = np.log(strike / spot) / np.sqrt(years + 0.05)
    volatility = np.clip(level * (1 - 0.15 * distance + 0.1 * distance**2), 0.1, 3.0)
    volatility *= np.where(random.random(len(strike)) < _UNSOLVED, np.nan, random.normal(1.0, 0.01, len(strike)))
    deviation = volatility * np.sqrt(years)
    d1 = (np.log(spot / strike) + (_RATE - paid) * years) / deviation + deviation / 2
    gamma = np.exp(-paid * years - d1 * d1 / 2) / np.sqrt(2 * np.pi) / (spot * deviation)
    held = np.exp(-paid * years)
    call = (rows["right"] == "C").to_numpy()
    delta = held * (ndtr(d1) - np.where(call, 0.0, 1.0))
    liquidity = (np.exp(random.normal(0.0, 1.0, names)) * np.bincount(number) / 364)[number]
    open_interest = 30 * random.gamma(0.6, 1.0, len(strike)) * liquidity * random.gamma(1.0, 1.0, len(strike))
    return rows.drop("number").with_columns(
        root="underlying",
        settlement=pl.lit("PM"),
        quote_time=pl.lit(_QUOTES).cast(pl.Datetime("us", "UTC")),
        years=pl.Series(years),
        forward=pl.Series(spot * np.exp((_RATE - paid) * years)),
        discount=pl.Series(np.exp(-_RATE * years)),
        iv=pl.Series(volatility).fill_nan(None),
        gamma=pl.Series(gamma).fill_nan(None),
        delta=pl.Series(delta).fill_nan(None),
        open_interest=pl.Series(open_interest.astype(np.int64)),
        multiplier=pl.lit(100),
    )


def _timed(work: Callable[[], object], rounds: int) -> dict[str, float]:
    """The least of some rounds, after one that compiles."""
    work()
    taken = []
    for _ in range(rounds):
        start, processor = time.perf_counter(), time.process_time()
        work()
        taken.append((time.process_time() - processor, time.perf_counter() - start))
    return {"processor_seconds": min(taken)[0], "seconds": min(wall for _, wall in taken)}


def main(arguments: list[str]) -> int:
    """Measure, and say what it took."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks positioning", description=__doc__)
    parser.add_argument("--contracts", type=int, default=2_000_000)
    parser.add_argument("--names", type=int, default=5_500)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args(arguments)
    market, calendar = generate(options.names, options.contracts), Calendar.standard()
    third_friday = (pl.col("expiry").dt.weekday() == 5) & pl.col("expiry").dt.day().is_between(15, 21)
    expiries = market.select("underlying", "root", "expiry").unique(maintain_order=True).with_columns(
        is_monthly=third_friday, max_pain=pl.lit(None, pl.Float64), expected_move_pct=pl.lit(None, pl.Float64)
    )  # fmt: skip
    found = {
        "contracts": market.height,
        "names": options.names,
        "positioning": _timed(lambda: positioning.measure(market, expiries, calendar), options.rounds),
        "max_pain": _timed(lambda: expiry.max_pain(market), options.rounds),
    }
    print(json.dumps(found, indent=1))
    return 0
