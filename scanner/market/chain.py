"""The column contract of a chain: one row per contract, with the columns that the field dictionary says come from it.

Every source ends in this frame and every later stage starts from it. A frame may hold many underlyings. Rows are sorted
by root, expiry, strike and right, and no contract appears twice in one snapshot.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from scanner import fields
from scanner.errors import ChainError
from scanner.fields import Field
from scanner.fields.columns import column_dtype
from scanner.kernels.columns import changes, run_starts
from scanner.market import products, symbology
from scanner.market.calendar import FIRST, LAST, Calendar

COLUMNS: tuple[Field, ...] = tuple(field for field in fields.of("contract").values() if field.from_chain)
"""What a source gives of every contract, as the field dictionary has it; null where it may be missing."""

SCHEMA = pl.Schema({column.name: column_dtype(column) for column in COLUMNS})
RIGHT, INSTANT = SCHEMA["right"], SCHEMA["quote_time"]
SORT_KEY = ("root", "expiry", "strike", "right")
# So many contracts of one expiry are no stray rows.
WHOLE_EXPIRY = 10
# A column of no more rows is sooner looked at value by value than asked of polars.
SHORT = 1_000
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
        frame = pl.DataFrame([_typed(frame[name], dtype) for name, dtype in SCHEMA.items()])
    except pl.exceptions.PolarsError as error:
        raise ChainError(f"a column has the wrong type: {error}") from error
    frame = frame if in_order(frame) else frame.sort(SORT_KEY)
    problems = _problems(frame, calendar)
    if problems:
        raise ChainError("; ".join(problems))
    return frame


def _typed(column: pl.Series, dtype: pl.DataType) -> pl.Series:
    """A column in the type it has in a chain, NaN as null. Raises PolarsError where it cannot be."""
    column = column if column.dtype == dtype else column.cast(dtype)
    if dtype == pl.Float64 and np.isnan(column.to_numpy()).sum() > column.null_count():
        return column.fill_nan(None)
    return column


def distinct(column: pl.Series) -> list[Any]:
    """The values of a column, each once, null among them.

    Rows of one value mostly stand together, so that few are compared; and most columns that tell what a chain is of
    hold one value, which is found without a query: of a small chain a query takes longer than everything it asks for.
    Of a short column its values themselves are sooner looked at than where they change.
    """
    if len(column) <= SHORT:
        return list(dict.fromkeys(column.to_list()))
    starts = run_starts(column)
    if len(starts) > len(column) // 8:
        # Calls and puts in turn, say: nothing stands together.
        return column.unique(maintain_order=True).to_list()
    return list(dict.fromkeys(column[starts]))


def in_order(frame: pl.DataFrame) -> bool:
    """Whether the rows are sorted by root, expiry, strike and right, none of which is null, and no two are of one."""
    if frame.height < 2:
        return True
    if any(frame[name].null_count() for name in SORT_KEY):
        return False
    rises, ties = np.zeros(frame.height - 1, np.bool_), np.ones(frame.height - 1, np.bool_)
    for name in SORT_KEY:
        column = frame[name]
        if column.dtype == pl.String:
            differs = changes(column)
            at = np.flatnonzero(differs)
            more = np.zeros_like(differs)
            more[at] = (column[at + 1] > column[at]).to_numpy()
        else:
            value = (column.cast(pl.Int32) if column.dtype == pl.Date else column.to_physical()).to_numpy()
            differs, more = value[1:] != value[:-1], value[1:] > value[:-1]
        rises |= ties & more
        ties &= ~differs
    return bool(rises.all())


def _complete(frame: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """Add what may be left out: nullable columns, the OSI symbol, and what root, underlying and expiry tell."""
    absent = [column for column in COLUMNS if column.can_be_missing and column.name not in frame.columns]
    frame = frame.with_columns(pl.lit(None, dtype=column_dtype(column)).alias(column.name) for column in absent)
    if "contract" not in frame.columns and {"root", "expiry", "strike", "right"} <= set(frame.columns):
        frame = frame.with_columns(contract=symbology.format_osi_column())
    keys = ["root", "underlying", "expiry"]
    if not set(keys) <= set(frame.columns):
        return frame
    if any(map(products.index_roots, filter(None, distinct(frame["underlying"])))):
        known_by = keys
        told = frame.lazy().select(keys).drop_nulls().unique().collect()
        info = [symbology.contract_info(root, name, expiry, calendar) for root, name, expiry in told.iter_rows()]
    else:
        # The rule: where nothing is of an index the root alone tells.
        known_by = ["root"]
        told = pl.DataFrame({"root": [root for root in distinct(frame["root"]) if root]}, schema={"root": pl.String})
        info = [symbology.root_info(root) for root in told["root"]]
    values = {name: [getattr(item, name) for item in info] for name in _TOLD_BY_ROOT}
    same = all(len(set(each)) == 1 for each in values.values()) and not any(frame[key].null_count() for key in keys)
    if same:
        # The rule: all contracts of a stock are alike, and nothing has to be looked up by row.
        known = {name: pl.lit(each[0], dtype=SCHEMA[name]) for name, each in values.items()}
    else:
        table = told.with_columns(pl.Series(f"_{name}", each, dtype=SCHEMA[name]) for name, each in values.items())
        frame = frame.join(table, on=known_by, how="left", maintain_order="left")
        known = {name: pl.col(f"_{name}") for name in values}
    return frame.with_columns(
        (pl.coalesce(pl.col(name).cast(SCHEMA[name]), expression) if name in frame.columns else expression).alias(name)
        for name, expression in known.items()
    )


def _problems(frame: pl.DataFrame, calendar: Calendar) -> list[str]:
    """Everything in which a complete, typed frame still breaks the contract."""
    problems = []
    required = [column.name for column in COLUMNS if not column.can_be_missing]
    nulls = {name: frame[name].null_count() for name in required}
    problems += [f"{count} rows without {name}" for name, count in nulls.items() if count]
    if frame["contract"].n_unique() < frame.height:
        doubled = frame.select("source", "session_date", "contract").is_duplicated()
        if doubled.any():
            problems.append(f"{doubled.sum()} rows share a contract, such as {frame.filter(doubled)['contract'][0]}")
    from_zero = [column.name for column in COLUMNS if column.low == 0]
    least = {name: frame[name].min() for name in from_zero}
    negative = [name for name, value in least.items() if value is not None and value < 0]  # type: ignore[operator]
    problems += [f"{(frame[name] < 0).sum()} rows with a negative {name}" for name in negative]
    beyond = [day for day in distinct(frame["session_date"]) if day is not None and not calendar.is_covered(day)]
    if beyond:
        problems.append(f"labelled {min(beyond)}, outside the exchange's calendar, which knows {FIRST} to {LAST}")
    return problems
