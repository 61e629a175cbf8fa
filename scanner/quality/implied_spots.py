"""The spots that the calls and puts of a chain imply, whatever spot the source claims: one row for each underlying."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.kernels.columns import floats, integers, nullable, run_numbers
from scanner.kernels.groups import Groups

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

# The strikes at which call and put cost about the same tell the spot back: C - P + K, with carry neglected.
_PARITY_STRIKES = 5
_LONGEST_DAYS_FOR_PARITY = 45
# The carry of several expiries is a line; the second expiry of it may be as far away as this.
_LONGEST_DAYS_FOR_CARRY = 200
# Carry hides nothing in an expiry this near: two per cent would be more than fifty a year.
_DAYS_WITHOUT_CARRY = 14
# By how much the expiries must differ, as a share of the spot and of their quotes' widths, to show a carry.
_CARRY_SHARE, _CARRY_WIDTHS = 0.01, 2.0
# Calls worth as much as exercise gives, and no more: so many of them agree on the spot within this share.
_EXERCISED_STRIKES, _EXERCISE_SHARE = 3, 0.01


@dataclass(frozen=True, slots=True)
class _Quoted:
    """The rows that two sides quote, in the chain's order: the numbers of their name and expiry, and their quotes."""

    name: Ints
    expiry: Ints
    days: NDArray[np.int32]
    call: NDArray[np.bool_]
    american: NDArray[np.bool_]
    strike: Floats
    mid: Floats
    half_width: Floats


@dataclass(frozen=True, slots=True)
class _Levels:
    """What the pairs of calls and puts of an expiry say: its name and days, the level, and half the quotes' width."""

    name: Ints
    days: NDArray[np.int32]
    implied: Floats
    width: Floats


def implied_spots(chain: pl.DataFrame, names: Groups) -> dict[str, pl.Series]:
    """The spots implied by name, null where there is none; of a chain sorted as every chain is.

    ``parity_spot``: the strikes of the next 45 days at which call and put cost about the same, carry neglected.
    ``near_spot``: those of an expiry within two weeks. ``carry_spot``: where the line through the logarithms of several
    expiries' levels begins, if they lie apart: dear borrowing is its slope, a late price its beginning.
    ``called_spot`` and ``put_spot``: what American calls and puts in the money are worth beside their strikes, if these
    agree: they are exercised rather than sold for less.
    """
    rows, count = _quoted(chain, names.numbers()), len(names)
    pairs = _pairs(rows)
    near = rows.american & (rows.days <= _LONGEST_DAYS_FOR_PARITY)
    levels = _levels(rows, pairs)
    found = {
        "parity_spot": _parity_spot(rows, pairs, count),
        "near_spot": _nearest_level(levels, count),
        "carry_spot": _carry_spot(levels, count),
        "called_spot": _exercised(rows.name, rows.strike + rows.mid, near & rows.call, 1.0, count),
        "put_spot": _exercised(rows.name, rows.strike - rows.mid, near & ~rows.call, -1.0, count),
    }
    return {name: nullable(name, values) for name, values in found.items()}


def _quoted(chain: pl.DataFrame, name: Ints) -> _Quoted:
    bid, ask = floats(chain["bid"]), floats(chain["ask"])
    days = integers(chain["expiry"]) - integers(chain["session_date"])
    # What is not quoted is NaN, and no comparison with it holds.
    usable = (bid > 0) & (ask > 0) & (bid <= ask) & (days >= 0) & (days <= _LONGEST_DAYS_FOR_CARRY)
    usable &= ~chain["nonstandard"].to_numpy()
    rows = np.flatnonzero(usable)
    bid, ask = bid[rows], ask[rows]
    return _Quoted(
        name=name[rows],
        expiry=run_numbers(chain["root", "expiry"])[rows],
        days=days[rows],
        call=(chain["right"] == "C").to_numpy()[rows],
        american=(chain["exercise_style"] == "american").to_numpy()[rows],
        strike=floats(chain["strike"])[rows],
        mid=(bid + ask) / 2,
        half_width=(ask - bid) / 2,
    )


def _pairs(rows: _Quoted) -> Ints:
    """The calls whose put is quoted, too: it is the next row."""
    beside = (rows.expiry[1:] == rows.expiry[:-1]) & (rows.strike[1:] == rows.strike[:-1])
    return np.flatnonzero(beside & rows.call[:-1] & ~rows.call[1:])


def _first_of(groups: NDArray[np.integer], by: Floats, count: int) -> tuple[Ints, Ints]:
    """The groups that have so many members, and their members with the least ``by``: (groups,) and (groups, count).

    Of equal ones the first comes first. ``by`` is finite.
    """
    order = np.argsort(groups, kind="stable") if (groups[1:] < groups[:-1]).any() else np.arange(len(groups))
    begins = np.flatnonzero(np.diff(groups[order], prepend=-1))
    sizes = np.diff(begins, append=len(groups))
    full = sizes >= count
    # As few are looked for, the least are sooner found one after the other than put in order.
    members = order[np.repeat(full, sizes)]
    number, starts = np.repeat(np.arange(full.sum()), sizes[full]), np.cumsum(sizes[full]) - sizes[full]
    left, found = by[members], np.empty((len(starts), count), np.int64)
    for place in range(count):
        least = np.flatnonzero(left == np.minimum.reduceat(left, starts)[number])
        first = least[np.diff(number[least], prepend=-1) > 0]
        found[:, place], left[first] = members[first], np.inf
    return groups[order][begins[full]].astype(np.int64), found


