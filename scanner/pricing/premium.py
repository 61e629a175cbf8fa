"""American options with a continuous yield: the European price plus the early-exercise premium.

The premium is the integral of I. J. Kim ("The analytic valuation of American options", Review of Financial Studies
3(4), 1990) over the exercise boundary, which comes from the table of :mod:`scanner.pricing.boundary`; the integral is a
Gauss-Legendre rule in an angle that removes both square roots. A call is priced as the put with spot and strike, rate
and yield exchanged (P. Carr, M. Chesney, 1996). A put at a rate of zero or less, and a call without a yield, are never
exercised early and have no premium.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from scanner.kernels.vector_math import exp, inlined, log, mills_polynomial, prefer_wide_vectors, scalar, vectorised
from scanner.pricing.arrays import Floats, Signs
from scanner.pricing.boundary import LOG_A, LONGEST, WIDEST, WING, table


class Contracts(NamedTuple):
    """American contracts: arrays of one length. ``spot`` is that of the diffusion."""

    sign: Signs
    spot: Floats
    strike: Floats
    years: Floats
    rate: Floats
    dividend_yield: Floats


# Contracts taken through all passes together, so that they stay in the first-level cache.
BLOCK = 128
# Contracts in a vector of the widest kind.
VECTOR = 8
LEAST_RATE = 1e-7

# Prices take half of the coefficients: what is cut off is below what interpolation loses.
_COEFFICIENTS = 12
_TABLE = table()[:, :, :_COEFFICIENTS].astype(np.float32)
_FIRST_LOG_A, _PER_LOG_A = float(LOG_A[0]), 1.0 / float(LOG_A[1] - LOG_A[0])
_PER_WING = 1.0 / float(WING[1] - WING[0])
_LAST_LOG_A, _MIDDLE_WING = LOG_A.size - 1, WING.size // 2


def _rule(nodes: int) -> Floats:
    """Sines, roots of cosines and weights of a rule for the premium, u = years * sin(angle)**2."""
    points, weights = np.polynomial.legendre.leggauss(nodes)
    angles = 0.25 * math.pi * (points + 1.0)
    sines, cosines = np.sin(angles), np.cos(angles)
    return np.stack((sines, np.sqrt(cosines), 0.5 * math.pi * weights * sines * cosines))


_RULE = _rule(10)


@scalar
def part(contracts: Contracts, first: int, last: int) -> Contracts:
    """A range of the contracts."""
    return Contracts(
        contracts.sign[first:last],
        contracts.spot[first:last],
        contracts.strike[first:last],
        contracts.years[first:last],
        contracts.rate[first:last],
        contracts.dividend_yield[first:last],
    )


@scalar
def least(sign: float, spot: float, strike: float, years: float, rate: float, q: float) -> float:
    """The least an American option is worth: exercised now, or held at no volatility."""
    later = sign * (spot * exp(-q * years) - strike * exp(-rate * years))
    return max(sign * (spot - strike), later, 0.0)


@inlined
def tail(d: float) -> float:
    """Phi(-d), to an absolute 1e-15."""
    bounded = min(max(d, -8.0), 8.0)
    w = 1.0 / (abs(bounded) + 5.0)
    beyond = 0.5 * exp(-0.5 * bounded * bounded) * w * mills_polynomial(w)
    return beyond if bounded > 0.0 else 1.0 - beyond


@scalar
def _cubic(position: float, first: int) -> tuple[float, float, float, float]:
    """Lagrange weights of the four nodes from ``first`` on, at a position counted in nodes."""
    x = position - first
    return (
        -(x - 1.0) * (x - 2.0) * (x - 3.0) / 6.0,
        x * (x - 2.0) * (x - 3.0) / 2.0,
        -x * (x - 1.0) * (x - 3.0) / 2.0,
        x * (x - 1.0) * (x - 2.0) / 6.0,
    )


@scalar
def _look_up(terms: Floats, curve: Floats, rows: int) -> None:
    """Chebyshev coefficients of the rows' boundaries, by cubic interpolation that does not cross the middle wing."""
    for row in range(rows):
        place = min(max((terms[_LOG_A_OF, row] - _FIRST_LOG_A) * _PER_LOG_A, 0.0), float(_LAST_LOG_A))
        first = min(max(int(place) - 1, 0), _LAST_LOG_A - 3)
        by_a = _cubic(place, first)
        ratio = min(max(terms[_PAID, row] / max(terms[_RATE, row], LEAST_RATE), 0.0), 400.0)
        moved = ratio - 1.0 if ratio <= 1.0 else 1.0 - 1.0 / ratio
        wing = (1.0 + math.copysign(math.sqrt(abs(moved)), moved)) * _PER_WING
        lowest = 0 if moved <= 0.0 else _MIDDLE_WING
        start = min(max(int(wing) - 1, lowest), lowest + _MIDDLE_WING - 3)
        by_wing = _cubic(wing, start)
        nodes = _TABLE[first : first + 4, start : start + 4]
        # The coefficients outside, so that they become vectors, and their sums stay in registers.
        for k in range(_COEFFICIENTS):
            mixed = 0.0
            for i in range(4):
                for j in range(4):
                    mixed += by_a[i] * by_wing[j] * nodes[i, j, k]
            curve[k, row] = mixed


# Rows of the scratch array: the folded contract, and what the passes hand to each other.
_SPOT, _STRIKE, _YEARS, _RATE, _PAID, _VOL, _DISTANCE, _LOG_A_OF, _SPAN, _PREMIUM = range(10)
_TERMS = 10


