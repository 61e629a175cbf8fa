"""Two configurations over the same sessions: each measure of both, and the difference, paired by session.

The sessions are the independent unit: all alerts of one share its market. Intervals are those of draws of whole
sessions with replacement (the percentile bootstrap), 90 % wide; a draw takes the same sessions of both configurations,
so that what a session did to both of them cancels in the difference. Of fewer than ten sessions no interval is told:
draws of so few hold too few different sessions, and would come out too narrow.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.alerts.board import FEWEST, Figure, Told
from scanner.alerts.entries import Entry
from scanner.alerts.scoreboard import Column, Draws, measured, table

FEWEST_SESSIONS = 10
"""Of fewer, no interval is told."""
_DRAWS = 1_000

Vector = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Difference:
    """One measure of two configurations: ``of`` their alerts, or of these beyond the contracts matched to them.

    ``difference`` is the first less the second; the count of it is that of the sessions, of the others that of values.
    """

    measure: str
    of: str
    one: Figure
    other: Figure
    difference: Figure


@dataclass(frozen=True)
class _Spread:
    """A value, of how many it is, and the value in every draw."""

    count: int
    value: float
    draws: Vector

    def less(self, other: _Spread, count: int) -> _Spread:
        return _Spread(count, self.value - other.value, self.draws - other.draws)

    def figure(self, sessions: int) -> Figure:
        if not np.isfinite(self.value):
            return Figure(self.count)
        known = self.draws[np.isfinite(self.draws)]
        if sessions < FEWEST_SESSIONS or not len(known):
            return Figure(self.count, self.value)
        low, high = np.quantile(known, (0.05, 0.95))
        return Figure(self.count, self.value, float(low), float(high))


def compared(one: Sequence[Entry], other: Sequence[Entry], sessions: Sequence[date]) -> list[Difference]:
    """Every measure of the scoreboard for two ledgers over the same ``sessions``, and alerts a session first.

    Shares and moves are decimals; a value is None where fewer than twenty could be decided.
    """
    days = pl.Series("session_date", sorted(set(sessions)), dtype=pl.Date)
    draws = Draws.of(days, _DRAWS)
    found = [_paired(("alerts_a_session", "alerts"), _counted(one, draws), _counted(other, draws), len(days))]
    both = [measured(table(out for entry in each for out in entry.outcomes.values()), _told(each))
            for each in (one, other)]  # fmt: skip
    for mine, theirs in zip(*both, strict=True):
        own = [_spread(item.own, draws, is_median=item.is_median) for item in (mine, theirs)]
        like = [_spread(item.matched, draws, is_median=item.is_median) for item in (mine, theirs)]
        beyond = [alerts.less(matched, alerts.count) for alerts, matched in zip(own, like, strict=True)]
        found.append(_paired((mine.measure, "alerts"), own[0], own[1], len(days)))
        found.append(_paired((mine.measure, "beyond matched"), beyond[0], beyond[1], len(days)))
    return found


def alone(one: Sequence[Entry], other: Sequence[Entry]) -> tuple[Entry, ...]:
    """What the first told and the second did not: in that session nothing about the same contract, ladder or name."""
    there = {entry.key for entry in other}
    return tuple(entry for entry in one if entry.key not in there)


def _paired(what: tuple[str, str], one: _Spread, other: _Spread, sessions: int) -> Difference:
    figures = [item.figure(sessions) for item in (one, other, one.less(other, sessions))]
    return Difference(*what, *figures)


def _told(entries: Sequence[Entry]) -> list[Told]:
    return list({entry.told.alert_id: entry.told for entry in entries}.values())


def _counted(entries: Sequence[Entry], draws: Draws) -> _Spread:
    """How many alerts a session told, on average; sessions without any count."""
    days = pl.Series([entry.session_date for entry in entries], dtype=pl.Date).to_physical().cast(pl.Int64)
    counts = np.bincount(np.searchsorted(draws.sessions, days.to_numpy()), minlength=len(draws.sessions))
    if not len(draws.sessions):
        return _Spread(0, np.nan, np.empty(0))
    return _Spread(len(entries), float(counts.mean()), (draws.weights @ counts) / len(draws.sessions))


def _spread(column: Column, draws: Draws, *, is_median: bool) -> _Spread:
    count = len(column.values)
    if count < FEWEST:
        return _Spread(count, np.nan, np.full(len(draws.weights), np.nan))
    value = float(np.median(column.values) if is_median else column.values.mean())
    return _Spread(count, value, draws.spread(column, is_median=is_median))
