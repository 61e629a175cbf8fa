"""American options with a continuous yield: price, implied volatility and greeks, arrays in and arrays out.

The price is the European one plus the early-exercise premium of I. J. Kim ("The analytic valuation of American
options", Review of Financial Studies 3(4), 1990), an integral over the exercise boundary, which comes from the table of
:mod:`scanner.pricing.boundary`; the integral is a Gauss-Legendre rule in an angle that removes both square roots. A
call is priced as the put with spot and strike, rate and yield exchanged (P. Carr, M. Chesney, 1996). A put at a rate of
zero or less, and a call without a yield, are never exercised early and have no premium.

Shapes, dtypes and units as in :mod:`scanner.pricing.black`; ``rate`` and ``dividend_yield`` are continuous, per year.
Prices agree with converged ones of other libraries to about 1e-6 of the strike.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from scanner.pricing.black import DAYS_PER_YEAR, PER_POINT, Floats, Greeks, Signs, Statuses, guessed_deviation
from scanner.pricing.boundary import COEFFICIENTS, LOG_A, LONGEST, WIDEST, WING, table
from scanner.pricing.status import (
    ABOVE_BOUND,
    BELOW_INTRINSIC,
    EXPIRED,
    MAX_VOLATILITY,
    NO_INPUT,
    SOLVED,
    UNIDENTIFIABLE,
)
from scanner.pricing.vector_math import exp, inlined, log, mills_polynomial, prefer_wide_vectors, scalar, vectorised

Rows = NDArray[np.int64]

_TABLE = table()
_FIRST_LOG_A, _PER_LOG_A = float(LOG_A[0]), 1.0 / float(LOG_A[1] - LOG_A[0])
_PER_WING = 1.0 / float(WING[1] - WING[0])
_LAST_LOG_A, _MIDDLE_WING = LOG_A.size - 1, WING.size // 2


def _rule(nodes: int) -> Floats:
    """Sines, cosines and weights of a rule for the premium, u = years * sin(angle)**2."""
    points, weights = np.polynomial.legendre.leggauss(nodes)
    angles = 0.25 * math.pi * (points + 1.0)
    sines, cosines = np.sin(angles), np.cos(angles)
    return np.stack((sines, cosines, 0.5 * math.pi * weights * sines * cosines))


# Greeks near the boundary need more nodes than prices.
_RULE, _FINE_RULE = _rule(10), _rule(24)

_BLOCK = 128
_LEAST_RATE = 1e-7
_LOWEST_GAP = -4.0
_ROUNDING = 1e-12
_TOLERANCE = 1e-9
_MAX_STEPS = 80


@inlined
def _tail(d: float) -> float:
    """Phi(-d), to an absolute 1e-15."""
    bounded = min(max(d, -8.0), 8.0)
    w = 1.0 / (abs(bounded) + 5.0)
    beyond = 0.5 * exp(-0.5 * bounded * bounded) * w * mills_polynomial(w)
    return beyond if bounded > 0.0 else 1.0 - beyond


@scalar
def _cubic(position: float, first: int, weights: Floats) -> None:
    """Lagrange weights of the four nodes from ``first`` on, at a position counted in nodes."""
    x = position - first
    weights[0] = -(x - 1.0) * (x - 2.0) * (x - 3.0) / 6.0
    weights[1] = x * (x - 2.0) * (x - 3.0) / 2.0
    weights[2] = -x * (x - 1.0) * (x - 3.0) / 2.0
    weights[3] = x * (x - 1.0) * (x - 2.0) / 6.0


@scalar
def _look_up(terms: Floats, curve: Floats) -> None:
    """Chebyshev coefficients of each row's boundary, by cubic interpolation that does not cross the middle wing."""
    by_a, by_wing, mixed = np.empty(4), np.empty(4), np.empty(COEFFICIENTS)
    for row in range(terms.shape[1]):
        place = min(max((terms[_LOG_A_OF, row] - _FIRST_LOG_A) * _PER_LOG_A, 0.0), float(_LAST_LOG_A))
        first = min(max(int(place) - 1, 0), _LAST_LOG_A - 3)
        _cubic(place, first, by_a)
        ratio = min(max(terms[_PAID, row] / max(terms[_RATE, row], _LEAST_RATE), 0.0), 400.0)
        moved = ratio - 1.0 if ratio <= 1.0 else 1.0 - 1.0 / ratio
        wing = (1.0 + math.copysign(math.sqrt(abs(moved)), moved)) * _PER_WING
        lowest = 0 if moved <= 0.0 else _MIDDLE_WING
        start = min(max(int(wing) - 1, lowest), lowest + _MIDDLE_WING - 3)
        _cubic(wing, start, by_wing)
        mixed[:] = 0.0
        for i in range(4):
            for j in range(4):
                weight = by_a[i] * by_wing[j]
                for k in range(COEFFICIENTS):
                    mixed[k] += weight * _TABLE[first + i, start + j, k]
        for k in range(COEFFICIENTS):
            curve[k, row] = mixed[k]


