"""Black's volatility from a price: a vectorised loop for most rows, a careful path for the rest.

A row is folded to its out-of-the-money leg, a rational function of two coordinates of the price gives the total
volatility to 4e-4 inside a stated region, and one step of Householder's method of fourth order on the logarithm of the
price leaves about 1e-13 of it. That loop has no branch and becomes vector instructions. Rows outside the region are
masked, and go through :mod:`scanner.pricing.normalised` one by one.
"""

from __future__ import annotations

import math

from scanner.kernels.vector_math import (
    exp,
    inlined,
    log,
    mills_polynomial,
    prefer_wide_vectors,
    rough_log,
    scalar,
    vectorised,
)
from scanner.pricing.arrays import Floats, Options, Statuses
from scanner.pricing.normalised import ROOT_TWO_PI, implied_deviation
from scanner.pricing.status import (
    ABOVE_BOUND,
    BELOW_INTRINSIC,
    EXPIRED,
    MAX_VOLATILITY,
    NO_INPUT,
    SOLVED,
    UNIDENTIFIABLE,
)

_PER_ROOT_TWO_PI = 1.0 / ROOT_TWO_PI
_ROUNDING = 4e-16


@inlined
def fitted_deviation(a: float, b: float) -> float:
    """Total volatility by two coordinates of a price: those of :func:`guessed_deviation`."""
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


@inlined
def guessed_deviation(distance: float, share: float, price: float) -> float:
    """Total volatility to 4e-4, for abs(ln(forward/strike)) <= 2.5, up to 7 deviations out, and deviations to 6.

    ``share`` is the price over its bound, ``price`` the normalised one. Fitted by weighted least squares, iterated
    towards the smallest largest error, to the exact solution on a grid of deviations from 0.002 to 6.
    """
    a = math.sqrt(1.0 - 2.0 * rough_log(price / (price + _PER_ROOT_TWO_PI * distance))) - 1.0
    b = distance - 2.0 * rough_log(1.0 - share)
    return fitted_deviation(a, b)


@vectorised
def solve_fast(options: Options, price: Floats, out: Floats) -> None:
    """Volatilities where the fast region holds them, NaN everywhere else. No branch, so that it becomes vectors."""
    prefer_wide_vectors()
    sign, forward, strike, years, discount = options
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
def solve_block(options: Options, price: Floats, out: Floats, status: Statuses) -> None:
    """The fast loop, then the careful path for what it left."""
    solve_fast(options, price, out)
    sign, forward, strike, years, discount = options
    for row in range(out.shape[0]):
        status[row] = SOLVED
        if math.isnan(out[row]):
            out[row], status[row] = _solve(
                float(sign[row]), price[row], forward[row], strike[row], years[row], discount[row]
            )
