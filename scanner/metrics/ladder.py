"""The ladder scope: runs of neighbouring strikes of one root, expiry and right that are unusual together.

The runs themselves are found and calibrated by the volume model (:mod:`scanner.activity.runs`); here they
become the rows that rules see. A contract of a run that is not itself rarer than one in ten is not a member.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.activity.calibration import Calibration
from scanner.activity.runs import MEMBER, best_runs, maturity_of
from scanner.kernels.columns import floats, integers, run_numbers
from scanner.metrics.arithmetic import is_call


def find(contracts: pl.DataFrame, calibration: Calibration, least: float = 2.0) -> pl.DataFrame:
    """The ladder frame: runs whose surprise is at least ``least``, strongest first, none sharing a contract.

    ``contracts`` is a scored chain sorted by root, expiry, strike and right; ``calibration`` the model's for ladders.
    Columns: ``underlying root expiry right first_strike last_strike strikes volume open_interest ladder_surprise
    volume_share`` and ``members``, the contracts of the run.
    """
    expiry = run_numbers(contracts["root", "expiry"]).astype(np.int32)
    calls = is_call(contracts)
    surprise = contracts["combined_surprise"].fill_null(0.0).to_numpy(writable=True)
    raw, last = best_runs(surprise, expiry, calls)
    begun = np.flatnonzero(last >= 0)
    days = integers(contracts["expiry"])[begun] - integers(contracts["session_date"])[begun]
    calibrated = calibration.apply(raw[begun], maturity_of(days))
    unusual = np.flatnonzero(calibrated >= least)
    taken: set[int] = set()
    runs = []
    for run in unusual[np.argsort(-calibrated[unusual], kind="stable")]:
        first = begun[run]
        # A run is of a few rows, which are sooner looked at one by one.
        rows = [row for row in range(first, last[first] + 1) if calls[row] == calls[first] and surprise[row] >= MEMBER]
        if taken.isdisjoint(rows):
            taken.update(rows)
            runs.append((float(calibrated[run]), np.array(rows)))
    return _frame(contracts, runs, _whole_sides(contracts["volume"], runs, expiry, calls))


def _whole_sides(
    volume: pl.Series, runs: list[tuple[float, NDArray[np.int64]]], expiry: NDArray[np.int32], calls: NDArray[np.bool_]
) -> list[float]:
    """The volume of each run's whole right of its expiry."""
    side = 2 * expiry + calls
    # Lots are whole numbers: their sum is the same in any order.
    lots = np.bincount(side, np.nan_to_num(floats(volume)))
    return [float(lots[side[rows[0]]]) for _, rows in runs]


def _frame(contracts: pl.DataFrame, runs: list[tuple[float, NDArray[np.int64]]], sides: list[float]) -> pl.DataFrame:
    """One row a run; ``sides`` are the volumes of which a run's own is told as a share."""
    rows = np.concatenate([rows for _, rows in runs]) if runs else np.empty(0, np.int64)
    counts = [len(rows) for _, rows in runs]
    members = contracts["underlying", "root", "expiry", "right", "strike", "volume", "open_interest", "contract"]
    numbered = members[rows].with_columns(
        _run=pl.Series(np.repeat(np.arange(len(runs)), counts), dtype=pl.Int64),
        _whole=pl.Series(np.repeat(np.array(sides), counts), dtype=pl.Float64),
    )
    known = pl.col("open_interest").null_count() == 0
    found = numbered.group_by("_run", maintain_order=True).agg(
        pl.col("underlying", "root", "expiry", "right").first(),
        first_strike=pl.col("strike").first(),
        last_strike=pl.col("strike").last(),
        strikes=pl.len().cast(pl.Int64),
        volume=pl.col("volume").sum(),
        open_interest=pl.when(known).then(pl.col("open_interest").sum()),
        _whole=pl.col("_whole").first(),
        members=pl.col("contract"),
    )
    surprise = pl.Series([surprise for surprise, _ in runs], dtype=pl.Float64)
    return found.select(
        "underlying",
        "root",
        "expiry",
        "right",
        "first_strike",
        "last_strike",
        "strikes",
        "volume",
        "open_interest",
        surprise.alias("ladder_surprise"),
        pl.when(pl.col("_whole") > 0).then(pl.col("volume") / pl.col("_whole")).alias("volume_share"),
        "members",
    )
