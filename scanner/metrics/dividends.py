"""Dividends: how far away the next ex-dividend date is; the session before it sees calls bought and exercised."""

from __future__ import annotations

from datetime import date

import polars as pl

from scanner.market import corporate_events as event_tables

_NEXT = pl.Schema({"underlying": pl.String, "days_to_ex_date": pl.Int64})


def next_ex_dates(events: pl.DataFrame | None, session_date: date) -> pl.DataFrame:
    """``underlying days_to_ex_date``: calendar days to the first ex-dividend date after a session."""
    known = event_tables.dividends(events)
    if known is None:
        return pl.DataFrame(schema=_NEXT)
    days = (pl.col("ex_date").min() - session_date).dt.total_days()
    return known.filter(pl.col("ex_date") > session_date).group_by("underlying").agg(days_to_ex_date=days)
