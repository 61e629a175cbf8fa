"""The forward of each expiry at which put-call parity holds, of the pairs of calls and puts nearest to the money.

For a European pair ``C - P = discount x (forward - strike)``: each strike gives one forward, and the expiry's is their
robust mean, weighted by how tight the quotes are. American quotes lose their early-exercise premiums first, which
depend on the forward through the yield, so that the two are found in turn: the legs of all expiries that are still
looked for are priced together, by the function that prices any American contract.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanner.kernels.compile import kernel
from scanner.kernels.threads import over_groups, over_rows
from scanner.pricing import american
from scanner.pricing import premium as early_exercise
from scanner.pricing.arrays import Floats, Signs
from scanner.pricing.cash_dividends import values
from scanner.pricing.ex_dates import ExDates
from scanner.pricing.normalised import implied_deviation, undiscounted_price
from scanner.pricing.premium import Contracts
from scanner.pricing.robust import robust_mean, weighted_median

Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]
Offsets = NDArray[np.int64]

_NEAREST = 6
_MAX_STEPS = 20
# A forward is found when the next step is this small a share of its standard error.
_SETTLED = 0.05
# The carry beyond interest, as a share of the spot, that makes the pairs at the spot better witnesses.
_FAR_FROM_SPOT = 0.05
# Premiums follow the spot by a fraction only.
_SAME_SPOT = 0.5


class Quotes(NamedTuple):
    """The chosen pairs of every expiry: rows of their calls, each before its put, ``offsets`` by expiry; the prices.

    By row of the chain: ``strike``, ``price``, ``half_spread``, dollars.
    """

    calls: Ints
    offsets: Offsets
    strike: Floats
    price: Floats
    half_spread: Floats


class Terms(NamedTuple):
    """What is known of every expiry; ``spot`` is less the value of known dividends, ``worth``.

    ``held`` names a right (1 or -1) whose legs are to tell the volatility, instead of those out of the money: under a
    large yield the others' premium is most of their price.
    """

    years: Floats
    rate: Floats
    exercised: Flags
    worth: Floats
    spot: Floats
    held: Signs


class Parity(NamedTuple):
    """By expiry: the forward, its standard error and the median misfit as a share of it; NaN where there is none.

    ``spot`` is the one that it was found for.
    """

    forward: Floats
    error: Floats
    residual: Floats
    spot: Floats


class _Search(NamedTuple):
    """By expiry: the forward asked now and before, by how much parity missed the latter, and its bounds so far."""

    at: Floats
    before: Floats
    gap_before: Floats
    below: Floats
    above: Floats


class _Legs(NamedTuple):
    """The legs whose premium is looked for, a few places an expiry: their rows, volatilities and European prices."""

    contracts: Contracts
    row: Ints
    volatility: Floats
    european: Floats


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
def _choose(calls: NDArray[np.int64], strike: Floats, centre: float, chosen: Flags) -> None:
    """Mark the few calls with the nearest strikes; of two that are equally near the higher one."""
    first = 0
    while first < calls.size and strike[calls[first]] < centre:
        first += 1
    stop = first
    for _ in range(min(_NEAREST, calls.size)):
        below = centre - strike[calls[first - 1]] if first > 0 else math.inf
        above = strike[calls[stop]] - centre if stop < calls.size else math.inf
        if below < above:
            first -= 1
            chosen[calls[first]] = True
        else:
            chosen[calls[stop]] = True
            stop += 1


@kernel
def choose_pairs(
    first: int,
    last: int,
    offsets: Offsets,
    sign: Signs,
    strike: Floats,
    price: Floats,
    half_spread: Floats,
    terms: Terms,
    chosen: Flags,
) -> None:
    """Mark the calls of the pairs nearest to the money, which is where most tight pairs put the forward."""
    for group in range(first, last):
        if not terms.years[group] > 0.0:
            continue
        calls = _pairs(offsets[group], offsets[group + 1], sign, strike, price)
        growth = math.exp(terms.rate[group] * terms.years[group])
        level, weight = np.empty(calls.size), np.empty(calls.size)
        for i in range(calls.size):
            row = calls[i]
            level[i] = strike[row] + (price[row] - price[row + 1]) * growth
            width = half_spread[row] + half_spread[row + 1] + 1e-6 * strike[row]
            weight[i] = 1.0 / (width * width)
        _choose(calls, strike, weighted_median(level, weight), chosen)


@kernel
def choose_again(
    first: int,
    last: int,
    offsets: Offsets,
    sign: Signs,
    strike: Floats,
    price: Floats,
    terms: Terms,
    dividend_yield: Floats,
    chosen: Flags,
    found: Parity,
) -> None:
    """Take the pairs nearest to the spot where a large yield keeps the forward far from it.

    Between the two the options in the money are exercised at once, and worth no more than that: it is at the spot that
    both legs of an American pair have a life of their own to tell the forward by. What was ``found`` is found anew.
    """
    for group in range(first, last):
        if not (terms.exercised[group] and abs(dividend_yield[group]) * terms.years[group] > _FAR_FROM_SPOT):
            continue
        calls = _pairs(offsets[group], offsets[group + 1], sign, strike, price)
        chosen[offsets[group] : offsets[group + 1]] = False
        _choose(calls, strike, terms.spot[group] + terms.worth[group], chosen)
        terms.held[group] = -1 if dividend_yield[group] > 0.0 else 1
        found.spot[group] = math.nan


@kernel
def _weigh_by_life(calls: NDArray[np.int64], strike: Floats, price: Floats, spot: float, weight: Floats) -> None:
    """Lessen the weight of pairs by what each of their legs is worth beyond its exercise, in place.

    A pair that is worth no more than that says nothing of the forward.
    """
    alive, inner = np.empty(calls.size), np.empty(calls.size)
    largest, most = 0.0, 0.0
    for i in range(calls.size):
        row = calls[i]
        alive[i] = min(price[row], price[row + 1])
        in_the_money = price[row] if strike[row] < spot else price[row + 1]
        inner[i] = in_the_money - abs(spot - strike[row]) if spot > 0.0 else math.nan
        most = max(most, inner[i]) if spot > 0.0 else most
    for i in range(calls.size):
        if most > 0.0:
            alive[i] = max(min(alive[i], inner[i]), 1e-6 * most)
        largest = max(largest, alive[i])
    for i in range(calls.size):
        share = alive[i] / largest
        weight[i] *= share * share


@kernel
def _ask(group: int, quotes: Quotes, terms: Terms, premium: Floats, found: Parity) -> tuple[float, float]:
    """The forward of one expiry's pairs less their early-exercise premiums, and its standard error, dollars."""
    strike, price, half_spread = quotes.strike, quotes.price, quotes.half_spread
    calls = quotes.calls[quotes.offsets[group] : quotes.offsets[group + 1]]
    growth = math.exp(terms.rate[group] * terms.years[group])
    level, width, weight = np.empty(calls.size), np.empty(calls.size), np.empty(calls.size)
    for i in range(calls.size):
        row = calls[i]
        european = price[row] - premium[row] - price[row + 1] + premium[row + 1]
        level[i] = strike[row] + european * growth
        width[i] = growth * (half_spread[row] + half_spread[row + 1]) + 1e-6 * strike[row]
        weight[i] = 1.0 / (width[i] * width[i])
    if terms.exercised[group]:
        _weigh_by_life(calls, strike, price, terms.spot[group] + terms.worth[group], weight)
    centre, misfit = robust_mean(level, weight)
    total, spread, squares = 0.0, 0.0, 0.0
    for i in range(calls.size):
        total += weight[i]
        spread += weight[i] * (width[i] * width[i])
        squares += weight[i] * weight[i]
    typical = math.sqrt(spread / total)
    # Neighbouring quotes lean the same way, so that more than four pairs do not make the mean surer.
    pairs = min(total * total / squares, 4.0)
    error = math.hypot(0.5 * typical, misfit) / math.sqrt(pairs)
    known = centre > 0.0
    found.forward[group] = centre if known else math.nan
    found.error[group] = error if known else math.nan
    found.residual[group] = misfit / centre if known else math.nan
    return centre, error


