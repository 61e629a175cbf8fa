"""Where the rows of each expiry lie in a chain, so that compiled code can go through millions of them in one pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

_KEY = ("underlying", "root", "expiry")


@dataclass(frozen=True, slots=True)
class Pieces:
    """``rows`` with the strikes of each expiry ascending and in one piece; ``found`` says where, in their order.

    ``found`` has ``underlying root expiry start stop``: rows from ``start`` (included) to ``stop`` (not).
    """

    rows: pl.DataFrame
    found: pl.DataFrame

    def floats(self, name: str) -> NDArray[np.float64]:
        """A column of ``rows`` as float64, NaN where it is null."""
        column = self.rows[name].cast(pl.Float64)
        return (column.fill_null(np.nan) if column.null_count() else column).to_numpy()

    def latest(self, name: str) -> pl.Series:
        """The greatest value of a column of ``rows`` in each piece."""
        values = self.rows[name].to_physical().to_numpy()
        found = np.maximum.reduceat(values, self.found["start"].to_numpy()) if values.size else values
        return pl.Series(name, found).cast(self.rows.schema[name])

    def calls(self) -> NDArray[np.bool_]:
        """Which of ``rows`` are calls."""
        return (self.rows["right"] == "C").to_numpy()


def of(contracts: pl.DataFrame) -> Pieces:
    """The pieces of a chain with ``underlying root expiry strike right``; one that is in order is not sorted again."""
    found = _found(contracts)
    if found["root", "expiry"].is_duplicated().any() or not _ascending(contracts, found["start"].to_numpy()):
        contracts = contracts.sort(*_KEY, "strike", maintain_order=True)
        found = _found(contracts)
    return Pieces(contracts, found)


def _found(contracts: pl.DataFrame) -> pl.DataFrame:
    fresh = np.ones(contracts.height, np.bool_)
    if contracts.height:
        differs = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in _KEY)
        fresh[1:] = contracts.select(differs.slice(1)).to_series().to_numpy()
    starts = np.flatnonzero(fresh)
    stops = np.append(starts, contracts.height)[1:]
    keys = contracts.select(pl.col(_KEY).gather(starts))
    return keys.with_columns(start=pl.Series(starts), stop=pl.Series(stops))


def _ascending(contracts: pl.DataFrame, starts: NDArray[np.int64]) -> bool:
    """Whether strikes fall at the beginnings of pieces alone."""
    strike = contracts["strike"].to_numpy()
    falls = np.flatnonzero(strike[1:] < strike[:-1]) + 1
    return bool(np.isin(falls, starts).all())
