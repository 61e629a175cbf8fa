"""One session's priced chains measured: scored, and gathered into the metric frames of every scope.

Pure: a priced chain, what was known before it, and the method to fit by go in; frames come out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import cast

import numpy as np
import polars as pl

from scanner import activity, fields
from scanner.activity import VolumeModel, looks, selection
from scanner.activity.ranking.today import rank
from scanner.activity.time_of_day import share_of_volume
from scanner.history.known_before import KnownBefore
from scanner.history.panel import Panel
from scanner.market import corporate_events as event_tables
from scanner.market.levels import EXPIRY, STRIKE, Levels
from scanner.metrics import (
    contract,
    dark_pool,
    dividends,
    early,
    earnings,
    expiry,
    ladder,
    market,
    market_value,
    news,
    returns,
    strike,
    tape,
    underlying,
)
from scanner.pricing import PricedChain
from scanner.steps import step

Frames = Mapping[str, pl.DataFrame]
# A panel and the events beside it -> the volume model of the session after; a store keeps those it has fitted.
Fit = Callable[[Panel, pl.DataFrame | None], VolumeModel]

# Of how many names it is said that chances rest on them, before the rest is counted.
_NAMED = 6


@dataclass(frozen=True, slots=True)
class Measured:
    """The metric frames of a chain by scope, and what they rest on.

    In ``frames`` every surprise is charged for the looks at the session (:mod:`scanner.activity.looks`); ``alone`` are
    the frames as this look alone would have them, of which calibration is kept. ``priced`` is what pricing gave, of
    which the session's summary is made. ``elapsed`` is the share of the session that was over; ``panel`` is the past
    that ``model`` stands beside. ``tape_notes`` say what to know of a tape beside the chain. Of the names in ``early``
    it is not known what is usual by now.
    """

    frames: Frames
    alone: Frames
    priced: PricedChain
    model: VolumeModel
    elapsed: float
    panel: Panel
    tape_notes: tuple[str, ...] = ()
    early: Sequence[str] = ()

    @property
    def basis(self) -> str | None:
        """Whose past the stated chances rest on, in a few words; None where they came with the package."""
        if self.model.kind != "own":
            return None
        *others, last = self.panel.underlyings
        if len(others) >= _NAMED:
            others, last = others[: _NAMED - 1], f"{len(others) - _NAMED + 2} more"
        names = f"{', '.join(others)} and {last}" if others else last
        return f"chances rest on {names}, {len(self.panel.sessions)} sessions"


def measure(priced: PricedChain, known: KnownBefore, now: datetime, fit: Fit = activity.fit) -> Measured:
    """Measure priced chains of one session beside what was known before them.

    The frames have the very columns of the field dictionary. ``fit`` gives the model by which volume is scored.
    """
    today = cast("date", priced.contracts["session_date"].max())
    panel, calendar = known.panel.by_calendar(today), known.panel.calendar
    events = event_tables.spelled_as(known.events, priced.contracts["underlying"].unique())
    levels = Levels.of(priced.contracts)
    contracts = contract.measure(priced.contracts, panel, now, known.earlier, levels.names)
    elapsed = calendar.elapsed_fraction(cast("datetime", contracts["quote_time"].max()), today)
    with step("fit"):
        model = fit(panel, events)
    with step("score"):
        contracts = activity.score(model, contracts, panel, elapsed, events)
    contracts = contracts.with_columns(selection.roll_suspects(contracts))
    dates = earnings.next_dates(events, contracts, calendar)
    ex_dates = dividends.next_ex_dates(events, today)
    of_names = beside(levels.names.keys, "underlying", dates.drop("next_earnings", "when"), ex_dates)
    contracts = contracts.hstack([of_names[name].gather(levels.names.numbers()) for name in of_names.columns[1:]])
    contracts = tape.beside(contracts, known.prints, known.largest_orders)
    standard = levels.where(~contracts["nonstandard"].to_numpy())
    strikes = strike.measure(contracts, standard.strikes)
    expiries = expiry.measure(contracts, priced.expiries, calendar, standard.expiries)
    expiries = beside(expiries, EXPIRY, tape.flows(contracts, standard.expiries))
    underlyings = beside(
        underlying.measure(contracts, expiries, priced.underlyings, panel, known.closes, standard),
        "underlying",
        news.measure(known.news, contracts["underlying"].unique(maintain_order=True), known.asked),
        dates.drop("when"),
        earnings.implied_move(dates, expiries),
        earnings.moves(events, returns.closes(panel.underlying_sessions, known.closes), calendar),
    )
    underlyings = beside(
        underlyings,
        "underlying",
        market_value.measure(events, underlyings, today),
        activity.iv30_change_surprise(underlyings, panel),
        tape.flows(contracts, standard.names),
        dark_pool.measure(underlyings["underlying"], known.stock_prints, known.stock_before),
        dark_pool.day_before(underlyings["underlying"], known.off_exchange),
        dark_pool.week_before(underlyings["underlying"], known.weeks),
    )
    completed = whole_session(contracts, elapsed)
    underlyings = beside(
        underlyings, "underlying", activity.underlying_surprises(model, completed, panel, levels.names)
    )
    alone = {
        "contract": contracts,
        "strike": beside(strikes, STRIKE, activity.strike_surprises(model, contracts, levels.strikes)),
        "ladder": ladder.find(contracts, model.ladder),
        "expiry": beside(expiries, EXPIRY, activity.expiry_surprises(model, completed, panel, levels.expiries)),
        "underlying": underlyings,
        "market": market.measure(underlyings, panel.underlying_sessions, calendar),
    }
    traded_early = early.names(contracts, calendar, levels.names)
    charged = looks.charged(alone, known.looked, elapsed)
    listed = rank(charged["contract"], completed["volume"], panel, model, levels.names)
    ranked = {**charged, "contract": early.without_expectations(listed, traded_early)}
    # What only the steps above needed of one another ends here: a frame has the fields of the dictionary, in its order.
    frames = {scope: frame[[*fields.of(scope)]] for scope, frame in ranked.items()}
    said = tuple(tape.told(contracts, known.prints))
    return Measured(frames, alone, priced, model, elapsed, known.panel, said, traded_early)


def with_costly(measured: Measured, asked: pl.Series) -> Measured:
    """The same with the costly columns of the contracts ``asked``; what finds them is let go of."""
    later = measured.priced.later
    if later is None:
        return measured
    columns = later.columns(measured.frames["contract"], asked)
    frames, alone = (
        {**frames, "contract": frames["contract"].with_columns(columns)} for frames in (measured.frames, measured.alone)
    )
    return replace(measured, frames=frames, alone=alone, priced=replace(measured.priced, later=None))


def whole_session(contracts: pl.DataFrame, elapsed: float) -> pl.DataFrame:
    """A scored chain as the session would end if the rest of it went as usual: what wider totals are judged by.

    Past sessions are remembered whole, and half a morning's puts and calls are split more wildly than a day's.
    """
    if elapsed >= 1.0:
        return contracts
    standing, expiring = share_of_volume(elapsed, np.array([1, 0]))
    share = pl.when(pl.col("dte") <= 0).then(float(expiring)).otherwise(float(standing))
    usual = pl.col("volume_usual") / share
    return contracts.with_columns(volume=pl.col("volume") + usual - pl.col("volume_usual"), volume_usual=usual)


def beside(frame: pl.DataFrame, key: str | tuple[str, ...], *others: pl.DataFrame) -> pl.DataFrame:
    """A frame with the columns of others beside its own, found by key; rows and their order stay.

    Only the keys are joined: of eighty columns of a market's contracts none is copied to add one. Where the keys stand
    alike nothing is looked up.
    """
    names = [key] if isinstance(key, str) else list(key)
    keys = frame[names]
    for other in others:
        alike = other.height == keys.height and all(other[name].equals(keys[name]) for name in names)
        found = other if alike else keys.join(other, on=names, how="left", maintain_order="left")
        frame = frame.hstack([column for column in found if column.name not in names])
    return frame
