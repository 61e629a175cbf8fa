"""American options with a continuous yield: the volatility of a price.

The secant method on the logarithm of the price above its floor, which is nearly linear in the volatility, kept inside a
bracket. A block of contracts is solved together, and whichever is found leaves it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from scanner.kernels.vector_math import exp, log, prefer_wide_vectors, scalar, vectorised
from scanner.pricing.arrays import Floats, Statuses
from scanner.pricing.black_volatility import guessed_deviation
from scanner.pricing.premium import BLOCK, Contracts, least, part, values
from scanner.pricing.status import (
    ABOVE_BOUND,
    BELOW_INTRINSIC,
    EXPIRED,
    MAX_VOLATILITY,
    NO_INPUT,
    SOLVED,
    UNIDENTIFIABLE,
)

Rows = NDArray[np.int64]

# The logarithm of a value that is not above its floor.
LOWEST_GAP = -4.0
MAX_STEPS = 80
ROUNDING = 1e-12
# The move about to be made: what is left after it is far smaller.
_TOLERANCE = 1e-7

# Rows of the solver's scratch array: the contract as it is, and the state of its search.
PRICE, SPOT, STRIKE, YEARS, RATE, YIELD, FLOOR, TRIED, BEFORE, GAP, LOW, HIGH = range(12)
STATES = 12


@vectorised
def _start(contracts: Contracts, price: Floats, floor: Floats, guess: Floats) -> None:
    """A first volatility from the value above the floor, as if the contract were European; NaN where none can be."""
    prefer_wide_vectors()
    sign, spot, strike, years, rate, dividend_yield = contracts
    for row in range(guess.shape[0]):
        s, k, t = spot[row], strike[row], years[row]
        held, owed = s * exp(-dividend_yield[row] * t), k * exp(-rate[row] * t)
        lowest = max(sign[row] * (s - k), sign[row] * (held - owed), 0.0)
        low, high = min(held, owed), max(held, owed)
        share = min((price[row] - lowest) / low, 0.999)
        ratio = low / high
        deviation = guessed_deviation(-log(ratio), share, share * math.sqrt(ratio))
        most = s if sign[row] > 0 else k
        usable = (low > 0.0) & (t > 0.0) & (price[row] > lowest + ROUNDING * max(s, k)) & (price[row] < most)
        floor[row] = lowest
        guess[row] = min(max(deviation, 1e-3) / math.sqrt(t), 0.5 * MAX_VOLATILITY) if usable else math.nan


@scalar
def of_work(sign: NDArray[np.int8], work: Floats) -> Contracts:
    """The contracts in a solver's scratch array."""
    return Contracts(sign, work[SPOT], work[STRIKE], work[YEARS], work[RATE], work[YIELD])


@scalar
def to_gaps(work: Floats, found: Floats) -> None:
    """Logarithm of each value above its floor, less that of the price, in place."""
    for row in range(found.shape[0]):
        wanted = work[PRICE, row] - work[FLOOR, row]
        above = found[row] - work[FLOOR, row]
        found[row] = max(math.log(above / wanted), LOWEST_GAP) if above > 0.0 else LOWEST_GAP


@scalar
def advance(work: Floats, row: int, gap: float) -> float:
    """Move one volatility by the secant through its two newest points, inside its bracket; the relative move."""
    vol, before = work[TRIED, row], work[BEFORE, row]
    if gap > 0.0:
        work[HIGH, row] = vol
    else:
        work[LOW, row] = vol
    # Where the contract is exercised at once the value does not depend on the volatility: no slope from there.
    told = vol != before and gap > LOWEST_GAP and work[GAP, row] > LOWEST_GAP
    slope = (gap - work[GAP, row]) / (vol - before) if told else 0.0
    following = min(max(vol - gap / slope, vol / 3.0), 3.0 * vol) if slope > 0.0 else math.nan
    if not work[LOW, row] < following < work[HIGH, row]:
        following = 0.5 * (work[LOW, row] + work[HIGH, row])
    work[BEFORE, row], work[GAP, row], work[TRIED, row] = vol, gap, following
    moved: float = abs(following / vol - 1.0)
    return moved


