"""From a vendor's rows to rows that can be trusted: types, signs, sentinels and identities, with what had to go.

A value that cannot be (text for a number, a negative price, a count with a fraction) becomes null and is reported; a
row whose contract cannot be told is left out and reported. Sentinels that vendors write for "nothing" become null
without a word: blanks, ``NaN``, -999, a zero implied volatility, a zero last price, an ask of zero.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from scanner import chain, symbology
from scanner.sources.formats.base import Findings

PRICES = ("bid", "ask", "last", "spot", "strike")
COUNTS = ("volume", "open_interest", "bid_size", "ask_size")
_BLANKS = ("", "-", "--", "na", "n/a", "nan", "null", "none", "nat")
_SENTINEL = -999.0
_LARGEST_COUNT = 2**31 - 1
_INDEX_MARKS = r"^[_^$]"
_RIGHTS = {"c": "C", "call": "C", "calls": "C", "p": "P", "put": "P", "puts": "P"}
_STYLES = {"a": "american", "american": "american", "e": "european", "european": "european"}
_SETTLEMENTS = {"am": "AM", "a": "AM", "pm": "PM", "p": "PM"}
_DATE_FORMATS = ("%Y-%m-%d", "%Y%m%d", "%m/%d/%Y")

# Monthly options carried a Saturday in their symbols until February 2015, and vendors show the Friday beside it.
_SATURDAY = (pl.col("_expiry").dt.weekday() == 6) & (pl.col("_expiry") - pl.col("expiry") == pl.duration(days=1))
_DISAGREEMENTS = {
    "expiry": (pl.col("_expiry") != pl.col("expiry")) & ~_SATURDAY,
    "strike": (pl.col("_strike") - pl.col("strike")).abs() > 0.0005,
    "right": pl.col("_right") != pl.col("right"),
}


def clean(rows: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    """Typed rows of contracts whose identity is sure, in any order and possibly doubled.

    The result holds ``line``, ``underlying``, ``contract``, ``root``, ``expiry``, ``strike``, ``right`` and whatever
    else of the chain the format gave, in the chain's dtypes.
    """
    rows = _numbers(rows, findings)
    rows = _words(rows)
    rows = _days(rows, findings)
    rows = _identify(rows, findings)
    return _without_sentinels(rows)


def _numbers(rows: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    """Prices, counts and vendor figures as numbers; what cannot be one is null."""
    for name in (*PRICES, *COUNTS, "multiplier", "vendor_iv", "vendor_delta"):
        if name not in rows.columns:
            continue
        whole = name in COUNTS or name == "multiplier"
        signed = name.startswith("vendor_")
        rows = _number(rows, name, findings, whole=whole, signed=signed)
    return rows


def _number(rows: pl.DataFrame, name: str, findings: Findings, *, whole: bool, signed: bool) -> pl.DataFrame:
    given = rows[name]
    dtype = pl.Int64 if whole else pl.Float64
    if given.dtype == pl.Null:
        return rows.with_columns(pl.lit(None, dtype=dtype).alias(name))
    if given.dtype == pl.String:
        given = _blanked(given)
        plain = given.str.replace_all(",", "", literal=True) if given.str.contains(",", literal=True).any() else given
        numbers = plain.cast(pl.Float64, strict=False)
    elif given.dtype.is_integer() and whole:
        numbers = given
    elif given.dtype.is_numeric():
        numbers = given.cast(pl.Float64).fill_nan(None)
        given = numbers
    else:
        findings.add(f"{name} is a {given.dtype}, not a number; left out", None, rows.height)
        return rows.with_columns(pl.lit(None, dtype=dtype).alias(name))
    column = _Given(name, given, rows["line"], findings)
    if numbers.dtype == pl.Float64:
        unreadable = given.is_not_null() & (numbers.is_null() | ~numbers.is_finite())
        numbers = column.without(numbers, unreadable, "not a number")
        numbers = numbers.set(numbers == _SENTINEL, None)
        if whole:
            numbers = column.without(numbers, numbers != numbers.floor(), "not a whole number")
            numbers = column.without(numbers, numbers.abs() > _LARGEST_COUNT, "too large")
    if not signed:
        numbers = column.without(numbers, numbers < 0, "negative")
    return rows.with_columns(numbers.cast(dtype).alias(name))


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
        reason = f"{self.name} {_quoted(self.values[first])} is {what}; left out"
        self.findings.add(reason, self.lines[first], int(bad.sum()))
        return read.set(bad, None)


def _blanked(text: pl.Series) -> pl.Series:
    """Text without surrounding blanks, null where it stands for nothing."""
    text = text.str.strip_chars()
    return text.set(text.str.to_lowercase().is_in(_BLANKS), None)


def _words(rows: pl.DataFrame) -> pl.DataFrame:
    """Right, style and settlement in the project's spelling; tickers in capitals and without index marks."""
    for name, spellings, dtype in (
        ("right", _RIGHTS, chain.RIGHT),
        ("exercise_style", _STYLES, chain.EXERCISE_STYLE),
        ("settlement", _SETTLEMENTS, chain.SETTLEMENT),
    ):
        if name in rows.columns and rows[name].dtype != dtype:
            word = pl.col(name).cast(pl.String).str.strip_chars().str.to_lowercase()
            rows = rows.with_columns(
                word.replace_strict(spellings, default=None, return_dtype=pl.String).cast(dtype).alias(name)
            )
    tickers = [name for name in ("underlying", "root") if name in rows.columns]
    ticker = pl.col(tickers).cast(pl.String).str.strip_chars().str.to_uppercase()
    rows = rows.with_columns(ticker.str.replace(_INDEX_MARKS, ""))
    return rows.with_columns(pl.when(pl.col(tickers) != "").then(pl.col(tickers)))


