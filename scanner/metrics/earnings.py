"""Earnings: how far away they are, what the options price for them, and what they did before.

Dates come from outside (``events.csv``); a chain does not carry them. Without them every field here is null.
"""

from __future__ import annotations

import polars as pl

from scanner.history.past import previous_of
from scanner.market.calendar import Calendar
from scanner.metrics.event_moves import MEAN_ABSOLUTE

_NEXT = pl.Schema({"underlying": pl.String, "next_earnings": pl.Date, "days_to_earnings": pl.Int64, "when": pl.String})
# Of so many past moves, the newest, the largest is told.
_RECENT = 8
_MOVES = pl.Schema(
    {
        "underlying": pl.String,
        "earnings_average_move_pct": pl.Float64,
        "earnings_last_move_pct": pl.Float64,
        "earnings_largest_move_pct": pl.Float64,
        "earnings_moves": pl.Int64,
    }
)


def next_dates(events: pl.DataFrame | None, chain: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """``underlying next_earnings days_to_earnings when``: the first earnings that a chain's quotes do not know yet.

    What is told before the open is over once the session has opened; what is told after the close is ahead in every
    quote of its session, and so is, to be safe, what is told at an hour nobody says.
    """
    if events is None or events.is_empty():
        return pl.DataFrame(schema=_NEXT)
    quoted = chain.group_by("underlying", maintain_order=True).agg(
        pl.col("session_date").first(), pl.col("quote_time").max()
    )
    dated = events.filter(pl.col("kind") == "earnings").join(quoted, on="underlying", maintain_order="left")
    opened = dated["session_date"].replace_strict(
        {day: calendar.session_open(day) for day in dated["session_date"].unique() if calendar.is_session(day)},
        default=None,
        return_dtype=pl.Datetime("us", "UTC"),
    )
    told = (
        (pl.col("when") == "before_open")
        & (pl.col("date") == pl.col("session_date"))
        & (pl.col("quote_time") >= opened)
    )
    return (
        dated.filter((pl.col("date") >= pl.col("session_date")) & ~told.fill_null(value=False))
        .sort("date")
        .group_by("underlying", maintain_order=True)
        .agg(pl.col("date", "when", "session_date").first())
        .with_columns(next_earnings="date", days_to_earnings=(pl.col("date") - pl.col("session_date")).dt.total_days())
        .select(pl.col(name).cast(dtype) for name, dtype in _NEXT.items())
    )


def implied_move(dates: pl.DataFrame, expiries: pl.DataFrame) -> pl.DataFrame:
    """``underlying earnings_implied_move_pct``: the mean absolute move priced for the earnings date alone.

    The last expiry before the news gives the volatility of ordinary days, s; the first one after it, at volatility S
    and T years, holds the news too: its variance is (S^2 - s^2) T, and the mean absolute move sqrt(2 / pi) times its
    root. An expiry of the very date holds what is told before the open, not what is told after the close, and is left
    out where nobody says. Null where either expiry is missing or the later one prices no more than ordinary days.
    """
    if dates.is_empty():
        return pl.DataFrame(schema={"underlying": pl.String, "earnings_implied_move_pct": pl.Float64})
    known = expiries.filter(pl.col("atm_iv").is_not_null() & (pl.col("years") > 0)).join(dates, on="underlying")
    same = pl.col("expiry") == pl.col("next_earnings")
    told_after, told_before = pl.col("when") == "after_close", pl.col("when") == "before_open"
    before = known.filter((pl.col("expiry") < pl.col("next_earnings")) | (same & told_after)).sort("expiry")
    after = known.filter((pl.col("expiry") > pl.col("next_earnings")) | (same & told_before)).sort("expiry")
    ordinary = before.group_by("underlying").agg(ordinary=pl.col("atm_iv").last())
    with_date = after.group_by("underlying").agg(pl.col("atm_iv", "years").first())
    variance = (pl.col("atm_iv") ** 2 - pl.col("ordinary") ** 2) * pl.col("years")
    return with_date.join(ordinary, on="underlying").select(
        "underlying", earnings_implied_move_pct=pl.when(variance > 0).then(MEAN_ABSOLUTE * variance.sqrt())
    )


def moves(events: pl.DataFrame | None, closes: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """``underlying`` and of its past earnings the average, the last and the largest move, and how many are known.

    The mean absolute return over the sessions that took them in, the newest of those returns, the largest of the newest
    eight, and how many are known.
    ``closes`` is ``session_date underlying spot``. A date counts where it says whether it was before the open or after
    the close, and the closes of both sessions around it are known.
    """
    if events is None or events.is_empty():
        return pl.DataFrame(schema=_MOVES)
    returns = (
        closes.drop_nulls("spot")
        .sort("underlying", "session_date")
        .with_columns(
            move=pl.col("spot") / pl.col("spot").shift(1).over("underlying") - 1,
            before=pl.col("session_date").shift(1).over("underlying"),
        )
    )
    returns = returns.filter(returns["before"] == previous_of(returns["session_date"], calendar))
    past = events.filter(pl.col("kind") == "earnings").drop_nulls("when")
    at_open = past.filter(pl.col("when") == "before_open").join(
        returns, left_on=["underlying", "date"], right_on=["underlying", "session_date"]
    )
    overnight = past.filter(pl.col("when") == "after_close").join(
        returns, left_on=["underlying", "date"], right_on=["underlying", "before"]
    )
    known = pl.concat([frame.select("underlying", "date", "move") for frame in (at_open, overnight)]).sort("date")
    return known.group_by("underlying", maintain_order=True).agg(
        earnings_average_move_pct=pl.col("move").abs().mean(),
        earnings_last_move_pct=pl.col("move").last(),
        earnings_largest_move_pct=pl.col("move").tail(_RECENT).abs().max(),
        earnings_moves=pl.len().cast(pl.Int64),
    )
