"""Whose volume it is: feeds show that of an earlier day, or already that of the next one, and a number says neither."""

from __future__ import annotations

from datetime import date

import polars as pl

from scanner.market.calendar import NEW_YORK
from scanner.sources.formats.base import Findings

# Of the contracts that traded in a session, the share that may show no volume: busted trades are few.
_RESET_SHARE, _RESET_LEAST = 0.5, 5


def newest_day_only(rows: pl.DataFrame, *, undated: pl.Series) -> pl.DataFrame:
    """Volume of contracts last traded before the newest trading day of their chain is of another day: 0 in this one.

    Where the trade's time is given but cannot be understood (``undated``), whose volume it is cannot be known.
    """
    day = pl.col("last_trade_time").dt.convert_time_zone(NEW_YORK.key).dt.date()
    chains = [name for name in ("underlying", "session_date") if name in rows.columns]
    newest = day.max().over(chains) if chains else day.max()
    return rows.with_columns(volume=pl.when(day < newest).then(0).when(~undated).then("volume"))


def of_session(rows: pl.DataFrame, session: date, findings: Findings) -> pl.DataFrame:
    """The rows of one chain with the volume of its session: 0 where it is of an earlier day, null where of a later one.

    ``volume_day`` is the day that a feed gives with a volume: one without a day is nobody's, and a contract without
    either did not trade in a session of which the feed has others' volumes. Where most contracts that traded in the
    session show none, the feed has begun to count the next one, and no volume in it is the session's.
    """
    if "volume" not in rows.columns:
        return rows
    if "volume_day" in rows.columns:
        day, volume = pl.col("volume_day"), pl.col("volume")
        idle = day.is_null() & volume.is_null() & (day == session).any()
        rows = rows.with_columns(volume=pl.when((day < session) | idle).then(0).when(day == session).then(volume))
    if "last_trade_time" not in rows.columns or int((rows["volume"] == 0).sum()) < _RESET_LEAST:
        return rows
    traded = rows.filter(pl.col("last_trade_time").dt.convert_time_zone(NEW_YORK.key).dt.date() == session)
    none = int((traded["volume"] == 0).sum())
    if none < _RESET_LEAST or none <= _RESET_SHARE * traded.height:
        return rows
    findings.add(f"{none:,} contracts traded in {session} and show no volume: reset for the next; left out", None, 0)
    return rows.with_columns(volume=pl.lit(None, dtype=rows.schema["volume"]))