@kernel
def _begin(
    first: int,
    last: int,
    _: Offsets,
    quotes: Quotes,
    terms: Terms,
    premium: Floats,
    search: _Search,
    found: Parity,
    searching: Flags,
) -> None:
    """Parity with the premiums there are, and which expiries are to be searched for those that belong to it.

    What was found for a spot stands while the spot moves by less than matters.
    """
    for group in range(first, last):
        searching[group] = False
        if abs(terms.spot[group] - found.spot[group]) < _SAME_SPOT * found.error[group]:
            continue
        found.spot[group] = terms.spot[group]
        if quotes.offsets[group] == quotes.offsets[group + 1]:
            found.forward[group], found.error[group], found.residual[group] = math.nan, math.nan, math.nan
            continue
        level, _error = _ask(group, quotes, terms, premium, found)
        search.at[group], search.before[group], search.gap_before[group] = level, math.nan, math.nan
        search.below[group], search.above[group] = 0.0, math.inf
        searching[group] = terms.exercised[group] and terms.spot[group] > 0.0 and level > 0.0


@kernel
def _lay_out(
    first: int,
    last: int,
    places: Offsets,
    groups: Ints,
    quotes: Quotes,
    terms: Terms,
    premium: Floats,
    forward: Floats,
    legs: _Legs,
    counts: Ints,
) -> None:
    """The legs of some expiries, at the volatility of the out-of-the-money leg less its own premium.

    A forward at which that leg is worth less than its intrinsic value leaves it no volatility at all: its premium is
    known at once.
    """
    strike, price = quotes.strike, quotes.price
    for number in range(first, last):
        group, place = groups[number], places[number]
        years, rate, spot, held = terms.years[group], terms.rate[group], terms.spot[group], terms.held[group]
        at = forward[group]
        q = rate - math.log(at / spot) / years
        discount = math.exp(-rate * years)
        for call in quotes.calls[quotes.offsets[group] : quotes.offsets[group + 1]]:
            is_call = strike[call] >= spot if held == 0 else held > 0
            outer, outward = (call, 1.0) if is_call else (call + 1, -1.0)
            inner_value = max(outward * (at - strike[call]), 0.0)
            time_value = (price[outer] - premium[outer]) / discount - inner_value
            if time_value <= 0.0:
                for row, side in ((call, 1.0), (call + 1, -1.0)):
                    least = early_exercise.least(side, spot, strike[row], years, rate, q)
                    premium[row] = least - discount * max(side * (at - strike[row]), 0.0)
                continue
            deviation = implied_deviation(time_value, at, strike[call])
            if math.isnan(deviation):
                continue
            for row, side in ((call, 1.0), (call + 1, -1.0)):
                early_exercise.put(legs.contracts, place, side, spot, strike[row], years, rate, q)
                legs.row[place], legs.volatility[place] = row, deviation / math.sqrt(years)
                legs.european[place] = discount * undiscounted_price(side, at, strike[row], deviation)
                place += 1
        counts[number] = place - places[number]


