"""Sums over the rows that share a key, where they stand together, as the contracts of a chain do.

A chain is in the order of its roots, expiries, strikes and rights, so that an expiry or a strike is a range of rows:
nothing has to be looked up to add it up. Of rows in another order the ranges are those of a list of row numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.kernels.columns import floats, nullable, numbered, run_begins
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
        keyed = frame[[*key]]
        return cls._of_runs(keyed, run_begins(keyed))

    def within(self, frame: pl.DataFrame, more: Sequence[str]) -> Groups:
        """The groups by these keys and ``more`` columns of the frame that these are the groups of."""
        keyed = frame[[*self.keys.columns, *more]]
        if self.order is not None:
            return Groups.of(keyed, keyed.columns)
        begins = run_begins(keyed[[*more]])
        begins[self.starts[:-1]] = True
        return Groups._of_runs(keyed, begins)

    @classmethod
    def _of_runs(cls, keyed: pl.DataFrame, begins: Flags) -> Groups:
        """The groups of the rows of some keys; ``begins`` tells where a row has another key than the one before."""
        first = np.flatnonzero(begins)
        keys = keyed[first]
        if not _repeats(keys):
            return cls(keys, np.append(first, len(begins)).astype(np.int64))
        unique = keys.unique(maintain_order=True)
        place = keys.join(
            unique.with_row_index("_group"), on=keys.columns, how="left", maintain_order="left", nulls_equal=True
        )
        return cls._apart(unique, place["_group"].to_numpy().astype(np.int64)[numbered(first, len(begins))])

    @classmethod
    def _apart(cls, keys: pl.DataFrame, number: NDArray[np.int64]) -> Groups:
        """The groups of rows that do not stand together, by the number of the group that each is in."""
        order = np.argsort(number, kind="stable")
        return cls(keys, np.searchsorted(number[order], np.arange(keys.height + 1)).astype(np.int64), order)

    def where(self, flags: Flags) -> Groups:
        """The groups of the rows that have a flag, as they are of a frame of these rows alone."""
        if flags.all():
            return self
        if self.order is None:
            counts = self.count(flags)
            kept = np.flatnonzero(counts)
            return Groups(self.keys[kept], np.append(0, np.cumsum(counts[kept])))
        # Groups come in the order of their first rows, and may have lost these.
        kept, first, number = np.unique(self.numbers()[flags], return_index=True, return_inverse=True)
        placed = np.argsort(first)
        return Groups._apart(self.keys[kept[placed]], np.argsort(placed)[number])

    def __len__(self) -> int:
        return self.keys.height

    def known_sums(self, values: pl.Series, where: Flags | None = None) -> pl.Series:
        """The sum of what is known of some rows by group, of the values' own kind; null, not 0, where nothing is."""
        sums = nullable(values.name, self.sums(floats(values), where))
        return sums.cast(pl.Int64) if values.dtype.is_integer() else sums

    def sums(self, values: Floats, where: Flags | None = None) -> Floats:
        """The sum of what is known of some rows by group; NaN where nothing is."""
        if self.order is not None:
            values, where = values[self.order], None if where is None else where[self.order]
        return _known_sums(self.starts, values, np.ones(len(values), np.bool_) if where is None else where)

    def count(self, flags: Flags) -> NDArray[np.int64]:
        """How many rows of each group have a flag."""
        flags = flags if self.order is None else flags[self.order]
        return np.add.reduceat(flags, self.starts[:-1], dtype=np.int64)

    def any(self, flags: Flags) -> Flags:
        """Whether any row of each group has a flag."""
        return self.count(flags) > 0

    def most(self, values: NDArray[Any]) -> NDArray[Any]:
        """The greatest value of each group; none is NaN."""
        values = values if self.order is None else values[self.order]
        return np.maximum.reduceat(values, self.starts[:-1]) if values.size else values

    def latest(self, column: pl.Series) -> pl.Series:
        """The greatest day, moment or number of each group, null where none is known."""
        numbers, least = column.cast(pl.Int64), np.iinfo(np.int64).min
        if not column.null_count():
            return pl.Series(column.name, self.most(numbers.to_numpy())).cast(column.dtype)
        found = self.most(numbers.fill_null(least).to_numpy())
        return pl.Series(column.name, found).set(pl.Series(found == least), None).cast(column.dtype)

    def first_known(self, column: pl.Series) -> pl.Series:
        """The first value of each group that is known, null where none is."""
        if not column.null_count():
            return column.gather(self.firsts())
        rows = column.is_not_null().arg_true().to_numpy()[::-1]
        first = np.full(len(self), -1)
        # Of several rows of a group the last one written stays.
        first[self.numbers()[rows]] = rows
        return column.gather(pl.Series(first).set(pl.Series(first < 0), None))

    def rows_of(self, group: int) -> NDArray[np.int64]:
        """The rows of one group."""
        first, stop = self.starts[group : group + 2]
        return np.arange(first, stop) if self.order is None else self.order[first:stop]

    def sizes(self) -> NDArray[np.int64]:
        """How many rows each group has."""
        return np.diff(self.starts)

    def firsts(self) -> NDArray[np.int64]:
        """The first row of each group."""
        return self.starts[:-1] if self.order is None else self.order[self.starts[:-1]]

    def numbers(self) -> NDArray[np.int64]:
        """The number of the group that each row of the frame is in."""
        number = numbered(self.starts[:-1], int(self.starts[-1]))
        if self.order is None:
            return number
        of_rows = np.empty_like(number)
        of_rows[self.order] = number
        return of_rows


def _repeats(keys: pl.DataFrame) -> bool:
    """Whether a key comes twice. Where the last column rises wherever the others stay, they tell, and are fewer."""
    *others, last = keys.columns
    if others and not keys.schema[last].is_(pl.String):
        coarse = keys[others]
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
