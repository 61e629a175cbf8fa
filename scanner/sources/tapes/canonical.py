"""The project's own tape, as CSV or Parquet: the columns of :mod:`scanner.tape.prints`.

Required are the contract - ``contract`` (a symbol in any dialect), or ``underlying expiry strike right`` - and ``time
price size``. Times are whole nanoseconds since 1970 or ISO 8601 text, UTC where no zone stands. ``condition`` is the
tape's letter or the name of a condition in any case.
"""

from __future__ import annotations

import polars as pl

from scanner.market.symbology import format_osi_column
from scanner.sources.blanks import AROUND_VALUES
from scanner.sources.tapes.base import TapeFormat, instants, numbers
from scanner.tape.conditions import spellings
from scanner.tape.prints import SCHEMA, Problem

_PARTS = frozenset({"underlying", "expiry", "strike", "right"})
_TRUE = ["true", "1", "yes", "t"]


class CanonicalTape(TapeFormat):
    """``contract`` or its parts, ``time``, ``price`` and ``size``, and whatever else of a tape there is."""

    name = "canonical tape"
    source = "canonical"
    marks = frozenset({"time", "price", "size"})

    def recognises(self, header: frozenset[str]) -> bool:
        """The three, and something that tells the contract."""
        return self.marks <= header and ("contract" in header or header >= _PARTS)

    def prints(self, block: pl.DataFrame) -> tuple[pl.DataFrame, list[Problem]]:
        """The columns are the contract's own; others are ignored."""
        problems: list[Problem] = []
        if block.schema == SCHEMA:
            return block, problems
        if "contract" not in block.columns:
            block = _with_symbols(block, problems)
        block = block.select(name for name in block.columns if name in SCHEMA)
        floats = {name: dtype for name, dtype in SCHEMA.items() if dtype == pl.Float64}
        whole = {name: pl.Int64() for name in ("size", "bid_size", "ask_size", "sequence")}
        block = numbers(block, problems, **floats, **whole)
        block = instants(block, problems, "time", "quote_time")
        if "session_date" in block.columns and block["session_date"].dtype == pl.String:
            block = block.with_columns(pl.col("session_date").str.to_date(strict=False))
        for flag in ("simulated", "cancelled"):
            if flag in block.columns and block[flag].dtype == pl.String:
                block = block.with_columns(pl.col(flag).str.to_lowercase().is_in(_TRUE))
        if "told_side" in block.columns:
            block = block.with_columns(pl.col("told_side").cast(pl.String).str.to_lowercase())
        return named_conditions(block, problems), problems


def _with_symbols(block: pl.DataFrame, problems: list[Problem]) -> pl.DataFrame:
    """The symbol from its parts; the root is the underlying's name where no other stands."""
    block = numbers(block, problems, strike=pl.Float64())
    expiry, root = block["expiry"], pl.col("root" if "root" in block.columns else "underlying")
    if expiry.dtype == pl.String:
        expiry = expiry.str.replace_all("-", "").str.to_date("%Y%m%d", strict=False)
    parts = block.select(
        "strike",
        root=root.cast(pl.String).str.to_uppercase(),
        right=pl.col("right").cast(pl.String).str.to_uppercase().str.head(1),
    )
    return block.with_columns(parts.with_columns(expiry).select(format_osi_column().alias("contract")).to_series())


def named_conditions(block: pl.DataFrame, problems: list[Problem]) -> pl.DataFrame:
    """Conditions by their names; what is none is null and counted."""
    if "condition" not in block.columns:
        return block
    given = block["condition"].cast(pl.String).str.strip_chars(AROUND_VALUES).replace("", None)
    read = given.replace_strict(spellings(), default=None, return_dtype=pl.String)
    small = given.str.to_lowercase().replace_strict(spellings(), default=None, return_dtype=pl.String)
    read = read.zip_with(read.is_not_null() | (given.str.len_chars() == 1), small)
    lost = given.filter(read.is_null() & given.is_not_null())
    if len(lost):
        problems.append(Problem("unknown_condition", "a condition that is not known", len(lost), repr(lost[0])[:40]))
    return block.with_columns(read.alias("condition"))
