"""How much each contract trades in a session, and what that does to open interest.

Volume is what real chains show: most contracts do not trade on most days, the tail is so heavy that its variance is
practically infinite, and activity clusters. Expected volume falls with time to expiry and with distance from the money,
differs between neighbours for good (some strikes are popular), drifts from day to day, and rises for everybody on busy
days and for a name when it moves. On top come rare blocks whose size knows nothing of all this. A part of what trades
opens (or, less often, closes) positions, so open interest never changes by more than the volume of the session.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

import numpy as np
from numpy.typing import NDArray

from scanner.sources.simulation.draws import Floats, Keys, Purpose, key, normal, pareto, uniform
from scanner.sources.simulation.listing import Contracts
from scanner.sources.simulation.paths import Paths
from scanner.sources.simulation.stories import Story

Counts = NDArray[np.int64]

# Log of typical volume at the money by calendar days to expiry, against an option expiring today, for weeklies and for
# monthlies, and how it falls with standardised moneyness: smoothed medians of a large name's recorded chains.
_WEEKLY_DAYS = np.log1p([0, 1.5, 4, 11, 22, 45, 90])
_WEEKLY = np.array([-0.4, -1.2, -2.8, -4.7, -5.4, -5.9, -6.5])
_MONTHLY_DAYS = np.log1p([0, 1.5, 4, 11, 22, 45, 90, 240, 500, 900])
_MONTHLY = np.array([-0.4, -1.1, -2.4, -4.0, -4.7, -5.0, -5.3, -6.7, -8.3, -9.3])
_OUT_OF_THE_MONEY, _IN_THE_MONEY, _FARTHEST = 0.46, 3.2, -9.0
_PERSISTENCE, _DRIFT, _DAY_NOISE, _POPULARITY = 0.8, 0.55, 0.5, 0.65
_BLOCK_TAIL, _BLOCK_SMALLEST, _BLOCK_CHANCE, _LARGEST_BLOCK = 1.4, 30.0, 0.008, 50_000
_INTEREST = 0.45
# Share of the volume that opens positions, by days to expiry: near the end as much is closed as opened.
_OPENING_DAYS, _OPENING_MEAN, _OPENING_SPREAD = [0, 2, 5, 10], [0.06, 0.12, 0.2, 0.25], 0.36
_PRINTS = 12
_ORDINAL_OF_1970 = date(1970, 1, 1).toordinal()
_CURVE = np.linspace(0, 1, 391)


@dataclass(frozen=True)
class Session:
    """What happened to the contracts alive in one session: volume at the close, open interest before it, by row number.

    ``cells`` are the keys of the session's random draws.
    """

    position: int
    rows: NDArray[np.int64]
    cells: Keys
    volume: Counts
    open_interest: Counts


@dataclass(frozen=True)
class Trading:
    """Who trades how much of what: contracts, the paths they follow, and what is planted."""

    seed: int
    contracts: Contracts
    paths: Paths
    story: Story

    def sessions(self, first: int) -> Iterator[Session]:
        """Live through every session from the oldest listing on; yield those from position ``first`` in order."""
        contracts, days = self.contracts, self.paths.days
        drift = np.zeros(len(contracts))
        open_interest = np.zeros(len(contracts), dtype=np.int64)
        identity = key(self.seed, contracts.identity)
        popularity = _POPULARITY * normal(identity, Purpose.CONTRACT_POPULARITY)
        planted_popularity = self.story.popularity(contracts)
        for position in range(int(contracts.first.min()), len(days)):
            rows = contracts.alive(position)
            cells = key(identity[rows], days[position].toordinal())
            shock = _DRIFT * normal(cells, Purpose.CONTRACT_DRIFT)
            kept = _PERSISTENCE * drift[rows] + np.sqrt(1 - _PERSISTENCE**2) * shock
            drift[rows] = np.where(contracts.first[rows] == position, shock, kept)
            planned = self.story.lift(contracts, rows, days[position]) + planted_popularity[rows]
            ordinary = self._volume(
                self._expected(position, rows) + planned, popularity[rows] + drift[rows], rows, cells
            )
            volume, planted = self.story.plant(contracts, rows, days[position], ordinary)
            before = open_interest[rows]
            if position >= first:
                yield Session(position, rows, cells, volume, before)
            open_interest[rows] = before + _opened(cells, self._days(position, rows), volume, planted, before)

    def _volume(self, expected: Floats, own: Floats, rows: NDArray[np.int64], cells: Keys) -> Counts:
        """Ordinary volume: nothing on many days, a log-normal body on the others, and blocks.

        The more a contract is expected to trade, the steadier it is: one of 10,000 lots a day varies, in logs, about
        two thirds as much as one of 100.
        """
        spread = np.clip(1.1 - 0.09 * (expected - 5), 0.35, 1.1)
        level = expected + spread * own
        interest = -np.expm1(-_INTEREST * np.exp(0.38 * level))
        body = np.exp(level + spread * _DAY_NOISE * normal(cells, Purpose.CONTRACT_DAY)) / interest
        body = np.where(uniform(cells, Purpose.INTEREST) < interest, body, 0.0)
        activity = self._activity[self.contracts.name[rows]]
        smallest = _BLOCK_SMALLEST * np.clip(np.exp(0.25 * (activity - 10)), 0.3, 1.5)
        block = np.minimum(smallest * pareto(_BLOCK_TAIL, cells, Purpose.BLOCK_SIZE), _LARGEST_BLOCK)
        arrives = uniform(cells, Purpose.BLOCK_ARRIVAL) < _BLOCK_CHANCE * np.clip(activity / 10, 0.5, 1.2)
        return np.floor(body + arrives * block + uniform(cells, Purpose.ROUNDING)).astype(np.int64)

    def _expected(self, position: int, rows: NDArray[np.int64]) -> Floats:
        """Log of typical volume: days to expiry, distance from the money, today's appetite."""
        contracts, paths = self.contracts, self.paths
        name, is_call = contracts.name[rows], contracts.is_call[rows]
        days = self._days(position, rows)
        middle = paths.spot[position - 1] ** 0.3 * paths.spot[position] ** 0.7
        deviation = np.log(contracts.strike[rows] / middle[name]) / (
            paths.volatility[position][name] * np.sqrt(np.maximum(days, 1.0) / 365)
        )
        outside = np.where(is_call, deviation, -deviation)
        shape = np.where(outside > 0, -_OUT_OF_THE_MONEY * outside**2, _IN_THE_MONEY * outside)
        weekly = np.interp(np.log1p(days), _WEEKLY_DAYS, _WEEKLY)
        monthly = np.interp(np.log1p(days), _MONTHLY_DAYS, _MONTHLY)
        tenor = np.where(contracts.monthly[rows], monthly, weekly)
        mood = paths.activity[position] + 0.3 * np.clip(np.abs(paths.move[position]) - 0.8, 0, 3)
        tilt = np.where(is_call, 0.25, -0.25 + paths.put_tilt[position][name])
        near = np.array([each.near for each in paths.names])
        return np.asarray((self._activity + mood)[name] + near[name] * tenor + tilt + np.maximum(shape, _FARTHEST))

    def _days(self, position: int, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """Calendar days to expiry."""
        return self.contracts.expiry[rows] - (self.paths.days[position].toordinal() - _ORDINAL_OF_1970)

    @property
    def _activity(self) -> Floats:
        return np.array([name.activity for name in self.paths.names])


def _opened(cells: Keys, days: NDArray[np.int64], volume: Counts, planted: Counts, before: Counts) -> Counts:
    """Change of open interest: a random share of ordinary volume, most of planted volume, never below nothing open."""
    mean = np.interp(days, _OPENING_DAYS, _OPENING_MEAN)
    share = np.clip(mean + _OPENING_SPREAD * normal(cells, Purpose.OPENING), -1, 1)
    change = np.trunc((volume - planted) * share + planted * 0.75).astype(np.int64)
    return np.maximum(change, -np.minimum(before, volume))


def arrived(elapsed: Floats, same_day: NDArray[np.bool_]) -> Floats:
    """Share of a session's volume that has usually traded by then: U-shaped through the day.

    Contracts that expire the same day trade more evenly, and less at the open.
    """
    ordinary = 0.5 * elapsed + 0.3 * (1 - (1 - elapsed) ** 4) + 0.2 * elapsed**4
    expiring = 0.7 * elapsed + 0.2 * (1 - (1 - elapsed) ** 4) + 0.1 * elapsed**4
    return np.where(same_day, expiring, ordinary)


def so_far(session: Session, same_day: NDArray[np.bool_], elapsed: float) -> tuple[Counts, Floats]:
    """Volume traded when a fraction of the session has passed, and the fraction it last traded at (NaN: not yet).

    Each contract's volume arrives in a dozen prints at fixed hashed moments, so it never falls within a session and is
    the session's volume at the close.
    """
    traded, when = np.zeros(len(session.volume), dtype=np.int64), np.full(len(session.volume), np.nan)
    active = np.flatnonzero(session.volume > 0)
    moments, cumulative = arrivals(session, active)
    now = arrived(np.full(1, elapsed), same_day[active])[:, None]
    seen = (moments <= now) & (np.diff(cumulative, axis=1, prepend=0) > 0)
    latest = (_PRINTS - 1 - np.argmax(seen[:, ::-1], axis=1))[:, None]
    some = seen.any(axis=1)
    share = np.take_along_axis(moments, latest, 1)[:, 0]
    traded[active] = np.where(some, np.take_along_axis(cumulative, latest, 1)[:, 0], 0)
    when[active] = np.where(some, elapsed_at(share, same_day[active]), np.nan)
    return traded, when


def arrivals(session: Session, rows: NDArray[np.int64]) -> tuple[Floats, Counts]:
    """In which shares of the day, and to what totals, the volume of some contracts comes; (contracts, a dozen) each.

    A share is one of the usual volume: :func:`elapsed_at` tells the clock's.
    """
    cells, numbers = session.cells[rows][:, None], np.arange(_PRINTS)
    moments = np.sort(uniform(cells, numbers, Purpose.PRINT_TIME), axis=1)
    sizes = np.cumsum(-np.log(uniform(cells, numbers, Purpose.PRINT_SIZE)), axis=1)
    return moments, np.floor(session.volume[rows][:, None] * (sizes / sizes[:, -1:])).astype(np.int64)


def elapsed_at(share: Floats, same_day: NDArray[np.bool_]) -> Floats:
    """The fraction of the session that has passed when a share of the volume has usually traded."""
    clocks = [np.interp(share, arrived(_CURVE, np.full(len(_CURVE), kind)), _CURVE) for kind in (False, True)]
    return np.where(same_day, clocks[1], clocks[0])
