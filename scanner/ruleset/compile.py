"""Conditions to polars expressions.

Truth has three values: a comparison with a missing value is null, and polars' ``&``, ``|`` and ``~`` follow Kleene.
The frame must hold null where a value is missing, never NaN. Arithmetic is done in floats; a division by zero, the
logarithm of zero or less, and anything that is not a number are null. Infinities compare as what they are.
"""

from __future__ import annotations

import datetime
from functools import reduce
from operator import and_, eq, ge, gt, le, lt, ne, or_
from typing import TYPE_CHECKING, assert_never

import polars as pl

from scanner.fields import Kind
from scanner.market import symbology
from scanner.ruleset.expressions import (
    Arithmetic,
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
    Number,
    Operand,
    Text,
    Truth,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_COMPARE: dict[str, Callable[[pl.Expr, pl.Expr], pl.Expr]] = {
    "==": eq, "!=": ne, "<": lt, "<=": le, ">": gt, ">=": ge,
}  # fmt: skip
# Names are compared as they are written in every frame, however a rule spells them.
_SPELLED: dict[str, Callable[[str], str]] = {"underlying": symbology.ticker, "root": symbology.root_of}


def condition(node: Condition) -> pl.Expr:
    """A Boolean expression, null where the condition is unknown, over columns named as rules name fields."""
    match node:
        case Comparison():
            pairs = zip(node.signs, node.operands, node.operands[1:], strict=False)
            return reduce(and_, (_compare(sign, left, right) for sign, left, right in pairs))
        case Membership():
            found = reduce(or_, (_compare("==", node.operand, option) for option in node.options))
            return ~found if node.negated else found
        case Flag():
            return operand(node.operand)
        case Both():
            return reduce(and_, (condition(part) for part in node.parts))
        case Either():
            return reduce(or_, (condition(part) for part in node.parts))
        case Negation():
            return ~condition(node.part)
    assert_never(node)


def operand(node: object) -> pl.Expr:
    """An expression for a value, in the dtype of its column or literal; arithmetic yields floats."""
    match node:
        case Number():
            return pl.lit(int(node.value) if float(node.value).is_integer() else node.value)
        case Text() | Truth():
            return pl.lit(node.value)
        case FieldReference():
            return pl.col(node.column)
        case Negative() | Arithmetic() | Call():
            return _calculated(node)
    raise TypeError(f"{type(node).__name__} is not a value")


def _float(node: object) -> pl.Expr:
    return _column_of(node.value) if isinstance(node, Number) else operand(node).cast(pl.Float64)


def _column_of(value: float) -> pl.Expr:
    """A number as a whole column, for arithmetic.

    A literal would do, but where a condition is the same in every row polars 2.1 takes the result of an operation
    between a literal and it for one row (``pl.lit(0) == -pl.when(mask).then(0)`` has length 1).
    """
    return pl.repeat(float(value), pl.len(), dtype=pl.Float64)


def _calculated(node: Negative | Arithmetic | Call) -> pl.Expr:
    if isinstance(node, Negative):
        return -_float(node.operand)
    if isinstance(node, Call):
        return _call(node)
    left, right = _float(node.left), _float(node.right)
    match node.sign:
        case "+":
            result = left + right
        case "-":
            result = left - right
        case "*":
            result = left * right
        case "/":
            result = pl.when(right != 0).then(left / right)
    return result.fill_nan(None)


def _call(node: Call) -> pl.Expr:
    first, *others = (_float(argument) for argument in node.arguments)
    if node.function == "abs":
        return first.abs()
    if node.function == "log10":
        return pl.when(first > 0).then(first.log10())
    before = le if node.function == "min" else ge
    for other in others:
        # Not min_horizontal: that would pass over a missing value, and the smaller of 3 and unknown is unknown.
        first = pl.when(before(first, other)).then(first).when(other.is_not_null() & first.is_not_null()).then(other)
    return first


def _compare(sign: str, left: object, right: object) -> pl.Expr:
    return _COMPARE[sign](_side(left, right), _side(right, left))


def _side(node: object, other: object) -> pl.Expr:
    """One side of a comparison; a quoted date takes the dtype of the field it is compared with, a name its spelling."""
    if isinstance(node, Number) and isinstance(other, (Negative, Arithmetic, Call)):
        return _column_of(node.value)
    if isinstance(node, Text) and isinstance(other, FieldReference):
        if other.field.name in _SPELLED:
            return pl.lit(_SPELLED[other.field.name](node.value))
        if other.field.kind is Kind.date:
            return pl.lit(datetime.date.fromisoformat(node.value))
        if other.field.kind is Kind.instant:
            instant = datetime.datetime.fromisoformat(node.value).astimezone(datetime.UTC)
            return pl.lit(instant, dtype=pl.Datetime("us", "UTC"))
    return operand(node)


__all__ = ["Operand", "condition", "operand"]
