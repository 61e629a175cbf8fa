"""Scoring a whole market: ``python -m benchmarks scoring``.

Two million contracts of 5,500 names beside a panel that holds three million by 20 sessions, the others having expired
meanwhile, generated from a seed: a few names list most contracts, a quarter trades in a session, volumes are
heavy-tailed and those that trade a lot go on doing so. The model is the one that came with the package, laid over the
panel, or with ``--fit`` fitted to it. Prints the time of ``activity.score`` warm, where it goes, and the peak memory;
and beside it, over the same chain, what is published instead: the ratio of the volume to its mean of 20 sessions and
the z-score, in polars and in pandas, each with that mean and deviation ready, beside the chain and to be joined to it.
"""

from __future__ import annotations

import argparse
import cProfile
import gc
import json
import os
import pstats
import time
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import numpy as np
import polars as pl

from benchmarks.market import EXPIRIES, SESSION, _peak_megabytes, listing
from scanner import activity
from scanner.activity import features, prior
from scanner.activity.history import Layout, recall
from scanner.history.panel import Panel
from scanner.market import symbology
from scanner.market.calendar import Calendar

WEEKS_EXPIRED = 4
NEW_SHARE = 0.01


class Market:
    """Contracts of a market with the volumes of past sessions and of today."""

    def __init__(self, names: int, contracts: int, days: int, seed: int = 11) -> None:
        self.random = np.random.default_rng(seed)
        today = listing(names, contracts, self.random)
        nearest = today.filter(pl.col("expiry") == EXPIRIES[0])
        expired = [
            nearest.with_columns(expiry=pl.lit(EXPIRIES[0] - timedelta(weeks=week + 1)))
            for week in range(WEEKS_EXPIRED)
        ]
        rows = pl.concat([today, *expired]).sort("underlying", "expiry", "strike", "right")
        rows = rows.with_columns(root=pl.col("underlying"))
        self.rows = rows.with_columns(contract=symbology.format_osi_column())
        self.days = Calendar.standard().sessions_between(SESSION - timedelta(days=2 * days + 20), SESSION)[-days - 1 :]
        self.number = self.rows["number"].to_numpy()
        distance = np.abs(np.log(self.rows["strike"].to_numpy() / self.rows["spot"].to_numpy()))
        of_name = self.random.normal(0.0, 1.0, names) - np.arange(names) / names
        self.level = of_name[self.number] + self.random.normal(0.0, 1.2, rows.height) - 3.0 * distance
        self.fresh = self.random.random(rows.height) < NEW_SHARE

    def volume(self, day: date) -> np.ndarray[Any, np.dtype[np.float32]]:
        """Volumes of a session, NaN where a contract is not listed."""
        traded = self.random.random(len(self.level)) < 1.0 / (1.0 + np.exp(-1.5 * self.level - 0.2))
        lots = np.ceil(self.random.pareto(1.4, len(self.level)) * 6.0 * np.exp(self.level))
        listed = (self.rows["expiry"] >= day).to_numpy()
        return np.where(listed, np.where(traded, np.minimum(lots, 1e6), 0.0), np.nan).astype(np.float32)

    def panel(self) -> Panel:
        """What is remembered of the sessions before today."""
        known = self.rows.filter(pl.Series(~self.fresh))
        volume = np.stack([self.volume(day) for day in self.days[:-1]], axis=1)[~self.fresh]
        listed = np.isfinite(volume)
        interest = np.where(listed, np.nancumsum(0.3 * volume, axis=1) + 50.0, np.nan).astype(np.float32)
        names = tuple(known["underlying"].unique(maintain_order=True))
        spot = self.rows.unique("number", maintain_order=True)["spot"].to_numpy()
        moves = self.random.normal(0.0, 0.02, (len(names), len(self.days) - 1))
        flat = np.where(listed, 0.4, np.nan).astype(np.float32)
        return Panel(
            source="generated",
            sessions=tuple(self.days[:-1]),
            contracts=known.select("underlying", "root", "contract", "expiry", "strike", "right"),
            volume=volume,
            open_interest=interest,
            iv=flat,
            delta=flat,
            mid=flat,
            underlyings=names,
            spot=spot[:, None] * np.exp(moves),
            oi_asof=np.full(moves.shape, np.datetime64("NaT"), "datetime64[D]"),
            calendar=Calendar.standard(),
        )

    def chain(self) -> pl.DataFrame:
        """Today's chain as pricing leaves it."""
        volume = self.volume(self.days[-1])
        unpriced = self.random.random(self.rows.height) < 0.15

        def priced(values: np.ndarray[Any, Any]) -> pl.Series:
            return pl.Series(np.where(unpriced, np.nan, values)).fill_nan(None)

        size = self.rows.height
        columns = self.rows.drop("number").with_columns(
            session_date=pl.lit(self.days[-1]),
            volume=pl.Series(volume).fill_nan(None).cast(pl.Int64),
            open_interest=pl.Series(np.floor(self.random.pareto(1.2, size) * 80.0)).cast(pl.Int64),
            iv=priced(self.random.uniform(0.2, 0.6, size)),
            delta=priced(self.random.uniform(-1.0, 1.0, size)),
            mid=priced(self.random.exponential(3.0, size)),
        )
        return columns.filter(pl.col("expiry") >= self.days[-1]).rechunk()


