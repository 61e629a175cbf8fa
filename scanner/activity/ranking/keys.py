"""What contracts are ranked by, in three families that compete for places of their own.

*One session*: a volume that is rare for the contract and large for the name. *New strike*: a first trade of size where
nothing was open and nothing traded. *Build-up*: open interest that grew by a large part of the volume on two mornings
running, under a rare week. Each has its own key, in decades; keys of different families do not compare, what does is
how often as much comes (:mod:`scanner.activity.ranking.rates`). The constants lie on plateaus of recorded sessions.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanner.activity.ranking.sizes import Sizes, cells_of
from scanner.fields import FAMILIES

ONE_SESSION, NEW_STRIKE, BUILD_UP = range(len(FAMILIES))
LEAST_LOTS, LEAST_DRIP = 50, 10
TYPICAL_OPENING = 0.35
_SMOOTHING = 20.0
_OPENED = 0.4
_LOOKED_BACK, _NIGHTS = 20, 5
# Below this the smallest of three strikes in a row is chance; beyond it adds, up to the second, what a ladder is worth.
_RUN, _LONGEST_RUN, _WORTH_OF_A_RUN = 0.7, 2.0, 1.2
# The strikes around: from the nearest that no ladder of three reaches, to so far that others are meant. By chance the
# surprises of twelve have a mean of log10(e), and in one case of seventy one of .75: what they show beyond it explains.
# Of one strike no more than two decades count, for a leg of a spread explains nothing.
_NEAREST, _FARTHEST = 3, 8
_BY_CHANCE, _BEYOND_CHANCE, _MOST_OF_ONE = float(np.log10(np.e)), 0.75, 2.0
_EXPLAINED, _EXPLAINED_OF_NEW = 8.0, 2.0


@dataclass(frozen=True)
class Listing:
    """All contracts listed in a session, sorted by root, expiry, strike and right, shape (rows,).

    ``row`` is the contract's row in the panel's matrices, -1 where it has none; ``volume`` and ``open_interest`` are
    NaN where not known, ``surprise`` (one session) and ``week`` (five) in decades, NaN where not judged. ``completed``
    is the volume as the session would end if the rest of it went as usual.
    """

    row: NDArray[np.integer]
    name: NDArray[np.int64]
    group: NDArray[np.int64]
    call: NDArray[np.bool_]
    days: NDArray[np.int64]
    volume: NDArray[np.float64]
    completed: NDArray[np.float64]
    open_interest: NDArray[np.float64]
    surprise: NDArray[np.float64]
    week: NDArray[np.float64]


@dataclass(frozen=True)
class Day:
    """The contracts of a session that may take a place, by their positions ``at`` in its listing, shape (rows,).

    ``side`` is the volume of the expiry's same right, ``beside`` the larger surprise of the two neighbouring strikes,
    ``run`` the smaller one of the other two in the best three strikes in a row, ``around`` by how many decades the
    strikes third to eighth next on either side are rarer than by chance; ``mean`` the contract's own mean of the five
    sessions before (0 without any), ``past`` (rows, 20) the volumes of the last twenty, newest last, NaN where not
    known; ``gained`` the open interest gained in four mornings (NaN: not known), ``opened`` the share of what five
    sessions traded that was opened overnight (closings count against it), ``built`` whether two mornings running opened
    a large part of the volume. ``busy`` are decades above the name's mean of twenty sessions.
    """

    at: NDArray[np.int64]
    side: NDArray[np.float64]
    beside: NDArray[np.float64]
    run: NDArray[np.float64]
    around: NDArray[np.float64]
    mean: NDArray[np.float64]
    past: NDArray[np.float64]
    gained: NDArray[np.float64]
    opened: NDArray[np.float64]
    built: NDArray[np.bool_]
    busy: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        listing: Listing,
        volume: NDArray[np.float32],
        open_interest: NDArray[np.float32],
        session: int,
        usual: NDArray[np.float64],
    ) -> Day:
        """What the past tells of a session's contracts.

        ``volume`` and ``open_interest`` (contracts, sessions) are a panel's; ``session`` is the column that would be
        the session's own. ``usual`` (names,) is each name's mean volume of twenty sessions before, NaN without one.
        """
        at = np.flatnonzero(listing.volume >= LEAST_DRIP)
        row = listing.row[at]
        side = listing.group * 2 + listing.call
        completed = np.nan_to_num(listing.completed)
        total = np.bincount(side, completed, minlength=int(side.max(initial=0)) + 1)
        of_name = np.bincount(listing.name, completed, minlength=len(usual))
        with np.errstate(invalid="ignore", divide="ignore"):
            busy = np.log10(np.maximum(np.nan_to_num(of_name / usual, nan=1.0, posinf=1.0), 1.0))
        past = _before(volume, row, session, _LOOKED_BACK)
        mornings = np.column_stack([_before(open_interest, row, session, _NIGHTS), listing.open_interest[at]])
        risen, traded = np.diff(mornings, axis=1), past[:, -_NIGHTS:]
        # A contract that was not listed then had nothing open; of a name that was not looked at then, nobody knows.
        known = (
            (listing.row >= 0) & np.isfinite(volume[:, session - 4][listing.row]) if session >= 4 else listing.row < -1
        )
        looked_at = np.zeros(len(usual), np.bool_)
        looked_at[listing.name[np.flatnonzero(known)]] = True
        unlisted = np.where(looked_at, 0.0, np.nan)[listing.name[at]]
        first = np.where(np.isfinite(past[:, -4]), mornings[:, 1], unlisted)
        beside, run = _neighbours(listing, at)
        return cls(
            at,
            np.asarray(total[side[at]], np.float64),
            beside,
            run,
            _around(listing, at),
            _mean(traded),
            past,
            mornings[:, -1] - first,
            _share_opened(risen, traded),
            np.asarray((risen[:, -2:] / np.maximum(traded[:, -2:], 1.0) >= _OPENED).all(axis=1)),
            busy[listing.name[at]],
        )


def five_sessions(volume: NDArray[np.float64], past: NDArray[np.float64]) -> tuple[NDArray[np.float64], ...]:
    """What traded in a session and the four before it, and what five sessions brought before those."""
    return volume + np.nan_to_num(past[:, -4:]).sum(axis=1), 5.0 * _mean(past[:, :-4])


def _before(matrix: NDArray[np.float32], row: NDArray[np.integer], session: int, depth: int) -> NDArray[np.float64]:
    """The ``depth`` columns before a session of some rows, NaN where there is none."""
    result = np.full((len(row), depth), np.nan)
    known, first = row >= 0, max(session - depth, 0)
    if session > first:
        result[known, depth - (session - first) :] = matrix[row[known], first:session]
    return result


def _share_opened(risen: NDArray[np.float64], traded: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much of what was traded opened positions, by the nights after; towards 0 where little was traded.

    A night counts by what was traded before it at most: a transfer or an exercise is no trade.
    """
    lots = np.nan_to_num(traded)
    opened = np.clip(np.nan_to_num(risen), -lots, lots).sum(axis=1)
    return np.asarray(opened / (lots.sum(axis=1) + LEAST_LOTS))


