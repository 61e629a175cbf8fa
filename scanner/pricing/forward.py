"""The implied forward of each expiry, from put-call parity over the tight quotes near the money.

For a European pair ``C - P = discount x (forward - strike)``: each strike gives one forward, and the expiry's is their
robust mean, weighted by how tight the quotes are. American quotes lose their early-exercise premiums first, which
depend on the forward through the yield, so that the two are found in turn. The discount comes from the curve.

Known dividends (``ex_dates``) have left the spot before, and their ex-dates are in those premiums; the yield is what
parity tells beyond them, so that announced dividends and the ones not announced yet are each counted once.

Quotes as wide as the stock is volatile say little, and the forward of three days says nothing about a yearly yield. All
expiries of an underlying therefore share a carry line ``ln(forward / spot) = shift + (rate - yield) x years``: the
``shift`` takes up a spot that was not taken at the quotes' time, and each expiry leans on the line as far as its own
quotes leave room. Where an expiry rests on the line more than on its quotes, ``source`` says so.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanner.kernels.compile import kernel
from scanner.kernels.threads import over_groups
from scanner.pricing import premium as early_exercise
from scanner.pricing.arrays import Floats, Signs
from scanner.pricing.cash_dividends import values
from scanner.pricing.ex_dates import ExDates
from scanner.pricing.normalised import implied_deviation, undiscounted_price
from scanner.pricing.robust import BISQUARE, robust_mean, weighted_median

NONE, PARITY, SPOT = 0, 1, 2

Flags = NDArray[np.bool_]
Offsets = NDArray[np.int64]

_NEAREST = 6
# Premiums with the spot as given, then with that of the carry line, and once more with the better one.
_ROUNDS = 3
_MAX_STEPS = 20
# A forward is found when the next step is this small a share of its standard error.
_SETTLED = 0.05
# The carry beyond interest, as a share of the spot, that makes the pairs at the spot better witnesses.
_FAR_FROM_SPOT = 0.05
# Premiums follow the spot by a fraction only.
_SAME_SPOT = 0.5
# Standard deviations, as shares of the spot: how far an expiry may stand off the carry line (dividends come in lumps,
# rates and borrowing fees have a term structure), at once and per year.
_OFF_LINE, _OFF_LINE_PER_YEAR = 0.001, 0.01
# What is believed of the line before any quote is seen: the spot is of the quotes' time, and the yield is moderate.
_SHIFT_GIVEN_SPOT, _SHIFT_WITHOUT = 0.002, 0.1
_DOUBTFUL = 1.5
_USUAL_YIELD, _LARGEST_YIELD = 0.03, 1.0
# How far the yield to one expiry differs from the line's.
_YIELD_BY_EXPIRY = 0.02
_LEAST_SHIFT = 0.0005


class Expiries(NamedTuple):
    """What the fit must know of each expiry: arrays of one length, in the rows' order.

    ``offsets`` (one more) are the row ranges; ``underlying_order`` the expiries by underlying, whose ranges in it are
    ``underlying_offsets``. ``spot`` is NaN where unknown or of no use, and less the value of known dividends, which is
    ``worth``.
    """

    offsets: Offsets
    underlying_order: NDArray[np.int64]
    underlying_offsets: Offsets
    years: Floats
    rate: Floats
    spot: Floats
    exercised: Flags
    ex_dates: ExDates
    worth: Floats


class Forwards(NamedTuple):
    """By expiry: forward, the spot and yield that go with it, source code, parity residual (misfit / forward)."""

    forward: Floats
    spot: Floats
    dividend_yield: Floats
    source: NDArray[np.int8]
    residual: Floats


@kernel
def _pairs(start: int, stop: int, sign: Signs, strike: Floats, price: Floats) -> NDArray[np.int64]:
    """The calls of an expiry whose put beside them has a price, too."""
    calls = np.empty(stop - start, np.int64)
    count = 0
    for row in range(start, stop - 1):
        pair = sign[row] > 0 and sign[row + 1] < 0 and strike[row] == strike[row + 1]
        if pair and price[row] > 0.0 and price[row + 1] > 0.0:
            calls[count] = row
            count += 1
    return calls[:count]


@kernel
def _choose_pairs(
    first: int,
    last: int,
    offsets: Offsets,
    sign: Signs,
    strike: Floats,
    price: Floats,
    half_spread: Floats,
    years: Floats,
    rate: Floats,
    chosen: Flags,
) -> None:
    """Mark the calls of the pairs nearest to the money, which is where most tight pairs put the forward."""
    for group in range(first, last):
        if not years[group] > 0.0:
            continue
        calls = _pairs(offsets[group], offsets[group + 1], sign, strike, price)
        if calls.size == 0:
            continue
        growth = math.exp(rate[group] * years[group])
        level = strike[calls] + (price[calls] - price[calls + 1]) * growth
        width = half_spread[calls] + half_spread[calls + 1] + 1e-6 * strike[calls]
        centre = weighted_median(level, 1.0 / width**2)
        for row in calls[np.argsort(np.abs(strike[calls] - centre))[:_NEAREST]]:
            chosen[row] = True


@kernel
def _choose_again(
    first: int,
    last: int,
    offsets: Offsets,
    sign: Signs,
    strike: Floats,
    price: Floats,
    years: Floats,
    exercised: Flags,
    spot: Floats,
    worth: Floats,
    dividend_yield: Floats,
    chosen: Flags,
    held: Signs,
    tried_spot: Floats,
) -> None:
    """Take the pairs nearest to the spot where a large yield keeps the forward far from it.

    Between the two the options in the money are exercised at once, and worth no more than that: it is at the spot that
    both legs of an American pair have a life of their own to tell the forward by.
    """
    for group in range(first, last):
        if not (exercised[group] and abs(dividend_yield[group]) * years[group] > _FAR_FROM_SPOT):
            continue
        calls = _pairs(offsets[group], offsets[group + 1], sign, strike, price)
        chosen[offsets[group] : offsets[group + 1]] = False
        for row in calls[np.argsort(np.abs(strike[calls] - spot[group] - worth[group]))[:_NEAREST]]:
            chosen[row] = True
        held[group] = -1 if dividend_yield[group] > 0.0 else 1
        tried_spot[group] = math.nan


@kernel
def _parity(
    calls: NDArray[np.int64],
    strike: Floats,
    price: Floats,
    half_spread: Floats,
    premium: Floats,
    growth: float,
    exercised: bool,
    spot: float,
) -> tuple[float, float, float]:
    """Forward of some pairs less their early-exercise premiums, its standard error and the median misfit, dollars.

    An American pair counts by what each of its legs is worth beyond its exercise, too: one that is worth no more than
    that says nothing of the forward.
    """
    european = price[calls] - premium[calls] - price[calls + 1] + premium[calls + 1]
    width = growth * (half_spread[calls] + half_spread[calls + 1]) + 1e-6 * strike[calls]
    weights = 1.0 / width**2
    if exercised:
        alive = np.minimum(price[calls], price[calls + 1])
        if spot > 0.0:
            inner = np.where(strike[calls] < spot, price[calls], price[calls + 1]) - np.abs(spot - strike[calls])
            if inner.max() > 0.0:
                alive = np.maximum(np.minimum(alive, inner), 1e-6 * inner.max())
        weights *= (alive / alive.max()) ** 2
    centre, misfit = robust_mean(strike[calls] + european * growth, weights)
    total = weights.sum()
    typical = math.sqrt((weights * width**2).sum() / total)
    # Neighbouring quotes lean the same way, so that more than four pairs do not make the mean surer.
    pairs = min(total * total / (weights**2).sum(), 4.0)
    return centre, math.hypot(0.5 * typical, misfit) / math.sqrt(pairs), misfit


@kernel
def _find_premiums(
    calls: NDArray[np.int64],
    strike: Floats,
    price: Floats,
    years: float,
    rate: float,
    spot: float,
    forward: float,
    held: int,
    ex_years: Floats,
    amounts: Floats,
    premium: Floats,
) -> None:
    """Early-exercise premiums of some pairs, in place, at the volatility of the out-of-the-money leg less its own.

    ``held`` names a right (1 or -1) whose legs are to tell the volatility instead: under a large yield the others'
    premium is most of their price. A forward at which that leg is worth less than its intrinsic value leaves it no
    volatility at all.
    """
    q = rate - math.log(forward / spot) / years
    discount = math.exp(-rate * years)
    legs = early_exercise.room(2 * calls.shape[0])
    rows, vols, european = np.empty(legs.sign.shape, np.int64), np.empty(legs.sign.shape), np.empty(legs.sign.shape)
    count = 0
    for call in calls:
        is_call = strike[call] >= spot if held == 0 else held > 0
        outer, outward = (call, 1.0) if is_call else (call + 1, -1.0)
        inner_value = max(outward * (forward - strike[call]), 0.0)
        time_value = (price[outer] - premium[outer]) / discount - inner_value
        if time_value <= 0.0:
            for row, side in ((call, 1.0), (call + 1, -1.0)):
                least = early_exercise.least(side, spot, strike[row], years, rate, q)
                premium[row] = least - discount * max(side * (forward - strike[row]), 0.0)
            continue
        deviation = implied_deviation(time_value, forward, strike[call])
        if math.isnan(deviation):
            continue
        for row, side in ((call, 1.0), (call + 1, -1.0)):
            early_exercise.put(legs, count, side, spot, strike[row], years, rate, q)
            rows[count], vols[count] = row, deviation / math.sqrt(years)
            european[count] = discount * undiscounted_price(side, forward, strike[row], deviation)
            count += 1
    found, some = np.empty(count), early_exercise.part(legs, 0, count)
    if amounts.shape[0] > 0:
        values(some, vols[:count], ex_years, amounts, found)
    else:
        early_exercise.values(some, vols[:count], found)
    for i in range(count):
        premium[rows[i]] = found[i] - european[i]


@kernel
def _fit_parity(
    first: int,
    last: int,
    offsets: Offsets,
    chosen: Flags,
    strike: Floats,
    price: Floats,
    half_spread: Floats,
    premium: Floats,
    years: Floats,
    rate: Floats,
    exercised: Flags,
    ex_dates: ExDates,
    worth: Floats,
    spot: Floats,
    held: Signs,
    tried_spot: Floats,
    forward: Floats,
    error: Floats,
    residual: Floats,
) -> None:
    """Parity forward of each expiry; for American style less the early-exercise premiums that belong to it.

    A forward is consistent where parity, less the premiums at the yield it implies, gives it back: a root, found by the
    secant method, because simple repetition creeps where the yield is large. What was found for a spot stands while the
    spot moves by less than matters.
    """
    for group in range(first, last):
        if abs(spot[group] - tried_spot[group]) < _SAME_SPOT * error[group]:
            continue
        tried_spot[group] = spot[group]
        start, stop = offsets[group], offsets[group + 1]
        calls = start + np.flatnonzero(chosen[start:stop])
        if calls.shape[0] == 0:
            forward[group], error[group], residual[group] = math.nan, math.nan, math.nan
            continue
        t, growth, style = years[group], math.exp(rate[group] * years[group]), exercised[group]
        level, uncertain, misfit = _parity(
            calls, strike, price, half_spread, premium, growth, style, spot[group] + worth[group]
        )
        paid = slice(ex_dates.offsets[group], ex_dates.offsets[group + 1])
        ex_years, amounts = ex_dates.years[paid], ex_dates.amounts[paid]
        if style and spot[group] > 0.0 and level > 0.0:
            at, before, gap_before = level, math.nan, math.nan
            below, above = 0.0, math.inf
            for _ in range(_MAX_STEPS):
                _find_premiums(
                    calls, strike, price, t, rate[group], spot[group], at, held[group], ex_years, amounts, premium
                )
                level, uncertain, misfit = _parity(
                    calls, strike, price, half_spread, premium, growth, style, spot[group] + worth[group]
                )
                gap = level - at
                if abs(gap) < _SETTLED * uncertain or not level > 0.0:
                    break
                if gap > 0.0:
                    below = max(below, at)
                else:
                    above = min(above, at)
                slope = (gap - gap_before) / (at - before)
                following = at - gap / slope if slope < -0.05 else level
                if not below < following < above:
                    following = 0.5 * (below + above) if above < math.inf else 2.0 * below
                before, gap_before, at = at, gap, following
        known = level > 0.0
        forward[group] = level if known else math.nan
        error[group] = uncertain if known else math.nan
        residual[group] = misfit / level if known else math.nan


@kernel
def _widened(believed: float, found: float, variance: float) -> float:
    """A belief's standard deviation, the wider the more clearly what was found contradicts it."""
    doubt = abs(found) / (_DOUBTFUL * math.hypot(believed, math.sqrt(variance)))
    return believed * max(1.0, doubt * doubt)


