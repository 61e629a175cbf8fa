"""The column contract of a chain: one row per contract, with name, dtype, unit, as-of and what null means.

Every source ends in this frame and every later stage starts from it. A frame may hold many underlyings. Rows are sorted
by root, expiry, strike and right, and no contract appears twice in one snapshot.
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from scanner.errors import ChainError
from scanner.market import symbology
from scanner.market.calendar import FIRST, LAST, Calendar

RIGHT = pl.Enum(["C", "P"])
EXERCISE_STYLE = pl.Enum(["american", "european"])
SETTLEMENT = pl.Enum(["AM", "PM"])
INSTANT = pl.Datetime("us", "UTC")
SORT_KEY = ("root", "expiry", "strike", "right")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the chain: dtype, unit and as-of, whether a null is allowed, and what the null then means."""

    name: str
    dtype: pl.DataType | type[pl.DataType]
    meaning: str
    null: str = ""

    @property
    def required(self) -> bool:
        """Whether a null is a broken contract."""
        return not self.null


COLUMNS: tuple[Column, ...] = (
    Column("source", pl.String, "the vendor or format family the row came from; baselines never mix sources"),
    Column("simulated", pl.Boolean, "true for rows no market ever made"),
    Column("session_date", pl.Date, "the exchange's session, by its New York date, as the source labels it"),
    Column("quote_time", INSTANT, "the moment the quotes describe, UTC (not the moment they were fetched)"),
    Column("fetched_at", INSTANT, "when the body was received, UTC", null="read from a file that does not say"),
    Column("underlying", pl.String, "the stock, ETF or index"),
    Column("spot", pl.Float64, "price of the underlying at quote_time, dollars", null="the source does not give it"),
    Column("root", pl.String, "the option root; may differ from the underlying (SPXW, GOOG1)"),
    Column("contract", pl.String, "compact OSI symbol"),
    Column("expiry", pl.Date, "the date in the symbol, never shifted"),
    Column("strike", pl.Float64, "dollars"),
    Column("right", RIGHT, "C or P"),
    Column("multiplier", pl.Int32, "shares (or index units) per contract"),
    Column("exercise_style", EXERCISE_STYLE, "american or european, by root where the source is silent"),
    Column("settlement", SETTLEMENT, "AM (09:30 New York on the expiry date) or PM (the close)"),
    Column("nonstandard", pl.Boolean, "adjusted deliverable, FLEX or mini: kept out of ratios and pricing"),
    Column("bid", pl.Float64, "dollars; 0 is a legal value", null="no quote"),
    Column("ask", pl.Float64, "dollars", null="no quote"),
    Column("bid_size", pl.Int64, "contracts", null="the source does not give it"),
    Column("ask_size", pl.Int64, "contracts", null="the source does not give it"),
    Column("last", pl.Float64, "last traded price, dollars; may be days old", null="never traded, or not given"),
    Column("last_trade_time", INSTANT, "UTC", null="never traded, or not given"),
    Column("volume", pl.Int64, "contracts so far in the session", null="not known"),
    Column("open_interest", pl.Int64, "contracts open at the close of oi_asof", null="not known"),
    Column("oi_asof", pl.Date, "the session whose close open_interest describes", null="cannot be known"),
    Column("vendor_iv", pl.Float64, "the vendor's implied volatility, decimal", null="not given, 0 or a sentinel"),
    Column("vendor_delta", pl.Float64, "the vendor's delta", null="not given or a sentinel"),
)
SCHEMA = pl.Schema({column.name: column.dtype for column in COLUMNS})
_TOLD_BY_ROOT = ("multiplier", "exercise_style", "settlement", "nonstandard")


def empty() -> pl.DataFrame:
    """A chain without rows."""
    return pl.DataFrame(schema=SCHEMA)


def conform(frame: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """Cast, complete, order and check a frame so that it is a chain.

    Columns that may be null are added where absent; ``contract`` is built from its parts, and ``multiplier``,
    ``exercise_style``, ``settlement`` and ``nonstandard`` come from the root - or, where that is not known, from the
    index - where the source is silent; NaN becomes null. Columns outside the contract are dropped. ``calendar`` tells
    which days a chain may be of. Raises ChainError listing everything that is wrong.
    """
    frame = _complete(frame, calendar)
    missing = [name for name in SCHEMA if name not in frame.columns]
    if missing:
        raise ChainError(f"columns missing: {', '.join(missing)}")
    try:
        frame = frame.select(pl.col(name).cast(dtype) for name, dtype in SCHEMA.items())
    except pl.exceptions.PolarsError as error:
        raise ChainError(f"a column has the wrong type: {error}") from error
    floats = [name for name, dtype in SCHEMA.items() if dtype == pl.Float64]
    frame = frame.with_columns(pl.col(floats).fill_nan(None)).sort(SORT_KEY)
    problems = _problems(frame, calendar)
    if problems:
        raise ChainError("; ".join(problems))
    return frame


def _complete(frame: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """Add what may be left out: nullable columns, the OSI symbol, and what root, underlying and expiry tell."""
    absent = [column for column in COLUMNS if not column.required and column.name not in frame.columns]
    frame = frame.with_columns(pl.lit(None, dtype=column.dtype).alias(column.name) for column in absent)
    if "contract" not in frame.columns and {"root", "expiry", "strike", "right"} <= set(frame.columns):
        frame = frame.with_columns(contract=symbology.format_osi_column())
    keys = ["root", "underlying", "expiry"]
    if not set(keys) <= set(frame.columns):
        return frame
    told = frame.select(keys).drop_nulls().unique()
    info = [symbology.contract_info(root, name, expiry, calendar) for root, name, expiry in told.iter_rows()]
    known = told.with_columns(
        pl.Series(f"_{name}", [getattr(item, name) for item in info], dtype=SCHEMA[name]) for name in _TOLD_BY_ROOT
    )
    frame = frame.join(known, on=keys, how="left", maintain_order="left")
    return frame.with_columns(
        pl.coalesce(pl.col(name).cast(SCHEMA[name]), f"_{name}").alias(name)
        if name in frame.columns
        else pl.col(f"_{name}").alias(name)
        for name in _TOLD_BY_ROOT
    )


def _problems(frame: pl.DataFrame, calendar: Calendar) -> list[str]:
    """Everything in which a complete, typed frame still breaks the contract."""
    problems = []
    nulls = frame.select(pl.col(column.name).null_count() for column in COLUMNS if column.required).row(0, named=True)
    problems += [f"{count} rows without {name}" for name, count in nulls.items() if count]
    doubled = frame.select("source", "session_date", "contract").is_duplicated()
    if doubled.any():
        problems.append(f"{doubled.sum()} rows share a contract, such as {frame.filter(doubled)['contract'][0]}")
    negative = {
        name: frame.filter(pl.col(name) < 0).height
        for name in ("strike", "bid", "ask", "last", "volume", "open_interest", "spot")
    }
    problems += [f"{count} rows with a negative {name}" for name, count in negative.items() if count]
    beyond = [day for day in frame["session_date"].drop_nulls().unique().sort() if not calendar.is_covered(day)]
    if beyond:
        problems.append(f"labelled {beyond[0]}, outside the exchange's calendar, which knows {FIRST} to {LAST}")
    return problems
