"""Black's formula in normalised form, one option at a time and careful everywhere.

With ``distance`` x = abs(ln(forward / strike)) and ``deviation`` s = volatility * sqrt(years), the out-of-the-money
price over sqrt(forward * strike) is b(x, s) = exp(-x/2) Phi(t - h) - exp(x/2) Phi(-t - h) with h = x/s and t = s/2
(P. Jaeckel, "Let's be rational", Wilmott, 2015). It is written with scaled tails, so that neither a price of 1e-300
nor a deviation of 1e-6 loses its digits. The fast kernels of :mod:`scanner.pricing.black` send here what lies outside
their region.
"""

from __future__ import annotations

import math

from scanner.kernels.vector_math import mills_polynomial, scalar

ROOT_TWO_PI = math.sqrt(2.0 * math.pi)
_ROOT_HALF = math.sqrt(0.5)
_ROOT_TWO_OVER_PI = math.sqrt(2.0 / math.pi)
_POLYNOMIAL_REACH = 8.0
_SERIES_REACH = 0.02
_LAST_STEP = 1e-6
_MAX_STEPS = 60


@scalar
def normal_cdf(x: float) -> float:
    """The standard normal distribution function, accurate in both tails."""
    return 0.5 * math.erfc(-x * _ROOT_HALF)


@scalar
def normal_pdf(x: float) -> float:
    """The standard normal density."""
    return math.exp(-0.5 * x * x) / ROOT_TWO_PI


@scalar
def scaled_tail(u: float) -> float:
    """2 exp(u*u/2) Phi(-u) for u >= 0: a polynomial to 8, from there Laplace's continued fraction."""
    if u <= _POLYNOMIAL_REACH:
        w = 1.0 / (u + 5.0)
        return w * mills_polynomial(w)
    fraction = u
    for term in range(int(4.0 + 300.0 / u), 0, -1):
        fraction = u + term / fraction
    return _ROOT_TWO_OVER_PI / fraction


@scalar
def _tail_difference(h: float, t: float) -> float:
    """scaled_tail(h - t) - scaled_tail(h + t) for 0 <= t <= h, or for any h where t is small."""
    if t > _SERIES_REACH or h > _POLYNOMIAL_REACH:
        return scaled_tail(h - t) - scaled_tail(h + t)
    # Odd derivatives of Y(z) = Phi(z)/phi(z) at z = -h, by Y' = 1 + z Y and Y(n+1) = n Y(n-1) + z Y(n).
    zeroth = 0.5 * ROOT_TWO_PI * scaled_tail(h)
    first = 1.0 - h * zeroth
    second = zeroth - h * first
    third = 2.0 * first - h * second
    fourth = 3.0 * second - h * third
    fifth = 4.0 * third - h * fourth
    sixth = 5.0 * fourth - h * fifth
    seventh = 6.0 * fifth - h * sixth
    square = t * t
    series = first + square / 6.0 * (third + square / 20.0 * (fifth + square / 42.0 * seventh))
    return 2.0 * _ROOT_TWO_OVER_PI * t * series


@scalar
def normalised_price(distance: float, deviation: float) -> float:
    """b(x, s), between 0 and exp(-x/2)."""
    if deviation <= 0.0:
        return 0.0
    h, t = distance / deviation, 0.5 * deviation
    density = 0.5 * math.exp(-0.5 * (h * h + t * t))
    if h >= t or t <= _SERIES_REACH:
        return density * _tail_difference(h, t)
    return math.exp(-0.5 * distance) - density * (scaled_tail(t - h) + scaled_tail(t + h))


@scalar
def distance_of(forward: float, strike: float) -> float:
    """abs(ln(forward / strike)), exact to the last digits near the money too."""
    low, high = min(forward, strike), max(forward, strike)
    return math.log1p((high - low) / low)


@scalar
def undiscounted_price(sign: float, forward: float, strike: float, deviation: float) -> float:
    """Black's price without the discount factor; ``deviation`` is volatility times the square root of the years."""
    scale = math.sqrt(forward) * math.sqrt(strike)
    return max(sign * (forward - strike), 0.0) + scale * normalised_price(distance_of(forward, strike), deviation)


@scalar
def _gap(distance: float, s: float, target: float, upper: bool, root: float) -> tuple[float, float]:
    """Logarithm of the price (upper: of its distance from the bound) less the target, and its derivative."""
    h, t = distance / s, 0.5 * s
    exponent = -0.5 * (h * h + t * t)
    if upper:
        tails = scaled_tail(t - h) + scaled_tail(t + h) if t >= h else 2.0 * math.exp(0.5 * (h - t) ** 2)
        if t < h:
            tails += scaled_tail(t + h) - scaled_tail(h - t)
        return exponent + math.log(0.5 * tails) - target, -_ROOT_TWO_OVER_PI / tails
    if h >= t or t <= _SERIES_REACH:
        tails = _tail_difference(h, t)
        return exponent + math.log(0.5 * tails) - target, _ROOT_TWO_OVER_PI / tails
    density = math.exp(exponent)
    price = root - 0.5 * density * (scaled_tail(t - h) + scaled_tail(t + h))
    return math.log(price) - target, density / (ROOT_TWO_PI * price)


@scalar
def _first_guess(distance: float, share: float, root: float) -> float:
    """Total volatility to within about a fifth, for a price that is ``share`` of its bound."""
    price = share * root
    wing = math.sqrt(1.0 - 2.0 * math.log(price / (price + distance / ROOT_TWO_PI))) - 1.0
    spread = distance - 2.0 * math.log1p(-share)
    return min(spread / (wing + 0.8), 2.0 * math.sqrt(spread + distance) + 1.0)


@scalar
def implied_deviation(time_value: float, forward: float, strike: float) -> float:
    """Total volatility (volatility x sqrt(years)) of an undiscounted out-of-the-money price; NaN where there is none.

    Householder's method of fourth order on the logarithm of the price, or of its distance from the bound where it is
    above half of it, kept inside a bracket.
    """
    share = time_value / min(forward, strike)
    if not 0.0 < share < 1.0:
        return math.nan
    distance = distance_of(forward, strike)
    root = math.exp(-0.5 * distance)
    upper = share > 0.5
    target = (math.log1p(-share) if upper else math.log(share)) - 0.5 * distance
    low, high = 0.0, math.inf
    s = _first_guess(distance, share, root)
    for _ in range(_MAX_STEPS):
        gap, slope = _gap(distance, s, target, upper, root)
        if (gap > 0.0) != upper:
            high = s
        else:
            low = s
        newton = -gap / slope
        bend = distance * distance / (s * s * s) - 0.25 * s
        gamma = bend - slope
        third = bend * bend - 3.0 * (distance / (s * s)) ** 2 - 0.25 - 3.0 * slope * bend + 2.0 * slope * slope
        step = newton * (1.0 + 0.5 * gamma * newton) / (1.0 + newton * (gamma + third * newton / 6.0))
        if abs(step) <= _LAST_STEP * s:
            return s + step
        if low < s + step < high:
            s += step
        else:
            s = 2.0 * s if high == math.inf else 0.5 * (low + high)
    return s
