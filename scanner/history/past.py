"""Past sessions counted by the exchange's calendar: a gap in what is stored is a gap, its edges are no neighbours."""

from __future__ import annotations

from datetime import date, timedelta

import polars as pl

from scanner.market.calendar import Calendar


def previous(day: date, calendar: Calendar) -> date | None:
    """The exchange's session before a day; None at the start of the calendar."""
    return next(iter(calendar.sessions_before(day, 1)), None)


def previous_of(days: pl.Series, calendar: Calendar) -> pl.Series:
    """:func:`previous` for a column of dates."""
    before = {day: previous(day, calendar) for day in days.unique()}
    return days.replace_strict(before, default=None, return_dtype=pl.Date)


def beside_today(past: pl.DataFrame, today: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """The rows of ``past`` whose name is in ``today``, with ``back``: by how many sessions they lie before today's.

    Both frames have ``underlying session_date``; what is previous to a name's session today has ``back`` 1. Rows come
    oldest first.
    """
    labelled = today.select("underlying", _today="session_date")
    rows = past.join(labelled, on="underlying", how="inner", maintain_order="left")
    pairs = rows.select("session_date", "_today").unique()
    back = [len(calendar.sessions_between(then, now - timedelta(days=1))) for then, now in pairs.iter_rows()]
    counted = pairs.with_columns(back=pl.Series(back, dtype=pl.Int64))
    return rows.join(counted, on=["session_date", "_today"], maintain_order="left").drop("_today").sort("session_date")
