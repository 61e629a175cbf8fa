"""What came with the package: a model learnt once from many short histories, for names that have none of their own.

The file holds fitted numbers only (coefficients, tail tables, calibration knots, mean log volumes of buckets), no
contract and no session. ``python -m benchmarks.detection.make_prior`` makes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.activity.calibration import Calibration
from scanner.activity.features import WINDOWS
from scanner.activity.model import Learned, WindowModel
from scanner.activity.regression import TailShape

_FILE = "prior.npz"
_SINGLE = ("combination", "ladder", "strike")


@lru_cache(maxsize=1)
def load() -> tuple[Learned, NDArray[np.float32]]:
    """The built-in model and the usual log volume of every bucket, shape (CELLS,)."""
    with resources.files(__package__).joinpath(_FILE).open("rb") as file, np.load(file, allow_pickle=False) as kept:
        return learned_from({name: kept[name] for name in kept.files})


def learned_from(values: Mapping[str, NDArray[Any]]) -> tuple[Learned, NDArray[np.float32]]:
    """What :func:`arrays_of` took apart, put together again. Raises KeyError where an array is missing."""
    windows = {
        window: WindowModel(
            values[f"coefficients_{window}"],
            values[f"tail_{window}"].astype(np.float32),
            TailShape(values[f"start_{window}"], values[f"shape_{window}"]),
            _calibration(values, f"window_{window}"),
        )
        for window in WINDOWS
    }
    columns = ("tier", "nominal", "rows", "flagged", "realised")
    realised = pl.DataFrame({name: values[f"realised_{name}"] for name in columns})
    combination, ladder, strike = (_calibration(values, name) for name in _SINGLE)
    learned = Learned(windows, combination, ladder, strike, values["opening"], values["own"], realised)
    return learned, values["base"].astype(np.float32)


def _calibration(values: Mapping[str, NDArray[Any]], name: str) -> Calibration:
    return Calibration(values[f"{name}_raw"], values[f"{name}_calibrated"], values[f"{name}_rows"].astype(np.int64))


def save(path: Path, learned: Learned, base: NDArray[np.float32]) -> None:
    """Write a model as the built-in one; tail tables are rounded to what half precision holds."""
    values = arrays_of(learned, base)
    half = {name: values[name].astype(np.float16) for name in ("base", *(f"tail_{window}" for window in WINDOWS))}
    np.savez_compressed(path, allow_pickle=False, **(values | half))


def arrays_of(learned: Learned, base: NDArray[np.float32]) -> dict[str, NDArray[Any]]:
    """Everything a model learnt as plain arrays by name, exactly."""
    values: dict[str, NDArray[Any]] = {"base": base, "opening": learned.opening, "own": learned.own}
    for window, model in learned.windows.items():
        values[f"coefficients_{window}"] = model.coefficients
        values[f"tail_{window}"] = model.tail
        values[f"start_{window}"], values[f"shape_{window}"] = model.shape.start, model.shape.coefficients
        values |= _parts(f"window_{window}", model.calibration)
    for name in _SINGLE:
        values |= _parts(name, getattr(learned, name))
    return values | {f"realised_{name}": learned.realised[name].to_numpy() for name in learned.realised.columns}


def _parts(name: str, calibration: Calibration) -> dict[str, NDArray[Any]]:
    return {
        f"{name}_raw": calibration.raw,
        f"{name}_calibrated": calibration.calibrated,
        f"{name}_rows": calibration.rows,
    }
