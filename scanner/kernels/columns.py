"""Columns of frames as the arrays that kernels take, and what kernels found as columns: one way each.

A missing number is null in a frame and NaN in an array. Both ways take the column itself and ask polars nothing, for a
question of its costs as much as the passes of a kernel over a few thousand rows.
"""

from __future__ import annotations

from collections.abc import Iterable

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


def integers(column: pl.Series) -> NDArray[np.int32]:
    """A column of whole numbers, or of days as their numbers since 1970, none of them null, as an array of its own.

    Writable, whether or not polars could lend its memory: kernels are compiled once more for arrays that are not.
    """
    return column.cast(pl.Int32).to_numpy(writable=True)


def median(column: pl.Series) -> float | None:
    """The middle of the known numbers of a column, as polars has it to the bit; None where none is known.

    Polars' own holds the interpreter while it waits for its threads, which those who read other answers keep busy.
    """
    count = len(column) - column.null_count()
    if count == 0:
        return None
    ordered = np.sort(floats(column))  # What is not known comes last.
    low, high = float(ordered[(count - 1) // 2]), float(ordered[count // 2])
    return low if count % 2 else low + 0.5 * (high - low)


def placed(rows: pl.DataFrame, columns: Iterable[pl.Series]) -> pl.DataFrame:
    """A frame with columns in the place of its own of the same names, and the others after them."""
    result, places = rows.clone(), {name: place for place, name in enumerate(rows.columns)}
    others = []
    for column in columns:
        place = places.get(column.name)
        if place is None:
            others.append(column)
        else:
            result.replace_column(place, column)
    return result.hstack(others) if others else result


def changes(column: pl.Series) -> NDArray[np.bool_]:
    """For every value but the first whether it is another than the one before; null is a value like any other."""
    if column.dtype == pl.Date and not column.null_count():
        days = column.cast(pl.Int32).to_numpy()
        return np.asarray(days[1:] != days[:-1])
    before, after = column[:-1], column[1:]
    return (after.ne_missing(before) if column.null_count() else after != before).to_numpy()


def run_starts(column: pl.Series) -> NDArray[np.int64]:
    """Where the runs of one value begin."""
    return np.append(0, np.flatnonzero(changes(column)) + 1)[: len(column)]


def among(column: pl.Series, values: pl.Series) -> NDArray[np.bool_]:
    """Whether each text of a column is one of some; rows of one text mostly stand together, and are asked for once."""
    starts, some = run_starts(column), set(values.to_list()) - {None}
    found = np.fromiter((text in some for text in column[starts].to_list()), np.bool_, len(starts))
    return np.repeat(found, np.diff(starts, append=len(column)))


def run_begins(rows: pl.DataFrame) -> NDArray[np.bool_]:
    """Whether a run of equal rows begins with a row, for each of them."""
    begins = np.zeros(rows.height, np.bool_)
    begins[:1] = True
    for column in rows:
        begins[1:] |= changes(column)
    return begins


def run_numbers(rows: pl.DataFrame) -> NDArray[np.int64]:
    """The number of the run of equal rows that each row is in, from 0."""
    return numbered(np.flatnonzero(run_begins(rows)), rows.height)


def numbered(starts: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The number of the run that each of ``count`` rows is in, from 0; ``starts`` is where the runs begin."""
    # Flags added up one after the other take ten times as long.
    return np.repeat(np.arange(len(starts)), np.diff(starts, append=count))


def text_numbers(column: pl.Series) -> NDArray[np.int64]:
    """Each text of a column as a number, equal texts as equal ones; rows of one text mostly stand together."""
    starts, known = run_starts(column), dict[str | None, int]()
    of_runs = [known.setdefault(text, len(known)) for text in column.gather(starts)]
    return np.repeat(np.array(of_runs, np.int64), np.diff(starts, append=len(column)))


def nullable(name: str, values: NDArray[np.floating]) -> pl.Series:
    """An array of numbers as a column of their own kind, null where they are NaN.

    The column may share the array's memory: who hands it over writes to it no more.
    """
    return pl.Series(name, values, nan_to_null=True)


def finite(name: str, values: NDArray[np.floating]) -> pl.Series:
    """An array of numbers as :func:`nullable` has it, null where they are infinite, too."""
    endless = np.isinf(values)
    return nullable(name, np.where(endless, np.nan, values) if endless.any() else values)
