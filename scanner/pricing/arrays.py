"""What the pricing kernels take and give: arrays by contract, and the units of the greeks."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanner.kernels.vector_math import scalar

Floats = NDArray[np.float64]
Signs = NDArray[np.int8]
Statuses = NDArray[np.int8]

DAYS_PER_YEAR = 365.0
PER_POINT = 0.01


class Options(NamedTuple):
    """European options on a forward: arrays of one length."""

    sign: Signs
    forward: Floats
    strike: Floats
    years: Floats
    discount: Floats


class Greeks(NamedTuple):
    """Five arrays: delta and gamma per dollar of the spot, vega per point, theta per calendar day, rho per point."""

    delta: Floats
    gamma: Floats
    vega: Floats
    theta: Floats
    rho: Floats


@scalar
def empty_greeks(rows: int) -> Greeks:
    """Room for the greeks of some contracts."""
    return Greeks(np.empty(rows), np.empty(rows), np.empty(rows), np.empty(rows), np.empty(rows))


@scalar
def part_of_options(options: Options, first: int, last: int) -> Options:
    """A range of the options."""
    return Options(
        options.sign[first:last],
        options.forward[first:last],
        options.strike[first:last],
        options.years[first:last],
        options.discount[first:last],
    )


@scalar
def part_of_greeks(greeks: Greeks, first: int, last: int) -> Greeks:
    """A range of the greeks, to be written to."""
    return Greeks(
        greeks.delta[first:last],
        greeks.gamma[first:last],
        greeks.vega[first:last],
        greeks.theta[first:last],
        greeks.rho[first:last],
    )