@kernel
def _price_paying(
    first: int, last: int, places: Offsets, groups: Ints, counts: Ints, ex_dates: ExDates, legs: _Legs, price: Floats
) -> None:
    """Prices of the legs of expiries before which dividends are paid."""
    for number in range(first, last):
        paid = slice(ex_dates.offsets[groups[number]], ex_dates.offsets[groups[number] + 1])
        own = slice(places[number], places[number] + counts[number])
        if ex_dates.years[paid].size > 0 and counts[number] > 0:
            some = early_exercise.part(legs.contracts, own.start, own.stop)
            values(some, legs.volatility[own], ex_dates.years[paid], ex_dates.amounts[paid], price[own])


@kernel
def _follow(
    first: int,
    last: int,
    places: Offsets,
    groups: Ints,
    counts: Ints,
    legs: _Legs,
    price: Floats,
    quotes: Quotes,
    terms: Terms,
    premium: Floats,
    search: _Search,
    found: Parity,
    going: Flags,
) -> None:
    """Take in the premiums, and where parity with them does not give back the forward they are of, go on from there."""
    for number in range(first, last):
        group = groups[number]
        for leg in range(places[number], places[number] + counts[number]):
            premium[legs.row[leg]] = price[leg] - legs.european[leg]
        level, error = _ask(group, quotes, terms, premium, found)
        at = search.at[group]
        gap = level - at
        going[number] = abs(gap) >= _SETTLED * error and level > 0.0
        if gap > 0.0:
            search.below[group] = max(search.below[group], at)
        else:
            search.above[group] = min(search.above[group], at)
        slope = (gap - search.gap_before[group]) / (at - search.before[group])
        following = at - gap / slope if slope < -0.05 else level
        if not search.below[group] < following < search.above[group]:
            bounded = search.above[group] < math.inf
            following = 0.5 * (search.below[group] + search.above[group]) if bounded else 2.0 * search.below[group]
        search.before[group], search.gap_before[group], search.at[group] = at, gap, following


def find(offsets: Offsets, quotes: Quotes, terms: Terms, ex_dates: ExDates, premium: Floats, found: Parity) -> None:
    """Parity of each expiry (row ranges ``offsets``), into ``found``; for American style less the ``premium`` by row.

    A forward is consistent where parity, less the premiums at the yield it implies, gives it back: a root, found by the
    secant method, because simple repetition creeps where the yield is large. What was ``found`` before for about the
    same spot stands, and what the premiums were before is where the search begins.
    """
    expiries = offsets.size - 1
    search, searching = _Search(*np.empty((5, expiries))), np.empty(expiries, np.bool_)
    over_groups(_begin, offsets, quotes, terms, premium, search, found, searching)
    groups = np.flatnonzero(searching)
    for _ in range(_MAX_STEPS):
        if not groups.size:
            break
        places = np.concatenate(([0], np.cumsum(2 * np.diff(quotes.offsets)[groups])))
        counts, going = np.empty(groups.size, np.int64), np.empty(groups.size, np.bool_)
        legs = _room(int(places[-1]))
        over_groups(_lay_out, places, groups, quotes, terms, premium, search.at, legs, counts)
        price = _prices(places, groups, counts, ex_dates, legs)
        over_groups(_follow, places, groups, counts, legs, price, quotes, terms, premium, search, found, going)
        groups = groups[going]


def _room(count: int) -> _Legs:
    """Room for so many legs; what stays empty has no price."""
    floats = np.full((7, count), np.nan)
    return _Legs(Contracts(np.zeros(count, np.int8), *floats[:5]), np.zeros(count, np.int64), floats[5], floats[6])


def _prices(places: Offsets, groups: Ints, counts: Ints, ex_dates: ExDates, legs: _Legs) -> Floats:
    price = np.empty(legs.row.size)
    over_rows((price,), _plain, (*legs.contracts, legs.volatility), [(0, price.size)])
    if ex_dates.years.size:
        over_groups(_price_paying, places, groups, counts, ex_dates, legs, price)
    return price


def _plain(sign: Signs, *terms: Floats) -> tuple[Floats]:
    spot, strike, years, rate, dividend_yield, volatility = terms
    return (american.price(sign, spot, strike, years, rate, dividend_yield, volatility),)
