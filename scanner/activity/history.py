"""A panel laid out for the regression: places, buckets and what was known before each session."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from functools import cached_property
from typing import Any, NamedTuple, Self

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.activity import features
from scanner.activity.features import Contracts, State
from scanner.activity.geometry import Market, Places, locate
from scanner.activity.ranking.sizes import Cells
from scanner.history.panel import Panel
from scanner.kernels.compile import kernel
from scanner.kernels.threads import in_parts

_SESSIONS_A_YEAR = 252.0
_LEAST_FOR_USUAL = 10


class Located(NamedTuple):
    """Where the contracts stood in one session, shape (contracts,): see :func:`scanner.activity.geometry.locate`."""

    moneyness: NDArray[np.float32]
    cell: NDArray[np.int16]
    log_price: NDArray[np.float32]


def _located(places: Places, market: Market, session: int, *, priced: bool = True) -> Located:
    """Where the contracts stood, without what each was worth (``log_price`` empty) unless ``priced``."""
    rows = len(places.call)
    found = Located(np.zeros(rows, np.float32), np.zeros(rows, np.int16), np.zeros(rows if priced else 0, np.float32))
    locate(
        places.underlying,
        places.log_strike,
        places.call,
        places.expiry,
        int(market.day[session]),
        np.ascontiguousarray(market.log_spot[:, session]),
        np.ascontiguousarray(market.volatility[:, session]),
        *found,
    )
    return found


@dataclass(frozen=True)
class Layout:
    """A panel's contracts and where they stood in each session; nothing in it depends on a fit.

    ``cell`` int16 has shape (contracts, sessions). ``earnings`` (underlyings, sessions) is 1 within one day of an
    earnings date.
    """

    panel: Panel
    places: Places
    market: Market
    cell: NDArray[np.int16]
    earnings: NDArray[np.float32]

    @classmethod
    def of(cls, panel: Panel, events: pl.DataFrame | None) -> Layout:
        """Lay out a panel. ``events`` has ``underlying date kind``; without it no session is near an earnings date."""
        places = Places.of(panel.contracts, panel.underlyings)
        market = Market.of(panel, places)
        cell = np.zeros(panel.volume.shape, np.int16, order="F")
        for session in range(panel.volume.shape[1]):
            cell[:, session] = _located(places, market, session, priced=False).cell
        return cls(panel, places, market, np.ascontiguousarray(cell), near_earnings(panel, market, events))

    def alone(self) -> Layout:
        """The same without what fitting alone asked for, which of a whole market is much."""
        return replace(self)

    @property
    def sessions(self) -> int:
        """Number of past sessions."""
        return len(self.panel.sessions)

    def located(self, session: int) -> Located:
        """Where every contract stood in a session; fitting alone asks, six times of each that it learns from."""
        if session not in self._located:
            self._located[session] = _located(self.places, self.market, session)
        return self._located[session]

    @cached_property
    def _located(self) -> dict[int, Located]:
        return {}

    def target(self, session: int, window: int) -> NDArray[np.float64]:
        """What a window ending with a session is judged by; see :func:`build_up_at`."""
        volume = self.panel.volume
        before = np.ascontiguousarray(volume[:, max(session - 4, 0) : session])
        return np.asarray(build_up(before, window, np.ascontiguousarray(volume[:, session])))

    def seasoned(self, session: int, sessions: int) -> NDArray[np.bool_]:
        """Contracts whose underlying has at least so many sessions before this one, shape (contracts,)."""
        return np.asarray((self.known[:, :session].sum(axis=1) >= sessions)[self.places.underlying])

    @cached_property
    def known(self) -> NDArray[np.bool_]:
        """Whether an underlying's volume is known in a session, shape (underlyings, sessions)."""
        result = np.zeros((len(self.panel.underlyings), self.sessions), bool)
        for session in range(self.sessions):
            result[self.places.underlying[np.isfinite(self.panel.volume[:, session])], session] = True
        return result

    @cached_property
    def volumes(self) -> NDArray[np.float64]:
        """What every underlying traded in a session, 0 where that is not known, shape (underlyings, sessions)."""
        result = np.zeros((len(self.panel.underlyings), self.sessions))
        for session in range(self.sessions):
            traded = np.nan_to_num(self.panel.volume[:, session])
            result[:, session] = np.bincount(self.places.underlying, traded, minlength=len(result))
        return result

    @cached_property
    def cells(self) -> dict[int, Cells]:
        """The sizes of sessions as far as they were worked out; :mod:`scanner.activity.rehearsal` fills it."""
        return {}

    def move(self, session: int, window: int) -> NDArray[np.float64]:
        """Return of every underlying over the window ending with a session, in standard deviations; 0 if unknown."""
        before = session - window
        if before < 0:
            return np.zeros(len(self.panel.underlyings))
        log_return = self.market.spot_of(session) - self.market.spot_of(before)
        return standardised_move(log_return, self.market.volatility[:, session], window)


