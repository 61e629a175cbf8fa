"""The one pass over a chain that gives every contract its expectation and its surprises.

Everything it calls is what fitting calls too. A scan of the whole market has two million rows: they are taken in blocks
that stay in the processor's cache, the regression's rows of a block are filled side by side, so that the sums of
products run over all of them at once, and what only a traded count needs is done for those alone.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanner.activity.calibration import calibrated_at, of_name_at, tier_at
from scanner.activity.combination import bounded_at, combine_at
from scanner.activity.features import COUNT, WINDOWS, Contracts, Feature, Known, fill_today, times_busier_at
from scanner.activity.history import PastColumn, build_up_at
from scanner.activity.regression import bend_at, mean_at, tail_place, tail_read
from scanner.kernels.vector_math import scalar, vectorised

if TYPE_CHECKING:
    from scanner.activity.model import Tables

# Rows of a block: not a power of two, which would lay its columns into the same few places of the cache.
_BLOCK = 240


class Underlyings(NamedTuple):
    """What underlyings do: ``earlier_activity`` and ``move`` (w, underlyings), the others (underlyings,).

    ``charge``, in decades, is taken off every surprise; ``earnings`` is 1 within a day of an earnings date; ``own``
    (4, underlyings) is how much more often than stated each of the four surprises comes in a name, see
    :func:`scanner.activity.calibration.of_name_at`.
    """

    earlier_activity: NDArray[np.float64]
    move: NDArray[np.float64]
    earnings: NDArray[np.float32]
    charge: NDArray[np.float64]
    own: NDArray[np.float64]


class _Seen(IntEnum):
    """What a block's features are made of, as the columns of one flat array.

    As ten arrays they would have to be shown not to overlap before a loop over them can run in vectors.
    """

    BASE = 0
    OWN_LONG = 1
    LOG_OPEN_INTEREST = 2
    OF_NAME = 3
    OF_EXPIRY = 4
    MOVE = 5
    MONEYNESS = 6
    EARNINGS = 7
    LOG_PRICE = 8
    BESIDE = 9


_SEEN = len(_Seen)


class _Rows(NamedTuple):
    """The regression's rows of a block, side by side in the flat ``x``, and what they are made of."""

    x: NDArray[np.float32]
    seen: NDArray[np.float32]
    days: NDArray[np.int64]
    call: NDArray[np.bool_]


class _Read(NamedTuple):
    """What is read of a block's counts: the ``sums`` (3, _BLOCK) of the linear parts, and what comes of them.

    ``places`` (2, _BLOCK) is where the counts stand in the tail's table, ``raw`` their surprise.
    """

    sums: NDArray[np.float32]
    expected: NDArray[np.float64]
    busier: NDArray[np.float64]
    counts: NDArray[np.float64]
    places: NDArray[np.float64]
    raw: NDArray[np.float64]


@vectorised
def _fill(block: _Rows, size: int) -> None:  # pragma: no cover - compiled
    seen = block.seen
    for k in range(size):
        known = Known(
            base=seen[_Seen.BASE * _BLOCK + k],
            own_long=seen[_Seen.OWN_LONG * _BLOCK + k],
            log_open_interest=seen[_Seen.LOG_OPEN_INTEREST * _BLOCK + k],
            of_name=seen[_Seen.OF_NAME * _BLOCK + k],
            of_expiry=seen[_Seen.OF_EXPIRY * _BLOCK + k],
            move=seen[_Seen.MOVE * _BLOCK + k],
            days=block.days[k],
            moneyness=seen[_Seen.MONEYNESS * _BLOCK + k],
            call=block.call[k],
            earnings=seen[_Seen.EARNINGS * _BLOCK + k],
            log_price=seen[_Seen.LOG_PRICE * _BLOCK + k],
            beside=seen[_Seen.BESIDE * _BLOCK + k],
        )
        fill_today(block.x, k, _BLOCK, known)


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
    x: NDArray[np.float32], linear: NDArray[np.float32], window: int, size: int, read: _Read
) -> None:  # pragma: no cover - compiled
    """The expectation of the first rows, and how many times busier than usual their day is."""
    of_name, of_expiry = linear[window, 0, Feature.UNDERLYING_ACTIVITY], linear[window, 0, Feature.EXPIRY_ACTIVITY]
    for k in range(size):
        read.expected[k] = mean_at(read.sums[0, k])
    for k in range(size):
        read.busier[k] = times_busier_at(
            of_name * x[Feature.UNDERLYING_ACTIVITY * _BLOCK + k] + of_expiry * x[Feature.EXPIRY_ACTIVITY * _BLOCK + k]
        )


@vectorised
def _rarity(tables: Tables, window: int, size: int, read: _Read) -> None:  # pragma: no cover - compiled
    """The raw surprise of the first rows' counts."""
    start, end = tables.starts[window, 0], tables.starts[window, 1]
    for k in range(size):
        mean, count = read.expected[k] / read.busier[k], read.counts[k] / read.busier[k]
        read.places[0, k], read.places[1, k] = tail_place(mean, count)
    for k in range(size):
        read.raw[k] = tail_read(tables.tails, window, read.places[0, k], read.places[1, k])
    for k in range(size):
        read.raw[k] = bend_at(read.sums[1, k], read.sums[2, k], start, end, read.raw[k])


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
    volume: NDArray[np.int64], first: int, last: int, chosen: NDArray[np.int64], read: _Read
) -> int:  # pragma: no cover - compiled
    """Rows that traded today; what is known of them moves to the front."""
    size = 0
    for k in range(last - first):
        chosen[size], read.counts[size] = first + k, float(volume[first + k])
        read.expected[size], read.busier[size] = read.expected[k], read.busier[k]
        read.sums[1, size], read.sums[2, size] = read.sums[1, k], read.sums[2, k]
        size += 1 if volume[first + k] > 0 else 0
    return size


