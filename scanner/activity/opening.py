"""How likely a volume is to open positions: the chance that open interest rises by at least half of it overnight.

A chain does not tell opening from closing; the next morning's open interest does, too late. What past mornings told of
volumes like this one (its size beside the open interest, its days to expiry, how far in the money, its price) is a
logistic regression. It ranks alerts that are equally rare; it is no part of any surprise.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanner.activity.geometry import Places
from scanner.activity.regression import fit_logistic
from scanner.history.panel import Panel

# Smaller volumes are neither learnt from nor judged: their mornings say little, and no alert rests on one.
LEAST_LOTS = 50
_LEAST_ROWS = 2_000
_UNKNOWN_DELTA = 0.5
_LEAST_PRICE = 0.01
FEATURES = 9


def design(
    volume: NDArray[np.floating],
    open_interest: NDArray[np.floating],
    delta: NDArray[np.floating],
    days: NDArray[np.integer],
    price: NDArray[np.floating],
) -> NDArray[np.float32]:
    """The regression's rows, shape (rows, FEATURES), all on scales of about one; the first column is the constant.

    ``price`` is dollars a share; a ``delta`` or price that is not known counts as 0.5 and as a cent.
    """
    size = np.log(np.maximum(volume, 1.0))
    ratio = np.clip(np.log((volume + 1.0) / (open_interest + 1.0)), -6.0, 9.0)
    depth = np.abs(np.where(np.isfinite(delta), delta, _UNKNOWN_DELTA))
    known_price = np.where(np.isfinite(price), price, _LEAST_PRICE)
    columns = [
        np.ones(len(size)),
        size / 5.0,
        ratio / 3.0,
        np.clip(ratio, -3.0, 0.0),
        depth,
        np.log1p(np.maximum(days, 0)) / 3.0,
        days <= 7,
        np.log(np.maximum(known_price, _LEAST_PRICE)) / 3.0,
        size * depth / 5.0,
    ]
    return np.column_stack(columns).astype(np.float32)


def fit_opening(panel: Panel, places: Places) -> NDArray[np.float64] | None:
    """Coefficients (FEATURES,) from a panel's mornings; None with fewer than 2,000 volumes of at least 50 lots.

    A volume counts where it did not expire and the open interest of its own and of the next session are known, each as
    of the close before.
    """
    parts, labels = [], []
    days = np.array(panel.sessions, "datetime64[D]")
    for session in range(len(panel.sessions) - 1):
        volume, before = panel.volume[:, session], panel.open_interest[:, session]
        after = panel.open_interest[:, session + 1]
        left = places.expiry - days[session].astype(np.int32)
        asof = panel.oi_asof[:, session + 1]
        told = (np.isnat(asof) | (asof == days[session]))[places.underlying]
        usable = (volume >= LEAST_LOTS) & (left >= 1) & np.isfinite(before) & np.isfinite(after) & told
        rows = np.flatnonzero(usable)
        parts.append(
            design(volume[rows], before[rows], panel.delta[rows, session], left[rows], panel.mid[rows, session])
        )
        labels.append(after[rows] - before[rows] >= 0.5 * volume[rows])
    count = sum(map(len, parts))
    if count < _LEAST_ROWS:
        return None
    return fit_logistic(np.concatenate(parts), np.concatenate(labels))


def opening_chance(rows: NDArray[np.float32], coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
    """The chance of each row of :func:`design`."""
    # Not ``@``: the library behind it keeps its threads spinning for a while, beside those that have work.
    linear = np.einsum("ij,j->i", rows, coefficients)
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(linear, -30.0, 30.0))), np.float64)
