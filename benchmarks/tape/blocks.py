"""Whether a tape tells one order of many lots from as many lots in small prints, which a chain cannot."""

from __future__ import annotations

import argparse

import numpy as np
import polars as pl

from benchmarks.tape.simulated import DAYS, NAMES, SEED
from scanner.sources.simulated import sample_tape
from scanner.tape.measure import contracts
from scanner.tape.prints import Tape, conform
from scanner.tape.reading import read

_PLANTED, _SMALL = 30, 3
_BUDGETS = (5, 20, 50)


def run(given: argparse.Namespace) -> None:
    """Print, for blocks of several sizes, how they rank planted as one print and planted as many."""
    del given
    for lots in (100, 300, 1_000):
        ahead, found = [], {way: np.zeros(len(_BUDGETS)) for way in ("one print", "small prints", "volume alone")}
        for day in DAYS:
            prints = conform(sample_tape(SEED, NAMES, day), source="simulated").prints
            rng = np.random.default_rng(day.toordinal())
            names = prints["contract"].cast(pl.String).unique().sort()
            chosen = names.sample(_PLANTED, seed=int(rng.integers(1 << 30))).to_list()
            one, many = (_measured(prints, chosen, lots, rng, size) for size in (lots, _SMALL))
            ahead += [one[name][0] > many[name][0] for name in chosen]
            found["one print"] += _recalled(one, chosen, 0)
            found["small prints"] += _recalled(many, chosen, 0)
            found["volume alone"] += _recalled(one, chosen, 1)
        print(
            f"{lots:,} lots in {len(ahead)} contracts: one print ranks above as many small ones in {np.mean(ahead):.0%}"
        )
        for way, recalled in found.items():
            told = ", ".join(
                f"{share / len(DAYS):.2f} at {budget}" for share, budget in zip(recalled, _BUDGETS, strict=True)
            )
            print(f"  recalled, {way:13} {told}")


def _measured(
    prints: pl.DataFrame, chosen: list[str], lots: int, rng: np.random.Generator, size: int
) -> dict[str, tuple[float, int]]:
    """How rare each contract's largest order is, and its volume, once lots are planted in prints of a size."""
    number = prints.with_columns(name=pl.col("contract").cast(pl.String)).filter(pl.col("name").is_in(chosen))
    seeds = number.group_by("name", maintain_order=True).first().drop("name")
    sizes = np.full(-(-lots // size), size)
    sizes[-1] -= sizes.sum() - lots
    planted = pl.concat([seeds] * len(sizes)).with_columns(
        size=pl.Series(np.repeat(sizes, seeds.height)).cast(pl.Int32),
        condition=pl.lit("auto", prints.schema["condition"]),
        cancelled=False,
        price=pl.col("ask"),
        sequence=pl.int_range(pl.len()) + prints["sequence"].max() + 1,
        time=pl.Series(_moments(prints, rng, len(sizes) * seeds.height)).cast(prints.schema["time"]),
        quote_time=None,
    )
    tape = conform(pl.concat([prints, planted.cast(prints.schema).select(prints.columns)]), source="simulated")
    found = contracts(read(Tape(tape.prints))).select("contract", "largest_order_surprise", "tape_lots")
    return {name: (surprise or 0.0, volume) for name, surprise, volume in found.iter_rows()}


def _moments(prints: pl.DataFrame, rng: np.random.Generator, count: int) -> list[int]:
    times = prints["time"].to_physical()
    return list(rng.integers(times.min(), times.max(), count))


def _recalled(measured: dict[str, tuple[float, int]], chosen: list[str], key: int) -> np.ndarray:
    """Of the planted contracts the share among the first so many by one of their numbers."""
    ranked = sorted(measured, key=lambda name: measured[name][key], reverse=True)
    return np.array([len(set(ranked[:budget]) & set(chosen)) / min(budget, len(chosen)) for budget in _BUDGETS])
