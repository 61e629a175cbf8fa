"""A rule in plain words, and why it did or did not fire on the rows nearest to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from scanner import fields
from scanner.fields import SCOPES
from scanner.ruleset import compile as compiled
from scanner.ruleset.expressions import (
    Arithmetic,
    Atom,
    Both,
    Call,
    Comparison,
    Condition,
    Either,
    FieldReference,
    Flag,
    Membership,
    Negation,
    Negative,
    Node,
    Number,
    Text,
    Truth,
    atoms,
    references,
)
from scanner.ruleset.model import HISTORY, Rule
from scanner.ruleset.rows import select_rows

_SIGNS = {"==": "is", "!=": "is not", "<": "is less than", "<=": "is at most", ">": "is more than", ">=": "is at least"}
_FUNCTIONS = {"abs": "the size of", "log10": "log10 of", "min": "the smallest of", "max": "the largest of"}


def in_words(rule: Rule) -> list[str]:
    """What a rule does, a line each, indented by two spaces a level."""
    lines = [f"{rule.title} ({rule.id}, {rule.status}, {rule.severity})", rule.why, ""]
    lines.append(f"It looks at each {rule.scope}, {SCOPES[rule.scope].meaning}, and fires where")
    lines += list(_lines(rule.condition, 1))
    lines.append("")
    if rule.needs_history:
        lines.append(f"It needs {rule.needs_history} good sessions of the underlying; before that it is not judged.")
    if rule.hold_scans > 1:
        lines.append(f"It must hold for {rule.hold_scans} scans in a row.")
    if rule.drivers is not None and rule.drivers.where is not None:
        fewest = f"at least {rule.drivers.at_least} of " if rule.drivers.at_least else ""
        lines.append(f"It names {fewest}the contracts that did it, those where")
        lines += list(_lines(rule.drivers.where, 1))
    if rule.cooldown is not None:
        count = rule.cooldown.count
        lines.append(f"Once told, it is not told again for {count} {rule.cooldown.unit}{'' if count == 1 else 's'}.")
    if rule.limit is not None:
        lines.append(f"It raises at most {rule.limit} alerts a session.")
    if rule.calibrated:
        lines.append(
            "It rests on a calibrated chance: what it finds is ranked by how seldom as much comes on the list."
        )
    if rule.measured:
        lines.append(f"Measured: {rule.measured}")
    lines += [f"It may be wrong on: {reason}" for reason in rule.false_positives]
    lines += [f"Left out by the filter {item.id}: {item.why}" for item in rule.filters]
    lines += ["", "The fields it looks at:"]
    lines += [f"  {use.column}: {use.field.meaning}" + _missing(use) for use in rule.fields]
    return lines


def _missing(use: FieldReference) -> str:
    return f"; missing: {use.field.null}" if use.field.null else ""


def _lines(node: Condition, depth: int) -> Iterator[str]:
    indent = "  " * depth
    match node:
        case Both() | Either():
            yield f"{indent}{'all of these hold:' if isinstance(node, Both) else 'at least one of these holds:'}"
            for part in node.parts:
                yield from _lines(part, depth + 1)
        case Negation():
            yield f"{indent}this does not hold:"
            yield from _lines(node.part, depth + 1)
        case Comparison():
            yield indent + " and ".join(
                f"{_words(left)} {_SIGNS[sign]} {_words(right)}"
                for left, sign, right in zip(node.operands, node.signs, node.operands[1:], strict=False)
            )
        case Membership():
            options = ", ".join(str(option.value) for option in node.options)
            yield f"{indent}{_words(node.operand)} is {'none' if node.negated else 'one'} of {options}"
        case Flag():
            yield f"{indent}{_words(node.operand)} is true"


def _words(node: Node) -> str:  # noqa: PLR0911 - one return a kind of node
    match node:
        case Number():
            return f"{node.value:,}" if float(node.value).is_integer() else f"{node.value:g}"
        case Text() | Truth():
            return str(node.value)
        case FieldReference():
            return node.column
        case Negative():
            return f"minus {_words(node.operand)}"
        case Arithmetic():
            return f"({_words(node.left)} {node.sign} {_words(node.right)})"
        case Call():
            return f"{_FUNCTIONS[node.function]} {', '.join(_words(item) for item in node.arguments)}"
    return ""


@dataclass(frozen=True, slots=True)
class Checked:
    """One condition on one row: its text, the values it looked at, and whether it held (None: unknown)."""

    text: str
    values: Mapping[str, object]
    verdict: bool | None


@dataclass(frozen=True, slots=True)
class Traced:
    """One row and how every condition of a rule came out on it; ``verdict`` is that of the whole."""

    identity: str
    verdict: bool | None
    checked: tuple[Checked, ...]


def trace(rule: Rule, frames: Mapping[str, pl.DataFrame], limit: int = 3) -> list[Traced]:
    """The rows on which a rule fires or comes nearest to it: those with the fewest conditions that do not hold."""
    if rule.scope not in frames:
        return []
    parts = list(dict.fromkeys(atoms(rule.condition)))
    if rule.history is not None:
        parts.insert(0, rule.history)
    identity = [FieldReference(fields.of(rule.scope)[name]) for name in rule.identity]
    ranks = references(rule.rank_by) if rule.rank_by is not None else []
    rows = select_rows(rule.scope, frames, [*identity, *rule.fields, *ranks, HISTORY]).frame
    numbers = [str(number) for number in range(len(parts))]
    verdicts = rows.select(
        compiled.operand(rule.rank_by or Number(0)).cast(pl.Float64).alias("rank"),
        compiled.condition(rule.condition).alias("whole"),
        *(compiled.condition(part).alias(number) for number, part in zip(numbers, parts, strict=True)),
    )
    nearest = verdicts.with_row_index("row").select(
        "row",
        fires=pl.col("whole").fill_null(value=False),
        held=pl.sum_horizontal(pl.col(numbers).cast(pl.Int32)),
        unknown=-pl.sum_horizontal(pl.col(numbers).is_null().cast(pl.Int32)),
        rank=pl.col("rank"),
    )
    chosen = nearest.sort("fires", "held", "unknown", "rank", descending=True, nulls_last=True).head(limit)["row"]
    return [_traced(rule, parts, rows.row(row, named=True), verdicts.row(row, named=True)) for row in chosen]


def _traced(rule: Rule, parts: list[Atom], row: Mapping[str, object], verdict: Mapping[str, bool | None]) -> Traced:
    checked = tuple(
        Checked(part.text, {use.column: row[use.column] for use in references(part)}, verdict[str(number)])
        for number, part in enumerate(parts)
    )
    identity = " ".join(str(row[name]) for name in rule.identity)
    whole = None if rule.history is not None and checked[0].verdict is not True else verdict["whole"]
    return Traced(identity, whole, checked)
