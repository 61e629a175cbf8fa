"""How rare a largest order is: the chance of one at least so large among as many orders in contracts like it.

Contracts are alike that traded about as many orders on a tape: the more orders, the larger the largest. Of each such
tier the largest orders of many contracts and sessions are kept, and the chance is the share of them that are at least
as large, counted as for a rank among exchangeable ones - (1 + how many are) / (1 + how many there are) - as far down as
eight of them are; beyond, it goes on by the Pareto tail that Hill's estimator (Annals of Statistics 3, 1975) finds in
the top of the tier. Sizes are lots, so a name of large orders
needs a reference of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.kernels.columns import nullable

_FEWEST = 100
_TIERS = 12
_COUNTED = 8
_TOP = 0.05
_LARGEST = 20.0


@dataclass(frozen=True)
class Reference:
    """The largest orders of contracts by tier, each ascending; a tier that is too small shares its neighbours'."""

    tiers: tuple[NDArray[np.float64], ...]

    @classmethod
    def of(cls, contracts: pl.DataFrame) -> Reference:
        """Of contracts with ``orders`` and ``largest_order``, of any number of sessions."""
        known = contracts.filter(pl.col("largest_order").is_not_null())
        largest = known["largest_order"].to_numpy().astype(np.float64)
        tier = _tier(known["orders"].to_numpy())
        return cls(tuple(_enough(largest, tier, number) for number in range(_TIERS)))


def surprise(contracts: pl.DataFrame, reference: Reference, *, own: bool) -> pl.Series:
    """``largest_order_surprise``: minus the decimal logarithm of the chance; null where too few are alike, or no order.

    ``own`` says that the contracts are themselves among those of the reference.
    """
    result = np.full(contracts.height, np.nan)
    known = contracts["largest_order"].is_not_null().to_numpy()
    largest = contracts["largest_order"].fill_null(0).to_numpy().astype(np.float64)
    tier = _tier(contracts["orders"].fill_null(0).to_numpy())
    for number, pool in enumerate(reference.tiers):
        mine = known & (tier == number)
        if mine.any() and len(pool) >= _FEWEST:
            result[mine] = _surprise(largest[mine], pool, own=own)
    return nullable("largest_order_surprise", result)


def _surprise(values: NDArray[np.float64], pool: NDArray[np.float64], *, own: bool) -> NDArray[np.float64]:
    above = len(pool) - np.searchsorted(pool, values, side="left")
    counted = (above + (0 if own else 1)) / (len(pool) + (0 if own else 1))
    threshold_rank = max(_COUNTED, round(_TOP * len(pool)))
    threshold = pool[-threshold_rank]
    top = pool[-threshold_rank:]
    # Whole lots: half a lot below keeps ties at the threshold from counting as no tail at all.
    base = max(threshold - 0.5, 0.5)
    index = 1.0 / max(float(np.mean(np.log(top / base))), 1e-3)
    at_base = threshold_rank / len(pool)
    tail = at_base * np.maximum(values / base, 1.0) ** -index
    chance = np.where(above >= _COUNTED, counted, np.minimum(tail, _COUNTED / len(pool)))
    return np.minimum(-np.log10(np.minimum(chance, 1.0)), _LARGEST)


def _tier(orders: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.clip(np.floor(np.log2(np.maximum(orders, 1))).astype(np.int64), 0, _TIERS - 1)


def _enough(largest: NDArray[np.float64], tier: NDArray[np.int64], number: int) -> NDArray[np.float64]:
    """The largest orders of a tier; where they are few, with those of the tiers beside it."""
    for reach in range(_TIERS):
        mine = largest[np.abs(tier - number) <= reach]
        if len(mine) >= _FEWEST:
            return np.sort(mine)
    return np.sort(largest)
