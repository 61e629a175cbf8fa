"""The list as a frame, for the formats that keep a type for every column."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime

import polars as pl

from scanner.alerts.model import MARKET, plain
from scanner.alerts.table import SCHEMA
from scanner.market.chain import INSTANT
from scanner.outputs.exports.subjects import COLUMNS, Subject, rows

_DAYS, _MOMENTS = ("expiry", "session_date"), ("first_seen", "last_seen")
_TYPES = pl.Schema(
    {
        name: pl.Date
        if name in _DAYS
        else INSTANT
        if name in _MOMENTS
        else SCHEMA[name]
        if name in MARKET or name in ("strike", "stars", "score", "simulated")
        else pl.String
        for name in COLUMNS
    }
)


def frame(subjects: Sequence[Subject]) -> pl.DataFrame:
    """The columns of the CSV, typed: dates, instants (UTC), whole and real numbers, null where a value is missing."""
    found = []
    for row in rows(subjects):
        row |= {name: None if row[name] is None else date.fromisoformat(row[name]) for name in _DAYS}
        row |= {name: datetime.fromisoformat(row[name]) for name in _MOMENTS}
        row |= {name: _number(row[name], whole=_TYPES[name] == pl.Int64) for name in MARKET}
        found.append(row)
    return pl.DataFrame(found, schema=_TYPES)


def _number(value: object, *, whole: bool) -> float | int | None:
    number = plain(value)
    if number is None:
        return None
    return int(number) if whole else float(number)
