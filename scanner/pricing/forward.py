"""The implied forward of each expiry, from put-call parity over the tight quotes near the money.

For a European pair ``C - P = discount x (forward - strike)``; each strike gives one forward, and the expiry's is their
robust mean, weighted by how tight the quotes are. American quotes lose their early-exercise premiums first, which
depend on the forward through the yield, so that the two are found in turn. The discount comes from the curve. Where the
quotes tell nothing the forward is derived from the spot, the rate and a dividend yield, and ``forward_source`` says so.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from scanner.pricing import american
from scanner.pricing.black import Floats, Signs, undiscounted_price
from scanner.pricing.parallel import over_groups
from scanner.pricing.status import SOLVED

NONE, PARITY, SPOT = 0, 1, 2

_NEAREST = 10
_ROUNDS = 3
_LARGEST_ERROR = 0.01
_MAD_TO_DEVIATION = 1.4826


class Forwards(NamedTuple):
    """One value an expiry: forward, its source code, and the parity residual (median misfit / forward)."""

    forward: Floats
    source: NDArray[np.int8]
    residual: Floats


@numba.njit(nogil=True, cache=True)
def weighted_median(values: Floats, weights: Floats) -> float:
    """The value with half of the weight below it."""
    order = np.argsort(values)
    half, reached = 0.5 * weights.sum(), 0.0
    for position in order:
        reached += weights[position]
        if reached >= half:
            return float(values[position])
    return math.nan


@numba.njit(nogil=True, cache=True)
def robust_mean(values: Floats, weights: Floats) -> tuple[float, float]:
    """A weighted mean that single wild values cannot move (Tukey's bisquare), and the median misfit around it."""
    centre = weighted_median(values, weights)
    misfit = weighted_median(np.abs(values - centre), weights)
    for _ in range(5):
        reach = 4.685 * max(_MAD_TO_DEVIATION * misfit, 1e-9 * abs(centre))
        total, weight = 0.0, 0.0
        for value, given in zip(values, weights):  # noqa: B905 - numba has no strict
            u = (value - centre) / reach
            if abs(u) < 1.0:
                share = given * (1.0 - u * u) ** 2
                total += share * value
                weight += share
        if weight <= 0.0:
            break
        centre = total / weight
    return centre, weighted_median(np.abs(values - centre), weights)


@numba.njit(nogil=True, cache=True)
def _premium_difference(
    strike: float, call: float, put: float, spot: float, forward: float, years: float, rate: float
) -> float:
    """Early-exercise premium of the call less that of the put, at the out-of-the-money leg's volatility."""
    q = rate - math.log(forward / spot) / years
    if strike >= forward:
        vol, status = american.solve(1.0, call, spot, strike, years, rate, q)
    else:
        vol, status = american.solve(-1.0, put, spot, strike, years, rate, q)
    if status != SOLVED:
        return math.nan
    discount, deviation = math.exp(-rate * years), vol * math.sqrt(years)
    early_call = american.value(1.0, spot, strike, years, rate, q, vol) - discount * undiscounted_price(
        1.0, forward, strike, deviation
    )
    early_put = american.value(-1.0, spot, strike, years, rate, q, vol) - discount * undiscounted_price(
        -1.0, forward, strike, deviation
    )
    return early_call - early_put


@numba.njit(nogil=True, cache=True)
def _fit(
    strike: Floats, call: Floats, put: Floats, width: Floats, years: float, rate: float, spot: float, exercised: bool
) -> tuple[float, float]:
    """Forward and residual of one expiry from its pairs; NaN where they are too few or too wide to tell."""
    growth = math.exp(rate * years)
    raw = strike + (call - put) * growth
    centre = weighted_median(raw, 1.0 / width**2)
    nearest = np.argsort(np.abs(strike - centre))[:_NEAREST]
    strike, call, put, width, raw = strike[nearest], call[nearest], put[nearest], width[nearest], raw[nearest]
    weights = 1.0 / width**2
    forward, misfit = robust_mean(raw, weights)
    if math.sqrt(1.0 / weights.sum()) * growth > _LARGEST_ERROR * forward or not forward > 0.0:
        return math.nan, math.nan
    if exercised:
        adjusted = np.empty_like(raw)
        held = weights.copy()
        for _ in range(_ROUNDS):
            # Without a spot the stock is taken to pay nothing, so that it is worth the discounted forward.
            base = spot if spot > 0.0 else forward / growth
            for i in range(strike.shape[0]):
                premium = _premium_difference(strike[i], call[i], put[i], base, forward, years, rate)
                held[i] = 0.0 if math.isnan(premium) else weights[i]
                adjusted[i] = raw[i] if math.isnan(premium) else raw[i] - premium * growth
            if held.sum() <= 0.0:
                break
            forward, misfit = robust_mean(adjusted, held)
    return forward, misfit / forward


@numba.njit(nogil=True, cache=True)
def _fit_groups(
    first: int,
    last: int,
    offsets: NDArray[np.int64],
    sign: Signs,
    strike: Floats,
    price: Floats,
    half_spread: Floats,
    years: Floats,
    rate: Floats,
    spot: Floats,
    exercised: NDArray[np.bool_],
    forward: Floats,
    source: NDArray[np.int8],
    residual: Floats,
) -> None:
    for group in range(first, last):
        start, stop = offsets[group], offsets[group + 1]
        forward[group], residual[group], source[group] = math.nan, math.nan, NONE
        if not years[group] > 0.0 or math.isnan(rate[group]):
            continue
        pairs = np.empty((4, (stop - start) // 2))
        count = 0
        for row in range(start, stop - 1):
            pair = sign[row] > 0 and sign[row + 1] < 0 and strike[row] == strike[row + 1]
            if pair and price[row] > 0.0 and price[row + 1] > 0.0:
                pairs[0, count], pairs[1, count], pairs[2, count] = strike[row], price[row], price[row + 1]
                pairs[3, count] = half_spread[row] + half_spread[row + 1] + 1e-6 * strike[row]
                count += 1
        if count > 0:
            forward[group], residual[group] = _fit(
                pairs[0, :count],
                pairs[1, :count],
                pairs[2, :count],
                pairs[3, :count],
                years[group],
                rate[group],
                spot[group],
                exercised[group],
            )
            source[group] = PARITY
        if not forward[group] > 0.0:
            forward[group], residual[group] = spot[group] * math.exp(rate[group] * years[group]), math.nan
            source[group] = SPOT if forward[group] > 0.0 else NONE


def fit(
    offsets: NDArray[np.int64],
    sign: Signs,
    strike: Floats,
    price: Floats,
    half_spread: Floats,
    years: Floats,
    rate: Floats,
    spot: Floats,
    exercised: NDArray[np.bool_],
) -> Forwards:
    """Forward of every expiry at once.

    Rows are sorted by expiry, strike and right, call first; ``offsets`` (expiries + 1) are the expiries' row ranges.
    By row: ``sign``, ``strike``, ``price`` (NaN where it must not be used) and ``half_spread`` in dollars. By expiry:
    ``years``, ``rate`` (continuous), ``spot`` (NaN where unknown; less the value of known dividends) and ``exercised``
    (American style).
    """
    groups = offsets.shape[0] - 1
    out = Forwards(np.empty(groups), np.empty(groups, np.int8), np.empty(groups))
    over_groups(_fit_groups, offsets, sign, strike, price, half_spread, years, rate, spot, exercised, *out)
    return out
