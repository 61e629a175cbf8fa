"""Means that a few wild values cannot move."""

from __future__ import annotations

import math

import numpy as np

from scanner.kernels.compile import kernel
from scanner.pricing.arrays import Floats

MAD_TO_DEVIATION = 1.4826
# Tukey's bisquare forgets what is this many standard deviations off.
BISQUARE = 4.685


@kernel
def weighted_median(values: Floats, weights: Floats) -> float:
    """The value with half of the weight below it."""
    half, reached = 0.5 * weights.sum(), 0.0
    for position in np.argsort(values):
        reached += weights[position]
        if reached >= half:
            return float(values[position])
    return math.nan


@kernel
def robust_mean(values: Floats, weights: Floats) -> tuple[float, float]:
    """A weighted mean that single wild values cannot move (Tukey's bisquare), and the median misfit around it."""
    centre = weighted_median(values, weights)
    misfit = weighted_median(np.abs(values - centre), weights)
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
    return centre, weighted_median(np.abs(values - centre), weights)