def _mean(recent: NDArray[np.float64]) -> NDArray[np.float64]:
    known = np.isfinite(recent)
    return np.asarray(np.where(known, recent, 0.0).sum(axis=1) / np.maximum(known.sum(axis=1), 1))


def keys(
    listing: Listing, day: Day, sizes: Sizes, opening: NDArray[np.float64], rolled: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """The key of each of a day's contracts in every family, shape (families, rows); NaN where it has none.

    ``opening`` is the chance that its volume opens positions (NaN: not known), ``rolled`` whether it may be a roll.
    """
    volume, surprise, days = listing.volume[day.at], listing.surprise[day.at], listing.days[day.at]
    cell = cells_of(listing.name[day.at], days)
    opens = _odds_of(opening)
    known, later = np.isfinite(surprise), days >= 2
    beyond = sizes.decades(np.maximum(volume - day.mean, 0.0), cell)
    times = np.log10((volume + _SMOOTHING) / (day.mean + _SMOOTHING))
    ladder = _WORTH_OF_A_RUN * np.clip(np.minimum(day.run, np.nan_to_num(surprise)) - _RUN, 0.0, _LONGEST_RUN)
    explained = 2.0 * day.busy + _EXPLAINED * day.around
    one = surprise + 0.5 * (beyond - 1.2 * day.busy) + times + ladder + 1.5 * opens - explained
    share = np.log10(volume / np.maximum(day.side, volume))
    alone = 0.25 * np.nan_to_num(surprise) - 0.3 * np.minimum(day.beside, 3.0)
    new = np.log10(volume + 1.0) + 0.25 * share + alone + 0.8 * opens - day.busy - _EXPLAINED_OF_NEW * day.around
    built = 0.5 * sizes.decades(np.nan_to_num(day.gained), cell) + 2.0 * day.opened
    week = listing.week[day.at] + built + 1.2 * opens - day.busy
    fresh = (listing.open_interest[day.at] == 0) & ~(np.nan_to_num(day.past) > 0).any(axis=1)
    return np.stack(
        [
            np.where(known & (volume >= LEAST_LOTS) & ~rolled, one, np.nan),
            np.where(known & (volume >= LEAST_LOTS) & fresh & later & ~rolled, new, np.nan),
            np.where(known & day.built & later & ~rolled, week, np.nan),
        ]
    )


def _odds_of(opening: NDArray[np.float64]) -> NDArray[np.float64]:
    """Decades by which the odds of opening exceed the typical ones, at most 1.5 either way; 0 where not known."""
    chance = np.clip(opening, 1e-3, 1.0 - 1e-3)
    typical = np.log10(TYPICAL_OPENING / (1.0 - TYPICAL_OPENING))
    return np.asarray(np.nan_to_num(np.clip(np.log10(chance / (1.0 - chance)) - typical, -1.5, 1.5)))


def _neighbours(listing: Listing, at: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What strikes of the same expiry and right show beside some contracts, each as a one-session surprise.

    The larger one of the strikes next below and next above; and the smaller one of the other two in the best three
    strikes in a row that a contract is one of.
    """
    beside, run = np.zeros(len(at)), np.zeros(len(at))
    for right in (False, True):
        mine, rows = listing.call[at] == right, np.flatnonzero(listing.call == right)
        place = np.searchsorted(rows, at[mine])
        below2, below, above, above2 = (_shown(listing, rows, place, steps) for steps in (-2, -1, 1, 2))
        beside[mine] = np.maximum(below, above)
        threes = np.minimum(below2, below), np.minimum(below, above), np.minimum(above, above2)
        run[mine] = np.maximum.reduce(threes)
    return beside, run


def _shown(listing: Listing, rows: NDArray[np.int64], place: NDArray[np.int64], steps: int) -> NDArray[np.float64]:
    """The surprise so many strikes further in ``rows``, those of one right; 0 where the expiry ends before."""
    there = (place + steps >= 0) & (place + steps < len(rows))
    other = rows[np.where(there, place + steps, place)]
    same = there & (listing.group[other] == listing.group[rows[place]])
    return np.where(same, np.nan_to_num(listing.surprise[other]), 0.0)


def _around(listing: Listing, at: NDArray[np.int64]) -> NDArray[np.float64]:
    """By how many decades the strikes around some contracts are rarer than by chance, as a mean; 0 where they are not.

    They are of the same expiry and right, beyond those that a ladder of three reaches; one that is not listed or not
    judged counts as usual. What all of them show is where the spot went, or what the whole expiry is traded for, and
    nothing of the one contract. Less than by chance says nothing: none of them shows anything in the morning, when what
    is held against the whole session has hardly begun, and who looks then is to be told no more than at the close.
    """
    shown = np.nan_to_num(np.minimum(listing.surprise, _MOST_OF_ONE) - _BY_CHANCE)
    total = np.zeros(len(at))
    for right in (False, True):
        mine, rows = listing.call[at] == right, np.flatnonzero(listing.call == right)
        place, group = np.searchsorted(rows, at[mine]), listing.group[rows]
        bounds = np.searchsorted(group, np.arange(listing.group.max(initial=0) + 2))
        first, end = bounds[group[place]], bounds[group[place] + 1]
        summed = np.append(0.0, np.cumsum(shown[rows]))
        for low, high in ((-_FARTHEST, 1 - _NEAREST), (_NEAREST, _FARTHEST + 1)):
            begin, stop = (np.clip(place + steps, first, end) for steps in (low, high))
            total[mine] += summed[stop] - summed[begin]
    mean = _BY_CHANCE + total / (2 * (_FARTHEST + 1 - _NEAREST))
    return np.maximum(mean - _BEYOND_CHANCE, 0.0)
