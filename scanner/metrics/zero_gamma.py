"""The spot at which a book's summed gamma changes its sign: priced anew at every spot that is looked at.

Dollar gamma of a contract, as a function of the log of the spot, is a bell around its strike; a book is a sum of bells
with signs. On the way to the nearest change of sign, steps are a part of the width of the narrowest bell that matters
there. Between two places where the sum has one sign, it has no other unless it turns in between: its slope tells.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanner.kernels.compile import kernel
from scanner.kernels.vector_math import exp

Floats = NDArray[np.float64]

# As far from spot as a change of sign is looked for, and the largest step (in log spot) on the way; near the end of an
# option's life its gamma is a narrow bell, and steps are this part of its width. A cubic through values and slopes
# that far apart misses a bell by no more than 2e-4 of its height.
_LOWEST, _HIGHEST = math.log(0.75), math.log(1.25)
_LARGEST_STEP, _OF_DEVIATION = 0.02, 0.4
# Terms smaller than the largest by these powers of e count for nothing in the sum, and do not make steps small.
_NEGLIGIBLE, _UNIMPORTANT = 40.0, 20.0
# In log spot: how exactly a crossing is found, how near to the spot one at the spot itself is looked for, and how
# narrow a valley is not looked into any more.
_EXACT, _BESIDE, _NARROW = 1e-10, 1e-9, 1e-7
# A sum that its terms cancel to this share of them is rounding, not a sign.
_CANCELLED = 1e-13

# Sums may be taken in any order, which is what makes them sums of vectors; nothing here is NaN.
_summing = kernel(error_model="numpy", fastmath={"contract", "reassoc", "nnan", "nsz"})


class Book(NamedTuple):
    """The bells of one name: heights with signs, and what makes ``d1 = shift x inverse + offset`` of a log spot moved.

    The first ``narrow`` of them are narrow enough to make steps smaller.
    """

    height: Floats
    inverse: Floats
    offset: Floats
    narrow: int


class Net(NamedTuple):
    """The sum at one place relative to ``exp(-least)``, its slope alike, both as shares of the terms' sizes."""

    value: float
    slope: float
    least: float
    size: float


@_summing
def _least(shift: float, inverse: Floats, offset: Floats) -> float:
    least = 1e300
    for row in range(inverse.size):
        d1 = shift * inverse[row] + offset[row]
        least = min(least, d1 * d1)
    return 0.5 * least


@_summing
def _sums(shift: float, least: float, height: Floats, inverse: Floats, offset: Floats) -> tuple[float, float, float]:
    total, slope, size = 0.0, 0.0, 0.0
    for row in range(height.size):
        d1 = shift * inverse[row] + offset[row]
        term = height[row] * exp(max(least - 0.5 * d1 * d1, -_NEGLIGIBLE))
        total += term
        slope -= term * d1 * inverse[row]
        size += abs(term)
    return total, slope, size


@_summing
def _safe_step(shift: float, least: float, narrow: int, inverse: Floats, offset: Floats) -> float:
    """How far it is safe to go: no further than another bell begins to matter."""
    important = math.sqrt(2.0 * (least + _UNIMPORTANT))
    step = _LARGEST_STEP
    for row in range(narrow):
        d1 = abs(shift * inverse[row] + offset[row])
        step = min(step, max(d1 - important, _OF_DEVIATION) / inverse[row])
    return step


@kernel
def _net(shift: float, book: Book) -> Net:
    """The book at a log spot moved by ``shift``.

    Terms are taken relative to the largest: far from every strike all of them are tiny, and the sign is still theirs.
    """
    least = _least(shift, book.inverse, book.offset)
    total, slope, size = _sums(shift, least, book.height, book.inverse, book.offset)
    if abs(total) <= _CANCELLED * size:
        total = 0.0
    return Net(total / size, slope / size, least, size)


@kernel
def _root(low: float, high: float, at_low: Net, book: Book) -> float:
    """Where between two shifts of opposite signs the sum is zero: Newton's steps, or bisection where they leave."""
    middle = 0.5 * (low + high)
    while abs(high - low) > _EXACT:
        net = _net(middle, book)
        if net.value == 0.0:
            return middle
        if net.value * at_low.value > 0.0:
            low = middle
        else:
            high = middle
        step = net.value / net.slope if net.slope != 0.0 else math.inf
        following = middle - step
        if not min(low, high) < following < max(low, high):
            following = 0.5 * (low + high)
        elif abs(step) < _EXACT:
            return following
        middle = following
    return 0.5 * (low + high)


