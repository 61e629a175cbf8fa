"""The label of the next morning, and the contracts that are most like those it is asked of.

A flagged contract counts as opened where its open interest rose by at least half of its volume. Unmatched, that label
measures volume; so it is set beside the same label of contracts alike in volume, days to expiry, |delta| and volume/OI.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NEIGHBOURS = 5


def confirmed(
    flagged: NDArray[np.float64], before: NDArray[np.float64], after: NDArray[np.float64]
) -> NDArray[np.float64]:
    """1 where open interest rose by at least half of the flagged volume overnight, 0 where not, NaN where unknown."""
    known = np.isfinite(before) & np.isfinite(after) & (flagged > 0)
    return np.where(known, after - before >= 0.5 * flagged, np.nan)


def matched_random(
    features: NDArray[np.float64], chosen: NDArray[np.int64], allowed: NDArray[np.bool_]
) -> NDArray[np.int64]:
    """The five rows most like each chosen one, shape (chosen, 5), from the allowed ones.

    ``features`` (rows, k) are volume, days to expiry, |delta| and volume/OI on scales where a distance means the same;
    each is divided by its spread over the allowed rows. Raises ValueError with fewer than five allowed rows.
    """
    pool = np.flatnonzero(allowed)
    if len(pool) < NEIGHBOURS:
        raise ValueError(f"{len(pool)} contracts to match from; at least {NEIGHBOURS} are needed")
    spread = np.maximum(features[pool].std(axis=0), 1e-9)
    distance = (((features[chosen][:, None, :] - features[pool][None, :, :]) / spread) ** 2).sum(axis=2)
    return pool[np.argpartition(distance, NEIGHBOURS - 1, axis=1)[:, :NEIGHBOURS]]
