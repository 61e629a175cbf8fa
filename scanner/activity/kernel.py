"""The one pass over a chain that gives every contract its expectation and its surprises.

Everything it calls is what fitting calls too. A scan of the whole market has two million rows: they are taken in blocks
that stay in the processor's cache, the regression's rows of a block are filled side by side, so that the sums of
products run over all of them at once, and what only a traded count needs is done for those alone.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanner.activity.calibration import calibrated_at, tier_at
from scanner.activity.combination import bounded_at, combine_at
from scanner.activity.features import COUNT, EXPIRY_ACTIVITY, OWN_LONG, UNDERLYING_ACTIVITY, fill_today, times_busier_at
from scanner.activity.history import LOG_INTEREST, SUMS, build_up_at
from scanner.activity.regression import bend_at, mean_at, tail_place, tail_read
from scanner.kernels.vector_math import scalar, vectorised

# Rows of a block: not a power of two, which would lay its columns into the same few places of the cache.
_BLOCK = 240
_SEEN = 10


@vectorised
def _fill(
    x: NDArray[np.float32], seen: NDArray[np.float32], days: NDArray[np.int64], call: NDArray[np.bool_], size: int
) -> None:  # pragma: no cover - compiled
    for k in range(size):
        fill_today(
            x,
            k,
            _BLOCK,
            seen[k],
            seen[_BLOCK + k],
            seen[2 * _BLOCK + k],
            seen[3 * _BLOCK + k],
            seen[4 * _BLOCK + k],
            seen[5 * _BLOCK + k],
            days[k],
            seen[6 * _BLOCK + k],
            call[k],
            seen[7 * _BLOCK + k],
            seen[8 * _BLOCK + k],
            seen[9 * _BLOCK + k],
        )


@vectorised
def _add_products(
    x: NDArray[np.float32], linear: NDArray[np.float32], window: int, part: int, size: int, sums: NDArray[np.float32]
) -> None:  # pragma: no cover - compiled
    """Add the products of the first columns of ``x`` (COUNT, rows) with one part's coefficients to ``sums[part]``."""
    for feature in range(COUNT):
        weight = linear[window, part, feature]
        for k in range(size):
            sums[part, k] += weight * x[feature * _BLOCK + k]


@vectorised
def _expect(
    x: NDArray[np.float32],
    linear: NDArray[np.float32],
    window: int,
    size: int,
    sums: NDArray[np.float32],
    expected: NDArray[np.float64],
    busier: NDArray[np.float64],
) -> None:  # pragma: no cover - compiled
    """The expectation of the first rows, and how many times busier than usual their day is."""
    of_name, of_expiry = linear[window, 0, UNDERLYING_ACTIVITY], linear[window, 0, EXPIRY_ACTIVITY]
    for k in range(size):
        expected[k] = mean_at(sums[0, k])
    for k in range(size):
        busier[k] = times_busier_at(
            of_name * x[UNDERLYING_ACTIVITY * _BLOCK + k] + of_expiry * x[EXPIRY_ACTIVITY * _BLOCK + k]
        )


@vectorised
def _rarity(
    tails: NDArray[np.float32],
    starts: NDArray[np.float64],
    window: int,
    size: int,
    sums: NDArray[np.float32],
    expected: NDArray[np.float64],
    busier: NDArray[np.float64],
    counts: NDArray[np.float64],
    places: NDArray[np.float64],
    raw: NDArray[np.float64],
) -> None:  # pragma: no cover - compiled
    """The raw surprise of the first rows' counts; ``places`` (2, rows) is room for where they stand in the table."""
    start, end = starts[window, 0], starts[window, 1]
    for k in range(size):
        places[0, k], places[1, k] = tail_place(expected[k] / busier[k], counts[k] / busier[k])
    for k in range(size):
        raw[k] = tail_read(tails, window, places[0, k], places[1, k])
    for k in range(size):
        raw[k] = bend_at(sums[1, k], sums[2, k], start, end, raw[k])


# Each of the following writes the numbers of some rows of a block, and returns how many. All are written, and those not
# wanted written over by the next one: whether a contract has traded is nothing that the processor could foresee.


@scalar
def _all(first: int, last: int, chosen: NDArray[np.int64]) -> int:  # pragma: no cover - compiled
    for i in range(first, last):
        chosen[i - first] = i
    return last - first


