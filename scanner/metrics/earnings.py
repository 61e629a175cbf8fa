"""Earnings: how far away they are, what the options price for them, and what they did before.

Dates come from outside (``events.csv``); a chain does not carry them. Without them every field here is null.
"""

from __future__ import annotations

import math
from datetime import date

import polars as pl

_NEXT = pl.Schema({"underlying": pl.String, "next_earnings": pl.Date, "days_to_earnings": pl.Int64})
# A normal variable's mean absolute value, in standard deviations.
_MEAN_ABSOLUTE = math.sqrt(2 / math.pi)


def next_dates(events: pl.DataFrame | None, session_date: date) -> pl.DataFrame:
    """``underlying next_earnings days_to_earnings``: the first earnings date at or after a session."""
    if events is None or events.is_empty():
        return pl.DataFrame(schema=_NEXT)
    coming = events.filter((pl.col("kind") == "earnings") & (pl.col("date") >= session_date))
    return (
        coming.group_by("underlying", maintain_order=True)
        .agg(next_earnings=pl.col("date").min())
        .with_columns(days_to_earnings=(pl.col("next_earnings") - session_date).dt.total_days())
        .select(pl.col(name).cast(dtype) for name, dtype in _NEXT.items())
    )


def implied_move(dates: pl.DataFrame, expiries: pl.DataFrame) -> pl.DataFrame:
    """``underlying earnings_implied_move_pct``: the mean absolute move priced for the earnings date alone.

    The last expiry before the date gives the volatility of ordinary days, s; the first one after it, at volatility S
    and T years, holds the date too: its variance is (S^2 - s^2) T, and the mean absolute move sqrt(2 / pi) times its
    root. Null where either expiry is missing or the later one prices no more than ordinary days.
    """
    known = expiries.filter(pl.col("atm_iv").is_not_null() & (pl.col("years") > 0)).join(dates, on="underlying")
    before = known.filter(pl.col("expiry") < pl.col("next_earnings")).sort("expiry")
    after = known.filter(pl.col("expiry") > pl.col("next_earnings")).sort("expiry")
    ordinary = before.group_by("underlying").agg(ordinary=pl.col("atm_iv").last())
    with_date = after.group_by("underlying").agg(pl.col("atm_iv", "years").first())
    variance = (pl.col("atm_iv") ** 2 - pl.col("ordinary") ** 2) * pl.col("years")
    return with_date.join(ordinary, on="underlying").select(
        "underlying", earnings_implied_move_pct=pl.when(variance > 0).then(_MEAN_ABSOLUTE * variance.sqrt())
    )


def average_move(events: pl.DataFrame | None, closes: pl.DataFrame) -> pl.DataFrame:
    """``underlying earnings_average_move_pct``: mean absolute return over the sessions that took in past earnings.

    ``closes`` is ``session_date underlying spot``. A date counts where it says whether it was before the open or after
    the close, and both closes around it are known.
    """
    if events is None or events.is_empty():
        return pl.DataFrame(schema={"underlying": pl.String, "earnings_average_move_pct": pl.Float64})
    returns = (
        closes.drop_nulls("spot")
        .sort("underlying", "session_date")
        .with_columns(
            move=(pl.col("spot") / pl.col("spot").shift(1).over("underlying") - 1).abs(),
            before=pl.col("session_date").shift(1).over("underlying"),
        )
    )
    past = events.filter(pl.col("kind") == "earnings").drop_nulls("when")
    at_open = past.filter(pl.col("when") == "before_open").join(
        returns, left_on=["underlying", "date"], right_on=["underlying", "session_date"]
    )
    overnight = past.filter(pl.col("when") == "after_close").join(
        returns, left_on=["underlying", "date"], right_on=["underlying", "before"]
    )
    moves = pl.concat([frame.select("underlying", "move") for frame in (at_open, overnight)])
    return moves.group_by("underlying").agg(earnings_average_move_pct=pl.col("move").mean())
