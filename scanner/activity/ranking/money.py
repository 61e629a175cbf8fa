"""How rare an amount of money is for a name: the chance that a session brings a story with as much premium.

Counted over the name's past sessions, each by its largest story; beyond the third largest the chance follows a Pareto
law. Money says whether something rare is worth a look; it never ranks.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanner.activity.ranking.rates import LEAST_SESSIONS

_TOP_SHARE, _LEAST_TOP = 0.25, 3


def surprise_of(
    premium: NDArray[np.float64], name: NDArray[np.integer], money: NDArray[np.float64]
) -> NDArray[np.float64]:
    """-log10 of the chance of at least each premium; NaN where it, or six sessions of its name, are not known.

    ``money`` (names, sessions) are the largest premiums of past sessions, NaN where a session was not judged; a
    ``name`` beyond them has no past.
    """
    result = np.full(len(premium), np.nan)
    # In the order of the names, so that each looks at rows of its own alone.
    order = np.argsort(name, kind="stable")
    numbers, firsts = np.unique(name[order], return_index=True)
    for number, rows in zip(numbers, np.split(order, firsts)[1:], strict=True):
        past = money[number] if number < len(money) else np.empty(0)
        past = np.sort(past[np.isfinite(past)])[::-1]
        mine = rows[np.isfinite(premium[rows])]
        if len(past) >= LEAST_SESSIONS:
            result[mine] = _decades(premium[mine], past)
    return result


def _decades(premium: NDArray[np.float64], past: NDArray[np.float64]) -> NDArray[np.float64]:
    top = max(int(_TOP_SHARE * len(past)), _LEAST_TOP)
    start = max(past[top - 1], 1.0)
    slope = 1.0 / np.clip(np.log(np.maximum(past[:top], 1.0) / start).mean(), 0.2, 3.0)
    larger = np.searchsorted(-past, -premium, side="right")
    chance = np.where(larger >= top, larger / len(past), 0.0)
    beyond = top / len(past) * (np.maximum(premium, start) / start) ** -slope
    return np.abs(np.log10(np.where(larger >= top, np.minimum(chance, 1.0), beyond)))
