"""The memory of the whole market: moving the baseline on, joining it to a snapshot, storing a snapshot.

Everything is generated from a seed. Both ways run in this one process, each several times, the best time counting; the
ratio is what matters, for the times are the machine's.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import polars as pl

from scanner.history.baseline import Baseline, gather
from scanner.market import chain, symbology
from scanner.market.calendar import Calendar
from scanner.metrics.kept import CONTRACT_ROWS
from scanner.store.snapshots import Snapshots

FIRST = date(2026, 6, 1)
PER_ROOT = 364
NEW_SHARE = 0.01


def main(arguments: list[str]) -> int:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks history", description=__doc__)
    parser.add_argument("--contracts", type=int, default=2_000_000, help="contracts of the market (2 million)")
    parser.add_argument("--sessions", type=int, default=20, help="sessions of history (20)")
    parser.add_argument("--repeat", type=int, default=3, help="how often each is timed (3)")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args(arguments)
    market = Market(max(options.contracts // PER_ROOT, 1), options.sessions, options.seed)
    print(f"{market.size:,} contracts of {market.roots:,} names, {options.sessions} sessions, generated from a seed")
    print(f"polars {pl.__version__}, {pl.thread_pool_size()} threads; best of {options.repeat}; seconds\n")
    ours = resident(market, options.repeat)
    memory = _peak_megabytes()
    theirs = recomputed(market, options.repeat)
    stored = snapshots(market, options.repeat)
    _print(market, ours, theirs, stored, memory)
    return 0


class Market:
    """A listing of contracts and zero-inflated, heavy-tailed volumes for each session."""

    def __init__(self, roots: int, days: int, seed: int) -> None:
        self.roots = roots
        self.days = Calendar.standard().sessions_between(FIRST, FIRST + timedelta(days=2 * days + 20))[: days + 1]
        self._seed = seed
        self.listing = _listing(roots)
        self.size = self.listing.height

    def rows(self, number: int) -> pl.DataFrame:
        """The contract rows of a session; each lists a hundredth of its contracts for the first time."""
        random = np.random.default_rng((self._seed, number))
        kept = np.ones(self.size, bool)
        kept[(np.arange(self.size) % 10_007) / 10_007 > 1 - NEW_SHARE * (len(self.days) - 1 - number)] = False
        listed = self.listing.filter(pl.Series(kept))
        traded = random.random(listed.height) < 0.31
        volume = np.where(traded, np.ceil(random.pareto(1.5, listed.height) * 5), 0).astype(np.int64)
        return listed.with_columns(
            volume=pl.Series(volume),
            open_interest=pl.Series(random.integers(0, 5_000, listed.height)),
            iv=pl.Series(random.random(listed.height)),
            delta=pl.Series(random.random(listed.height)),
            mid=pl.Series(random.random(listed.height) * 20),
        ).select(CONTRACT_ROWS.names())


def _listing(roots: int) -> pl.DataFrame:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    names = sorted(
        letters[i // 17576 % 26] + letters[i // 676 % 26] + letters[i // 26 % 26] + letters[i % 26]
        for i in range(roots)
    )
    expiries = [date(2026, 7, 17) + timedelta(days=28 * i) for i in range(13)]
    strikes = [50.0 + 5 * i for i in range(14)]
    one = pl.DataFrame(
        [(expiry, strike, right) for expiry in expiries for strike in strikes for right in ("C", "P")],
        schema={"expiry": pl.Date, "strike": pl.Float64, "right": chain.RIGHT},
        orient="row",
    )
    named = pl.DataFrame({"underlying": names, "root": names}).join(one, how="cross", maintain_order="left")
    return named.with_columns(contract=symbology.format_osi_column())


def best(repeat: int, work: Callable[[], Any]) -> float:
    """The shortest of several runs, in seconds."""
    times = []
    for _ in range(repeat):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return min(times)


def resident(market: Market, repeat: int) -> dict[str, float]:
    """Move a baseline on by one session, and join it to a snapshot."""
    days = market.days
    update, first_use, join = [], [], []
    snapshot = market.rows(len(days) - 1)
    for _ in range(repeat):
        baseline = Baseline.build(len(days) - 1, days[:-1], (market.rows(i) for i in range(len(days) - 1)))
        began = time.perf_counter()
        baseline.advance(days[-1], snapshot)
        update.append(time.perf_counter() - began)
        began = time.perf_counter()
        ids = baseline.listed()
        volume = gather(baseline.columns, "volume", ids)
        first_use.append(time.perf_counter() - began)
        join.append(best(repeat, lambda index=baseline.index: index.rows_of(snapshot)))
    del volume
    return {"update": min(update), "first use": min(first_use), "join": min(join)}


def recomputed(market: Market, repeat: int) -> dict[str, float]:
    """The same with polars: mean and deviation of every contract from the long table, then a hash join.

    ``numbered`` groups by ready-made integers in place of the contract's symbol, which a history on disk has not got.
    """
    numbers = market.listing.select("contract").with_row_index("number")
    long = pl.concat(
        market.rows(i).select("contract", pl.col("volume").cast(pl.Int32)) for i in range(1, len(market.days))
    )
    numbered = long.join(numbers, on="contract").select("number", "volume")
    snapshot = market.rows(len(market.days) - 1)
    named = _moments(long, "contract").collect(engine="streaming")
    on_text = best(repeat, lambda: snapshot.join(named, on="contract", how="left", maintain_order="left"))
    key = ["root", "expiry", "strike", "right"]
    keyed = market.listing.select("contract", *key).join(named, on="contract").drop("contract")
    on_key = best(repeat, lambda: snapshot.join(keyed, on=key, how="left", maintain_order="left"))
    return {
        "update": best(repeat, lambda: _moments(long, "contract").collect(engine="streaming")),
        "numbered": best(repeat, lambda: _moments(numbered, "number").collect(engine="streaming")),
        "join": min(on_text, on_key),
    }


def _moments(long: pl.DataFrame, by: str) -> pl.LazyFrame:
    return long.lazy().group_by(by).agg(pl.col("volume").mean().alias("mean"), pl.col("volume").std().alias("std"))


def snapshots(market: Market, repeat: int) -> dict[str, float]:
    """Write a snapshot of the market and read it back."""
    day = market.days[-1]
    rows = market.rows(len(market.days) - 1)
    frame = chain.conform(
        rows.select(
            "underlying", "root", "contract", "expiry", "strike", "right", "volume", "open_interest"
        ).with_columns(
            source=pl.lit("benchmark"),
            simulated=pl.lit(value=True),
            session_date=pl.lit(day),
            quote_time=pl.lit(datetime(day.year, day.month, day.day, 20, tzinfo=UTC)).cast(chain.INSTANT),
            spot=pl.lit(100.0),
            bid=(rows["mid"] - 0.05).clip(0).round(2),
            ask=(rows["mid"] + 0.05).round(2),
            last=rows["mid"].round(2),
            oi_asof=pl.lit(day - timedelta(days=1)),
        ),
        Calendar.standard(),
    )
    with TemporaryDirectory() as folder:
        store = Snapshots(Path(folder))
        began = time.perf_counter()
        (path,) = store.write(frame, "benchmark")
        written = time.perf_counter() - began
        read = best(repeat, lambda: store.newest("benchmark", day))
        return {"rows": frame.height, "written": written, "read": read, "bytes": path.stat().st_size}


def _peak_megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _print(
    market: Market, ours: dict[str, float], theirs: dict[str, float], stored: dict[str, float], memory: float
) -> None:
    rows = [("move the baseline on by one session", ours["update"], theirs["update"])]
    rows += [("  against groups of ready-made integers", ours["update"], theirs["numbered"])]
    rows += [("join it to a snapshot", ours["join"], theirs["join"])]
    print(f"{'':<40}{'resident':>10}{'polars':>10}{'ratio':>8}")
    for name, mine, other in rows:
        print(f"{name:<40}{mine:>10.4f}{other:>10.3f}{other / mine:>7.0f}x")
    print(f"{'first use of a day: volumes in order':<40}{ours['first use']:>10.4f}")
    print(f"\nsnapshot of {stored['rows']:,} rows, {stored['bytes'] / 1e6:,.1f} MB on disk:")
    print(f"  written {stored['written']:.3f} s ({stored['rows'] / stored['written'] / 1e6:.1f} M rows/s, synced)")
    print(f"  read    {stored['read']:.3f} s ({stored['rows'] / stored['read'] / 1e6:.1f} M rows/s)")
    print(f"\npeak memory of the resident part, generator included: {memory:,.0f} MB")
    print(f"peak memory of the whole run: {_peak_megabytes():,.0f} MB")
