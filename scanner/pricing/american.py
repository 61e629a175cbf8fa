"""American options with a continuous yield: price, implied volatility and greeks, arrays in and arrays out.

Prices are the quadratic approximation with Ju and Zhong's correction (N. Ju, R. Zhong, "An approximate formula for
pricing American options", Journal of Derivatives 7(2), 1999), which refines Barone-Adesi and Whaley (1987). A call is
priced as the put with spot and strike, rate and yield exchanged (P. Carr, M. Chesney, 1996).

Shapes, dtypes and units as in :mod:`scanner.pricing.black`; ``rate`` and ``dividend_yield`` are continuous, per year.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from scanner.pricing.black import (
    DAYS_PER_YEAR,
    PER_POINT,
    Floats,
    Greeks,
    Signs,
    Statuses,
    normal_cdf,
    normal_pdf,
)
from scanner.pricing.normalised import undiscounted_price
from scanner.pricing.status import (
    ABOVE_BOUND,
    BELOW_INTRINSIC,
    EXPIRED,
    MAX_VOLATILITY,
    NO_INPUT,
    SOLVED,
    UNIDENTIFIABLE,
)

_MAX_STEPS = 60
_BOUNDARY_TOLERANCE = 1e-9
_VOLATILITY_TOLERANCE = 1e-8
_LEAST_RATE = 1e-7


@numba.njit(nogil=True, cache=True)
def _european(sign: float, spot: float, strike: float, years: float, rate: float, q: float, vol: float) -> float:
    forward = spot * math.exp((rate - q) * years)
    return math.exp(-rate * years) * undiscounted_price(sign, forward, strike, vol * math.sqrt(years))


@numba.njit(nogil=True, cache=True)
def _critical_spot(strike: float, years: float, rate: float, q: float, vol: float, root: float) -> float:
    """The spot below which a put is exercised at once, in the quadratic approximation; ``root`` is its exponent."""
    perpetual = -(2.0 * (rate - q) / vol**2 - 1.0)
    perpetual = 0.5 * (perpetual - math.sqrt(perpetual**2 + 8.0 * rate / vol**2))
    floor = strike / (1.0 - 1.0 / perpetual)
    reach = ((rate - q) * years - 2.0 * vol * math.sqrt(years)) * strike / (strike - floor)
    spot = min(floor + (strike - floor) * math.exp(min(reach, 0.0)), strike * (1.0 - 1e-12))
    low, high = 0.0, strike
    decay, deviation = math.exp(-q * years), vol * math.sqrt(years)
    for _ in range(_MAX_STEPS):
        d1 = (math.log(spot / strike) + (rate - q) * years) / deviation + 0.5 * deviation
        held = decay * normal_cdf(-d1)
        put = strike * math.exp(-rate * years) * normal_cdf(deviation - d1) - spot * held
        gap = strike - spot - put + (1.0 - held) * spot / root
        if gap > 0.0:
            low = spot
        else:
            high = spot
        slope = -1.0 + held + (1.0 - held) / root + decay * normal_pdf(d1) / (deviation * root)
        following = spot - gap / slope if slope < 0.0 else low
        if not low < following < high:
            following = 0.5 * (low + high)
        if abs(following - spot) <= _BOUNDARY_TOLERANCE * strike:
            return following
        spot = following
    return spot


@numba.njit(nogil=True, cache=True)
def _put(spot: float, strike: float, years: float, rate: float, q: float, vol: float) -> float:
    """One American put. At a rate of zero or less it is never exercised early, and is the European one."""
    european = _european(-1.0, spot, strike, years, rate, q, vol)
    if rate <= _LEAST_RATE or vol <= 0.0:
        return max(european, strike - spot)
    alpha, beta = 2.0 * rate / vol**2, 2.0 * (rate - q) / vol**2
    h = -math.expm1(-rate * years)
    width = math.sqrt((beta - 1.0) ** 2 + 4.0 * alpha / h)
    root = 0.5 * (1.0 - beta - width)
    critical = _critical_spot(strike, years, rate, q, vol, root)
    if spot <= critical:
        return strike - spot
    premium = strike - critical - _european(-1.0, critical, strike, years, rate, q, vol)
    if premium <= 0.0:
        return max(european, strike - spot)
    deviation = vol * math.sqrt(years)
    d1 = (math.log(critical / strike) + (rate - q) * years) / deviation + 0.5 * deviation
    growth = math.exp((rate - q) * years)
    by_h = (
        critical * normal_pdf(d1) * vol * growth / (2.0 * rate * math.sqrt(years))
        + q * critical * normal_cdf(-d1) * growth / rate
        - strike * normal_cdf(deviation - d1)
    )
    root_by_h = alpha / (h * h * width)
    span = 2.0 * root + beta - 1.0
    b = (1.0 - h) * alpha * root_by_h / (2.0 * span)
    c = -(1.0 - h) * alpha / span * (by_h / premium + 1.0 / h + root_by_h / span)
    distance = math.log(spot / critical)
    correction = 1.0 - (b * distance + c) * distance
    if correction <= 0.0:
        correction = 1.0
    value = european + premium * math.exp(root * distance) / correction
    return max(value, strike - spot)


@numba.njit(nogil=True, cache=True)
def value(sign: float, spot: float, strike: float, years: float, rate: float, q: float, vol: float) -> float:
    """One American option, dollars."""
    if sign > 0.0:
        return _put(strike, spot, years, q, rate, vol)
    return _put(spot, strike, years, rate, q, vol)


@numba.njit(nogil=True, cache=True)
def solve(
    sign: float, price: float, spot: float, strike: float, years: float, rate: float, q: float
) -> tuple[float, int]:
    """Volatility of one American price, and its status: a secant step guided by the European vega, in a bracket."""
    if not (spot > 0.0 and strike > 0.0) or math.isnan(price + years + rate + q):
        return math.nan, NO_INPUT
    if years <= 0.0:
        return math.nan, EXPIRED
    forward, discount = spot * math.exp((rate - q) * years), math.exp(-rate * years)
    intrinsic = max(sign * (spot - strike), discount * sign * (forward - strike), 0.0)
    rounding = 1e-12 * max(spot, strike)
    if price < intrinsic - rounding:
        return math.nan, BELOW_INTRINSIC
    if price >= (max(spot, discount * forward) if sign > 0 else max(strike, discount * strike)):
        return math.nan, ABOVE_BOUND
    if price <= intrinsic + rounding:
        return math.nan, UNIDENTIFIABLE
    root_years = math.sqrt(years)
    distance = math.log(forward / strike)
    low, high = 0.0, MAX_VOLATILITY
    at_the_money = 2.5 * (price - intrinsic) / (discount * math.sqrt(forward * strike))
    vol = min(max(math.sqrt(2.0 * abs(distance)), at_the_money, 1e-3) / root_years, 0.5 * high)
    for _ in range(_MAX_STEPS):
        theoretical = value(sign, spot, strike, years, rate, q, vol)
        if theoretical < price:
            low = vol
        else:
            high = vol
        deviation = vol * root_years
        vega = discount * forward * normal_pdf(distance / deviation + 0.5 * deviation) * root_years
        step = math.nan
        if vega > 0.0 and theoretical > intrinsic:
            excess, wanted = theoretical - intrinsic, price - intrinsic
            step = -math.log(excess / wanted) * excess / vega
        following = vol + step
        if not low < following < high:
            following = 0.5 * (low + high)
        if abs(following - vol) <= _VOLATILITY_TOLERANCE:
            vol = following
            break
        vol = following
    if vol > MAX_VOLATILITY * 0.999:
        return math.nan, ABOVE_BOUND
    # Below this volatility the contract is exercised at once, and every smaller one gives the same price.
    if low == 0.0 and vol < 1e-6:
        return math.nan, UNIDENTIFIABLE
    return vol, SOLVED


@numba.njit(nogil=True, cache=True)
def _price_rows(
    sign: Signs,
    spot: Floats,
    strike: Floats,
    years: Floats,
    rate: Floats,
    dividend_yield: Floats,
    volatility: Floats,
    out: Floats,
) -> None:
    for row in range(sign.shape[0]):
        out[row] = math.nan
        if years[row] >= 0.0 and volatility[row] >= 0.0 and spot[row] > 0.0:
            out[row] = value(
                float(sign[row]), spot[row], strike[row], years[row], rate[row], dividend_yield[row], volatility[row]
            )


@numba.njit(nogil=True, cache=True)
def _solve_rows(
    sign: Signs,
    price: Floats,
    spot: Floats,
    strike: Floats,
    years: Floats,
    rate: Floats,
    dividend_yield: Floats,
    out: Floats,
    status: Statuses,
) -> None:
    for row in range(sign.shape[0]):
        out[row], status[row] = solve(
            float(sign[row]), price[row], spot[row], strike[row], years[row], rate[row], dividend_yield[row]
        )


@numba.njit(nogil=True, cache=True)
def _greek_rows(
    sign: Signs,
    spot: Floats,
    strike: Floats,
    years: Floats,
    rate: Floats,
    dividend_yield: Floats,
    volatility: Floats,
    out: Floats,
) -> None:
    for row in range(sign.shape[0]):
        s, k, t, r, q, vol = spot[row], strike[row], years[row], rate[row], dividend_yield[row], volatility[row]
        side = float(sign[row])
        if not (t > 0.0 and vol > 0.0 and s > 0.0) or math.isnan(r + q):
            out[:, row] = math.nan
            continue
        bump = s * min(0.01, max(0.05 * vol * math.sqrt(t), 1e-4))
        here = value(side, s, k, t, r, q, vol)
        up, down = value(side, s + bump, k, t, r, q, vol), value(side, s - bump, k, t, r, q, vol)
        delta = (up - down) / (2.0 * bump)
        gamma = max((up - 2.0 * here + down) / (bump * bump), 0.0)
        widen = min(1e-3, 0.1 * vol)
        vega = (value(side, s, k, t, r, q, vol + widen) - value(side, s, k, t, r, q, vol - widen)) / (2.0 * widen)
        tilt = 1e-4
        rho = (value(side, s, k, t, r + tilt, q, vol) - value(side, s, k, t, r - tilt, q, vol)) / (2.0 * tilt)
        exercised = here <= side * (s - k) + 1e-12 * k
        # The pricing equation itself, which holds wherever the contract is kept.
        theta = 0.0 if exercised else r * here - (r - q) * s * delta - 0.5 * vol * vol * s * s * gamma
        out[0, row] = delta
        out[1, row] = gamma
        out[2, row] = vega * PER_POINT
        out[3, row] = theta / DAYS_PER_YEAR
        out[4, row] = rho * PER_POINT


def price(
    sign: Signs,
    spot: Floats,
    strike: Floats,
    years: Floats,
    rate: Floats,
    dividend_yield: Floats,
    volatility: Floats,
) -> Floats:
    """Price of American options, dollars; NaN where an input is NaN."""
    out = np.empty(sign.shape[0])
    _price_rows(sign, spot, strike, years, rate, dividend_yield, volatility, out)
    return out


def implied_volatility(
    sign: Signs,
    price: Floats,
    spot: Floats,
    strike: Floats,
    years: Floats,
    rate: Floats,
    dividend_yield: Floats,
) -> tuple[Floats, Statuses]:
    """Volatility that gives each price, and a status; NaN wherever the status is not ``SOLVED``."""
    out, status = np.empty(sign.shape[0]), np.empty(sign.shape[0], np.int8)
    _solve_rows(sign, price, spot, strike, years, rate, dividend_yield, out, status)
    return out, status


def greeks(
    sign: Signs,
    spot: Floats,
    strike: Floats,
    years: Floats,
    rate: Floats,
    dividend_yield: Floats,
    volatility: Floats,
) -> Greeks:
    """Delta, gamma, vega, theta and rho; zero gamma, vega, theta and rho where the contract is exercised at once."""
    out = np.empty((5, sign.shape[0]))
    _greek_rows(sign, spot, strike, years, rate, dividend_yield, volatility, out)
    return Greeks(*out)
