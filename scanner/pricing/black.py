"""European options on a forward: price, implied volatility and greeks (Black 1976), arrays in and arrays out.

Every array is one-dimensional, of one length and float64; ``sign`` is int8, +1 for a call and -1 for a put. Nothing is
raised for a row that cannot be priced: its result is NaN, and :func:`implied_volatility` says why in a status code of
:mod:`scanner.pricing.status`. The kernels hold no lock (``nogil``), so that threads may share the work.

Units: prices, forwards and strikes in dollars, years ACT/365, discount a factor, volatility a decimal fraction per
square root of a year; vega per volatility point, theta per calendar day, rho per point of the interest rate.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
from numpy.typing import NDArray

from scanner.pricing.status import (
    ABOVE_BOUND,
    BELOW_INTRINSIC,
    EXPIRED,
    MAX_VOLATILITY,
    NO_INPUT,
    SOLVED,
    UNIDENTIFIABLE,
)

Floats = NDArray[np.float64]
Signs = NDArray[np.int8]
Statuses = NDArray[np.int8]

DAYS_PER_YEAR = 365.0
PER_POINT = 0.01
_ROOT_HALF = math.sqrt(0.5)
_ROOT_TWO_PI = math.sqrt(2.0 * math.pi)
_TOLERANCE = 1e-13
_MAX_STEPS = 100


class Greeks(NamedTuple):
    """Five arrays: delta and gamma per dollar of the spot, vega per point, theta per calendar day, rho per point."""

    delta: Floats
    gamma: Floats
    vega: Floats
    theta: Floats
    rho: Floats


@numba.njit(nogil=True, cache=True, inline="always")
def normal_cdf(x: float) -> float:
    """The standard normal distribution function, accurate in both tails."""
    return 0.5 * math.erfc(-x * _ROOT_HALF)


@numba.njit(nogil=True, cache=True, inline="always")
def normal_pdf(x: float) -> float:
    """The standard normal density."""
    return math.exp(-0.5 * x * x) / _ROOT_TWO_PI


@numba.njit(nogil=True, cache=True)
def undiscounted_price(sign: float, forward: float, strike: float, deviation: float) -> float:
    """Black's price without the discount factor; ``deviation`` is volatility times the square root of the years."""
    if deviation <= 0.0:
        return max(sign * (forward - strike), 0.0)
    d1 = math.log(forward / strike) / deviation + 0.5 * deviation
    return sign * (forward * normal_cdf(sign * d1) - strike * normal_cdf(sign * (d1 - deviation)))


@numba.njit(nogil=True, cache=True)
def implied_deviation(time_value: float, forward: float, strike: float) -> float:
    """Total volatility (volatility x sqrt(years)) of an undiscounted out-of-the-money price; NaN where there is none.

    Newton's method on the logarithm of the price, which is concave in the total volatility, kept inside a bracket.
    """
    out_of_the_money = 1.0 if strike >= forward else -1.0
    most = forward if out_of_the_money > 0 else strike
    if not 0.0 < time_value < most:
        return math.nan
    target = math.log(time_value)
    low, high = 0.0, math.inf
    # The inflection of the price in the total volatility; at the money, the leading term of its expansion.
    distance = math.log(forward / strike)
    deviation = max(math.sqrt(2.0 * abs(distance)), _ROOT_TWO_PI * time_value / (forward + strike) * 2.0)
    for _ in range(_MAX_STEPS):
        price = undiscounted_price(out_of_the_money, forward, strike, deviation)
        if price < time_value:
            low = deviation
        else:
            high = deviation
        vega = forward * normal_pdf(distance / deviation + 0.5 * deviation)
        following = math.nan
        if price > 0.0 and vega > 0.0:
            following = deviation - (math.log(price) - target) * price / vega
        if not low < following < high:
            following = 2.0 * deviation if high == math.inf else 0.5 * (low + high)
        if abs(following - deviation) <= _TOLERANCE * following:
            return following
        deviation = following
    return deviation