@kernel
def build_up_at(
    earlier: NDArray[np.float32], row: int, window: int, today: float
) -> float:  # pragma: no cover - compiled
    """What a window that ends today is judged by; ``earlier`` (rows, sessions) are the volumes before, newest last.

    A window of one session is its volume. One of three leaves its largest session out and one of five its two largest:
    so it measures what went on over several sessions, and a block does not echo in it for days. An unknown session
    counts as none.
    """
    value = today if today > 0 else 0.0
    if window == 1:
        return value
    total, largest, second = value, value, 0.0
    sessions = earlier.shape[1]
    for step in range(1, min(window, sessions + 1)):
        before = earlier[row, sessions - step]
        value = before if before > 0 else 0.0
        total += value
        second = max(second, min(value, largest))
        largest = max(largest, value)
    return total - largest - (second if window == 5 else 0.0)


@kernel
def build_up(
    earlier: NDArray[np.float32], window: int, today: NDArray[np.float32]
) -> NDArray[np.float64]:  # pragma: no cover - compiled
    """:func:`build_up_at` for every row; ``earlier`` has shape (rows, sessions before today, at most four)."""
    result = np.empty(len(today))
    for i in range(len(today)):
        result[i] = build_up_at(earlier, i, window, today[i])
    return result


def standardised_move(
    log_return: NDArray[np.float64], volatility: NDArray[np.float64], window: int
) -> NDArray[np.float64]:
    """A return in standard deviations of a window of sessions; 0 where it is not known."""
    move = log_return / (volatility * np.sqrt(window / _SESSIONS_A_YEAR))
    return np.where(np.isfinite(move), move, 0.0)


def near_earnings(panel: Panel, market: Market, events: pl.DataFrame | None) -> NDArray[np.float32]:
    """1 within a day of an earnings date, per underlying and session."""
    result = np.zeros((len(panel.underlyings), len(panel.sessions)), np.float32)
    if events is None or events.is_empty():
        return result
    earnings = events.filter(pl.col("kind") == "earnings")
    for name, day in earnings.select("underlying", pl.col("date").to_physical()).iter_rows():
        if name in panel.underlyings:
            result[panel.underlyings.index(name)][np.abs(market.day - day) <= 1] = 1.0
    return result


@dataclass(frozen=True)
class States:
    """What was known of every contract before each session, and how its neighbours stood: what fitting rests on.

    ``first`` is the session that the longest window begins with which ends in the earliest session learnt from. Of the
    sessions ``kept`` from there on are ``before`` (contracts, kept, len(State)), and ``of_name``, ``of_expiry`` and
    ``beside`` (kept, contracts) by :func:`scanner.activity.features.activity`. ``activity`` (underlyings, sessions) is
    0 before it.
    """

    base: NDArray[np.float32]
    first: int
    before: NDArray[np.float32]
    of_name: NDArray[np.float32]
    of_expiry: NDArray[np.float32]
    beside: NDArray[np.float32]
    activity: NDArray[np.float64]

    @classmethod
    def of(cls, layout: Layout, base: NDArray[np.float32], learnt_from: int = 0) -> Self:
        """Run a layout's past through a base table; ``learnt_from`` is the first session that anything is asked of."""
        volume, places = layout.panel.volume, layout.places
        rows, sessions = volume.shape
        names = len(layout.panel.underlyings)
        first = max(learnt_from - max(features.WINDOWS) + 1, 0)
        before, predicted = _remembered(layout, base, range(first, sessions))
        of_name, of_expiry, beside = (np.zeros((sessions - first, rows), np.float32) for _ in range(3))
        activity = np.zeros((names, sessions))
        for kept, session in enumerate(range(first, sessions)):
            of_name[kept], of_expiry[kept], beside[kept], busy = features.activity(
                places.group,
                places.call,
                places.underlying,
                np.ascontiguousarray(predicted[:, session]),
                np.log1p(volume[:, session]),
                np.ascontiguousarray(before[:, kept, State.OWN_SHORT]),
                names,
            )
            activity[:, session] = busy[:names]
        return cls(base, first, before, of_name, of_expiry, beside, activity)