@kernel
def _carry_line(
    members: NDArray[np.int64], level: Floats, noise: Floats, years: Floats, believed: float
) -> tuple[float, float]:
    """Shift and slope of ``level = shift + slope x years``, robust against single expiries.

    The slope is believed to be moderate beforehand, the shift to be within ``believed`` of zero; a belief gives way
    where the expiries together contradict it. They are asked without it first.
    """
    shift, slope = 0.0, 0.0
    shift_deviation, slope_deviation = _SHIFT_WITHOUT, _LARGEST_YIELD
    for step in range(5):
        a, b, c = 1.0 / shift_deviation**2, 0.0, 1.0 / slope_deviation**2
        u, v = 0.0, 0.0
        for i in range(members.shape[0]):
            t = years[members[i]]
            if math.isnan(level[i]):
                continue
            weight = 1.0 / noise[i] ** 2
            if step > 0:
                distance = (level[i] - shift - slope * t) / (BISQUARE * noise[i])
                weight *= 1.0 / (1.0 + distance * distance)
            a += weight
            b += weight * t
            c += weight * t * t
            u += weight * level[i]
            v += weight * t * level[i]
        determinant = a * c - b * b
        shift, slope = (c * u - b * v) / determinant, (a * v - b * u) / determinant
        if step == 0:
            shift_deviation = min(_widened(believed, shift, c / determinant), _SHIFT_WITHOUT)
            slope_deviation = min(_widened(_USUAL_YIELD, slope, a / determinant), _LARGEST_YIELD)
    return shift, slope


