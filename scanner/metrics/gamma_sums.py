"""What open interest adds up to by name, and the strikes with the most gamma: one pass over the rows."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from scanner.kernels.compile import kernel
from scanner.kernels.vector_math import bits_of
from scanner.metrics.second_greeks import vanna_and_charm

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

# A move of the price, a point of volatility, and days in a year: what exposures are told for.
ONE_PERCENT, ONE_POINT, DAYS = 0.01, 0.01, 365.0
# The columns of the sums. Dollars of gamma, delta, vanna and charm, calls for and puts against; gamma x open interest
# of all, of calls, of what goes with the next monthly expiry, with the very next one, and of that the calls; dollars
# open, and with the monthly.
EXPOSURES = ("gex", "delta_exposure", "vanna_exposure", "charm_exposure")
SUMS = (*EXPOSURES, "gamma", "calls", "monthly", "next", "next_calls", "notional_oi", "notional_expiring")
_GEX, _DELTA, _VANNA, _CHARM, _ALL, _CALLS, _MONTHLY, _NEXT, _NEXT_CALLS, _NOTIONAL, _NOTIONAL_MONTHLY = range(
    len(SUMS)
)
# An odd number with its bits well spread (Fibonacci hashing), and where the best of them are.
_SPREAD, _HIGH_BITS = np.uint64(0x9E3779B97F4A7C15), np.uint64(32)


@kernel
def _add(sums: Floats, place: int, value: float) -> None:
    """Add what is known; a sum of nothing known stays NaN."""
    if not math.isnan(value):
        sums[place] = value if math.isnan(sums[place]) else sums[place] + value


@kernel
def _place(keys: Floats, strike: float) -> int:
    """Where a strike is, or belongs, in a table at least twice as long as there are strikes; NaN is a free place."""
    mask = keys.size - 1
    place = int((np.uint64(bits_of(strike)) * _SPREAD) >> _HIGH_BITS) & mask
    while not math.isnan(keys[place]) and keys[place] != strike:
        place = (place + 1) & mask
    return place


@kernel
def _wall(strikes: Floats, weights: Floats) -> float:
    """The strike with the most weight, the lowest of several; NaN where none has any."""
    best, wall = 0.0, math.nan
    for place in range(strikes.size):
        if weights[place] > best or (weights[place] == best and strikes[place] < wall):
            best, wall = weights[place], strikes[place]
    return wall


@kernel
def sum_names(
    first: int, last: int, rows: NDArray[np.int64], offsets: NDArray[np.int64], segments: NDArray[np.int64],
    is_next: Flags, is_monthly: Flags, on_future: Flags, calls: Flags, strike: Floats, spot: Floats, forward: Floats,
    discount: Floats, years: Floats, volatility: Floats, gamma: Floats, delta: Floats, open_interest: Floats,
    lots: Floats, sums: Floats, walls: Floats,
) -> None:  # fmt: skip
    """Fill ``sums`` (columns ``SUMS``) and ``walls`` (calls, puts) of the names ``first`` to ``last``.

    ``segments`` are ranges of rows, those of a name between its ``offsets``, with flags of when they expire; ``rows``
    are a name's rows in all, summed up. Columns are float64 by row, NaN where a value is missing; ``lots`` is open
    interest x multiplier. Names ``on_future`` are hedged with different futures, whose gammas add up by percent.
    """
    for name in range(first, last):
        size = 2
        while size < 2 * (rows[name + 1] - rows[name]):
            size *= 2
        strikes, weights = np.full(size, math.nan), np.zeros((2, size))
        total = sums[name]
        for segment in range(offsets[name], offsets[name + 1]):
            for row in range(segments[segment, 0], segments[segment, 1]):
                hedge = forward[row] if on_future[name] else spot[row]
                dollars = gamma[row] * lots[row] * hedge**2 * ONE_PERCENT
                weight = gamma[row] * open_interest[row] * (forward[row] ** 2 if on_future[name] else 1.0)
                notional = lots[row] * spot[row]
                side = 1.0 if calls[row] else -1.0
                _add(total, _GEX, side * dollars)
                _add(total, _DELTA, side * delta[row] * lots[row] * hedge)
                if lots[row] > 0.0:
                    vanna, charm = vanna_and_charm(
                        calls[row], hedge, forward[row], strike[row], discount[row], years[row], volatility[row]
                    )
                    _add(total, _VANNA, side * vanna * lots[row] * hedge * ONE_POINT)
                    _add(total, _CHARM, side * charm * lots[row] * hedge / DAYS)
                _add(total, _ALL, weight)
                _add(total, _NOTIONAL, notional)
                if is_monthly[segment]:
                    _add(total, _MONTHLY, weight)
                    _add(total, _NOTIONAL_MONTHLY, notional)
                if is_next[segment]:
                    _add(total, _NEXT, weight)
                if calls[row]:
                    _add(total, _CALLS, weight)
                    if is_next[segment]:
                        _add(total, _NEXT_CALLS, weight)
                if weight > 0.0:
                    place = _place(strikes, strike[row])
                    strikes[place] = strike[row]
                    weights[0 if calls[row] else 1, place] += weight
        walls[name, 0], walls[name, 1] = _wall(strikes, weights[0]), _wall(strikes, weights[1])