def model_over(panel: Panel) -> activity.VolumeModel:
    """The built-in coefficients and calibration over the panel's own usual volumes."""
    layout, learned = Layout.of(panel, None), prior.load()[0]
    base = features.base_table(panel.volume, layout.cell, layout.places.underlying, len(panel.underlyings))
    return activity.VolumeModel(learned, "own", base, layout, recall(layout, base))


def timed(rounds: int, work: Callable[[], Any], clock: Callable[[], float] = time.perf_counter) -> list[float]:
    """Seconds of several runs after one that is not counted."""
    work()
    seconds = []
    for _ in range(rounds):
        gc.collect()
        began = clock()
        work()
        seconds.append(clock() - began)
    return seconds


def peers(market: pl.DataFrame, panel: Panel) -> dict[str, Callable[[], Any]]:
    """The published ratio and z-score over the same chain: the past's mean and deviation ready, or to be joined."""
    with np.errstate(invalid="ignore"):
        count = np.isfinite(panel.volume).sum(axis=1)
        mean = np.nansum(panel.volume, axis=1) / count
        deviation = np.sqrt(np.nansum((panel.volume - mean[:, None]) ** 2, axis=1) / (count - 1))
    past = pl.DataFrame({"contract": panel.contracts["contract"], "mean": mean, "deviation": deviation})
    slim = market.select("contract", "volume")
    beside = slim.join(past, on="contract", how="left", maintain_order="left").rechunk()
    in_pandas, past_in_pandas, slim_in_pandas = beside.to_pandas(), past.to_pandas(), slim.to_pandas()
    ratios = {
        "ratio": pl.col("volume") / pl.col("mean"),
        "z": (pl.col("volume") - pl.col("mean")) / pl.col("deviation"),
    }

    def with_pandas(frame: Any) -> Any:
        return frame.assign(
            ratio=frame["volume"] / frame["mean"], z=(frame["volume"] - frame["mean"]) / frame["deviation"]
        )

    return {
        "polars": lambda: beside.with_columns(**ratios),
        "pandas": lambda: with_pandas(in_pandas),
        "polars with join": lambda: slim.join(past, on="contract", how="left", maintain_order="left").with_columns(
            **ratios
        ),
        "pandas with join": lambda: with_pandas(slim_in_pandas.merge(past_in_pandas, on="contract", how="left")),
    }


def main(arguments: list[str]) -> int:
    """Score the market some times, and say how long it took, where, and how long peers take."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks scoring", description=__doc__)
    parser.add_argument("--contracts", type=int, default=2_000_000)
    parser.add_argument("--names", type=int, default=5_500)
    parser.add_argument("--sessions", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--elapsed", type=float, default=1.0, help="share of the session that is over (1.0)")
    parser.add_argument("--fit", action="store_true", help="fit the model to the panel, which takes minutes")
    parser.add_argument("--profile", action="store_true", help="print where the time of one round goes")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    market = Market(options.names, options.contracts, options.sessions)
    panel = market.panel()
    today = market.chain()
    began = time.perf_counter()
    model = activity.fit(panel) if options.fit else model_over(panel)
    fitted = time.perf_counter() - began
    first = _seconds(lambda: activity.score(model, today, panel, options.elapsed))
    before = _peak_megabytes()
    seconds = timed(options.rounds, lambda: activity.score(model, today, panel, options.elapsed))
    processor = timed(options.rounds, lambda: activity.score(model, today, panel, options.elapsed), time.process_time)
    after = _peak_megabytes()
    others = {name: timed(3, work) for name, work in peers(today, panel).items()}
    result = {
        "contracts": today.height,
        "names": today["underlying"].n_unique(),
        "contracts_of_the_panel": panel.contracts.height,
        "sessions": len(panel.sessions),
        "traded": float((today["volume"] > 0).mean()),
        "model_seconds": fitted,
        "first_seconds": first,
        "best_seconds": min(seconds),
        "median_seconds": float(np.median(seconds)),
        "processor_seconds_of_all_threads": min(processor),
        "nanoseconds_a_contract": min(seconds) / today.height * 1e9,
        **{f"{name} seconds": min(times) for name, times in others.items()},
        **{f"{name} / ours": min(times) / min(seconds) for name, times in others.items()},
        "peak_megabytes_before": before,
        "peak_megabytes": after,
        "load": os.getloadavg()[0],
    }
    if options.json:
        print(json.dumps(result, indent=1))
    else:
        for name, figure in result.items():
            shown = f"{figure:,.3f}" if isinstance(figure, float) else f"{figure:,}"
            print(f"{name.replace('_', ' '):<36}{shown:>14}")
    if options.profile:
        profile = cProfile.Profile()
        profile.runcall(activity.score, model, today, panel, options.elapsed)
        pstats.Stats(profile).sort_stats("tottime").print_stats(25)
    return 0


def _seconds(work: Callable[[], Any]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began
