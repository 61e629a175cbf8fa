"""Black's greeks: a vectorised loop for most rows, a careful path for the rest."""

from __future__ import annotations

import math

from scanner.kernels.vector_math import exp, log, mills_polynomial, prefer_wide_vectors, scalar, vectorised
from scanner.pricing.arrays import DAYS_PER_YEAR, PER_POINT, Floats, Greeks, Options
from scanner.pricing.normalised import ROOT_TWO_PI, normal_cdf, normal_pdf

_PER_ROOT_TWO_PI = 1.0 / ROOT_TWO_PI


@vectorised
def _greeks_fast(options: Options, spot: Floats, volatility: Floats, greeks: Greeks) -> None:
    """Greeks up to eight deviations from the forward; a delta of NaN marks the rows left out."""
    prefer_wide_vectors()
    sign, forward, strike, years, discount = options
    delta, gamma, vega, theta, rho = greeks
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
def greek_block(options: Options, spot: Floats, volatility: Floats, greeks: Greeks) -> None:
    """The fast loop, then the careful path for what it left."""
    _greeks_fast(options, spot, volatility, greeks)
    sign, forward, strike, years, discount = options
    delta, gamma, vega, theta, rho = greeks
    for row in range(delta.shape[0]):
        if math.isnan(delta[row]):
            delta[row], gamma[row], vega[row], theta[row], rho[row] = _greeks(
                float(sign[row]), spot[row], forward[row], strike[row], years[row], discount[row], volatility[row]
            )
