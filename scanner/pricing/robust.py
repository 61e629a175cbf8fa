"""Means that a few wild values cannot move.

In plain loops: each of numpy's functions would take longer to compile than all of this.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from scanner.kernels.compile import kernel
from scanner.pricing.arrays import Floats

MAD_TO_DEVIATION = 1.4826
# Tukey's bisquare forgets what is this many standard deviations off.
BISQUARE = 4.685


@kernel
def _order(values: Floats) -> NDArray[np.int64]:
    """Positions of the values from the least to the largest; there are few, and most stand in order."""
    order = np.empty(values.shape[0], np.int64)
    for i in range(values.shape[0]):
        j = i
        while j > 0 and values[order[j - 1]] > values[i]:
            order[j] = order[j - 1]
            j -= 1
        order[j] = i
    return order


@kernel
def weighted_median(values: Floats, weights: Floats) -> float:
    """The value with half of the weight below it."""
    total, reached = 0.0, 0.0
    for i in range(weights.shape[0]):
        total += weights[i]
    for position in _order(values):
        reached += weights[position]
        if reached >= 0.5 * total:
            return float(values[position])
    return math.nan


@kernel
def _median_misfit(values: Floats, weights: Floats, centre: float) -> float:
    misfit = np.empty(values.shape[0])
    for i in range(values.shape[0]):
        misfit[i] = abs(values[i] - centre)
    return weighted_median(misfit, weights)


@kernel
def robust_mean(values: Floats, weights: Floats) -> tuple[float, float]:
    """A weighted mean that single wild values cannot move (Tukey's bisquare), and the median misfit around it."""
    centre = weighted_median(values, weights)
    misfit = _median_misfit(values, weights, centre)
    for _ in range(5):
        reach = BISQUARE * max(MAD_TO_DEVIATION * misfit, 1e-9 * abs(centre))
        total, weight = 0.0, 0.0
        for i in range(values.shape[0]):
            u = (values[i] - centre) / reach
            if abs(u) < 1.0:
                share = weights[i] * (1.0 - u * u) ** 2
                total += share * values[i]
                weight += share
        if weight <= 0.0:
            break
        centre = total / weight
    return centre, _median_misfit(values, weights, centre)