@dataclass(frozen=True)
class Memory:
    """What scoring needs of the past beside the contracts' own: of a whole market far less than :class:`States`.

    ``anchors`` are the sessions that the windows which end today begin with; ``states`` (contracts, anchors,
    len(State)) is what was known before them, ``predicted`` (contracts, sessions) and ``activity`` (underlyings,
    sessions) are those of :class:`States`.
    """

    anchors: tuple[int, ...]
    states: NDArray[np.float32]
    predicted: NDArray[np.float32]
    activity: NDArray[np.float64]

    def beyond_usual(self, activity: NDArray[np.float64]) -> NDArray[np.float64]:
        """By how much today's activity of every name exceeds that of nine of ten of its sessions; 0 where it does not.

        The names begin with those of the past; one without a past of ten sessions has nothing to exceed.
        """
        result = np.zeros(len(activity))
        names = len(self.usual_activity)
        result[:names] = np.maximum(activity[:names] - self.usual_activity, 0.0)
        return result

    @cached_property
    def usual_activity(self) -> NDArray[np.float64]:
        """What nine of ten sessions of every name stay below, at least 0; infinite for a name with fewer than ten."""
        known = self.activity != 0.0
        count = known.sum(axis=1)
        ordered = np.sort(np.where(known, self.activity, -np.inf), axis=1)[:, ::-1]
        if not ordered.shape[1]:
            return np.full(len(ordered), np.inf)
        usual = ordered[np.arange(len(ordered)), count // 10]
        return np.where(count >= _LEAST_FOR_USUAL, np.maximum(usual, 0.0), np.inf)


def recall(layout: Layout, base: NDArray[np.float32]) -> Memory:
    """Run a layout's past through a base table, keeping what scoring needs."""
    names, underlying = len(layout.panel.underlyings), layout.places.underlying
    anchors = tuple(max(layout.sessions - window + 1, 0) for window in features.WINDOWS)
    kept = sorted(set(anchors))
    states, predicted = _remembered(layout, base, kept)
    activity = np.zeros((names, layout.sessions))
    for session in range(layout.sessions):
        logs = np.log1p(layout.panel.volume[:, session])
        activity[:, session] = features.activity_of_names(
            underlying, np.ascontiguousarray(predicted[:, session]), logs, names
        )
    return Memory(anchors, states[:, [kept.index(anchor) for anchor in anchors]], predicted, activity)


def _remembered(
    layout: Layout, base: NDArray[np.float32], kept: Sequence[int]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """States before the sessions ``kept``, (contracts, len(kept), len(State)), and what was expected of all."""
    rows, sessions = layout.panel.volume.shape
    places = np.full(sessions + 1, -1)
    places[list(kept)] = np.arange(len(kept))
    states = np.empty((rows, len(kept), len(State)), np.float32)
    predicted = np.empty((rows, sessions), np.float32)
    features.remember(layout.panel.volume, layout.cell, layout.places.underlying, base, places, states, predicted)
    return states, predicted


class PastColumn(IntEnum):
    """The columns of :attr:`Recent.past`.

    The open interest is NaN for the window of today alone; from ``SUMS`` on there is a column for what the past gives
    each linear part of the regressions.
    """

    OWN_SHORT = 0
    OWN_LONG = 1
    LOG_OPEN_INTEREST = 2
    SUMS = 3


@dataclass(frozen=True)
class Recent:
    """What scoring needs of the past of every contract, shape (contracts + 1, ...); the last for one never seen.

    The last row is what row -1 of :meth:`scanner.history.panel.Panel.rows_of` finds. ``past`` (w, contracts + 1,
    SUMS + parts) holds the columns of :class:`PastColumn` as each window begins. ``volume`` are the last four sessions
    (newest last, 0 unknown), ``averages`` of 5 and 20 sessions and the median of 20, ``sessions`` known, ``listed`` in
    the last session.
    """

    past: NDArray[np.float32]
    volume: NDArray[np.float32]
    averages: NDArray[np.float32]
    sessions: NDArray[np.int32]
    listed: NDArray[np.bool_]

    @classmethod
    def of(cls, layout: Layout, memory: Memory, linear: NDArray[np.float32]) -> Recent:
        """Cut what is needed out of the past; ``linear`` (w, parts, features) are the coefficients to sum it with."""
        volume, interest = layout.panel.volume, layout.panel.open_interest
        rows, sessions = volume.shape
        anchors = memory.anchors
        states = _with_unseen(memory.states, 0.0)
        past = np.full((len(anchors), rows + 1, PastColumn.SUMS + linear.shape[1]), np.nan, np.float32)
        for number, anchor in enumerate(anchors):
            past[number, :, PastColumn.OWN_SHORT] = states[:, number, State.OWN_SHORT]
            past[number, :, PastColumn.OWN_LONG] = states[:, number, State.OWN_LONG]
            if anchor < sessions:
                past[number, :-1, PastColumn.LOG_OPEN_INTEREST] = np.log1p(interest[:, anchor])
        sums = past[:, :, PastColumn.SUMS :]
        in_parts(lambda part: features.sum_past(states[part], linear, sums[:, part]), rows + 1)
        last = np.zeros((rows + 1, 4), np.float32)
        last[:-1, 4 - min(sessions, 4) :] = np.nan_to_num(volume[:, max(sessions - 4, 0) :], nan=0.0)
        known = np.isfinite(volume)
        averages = np.column_stack([_mean(volume[:, -5:]), _mean(volume[:, -20:]), _median(volume[:, -20:])])
        listed = known[:, -1] if sessions else np.zeros(rows, bool)
        return cls(
            past,
            last,
            _with_unseen(averages, np.nan),
            _with_unseen(known.sum(axis=1).astype(np.int32), 0),
            _with_unseen(listed, 0),
        )


def _with_unseen(values: NDArray[Any], missing: float) -> NDArray[Any]:
    """An array with one more row, which stands for a contract that was never seen."""
    result = np.full((len(values) + 1, *values.shape[1:]), missing, values.dtype)
    result[:-1] = values
    return result


def _mean(recent: NDArray[np.float32]) -> NDArray[np.float32]:
    """Mean of each row, its NaNs left out; NaN where all are."""
    known = np.isfinite(recent)
    count = known.sum(axis=1)
    total = np.where(known, recent, 0.0).sum(axis=1, dtype=np.float64)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).astype(np.float32)


def _median(recent: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median of each row, its NaNs left out; NaN where all are."""
    if not recent.shape[1]:
        return np.full(len(recent), np.nan, np.float32)
    ordered, count = np.sort(recent, axis=1), np.isfinite(recent).sum(axis=1)
    row, last = np.arange(len(ordered)), np.maximum(count - 1, 0)
    middle = (ordered[row, last // 2] + ordered[row, (last + 1) // 2]) / 2
    return np.where(count > 0, middle, np.nan).astype(np.float32)


def window_activity(
    of_name: NDArray[np.float32],
    activity: NDArray[np.float64],
    underlying: NDArray[np.int32],
    session: int,
    window: int,
) -> NDArray[np.float32]:
    """How busy the underlying was over a window: today without the contract's neighbourhood, earlier sessions whole."""
    if window == 1:
        return of_name
    earlier = activity[:, max(session - window + 1, 0) : session]
    total = np.append(earlier.sum(axis=1), 0.0)[underlying]
    return np.asarray((of_name + total) / (earlier.shape[1] + 1), np.float32)


def log_open_interest(at_start: NDArray[np.floating], now: NDArray[np.floating]) -> NDArray[np.float32]:
    """log(1 + open interest) as a window begins, else (listed meanwhile) as it ends; NaN if neither."""
    return np.log1p(np.where(np.isfinite(at_start), at_start, now)).astype(np.float32)


def design_of(layout: Layout, past: States, session: int, window: int, rows: NDArray[np.int64]) -> NDArray[np.float32]:
    """The regression's rows for past contract-days, shape (len(rows), features.COUNT)."""
    places, kept = layout.places, session - past.first
    anchor = max(session - window + 1, 0)
    x = np.empty((len(rows), features.COUNT), np.float32)
    contracts = Contracts(
        underlying=places.underlying,
        expiry=places.expiry,
        call=places.call,
        moneyness=layout.located(session).moneyness,
        log_price=layout.located(session).log_price,
        log_open_interest=log_open_interest(
            layout.panel.open_interest[:, anchor], layout.panel.open_interest[:, session]
        ),
        base=past.base[places.underlying, layout.cell[:, session]],
        of_name=window_activity(past.of_name[kept], past.activity, places.underlying, session, window),
        of_expiry=past.of_expiry[kept],
        beside=past.beside[kept],
    )
    states, day = past.before[:, anchor - past.first : anchor - past.first + 1], int(layout.market.day[session])
    features.design(rows, x, contracts, states, layout.move(session, window), layout.earnings[:, session], day)
    return x
