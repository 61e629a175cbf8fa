"""Do the two sides of every comparison fit together? Kinds (number, text, date, yes/no) and units are checked.

Pure numbers (fractions, ratios, chances, counts) compare with each other; anything else only with its own unit. A
number as written takes whatever unit it meets. Multiplication and division combine units, so ``premium / volume`` is
dollars per contract.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field

from scanner.fields import Kind, Unit
from scanner.ruleset.expressions import (
    Arithmetic,
    Both,
    Call,
    Comparison,
    Either,
    ExpressionError,
    FieldReference,
    Flag,
    Membership,
    Negation,
    Negative,
    Node,
    Number,
    Text,
    Truth,
)
from scanner.ruleset.problems import nearest

Dimensions = Mapping[str, int]
_PURE = (Unit.none, Unit.fraction, Unit.ratio, Unit.chance, Unit.counted, Unit.shares)
_OF_UNIT: Mapping[Unit, Dimensions] = {
    **{unit: {unit.value: 1} for unit in Unit if unit not in _PURE},
    **{unit: {} for unit in _PURE},
    Unit.per_contract: {Unit.contracts.value: -1},
}


@dataclass(frozen=True, slots=True)
class _Type:
    """What an expression yields. ``dimensions`` is None for a bare number, which fits any unit."""

    kind: Kind
    dimensions: Dimensions | None = field(default_factory=dict)
    choices: tuple[str, ...] = ()
    written: str | None = None

    @property
    def numeric(self) -> bool:
        return self.kind in (Kind.number, Kind.integer)

    def __str__(self) -> str:
        if not self.numeric:
            return {Kind.flag: "yes/no", Kind.instant: "an instant", Kind.date: "a date"}.get(self.kind, "text")
        if self.dimensions is None:
            return "a plain number"
        over = [name for name, power in self.dimensions.items() for _ in range(power)]
        under = [name for name, power in self.dimensions.items() for _ in range(-power)]
        return (" x ".join(over) or "a pure number") + "".join(f" / {name}" for name in under)


def check(node: Node) -> list[ExpressionError]:
    """Everything in an expression that does not fit together."""
    problems: list[ExpressionError] = []
    _Checker(problems).type_of(node)
    return problems


class _Checker:
    def __init__(self, problems: list[ExpressionError]) -> None:
        self.problems = problems

    def type_of(self, node: Node) -> _Type | None:  # noqa: PLR0911, PLR0912 - one branch a kind of node
        """The type of a node, or None where something below it was reported."""
        match node:
            case Number():
                return _Type(Kind.number, None)
            case Text():
                return _Type(Kind.text, written=node.value)
            case Truth():
                return _Type(Kind.flag)
            case FieldReference():
                return _Type(node.field.kind, _OF_UNIT[node.field.unit], node.field.choices)
            case Negative():
                return self._number(node.operand)
            case Arithmetic():
                return self._arithmetic(node)
            case Call():
                return self._call(node)
            case Comparison():
                for left, right, sign in zip(node.operands, node.operands[1:], node.signs, strict=False):
                    self._pair(left, right, sign, node.offset)
            case Membership():
                for option in node.options:
                    self._pair(node.operand, option, "==", node.offset)
            case Flag():
                self._flag(node)
            case Both() | Either():
                for part in node.parts:
                    self.type_of(part)
            case Negation():
                self.type_of(node.part)
        return _Type(Kind.flag)

    def _report(self, message: str, offset: int, mend: str = "") -> None:
        self.problems.append(ExpressionError(message, offset, mend))

    def _number(self, node: Node) -> _Type | None:
        found = self.type_of(node)
        if found is not None and not found.numeric:
            self._report(f"arithmetic needs numbers, and this is {found}", node.offset)
            return None
        return found

    def _arithmetic(self, node: Arithmetic) -> _Type | None:
        left, right = self._number(node.left), self._number(node.right)
        if left is None or right is None:
            return None
        if node.sign in "+-":
            return self._same(left, right, node.offset)
        sign = 1 if node.sign == "*" else -1
        if left.dimensions is None and right.dimensions is None:
            return left
        powers = dict(left.dimensions or {})
        for name, power in (right.dimensions or {}).items():
            powers[name] = powers.get(name, 0) + sign * power
        return _Type(Kind.number, {name: power for name, power in powers.items() if power})

    def _call(self, node: Call) -> _Type | None:
        found = [self._number(argument) for argument in node.arguments]
        known = [item for item in found if item is not None]
        if len(known) < len(found):
            return None
        if node.function == "log10":
            return _Type(Kind.number)
        result: _Type | None = known[0]
        for other in known[1:]:
            result = self._same(result, other, node.offset) if result else None
        return result

    def _same(self, left: _Type, right: _Type, offset: int) -> _Type | None:
        """The common type of two numbers that are added or compared, or None where their units differ."""
        if left.dimensions is None or right.dimensions is None or left.dimensions == right.dimensions:
            return right if left.dimensions is None else left
        self._report(f"units differ: {left} and {right}", offset, "compare like with like, or divide one by the other")
        return None

    def _flag(self, node: Flag) -> None:
        found = self.type_of(node.operand)
        if found is not None and found.kind is not Kind.flag:
            self._report(f"{node.text!r} is {found}, not a condition", node.offset, "compare it with something")

    def _pair(self, left: Node, right: Node, sign: str, offset: int) -> None:
        first, second = self.type_of(left), self.type_of(right)
        if first is None or second is None:
            return
        if first.numeric and second.numeric:
            self._same(first, second, offset)
            return
        if first.written is not None:
            first, second = second, first
        if second.written is not None and first.kind in (Kind.text, Kind.date, Kind.instant):
            self._literal(first, second.written, offset)
        elif first.kind is not second.kind:
            self._report(f"cannot compare {first} with {second}", offset)
            return
        if first.kind in (Kind.text, Kind.flag) and sign not in ("==", "!="):
            self._report(f"{sign} has no meaning for {first}", offset, "use ==, !=, in or not in")

    def _literal(self, found: _Type, written: str, offset: int) -> None:
        if found.kind is Kind.text:
            if found.choices and written not in found.choices:
                mend = nearest(written.upper(), found.choices, f"it is one of {', '.join(found.choices)}")
                self._report(f"{written!r} can never be the value", offset, mend)
            return
        parse = datetime.date if found.kind is Kind.date else datetime.datetime
        try:
            value = parse.fromisoformat(written)
        except ValueError:
            self._report(f"{written!r} is not {found}", offset, "write it as 2025-09-12")
            return
        if isinstance(value, datetime.datetime) and value.tzinfo is None:
            self._report(f"{written!r} does not say its time zone", offset, "end it with +00:00")
