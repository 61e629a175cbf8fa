"""What the comparisons of a condition say about one field each: between which numbers it must lie."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from scanner.ruleset.expressions import Atom, Comparison, FieldReference, Number

_MIRRORED = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "==": "==", "!=": "!="}


@dataclass(frozen=True, slots=True)
class Interval:
    """The numbers an atom allows for a field; ``*_open`` where the end itself is not allowed."""

    reference: FieldReference
    low: float = -math.inf
    high: float = math.inf
    low_open: bool = False
    high_open: bool = False

    def within(self, other: Interval) -> bool:
        """Whether all of it lies in another."""
        above = self.low > other.low or (self.low == other.low and (self.low_open or not other.low_open))
        below = self.high < other.high or (self.high == other.high and (self.high_open or not other.high_open))
        return above and below

    def meets(self, other: Interval) -> bool:
        """Whether any number lies in both."""
        low, high = max(self.low, other.low), min(self.high, other.high)
        if low < high:
            return True
        ends_open = [
            is_open
            for item in (self, other)
            for end, is_open in ((item.low, item.low_open), (item.high, item.high_open))
            if end == low
        ]
        return low == high and not any(ends_open)


def intervals(atom: Atom) -> list[Interval]:
    """The intervals that an atom gives, one for each pair of a field and a number in it."""
    return list(_pairs(atom)) if isinstance(atom, Comparison) else []


def _pairs(atom: Comparison) -> Iterator[Interval]:
    for left, sign, right in zip(atom.operands, atom.signs, atom.operands[1:], strict=False):
        if isinstance(left, FieldReference) and isinstance(right, Number):
            yield from _interval(left, sign, right.value)
        elif isinstance(right, FieldReference) and isinstance(left, Number):
            yield from _interval(right, _MIRRORED[sign], left.value)


def _interval(reference: FieldReference, sign: str, value: float) -> Iterator[Interval]:
    match sign:
        case ">" | ">=":
            yield Interval(reference, low=value, low_open=sign == ">")
        case "<" | "<=":
            yield Interval(reference, high=value, high_open=sign == "<")
        case "==":
            yield Interval(reference, low=value, high=value)


def possible(reference: FieldReference) -> Interval:
    """The range of a field's true values."""
    return Interval(reference, reference.field.low, reference.field.high)
