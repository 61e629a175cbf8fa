"""Columns of text, or of whatever types a file has, into the chain's own types; what cannot be is null and reported.

Columns that repeat few values (dates, tickers, rights) are converted once a value; numbers that every reader
understands are cast at once, and only the rest is looked at closely. What stands in a field and cannot be understood is
reported, with its column and line; it is never the same as an empty field.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import polars as pl

from scanner import fields
from scanner.kernels.columns import placed
from scanner.market import chain, symbology
from scanner.sources.blanks import AROUND_VALUES
from scanner.sources.formats import languages, times
from scanner.sources.formats.base import Findings

PRICES = ("bid", "ask", "last", "spot", "strike")
COUNTS = ("volume", "open_interest", "bid_size", "ask_size", "multiplier")
CHANGES = ("oi_increase", "oi_decrease")
AMOUNTS = ("oi_value", "oi_value_increase", "oi_value_decrease", "turnover")
VENDOR_FIGURES = ("vendor_iv", "vendor_delta")
DATES = ("session_date", "expiry", "oi_asof")
_BLANKS = ("", "-", "--", "\u2013", "\u2014", "na", "n/a", "#n/a", "<na>", "nan", "null", "none", "nat")
_SENTINEL = -999.0
# No share, index or option has ever cost this many dollars: the dearest share, which has no options, stands below it.
_DEAREST = 1_000_000.0
# The busiest single contracts have traded, and held, a few million; all of them together trade some hundred million on
# the busiest days.
_MOST_CONTRACTS = 20_000_000
_LARGEST_SIZE = 2**31 - 1
# All options on US stocks and indices together stand for less than a hundred million million dollars.
_MOST_MONEY = 1e14
_WHOLE = frozenset({*COUNTS, *CHANGES})
# From a contract on one share to the largest that are listed.
MULTIPLIERS = (1, 10_000)
# A volatility of 10,000 per cent moves the price by 600 per cent a day.
_HIGHEST_VOLATILITY = 100.0
_MOST = {
    **dict.fromkeys(PRICES, (_DEAREST, "dearer than anything traded")),
    **dict.fromkeys(("volume", "open_interest", *CHANGES), (_MOST_CONTRACTS, "more than any contract trades or holds")),
    **dict.fromkeys(("bid_size", "ask_size"), (_LARGEST_SIZE, "too large")),
    **dict.fromkeys(AMOUNTS, (_MOST_MONEY, "more money than there is in options")),
    "vendor_iv": (_HIGHEST_VOLATILITY, "above 10,000 %"),
    "volatility": (100 * _HIGHEST_VOLATILITY, "above 10,000 %"),
    "vendor_delta": (math.inf, ""),
    "multiplier": (_LARGEST_SIZE, "too large"),
}
_RIGHTS = {"c": "C", "call": "C", "calls": "C", "p": "P", "put": "P", "puts": "P"}
_STYLES = {"a": "american", "american": "american", "e": "european", "european": "european"}
_SETTLEMENTS = {"a": "AM", "am": "AM", "p": "PM", "pm": "PM"}
# Numbers that only one way of writing allows: a decimal comma, or a decimal point.
_DECIMAL_COMMA = r"^[+-]?(?:\d+,(?:\d{1,2}|\d{4,})|0,\d+|\d{1,3}(?:[.' ]\d{3})+,\d+) ?%?$"
_DECIMAL_POINT = r"^[+-]?(?:\d*\.(?:\d{1,2}|\d{4,})|0\.\d+|\d{1,3}(?:[,' ]\d{3})+\.\d+) ?%?$"


@dataclass(frozen=True)
class _Given:
    """One column as the vendor gave it, for reports about single values."""

    name: str
    values: pl.Series
    lines: pl.Series
    findings: Findings

    def without(self, read: pl.Series, bad: pl.Series, what: str) -> pl.Series:
        """``read`` with the bad values null; they are reported, the first as the example."""
        if not bad.any():
            return read
        bad = bad.fill_null(value=False)
        first = int(bad.arg_max() or 0)
        reason = f"{self.name} {self.shown(first)} is {what}; left out"
        self.findings.add(reason, self.lines[first], int(bad.sum()))
        return read.set(bad, None)

    def shown(self, place: int) -> str:
        """One value for a message. A date may be too far away to be shown as more than its number."""
        values = self.values.to_physical() if self.values.dtype.is_temporal() else self.values
        return quoted(values[place])


def numbers(rows: pl.DataFrame, findings: Findings, *names: str) -> pl.DataFrame:
    """Prices, counts and vendor figures as numbers. Prices and counts are not negative; counts are whole.

    ``names`` are other columns, of prices, to be read instead of the chain's own; ``volatility`` is one in per cent.
    """
    names = names or tuple(name for name in (*PRICES, *COUNTS, *VENDOR_FIGURES) if name in rows.columns)
    comma = _has_decimal_commas(map(rows.get_column, names))
    lines = rows["line"]
    return placed(rows, (_number(_Given(name, rows[name], lines, findings), comma=comma).alias(name) for name in names))


def _has_decimal_commas(rows: Iterable[pl.Series]) -> bool:
    """Whether the numbers of a table are written with a comma before the decimals: some are, and none with a point."""
    texts = [column for column in rows if column.dtype == pl.String]

    def holds(pattern: str) -> bool:
        return any(column.str.contains(pattern).any() for column in texts)

    return bool(texts) and holds(",") and holds(_DECIMAL_COMMA) and not holds(_DECIMAL_POINT)


def _number(column: _Given, *, comma: bool) -> pl.Series:
    given, whole = column.values, column.name in _WHOLE
    if given.dtype == pl.String:
        read = _from_text(column, comma=comma)
    elif given.dtype.is_numeric():
        read = given.cast(pl.Int64 if whole and given.dtype.is_integer() else pl.Float64, strict=False)
        if read.dtype == pl.Float64 and np.isnan(read.to_numpy()).sum() > read.null_count():
            read = read.fill_nan(None)
    else:
        read = pl.Series([None] * len(given), dtype=pl.Float64)
        read = column.without(read, given.is_not_null(), f"no number but a {given.dtype}")
    if _is_sound(read, column.name):
        return read.cast(pl.Int64 if whole else pl.Float64)
    if read.dtype == pl.Float64:
        read = column.without(read, ~read.is_finite(), "not a number")
        read = read.set(read == _SENTINEL, None)
        if whole:
            read = column.without(read, read != read.floor(), "not a whole number")
    most, what = _most(column.name)
    read = column.without(read, read > most, what)
    if column.name not in VENDOR_FIGURES:
        read = column.without(read, read < 0, "negative")
    return read.cast(pl.Int64 if whole else pl.Float64)


def _most(name: str) -> tuple[float, str]:
    """What the numbers of a column cannot exceed, and what is said of those that do; an unknown column is of prices."""
    return _MOST.get(name, _MOST["spot"])


def _is_sound(read: pl.Series, name: str) -> bool:
    """Whether every number of a column can be, which is the rule and spares looking for what is wrong."""
    values = read.to_numpy()
    known = values[~np.isnan(values)]
    if not len(known):
        return True
    least = np.nextafter(_SENTINEL, 0) if name in VENDOR_FIGURES else 0
    whole = name not in _WHOLE or bool((known == np.floor(known)).all())
    return bool(known.min() >= least and known.max() <= _most(name)[0]) and whole


def _from_text(column: _Given, *, comma: bool) -> pl.Series:
    """Numbers in text; blanks and the words for nothing are null, thousands may be set off.

    In a table with decimal commas a point sets off thousands. A per cent sign is one of a volatility alone.
    """
    given = column.values
    read = given.cast(pl.Float64, strict=False).fill_nan(None)
    if not comma and read.null_count() == given.null_count():
        return read
    odd = given.is_not_null() & (read.is_null() | given.str.contains(".", literal=True) if comma else read.is_null())
    if not odd.any():
        return read
    text = blanked(given)
    percent = column.name == "vendor_iv"
    again = times.each(text, lambda value: _written_number(value, comma=comma, percent=percent), pl.Float64)
    read = read.zip_with(~odd, again)
    return column.without(read, text.is_not_null() & read.is_null(), "not a number")


def _written_number(text: str, *, comma: bool, percent: bool) -> float | None:
    """One number as people write it; None where it is none, or may be read in two ways."""
    if languages.is_damaged(text):
        return None
    text = languages.plain(text).replace("\u2019", "'")
    hundredths = percent and text.endswith("%")
    text = text.removesuffix("%").rstrip() if hundredths else text
    point, group = (",", ".") if comma else (".", ",")
    grouped = (
        rf"[+-]?(?:\d+|\d{{1,3}}(?:{re.escape(group)}\d{{3}})+|\d{{1,3}}(?:[' ]\d{{3}})+)(?:{re.escape(point)}\d*)?"
    )
    if re.fullmatch(grouped, text):
        text = re.sub(rf"[' {group}]", "", text).replace(point, ".")
    try:
        return float(text) / (100 if hundredths else 1) if "_" not in text else None
    except ValueError:
        return None


def instants(rows: pl.DataFrame, zone: str, findings: Findings, *names: str) -> pl.DataFrame:
    """Time columns as UTC, those without a zone of their own being of ``zone``; what is no time is left out, reported.

    A Unix time of zero is how vendors write "never".
    """
    told = []
    for name in names:
        read = times.instants(rows[name], zone)
        strange = _strange(rows[name], read)
        if strange.any():
            never = times.as_text(rows[name]).str.contains(r"^\s*0(\.0*)?\s*$")
            read = _Given(name, rows[name], rows["line"], findings).without(
                read, strange & ~never.fill_null(value=False), times.NOT_UNDERSTOOD
            )
        told.append(read.alias(name))
    return placed(rows, told)


def moments(rows: pl.DataFrame, zone: str, findings: Findings, name: str) -> pl.DataFrame:
    """A column that tells the moment of a row, as UTC: rows in which it stands and is not understood are refused."""
    column = _Given(name, rows[name], rows["line"], findings)
    read = times.instants(rows[name], zone)
    return _refuse(rows.with_columns(read.alias(name)), _strange(rows[name], read), column, times.NOT_UNDERSTOOD)


def _refuse(rows: pl.DataFrame, bad: pl.Series, column: _Given, what: str) -> pl.DataFrame:
    """The rows without the bad ones, which are reported with the first value as the example."""
    if not bad.any():
        return rows
    first = int(bad.arg_max() or 0)
    reason = f"{column.name} {column.shown(first)} is {what}; row refused"
    column.findings.add(reason, column.lines[first], int(bad.sum()))
    return rows.filter(~bad)


def _strange(given: pl.Series, read: pl.Series) -> pl.Series:
    """Where something is given and nothing was read. A column of lists or the like is strange as a whole."""
    if read.null_count() == given.null_count():
        # What is null is read as null, so that these are the same rows; and most columns have none to look for.
        return pl.Series(np.zeros(len(given), dtype=bool))
    given = given.fill_nan(None) if given.dtype.is_float() else given
    missing = read.is_null() & given.is_not_null()
    if given.dtype != pl.String or not missing.any():
        return missing
    return missing & blanked(given).is_not_null()


def words(rows: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    """Right, style and settlement in the project's spelling; tickers and roots as they are written here."""
    known = (
        ("right", _RIGHTS),
        ("exercise_style", _STYLES),
        ("settlement", _SETTLEMENTS),
    )
    for name, spellings in known:
        if name in rows.columns and rows[name].dtype != chain.SCHEMA[name]:
            given = times.as_text(rows[name])
            read = times.each(given, lambda word: spellings.get(word.strip().lower()), pl.String)  # noqa: B023
            if name != "right":
                column = _Given(name, given, rows["line"], findings)
                read = column.without(
                    read, _strange(given, read), f"none of {', '.join(fields.of('contract')[name].choices)}"
                )
            rows = placed(rows, [read.cast(chain.SCHEMA[name]).alias(name)])
    for name, written in (("underlying", symbology.ticker), ("root", symbology.root_of)):
        if name in rows.columns:
            read = times.each(times.as_text(rows[name]), lambda text: written(text) or None, pl.String)  # noqa: B023
            rows = placed(rows, [read.alias(name)])
    return rows


