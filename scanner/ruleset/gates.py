"""A cheap first look that spares the full one for nearly all rows.

Most rules demand a floor (``volume >= 500``) that few rows reach. Where a floor is definitely missed the whole rule is
definitely false, whatever else is unknown, so such rows need no second look. The floors of many rules on one field
become one comparison with the lowest of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

import polars as pl

from scanner.ruleset.expressions import Both, Comparison, Condition, FieldReference, Number
from scanner.ruleset.model import Rule


def floors(condition: Condition) -> dict[str, float]:
    """The floors on fields of its own scope without which a condition is definitely false."""
    if isinstance(condition, Both):
        found: dict[str, float] = {}
        for part in condition.parts:
            for column, floor in floors(part).items():
                found[column] = max(floor, found.get(column, floor))
        return found
    if not isinstance(condition, Comparison):
        return {}
    pairs = zip(condition.operands, condition.signs, condition.operands[1:], strict=False)
    return {
        field.column: number.value
        for left, sign, right in pairs
        for field, number in [(left, right) if sign in (">", ">=") else (right, left)]
        if sign in (">", ">=", "<", "<=")
        and isinstance(field, FieldReference)
        and isinstance(number, Number)
        and not field.qualifier
    }


def split(rules: Sequence[Rule], available: frozenset[str]) -> list[tuple[pl.Expr | None, list[Rule]]]:
    """Group rules by how their rows are found: those that share a gate, and those that need every row (gate None).

    A gate keeps each row that reaches a floor, and each for which that is not known.
    """
    own = {id(rule): {c: f for c, f in floors(rule.condition).items() if c in available} for rule in rules}
    lowest: dict[str, float] = {}
    gated, ungated = [], []
    popularity = Counter(column for columns in own.values() for column in columns)
    for rule in rules:
        columns = own[id(rule)]
        if not columns:
            ungated.append(rule)
            continue
        column = max(columns, key=lambda name: (popularity[name], name))
        lowest[column] = min(columns[column], lowest.get(column, columns[column]))
        gated.append(rule)
    groups: list[tuple[pl.Expr | None, list[Rule]]] = [(None, ungated)] if ungated else []
    return [*groups, (gate(lowest, any_of=True), gated)] if gated else groups


def gate(lowest: Mapping[str, float], *, any_of: bool = False) -> pl.Expr | None:
    """Rows that reach all floors (or any of them), or for which that is not known; None without floors."""
    reached = [(pl.col(column) >= floor).fill_null(value=True) for column, floor in lowest.items()]
    if not reached:
        return None
    return pl.any_horizontal(reached) if any_of else pl.all_horizontal(reached)