# Rows of the scratch array: the folded contract, and what the passes hand to each other.
_SPOT, _STRIKE, _YEARS, _RATE, _PAID, _VOL, _DISTANCE, _LOG_A_OF, _SPAN, _PREMIUM = range(10)
_TERMS = 10


@vectorised
def _fold(
    sign: Signs,
    spot: Floats,
    strike: Floats,
    years: Floats,
    rate: Floats,
    dividend_yield: Floats,
    volatility: Floats,
    terms: Floats,
) -> None:
    """Every contract as a put, with the boundary's coordinates."""
    prefer_wide_vectors()
    for row in range(sign.shape[0]):
        call = sign[row] > 0
        s, k = (strike[row], spot[row]) if call else (spot[row], strike[row])
        r, q = (dividend_yield[row], rate[row]) if call else (rate[row], dividend_yield[row])
        t, vol = years[row], volatility[row]
        a = 2.0 * max(r, _LEAST_RATE) / (vol * vol)
        limit = min(1.0, max(r, _LEAST_RATE) / max(q, _LEAST_RATE))
        terms[_SPOT, row], terms[_STRIKE, row], terms[_YEARS, row] = s, k, t
        terms[_RATE, row], terms[_PAID, row], terms[_VOL, row] = r, q, vol
        terms[_DISTANCE, row] = log(s / (k * limit))
        terms[_LOG_A_OF, row] = log(a)
        terms[_SPAN, row] = vol * math.sqrt(t) * math.sqrt(1.0 / (WIDEST * WIDEST) + a / (2.0 * LONGEST))
        terms[_PREMIUM, row] = 0.0


@inlined
def _boundary_gap(curve: Floats, row: int, share: float) -> float:
    """ln(X / B) where w is ``share`` of the table's reach: the root of the Chebyshev series, by Clenshaw's rule."""
    x = 2.0 * min(share, 1.0) - 1.0
    twice = 2.0 * x
    b11 = curve[11, row]
    b10 = curve[10, row] + twice * b11
    b9 = curve[9, row] + twice * b10 - b11
    b8 = curve[8, row] + twice * b9 - b10
    b7 = curve[7, row] + twice * b8 - b9
    b6 = curve[6, row] + twice * b7 - b8
    b5 = curve[5, row] + twice * b6 - b7
    b4 = curve[4, row] + twice * b5 - b6
    b3 = curve[3, row] + twice * b4 - b5
    b2 = curve[2, row] + twice * b3 - b4
    b1 = curve[1, row] + twice * b2 - b3
    return math.sqrt(max(curve[0, row] + x * b1 - b2, 0.0))


@vectorised
def _add_node(terms: Floats, curve: Floats, sine: float, cosine: float, weight: float) -> None:
    """Add one node of the premium's integral to every row."""
    prefer_wide_vectors()
    for row in range(terms.shape[1]):
        t, r, q = terms[_YEARS, row], terms[_RATE, row], terms[_PAID, row]
        gap = _boundary_gap(curve, row, terms[_SPAN, row] * cosine)
        u = t * sine * sine
        deviation = terms[_VOL, row] * math.sqrt(t) * sine
        d1 = (terms[_DISTANCE, row] + gap + (r - q) * u) / deviation + 0.5 * deviation
        received = r * terms[_STRIKE, row] * exp(-r * u) * _tail(d1 - deviation)
        given = q * terms[_SPOT, row] * exp(-q * u) * _tail(d1)
        terms[_PREMIUM, row] += weight * t * (received - given)