@scalar
def settle(sign: NDArray[np.int8], work: Floats, origin: Rows, gaps: Floats, tolerance: float, out: Floats) -> int:
    """Move every volatility on; whichever is found leaves the scratch arrays. How many stay."""
    kept = 0
    for row in range(gaps.shape[0]):
        if advance(work, row, gaps[row]) <= tolerance or gaps[row] == 0.0:
            out[origin[row]] = work[TRIED, row] if gaps[row] != 0.0 else work[BEFORE, row]
            continue
        sign[kept], origin[kept] = sign[row], origin[row]
        for state in range(STATES):
            work[state, kept] = work[state, row]
        kept += 1
    return kept


@scalar
def _search(sign: NDArray[np.int8], work: Floats, origin: Rows, out: Floats) -> None:
    """Solve all contracts of ``work`` together."""
    active = origin.shape[0]
    gaps = np.empty(active)
    for step in range(MAX_STEPS):
        if active == 0:
            return
        now = slice(0, active)
        at = work[BEFORE, :active] if step == 0 else work[TRIED, :active]
        values(of_work(sign[now], work[:, now]), at, gaps[now])
        to_gaps(work, gaps[now])
        if step == 0:
            work[GAP, :active] = gaps[now]
        else:
            active = settle(sign, work, origin, gaps[now], _TOLERANCE, out)
    for row in range(active):
        out[origin[row]] = work[TRIED, row]


@scalar
def _solve_block(contracts: Contracts, price: Floats, out: Floats, status: Statuses) -> None:
    """Volatilities and statuses of a block of contracts."""
    rows = price.shape[0]
    work, side, origin = np.empty((STATES, rows)), np.empty(rows, np.int8), np.empty(rows, np.int64)
    floor, guess = np.empty(rows), np.empty(rows)
    sign, spot, strike, years, rate, dividend_yield = contracts
    _start(contracts, price, floor, guess)
    count = 0
    for row in range(rows):
        out[row] = math.nan
        if math.isnan(guess[row]):
            continue
        work[PRICE, count], work[SPOT, count], work[STRIKE, count] = price[row], spot[row], strike[row]
        work[YEARS, count], work[RATE, count], work[YIELD, count] = years[row], rate[row], dividend_yield[row]
        work[FLOOR, count], work[TRIED, count], work[BEFORE, count] = floor[row], guess[row], 1.01 * guess[row]
        work[LOW, count], work[HIGH, count] = 0.0, 2.0 * MAX_VOLATILITY
        side[count], origin[count] = sign[row], row
        count += 1
    _search(side[:count], np.ascontiguousarray(work[:, :count]), origin[:count], out)
    for row in range(rows):
        terms = (spot[row], strike[row], years[row], rate[row], dividend_yield[row])
        out[row], status[row] = judge(price[row], least(float(sign[row]), *terms), float(sign[row]), *terms, out[row])


@scalar
def judge(
    price: float,
    floor: float,
    sign: float,
    spot: float,
    strike: float,
    years: float,
    rate: float,
    q: float,
    found: float,
) -> tuple[float, int]:
    """What was found, or NaN and why there is nothing."""
    if not (spot > 0.0 and strike > 0.0) or not math.isfinite(price + spot + strike + years + rate + q):
        return math.nan, NO_INPUT
    if years <= 0.0:
        return math.nan, EXPIRED
    if price < floor - ROUNDING * max(spot, strike):
        return math.nan, BELOW_INTRINSIC
    if price >= (spot if sign > 0 else strike) or found > MAX_VOLATILITY:
        return math.nan, ABOVE_BOUND
    # Below some volatility the contract is exercised at once, and every smaller one gives the same price.
    if not found > 1e-6:
        return math.nan, UNIDENTIFIABLE
    return found, SOLVED


@scalar
def solve_rows(contracts: Contracts, price: Floats, out: Floats, status: Statuses) -> None:
    """Volatilities and statuses of any number of contracts."""
    for first in range(0, out.shape[0], BLOCK):
        last = min(first + BLOCK, out.shape[0])
        _solve_block(part(contracts, first, last), price[first:last], out[first:last], status[first:last])
