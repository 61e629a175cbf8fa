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
_LOOKED_BACK = 20


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

    ``side`` is the volume of the expiry's same right, ``beside`` the larger surprise of the two neighbouring strikes;
    ``mean`` the contract's own mean of the five sessions before (0 without any), ``past`` (rows, 20) the volumes of the
    last twenty, newest last, NaN where not known; ``gained`` the open interest gained in four mornings (NaN: not
    known), ``built`` whether two mornings running opened a large part of the volume. ``busy`` are decades above the
    name's mean of twenty sessions.
    """

    at: NDArray[np.int64]
    side: NDArray[np.float64]
    beside: NDArray[np.float64]
    mean: NDArray[np.float64]
    past: NDArray[np.float64]
    gained: NDArray[np.float64]
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
        total = np.bincount(side, np.nan_to_num(listing.completed), minlength=int(side.max(initial=0)) + 1)
        of_name = np.bincount(listing.name, np.nan_to_num(listing.completed), minlength=len(usual))
        with np.errstate(invalid="ignore", divide="ignore"):
            busy = np.log10(np.maximum(np.nan_to_num(of_name / usual, nan=1.0, posinf=1.0), 1.0))
        past = _before(volume, row, session, _LOOKED_BACK)
        opened = _before(open_interest, row, session, 4)
        mornings = np.column_stack([opened, listing.open_interest[at]])
        shares = np.diff(mornings[:, 2:], axis=1) / np.maximum(past[:, -2:], 1.0)
        # A contract that was not listed then had nothing open; of a name that was not looked at then, nobody knows.
        known = (listing.row >= 0) & np.isfinite(volume[listing.row, session - 4]) if session >= 4 else listing.row < -1
        looked_at = np.bincount(listing.name, known, minlength=len(usual)) > 0
        unlisted = np.where(looked_at, 0.0, np.nan)[listing.name[at]]
        first = np.where(np.isfinite(past[:, -4]), mornings[:, 0], unlisted)
        return cls(
            at,
            np.asarray(total[side[at]], np.float64),
            neighbours(listing)[at],
            _mean(past[:, -5:]),
            past,
            mornings[:, 4] - first,
            np.asarray((shares >= _OPENED).all(axis=1)),
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
    opens = np.clip(np.log10(np.maximum(opening, 1e-3) / TYPICAL_OPENING), -1.0, 1.0)
    opens = np.where(np.isfinite(opens), opens, 0.0)
    known, later = np.isfinite(surprise), days >= 2
    beyond = sizes.decades(np.maximum(volume - day.mean, 0.0), cell)
    times = np.log10((volume + _SMOOTHING) / (day.mean + _SMOOTHING))
    one = surprise + 0.5 * (beyond - 1.2 * day.busy) + times + 1.5 * opens - 2.0 * day.busy
    share = np.log10(volume / np.maximum(day.side, volume))
    alone = 0.25 * np.nan_to_num(surprise) - 0.3 * np.minimum(day.beside, 3.0)
    new = np.log10(volume + 1.0) + 0.25 * share + alone + 0.5 * opens - day.busy
    week = listing.week[day.at] + 0.5 * sizes.decades(np.nan_to_num(day.gained), cell) + 0.75 * opens - day.busy
    fresh = (listing.open_interest[day.at] == 0) & ~(np.nan_to_num(day.past) > 0).any(axis=1)
    return np.stack(
        [
            np.where(known & (volume >= LEAST_LOTS) & ~rolled, one, np.nan),
            np.where(known & (volume >= LEAST_LOTS) & fresh & later, new, np.nan),
            np.where(known & day.built & later & ~rolled, week, np.nan),
        ]
    )


def neighbours(listing: Listing) -> NDArray[np.float64]:
    """The larger one-session surprise of the strikes next below and next above of the same expiry and right."""
    result = np.zeros(len(listing.volume))
    surprise = np.nan_to_num(listing.surprise)
    for call in (False, True):
        rows = np.flatnonzero(listing.call == call)
        if len(rows) < 2:
            continue
        same, mine = np.diff(listing.group[rows]) == 0, surprise[rows]
        below = np.concatenate([[0.0], np.where(same, mine[:-1], 0.0)])
        above = np.concatenate([np.where(same, mine[1:], 0.0), [0.0]])
        result[rows] = np.maximum(below, above)
    return result
