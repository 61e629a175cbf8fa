"""Which missing fields left a condition unknown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import cast

import polars as pl

from scanner.ruleset import compile as compiled
from scanner.ruleset.expressions import ATOMS, Arithmetic, Both, Call, Condition, children, references, walk

NO_RESULT = "has no result (a division by zero, or a logarithm of zero or less)"


def missing_fields(condition: Condition, unknown: pl.DataFrame) -> dict[str | None, list[str]]:
    """For each underlying, what left a condition unknown in rows in which it is.

    Only what really decided is named: in ``a and (b or c)`` with ``b`` missing and ``c`` true, it is ``a``. The result
    holds column names, and for an atom whose arithmetic has no result its text and :data:`NO_RESULT`.
    """
    underlyings = unknown["underlying"].unique(maintain_order=True).to_list() if "underlying" in unknown else [None]
    nulls = {use.column: unknown[use.column].null_count() for use in references(condition)}
    missing = [name for name, count in nulls.items() if count]
    if len(missing) == 1 and nulls[missing[0]] == unknown.height:
        return dict.fromkeys(underlyings, missing)
    if _is_plain_conjunction(condition):
        return _among(unknown, {name: pl.col(name).is_null() for name in missing})
    return _decisive(condition, unknown)


def _is_plain_conjunction(node: Condition) -> bool:
    """Whether every atom must hold and none can lack a result: then each missing field of an unknown row decided."""
    if isinstance(node, Both):
        return all(_is_plain_conjunction(part) for part in node.parts)
    return isinstance(node, ATOMS) and not any(isinstance(inner, Arithmetic | Call) for inner in walk(node))


def _decisive(condition: Condition, unknown: pl.DataFrame) -> dict[str | None, list[str]]:
    causes: dict[str, pl.Expr] = {}
    for cause, decided in _causes(condition):
        causes[cause] = causes[cause] | decided if cause in causes else decided
    return _among(unknown, causes)


def _among(unknown: pl.DataFrame, causes: Mapping[str, pl.Expr]) -> dict[str | None, list[str]]:
    """The causes that are true in some row of each underlying."""
    key = pl.col("underlying").cast(pl.String) if "underlying" in unknown.columns else pl.lit(None, pl.String)
    flags = unknown.select(key.alias("underlying"), **{f"cause {n}": e for n, e in enumerate(causes.values())})
    table = flags.group_by("underlying", maintain_order=True).agg(pl.all().any())
    names = list(causes)
    return {row[0]: [name for name, hit in zip(names, row[1:], strict=True) if hit] for row in table.iter_rows()}


def _causes(node: Condition, above: pl.Expr | None = None) -> Iterator[tuple[str, pl.Expr]]:
    """Each possible cause below a node, with the rows in which it and everything above it is unknown."""
    unknown = compiled.condition(node).is_null()
    if above is not None:
        unknown &= above
    if not isinstance(node, ATOMS):
        for part in children(node):
            yield from _causes(cast("Condition", part), unknown)
        return
    columns = [reference.column for reference in references(node)]
    for column in columns:
        yield column, unknown & pl.col(column).is_null()
    if columns:
        complete = pl.all_horizontal(pl.col(column).is_not_null() for column in columns)
        yield f"{node.text} {NO_RESULT}", unknown & complete
