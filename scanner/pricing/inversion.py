"""American options with a continuous yield: the volatility of a price.

The secant method on what a price is worth as the total volatility of a European option, which is nearly the volatility
looked for: two evaluations find most contracts, three those in the money. Near the exercise boundary the value leaves
its floor as a bend, which the European curve does not have; what early exercise is worth there, as a share of what
holding on costs, depends on little but the value above the floor, and is taken to be that (:func:`_as_deviation`). The
search is kept inside a bracket. A block of contracts is solved together, and whichever is found leaves it.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from scanner.kernels.vector_math import exp, inlined, log, prefer_wide_vectors, scalar, vectorised
from scanner.pricing.arrays import Floats, Statuses
from scanner.pricing.black_volatility import fitted_deviation
from scanner.pricing.normalised import ROOT_TWO_PI
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

# What a value that is not above its floor tells: nothing but that the volatility is too low.
NOTHING = -math.inf
MAX_STEPS = 80
ROUNDING = 1e-12
# The move about to be made, as a share of the volatility: what is left after it is far smaller, and less than the
# product of the last two.
TOLERANCE, _TOLERANCE_OF_TWO = 1e-7, 1e-11
# Up to where a price's share of its bound is a European option's.
_LARGEST_SHARE, _BEYOND = 0.999, 10.0
# Early exercise at its boundary, as a share of what holding on costs, and how it falls with the value above the floor.
_AT_BOUNDARY, _FALLING = 0.69, 0.95
_STEP_UP = 1.3

# Rows of the solver's scratch array: the contract as it is, the map to deviations, and the state of its search.
PRICE, SPOT, STRIKE, YEARS, RATE, YIELD, FLOOR = range(7)
_CARRY, _BOUND, _ROOT, _DISTANCE, _WANTED = range(7, 12)
TRIED, BEFORE, GAP, LOW, HIGH, _MOVED = range(12, 18)
STATES = 18


@inlined
def _as_deviation(above: float, carry: float, bound: float, root: float, distance: float) -> float:
    """Total volatility of the European option that is worth about as much; rises with ``above``, the floor's excess.

    ``carry`` is what the floor of exercise stands above that of holding on: the European option is worth what is above
    the lower one, less early exercise. ``bound`` is the most such a value can be, ``root`` and ``distance`` are the
    root and minus the logarithm of the smaller over the larger of what is held and what is owed.
    """
    shares = math.sqrt(above / max(carry, 1e-300))
    exercise = _AT_BOUNDARY / (1.0 + _FALLING * shares * math.sqrt(shares))
    raw = (above + carry * (1.0 - exercise)) / bound
    share = min(max(raw, 1e-300), _LARGEST_SHARE)
    price = share * root
    a = math.sqrt(1.0 - 2.0 * log(price / (price + distance / ROOT_TWO_PI))) - 1.0
    b = distance - 2.0 * log(1.0 - share)
    return fitted_deviation(a, b) + _BEYOND * max(raw - _LARGEST_SHARE, 0.0)


@vectorised
def _find_floors(contracts: Contracts, price: Floats, floor: Floats) -> None:
    """The least each contract is worth; NaN where the price cannot have a volatility."""
    prefer_wide_vectors()
    sign, spot, strike, years, rate, dividend_yield = contracts
    for row in range(floor.shape[0]):
        s, k, t = spot[row], strike[row], years[row]
        held, owed = s * exp(-dividend_yield[row] * t), k * exp(-rate[row] * t)
        lowest = max(sign[row] * (s - k), sign[row] * (held - owed), 0.0)
        most = s if sign[row] > 0 else k
        between = (price[row] > lowest + ROUNDING * max(s, k)) & (price[row] < most)
        floor[row] = lowest if (min(held, owed) > 0.0) & (t > 0.0) & between else math.nan


@vectorised
def begin(sign: NDArray[np.int8], work: Floats) -> None:
    """Lay out the search of some contracts, of which price, terms and floor are given, and guess the volatility.

    The point before the guess is none at all, which is worth nothing.
    """
    prefer_wide_vectors()
    for row in range(sign.shape[0]):
        t = work[YEARS, row]
        held = work[SPOT, row] * exp(-work[YIELD, row] * t)
        owed = work[STRIKE, row] * exp(-work[RATE, row] * t)
        low = min(held, owed)
        ratio = low / max(held, owed)
        carry = max(work[FLOOR, row] - max(sign[row] * (held - owed), 0.0), 0.0)
        distance, root = -log(ratio), math.sqrt(ratio)
        wanted = _as_deviation(work[PRICE, row] - work[FLOOR, row], carry, low, root, distance)
        work[_CARRY, row], work[_BOUND, row], work[_ROOT, row], work[_DISTANCE, row] = carry, low, root, distance
        work[_WANTED, row] = wanted
        work[TRIED, row] = min(max(wanted, 1e-3) / math.sqrt(t), 0.5 * MAX_VOLATILITY)
        work[BEFORE, row], work[GAP, row] = 0.0, -wanted
        work[LOW, row], work[HIGH, row], work[_MOVED, row] = 0.0, 2.0 * MAX_VOLATILITY, math.inf


@scalar
def of_work(sign: NDArray[np.int8], work: Floats) -> Contracts:
    """The contracts in a solver's scratch array."""
    return Contracts(sign, work[SPOT], work[STRIKE], work[YEARS], work[RATE], work[YIELD])