@scalar
def _stirring(
    rows: NDArray[np.int32], recent: NDArray[np.float32], first: int, last: int, chosen: NDArray[np.int64]
) -> int:  # pragma: no cover - compiled
    """Rows that traded in the last sessions at all."""
    size = 0
    for i in range(first, last):
        row = rows[i]
        chosen[size] = i
        size += 1 if recent[row, 0] + recent[row, 1] + recent[row, 2] + recent[row, 3] > 0 else 0
    return size


@scalar
def _built_up(
    rows: NDArray[np.int32],
    volume: NDArray[np.int64],
    recent: NDArray[np.float32],
    window: int,
    stirring: NDArray[np.int64],
    moved: int,
    chosen: NDArray[np.int64],
    counts: NDArray[np.float64],
) -> int:  # pragma: no cover - compiled
    """Of the rows that traded lately those with a build-up over a window, and how large it is."""
    size = 0
    for k in range(moved):
        i = stirring[k]
        count = build_up_at(recent, rows[i], window, float(volume[i]))
        chosen[size], counts[size] = i, count
        size += 1 if count > 0 else 0
    return size


@scalar
def _traded(
    volume: NDArray[np.int64],
    first: int,
    last: int,
    chosen: NDArray[np.int64],
    counts: NDArray[np.float64],
    expected: NDArray[np.float64],
    busier: NDArray[np.float64],
    sums: NDArray[np.float32],
) -> int:  # pragma: no cover - compiled
    """Rows that traded today; what is known of them moves to the front."""
    size = 0
    for k in range(last - first):
        chosen[size], counts[size] = first + k, float(volume[first + k])
        expected[size], busier[size] = expected[k], busier[k]
        sums[1, size], sums[2, size] = sums[1, k], sums[2, k]
        size += 1 if volume[first + k] > 0 else 0
    return size


@scalar
def _see(
    rows: NDArray[np.int32],
    past: NDArray[np.float32],
    log_open_interest: NDArray[np.float32],
    base: NDArray[np.float32],
    of_name: NDArray[np.float32],
    earlier_activity: NDArray[np.float64],
    of_expiry: NDArray[np.float32],
    beside: NDArray[np.float32],
    move: NDArray[np.float64],
    underlying: NDArray[np.int32],
    expiry: NDArray[np.int32],
    day: int,
    moneyness: NDArray[np.float32],
    call: NDArray[np.bool_],
    earnings: NDArray[np.float32],
    log_price: NDArray[np.float32],
    w: int,
    window: int,
    chosen: NDArray[np.int64],
    size: int,
    seen: NDArray[np.float32],
    days: NDArray[np.int64],
    calls: NDArray[np.bool_],
    sums: NDArray[np.float32],
) -> None:  # pragma: no cover - compiled
    """Gather what the features of the chosen rows are made of, and what the past gives the linear parts."""
    for k in range(size):
        i = chosen[k]
        row, name = rows[i], underlying[i]
        interest = past[w, row, LOG_INTEREST]
        seen[k] = base[i]
        seen[_BLOCK + k] = past[w, row, OWN_LONG]
        seen[2 * _BLOCK + k] = interest if np.isfinite(interest) else log_open_interest[i]
        seen[3 * _BLOCK + k] = (of_name[i] + earlier_activity[w, name]) / window
        seen[4 * _BLOCK + k] = of_expiry[i]
        seen[5 * _BLOCK + k] = move[w, name]
        seen[6 * _BLOCK + k] = moneyness[i]
        seen[7 * _BLOCK + k] = earnings[name]
        seen[8 * _BLOCK + k] = log_price[i]
        seen[9 * _BLOCK + k] = beside[i]
        days[k], calls[k] = expiry[i] - day, call[i]
        for part in range(3):
            sums[part, k] = past[w, row, SUMS + part]


@scalar
def _combine(
    traded: NDArray[np.int64],
    size: int,
    first: int,
    tier: NDArray[np.int64],
    knots: NDArray[np.float64],
    calibrated: NDArray[np.float64],
    found: NDArray[np.float64],
) -> None:  # pragma: no cover - compiled
    """The windows of the rows that traded today as one statement."""
    for k in range(size):
        i = traded[k] - first
        one, three, five = found[0, i], found[1, i], found[2, i]
        combined = calibrated_at(knots, calibrated, 3, tier[i], combine_at(one, three, five))
        found[3, i] = bounded_at(combined, one, three, five)


