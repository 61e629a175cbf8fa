"""What the price of an underlying did: by the daily closes that somebody told, else by the chains that are kept.

An official close is worth more than the price in the last chain of a session, which may be minutes from it; where both
are known of a session, the close counts. Everything is on the basis of the session that is judged.
"""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl

from scanner.kernels.columns import floats
from scanner.market.calendar import Calendar
from scanner.market.chain import distinct

_FIVE = 5
_RETURNS = 20
_RETURNS_LEAST = 15
_TRADING_DAYS = 252
_SCHEMA = pl.Schema({"underlying": pl.String, "session_date": pl.Date, "spot": pl.Float64})


def closes(kept: pl.DataFrame, told: pl.DataFrame | None, *, or_implied: bool = False) -> pl.DataFrame:
    """``underlying session_date spot``: what is known of past closes, one row a name and session, in no order.

    ``kept`` are a panel's ``underlying_sessions``, whose price is the source's or, with ``or_implied``, the one that
    calls and puts implied where it gave none; ``told`` (``underlying session_date close``) counts before them.
    """
    wanted = ("spot", "parity_spot") if or_implied else ("spot",)
    prices = [pl.col(name) for name in wanted if name in kept.columns]
    known = pl.DataFrame(schema=_SCHEMA)
    if prices:
        known = kept.select("underlying", "session_date", spot=pl.coalesce(prices)).cast(_SCHEMA).drop_nulls("spot")
    if told is None or told.is_empty():
        return known
    counting = told.select("underlying", "session_date", spot="close").cast(_SCHEMA)
    return pl.concat([known.join(counting, on=["underlying", "session_date"], how="anti"), counting])


def past(closes: pl.DataFrame, today: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """``underlying previous_close _close_5 _close_week _close_ytd``: the closes that today's price is held against.

    ``today`` has ``underlying session_date``. They are of the very sessions: what lies before a gap is no close of
    yesterday.
    """
    days_of = {session: _days_before(session, calendar) for session in distinct(today["session_date"])}
    asked = [(name, days_of[day]) for name, day in zip(today["underlying"], today["session_date"], strict=True)]
    wanted = {day for _, days in asked for day in days if day is not None}
    told = closes.filter(pl.col("session_date").is_in(list(wanted))).select("underlying", "session_date", "spot")
    spots = {(name, day): spot for name, day, spot in told.iter_rows()}
    columns = ("previous_close", "_close_5", "_close_week", "_close_ytd")
    return pl.DataFrame(
        [(name, *(spots.get((name, day)) for day in days)) for name, days in asked],
        schema={"underlying": pl.String, **dict.fromkeys(columns, pl.Float64)},
        orient="row",
    )


def _days_before(session: date, calendar: Calendar) -> tuple[date | None, ...]:
    """The session before one, the fifth before it, that of a week before, and the last of the year before."""
    before = calendar.sessions_before(session, _FIVE)
    five = before[0] if len(before) == _FIVE else None
    new_year = calendar.sessions_before(date(session.year, 1, 1), 1)
    return before[-1] if before else None, five, week_before(session, calendar), new_year[0] if new_year else None


def week_before(session: date, calendar: Calendar) -> date | None:
    """The session that a week's change is counted from: seven days earlier, or the one before where that was none.

    None where the calendar begins later.
    """
    found = calendar.sessions_before(session - timedelta(days=6), 1)
    return found[0] if found else None


def volatility(closes: pl.DataFrame, session: date, calendar: Calendar) -> pl.DataFrame:
    """``underlying hv_20``: standard deviation of the 20 daily log returns before a session, times sqrt(252).

    Null where fewer than 15 of the 20 returns are known: what happened over a gap is no daily return.
    """
    window = calendar.sessions_before(session, _RETURNS + 1)
    closes = closes.filter(pl.col("session_date").is_in(window))
    names = closes["underlying"].unique(maintain_order=True)
    grid = names.to_frame().join(pl.DataFrame({"session_date": window}, schema={"session_date": pl.Date}), how="cross")
    placed = grid.join(closes, on=["underlying", "session_date"], how="left", maintain_order="left")["spot"]
    spot = floats(placed).reshape(len(names), len(window))
    returns = np.diff(np.log(spot), axis=1)
    known = np.isfinite(returns)
    counts = known.sum(axis=1)
    safe = np.where(known, returns, 0.0)
    means = safe.sum(axis=1) / np.maximum(counts, 1)
    squares = np.where(known, (returns - means[:, None]) ** 2, 0.0).sum(axis=1)
    found = np.sqrt(squares / np.maximum(counts - 1, 1) * _TRADING_DAYS)
    return pl.DataFrame(
        {"underlying": names, "hv_20": np.where(counts >= _RETURNS_LEAST, found, np.nan)},
        schema={"underlying": pl.String, "hv_20": pl.Float64},
    ).with_columns(pl.col("hv_20").fill_nan(None))
