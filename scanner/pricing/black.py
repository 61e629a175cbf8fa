"""European options on a forward: price, implied volatility and greeks (Black 1976), arrays in and arrays out.

Every array is one-dimensional, contiguous, of one length and float64; ``sign`` is int8, +1 for a call and -1 for a
put. Nothing is raised for a row that cannot be priced: its result is NaN, and :func:`implied_volatility` says why in a
status code of :mod:`scanner.pricing.status`. The kernels hold no lock (``nogil``), so that threads may share the work.

Units: prices, forwards and strikes in dollars, years ACT/365, discount a factor, volatility a decimal fraction per
square root of a year; vega per volatility point, theta per calendar day, rho per point of the interest rate.

How it is fast: a row is folded to its out-of-the-money leg, a rational function of two coordinates of the price gives
the total volatility to 4e-4 inside a stated region, and one step of Householder's method of fourth order on the
logarithm of the price leaves about 1e-13 of it. That loop has no branch and becomes vector instructions. Rows outside
the region are masked, and go through :mod:`scanner.pricing.normalised` one by one.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanner.pricing.normalised import ROOT_TWO_PI, implied_deviation, undiscounted_price
from scanner.pricing.status import (
    ABOVE_BOUND,
    BELOW_INTRINSIC,
    EXPIRED,
    MAX_VOLATILITY,
    NO_INPUT,
    SOLVED,
    UNIDENTIFIABLE,
)
from scanner.pricing.vector_math import (
    exp,
    inlined,
    log,
    mills_polynomial,
    prefer_wide_vectors,
    rough_log,
    scalar,
    vectorised,
)

Floats = NDArray[np.float64]
Signs = NDArray[np.int8]
Statuses = NDArray[np.int8]

DAYS_PER_YEAR = 365.0
PER_POINT = 0.01
_ROOT_HALF = math.sqrt(0.5)
_PER_ROOT_TWO_PI = 1.0 / ROOT_TWO_PI
# Rows taken through all passes together, so that they stay in the first-level cache.
_BLOCK = 1024
_ROUNDING = 4e-16


class Greeks(NamedTuple):
    """Five arrays: delta and gamma per dollar of the spot, vega per point, theta per calendar day, rho per point."""

    delta: Floats
    gamma: Floats
    vega: Floats
    theta: Floats
    rho: Floats


@scalar
def normal_cdf(x: float) -> float:
    """The standard normal distribution function, accurate in both tails."""
    return 0.5 * math.erfc(-x * _ROOT_HALF)


@scalar
def normal_pdf(x: float) -> float:
    """The standard normal density."""
    return math.exp(-0.5 * x * x) * _PER_ROOT_TWO_PI


@inlined
def guessed_deviation(distance: float, share: float, price: float) -> float:
    """Total volatility to 4e-4, for abs(ln(forward/strike)) <= 2.5, up to 7 deviations out, and deviations to 6.

    ``share`` is the price over its bound, ``price`` the normalised one. Fitted by weighted least squares, iterated
    towards the smallest largest error, to the exact solution on a grid of deviations from 0.002 to 6.
    """
    a = math.sqrt(1.0 - 2.0 * rough_log(price / (price + _PER_ROOT_TWO_PI * distance))) - 1.0
    b = distance - 2.0 * rough_log(1.0 - share)
    n0 = 1.2537595133984232 + b * (
        0.4488135670863262 + b * (0.04424046133129839 + b * (0.0032012678079931392 - b * 3.650817584827488e-05))
    )
    n1 = b * (-0.3124311227501679 + b * (-0.01657460056632736 + b * 0.0002485582682097998)) - 0.028989103924645446
    n2 = 0.07035131033560837 + b * (0.06350831002289202 + b * 0.002121266346806149)
    n3 = 0.09195172184399307 - b * 0.004167036613596868
    d0 = 1.0 + b * (
        0.6089050879753011 + b * (0.08230528795118808 + b * (0.008253168837442598 + b * 4.149724269529145e-05))
    )
    d1 = b * (-0.28123333794222144 + b * (-0.05641851386111716 + b * 3.915404851628081e-05)) - 0.015855630585322803
    d2 = 0.5247936720694351 + b * (0.015398464759799814 + b * 0.013024457350209908)
    d3 = b * 0.0006221275098132476 - 0.11037615915961983
    numerator = n0 + a * (n1 + a * (n2 + a * (n3 + a * 0.0013565974595973825)))
    denominator = d0 + a * (d1 + a * (d2 + a * (d3 + a * 0.12160733676563736)))
    return b * numerator / denominator


@vectorised
def _solve_fast(
    sign: Signs,
    price: Floats,
    forward: Floats,
    strike: Floats,
    years: Floats,
    discount: Floats,
    out: Floats,
) -> None:
    """Volatilities where the fast region holds them, NaN everywhere else. No branch, so that it becomes vectors."""
    prefer_wide_vectors()
    for row in range(out.shape[0]):
        f, k, factor = forward[row], strike[row], discount[row]
        low, high = min(f, k), max(f, k)
        ratio = low / high
        x, root = -log(ratio), math.sqrt(ratio)
        share = (price[row] - factor * max(sign[row] * (f - k), 0.0)) / (factor * low)
        wanted = share * root
        s = guessed_deviation(x, share, wanted)

        inverse = 1.0 / s
        h, t = x * inverse, 0.5 * s
        density = exp(-0.5 * (h * h + t * t))
        near, far = abs(h - t) + 5.0, h + t + 5.0
        both = 1.0 / (near * far)
        near_tail = both * far * mills_polynomial(both * far)
        far_tail = both * near * mills_polynomial(both * near)
        outside = 0.5 * density * (near_tail - far_tail)
        inside = root - 0.5 * density * (near_tail + far_tail)
        reached = outside if h > t else inside

        # ln(reached / wanted) as 2 atanh: the guess leaves at most a few per cent.
        off = (reached - wanted) / (reached + wanted)
        z = off * off
        gap = 2.0 * off * (1.0 + z * (1.0 / 3.0 + z * (0.2 + z * (1.0 / 7.0))))
        vega = density * _PER_ROOT_TWO_PI
        shared = 1.0 / (reached * vega)
        slope, newton = vega * vega * shared, -gap * reached * reached * shared
        steep = h * inverse
        bend = x * steep * inverse - 0.25 * s
        gamma = bend - slope
        third = bend * bend - 3.0 * steep * steep - 0.25 - 3.0 * slope * bend + 2.0 * slope * slope
        step = newton * (1.0 + 0.5 * gamma * newton) / (1.0 + newton * (gamma + third * newton * (1.0 / 6.0)))

        fitted = (x <= 2.5) & (h <= 7.0) & (s >= 0.002) & (s <= 6.0) & (share > 0.0) & (share < 1.0)
        near_enough = (abs(off) < 0.03) & (abs(step) < 0.004 * s)
        sane = (
            (low > 0.0)
            & (factor > 0.0)
            & (years[row] > 0.0)
            & (years[row] < math.inf)
            & (s + step <= MAX_VOLATILITY * math.sqrt(years[row]))
        )
        out[row] = (s + step) / math.sqrt(years[row]) if fitted & near_enough & sane else math.nan


@scalar
def _solve(
    sign: float, price: float, forward: float, strike: float, years: float, discount: float
) -> tuple[float, int]:
    """One volatility, or NaN, and the status."""
    usable = 0.0 < forward < math.inf and 0.0 < strike < math.inf and 0.0 < discount < math.inf
    if not usable or not math.isfinite(price + years):
        return math.nan, NO_INPUT
    if years <= 0.0:
        return math.nan, EXPIRED
    undiscounted = price / discount
    intrinsic = max(sign * (forward - strike), 0.0)
    time_value = undiscounted - intrinsic
    rounding = _ROUNDING * max(undiscounted, forward, strike)
    if time_value < -rounding:
        return math.nan, BELOW_INTRINSIC
    if undiscounted >= (forward if sign > 0 else strike) or time_value >= min(forward, strike):
        return math.nan, ABOVE_BOUND
    if time_value <= 0.0 or (time_value <= rounding and intrinsic > 0.0):
        return math.nan, UNIDENTIFIABLE
    volatility = implied_deviation(time_value, forward, strike) / math.sqrt(years)
    if volatility > MAX_VOLATILITY:
        return math.nan, ABOVE_BOUND
    if not volatility > 0.0:
        return math.nan, UNIDENTIFIABLE
    return volatility, SOLVED


@scalar
def _solve_block(
    sign: Signs,
    price: Floats,
    forward: Floats,
    strike: Floats,
    years: Floats,
    discount: Floats,
    out: Floats,
    status: Statuses,
) -> None:
    """The fast loop, then the careful path for what it left."""
    _solve_fast(sign, price, forward, strike, years, discount, out)
    for row in range(out.shape[0]):
        status[row] = SOLVED
        if math.isnan(out[row]):
            out[row], status[row] = _solve(
                float(sign[row]), price[row], forward[row], strike[row], years[row], discount[row]
            )


@scalar
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
    for start in range(0, out.shape[0], _BLOCK):
        b = slice(start, min(start + _BLOCK, out.shape[0]))
        _solve_block(sign[b], price[b], forward[b], strike[b], years[b], discount[b], out[b], status[b])


@vectorised
def _greeks_fast(
    sign: Signs,
    spot: Floats,
    forward: Floats,
    strike: Floats,
    years: Floats,
    discount: Floats,
    volatility: Floats,
    delta: Floats,
    gamma: Floats,
    vega: Floats,
    theta: Floats,
    rho: Floats,
) -> None:
    """Greeks up to eight deviations from the forward; a delta of NaN marks the rows left out."""
    prefer_wide_vectors()
    for row in range(delta.shape[0]):
        side, t, factor = float(sign[row]), years[row], discount[row]
        root_years, per_spot = math.sqrt(t), 1.0 / spot[row]
        ratio = forward[row] / strike[row]
        s = volatility[row] * root_years
        inverse = 1.0 / s
        d1 = log(ratio) * inverse + 0.5 * s
        d2 = d1 - s
        density = exp(-0.5 * d1 * d1)
        first, second = abs(d1) + 5.0, abs(d2) + 5.0
        both = 1.0 / (first * second)
        tail1 = 0.5 * density * (both * second) * mills_polynomial(both * second)
        tail2 = 0.5 * density * ratio * (both * first) * mills_polynomial(both * first)
        chance1 = 1.0 - tail1 if side * d1 > 0.0 else tail1
        chance2 = 1.0 - tail2 if side * d2 > 0.0 else tail2
        held = forward[row] * factor
        owed = strike[row] * factor
        weight = held * density * _PER_ROOT_TWO_PI
        # Rate and yield, each times the years: the decay below is divided by them once.
        accrued = -log(factor)
        paid = accrued - log(forward[row] * per_spot)
        carry = side * (paid * held * chance1 - accrued * owed * chance2)
        known = (abs(d1) <= 8.0) & (abs(d2) <= 8.0) & (t > 0.0) & (factor > 0.0) & (spot[row] > 0.0)
        delta[row] = side * held * per_spot * chance1 if known else math.nan
        gamma[row] = weight * per_spot * per_spot * inverse
        vega[row] = weight * root_years * PER_POINT
        theta[row] = (carry - 0.5 * weight * s) / (t * DAYS_PER_YEAR)
        rho[row] = side * owed * t * chance2 * PER_POINT


@scalar
def _greeks(
    side: float, spot: float, forward: float, strike: float, t: float, discount: float, vol: float
) -> tuple[float, float, float, float, float]:
    """Greeks of one contract; NaN where an input is missing."""
    if not (t > 0.0 and vol > 0.0 and forward > 0.0 and spot > 0.0 and strike > 0.0 and discount > 0.0):
        return math.nan, math.nan, math.nan, math.nan, math.nan
    deviation = vol * math.sqrt(t)
    d1 = math.log(forward / strike) / deviation + 0.5 * deviation
    chance1, chance2 = normal_cdf(side * d1), normal_cdf(side * (d1 - deviation))
    rate = -math.log(discount) / t
    yielded = rate - math.log(forward / spot) / t
    held, owed = forward * discount, strike * discount
    weight = held * normal_pdf(d1)
    carry = side * (yielded * held * chance1 - rate * owed * chance2)
    return (
        side * held / spot * chance1,
        weight / (spot * spot * deviation),
        weight * math.sqrt(t) * PER_POINT,
        (carry - weight * vol / (2.0 * math.sqrt(t))) / DAYS_PER_YEAR,
        side * owed * t * chance2 * PER_POINT,
    )


@scalar
def _greek_rows(
    sign: Signs,
    spot: Floats,
    forward: Floats,
    strike: Floats,
    years: Floats,
    discount: Floats,
    volatility: Floats,
    delta: Floats,
    gamma: Floats,
    vega: Floats,
    theta: Floats,
    rho: Floats,
) -> None:
    _greeks_fast(sign, spot, forward, strike, years, discount, volatility, delta, gamma, vega, theta, rho)
    for row in range(delta.shape[0]):
        if math.isnan(delta[row]):
            delta[row], gamma[row], vega[row], theta[row], rho[row] = _greeks(
                float(sign[row]), spot[row], forward[row], strike[row], years[row], discount[row], volatility[row]
            )


@scalar
def _both_rows(
    sign: Signs,
    price: Floats,
    spot: Floats,
    forward: Floats,
    strike: Floats,
    years: Floats,
    discount: Floats,
    out: Floats,
    status: Statuses,
    delta: Floats,
    gamma: Floats,
    vega: Floats,
    theta: Floats,
    rho: Floats,
) -> None:
    for start in range(0, out.shape[0], _BLOCK):
        b = slice(start, min(start + _BLOCK, out.shape[0]))
        _solve_block(sign[b], price[b], forward[b], strike[b], years[b], discount[b], out[b], status[b])
        terms = (sign[b], spot[b], forward[b], strike[b], years[b], discount[b], out[b])
        _greek_rows(*terms, delta[b], gamma[b], vega[b], theta[b], rho[b])


@scalar
def _price_rows(
    sign: Signs, forward: Floats, strike: Floats, years: Floats, discount: Floats, volatility: Floats, out: Floats
) -> None:
    for row in range(sign.shape[0]):
        out[row] = math.nan
        if forward[row] > 0.0 and strike[row] > 0.0 and volatility[row] >= 0.0:
            deviation = volatility[row] * math.sqrt(max(years[row], 0.0))
            out[row] = discount[row] * undiscounted_price(float(sign[row]), forward[row], strike[row], deviation)


def price(sign: Signs, forward: Floats, strike: Floats, years: Floats, discount: Floats, volatility: Floats) -> Floats:
    """Price of European options, dollars; NaN where an input is NaN. Accurate in the far wings too."""
    out = np.empty(sign.shape[0])
    _price_rows(sign, forward, strike, years, discount, volatility, out)
    return out


def implied_volatility(
    sign: Signs,
    price: Floats,
    forward: Floats,
    strike: Floats,
    years: Floats,
    discount: Floats,
) -> tuple[Floats, Statuses]:
    """Volatility that gives each price, and a status; NaN wherever the status is not ``SOLVED``.

    The contract is folded to its out-of-the-money leg by put-call parity first, so that a call and a put of the same
    strike with consistent prices give the same number. The error is about 1e-13 of the volatility, plus what the
    rounding of the price itself costs: 2e-16 * max(forward, strike) / vega.
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
    out = Greeks(*(np.empty(sign.shape[0]) for _ in Greeks._fields))
    _greek_rows(sign, spot, forward, strike, years, discount, volatility, *out)
    return out


def volatility_and_greeks(
    sign: Signs,
    price: Floats,
    spot: Floats,
    forward: Floats,
    strike: Floats,
    years: Floats,
    discount: Floats,
) -> tuple[Floats, Statuses, Floats, Floats, Floats, Floats, Floats]:
    """:func:`implied_volatility` and :func:`greeks` in one pass: volatility, status and the five greeks."""
    out, status = np.empty(sign.shape[0]), np.empty(sign.shape[0], np.int8)
    values = Greeks(*(np.empty(sign.shape[0]) for _ in Greeks._fields))
    _both_rows(sign, price, spot, forward, strike, years, discount, out, status, *values)
    return out, status, *values
