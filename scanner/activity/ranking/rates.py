"""How often as much comes on a watchlist: stories a session with a key at least as large, counted over its past.

Keys of different families do not compare; what compares is a rate. The places of the list are shared out among the
families, and a story's rate is that of the family in which it is rarest, divided by the family's share. As the shares
add to one, stories of a rate of at most a come at most a times a session, whatever the families have to do with each
other: "about once in 1 / a sessions on this watchlist" needs no independence and no correction for many tests.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LEAST_SESSIONS = 6
# Beyond the third place a session, or the rarest tenth of a short list, the counts follow an exponential law.
_PLACE, _TOP_SHARE, _LEAST_BEYOND = 3.0, 0.1, 20


@dataclass(frozen=True)
class Counted:
    """The stories of one family in the past: each was new for every threshold above ``below`` and up to ``key``.

    What a story's contracts reached in the sessions before is not told again. ``weight`` is 1 / sessions of its name,
    so that weights add up to stories a session of the whole watchlist.
    """

    key: NDArray[np.float64]
    below: NDArray[np.float64]
    weight: NDArray[np.float64]

    def rate(self, keys: NDArray[np.float64]) -> NDArray[np.float64]:
        """New stories a session with a key of at least each of ``keys``; NaN for NaN."""
        order = np.argsort(-self.key, kind="stable")
        reached, weight = self.key[order], np.cumsum(self.weight[order])
        old = np.argsort(-self.below, kind="stable")
        told, less = self.below[old], np.cumsum(self.weight[old])

        def counted(x: NDArray[np.float64]) -> NDArray[np.float64]:
            here = np.searchsorted(-reached, -x, side="right")
            gone = np.searchsorted(-told, -x, side="right")
            return np.asarray(np.append(0.0, weight)[here] - np.append(0.0, less)[gone])

        result = counted(keys)
        start, scale = self._tail()
        beyond = np.isfinite(keys) & (keys > start)
        at_start = float(counted(np.array([start]))[0]) if np.isfinite(start) else 0.0
        result[beyond] = at_start * np.exp(-(keys[beyond] - start) / scale)
        return np.where(np.isnan(keys), np.nan, result)

    def _tail(self) -> tuple[float, float]:
        """Where the exponential law begins, and its scale: the mean by which the keys beyond exceed it."""
        fresh = self.key > self.below
        if not fresh.any():
            return -np.inf, 1.0
        order = np.argsort(-self.key[fresh], kind="stable")
        key, weight = self.key[fresh][order], self.weight[fresh][order]
        place = min(_PLACE, _TOP_SHARE * float(weight.sum()))
        last = min(max(int(np.searchsorted(np.cumsum(weight), place)), _LEAST_BEYOND), len(key) - 1)
        start = key[last]
        excess = float(np.average(key[: last + 1] - start, weights=weight[: last + 1]))
        return float(start), max(excess, 0.05)
