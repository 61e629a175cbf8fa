"""Sums over the rows that share a key, where they stand together, as the contracts of a chain do.

A chain is in the order of its roots, expiries, strikes and rights, so that an expiry or a strike is a range of rows:
nothing has to be looked up to add it up. Of rows in another order the ranges are those of a list of row numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.kernels.columns import floats, nullable, run_begins
from scanner.kernels.compile import kernel

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Groups:
    """The rows of a frame by key, in the order in which the keys first appear.

    ``keys`` has one row a group; group ``i`` has the rows ``starts[i]`` to ``starts[i + 1]``, by number of the list
    ``order`` where the frame's rows of one key do not stand together, else (None) of the frame itself.
    """

    keys: pl.DataFrame
    starts: NDArray[np.int64]
    order: NDArray[np.int64] | None = None

    @classmethod
    def of(cls, frame: pl.DataFrame, key: Sequence[str]) -> Groups:
        """The groups of a frame's rows by some of its columns."""
        keyed = frame.select(key)
        begins = run_begins(keyed)
        first = np.flatnonzero(begins)
        keys = keyed[first]
        if not _repeats(keys):
            return cls(keys, np.append(first, len(begins)).astype(np.int64))
        unique = keys.unique(maintain_order=True)
        numbered = unique.with_row_index("_group")
        place = keys.join(numbered, on=list(key), how="left", nulls_equal=True, maintain_order="left")["_group"]
        group = place.to_numpy().astype(np.int64)[np.cumsum(begins) - 1]
        order = np.argsort(group, kind="stable")
        starts = np.searchsorted(group[order], np.arange(unique.height + 1)).astype(np.int64)
        return cls(unique, starts, order)

    def __len__(self) -> int:
        return self.keys.height

    def known_sums(self, values: pl.Series, where: Flags | None = None) -> pl.Series:
        """The sum of what is known of some rows by group, of the values' own kind; null, not 0, where nothing is."""
        sums = self.sums(floats(values), where)
        whole = pl.Int64 if values.dtype.is_integer() else pl.Float64
        return nullable(values.name, sums).cast(whole)

    def sums(self, values: Floats, where: Flags | None = None) -> Floats:
        """The sum of what is known of some rows by group; NaN where nothing is."""
        if self.order is not None:
            values, where = values[self.order], None if where is None else where[self.order]
        return _known_sums(self.starts, values, np.ones(len(values), np.bool_) if where is None else where)

    def count(self, flags: Flags) -> NDArray[np.int64]:
        """How many rows of each group have a flag."""
        flags = flags if self.order is None else flags[self.order]
        counted = np.concatenate(([0], np.cumsum(flags)))
        return np.asarray(np.diff(counted[self.starts]), np.int64)

    def any(self, flags: Flags) -> Flags:
        """Whether any row of each group has a flag."""
        return self.count(flags) > 0

    def firsts(self) -> NDArray[np.int64]:
        """The first row of each group."""
        return self.starts[:-1] if self.order is None else self.order[self.starts[:-1]]

    def numbers(self) -> NDArray[np.int64]:
        """The number of the group that each row of the frame is in."""
        number = np.repeat(np.arange(len(self)), np.diff(self.starts))
        if self.order is None:
            return number
        of_rows = np.empty_like(number)
        of_rows[self.order] = number
        return of_rows


def _repeats(keys: pl.DataFrame) -> bool:
    """Whether a key comes twice. Where the last column rises wherever the others stay, they tell, and are fewer."""
    *others, last = keys.columns
    if others and not keys.schema[last].is_(pl.String):
        coarse = keys.select(others)
        begins, value = run_begins(coarse), keys[last].to_physical().to_numpy()
        if (value[1:] > value[:-1])[~begins[1:]].all():
            return _repeats(coarse[np.flatnonzero(begins)])
    return bool(keys.is_duplicated().any())


@kernel
def _known_sums(starts: NDArray[np.int64], values: Floats, where: Flags) -> Floats:  # pragma: no cover - compiled
    """By range of rows, the sum of the values that are there (not NaN) and asked for; NaN where there are none."""
    sums = np.empty(starts.size - 1)
    for group in range(starts.size - 1):
        total, known = 0.0, 0
        for row in range(starts[group], starts[group + 1]):
            if where[row] and values[row] == values[row]:
                total += values[row]
                known += 1
        sums[group] = total if known else np.nan
    return sums
