"""From a vendor's rows to rows that can be trusted: types, signs, sentinels and identities, with what had to go.

A value that cannot be (text for a number, a negative price, a count with a fraction) becomes null and is reported; a
row whose contract cannot be told is left out and reported. Sentinels that vendors write for "nothing" become null
without a word: blanks, ``NaN``, -999, a zero implied volatility, a zero last price.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import polars as pl

from scanner.market import chain, products, symbology
from scanner.market.calendar import Calendar
from scanner.sources.formats import columns
from scanner.sources.formats.base import Findings

# What a chain always says something of, if only that it is not known.
_COUNTED = ("volume", "open_interest")
# What tells which chain a row belongs to, and what that may have to be derived from.
_CHAIN_COLUMNS = ("underlying", "root", "symbol", "session_date", "quote_time", "seen_at", "line")
# Monthly options carried a Saturday in their symbols until February 2015, and vendors show the Friday beside it.
_SATURDAY = (pl.col("_expiry").dt.weekday() == 6) & (pl.col("_expiry") - pl.col("expiry") == pl.duration(days=1))
_DISAGREEMENTS = {
    "expiry": (pl.col("_expiry") != pl.col("expiry")) & ~_SATURDAY,
    "strike": (pl.col("_strike") - pl.col("strike")).abs() > 0.0005,
    "right": pl.col("_right") != pl.col("right"),
}


_ROOT = re.compile(r"[0-9A-Z]{1,6}")
_THOUSANDTHS = pl.col("strike") * 1000
# What tells that a row's contract is not sure, what is said of it, and the column whose value is the example.
_IMPOSSIBLE: tuple[tuple[pl.Expr, str, str | None], ...] = (
    (pl.col("underlying").is_null(), "no underlying", None),
    (~pl.col("root").str.contains(f"^{_ROOT.pattern}$"), "root {} is no root", "root"),
    (pl.col("right").is_null(), "right is neither a call nor a put", None),
    (pl.col("expiry").is_null(), "no expiry date", None),
    (
        ~pl.col("expiry").is_between(symbology.FIRST_EXPIRY, symbology.LAST_EXPIRY),
        "expiry {} fits no OSI symbol",
        "expiry",
    ),
    (pl.col("strike").is_null(), "no strike", None),
    (pl.col("strike") <= 0, "strike {} is not above zero", "strike"),
    (
        ((_THOUSANDTHS - _THOUSANDTHS.round()).abs() > 1e-4) | (_THOUSANDTHS >= 1e8),
        "strike {} fits no OSI symbol",
        "strike",
    ),
)
_IMPOSSIBLE_MULTIPLIER: tuple[pl.Expr, str, str | None] = (
    ~pl.col("multiplier").is_between(*columns.MULTIPLIERS).fill_null(value=True),
    "multiplier {} is no contract's",
    "multiplier",
)


_SOUND = {
    **{name: pl.when(pl.col(name) > 0).then(name).alias(name) for name in ("last", "spot", "vendor_iv")},
    "vendor_delta": pl.when(pl.col("vendor_delta").abs() <= 1.001).then("vendor_delta").alias("vendor_delta"),
}
_FROM_SYMBOL = (
    *(pl.col(f"_{name}").alias(name) for name in ("contract", "root", "expiry", "strike", "right")),
    pl.lit(value=False).alias("root_assumed"),
)


def clean(rows: pl.DataFrame, findings: Findings, calendar: Calendar) -> pl.DataFrame:
    """Typed rows of contracts whose identity is sure, in any order and possibly doubled.

    The result holds ``line``, ``underlying``, ``contract``, ``root``, ``root_assumed`` (whether the source named none),
    ``expiry``, ``strike``, ``right`` and whatever else of the chain the format gave, in the chain's dtypes.
    """
    rows = columns.days(columns.words(columns.numbers(rows, findings), findings), findings)
    rows = _from_symbol(rows, findings) if "symbol" in rows.columns else _rooted(rows, calendar)
    rows = _without_sentinels(_identified(_with_underlying(rows), findings))
    silent = [name for name in _COUNTED if name not in rows.columns]
    return rows.with_columns(pl.lit(None, dtype=pl.Int64).alias(name) for name in silent) if silent else rows


def chain_columns(rows: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """Only what tells the chains apart, cleaned as :func:`clean` does it; rows that it refuses are still there."""
    rows = rows.select(name for name in _CHAIN_COLUMNS if name in rows.columns)
    rows = columns.days(columns.words(rows, Findings("")), Findings(""))
    if "symbol" in rows.columns:
        rows = rows.with_columns(root=symbology.parse_osi_column(rows["symbol"])["root"])
    else:
        rows = _rooted(rows, calendar)
    return _with_underlying(rows).filter(pl.col("underlying").is_not_null())


def _rooted(rows: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """The rows with a root where neither a symbol nor the file gives it: that of the underlying at the expiry."""
    absent = [name for name in ("root", "expiry") if name not in rows.columns]
    types = {"root": pl.String, "expiry": pl.Date}
    rows = rows.with_columns(pl.lit(None, dtype=types[name]).alias(name) for name in absent)
    names = {name: symbology.root_at(name, None, calendar) for name in chain.distinct(rows["underlying"]) if name}
    if not any(map(products.index_roots, names)):
        # The rule: the contracts of a stock have one root, whenever they expire.
        marked = {name: root for name, root in names.items() if root != name}
        own = pl.col("underlying").replace(marked) if marked else pl.col("underlying")
        return rows.with_columns(root_assumed=pl.col("root").is_null(), root=pl.coalesce("root", own))
    keys = ("underlying", "expiry")
    silent = rows.filter(pl.col("root").is_null() & pl.col("underlying").is_not_null()).select(keys).unique()
    rows = rows.with_columns(root_assumed=pl.col("root").is_null())
    if silent.is_empty():
        return rows
    roots = [symbology.root_at(name, day, calendar) for name, day in silent.iter_rows()]
    assumed = silent.with_columns(pl.Series("_root", roots, dtype=pl.String))
    rows = rows.join(assumed, on=keys, how="left", nulls_equal=True, maintain_order="left")
    return rows.with_columns(root=pl.coalesce("root", "_root")).drop("_root")


def _with_underlying(rows: pl.DataFrame) -> pl.DataFrame:
    """Fill the underlying from the root where the file does not give it."""
    if "underlying" not in rows.columns:
        rows = rows.with_columns(underlying=pl.lit(None, dtype=pl.String))
    if not rows["underlying"].null_count():
        return rows
    known = {root: symbology.ticker(symbology.underlying_of(root)) for root in rows["root"].drop_nulls().unique()}
    own = pl.col("root").replace_strict(known, default=None, return_dtype=pl.String)
    return rows.with_columns(underlying=pl.coalesce("underlying", own))


def _from_symbol(rows: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    """Contracts from symbols, which must agree with the columns beside them."""
    parsed = symbology.parse_osi_column(rows["symbol"])
    rows = rows.hstack([column.alias(f"_{column.name}") for column in parsed])
    disagree = {name: differs for name, differs in _DISAGREEMENTS.items() if name in rows.columns}
    if rows.select(pl.any_horizontal(pl.col("_contract").is_null(), *disagree.values()).any()).item():
        rows = _refuse(rows, pl.col("_contract").is_null(), findings, "{} is not a contract symbol", "symbol")
        for name, differs in disagree.items():
            reason = f"the symbol {{}} disagrees with the {name} beside it"
            rows = _refuse(rows, differs.fill_null(value=False), findings, reason, "symbol")
    return rows.drop("symbol").with_columns(_FROM_SYMBOL)


def _identified(rows: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    """Only the rows whose contract is sure, each with its symbol."""
    names = chain.distinct(rows["underlying"])
    strange = [name for name in names if name is not None and not symbology.is_name(name)]
    has_multiplier = "multiplier" in rows.columns
    if strange or not _are_sure(rows):
        no_ticker = pl.col("underlying").is_in(strange), "{} is no ticker symbol", "underlying"
        first, *others = (*_IMPOSSIBLE, _IMPOSSIBLE_MULTIPLIER) if has_multiplier else _IMPOSSIBLE
        for bad, reason, example in (first, no_ticker, *others):
            rows = _refuse(rows, bad, findings, reason, example)
    rows = rows.with_columns(pl.col("strike").round(3))
    return rows if "contract" in rows.columns else rows.with_columns(contract=symbology.format_osi_column())


def _are_sure(rows: pl.DataFrame) -> bool:
    """Whether nothing of ``_IMPOSSIBLE`` holds in any row: told by the ends of columns, for most chains are sound."""
    if any(rows[name].null_count() for name in ("underlying", "right", "expiry", "strike")):
        return False
    if not all(root is not None and _ROOT.fullmatch(root) for root in chain.distinct(rows["root"])):
        return False
    strikes = rows["strike"].to_numpy()
    thousandths = strikes * 1000
    whole = np.abs(thousandths - np.round(thousandths)) <= 1e-4
    if not ((strikes > 0) & whole & (thousandths < 1e8)).all():
        return False
    if "multiplier" in rows.columns and not _within(rows["multiplier"], *columns.MULTIPLIERS):
        return False
    return _within(rows["expiry"], symbology.FIRST_EXPIRY, symbology.LAST_EXPIRY)


def _within(column: pl.Series, least: Any, most: Any) -> bool:
    return column.null_count() == len(column) or bool(least <= column.min() and column.max() <= most)


def _refuse(
    rows: pl.DataFrame, bad: pl.Expr, findings: Findings, reason: str, example: str | None = None
) -> pl.DataFrame:
    """The rows without the bad ones, which are reported with the first as the example."""
    flags = rows.select(bad.fill_null(value=True)).to_series()
    if not flags.any():
        return rows
    wrong = rows.filter(flags)
    shown = reason.format(columns.quoted(wrong[example][0])) if example else reason
    findings.add(f"{shown}; row refused", wrong["line"][0], wrong.height)
    return rows.filter(~flags)


def _without_sentinels(rows: pl.DataFrame) -> pl.DataFrame:
    """Zeros and out-of-range figures that mean "nothing" become null."""
    return rows.with_columns(sound for name, sound in _SOUND.items() if name in rows.columns)
