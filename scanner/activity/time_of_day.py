"""How much of a session's option volume is usual by a time of day.

Rounded from cumulative volume of single names and index ETFs over two weeks of intraday chains: a third of it is done
after a fifth of the session, two thirds at half time. Contracts on their last day run a little ahead after the morning.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_ELAPSED = np.array([0.0, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.97, 1.0])
_STANDING = np.array([0.005, 0.12, 0.19, 0.33, 0.45, 0.55, 0.64, 0.71, 0.77, 0.83, 0.90, 0.965, 1.0])
_EXPIRING = np.array([0.005, 0.12, 0.19, 0.33, 0.46, 0.57, 0.66, 0.73, 0.80, 0.86, 0.92, 0.97, 1.0])


def share_of_volume(elapsed: float, days: NDArray[np.integer]) -> NDArray[np.float64]:
    """Share of the session's volume usual once ``elapsed`` of it is over, for contracts with ``days`` to expiry."""
    standing, expiring = np.interp(elapsed, _ELAPSED, _STANDING), np.interp(elapsed, _ELAPSED, _EXPIRING)
    return np.asarray(np.where(days <= 0, expiring, standing), np.float64)
