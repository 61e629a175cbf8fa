"""A panel laid out for the regression: places, buckets and what was known before each session."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.metrics.surprise import features
from scanner.metrics.surprise.geometry import Market, Places, locate
from scanner.panel import Panel

_SESSIONS_A_YEAR = 252.0
_WINDOW_WEIGHTS = {1: 0.7, 3: 0.12, 5: 0.18}
_AGREEMENT = 0.07


@dataclass(frozen=True)
class Layout:
    """A panel's contracts and where they stood in each session; nothing in it depends on a fit.

    ``moneyness`` float32 and ``cell`` int16 have shape (contracts, sessions). ``earnings`` (underlyings, sessions) is 1
    within one day of an earnings date.
    """

    panel: Panel
    places: Places
    market: Market
    moneyness: NDArray[np.float32]
    cell: NDArray[np.int16]
    log_price: NDArray[np.float32]
    earnings: NDArray[np.float32]

    @classmethod
    def of(cls, panel: Panel, events: pl.DataFrame | None) -> Layout:
        """Lay out a panel. ``events`` has ``underlying date kind``; without it no session is near an earnings date."""
        places = Places.of(panel.contracts, panel.underlyings)
        market = Market.of(panel, places)
        shape = panel.volume.shape
        moneyness, log_price = np.zeros(shape, np.float32, order="F"), np.zeros(shape, np.float32, order="F")
        cell = np.zeros(shape, np.int16, order="F")
        for session in range(shape[1]):
            locate(
                places.underlying,
                places.log_strike,
                places.call,
                places.expiry,
                int(market.day[session]),
                market.log_spot[:, session],
                market.volatility[:, session],
                moneyness[:, session],
                cell[:, session],
                log_price[:, session],
            )
        earnings = near_earnings(panel, market, events)
        return cls(panel, places, market, moneyness, np.ascontiguousarray(cell), log_price, earnings)

    @property
    def sessions(self) -> int:
        """Number of past sessions."""
        return len(self.panel.sessions)

    def target(self, session: int, window: int) -> NDArray[np.float64]:
        """What a window ending with a session is judged by; see :func:`build_up`. NaN where the volume is unknown."""
        volume = self.panel.volume[:, max(session - window + 1, 0) : session + 1]
        return build_up(volume[:, :-1], volume[:, -1])

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

    def move(self, session: int, window: int) -> NDArray[np.float64]:
        """Return of every underlying over the window ending with a session, in standard deviations; 0 if unknown."""
        before = session - window
        if before < 0:
            return np.zeros(len(self.panel.underlyings))
        log_return = self.market.log_spot[:, session] - self.market.log_spot[:, before]
        return standardised_move(log_return, self.market.volatility[:, session], window)


def build_up(earlier: NDArray[np.float32], today: NDArray[np.floating]) -> NDArray[np.float64]:
    """The volume of today and earlier sessions, shape (rows, window - 1), less the largest single session.

    A window of one session is its volume. A longer one leaves its largest session out, so that it measures what went on
    over several sessions and one block does not echo in it for days. NaN where today is unknown.
    """
    if earlier.shape[1] == 0:
        return np.asarray(today, np.float64)
    left_out = (earlier.shape[1] + 1) // 2 if earlier.shape[1] > 2 else 1
    past = np.where(np.isfinite(earlier), earlier, 0.0).astype(np.float64)
    ordered = np.sort(np.column_stack([past, today]), axis=1)
    return np.asarray(ordered[:, : ordered.shape[1] - left_out].sum(axis=1))


def combine(surprises: dict[int, NDArray[np.float64]], today: NDArray[np.float64]) -> NDArray[np.float64]:
    """The windows as one statistic, not yet a chance.

    The strongest window counts in full, each charged for its share of the family; the others add a little of theirs, so
    that a build-up that shows in all of them is rarer than one that shows in one. A build-up counts only for a contract
    that has traded today.
    """
    parts = [np.maximum(values + np.log10(_WINDOW_WEIGHTS[window]), 0.0) for window, values in surprises.items()]
    strongest = np.maximum.reduce(parts)
    return np.where(today > 0, strongest + _AGREEMENT * (np.sum(parts, axis=0) - strongest), 0.0)


def bounded(
    combined: NDArray[np.float64], surprises: dict[int, NDArray[np.float64]], today: NDArray[np.float64]
) -> NDArray[np.float64]:
    """A calibrated combination between what holds for any windows and what agreement can add.

    At least the strongest window after its charge (Bonferroni, valid however the windows hang together); at most half a
    decade rarer than the rarest window.
    """
    least = np.maximum.reduce([values + np.log10(_WINDOW_WEIGHTS[window]) for window, values in surprises.items()])
    most = np.maximum.reduce(list(surprises.values())) + 0.5
    return np.where(today > 0, np.clip(combined, np.maximum(least, 0.0), most), 0.0)


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
class Memory:
    """What a base table makes of a layout: states before each session, expected logs, and how busy sessions were.

    ``states`` (contracts, sessions + 1, 7), ``predicted`` (contracts, sessions), ``activity`` (underlyings, sessions).
    """

    base: NDArray[np.float32]
    states: NDArray[np.float32]
    predicted: NDArray[np.float32]
    of_name: NDArray[np.float32]
    of_expiry: NDArray[np.float32]
    beside: NDArray[np.float32]
    activity: NDArray[np.float64]


def recall(layout: Layout, base: NDArray[np.float32]) -> Memory:
    """Run a layout's past through a base table."""
    volume, places = layout.panel.volume, layout.places
    rows, sessions = volume.shape
    names = len(layout.panel.underlyings)
    states = np.empty((rows, sessions + 1, features.STATES), np.float32)
    predicted = np.empty((rows, sessions), np.float32)
    features.remember(volume, layout.cell, places.underlying, base, states, predicted)
    of_name, of_expiry, beside = (np.zeros((sessions, rows), np.float32) for _ in range(3))
    activity = np.zeros((names, sessions))
    for session in range(sessions):
        of_name[session], of_expiry[session], beside[session], busy = features.activity(
            places.group,
            places.call,
            places.underlying,
            np.ascontiguousarray(predicted[:, session]),
            np.log1p(volume[:, session]),
            np.ascontiguousarray(states[:, session, features.OWN_SHORT]),
            names,
        )
        activity[:, session] = busy[:names]
    return Memory(base, states, predicted, of_name, of_expiry, beside, activity)


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


def design_of(
    layout: Layout, memory: Memory, session: int, window: int, rows: NDArray[np.int64]
) -> NDArray[np.float32]:
    """The regression's rows for past contract-days, shape (len(rows), features.COUNT)."""
    places = layout.places
    anchor = max(session - window + 1, 0)
    x = np.empty((len(rows), features.COUNT), np.float32)
    features.design(
        rows,
        x,
        memory.base[places.underlying, layout.cell[:, session]],
        np.ascontiguousarray(memory.states[:, anchor]),
        log_open_interest(layout.panel.open_interest[:, anchor], layout.panel.open_interest[:, session]),
        window_activity(memory.of_name[session], memory.activity, places.underlying, session, window),
        memory.of_expiry[session],
        layout.move(session, window),
        places.underlying,
        places.expiry,
        int(layout.market.day[session]),
        np.ascontiguousarray(layout.moneyness[:, session]),
        places.call,
        layout.earnings[:, session],
        layout.log_price[:, session],
        memory.beside[session],
    )
    return x
