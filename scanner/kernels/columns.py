"""Columns of frames as the arrays that kernels take, and what kernels found as columns: one way each.

A missing number is null in a frame and NaN in an array. Both ways take the column itself and ask polars nothing, for a
question of its costs as much as the passes of a kernel over a few thousand rows.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

Floats = NDArray[np.float64]

# Of so many rows on, polars fills nulls sooner by its own question than on the way to numpy.
_LONG = 20_000


def floats(column: pl.Series) -> Floats:
    """A column of numbers as float64 in one piece, NaN where it is null.

    Read-only, whether it is the column's own memory or not: kernels meet one kind of array.
    """
    column = column.cast(pl.Float64)
    if column.null_count() and len(column) >= _LONG:
        column = column.fill_null(np.nan)
    values = column.to_numpy()
    values.flags.writeable = False
    return values


def nullable(name: str, values: NDArray[np.floating]) -> pl.Series:
    """An array of numbers as a column of their own kind, null where they are NaN.

    The column may share the array's memory: who hands it over writes to it no more.
    """
    return pl.Series(name, values, nan_to_null=True)