@vectorised
def _finish(terms: Floats, curve: Floats, out: Floats) -> None:
    """European price plus premium, or the intrinsic value at and beyond the boundary."""
    prefer_wide_vectors()
    for row in range(out.shape[0]):
        s, k, t = terms[_SPOT, row], terms[_STRIKE, row], terms[_YEARS, row]
        r, q = terms[_RATE, row], terms[_PAID, row]
        deviation = terms[_VOL, row] * math.sqrt(t)
        d1 = (log(s / k) + (r - q) * t) / deviation + 0.5 * deviation
        european = k * exp(-r * t) * _tail(d1 - deviation) - s * exp(-q * t) * _tail(d1)
        early = r > _LEAST_RATE
        held = european + (max(terms[_PREMIUM, row], 0.0) if early else 0.0)
        gap = _boundary_gap(curve, row, terms[_SPAN, row])
        exercised = early & (terms[_DISTANCE, row] + gap <= 0.0)
        floor = max(k - s, 0.0) if early else 0.0
        out[row] = k - s if exercised else max(held, floor)


@scalar
def _values(
    sign: Signs,
    spot: Floats,
    strike: Floats,
    years: Floats,
    rate: Floats,
    dividend_yield: Floats,
    volatility: Floats,
    rule: Floats,
    out: Floats,
) -> None:
    """Prices of at most a block of contracts; NaN where a volatility, time or price is not positive."""
    rows = sign.shape[0]
    terms, curve = np.empty((_TERMS, rows)), np.empty((COEFFICIENTS, rows))
    _fold(sign, spot, strike, years, rate, dividend_yield, volatility, terms)
    _look_up(terms, curve)
    for node in range(rule.shape[1]):
        _add_node(terms, curve, rule[0, node], rule[1, node], rule[2, node])
    _finish(terms, curve, out)


@scalar
def value(sign: float, spot: float, strike: float, years: float, rate: float, q: float, vol: float) -> float:
    """One American option, dollars."""
    out = np.empty(1)
    side = np.empty(1, np.int8)
    side[0] = 1 if sign > 0.0 else -1
    one = np.empty((6, 1))
    one[0, 0], one[1, 0], one[2, 0], one[3, 0], one[4, 0], one[5, 0] = spot, strike, years, rate, q, vol
    _values(side, one[0], one[1], one[2], one[3], one[4], one[5], _RULE, out)
    return float(out[0])


@inlined
def _floor(sign: float, spot: float, strike: float, years: float, rate: float, q: float) -> float:
    """The least an American option is worth: exercised now, or held at no volatility."""
    later = sign * (spot * exp(-q * years) - strike * exp(-rate * years))
    return max(sign * (spot - strike), later, 0.0)


@vectorised
def _start(
    sign: Signs,
    price: Floats,
    spot: Floats,
    strike: Floats,
    years: Floats,
    rate: Floats,
    dividend_yield: Floats,
    floor: Floats,
    guess: Floats,
) -> None:
    """A first volatility from the value above the floor, as if the contract were European; NaN where none can be."""
    prefer_wide_vectors()
    for row in range(guess.shape[0]):
        s, k, t = spot[row], strike[row], years[row]
        least = _floor(float(sign[row]), s, k, t, rate[row], dividend_yield[row])
        held, owed = s * exp(-dividend_yield[row] * t), k * exp(-rate[row] * t)
        low, high = min(held, owed), max(held, owed)
        share = min((price[row] - least) / low, 0.999)
        ratio = low / high
        deviation = guessed_deviation(-log(ratio), share, share * math.sqrt(ratio))
        most = s if sign[row] > 0 else k
        usable = (low > 0.0) & (t > 0.0) & (price[row] > least + _ROUNDING * max(s, k)) & (price[row] < most)
        floor[row] = least
        guess[row] = min(max(deviation, 1e-3) / math.sqrt(t), 0.5 * MAX_VOLATILITY) if usable else math.nan


# Rows of the solver's scratch array: the contract as it is, and the state of its search.
_P, _S, _K, _T, _R, _Q, _FLOOR, _TRIED, _BEFORE, _GAP, _LOW, _HIGH = range(12)
_STATES = 12


@scalar
def _evaluate(side: Signs, work: Floats, at: Floats, values: Floats) -> None:
    """Logarithm of each value above its floor, less that of the price: nearly linear in the volatility."""
    _values(side, work[_S], work[_K], work[_T], work[_R], work[_Q], at, _RULE, values)
    for row in range(values.shape[0]):
        wanted = work[_P, row] - work[_FLOOR, row]
        above = values[row] - work[_FLOOR, row]
        values[row] = max(math.log(above / wanted), _LOWEST_GAP) if above > 0.0 else _LOWEST_GAP


