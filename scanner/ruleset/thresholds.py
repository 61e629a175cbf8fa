"""The numbers that fields are held against, wherever they stand: behind a sum, a factor, a name, a ``min`` or ``max``.

Expressions are taken for what they are in a field or a sum of some: ``2 * x - 1 > 4`` holds ``x`` against 2.5. What is
no such sum - a product of fields, a logarithm - is held against nothing here.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import combinations, pairwise, product

from scanner.ruleset.expressions import (
    Arithmetic,
    Atom,
    Call,
    Comparison,
    FieldReference,
    Membership,
    Negative,
    Node,
    Number,
    walk,
)


@dataclass(frozen=True, slots=True)
class Threshold:
    """A number that a field is held against, or the sum of several fields, each by its share of it."""

    fields: tuple[FieldReference, ...]
    value: float


@dataclass(frozen=True, slots=True)
class _Sum:
    """A number plus fields times factors."""

    number: float
    factors: Mapping[FieldReference, float]

    def plus(self, other: _Sum, sign: int) -> _Sum:
        factors = dict(self.factors)
        for use, factor in other.factors.items():
            factors[use] = factors.get(use, 0.0) + sign * factor
        return _Sum(self.number + sign * other.number, {use: factor for use, factor in factors.items() if factor})

    def times(self, factor: float) -> _Sum:
        return _Sum(self.number * factor, {use: factor * own for use, own in self.factors.items() if factor})


def thresholds(atom: Atom) -> list[Threshold]:
    """The thresholds of a comparison or a membership, each once, in the order they are written."""
    return list(dict.fromkeys(_thresholds(atom)))


def _thresholds(atom: Atom) -> Iterator[Threshold]:
    for one, other in _held_against(atom):
        for left, right in product(_sums(one), _sums(other)):
            found = left.plus(right, -1)
            factors = list(found.factors.values())
            if len(factors) == 1:
                yield Threshold(tuple(found.factors), -found.number / factors[0])
            elif factors:
                yield Threshold(tuple(found.factors), abs(found.number) / math.fsum(map(abs, factors)))


def _held_against(atom: Atom) -> Iterator[tuple[Node, Node]]:
    """Pairs of expressions of which it matters which is larger; ``min`` and ``max`` compare their arguments too."""
    if isinstance(atom, Comparison):
        yield from pairwise(atom.operands)
    elif isinstance(atom, Membership):
        yield from ((atom.operand, option) for option in atom.options)
    for node in walk(atom):
        if isinstance(node, Call):
            yield from combinations(node.arguments, 2)


def _sums(node: Node) -> list[_Sum]:
    """What an expression may be: a sum for each argument that ``min`` or ``max`` may choose; none where it is none."""
    match node:
        case Number():
            return [_Sum(float(node.value), {})]
        case FieldReference():
            return [_Sum(0.0, {FieldReference(node.field, node.qualifier): 1.0})]
        case Negative():
            return [own.times(-1.0) for own in _sums(node.operand)]
        case Arithmetic():
            return [
                found
                for left, right in product(_sums(node.left), _sums(node.right))
                if (found := _combined(left, node.sign, right)) is not None
            ]
        case Call(function="min" | "max" | "abs"):
            return [own for argument in node.arguments for own in _sums(argument)]
    return []


def _combined(left: _Sum, sign: str, right: _Sum) -> _Sum | None:
    if sign in ("+", "-"):
        return left.plus(right, 1 if sign == "+" else -1)
    if sign == "*" and not (left.factors and right.factors):
        return right.times(left.number) if right.factors else left.times(right.number)
    if sign == "/" and not right.factors and right.number:
        return left.times(1.0 / right.number)
    return None