@vectorised
def to_gaps(work: Floats, found: Floats) -> None:
    """What each value is as a deviation, less what the price is, in place."""
    prefer_wide_vectors()
    for row in range(found.shape[0]):
        above = found[row] - work[FLOOR, row]
        told = _as_deviation(
            max(above, 0.0), work[_CARRY, row], work[_BOUND, row], work[_ROOT, row], work[_DISTANCE, row]
        )
        found[row] = told - work[_WANTED, row] if above > 0.0 else NOTHING


@scalar
def advance(work: Floats, row: int, gap: float) -> bool:
    """Narrow the bracket by the gap at the volatility tried, and choose the next one; whether that is the one."""
    vol, before = work[TRIED, row], work[BEFORE, row]
    if gap > 0.0:
        work[HIGH, row] = vol
    else:
        work[LOW, row] = vol
    low, high = work[LOW, row], work[HIGH, row]
    # Where the contract is exercised at once the value does not depend on the volatility: no slope from there.
    told = vol != before and gap > NOTHING and work[GAP, row] > NOTHING
    slope = (gap - work[GAP, row]) / (vol - before) if told else 0.0
    following = min(max(vol - gap / slope, vol / 3.0), 3.0 * vol) if slope > 0.0 else math.nan
    if not low < following < high:
        following = 0.5 * (low + high) if high <= MAX_VOLATILITY else _STEP_UP * vol
    moved = abs(following / vol - 1.0)
    found = gap == 0.0 or moved <= TOLERANCE or moved * work[_MOVED, row] <= _TOLERANCE_OF_TWO
    work[BEFORE, row], work[GAP, row], work[_MOVED, row] = vol, gap, moved
    work[TRIED, row] = following if gap != 0.0 else vol
    return found


@scalar
def settle(sign: NDArray[np.int8], work: Floats, origin: Rows, gaps: Floats, out: Floats) -> int:
    """Move every volatility on; whichever is found leaves the scratch arrays. How many stay."""
    kept = 0
    for row in range(gaps.shape[0]):
        if advance(work, row, gaps[row]):
            out[origin[row]] = work[TRIED, row]
            continue
        if kept < row:
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
    for _ in range(MAX_STEPS):
        if active == 0:
            return
        now = slice(0, active)
        values(of_work(sign[now], work[:, now]), work[TRIED, :active], gaps[now])
        to_gaps(work, gaps[now])
        active = settle(sign, work, origin, gaps[now], out)
    for row in range(active):
        out[origin[row]] = work[TRIED, row]


@scalar
def _solve_block(contracts: Contracts, price: Floats, out: Floats, status: Statuses) -> None:
    """Volatilities and statuses of a block of contracts."""
    rows = price.shape[0]
    work, side, origin = np.empty((STATES, rows)), np.empty(rows, np.int8), np.empty(rows, np.int64)
    floor = np.empty(rows)
    sign, spot, strike, years, rate, dividend_yield = contracts
    _find_floors(contracts, price, floor)
    count = 0
    for row in range(rows):
        out[row] = math.nan
        if math.isnan(floor[row]):
            continue
        work[PRICE, count], work[SPOT, count], work[STRIKE, count] = price[row], spot[row], strike[row]
        work[YEARS, count], work[RATE, count], work[YIELD, count] = years[row], rate[row], dividend_yield[row]
        work[FLOOR, count] = floor[row]
        side[count], origin[count] = sign[row], row
        count += 1
    begin(side[:count], work)
    _search(side[:count], work, origin[:count], out)
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
