"""The smile of each expiry: a local robust fit that leaves out the strike it is asked about.

The points are the out-of-the-money volatilities by log-moneyness. A first look predicts each point from the lines
through pairs of its neighbours and takes the median, which one bad quote cannot move; points far from it lose their
weight. The fit itself is a locally weighted quadratic (W. Cleveland, 1979), linear where there are few points, with
tight quotes counting for more.

In plain loops: each of numpy's functions would take longer to compile than all of this.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanner.kernels.compile import kernel
from scanner.kernels.threads import over_groups
from scanner.pricing.arrays import Floats, Signs

_NEIGHBOURS = 7
_SIDES = 3
_LEAST_OTHERS = 3
_QUARTER_DELTA = 0.6744897501960817
_FLOOR = 0.002


class Smiles(NamedTuple):
    """By expiry: volatility at the forward, at the 25-delta put and call; straddle. By row: fit through the others.

    ``straddle`` is the undiscounted price of call and put struck at the forward, over the forward.
    """

    atm: Floats
    put_25: Floats
    call_25: Floats
    straddle: Floats
    others: Floats


@kernel
def _median(values: Floats, count: int) -> float:
    """Median of the first few values, which it sorts in place."""
    for i in range(1, count):
        value, j = values[i], i
        while j > 0 and values[j - 1] > value:
            values[j] = values[j - 1]
            j -= 1
        values[j] = value
    return float(0.5 * (values[(count - 1) // 2] + values[count // 2]))


@kernel
def _neighbour_medians(x: Floats, y: Floats) -> Floats:
    """Each point as its neighbours see it: the median of the lines through one neighbour on each side."""
    count = x.shape[0]
    seen = np.empty(count)
    lines = np.empty(_SIDES * _SIDES)
    for i in range(count):
        low = max(i - _SIDES, 0)
        high = min(i + _SIDES, count - 1)
        found = 0
        for a in range(low, i):
            for b in range(i + 1, high + 1):
                lines[found] = y[a] + (y[b] - y[a]) * (x[i] - x[a]) / (x[b] - x[a])
                found += 1
        if found > 0:
            seen[i] = _median(lines, found)
        else:
            # An end has neighbours on one side only, and is judged by their level.
            for a in range(low, high + 1):
                lines[a - low] = y[a]
            seen[i] = _median(lines, high + 1 - low)
    return seen


@kernel
def _weights(x: Floats, y: Floats, uncertainty: Floats) -> Floats:
    """How far each point counts: by the tightness of its quote, and not at all where its neighbours contradict it."""
    misfit, size = _neighbour_medians(x, y), np.empty(x.shape[0])
    for i in range(x.shape[0]):
        misfit[i] = y[i] - misfit[i]
        size[i] = abs(misfit[i])
    scale = 1.4826 * _median(size, x.shape[0])
    weights = np.empty(x.shape[0])
    for i in range(x.shape[0]):
        tolerated = uncertainty[i] + _FLOOR
        u = misfit[i] / (5.0 * max(scale, tolerated))
        weights[i] = max(1.0 - u * u, 0.0) ** 2 / (tolerated + 0.01 * y[i]) ** 2 if abs(u) < 1.0 else 0.0
    # The ends have neighbours on one side only, which their own slope contradicts.
    for end in (0, x.shape[0] - 1):
        if weights[end] == 0.0:
            weights[end] = 0.01 / (uncertainty[end] + _FLOOR + 0.01 * y[end]) ** 2
    return weights


@kernel
def _first_from(x: Floats, at: float) -> int:
    """The place of the first of some ascending values that is not less."""
    low, high = 0, x.shape[0]
    while low < high:
        middle = (low + high) // 2
        if x[middle] < at:
            low = middle + 1
        else:
            high = middle
    return low


@kernel
def _evaluate(at: float, x: Floats, y: Floats, weights: Floats, left_out: int) -> float:
    """The local fit at one log-moneyness through every point but ``left_out`` (-1: through all)."""
    count = x.shape[0]
    low = _first_from(x, at)
    high = low
    taken = 0
    while taken < _NEIGHBOURS and (low > 0 or high < count):
        left = high >= count or (low > 0 and at - x[low - 1] <= x[high] - at)
        index = low - 1 if left else high
        low, high = (low - 1, high) if left else (low, high + 1)
        if index != left_out and weights[index] > 0.0:
            taken += 1
    if taken == 0:
        return math.nan
    reach = 1.2 * max(at - x[low], x[high - 1] - at, 1e-9)
    m0, m1, m2, m3, m4 = 0.0, 0.0, 0.0, 0.0, 0.0
    s0, s1, s2 = 0.0, 0.0, 0.0
    below, above = 0, 0
    for i in range(low, high):
        if i == left_out or weights[i] == 0.0:
            continue
        u = (x[i] - at) / reach
        weight = weights[i] * (1.0 - abs(u) ** 3) ** 3
        below += u <= 0.0
        above += u >= 0.0
        w1 = weight * u
        w2 = w1 * u
        w3 = w2 * u
        m0, m1, m2, m3, m4 = m0 + weight, m1 + w1, m2 + w2, m3 + w3, m4 + w3 * u
        s0, s1, s2 = s0 + weight * y[i], s1 + w1 * y[i], s2 + w2 * y[i]
    if m0 <= 0.0:
        return math.nan
    if below >= 2 and above >= 2 and taken >= 5:
        a, b, c = m2 * m4 - m3 * m3, m1 * m4 - m2 * m3, m1 * m3 - m2 * m2
        determinant = m0 * a - m1 * b + m2 * c
        if determinant > 1e-9 * m0 * m2 * m4:
            return float((a * s0 - b * s1 + c * s2) / determinant)
    determinant = m0 * m2 - m1 * m1
    if taken >= 2 and determinant > 1e-9 * m0 * m2:
        return float((m2 * s0 - m1 * s1) / determinant)
    return float(s0 / m0)


@kernel
def _at_delta(side: float, atm: float, years: float, x: Floats, y: Floats, weights: Floats) -> float:
    """Volatility where the undiscounted forward delta is a quarter; NaN where no strike is quoted so far out."""
    vol = atm
    for _ in range(6):
        deviation = vol * math.sqrt(years)
        at = side * _QUARTER_DELTA * deviation + 0.5 * deviation * deviation
        if at < x[0] or at > x[-1]:
            return math.nan
        following = _evaluate(at, x, y, weights, -1)
        if not following > 0.0:
            return math.nan
        vol = following
    return vol


@kernel
def _fit_groups(
    first: int,
    last: int,
    offsets: NDArray[np.int64],
    sign: Signs,
    strike: Floats,
    volatility: Floats,
    uncertainty: Floats,
    forward: Floats,
    pivot: Floats,
    years: Floats,
    atm: Floats,
    put_25: Floats,
    call_25: Floats,
    straddle: Floats,
    others: Floats,
) -> None:
    for group in range(first, last):
        start, stop = offsets[group], offsets[group + 1]
        atm[group], put_25[group], call_25[group], straddle[group] = math.nan, math.nan, math.nan, math.nan
        others[start:stop] = math.nan
        if not (forward[group] > 0.0 and years[group] > 0.0):
            continue
        points = np.empty((3, stop - start))
        count = 0
        for row in range(start, stop):
            beyond = sign[row] * (strike[row] - pivot[group]) >= 0.0
            distance = math.log(strike[row] / forward[group])
            fresh = count == 0 or distance > points[0, count - 1]
            if beyond and fresh and volatility[row] > 0.0:
                points[0, count], points[1, count] = distance, volatility[row]
                points[2, count] = uncertainty[row] if uncertainty[row] >= 0.0 else 0.0
                count += 1
        if count < 2:
            continue
        x, y = points[0, :count], points[1, :count]
        weights = _weights(x, y, points[2, :count])
        money = _evaluate(0.0, x, y, weights, -1)
        nearest = abs(x[0])
        for i in range(1, count):
            nearest = min(nearest, abs(x[i]))
        bracketed = x[0] <= 0.0 <= x[-1] or nearest < 0.25 * money * math.sqrt(years[group])
        if bracketed and money > 0.0:
            atm[group] = money
            # 2 (2 N(deviation / 2) - 1), with the normal distribution function in terms of the error function.
            straddle[group] = 2.0 * math.erf(money * math.sqrt(years[group]) / (2.0 * math.sqrt(2.0)))
            put_25[group] = _at_delta(-1.0, money, years[group], x, y, weights)
            call_25[group] = _at_delta(1.0, money, years[group], x, y, weights)
        place, fitted, fitted_at = 0, math.nan, math.nan
        for row in range(start, stop):
            if not volatility[row] > 0.0:
                continue
            # A call and a put of one strike ask the same question.
            if strike[row] != fitted_at:
                at, fitted_at = math.log(strike[row] / forward[group]), strike[row]
                while place < count and x[place] < at:
                    place += 1
                own = place if place < count and x[place] == at else -1
                enough = count - (own >= 0) >= _LEAST_OTHERS
                fitted = _evaluate(at, x, y, weights, own) if enough else math.nan
            others[row] = fitted if fitted > 0.0 else math.nan


def fit(
    offsets: NDArray[np.int64],
    sign: Signs,
    strike: Floats,
    volatility: Floats,
    uncertainty: Floats,
    forward: Floats,
    pivot: Floats,
    years: Floats,
) -> Smiles:
    """Smiles of every expiry at once.

    By row (sorted by expiry, strike, right): ``sign``, ``strike``, ``volatility`` (NaN where there is none) and
    ``uncertainty``, half the quotes' width as a volatility. By expiry: ``forward``, ``pivot`` (the level over which the
    calls' volatilities count, and below it the puts') and ``years``.
    """
    groups, rows = offsets.shape[0] - 1, sign.shape[0]
    out = Smiles(np.empty(groups), np.empty(groups), np.empty(groups), np.empty(groups), np.empty(rows))
    over_groups(_fit_groups, offsets, sign, strike, volatility, uncertainty, forward, pivot, years, *out)
    return out


@kernel
def _maturity_groups(
    first: int, last: int, offsets: NDArray[np.int64], years: Floats, volatility: Floats, maturity: float, out: Floats
) -> None:
    for group in range(first, last):
        before, after = -1, -1
        for i in range(offsets[group], offsets[group + 1]):
            if not volatility[i] > 0.0 or not years[i] > 0.0:
                continue
            if years[i] <= maturity and (before < 0 or years[i] >= years[before]):
                before = i
            if years[i] >= maturity and (after < 0 or years[i] < years[after]):
                after = i
        out[group] = math.nan
        if before >= 0 and after >= 0:
            near, far = years[before], years[after]
            share = 0.0 if far == near else (maturity - near) / (far - near)
            variance = (1.0 - share) * volatility[before] ** 2 * near + share * volatility[after] ** 2 * far
            out[group] = math.sqrt(variance / maturity)
        elif before >= 0 and years[before] >= 2.0 / 3.0 * maturity:
            out[group] = volatility[before]
        elif after >= 0 and years[after] <= 1.5 * maturity:
            out[group] = volatility[after]


def at_maturity(offsets: NDArray[np.int64], years: Floats, volatility: Floats, maturity: float) -> Floats:
    """Constant-maturity volatility of each underlying: total variance interpolated linearly in time.

    ``offsets`` are the underlyings' ranges of expiries. With expiries on one side only the nearest serves where it is
    within two thirds to one and a half of the maturity; else NaN.
    """
    out = np.empty(offsets.shape[0] - 1)
    over_groups(_maturity_groups, offsets, years, volatility, maturity, out)
    return out
