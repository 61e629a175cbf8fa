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


def find(contracts: pl.DataFrame, calibration: Calibration, least: float = 2.0) -> pl.DataFrame:
    """The ladder frame: runs whose surprise is at least ``least``, strongest first, none sharing a contract.

    ``contracts`` is a scored chain sorted by root, expiry, strike and right; ``calibration`` the model's for ladders.
    Columns: ``underlying root expiry right first_strike last_strike strikes volume open_interest ladder_surprise
    volume_share`` and ``members``, the contracts of the run.
    """
    begins = contracts.select(pl.struct("root", "expiry").rle_id()).to_series().cast(pl.Int32)
    calls = (contracts["right"] == "C").to_numpy()
    surprise = contracts["combined_surprise"].fill_null(0.0).to_numpy()
    raw, last = best_runs(surprise, begins.to_numpy(), calls)
    days = contracts.select((pl.col("expiry") - pl.col("session_date")).dt.total_days()).to_series().to_numpy()
    calibrated = calibration.apply(raw, maturity_of(days))
    taken = np.zeros(contracts.height, bool)
    runs = []
    for first in np.argsort(-calibrated, kind="stable"):
        if calibrated[first] < least:
            break
        rows = np.arange(first, last[first] + 1)
        rows = rows[(calls[rows] == calls[first]) & (surprise[rows] >= MEMBER)]
        if not taken[rows].any():
            taken[rows] = True
            runs.append((float(calibrated[first]), rows))
    return _frame(contracts, runs)


def _frame(contracts: pl.DataFrame, runs: list[tuple[float, NDArray[np.int64]]]) -> pl.DataFrame:
    """One row a run."""
    side = contracts.select(pl.col("volume").sum().over("root", "expiry", "right"))["volume"]
    columns = ["underlying", "root", "expiry", "right"]
    firsts = contracts[[int(rows[0]) for _, rows in runs]] if runs else contracts.head(0)
    whole = side[[int(rows[0]) for _, rows in runs]] if runs else side.head(0)
    strikes = [contracts["strike"][rows] for _, rows in runs]
    volume = pl.Series("volume", [contracts["volume"][rows].sum() for _, rows in runs], dtype=pl.Int64)
    interest = [contracts["open_interest"][rows] for _, rows in runs]
    return firsts.select(columns).with_columns(
        first_strike=pl.Series([float(values[0]) for values in strikes], dtype=pl.Float64),
        last_strike=pl.Series([float(values[-1]) for values in strikes], dtype=pl.Float64),
        strikes=pl.Series([len(values) for values in strikes], dtype=pl.Int64),
        volume=volume,
        open_interest=pl.Series([None if i.null_count() else i.sum() for i in interest], dtype=pl.Int64),
        ladder_surprise=pl.Series([surprise for surprise, _ in runs], dtype=pl.Float64),
        volume_share=pl.select(pl.when(whole > 0).then(volume / whole)).to_series(),
        members=pl.Series([contracts["contract"][rows].to_list() for _, rows in runs], dtype=pl.List(pl.String)),
    )