@scalar
def _advance(work: Floats, row: int, gap: float) -> float:
    """Move one volatility by the secant through its two newest points, inside its bracket; the relative move."""
    vol, before = work[_TRIED, row], work[_BEFORE, row]
    if gap > 0.0:
        work[_HIGH, row] = vol
    else:
        work[_LOW, row] = vol
    # Where the contract is exercised at once the value does not depend on the volatility: no slope from there.
    told = vol != before and gap > _LOWEST_GAP and work[_GAP, row] > _LOWEST_GAP
    slope = (gap - work[_GAP, row]) / (vol - before) if told else 0.0
    following = min(max(vol - gap / slope, vol / 3.0), 3.0 * vol) if slope > 0.0 else math.nan
    if not work[_LOW, row] < following < work[_HIGH, row]:
        following = 0.5 * (work[_LOW, row] + work[_HIGH, row])
    work[_BEFORE, row], work[_GAP, row], work[_TRIED, row] = vol, gap, following
    moved: float = abs(following / vol - 1.0)
    return moved


@scalar
def _search(side: Signs, work: Floats, origin: Rows, out: Floats) -> None:
    """Solve all contracts of ``work`` together; whichever is found leaves, so that few are carried to the end."""
    active = origin.shape[0]
    values = np.empty(active)
    for step in range(_MAX_STEPS):
        if active == 0:
            return
        now = slice(0, active)
        point = work[_BEFORE, :active] if step == 0 else work[_TRIED, :active]
        _evaluate(side[now], work[:, now], point, values[now])
        if step == 0:
            work[_GAP, :active] = values[now]
            continue
        kept = 0
        for row in range(active):
            if _advance(work, row, values[row]) <= _TOLERANCE or values[row] == 0.0:
                out[origin[row]] = work[_TRIED, row] if values[row] != 0.0 else work[_BEFORE, row]
                continue
            side[kept], origin[kept] = side[row], origin[row]
            for state in range(_STATES):
                work[state, kept] = work[state, row]
            kept += 1
        active = kept
    for row in range(active):
        out[origin[row]] = work[_TRIED, row]


