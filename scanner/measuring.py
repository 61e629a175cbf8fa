"""One session's chains measured: priced, scored, and gathered into the metric frames of every scope.

Pure: a chain, what is remembered, and how often the session was looked at before go in; frames come out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import cast

import numpy as np
import polars as pl

from scanner import events as event_tables
from scanner import sessions
from scanner.metrics import (
    contract,
    dividends,
    earnings,
    expiry,
    ladder,
    looks,
    market,
    selection,
    strike,
    surprise,
    underlying,
)
from scanner.metrics.ranking.today import rank
from scanner.metrics.surprise import VolumeModel
from scanner.metrics.surprise.time_of_day import share_of_volume
from scanner.panel import Panel
from scanner.pricing import PricedChain, price_chain

Frames = Mapping[str, pl.DataFrame]
Price = Callable[..., PricedChain]
# A panel and the events beside it -> the volume model of the session after; a store keeps those it has fitted.
Fit = Callable[[Panel, pl.DataFrame | None], VolumeModel]


@dataclass(frozen=True, slots=True)
class Measured:
    """The metric frames of a chain by scope, and what they rest on.

    In ``frames`` every surprise is charged for the looks at the session (:mod:`scanner.metrics.looks`); ``alone`` are
    the frames as this look alone would have them, of which calibration is kept. ``elapsed`` is the share of the session
    that was over.
    """

    frames: Frames
    alone: Frames
    model: VolumeModel
    elapsed: float


def measure(
    chain: pl.DataFrame,
    panel: Panel,
    now: datetime,
    *,
    earlier: pl.DataFrame | None = None,
    price: Price = price_chain,
    events: pl.DataFrame | None = None,
    fit: Fit = surprise.fit,
    looked: looks.Looks | None = None,
) -> Measured:
    """Measure a chain beside what is remembered; the frames have the columns of the field dictionary.

    ``earlier`` is the newest snapshot of the same session before this one, ``looked`` what earlier scans of the session
    saw.
    """
    priced = price(chain, dividends=event_tables.dividends(events))
    session_date = cast("date", chain["session_date"].max())
    previous = sessions.previous_session(session_date)
    contracts = contract.measure(priced.contracts, panel, previous, now, earlier)
    elapsed = sessions.elapsed_fraction(cast("datetime", chain["quote_time"].max()))
    model = fit(panel, events)
    contracts = model.score(contracts, panel, elapsed, events)
    contracts = contracts.with_columns(selection.roll_suspects(contracts))
    dates = earnings.next_dates(events, session_date)
    ex_dates = dividends.next_ex_dates(events, session_date)
    contracts = beside(contracts, "underlying", dates.drop("next_earnings"), ex_dates)
    strikes = strike.measure(contracts)
    expiries = expiry.measure(contracts, priced.expiries)
    underlyings = beside(
        underlying.measure(contracts, expiries, priced.underlyings, panel, previous),
        "underlying",
        dates,
        earnings.implied_move(dates, expiries),
        earnings.average_move(events, underlying.remembered(panel.underlying_sessions)),
    )
    underlyings = beside(underlyings, "underlying", surprise.iv30_change_surprise(underlyings, panel))
    completed = whole_session(contracts, elapsed)
    underlyings = beside(underlyings, "underlying", surprise.underlying_surprises(model, completed, panel))
    alone = {
        "contract": contracts,
        "strike": beside(strikes, strike.KEY, surprise.strike_surprises(model, contracts)),
        "ladder": ladder.find(contracts, model.ladder),
        "expiry": beside(expiries, expiry.KEY, surprise.expiry_surprises(model, completed, panel)),
        "underlying": underlyings,
        "market": market.measure(underlyings, panel.underlying_sessions),
    }
    frames = looks.charged(alone, looked or looks.Looks(), elapsed)
    ranked = rank(frames["contract"], completed["volume"], panel, model)
    return Measured({**frames, "contract": ranked}, alone, model, elapsed)


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
    """A frame with the columns of others beside its own, found by key; rows and their order stay."""
    for other in others:
        frame = frame.join(other, on=key, how="left", maintain_order="left")
    return frame