@kernel
def _lean_on_carry(
    first: int,
    last: int,
    underlying_offsets: Offsets,
    underlying_order: NDArray[np.int64],
    years: Floats,
    rate: Floats,
    given_spot: Floats,
    parity: Floats,
    error: Floats,
    forward: Floats,
    spot: Floats,
    dividend_yield: Floats,
    source: NDArray[np.int8],
    line_spot: Floats,
) -> None:
    """Combine each expiry's parity forward with the carry line through all expiries of the underlying."""
    for underlying in range(first, last):
        members = underlying_order[underlying_offsets[underlying] : underlying_offsets[underlying + 1]]
        # Without a spot the nearest parity forward stands for it, and its price is taken to be little known.
        stand_in = math.nan
        nearest = math.inf
        for group in members:
            if parity[group] > 0.0 and years[group] < nearest:
                nearest, stand_in = years[group], parity[group] * math.exp(-rate[group] * years[group])
        level, noise = np.full(members.shape[0], math.nan), np.ones(members.shape[0])
        known = False
        for i, group in enumerate(members):
            known = known or given_spot[group] > 0.0
            base = given_spot[group] if given_spot[group] > 0.0 else stand_in
            if parity[group] > 0.0 and base > 0.0 and years[group] > 0.0:
                level[i] = math.log(parity[group] / base) - rate[group] * years[group]
                noise[i] = math.hypot(error[group] / parity[group], _OFF_LINE + _OFF_LINE_PER_YEAR * years[group])
        shift, slope = _carry_line(members, level, noise, years, _SHIFT_GIVEN_SPOT if known else _SHIFT_WITHOUT)
        for i, group in enumerate(members):
            t, r = years[group], rate[group]
            base = given_spot[group] if given_spot[group] > 0.0 else stand_in
            forward[group], spot[group], dividend_yield[group], source[group] = math.nan, math.nan, math.nan, NONE
            line_spot[group] = base * math.exp(shift)
            if not (t > 0.0 and base > 0.0):
                continue
            on_line = shift + slope * t
            if math.isnan(level[i]):
                if given_spot[group] > 0.0:
                    forward[group], source[group] = base * math.exp(on_line + r * t), SPOT
                    spot[group], dividend_yield[group] = base * math.exp(shift), -slope
                continue
            own = error[group] / parity[group]
            off = level[i] - on_line
            # An expiry further off the line than its quotes' width allows for has a reason of its own to be there.
            freedom = max((_OFF_LINE + _OFF_LINE_PER_YEAR * t) ** 2, off * off - own * own)
            share = freedom / (freedom + own * own)
            reached = on_line + share * off
            forward[group] = base * math.exp(reached + r * t)
            source[group] = PARITY if share >= 0.5 else SPOT
            blur = math.hypot(own, _LEAST_SHIFT) / t
            trust = _YIELD_BY_EXPIRY**2 / (_YIELD_BY_EXPIRY**2 + blur * blur)
            dividend_yield[group] = -slope - trust * (reached - on_line) / t
            spot[group] = forward[group] * math.exp((dividend_yield[group] - r) * t)