@numba.njit(nogil=True, cache=True)
def _solve(
    sign: float, price: float, forward: float, strike: float, years: float, discount: float
) -> tuple[float, int]:
    if not (forward > 0.0 and strike > 0.0 and discount > 0.0) or math.isnan(price + years):
        return math.nan, NO_INPUT
    if years <= 0.0:
        return math.nan, EXPIRED
    undiscounted = price / discount
    time_value = undiscounted - max(sign * (forward - strike), 0.0)
    rounding = 4e-16 * max(undiscounted, forward, strike)
    if time_value < -rounding:
        return math.nan, BELOW_INTRINSIC
    if undiscounted >= (forward if sign > 0 else strike):
        return math.nan, ABOVE_BOUND
    if time_value <= rounding and (sign * (forward - strike) > 0.0 or time_value <= 0.0):
        return math.nan, UNIDENTIFIABLE
    volatility = implied_deviation(time_value, forward, strike) / math.sqrt(years)
    if volatility > MAX_VOLATILITY:
        return math.nan, ABOVE_BOUND
    if not volatility > 0.0:
        return math.nan, UNIDENTIFIABLE
    return volatility, SOLVED


@numba.njit(nogil=True, cache=True)
def _price_rows(
    sign: Signs, forward: Floats, strike: Floats, years: Floats, discount: Floats, volatility: Floats, out: Floats
) -> None:
    for row in range(sign.shape[0]):
        deviation = volatility[row] * math.sqrt(max(years[row], 0.0))
        out[row] = discount[row] * undiscounted_price(float(sign[row]), forward[row], strike[row], deviation)


@numba.njit(nogil=True, cache=True)
def _solve_rows(
    sign: Signs,
    price: Floats,
    forward: Floats,
    strike: Floats,
    years: Floats,
    discount: Floats,
    out: Floats,
    status: Statuses,
) -> None:
    for row in range(sign.shape[0]):
        out[row], status[row] = _solve(
            float(sign[row]), price[row], forward[row], strike[row], years[row], discount[row]
        )


@numba.njit(nogil=True, cache=True)
def _greek_rows(
    sign: Signs,
    spot: Floats,
    forward: Floats,
    strike: Floats,
    years: Floats,
    discount: Floats,
    volatility: Floats,
    out: Floats,
) -> None:
    for row in range(sign.shape[0]):
        t, vol, side = years[row], volatility[row], float(sign[row])
        if not (t > 0.0 and vol > 0.0 and forward[row] > 0.0 and spot[row] > 0.0):
            out[:, row] = math.nan
            continue
        deviation = vol * math.sqrt(t)
        d1 = math.log(forward[row] / strike[row]) / deviation + 0.5 * deviation
        d2 = d1 - deviation
        rate = -math.log(discount[row]) / t
        yielded = rate - math.log(forward[row] / spot[row]) / t
        held = forward[row] * discount[row]
        owed = strike[row] * discount[row]
        density = normal_pdf(d1)
        out[0, row] = side * held / spot[row] * normal_cdf(side * d1)
        out[1, row] = held / spot[row] * density / (spot[row] * deviation)
        out[2, row] = held * density * math.sqrt(t) * PER_POINT
        decay = -held * density * vol / (2.0 * math.sqrt(t))
        carry = side * (yielded * held * normal_cdf(side * d1) - rate * owed * normal_cdf(side * d2))
        out[3, row] = (decay + carry) / DAYS_PER_YEAR
        out[4, row] = side * owed * t * normal_cdf(side * d2) * PER_POINT


def price(sign: Signs, forward: Floats, strike: Floats, years: Floats, discount: Floats, volatility: Floats) -> Floats:
    """Price of European options, dollars; NaN where an input is NaN."""
    out = np.empty(sign.shape[0])
    _price_rows(sign, forward, strike, years, discount, volatility, out)
    return out


def implied_volatility(
    sign: Signs, price: Floats, forward: Floats, strike: Floats, years: Floats, discount: Floats
) -> tuple[Floats, Statuses]:
    """Volatility that gives each price, and a status; NaN wherever the status is not ``SOLVED``.

    The contract is folded to its out-of-the-money leg by put-call parity first, so that a call and a put of the same
    strike with consistent prices give the same number.
    """
    out, status = np.empty(sign.shape[0]), np.empty(sign.shape[0], np.int8)
    _solve_rows(sign, price, forward, strike, years, discount, out, status)
    return out, status


def greeks(
    sign: Signs,
    spot: Floats,
    forward: Floats,
    strike: Floats,
    years: Floats,
    discount: Floats,
    volatility: Floats,
) -> Greeks:
    """Delta, gamma, vega, theta and rho with rate and yield as implied by ``discount`` and ``forward / spot``."""
    out = np.empty((5, sign.shape[0]))
    _greek_rows(sign, spot, forward, strike, years, discount, volatility, out)
    return Greeks(*out)