def _middle(values: Floats) -> Floats:
    """The median of every row of an odd number of values."""
    return np.sort(values, axis=1)[:, values.shape[1] // 2]


def _by_name(name: Ints, values: Floats, count: int) -> Floats:
    """Values of some names as one for each of all names, NaN for the others."""
    told = np.full(count, np.nan)
    told[name] = values
    return told


def _implied(rows: _Quoted, calls: Ints) -> tuple[Floats, Floats]:
    """By how much call and put of some pairs differ in price, and the level that they imply."""
    difference = rows.mid[calls] - rows.mid[calls + 1]
    return np.abs(difference), difference + rows.strike[calls]


def _parity_spot(rows: _Quoted, pairs: Ints, count: int) -> Floats:
    """The median of the five strikes at which call and put are least apart."""
    calls = pairs[rows.days[pairs] <= _LONGEST_DAYS_FOR_PARITY]
    apart, implied = _implied(rows, calls)
    name, nearest = _first_of(rows.name[calls], apart, _PARITY_STRIKES)
    return _by_name(name, _middle(implied[nearest]), count)


def _levels(rows: _Quoted, pairs: Ints) -> _Levels:
    """The median of the five strikes of each expiry at which call and put are least apart."""
    apart, implied = _implied(rows, pairs)
    _, nearest = _first_of(rows.expiry[pairs], apart, _PARITY_STRIKES)
    width = rows.half_width[pairs] + rows.half_width[pairs + 1]
    first = pairs[nearest[:, 0]]
    return _Levels(rows.name[first], rows.days[first], _middle(implied[nearest]), _middle(width[nearest]))


def _nearest_level(levels: _Levels, count: int) -> Floats:
    """The level of the first expiry, where it is near."""
    near = np.flatnonzero(levels.days <= _DAYS_WITHOUT_CARRY)
    name, nearest = _first_of(levels.name[near], levels.days[near].astype(np.float64), 1)
    return _by_name(name, levels.implied[near][nearest[:, 0]], count)


def _carry_spot(levels: _Levels, count: int) -> Floats:
    """Where a line through ln(level) over time stands at the session; for those whose levels lie apart.

    The expiries of the next 45 days count, and always the first two.
    """
    lined = (levels.days <= _LONGEST_DAYS_FOR_PARITY) | (_place(levels) < 2)
    name, t, y = levels.name[lined], levels.days[lined] / 365, np.log(levels.implied[lined])
    blur = levels.width[lined] / levels.implied[lined]
    w = (blur + 0.001) ** -2

    def total(values: Floats) -> Floats:
        return np.bincount(name, values, minlength=count).astype(np.float64)

    with np.errstate(invalid="ignore", divide="ignore"):
        mean_t, mean_y = total(w * t) / total(w), total(w * y) / total(w)
        off = t - mean_t[name]
        slope = total(w * off * (y - mean_y[name])) / total(w * off**2)
    first, last, widest = np.full(count, np.inf), np.full(count, -np.inf), np.zeros(count)
    np.minimum.at(first, name, t)
    np.maximum.at(last, name, t)
    np.maximum.at(widest, name, blur)
    clear = np.abs(slope) * (last - first) > np.maximum(_CARRY_SHARE, _CARRY_WIDTHS * widest)
    return np.where((last > first) & clear, np.exp(mean_y - slope * mean_t), np.nan)


def _place(levels: _Levels) -> Ints:
    """Which of its name's expiries each is in time, from 0; those of one day share a place."""
    order = np.lexsort((levels.days, levels.name))
    name, days = levels.name[order], levels.days[order]
    begins = np.diff(name, prepend=-1) != 0
    later = np.cumsum(begins | (np.diff(days, prepend=-1) != 0))
    place = np.empty(len(order), np.int64)
    place[order] = later - later[np.flatnonzero(begins)][np.cumsum(begins) - 1]
    return place


def _exercised(name: Ints, level: Floats, asked: NDArray[np.bool_], sign: float, count: int) -> Floats:
    """The median of the three levels that lie furthest, lowest (``sign`` 1) or highest (-1), where they agree."""
    rows = np.flatnonzero(asked)
    found, furthest = _first_of(name[rows], sign * level[rows], _EXERCISED_STRIKES)
    levels = level[rows][furthest]
    middle = _middle(levels)
    agree = np.ptp(levels, axis=1) <= _EXERCISE_SHARE * middle
    return _by_name(found[agree], middle[agree], count)