def days(rows: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    """Dates from ISO, compact, American or written text, with or without a time behind them."""
    texts = [name for name in DATES if name in rows.columns and rows[name].dtype == pl.String]
    distinct = [value for name in texts for value in chain.distinct(rows[name])]
    order = times.order_of_slashed(distinct) or "month"
    for name in (name for name in DATES if name in rows.columns):
        given = rows[name]
        if given.dtype.is_temporal() or given.dtype == pl.Null:
            read = times.days(given)
        else:
            read = times.each(times.as_text(given), lambda value: times.day(value, order), pl.Date)
        column = _Given(name, given, rows["line"], findings)
        strange = _strange(given, read)
        rows = placed(rows, [read.alias(name)])
        if name == "expiry":
            column.without(read, strange, "not a date")
        else:
            rows = _refuse(rows, strange, column, "not a date")
    return rows


def blanked(text: pl.Series) -> pl.Series:
    """Text without surrounding blanks, null where it stands for nothing."""
    text = text.str.strip_chars(AROUND_VALUES)
    return text.set(text.str.to_lowercase().is_in(_BLANKS), None)


def quoted(value: object) -> str:
    """A vendor's value as a message may show it: short, and with nothing in it that acts on a terminal."""
    text = str(value)
    return repr(text if len(text) <= 40 else text[:37] + "...")