@scalar
def _see(
    rows: NDArray[np.int32],
    contracts: Contracts,
    day: int,
    past: NDArray[np.float32],
    underlyings: Underlyings,
    w: int,
    chosen: NDArray[np.int64],
    size: int,
    block: _Rows,
    sums: NDArray[np.float32],
) -> None:  # pragma: no cover - compiled
    """Gather what the features of the chosen rows are made of, and what the past gives the linear parts."""
    seen, window = block.seen, WINDOWS[w]
    for k in range(size):
        i = chosen[k]
        row, name = rows[i], contracts.underlying[i]
        interest = past[w, row, PastColumn.LOG_OPEN_INTEREST]
        activity = (contracts.of_name[i] + underlyings.earlier_activity[w, name]) / window
        seen[_Seen.BASE * _BLOCK + k] = contracts.base[i]
        seen[_Seen.OWN_LONG * _BLOCK + k] = past[w, row, PastColumn.OWN_LONG]
        seen[_Seen.LOG_OPEN_INTEREST * _BLOCK + k] = (
            interest if np.isfinite(interest) else contracts.log_open_interest[i]
        )
        seen[_Seen.OF_NAME * _BLOCK + k] = activity
        seen[_Seen.OF_EXPIRY * _BLOCK + k] = contracts.of_expiry[i]
        seen[_Seen.MOVE * _BLOCK + k] = underlyings.move[w, name]
        seen[_Seen.MONEYNESS * _BLOCK + k] = contracts.moneyness[i]
        seen[_Seen.EARNINGS * _BLOCK + k] = underlyings.earnings[name]
        seen[_Seen.LOG_PRICE * _BLOCK + k] = contracts.log_price[i]
        seen[_Seen.BESIDE * _BLOCK + k] = contracts.beside[i]
        block.days[k], block.call[k] = contracts.expiry[i] - day, contracts.call[i]
        for part in range(3):
            sums[part, k] = past[w, row, PastColumn.SUMS + part]


@scalar
def _combine(
    traded: NDArray[np.int64],
    size: int,
    first: int,
    tier: NDArray[np.int64],
    tables: Tables,
    found: NDArray[np.float64],
) -> None:  # pragma: no cover - compiled
    """The windows of the rows that traded today as one statement."""
    for k in range(size):
        i = traded[k] - first
        one, three, five = found[0, i], found[1, i], found[2, i]
        combined = calibrated_at(tables.knots, tables.calibrated, 3, tier[i], combine_at(one, three, five))
        found[3, i] = bounded_at(combined, one, three, five)


@scalar
def judge(
    rows: NDArray[np.int32],
    volume: NDArray[np.int64],
    contracts: Contracts,
    day: int,
    past: NDArray[np.float32],
    recent: NDArray[np.float32],
    underlyings: Underlyings,
    tables: Tables,
    mean: NDArray[np.float64],
    surprises: tuple[NDArray[np.float64], ...],
) -> None:  # pragma: no cover - compiled
    """Fill ``mean`` (rows,) and the four ``surprises`` (rows,): one, three and five sessions, and the combination.

    ``rows`` are those of the panel; ``volume`` is today's, negative where it is not known. The open interest of the
    ``contracts`` is that of now, for one that has none from the beginning of a window; their activity is today's.
    ``past`` and ``recent`` go by panel row, see :class:`scanner.activity.history.Recent`.
    """
    block = _Rows(
        x=np.zeros(COUNT * _BLOCK, np.float32),
        seen=np.empty(_SEEN * _BLOCK, np.float32),
        days=np.empty(_BLOCK, np.int64),
        call=np.empty(_BLOCK, np.bool_),
    )
    read = _Read(
        sums=np.empty((3, _BLOCK), np.float32),
        expected=np.empty(_BLOCK),
        busier=np.empty(_BLOCK),
        counts=np.empty(_BLOCK),
        places=np.empty((2, _BLOCK)),
        raw=np.empty(_BLOCK),
    )
    found, tier = np.empty((4, _BLOCK)), np.empty(_BLOCK, np.int64)
    chosen, stirring, traded = np.empty(_BLOCK, np.int64), np.empty(_BLOCK, np.int64), np.empty(_BLOCK, np.int64)
    for first in range(0, len(rows), _BLOCK):
        last = min(first + _BLOCK, len(rows))
        found[:] = 0.0
        moved = _stirring(rows, recent, first, last, stirring)
        lots = 0
        for w in range(3):
            if w == 0:
                size = _all(first, last, chosen)
            else:
                size = _built_up(rows, volume, recent, WINDOWS[w], stirring, moved, chosen, read.counts)
            _see(rows, contracts, day, past, underlyings, w, chosen, size, block, read.sums)
            _fill(block, size)
            for part in range(3):
                _add_products(block.x, tables.linear, w, part, size, read.sums)
            _expect(block.x, tables.linear, w, size, read)
            if w == 0:
                for k in range(size):
                    mean[first + k] = read.expected[k]
                    tier[k] = tier_at(read.expected[k] / read.busier[k], block.days[k])
                size = lots = _traded(volume, first, last, chosen, read)
                traded[:lots] = chosen[:lots]
            _rarity(tables, w, size, read)
            for k in range(size):
                i = chosen[k] - first
                found[w, i] = calibrated_at(tables.knots, tables.calibrated, w, tier[i], read.raw[k])
        _combine(traded, lots, first, tier, tables, found)
        for which in range(4):
            for i in range(first, last):
                name = contracts.underlying[i]
                surprise = of_name_at(found[which, i - first], underlyings.own[which, name])
                surprises[which][i] = max(surprise - underlyings.charge[name], 0.0)
