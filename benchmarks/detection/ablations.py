"""Our own score with parts taken out, to show what each of them gives."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.activity import VolumeModel
from scanner.activity.regression import interpolate_tail

_HIGHEST = 20.0


def no_windows(scored: pl.DataFrame, model: VolumeModel) -> pl.DataFrame:
    """One session only."""
    del model
    return scored.with_columns(combined_surprise="volume_surprise")


def no_calibration(scored: pl.DataFrame, model: VolumeModel) -> pl.DataFrame:
    """The pooled negative binomial's own tail, one session."""
    mean, count = _numbers(scored, "volume_expected"), _numbers(scored, "volume")
    return _scored(scored, interpolate_tail(model.windows[1].tail, mean, count))


def no_pooling(scored: pl.DataFrame, model: VolumeModel) -> pl.DataFrame:
    """The same negative binomial around each contract's own 20-session mean, at least a twentieth of a lot."""
    mean, count = np.maximum(_numbers(scored, "volume_avg_20"), 0.05), _numbers(scored, "volume")
    return _scored(scored, interpolate_tail(model.windows[1].tail, mean, count))


def poisson(scored: pl.DataFrame, model: VolumeModel) -> pl.DataFrame:
    """A Poisson tail around the pooled expectation."""
    from scipy.stats import poisson as law

    del model
    chance = law.logsf(_numbers(scored, "volume") - 1, _numbers(scored, "volume_expected"))
    return _scored(scored, -np.asarray(chance) / np.log(10))


ABLATIONS = {
    "without windows": no_windows,
    "without windows and calibration": no_calibration,
    "without pooling": no_pooling,
    "Poisson": poisson,
}


def _numbers(scored: pl.DataFrame, column: str) -> NDArray[np.float64]:
    return scored[column].cast(pl.Float64).fill_null(0.0).to_numpy()


def _scored(scored: pl.DataFrame, surprise: NDArray[np.float64]) -> pl.DataFrame:
    traded = _numbers(scored, "volume") > 0
    return scored.with_columns(combined_surprise=pl.Series(np.where(traded, np.minimum(surprise, _HIGHEST), 0.0)))
