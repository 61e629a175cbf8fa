"""How rare an amount of money is for a name: the chance that a session brings a story with as much premium.

Counted over the name's past sessions, each by its largest story; beyond the third largest the chance follows a Pareto
law. Money says whether something rare is worth a look; it never ranks.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from scanner.activity.ranking.rates import LEAST_SESSIONS

_TOP_SHARE, _LEAST_TOP = 0.25, 3


@dataclass(frozen=True)
class Premiums:
    """The largest premiums of the past sessions of every name, and the law that they follow at their top.

    ``past`` (names, sessions) has them in descending order, NaN behind them; ``count`` (names,) is how many there are,
    the ``top`` of which the law goes by, from ``start`` on and with ``slope`` - arrays by name.
    """

    past: NDArray[np.float64]
    count: NDArray[np.int64]
    top: NDArray[np.int64]
    start: NDArray[np.float64]
    slope: NDArray[np.float64]

    @classmethod
    def of(cls, money: NDArray[np.float64]) -> Self:
        """``money`` (names, sessions) are largest premiums, NaN where a session was not judged."""
        past = -np.sort(-money, axis=1)
        count = np.isfinite(money).sum(axis=1)
        top = np.maximum((_TOP_SHARE * count).astype(np.int64), _LEAST_TOP)
        start, slope = np.ones(len(past)), np.ones(len(past))
        for name in np.flatnonzero(count >= LEAST_SESSIONS):
            largest = np.maximum(past[name, : top[name]], 1.0)
            start[name] = largest[-1]
            slope[name] = 1.0 / np.clip(np.log(largest / start[name]).mean(), 0.2, 3.0)
        return cls(past, count, top, start, slope)

    def surprise(self, premium: NDArray[np.float64], name: NDArray[np.integer]) -> NDArray[np.float64]:
        """-log10 of the chance of at least each premium; NaN where it, or six sessions of its name, are not known.

        A ``name`` beyond those of the past has none.
        """
        result = np.full(len(premium), np.nan)
        rows = np.flatnonzero(np.isfinite(premium) & (name < len(self.count)))
        rows = rows[self.count[name[rows]] >= LEAST_SESSIONS]
        mine, of = premium[rows], name[rows]
        count, top, start = self.count[of], self.top[of], self.start[of]
        larger = (self.past[of] >= mine[:, None]).sum(axis=1)
        beyond = top / count * (np.maximum(mine, start) / start) ** -self.slope[of]
        result[rows] = np.abs(np.log10(np.where(larger >= top, np.minimum(larger / count, 1.0), beyond)))
        return result