@scalar
def judge(
    rows: NDArray[np.int32],
    volume: NDArray[np.int64],
    log_open_interest: NDArray[np.float32],
    past: NDArray[np.float32],
    recent: NDArray[np.float32],
    base: NDArray[np.float32],
    of_name: NDArray[np.float32],
    earlier_activity: NDArray[np.float64],
    of_expiry: NDArray[np.float32],
    beside: NDArray[np.float32],
    move: NDArray[np.float64],
    charge: NDArray[np.float64],
    underlying: NDArray[np.int32],
    expiry: NDArray[np.int32],
    day: int,
    moneyness: NDArray[np.float32],
    call: NDArray[np.bool_],
    earnings: NDArray[np.float32],
    log_price: NDArray[np.float32],
    windows: NDArray[np.int64],
    linear: NDArray[np.float32],
    tails: NDArray[np.float32],
    starts: NDArray[np.float64],
    knots: NDArray[np.float64],
    calibrated: NDArray[np.float64],
    mean: NDArray[np.float64],
    surprises: NDArray[np.float64],
) -> None:  # pragma: no cover - compiled
    """Fill ``mean`` (rows,) and ``surprises`` (4, rows): one, three and five sessions, and the combination.

    Shapes, with w the three windows: ``volume`` of today, negative where it is not known; ``log_open_interest`` of now,
    for a contract that has none from the beginning of a window; ``past`` and ``recent`` by panel row, see
    :class:`scanner.activity.history.Recent`; ``earlier_activity`` and ``move`` (w, underlyings); ``charge``
    (underlyings,) in decades is taken off every surprise; ``linear`` (w, 3, features) are the coefficients of the
    expectation and of the two chances of the tail; ``tails`` (w, means, counts); ``starts`` (w, 2); ``knots`` and
    ``calibrated`` (w + 1, tiers, knots).
    """
    x, seen = np.zeros(COUNT * _BLOCK, np.float32), np.empty(_SEEN * _BLOCK, np.float32)
    days, calls = np.empty(_BLOCK, np.int64), np.empty(_BLOCK, np.bool_)
    sums, found = np.empty((3, _BLOCK), np.float32), np.empty((4, _BLOCK))
    chosen, stirring, traded = np.empty(_BLOCK, np.int64), np.empty(_BLOCK, np.int64), np.empty(_BLOCK, np.int64)
    counts, expected, busier = np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK)
    raw, places, tier = np.empty(_BLOCK), np.empty((2, _BLOCK)), np.empty(_BLOCK, np.int64)
    for first in range(0, len(rows), _BLOCK):
        last = min(first + _BLOCK, len(rows))
        found[:] = 0.0
        moved = _stirring(rows, recent, first, last, stirring)
        lots = 0
        for w in range(3):
            if w == 0:
                size = _all(first, last, chosen)
            else:
                size = _built_up(rows, volume, recent, windows[w], stirring, moved, chosen, counts)
            _see(
                rows, past, log_open_interest, base, of_name, earlier_activity, of_expiry, beside, move, underlying,
                expiry, day, moneyness, call, earnings, log_price, w, windows[w], chosen, size, seen, days, calls, sums,
            )  # fmt: skip
            _fill(x, seen, days, calls, size)
            for part in range(3):
                _add_products(x, linear, w, part, size, sums)
            _expect(x, linear, w, size, sums, expected, busier)
            if w == 0:
                for k in range(size):
                    mean[first + k] = expected[k]
                    tier[k] = tier_at(expected[k] / busier[k], days[k])
                size = lots = _traded(volume, first, last, chosen, counts, expected, busier, sums)
                traded[:lots] = chosen[:lots]
            _rarity(tails, starts, w, size, sums, expected, busier, counts, places, raw)
            for k in range(size):
                i = chosen[k] - first
                found[w, i] = calibrated_at(knots, calibrated, w, tier[i], raw[k])
        _combine(traded, lots, first, tier, knots, calibrated, found)
        for which in range(4):
            for i in range(first, last):
                surprises[which, i] = max(found[which, i - first] - charge[underlying[i]], 0.0)
