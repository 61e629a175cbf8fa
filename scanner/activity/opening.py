"""How likely a volume is to open positions: the chance that open interest rises by at least half of it overnight.

A chain does not tell opening from closing; the next morning's open interest does, too late. What past mornings told of
volumes like this one is a logistic regression: its size beside the open interest and beside its own past, its days to
expiry, how far in the money, its price, how much of what the contract traded lately was opened, how rare the volume is,
and how rare that of the strikes beside it (a spread closes as often as it opens). It ranks alerts that are equally
rare; it is no part of any surprise.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanner.activity.regression import fit_logistic

# Smaller volumes are neither learnt from nor judged: their mornings say little, and no alert rests on one.
LEAST_LOTS = 50
_LEAST_ROWS = 2_000
_UNKNOWN_DELTA = 0.5
_LEAST_PRICE = 0.01
_SMOOTHING = 20.0
_MOST_BESIDE = 3.0
FEATURES = 14


class Traded(NamedTuple):
    """Volumes to be judged, arrays of one length, NaN where a number is not known.

    ``price`` is dollars a share; ``opened`` the share of what the contract traded in five sessions that was opened
    overnight, ``mean`` its own mean of them; ``surprise`` and that of the strikes ``beside`` it are decades.
    """

    volume: NDArray[np.float64]
    open_interest: NDArray[np.float64]
    delta: NDArray[np.float64]
    days: NDArray[np.int64]
    price: NDArray[np.float64]
    opened: NDArray[np.float64]
    mean: NDArray[np.float64]
    surprise: NDArray[np.float64]
    beside: NDArray[np.float64]

    @property
    def usable(self) -> NDArray[np.bool_]:
        """What can be judged: no small volume, none on the last day, none whose open interest is not known."""
        return (self.volume >= LEAST_LOTS) & np.isfinite(self.open_interest) & (self.days >= 1)


def design(traded: Traded) -> NDArray[np.float32]:
    """The regression's rows, shape (rows, FEATURES), all on scales of about one; the first column is the constant.

    A delta or price that is not known counts as 0.5 and as a cent.
    """
    size = np.log(np.maximum(traded.volume, 1.0))
    ratio = np.clip(np.log((traded.volume + 1.0) / (traded.open_interest + 1.0)), -6.0, 9.0)
    depth = np.abs(np.where(np.isfinite(traded.delta), traded.delta, _UNKNOWN_DELTA))
    known_price = np.where(np.isfinite(traded.price), traded.price, _LEAST_PRICE)
    columns = [
        np.ones(len(size)),
        size / 5.0,
        ratio / 3.0,
        np.clip(ratio, -3.0, 0.0),
        depth,
        np.log1p(np.maximum(traded.days, 0)) / 3.0,
        traded.days <= 7,
        np.log(np.maximum(known_price, _LEAST_PRICE)) / 3.0,
        size * depth / 5.0,
        depth**2,
        traded.opened,
        np.log10((traded.volume + _SMOOTHING) / (traded.mean + _SMOOTHING)),
        np.nan_to_num(traded.surprise) / 3.0,
        np.minimum(traded.beside, _MOST_BESIDE) / 2.0,
    ]
    return np.column_stack(columns).astype(np.float32)


def fit_opening(mornings: Iterable[tuple[Traded, NDArray[np.float64]]]) -> NDArray[np.float64] | None:
    """Coefficients (FEATURES,) from past sessions; None with fewer than 2,000 volumes that can be judged.

    Beside the volumes of each session stands how far the open interest of every one rose overnight, NaN where that is
    not known.
    """
    parts, labels = [], []
    for traded, risen in mornings:
        rows = traded.usable & np.isfinite(risen)
        parts.append(design(traded)[rows])
        labels.append(risen[rows] >= 0.5 * traded.volume[rows])
    if sum(map(len, parts)) < _LEAST_ROWS:
        return None
    return fit_logistic(np.concatenate(parts), np.concatenate(labels))


def opening_chance(traded: Traded, coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
    """The chance of each volume; NaN for one that cannot be judged."""
    # Not ``@``: the library behind it keeps its threads spinning for a while, beside those that have work.
    linear = np.einsum("ij,j->i", design(traded), coefficients)
    chance = 1.0 / (1.0 + np.exp(-np.clip(linear, -30.0, 30.0)))
    return np.where(traded.usable, chance, np.nan)
