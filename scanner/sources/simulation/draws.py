"""Random numbers that belong to a cell - a contract, a session, a purpose - and not to the order of drawing.

A market whose noise came from one running generator would change with every symbol added and every session skipped.
Here a draw is a hash of what it is for, so any contract of any session can be looked at alone and is always the same.
The mixing function is the finaliser of SplitMix64 (Steele, Lea, Flood 2014).
"""

from __future__ import annotations

from enum import IntEnum
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from scanner.kernels.special import ndtri

Floats = NDArray[np.float64]
Keys = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_FIRST = np.uint64(0xBF58476D1CE4E5B9)
_SECOND = np.uint64(0x94D049BB133111EB)


class Purpose(IntEnum):
    """What a draw is for; two purposes never share a number."""

    MARKET_RETURN = 1
    OWN_RETURN = 2
    TURBULENCE = 3
    VOLATILITY = 4
    MARKET_ACTIVITY = 5
    NAME_ACTIVITY = 6
    PUT_TILT = 7
    INTRADAY_SPOT = 8
    CONTRACT_POPULARITY = 9
    CONTRACT_DRIFT = 10
    CONTRACT_DAY = 11
    BLOCK_ARRIVAL = 12
    BLOCK_SIZE = 13
    ROUNDING = 14
    OPENING = 15
    PRINT_TIME = 16
    PRINT_SIZE = 17
    SPREAD = 18
    BID_SIZE = 19
    ASK_SIZE = 20
    LAST_PRICE = 21
    INTEREST = 22


def name_key(text: str) -> int:
    """A stable number for a symbol."""
    return crc32(text.encode())


def key(*parts: Any) -> Keys:
    """Mix integers (scalars or arrays, which broadcast) into one 64-bit key per cell."""
    mixed = np.full(1, _GOLDEN, dtype=np.uint64)
    for part in parts:
        word = np.asarray(part).astype(np.uint64)
        mixed = mixed + word + _GOLDEN
        mixed = (mixed ^ (mixed >> np.uint64(30))) * _FIRST
        mixed = (mixed ^ (mixed >> np.uint64(27))) * _SECOND
        mixed = mixed ^ (mixed >> np.uint64(31))
    return mixed


def uniform(*parts: Any) -> Floats:
    """Uniform draws strictly inside (0, 1), one per cell of the broadcast parts."""
    return np.asarray((key(*parts) >> np.uint64(11)).astype(np.float64) * 2.0**-53 + 2.0**-54)


def normal(*parts: Any) -> Floats:
    """Standard normal draws, one per cell."""
    return np.asarray(ndtri(uniform(*parts)))


def pareto(tail_index: float, *parts: Any) -> Floats:
    """Pareto draws from 1 upwards: the chance to exceed x is x ** -tail_index."""
    return np.asarray(uniform(*parts) ** (-1.0 / tail_index))