def _days(rows: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    """Dates from ISO, compact or American text."""
    for name in ("session_date", "expiry", "oi_asof"):
        if name not in rows.columns or rows[name].dtype == pl.Date:
            continue
        given = rows[name]
        if given.dtype in (pl.Datetime, pl.Null):
            rows = rows.with_columns(given.cast(pl.Date))
            continue
        text = _blanked(given.cast(pl.String))
        read = [text.str.slice(0, 10).str.to_date(pattern, strict=False) for pattern in _DATE_FORMATS]
        days = read[0].zip_with(read[0].is_not_null(), read[1])
        days = days.zip_with(days.is_not_null(), read[2])
        column = _Given(name, text, rows["line"], findings)
        days = column.without(days, text.is_not_null() & days.is_null(), "not a date")
        rows = rows.with_columns(days.alias(name))
    return rows


def _identify(rows: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    """Tell each row's contract from its symbol, from its columns, or from both; refuse the rows where that fails."""
    if "symbol" in rows.columns:
        rows = _from_symbol(rows, findings)
    else:
        own = pl.col("underlying").str.replace_all(r"[.\-/ ]", "")
        rows = rows.with_columns(root=pl.coalesce("root", own) if "root" in rows.columns else own)
    if "underlying" not in rows.columns:
        rows = rows.with_columns(underlying=pl.lit(None, dtype=pl.String))
    if rows["underlying"].null_count():
        roots = rows["root"].drop_nulls().unique()
        known = {root: symbology.underlying_of(root) for root in roots}
        own = pl.col("root").replace_strict(known, default=None, return_dtype=pl.String)
        rows = rows.with_columns(underlying=pl.coalesce("underlying", own))
    rows = _refuse(rows, pl.col("underlying").is_null(), findings, "no underlying")
    rows = _refuse(rows, ~pl.col("root").str.contains(r"^[0-9A-Z]{1,6}$"), findings, "root {} is no root", "root")
    rows = _refuse(rows, pl.col("right").is_null(), findings, "right is neither a call nor a put")
    rows = _refuse(rows, pl.col("expiry").is_null(), findings, "no expiry date")
    rows = _refuse(rows, pl.col("strike").is_null(), findings, "no strike")
    rows = _refuse(rows, pl.col("strike") <= 0, findings, "strike {} is not above zero", "strike")
    thousandths = pl.col("strike") * 1000
    misfit = ((thousandths - thousandths.round()).abs() > 1e-4) | (thousandths >= 1e8)
    rows = _refuse(rows, misfit, findings, "strike {} fits no OSI symbol", "strike")
    rows = rows.with_columns(pl.col("strike").round(3))
    if "contract" not in rows.columns:
        rows = rows.with_columns(contract=symbology.format_osi_column())
    return rows


def _from_symbol(rows: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    """Contracts from symbols, which must agree with the columns beside them."""
    parsed = symbology.parse_osi_column(rows["symbol"]).select(pl.all().name.prefix("_"))
    rows = rows.with_columns(parsed.get_columns())
    rows = _refuse(rows, pl.col("_contract").is_null(), findings, "{} is not a contract symbol", "symbol")
    for name, differs in _DISAGREEMENTS.items():
        if name in rows.columns:
            reason = f"the symbol {{}} disagrees with the {name} beside it"
            rows = _refuse(rows, differs.fill_null(value=False), findings, reason, "symbol")
    return rows.drop("symbol").with_columns(
        pl.col(f"_{name}").alias(name) for name in ("contract", "root", "expiry", "strike", "right")
    )


def _refuse(
    rows: pl.DataFrame, bad: pl.Expr, findings: Findings, reason: str, example: str | None = None
) -> pl.DataFrame:
    """The rows without the bad ones, which are reported with the first as the example."""
    wrong = rows.filter(bad.fill_null(value=True))
    if wrong.is_empty():
        return rows
    shown = reason.format(_quoted(wrong[example][0])) if example else reason
    findings.add(f"{shown}; row refused", wrong["line"][0], wrong.height)
    return rows.filter(~bad.fill_null(value=True))


def _without_sentinels(rows: pl.DataFrame) -> pl.DataFrame:
    """Zeros and out-of-range figures that mean "nothing" become null."""
    present = set(rows.columns)
    if "last" in present:
        rows = rows.with_columns(last=pl.when(pl.col("last") > 0).then("last"))
    if "spot" in present:
        rows = rows.with_columns(spot=pl.when(pl.col("spot") > 0).then("spot"))
    if {"bid", "ask"} <= present:
        quoted = (pl.col("ask") > 0) | (pl.col("ask").is_null() & pl.col("bid").is_not_null()) | (pl.col("bid") > 0)
        rows = rows.with_columns(
            bid=pl.when(quoted).then("bid"),
            ask=pl.when(pl.col("ask") > 0).then("ask"),
        )
    if "vendor_iv" in present:
        rows = rows.with_columns(vendor_iv=pl.when(pl.col("vendor_iv") > 0).then("vendor_iv"))
    if "vendor_delta" in present:
        rows = rows.with_columns(vendor_delta=pl.when(pl.col("vendor_delta").abs() <= 1.001).then("vendor_delta"))
    return rows


def _quoted(value: object) -> str:
    """A vendor's value as a message may show it: short, and with nothing in it that acts on a terminal."""
    text = str(value)
    return repr(text if len(text) <= 40 else text[:37] + "...")