@kernel
def _turn(low: float, high: float, at_low: Net, at_high: Net, book: Book) -> float:
    """The nearest root to ``low`` where the sum has one sign at both ends and turns between them; NaN without one.

    The sum falls towards zero from ``low`` and rises again to ``high``. As long as it bends no other way meanwhile, it
    lies above both tangents; where these meet above zero, there is no root.
    """
    while abs(high - low) > _NARROW:
        sign = math.copysign(1.0, at_low.value)
        scale = math.exp(min(at_low.least - at_high.least, 300.0)) * at_high.size / at_low.size
        value, slope = sign * at_high.value * scale, sign * at_high.slope * scale
        falls = sign * at_low.slope
        if slope != falls:
            meet = (value - sign * at_low.value - slope * (high - low)) / (falls - slope)
            if sign * at_low.value + falls * meet > 0.0:
                return math.nan
        middle = 0.5 * (low + high)
        net = _net(middle, book)
        if sign * net.value < 0.0:
            return _root(low, middle, at_low, book)
        if sign * net.slope * (high - low) < 0.0:
            low, at_low = middle, net
        else:
            high, at_high = middle, net
    return math.nan


@kernel
def _crossing(direction: float, limit: float, start: Net, book: Book) -> float:
    """How far the log spot moves in a direction (1 or -1) to the first change of sign; NaN where none is in reach."""
    reached, net = 0.0, start
    known = start
    before = 0.0
    while reached < limit:
        step = _safe_step(direction * reached, net.least, book.narrow, book.inverse, book.offset)
        reached = min(reached + step, limit)
        net = _net(direction * reached, book)
        if net.value == 0.0:
            continue
        if known.value * net.value < 0.0:
            return direction * _root(direction * before, direction * reached, known, book)
        if direction * known.value * known.slope < 0.0 < direction * net.value * net.slope:
            found = _turn(direction * before, direction * reached, known, net, book)
            if not math.isnan(found):
                return direction * found
        known, before = net, reached
    return math.nan


@kernel
def _factor(book: Book) -> float:
    """The factor on spot nearest to 1 at which the book's gamma changes its sign; NaN where none is in reach."""
    start = _net(0.0, book)
    if start.value == 0.0 and _net(_BESIDE, book).value * _net(-_BESIDE, book).value < 0.0:
        return 1.0
    above = math.exp(_crossing(1.0, _HIGHEST, start, book))
    # Below, a factor is looked for no further than one above is away.
    limit = -_LOWEST if math.isnan(above) else -math.log(max(2.0 - above, 0.75))
    below = math.exp(-_crossing(-1.0, limit, start, book))
    return above if math.isnan(below) else below


@kernel
def _book(
    segments: NDArray[np.int64], calls: NDArray[np.bool_], strike: Floats, spot: Floats, forward: Floats,
    discount: Floats, years: Floats, volatility: Floats, lots: Floats,
) -> tuple[Book, float]:  # fmt: skip
    """The bells of what is open and has a volatility in some segments of rows, and the first spot beside one."""
    most = 0
    for place in range(segments.shape[0]):
        most += segments[place, 1] - segments[place, 0]
    height, inverse, offset = np.empty(most), np.empty(most), np.empty(most)
    wide, narrow, found = most, 0, math.nan
    for place in range(segments.shape[0]):
        for row in range(segments[place, 0], segments[place, 1]):
            held = forward[row] * discount[row] / spot[row]
            if not (lots[row] > 0.0 and years[row] > 0.0 and volatility[row] > 0.0 and held > 0.0):
                continue
            if math.isnan(found):
                found = spot[row]
            deviation = volatility[row] * math.sqrt(years[row])
            if deviation * _OF_DEVIATION < _LARGEST_STEP:
                at = narrow
                narrow += 1
            else:
                wide -= 1
                at = wide
            # Dollar gamma is spot x exp(-yield x years) x density(d1) / deviation, and the spot is the same in all.
            inverse[at] = 1.0 / deviation
            offset[at] = 0.5 * deviation - math.log(strike[row] / forward[row]) * inverse[at]
            height[at] = (1.0 if calls[row] else -1.0) * lots[row] * held * inverse[at]
    # What is narrow stands at the front and what is wide at the back: the gap between them is filled from the end.
    count = narrow + most - wide
    for step in range(min(most - wide, wide - narrow)):
        at, moved = narrow + step, most - 1 - step
        height[at], inverse[at], offset[at] = height[moved], inverse[moved], offset[moved]
    return Book(height[:count], inverse[:count], offset[:count], narrow), found


@kernel
def zero_gammas(
    first: int, last: int, _: NDArray[np.int64], offsets: NDArray[np.int64], segments: NDArray[np.int64],
    calls: NDArray[np.bool_], strike: Floats, spot: Floats, forward: Floats, discount: Floats, years: Floats,
    volatility: Floats, lots: Floats, found: Floats,
) -> None:  # fmt: skip
    """Fill ``found`` for the names ``first`` to ``last``: the spot at which a name's gamma changes its sign, or NaN.

    ``segments`` are ranges of rows, those of a name between its ``offsets``; the columns are float64, NaN where a value
    is missing, ``lots`` open interest x multiplier.
    """
    for name in range(first, last):
        book, at = _book(
            segments[offsets[name] : offsets[name + 1]], calls, strike, spot, forward, discount, years, volatility, lots
        )
        found[name] = at * _factor(book) if book.height.size else math.nan
