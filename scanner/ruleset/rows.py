"""The rows a set of rules looks at: the scope's own columns, and those of wider scopes beside them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from scanner import fields
from scanner.fields import SCOPES, Field, Kind
from scanner.fields.columns import dtype as dtype_of
from scanner.ruleset.expressions import FieldReference


@dataclass(frozen=True, slots=True)
class Rows:
    """Some rows of a scope. Every wanted column is there, in its dictionary dtype, with null for what is missing.

    ``absent`` names the columns that no frame had, which are null in every row.
    """

    frame: pl.DataFrame
    absent: frozenset[str]


def select_rows(
    scope: str,
    frames: Mapping[str, pl.DataFrame],
    wanted: Sequence[FieldReference],
    gate: pl.Expr | None = None,
) -> Rows:
    """The rows of a scope that pass a gate, with the wanted fields of it and of wider scopes, NaN made null."""
    own = frames[scope]
    keys = [name for name in _key_columns(scope) if name in own.columns]
    columns = list(dict.fromkeys([*keys, *(item.field.name for item in wanted if not item.qualifier)]))
    # Taken by their names columns are no query, of which each costs a small chain more than all that is in it.
    chosen = own[[name for name in columns if name in own.columns]]
    if gate is not None:
        chosen = chosen[own.select(gate).to_series().arg_true()]
    for qualifier in dict.fromkeys(item.qualifier for item in wanted if item.qualifier):
        names = [item.field.name for item in wanted if item.qualifier == qualifier]
        chosen = _beside(chosen, qualifier, frames.get(qualifier), names)
    absent = frozenset(item.column for item in wanted if item.column not in chosen.columns)
    schema = chosen.schema
    typed = {name: field for name, field in _fields(scope, wanted).items() if name in schema}
    return Rows(
        chosen.with_columns(
            pl.col([name for name, field in typed.items() if field.numeric and schema[name].is_float()]).fill_nan(None),
            *(_converted(name, field, schema[name]) for name, field in typed.items() if _is_other(field, schema[name])),
            *(pl.lit(None, dtype_of(item.field)).alias(item.column) for item in wanted if item.column in absent),
        ),
        absent,
    )


def available(scope: str, frames: Mapping[str, pl.DataFrame]) -> frozenset[str]:
    """The numeric fields of a scope that its frame really has as numbers, so that a floor on them can be tested."""
    known = fields.of(scope)
    schema = frames[scope].schema
    return frozenset(name for name, dtype in schema.items() if name in known and dtype.is_numeric())


def _key_columns(scope: str) -> list[str]:
    """What identifies a row, and what joins it to every wider scope."""
    wider = [key for name in SCOPES[scope].wider for key in SCOPES[name].keys if key in fields.of(scope)]
    return list(dict.fromkeys([*SCOPES[scope].keys, *wider]))


def _fields(scope: str, wanted: Iterable[FieldReference]) -> dict[str, Field]:
    keys = {name: fields.of(scope)[name] for name in _key_columns(scope)}
    return {**keys, **{item.column: item.field for item in wanted}}


def _beside(rows: pl.DataFrame, qualifier: str, wide: pl.DataFrame | None, names: Sequence[str]) -> pl.DataFrame:
    """Join columns of a wider scope, named ``scope.field``; a scope or column that is not there adds nothing."""
    if wide is None:
        return rows
    present = {f"{qualifier}.{name}": pl.col(name) for name in names if name in wide.columns}
    if qualifier == "market":
        everything = wide.filter(pl.col("segment").cast(pl.String) == "all") if "segment" in wide.columns else wide
        values = everything.select(**present).head(1).row(0) if present and everything.height else ()
        schema = wide.schema
        return rows.with_columns(
            pl.lit(value, dtype=schema[name.partition(".")[2]]).alias(name)
            for name, value in zip(present, values, strict=False)
        )
    keys = [key for key in SCOPES[qualifier].keys if key in wide.columns and key in rows.columns]
    if not present or len(keys) < len(SCOPES[qualifier].keys):
        return rows
    columns = [*(wide[key] for key in keys), *(wide[name.partition(".")[2]].alias(name) for name in present)]
    right = pl.DataFrame(columns).unique(subset=keys, keep="first")
    if any(right.schema[key] != rows.schema[key] for key in keys):
        right = right.with_columns(pl.col(key).cast(rows.schema[key]) for key in keys)
    return rows.join(right, on=keys, how="left", maintain_order="left")


def _is_other(field: Field, dtype: pl.DataType) -> bool:
    """Whether a column is of another kind than the dictionary says; of numbers any kind of number will do."""
    return dtype != dtype_of(field) and not (field.numeric and (dtype.is_float() or dtype.is_integer()))


def _converted(name: str, field: Field, dtype: pl.DataType) -> pl.Expr:
    """A column in the dictionary's kind: categories as text; a column of a wrong kind is missing."""
    if field.kind is Kind.text and dtype in (pl.Enum, pl.Categorical):
        return pl.col(name).cast(pl.String)
    return pl.col(name).cast(dtype_of(field), strict=False)
