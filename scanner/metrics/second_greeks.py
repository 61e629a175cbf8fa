"""Vanna and charm of Black and Scholes (Haug, The Complete Guide to Option Pricing Formulas, 2nd ed., 2.4 and 2.8)."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from scanner.kernels.vector_math import scalar

Floats = NDArray[np.float64]

_ROOT_TWO, _ROOT_TWO_PI = math.sqrt(2.0), math.sqrt(2.0 * math.pi)


@scalar
def vanna_and_charm(
    call: bool, spot: float, forward: float, strike: float, discount: float, years: float, volatility: float
) -> tuple[float, float]:
    """Change of delta per 1.00 of volatility, and per year that passes; NaN where an input is not a positive number."""
    if not (spot > 0.0 and forward > 0.0 and discount > 0.0 and years > 0.0 and volatility > 0.0):
        return math.nan, math.nan
    deviation = volatility * math.sqrt(years)
    d1 = math.log(forward / strike) / deviation + 0.5 * deviation
    d2 = d1 - deviation
    side = 1.0 if call else -1.0
    drift = math.log(forward / spot)
    held = forward * discount / spot
    density = held * math.exp(-0.5 * d1 * d1) / _ROOT_TWO_PI
    chance = 0.5 * math.erfc(-side * d1 / _ROOT_TWO)
    paid = -(drift + math.log(discount)) / years
    decay = density * (2.0 * drift - d2 * deviation) / (2.0 * years * deviation)
    return -density * d2 / volatility, side * paid * held * chance - decay


@scalar
def vannas_and_charms(
    calls: NDArray[np.bool_], spot: Floats, forward: Floats, strike: Floats, discount: Floats, years: Floats,
    volatility: Floats,
) -> tuple[Floats, Floats]:  # fmt: skip
    """:func:`vanna_and_charm` of whole columns."""
    vanna, charm = np.empty(strike.size), np.empty(strike.size)
    for row in range(strike.size):
        vanna[row], charm[row] = vanna_and_charm(
            calls[row], spot[row], forward[row], strike[row], discount[row], years[row], volatility[row]
        )
    return vanna, charm
