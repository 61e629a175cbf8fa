"""How rare a size is for a name: the share of its contract-days of the last sessions with at least as many lots.

Contract-days are compared with those of the same name and the same band of days to expiry. Beyond the fiftieth largest
the share follows a Pareto law, since the largest few say little of what is larger still.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

SESSIONS = 15
BANDS = np.array([2, 8, 31, 91])
_TOP = 50
_SMALLEST = 10.0
# Cells are kept one after the other in one sorted array; no volume reaches this.
_APART = 1e10


@dataclass(frozen=True)
class Sizes:
    """The volumes of ten lots or more of every cell (name x band), one cell after the other, each ascending.

    ``days`` counts the contract-days of each cell, those without volume among them; ``ends`` is where each cell ends,
    ``top`` the logarithms summed from the first volume on.
    """

    placed: NDArray[np.float64]
    ends: NDArray[np.int64]
    days: NDArray[np.int64]
    top: NDArray[np.float64]

    @classmethod
    def of(cls, sessions: Sequence[Cells], names: int) -> Sizes:
        """Put some sessions together."""
        cells = names * (len(BANDS) + 1)
        placed = np.sort(np.concatenate([np.empty(0), *(part.placed for part in sessions)]))
        days = np.zeros(cells, np.int64)
        for part in sessions:
            days[: len(part.days)] += part.days
        ends = np.searchsorted(placed, (np.arange(cells) + 1) * _APART)
        logs = np.log(np.maximum(placed % _APART, 1.0))
        return cls(placed, ends, days, np.concatenate([[0.0], np.cumsum(logs)]))

    def with_room(self, names: int) -> Sizes:
        """The same with cells for so many names, of which the last ones have no sizes."""
        more = names * (len(BANDS) + 1) - len(self.days)
        ends = np.append(self.ends, np.full(more, len(self.placed)))
        return replace(self, ends=ends, days=np.append(self.days, np.zeros(more, np.int64)))

    def decades(self, size: NDArray[np.float64], cell: NDArray[np.int64]) -> NDArray[np.float64]:
        """-log10 of the share of contract-days with at least each size; 0 for a name that has none."""
        size = np.maximum(size, _SMALLEST)
        end = self.ends[cell]
        begin = np.where(cell > 0, self.ends[np.maximum(cell - 1, 0)], 0)
        rank = end - np.searchsorted(self.placed, cell * _APART + size)
        count = np.maximum(self.days[cell], 1)
        top = np.minimum(_TOP, end - begin)
        edge = np.maximum(end - top, 0)
        start = self.placed[np.minimum(edge, max(len(self.placed) - 1, 0))] % _APART if len(self.placed) else size
        start = np.maximum(start, _SMALLEST)
        excess = (self.top[end] - self.top[edge]) / np.maximum(top, 1) - np.log(start)
        slope = 1.0 / np.clip(excess, 1.0 / 3.0, 2.0)
        beyond = np.maximum(top, 1) / count * (size / start) ** -slope
        share = np.where(rank >= np.maximum(top, 1), rank / count, np.minimum(beyond, np.maximum(top, 1) / count))
        return np.where(self.days[cell] > 0, -np.log10(np.clip(share, 1e-12, 1.0)), 0.0)


@dataclass(frozen=True)
class Cells:
    """One session's contribution to :class:`Sizes`."""

    placed: NDArray[np.float64]
    days: NDArray[np.int64]

    @classmethod
    def of(cls, volume: NDArray[np.floating], cell: NDArray[np.int64], names: int) -> Cells:
        """Of the listed contracts of a session: their volumes (NaN: not known) and cells."""
        known = np.isfinite(volume)
        days = np.bincount(cell[known], minlength=names * (len(BANDS) + 1))
        large = volume >= _SMALLEST
        return cls(np.asarray(cell[large] * _APART + volume[large], np.float64), days)


def cells_of(name: NDArray[np.integer], days: NDArray[np.integer]) -> NDArray[np.int64]:
    """The cell of every row: its name and its band of days to expiry."""
    band = np.searchsorted(BANDS, days, side="right")
    return np.asarray(name.astype(np.int64) * (len(BANDS) + 1) + band)