@scalar
def _solve_block(
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
    """Volatilities of a block of contracts, by the secant method on the logarithm of the time value."""
    rows = sign.shape[0]
    work, side, origin = np.empty((_STATES, rows)), np.empty(rows, np.int8), np.empty(rows, np.int64)
    floor, guess = np.empty(rows), np.empty(rows)
    _start(sign, price, spot, strike, years, rate, dividend_yield, floor, guess)
    count = 0
    for row in range(rows):
        out[row] = math.nan
        if math.isnan(guess[row]):
            continue
        work[_P, count], work[_S, count], work[_K, count] = price[row], spot[row], strike[row]
        work[_T, count], work[_R, count], work[_Q, count] = years[row], rate[row], dividend_yield[row]
        work[_FLOOR, count], work[_TRIED, count], work[_BEFORE, count] = floor[row], guess[row], 1.01 * guess[row]
        work[_LOW, count], work[_HIGH, count] = 0.0, 2.0 * MAX_VOLATILITY
        side[count], origin[count] = sign[row], row
        count += 1
    _search(side[:count], np.ascontiguousarray(work[:, :count]), origin[:count], out)
    for row in range(rows):
        terms = (price[row], spot[row], strike[row], years[row], rate[row], dividend_yield[row])
        out[row], status[row] = _judge(float(sign[row]), *terms, out[row])


@scalar
def _judge(
    sign: float, price: float, spot: float, strike: float, years: float, rate: float, q: float, found: float
) -> tuple[float, int]:
    """What was found, or NaN and why there is nothing."""
    if not (spot > 0.0 and strike > 0.0) or not math.isfinite(price + spot + strike + years + rate + q):
        return math.nan, NO_INPUT
    if years <= 0.0:
        return math.nan, EXPIRED
    least = _floor(sign, spot, strike, years, rate, q)
    rounding = _ROUNDING * max(spot, strike)
    if price < least - rounding:
        return math.nan, BELOW_INTRINSIC
    if price >= (spot if sign > 0 else strike) or found > MAX_VOLATILITY:
        return math.nan, ABOVE_BOUND
    # Below some volatility the contract is exercised at once, and every smaller one gives the same price.
    if not found > 1e-6:
        return math.nan, UNIDENTIFIABLE
    return found, SOLVED


@scalar
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
    for start in range(0, out.shape[0], _BLOCK):
        b = slice(start, min(start + _BLOCK, out.shape[0]))
        terms = (price[b], spot[b], strike[b], years[b], rate[b], dividend_yield[b])
        _solve_block(sign[b], *terms, out[b], status[b])


@scalar
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
    for start in range(0, out.shape[0], _BLOCK):
        b = slice(start, min(start + _BLOCK, out.shape[0]))
        _values(sign[b], spot[b], strike[b], years[b], rate[b], dividend_yield[b], volatility[b], _RULE, out[b])
    for row in range(out.shape[0]):
        if not (years[row] > 0.0 and volatility[row] > 0.0 and spot[row] > 0.0 and strike[row] > 0.0):
            known = years[row] >= 0.0 and volatility[row] >= 0.0 and spot[row] > 0.0 and strike[row] > 0.0
            out[row] = math.nan
            if known:
                out[row] = _floor(float(sign[row]), spot[row], strike[row], years[row], rate[row], dividend_yield[row])


@scalar
def _greek_rows(
    sign: Signs,
    spot: Floats,
    strike: Floats,
    years: Floats,
    rate: Floats,
    dividend_yield: Floats,
    volatility: Floats,
    delta: Floats,
    gamma: Floats,
    vega: Floats,
    theta: Floats,
    rho: Floats,
) -> None:
    """Central differences of the price, which is smooth; theta by the pricing equation."""
    bumped, up, down, here = np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK)
    for start in range(0, sign.shape[0], _BLOCK):
        stop = min(start + _BLOCK, sign.shape[0])
        b, n = slice(start, stop), stop - start
        side, s, k, t, r, q, v = sign[b], spot[b], strike[b], years[b], rate[b], dividend_yield[b], volatility[b]
        x, above, below, level = bumped[:n], up[:n], down[:n], here[:n]
        _values(side, s, k, t, r, q, v, _FINE_RULE, level)
        width = np.minimum(0.01, np.maximum(0.01 * v * np.sqrt(t), 1e-5)) * s
        x[:] = s + width
        _values(side, x, k, t, r, q, v, _FINE_RULE, above)
        x[:] = s - width
        _values(side, x, k, t, r, q, v, _FINE_RULE, below)
        for row in range(n):
            delta[start + row] = (above[row] - below[row]) / (2.0 * width[row])
            gamma[start + row] = max((above[row] - 2.0 * level[row] + below[row]) / (width[row] * width[row]), 0.0)
        x[:] = v * 1.002
        _values(side, s, k, t, r, q, x, _FINE_RULE, above)
        x[:] = v * 0.998
        _values(side, s, k, t, r, q, x, _FINE_RULE, below)
        for row in range(n):
            vega[start + row] = (above[row] - below[row]) / (0.004 * v[row]) * PER_POINT
        x[:] = r + 1e-4
        _values(side, s, k, t, x, q, v, _FINE_RULE, above)
        x[:] = r - 1e-4
        _values(side, s, k, t, x, q, v, _FINE_RULE, below)
        for row in range(n):
            rho[start + row] = (above[row] - below[row]) / 2e-4 * PER_POINT
            now = float(side[row]) * (s[row] - k[row])
            d, g = delta[start + row], gamma[start + row]
            kept = r[row] * level[row] - (r[row] - q[row]) * s[row] * d - 0.5 * (v[row] * s[row]) ** 2 * g
            theta[start + row] = (kept if level[row] > now else 0.0) / DAYS_PER_YEAR
            if not (t[row] > 0.0 and v[row] > 0.0 and s[row] > 0.0) or math.isnan(r[row] + q[row]):
                delta[start + row] = gamma[start + row] = vega[start + row] = math.nan
                theta[start + row] = rho[start + row] = math.nan


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
    out = Greeks(*(np.empty(sign.shape[0]) for _ in Greeks._fields))
    _greek_rows(sign, spot, strike, years, rate, dividend_yield, volatility, *out)
    return out