def fit(expiries: Expiries, sign: Signs, strike: Floats, price: Floats, half_spread: Floats) -> Forwards:
    """Forward of every expiry at once.

    Rows are sorted by expiry, strike and right, call first. By row: ``sign``, ``strike``, ``price`` (NaN where it must
    not be used) and ``half_spread``, dollars.
    """
    offsets, order, underlying_offsets, years, rate, spot, exercised, ex_dates, worth = expiries
    groups = years.shape[0]
    chosen, premium = np.zeros(sign.shape, np.bool_), np.zeros(sign.shape)
    over_groups(_choose_pairs, offsets, sign, strike, price, half_spread, years, rate, chosen)
    parity, error, residual, tried_spot = (np.full(groups, np.nan) for _ in range(4))
    line_spot, held = spot.copy(), np.zeros(groups, np.int8)
    out = Forwards(np.empty(groups), np.empty(groups), np.empty(groups), np.empty(groups, np.int8), residual)
    for turn in range(_ROUNDS if exercised.any() else 1):
        if turn == 1:
            yields = (years, exercised, line_spot, worth, out.dividend_yield)
            over_groups(_choose_again, offsets, sign, strike, price, *yields, chosen, held, tried_spot)
        pairs = (chosen, strike, price, half_spread, premium)
        over_groups(
            _fit_parity,
            offsets,
            *pairs,
            years,
            rate,
            exercised,
            ex_dates,
            worth,
            line_spot,
            held,
            tried_spot,
            parity,
            error,
            residual,
        )
        carried = (out.forward, out.spot, out.dividend_yield, out.source, line_spot)
        over_groups(_lean_on_carry, underlying_offsets, order, years, rate, spot, parity, error, *carried)
    return out
