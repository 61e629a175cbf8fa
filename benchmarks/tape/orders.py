"""Whether orders that were split over venues come together again: on the simulated tape, and on sweeps alone."""

from __future__ import annotations

import argparse

import numpy as np
import polars as pl

from benchmarks.tape.simulated import tapes
from scanner.tape.prints import conform
from scanner.tape.reading import Reading, read

_VENUES = ("XCBO", "XPHL", "XISX", "BATO", "ARCO", "AMXO", "XNDQ", "XMIO", "EMLD", "GMNI", "XBOX", "MPRL")
_BEGIN, _MILLISECOND = 1_796_050_800_000_000_000, 1_000_000


def run(given: argparse.Namespace) -> None:
    """Print precision and recall."""
    del given
    for longest in (0, 50, 100, 200, 300):
        reading, truth = _sweeps(2_000, longest)
        print(f"sweeps over 2 to 12 venues, jitter to {longest:3} ms: {_scored(reading, truth)}")
    for reading, truth in tapes():
        day = reading.prints["session_date"][0]
        print(f"simulated tape of {day}, orders of several fills among all others: {_scored(reading, truth)}")


def _sweeps(count: int, longest: float) -> tuple[Reading, pl.DataFrame]:
    """Sweeps in one contract, half of them within a second after another one."""
    rng = np.random.default_rng(5)
    rows, moment = [], 0.0
    for order in range(count):
        moment += longest + float(rng.choice([rng.uniform(150, 700), rng.exponential(20_000)]))
        side = float(rng.choice([1.4, 1.6]))
        rows += [
            (order, moment + rng.uniform(0, longest), str(venue), side, int(rng.integers(5, 40)))
            for venue in rng.permutation(_VENUES)[: rng.integers(2, 13)]
        ]
    frame = pl.DataFrame(rows, schema=["order", "ms", "exchange", "price", "size"], orient="row").with_columns(
        pl.lit("GOOG261218C00235000").alias("contract"),
        sequence=pl.int_range(pl.len()),
        time=_BEGIN + (pl.col("ms") * _MILLISECOND).cast(pl.Int64),
        condition=pl.lit("auto"),
        bid=pl.lit(1.4),
        ask=pl.lit(1.6),
    )
    return read(conform(frame.drop("order", "ms"), source="simulated")), frame.select("sequence", "order")


def _scored(reading: Reading, truth: pl.DataFrame) -> str:
    """Orders of several fills: how many that were put together are one order, and how many are found whole."""
    both = reading.prints.select("sequence", found="order").join(truth.select("sequence", "order"), on="sequence")
    both = both.drop_nulls()
    made = both.group_by("found").agg(fills=pl.len(), of=pl.col("order").n_unique()).filter(pl.col("fills") > 1)
    sent = both.group_by("order").agg(fills=pl.len(), to=pl.col("found").n_unique()).filter(pl.col("fills") > 1)
    precision, recall = (made["of"] == 1).mean(), (sent["to"] == 1).mean()
    return f"precision {precision:.3f} of {made.height:,}, recall {recall:.3f} of {sent.height:,}"
