"""The past sessions of today's names as arrays, each with how many sessions of the exchange it lies back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING, Self

import numpy as np
import polars as pl

from scanner.kernels.columns import floats, integers

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scanner.market.calendar import Calendar

    Floats = NDArray[np.float64]
    Ints = NDArray[np.int64]

RANK_SESSIONS = 252
_RANK_LEAST = 60  # a rank among fewer sessions says little about a year
# Good sessions that a mean over the last 5 and 20 needs: one gap, or five, do not silence it.
MEANS = {5: 4, 20: 15}
_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True, slots=True)
class Before:
    """Rows of past sessions: of which of ``names`` names each is (``number``), and how far ``back``, shape (rows,).

    What is previous to a name's session today has ``back`` 1.
    """

    rows: pl.DataFrame
    number: Ints
    back: Ints
    names: int

    @classmethod
    def of(cls, past: pl.DataFrame, today: pl.DataFrame, calendar: Calendar) -> Self:
        """The rows of ``past`` whose name is in ``today``, one row a name; both have ``underlying session_date``."""
        numbered = dict(zip(today["underlying"], range(today.height), strict=True))
        number = past["underlying"].replace_strict(numbered, default=-1, return_dtype=pl.Int64).to_numpy()
        if (number < 0).any():
            past, number = past.filter(pl.Series(number >= 0)), number[number >= 0]
        then, now = integers(past["session_date"]), integers(today["session_date"])[number]
        pairs, place = np.unique(then.astype(np.int64) << 32 | now, return_inverse=True)
        return cls(past, number, _back(pairs, calendar)[place], today.height)

    def values(self, name: str) -> Floats:
        """A column of the rows, NaN where it is null or was not kept."""
        return floats(self.rows[name]) if name in self.rows.columns else np.full(len(self.back), np.nan)

    def told(self, rows: NDArray[np.bool_], values: Floats) -> Floats:
        """The value of the one row that each name has among some, NaN where it has none."""
        found = np.full(self.names, np.nan)
        found[self.number[rows]] = values[rows]
        return found

    def count(self, rows: NDArray[np.bool_]) -> Ints:
        """How many rows of each name are among some."""
        return np.bincount(self.number[rows], minlength=self.names)

    def mean_of_last(self, count: int, lots: Floats) -> Floats:
        """Mean of what is known of the last ``count`` (5 or 20) sessions; NaN where less than 4 or 15 of them are.

        ``lots`` are whole numbers, whose sum is the same in any order.
        """
        known = (self.back <= count) & np.isfinite(lots)
        counted = self.count(known)
        total = np.bincount(self.number[known], lots[known], minlength=self.names)
        return np.where(counted >= MEANS[count], total / np.maximum(counted, 1), np.nan)

    def percentile(self, values: Floats, today: Floats) -> Floats:
        """The share of a year's sessions in which a figure was lower than today's; NaN where 60 are not known."""
        known = (self.back <= RANK_SESSIONS) & np.isfinite(values)
        counted = self.count(known)
        lower = self.count(known & (values < today[self.number]))
        return np.where((counted >= _RANK_LEAST) & np.isfinite(today), lower / np.maximum(counted, 1), np.nan)

    def rank(self, values: Floats, today: Floats) -> Floats:
        """Where today's figure lies between the lowest (0) and the highest (1) of a year; NaN as in a percentile."""
        known = (self.back <= RANK_SESSIONS) & np.isfinite(values)
        low, high = np.full(self.names, np.inf), np.full(self.names, -np.inf)
        np.minimum.at(low, self.number[known], values[known])
        np.maximum.at(high, self.number[known], values[known])
        ranked = (self.count(known) >= _RANK_LEAST) & (high > low)
        return np.where(ranked, np.clip((today - low) / np.where(ranked, high - low, 1.0), 0.0, 1.0), np.nan)


def _back(pairs: Ints, calendar: Calendar) -> Ints:
    """By how many sessions one day lies before another: each two packed in a number, as days since 1970."""
    days = [
        (_EPOCH + timedelta(days=pair >> 32), _EPOCH + timedelta(days=pair & 0xFFFFFFFF)) for pair in pairs.tolist()
    ]
    return np.array([len(calendar.sessions_between(then, now - timedelta(days=1))) for then, now in days], np.int64)