@vectorised
def _fold(contracts: Contracts, volatility: Floats, terms: Floats) -> None:
    """Every contract as a put, with the boundary's coordinates."""
    prefer_wide_vectors()
    sign, spot, strike, years, rate, dividend_yield = contracts
    for row in range(sign.shape[0]):
        call = sign[row] > 0
        s, k = (strike[row], spot[row]) if call else (spot[row], strike[row])
        r, q = (dividend_yield[row], rate[row]) if call else (rate[row], dividend_yield[row])
        t, vol = years[row], volatility[row]
        a = 2.0 * max(r, LEAST_RATE) / (vol * vol)
        limit = min(1.0, max(r, LEAST_RATE) / max(q, LEAST_RATE))
        terms[_SPOT, row], terms[_STRIKE, row], terms[_YEARS, row] = s, k, t
        terms[_RATE, row], terms[_PAID, row], terms[_VOL, row] = r, q, vol
        terms[_DISTANCE, row] = log(s / (k * limit))
        terms[_LOG_A_OF, row] = log(a)
        terms[_SPAN, row] = math.sqrt(vol * math.sqrt(t) * math.sqrt(1.0 / (WIDEST * WIDEST) + a / (2.0 * LONGEST)))
        terms[_PREMIUM, row] = 0.0


@inlined
def boundary_gap(curve: Floats, row: int, share: float) -> float:
    """ln(X / B) where sqrt(w) is ``share`` of the table's: the root of the Chebyshev series, by Clenshaw's rule."""
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
def _add_node(terms: Floats, curve: Floats, sine: float, root_cosine: float, weight: float) -> None:
    """Add one node of the premium's integral to every row."""
    prefer_wide_vectors()
    for row in range(terms.shape[1]):
        t, r, q = terms[_YEARS, row], terms[_RATE, row], terms[_PAID, row]
        gap = boundary_gap(curve, row, terms[_SPAN, row] * root_cosine)
        u = t * sine * sine
        deviation = terms[_VOL, row] * math.sqrt(t) * sine
        d1 = (terms[_DISTANCE, row] + gap + (r - q) * u) / deviation + 0.5 * deviation
        received = r * terms[_STRIKE, row] * exp(-r * u) * tail(d1 - deviation)
        given = q * terms[_SPOT, row] * exp(-q * u) * tail(d1)
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
        european = k * exp(-r * t) * tail(d1 - deviation) - s * exp(-q * t) * tail(d1)
        early = r > LEAST_RATE
        held = european + (max(terms[_PREMIUM, row], 0.0) if early else 0.0)
        gap = boundary_gap(curve, row, terms[_SPAN, row])
        exercised = early & (terms[_DISTANCE, row] + gap <= 0.0)
        floor = max(k - s, 0.0) if early else 0.0
        out[row] = k - s if exercised else max(held, floor)


@scalar
def values(contracts: Contracts, volatility: Floats, out: Floats) -> None:
    """Prices of at most a block of contracts; without meaning where a volatility, time or price is not positive."""
    rows = volatility.shape[0]
    # Vectors are filled with the last contract: rows left over, one by one, would cost more than another vector.
    filled = (rows + VECTOR - 1) // VECTOR * VECTOR
    terms, curve, found = np.empty((_TERMS, filled)), np.empty((_COEFFICIENTS, filled)), np.empty(filled)
    _fold(contracts, volatility, terms)
    _look_up(terms, curve, rows)
    for row in range(rows, filled):
        for term in range(_TERMS):
            terms[term, row] = terms[term, rows - 1]
        for order in range(_COEFFICIENTS):
            curve[order, row] = curve[order, rows - 1]
    for node in range(_RULE.shape[1]):
        _add_node(terms, curve, _RULE[0, node], _RULE[1, node], _RULE[2, node])
    _finish(terms, curve, found)
    out[:] = found[:rows]


@scalar
def price_rows(contracts: Contracts, volatility: Floats, out: Floats) -> None:
    """Prices of any number of contracts; NaN where an input is missing or of no use."""
    for first in range(0, out.shape[0], BLOCK):
        last = min(first + BLOCK, out.shape[0])
        values(part(contracts, first, last), volatility[first:last], out[first:last])
    sign, spot, strike, years, rate, dividend_yield = contracts
    for row in range(out.shape[0]):
        if not (years[row] > 0.0 and volatility[row] > 0.0 and spot[row] > 0.0 and strike[row] > 0.0):
            known = years[row] >= 0.0 and volatility[row] >= 0.0 and spot[row] > 0.0 and strike[row] > 0.0
            out[row] = math.nan
            if known:
                out[row] = least(float(sign[row]), spot[row], strike[row], years[row], rate[row], dividend_yield[row])


@scalar
def room(count: int) -> Contracts:
    """Room for so many contracts."""
    floats = np.empty((5, count))
    return Contracts(np.empty(count, np.int8), floats[0], floats[1], floats[2], floats[3], floats[4])


@scalar
def put(
    contracts: Contracts, at: int, sign: float, spot: float, strike: float, years: float, rate: float, q: float
) -> None:
    """Put one contract in its place."""
    contracts.sign[at] = 1 if sign > 0.0 else -1
    contracts.spot[at], contracts.strike[at], contracts.years[at] = spot, strike, years
    contracts.rate[at], contracts.dividend_yield[at] = rate, q
