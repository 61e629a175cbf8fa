"""Columns of text, or of whatever types a file has, into the chain's own types; what cannot be is null and reported.

Columns that repeat few values (dates, tickers, rights) are converted once a value; numbers that every reader
understands are cast at once, and only the rest is looked at closely.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime

import polars as pl

from scanner import chain, symbology
from scanner.sources.formats.base import Findings

PRICES = ("bid", "ask", "last", "spot", "strike")
COUNTS = ("volume", "open_interest", "bid_size", "ask_size", "multiplier")
VENDOR_FIGURES = ("vendor_iv", "vendor_delta")
DATES = ("session_date", "expiry", "oi_asof")
_BLANKS = ("", "-", "--", "na", "n/a", "nan", "null", "none", "nat")
_SENTINEL = -999.0
_LARGEST_COUNT = 2**31 - 1
_RIGHTS = {"c": "C", "call": "C", "calls": "C", "p": "P", "put": "P", "puts": "P"}
_STYLES = {"a": "american", "american": "american", "e": "european", "european": "european"}
_SETTLEMENTS = {"a": "AM", "am": "AM", "p": "PM", "pm": "PM"}
_AMERICAN_DATE = re.compile(r"^(\d{1,2})/(\d{1,2})/(\d{4})")


@dataclass(frozen=True)
class _Given:
    """One column as the vendor gave it, for reports about single values."""

    name: str
    values: pl.Series
    lines: pl.Series
    findings: Findings

    def without(self, read: pl.Series, bad: pl.Series, what: str) -> pl.Series:
        """``read`` with the bad values null; they are reported, the first as the example."""
        bad = bad.fill_null(value=False)
        if not bad.any():
            return read
        first = int(bad.arg_max() or 0)
        reason = f"{self.name} {quoted(self.values[first])} is {what}; left out"
        self.findings.add(reason, self.lines[first], int(bad.sum()))
        return read.set(bad, None)


def numbers(rows: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    """Prices, counts and vendor figures as numbers. Prices and counts are not negative; counts are whole."""
    for name in (*PRICES, *COUNTS, *VENDOR_FIGURES):
        if name in rows.columns:
            column = _Given(name, rows[name], rows["line"], findings)
            rows = rows.with_columns(_number(column, whole=name in COUNTS).alias(name))
    return rows


def _number(column: _Given, *, whole: bool) -> pl.Series:
    given = column.values
    dtype = pl.Int64 if whole else pl.Float64
    if given.dtype == pl.String:
        read = _from_text(column)
    elif given.dtype.is_numeric():
        read = given.cast(pl.Int64 if whole and given.dtype.is_integer() else pl.Float64, strict=False).fill_nan(None)
    else:
        read = pl.Series([None] * len(given), dtype=dtype)
        read = column.without(read, given.is_not_null(), f"no number but a {given.dtype}")
    if read.dtype == pl.Float64:
        read = column.without(read, ~read.is_finite(), "not a number")
        read = read.set(read == _SENTINEL, None)
        if whole:
            read = column.without(read, read != read.floor(), "not a whole number")
    if whole:
        read = column.without(read, read > _LARGEST_COUNT, "too large")
    if column.name not in VENDOR_FIGURES:
        read = column.without(read, read < 0, "negative")
    return read.cast(dtype)


def _from_text(column: _Given) -> pl.Series:
    """Numbers in text; blanks and the words for nothing are null, thousands may be set off by commas."""
    read = column.values.cast(pl.Float64, strict=False).fill_nan(None)
    odd = column.values.is_not_null() & read.is_null()
    if not odd.any():
        return read
    text = blanked(column.values)
    again = text.str.replace_all(",", "", literal=True).cast(pl.Float64, strict=False)
    read = read.zip_with(~odd, again)
    return column.without(read, text.is_not_null() & read.is_null(), "not a number")


def words(rows: pl.DataFrame) -> pl.DataFrame:
    """Right, style and settlement in the project's spelling; tickers in capitals and without index marks."""
    known = (
        ("right", _RIGHTS, chain.RIGHT),
        ("exercise_style", _STYLES, chain.EXERCISE_STYLE),
        ("settlement", _SETTLEMENTS, chain.SETTLEMENT),
    )
    for name, spellings, dtype in known:
        if name in rows.columns and rows[name].dtype != dtype:
            plain = _each(rows[name], lambda word: word.strip().lower())
            spelled = plain.replace_strict(spellings, default=None, return_dtype=pl.String)
            rows = rows.with_columns(spelled.cast(dtype).alias(name))
    for name in ("underlying", "root"):
        if name in rows.columns:
            rows = rows.with_columns(_each(rows[name], lambda text: symbology.ticker(text) or None).alias(name))
    return rows


def days(rows: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    """Dates from ISO, compact or American text, with or without a time behind them."""
    for name in DATES:
        if name not in rows.columns or rows[name].dtype == pl.Date:
            continue
        given = rows[name]
        if given.dtype in (pl.Datetime, pl.Null):
            rows = rows.with_columns(given.cast(pl.Date))
            continue
        read = _each(given, _day, pl.Date)
        missing = read.is_null() & given.is_not_null()
        if missing.any():
            text = blanked(given.cast(pl.String))
            read = _Given(name, text, rows["line"], findings).without(read, missing & text.is_not_null(), "not a date")
        rows = rows.with_columns(read.alias(name))
    return rows


def _day(text: str) -> date | None:
    text = text.strip()
    american = _AMERICAN_DATE.match(text)
    try:
        if american is not None:
            month, day, year = (int(part) for part in american.groups())
            return date(year, month, day)
        if text[:8].isdigit():
            return datetime.strptime(text[:8], "%Y%m%d").date()  # noqa: DTZ007 - a date has no zone
        return date.fromisoformat(text[:10])
    except ValueError:
        return None


def _each(
    column: pl.Series, convert: Callable[[str], object], dtype: pl.DataType | type[pl.DataType] = pl.String
) -> pl.Series:
    """A column of text converted once for each distinct value."""
    text = column.cast(pl.String)
    distinct = text.unique().drop_nulls()
    return text.replace_strict(
        distinct, pl.Series([convert(value) for value in distinct], dtype=dtype), default=None, return_dtype=dtype
    )


def blanked(text: pl.Series) -> pl.Series:
    """Text without surrounding blanks, null where it stands for nothing."""
    text = text.str.strip_chars()
    return text.set(text.str.to_lowercase().is_in(_BLANKS), None)


def quoted(value: object) -> str:
    """A vendor's value as a message may show it: short, and with nothing in it that acts on a terminal."""
    text = str(value)
    return repr(text if len(text) <= 40 else text[:37] + "...")
