"""The language of conditions: Python's comparison syntax over documented fields, and nothing else.

A condition is parsed by :mod:`ast` into Python's syntax tree and from there, node by node, into the small tree below.
Whatever is not in the closed list is an error, so nothing a rule says is ever evaluated by Python. Length, nesting and
the size after names have been expanded are bounded.

    condition   comparison | membership | flag | not c | c and c | c or c
    comparison  number < number <= ...     == != < <= > >=, chained as in Python
    membership  value in [a, b]            value not in NAME, with NAME a shared list
    number      field | 12.5 | -n | n + n | n - n | n * n | n / n | abs(n) | log10(n) | min(n, ...) | max(n, ...)
    field       volume | underlying.iv30   a field of the rule's scope, or of a wider one
"""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal, cast

from scanner import fields
from scanner.fields import Field
from scanner.ruleset.problems import nearest

MAX_CHARACTERS = 1_000
MAX_DEPTH = 24
MAX_NODES = 1_000
MAX_NUMBER = 1e15
# Rules say the same over and over, and messages little else.
_TEXTS_HELD = 4_096
FUNCTIONS: Mapping[str, tuple[int, int]] = {"abs": (1, 1), "log10": (1, 1), "min": (2, 8), "max": (2, 8)}
"""Each function, with the fewest and the most arguments it takes."""
NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")

_ALLOWED = re.compile(r"[A-Za-z0-9_ .,()\[\]<>=!+\-*/\"':\n]*")
_ARITHMETIC: Mapping[type[ast.operator], ArithmeticSign] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}
_COMPARISON: Mapping[type[ast.cmpop], Sign] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip

ArithmeticSign = Literal["+", "-", "*", "/"]
Sign = Literal["==", "!=", "<", "<=", ">", ">="]


class ExpressionError(Exception):
    """An expression is not in the language. ``offset`` counts characters from its start; ``mend`` says what to do."""

    def __init__(self, message: str, offset: int = 0, mend: str = "") -> None:
        self.offset = offset
        self.mend = mend
        super().__init__(message)


@dataclass(frozen=True, slots=True)
class Number:
    """A number as written."""

    value: float
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Text:
    """A quoted text as written: a ticker, a right, or a date as YYYY-MM-DD."""

    value: str
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Truth:
    """``True`` or ``False`` as written."""

    value: bool
    offset: int = 0


@dataclass(frozen=True, slots=True)
class FieldReference:
    """A field of the rule's own scope (``qualifier`` empty) or of a wider one."""

    field: Field
    qualifier: str = ""
    offset: int = 0

    @property
    def column(self) -> str:
        """The name as a rule writes it, which is also the name of its column once wider scopes are joined."""
        return f"{self.qualifier}.{self.field.name}" if self.qualifier else self.field.name


@dataclass(frozen=True, slots=True)
class Negative:
    """``-x``."""

    operand: Node
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """``x + y`` and its like. Division by zero has no value."""

    sign: ArithmeticSign
    left: Node
    right: Node
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """``abs``, ``log10``, ``min`` or ``max``. The logarithm of zero or less has no value."""

    function: str
    arguments: tuple[Node, ...]
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    """``a < b <= c``: every neighbouring pair must hold. ``text`` is its source."""

    signs: tuple[Sign, ...]
    operands: tuple[Node, ...]
    text: str
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Membership:
    """``x in [a, b]`` or ``x not in [a, b]``. ``text`` is its source."""

    operand: Node
    options: tuple[Number | Text | Truth, ...]
    negated: bool
    text: str
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Flag:
    """A yes/no field, or ``True``/``False``, standing as a condition."""

    operand: FieldReference | Truth
    text: str
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Both:
    """All parts hold (``and``, ``all:``)."""

    parts: tuple[Condition, ...]
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Either:
    """At least one part holds (``or``, ``any:``)."""

    parts: tuple[Condition, ...]
    offset: int = 0


@dataclass(frozen=True, slots=True)
class Negation:
    """The part does not hold (``not``)."""

    part: Condition
    offset: int = 0


Atom = Comparison | Membership | Flag
Condition = Atom | Both | Either | Negation
Operand = Number | Text | Truth | FieldReference | Negative | Arithmetic | Call
Node = Condition | Operand
ATOMS = (Comparison, Membership, Flag)


@dataclass(frozen=True, slots=True)
class Names:
    """What names mean in one rule: the fields its scope sees, named sub-expressions, and shared lists."""

    scope: str
    expressions: Mapping[str, Node] = field(default_factory=dict)
    lists: Mapping[str, tuple[Number | Text | Truth, ...]] = field(default_factory=dict)

    def known(self) -> list[str]:
        """Every name that could have been meant."""
        wider = fields.SCOPES[self.scope].wider
        qualified = [f"{scope}.{name}" for scope in wider for name in fields.of(scope)]
        return [*self.expressions, *self.lists, *fields.of(self.scope), *qualified]


def children(node: Node) -> tuple[Node, ...]:  # noqa: PLR0911 - one return a kind of node
    """The nodes directly below a node."""
    match node:
        case Comparison():
            return node.operands
        case Membership() | Flag() | Negative():
            return (node.operand,)
        case Arithmetic():
            return (node.left, node.right)
        case Call():
            return node.arguments
        case Both() | Either():
            return node.parts
        case Negation():
            return (node.part,)
        case _:
            return ()


def walk(node: Node) -> Iterator[Node]:
    """A node and all below it, in the order they are written."""
    yield node
    for child in children(node):
        yield from walk(child)


def atoms(node: Node) -> Iterator[Atom]:
    """The comparisons, memberships and flags a condition is built from, in the order they are written."""
    return (part for part in walk(node) if isinstance(part, ATOMS))


def references(node: Node) -> list[FieldReference]:
    """The fields an expression looks at, each once, in the order of their first mention."""
    return list({part.column: part for part in walk(node) if isinstance(part, FieldReference)}.values())


def both(parts: Sequence[Condition], offset: int = 0) -> Condition:
    """All of several conditions; one alone stands for itself."""
    return parts[0] if len(parts) == 1 else Both(tuple(parts), offset)


def either(parts: Sequence[Condition], offset: int = 0) -> Condition:
    """Any of several conditions; one alone stands for itself."""
    return parts[0] if len(parts) == 1 else Either(tuple(parts), offset)


def parse_condition(text: str, names: Names) -> Condition:
    """Parse something that is true, false or unknown. Raises ExpressionError."""
    return _as_condition(parse(text, names), text.strip())


def parse(text: str, names: Names) -> Node:
    """Parse an expression of either sort. Raises ExpressionError."""
    text = text.replace("\n", " ")
    tree = _syntax(text)
    node = _Translator(text, names).translate(tree.body, 0)
    if sum(1 for _ in walk(node)) > MAX_NODES:
        raise ExpressionError(f"more than {MAX_NODES:,} parts once its names are expanded", mend="split the rule")
    return node


@lru_cache(_TEXTS_HELD)
def _syntax(text: str) -> ast.Expression:
    """Python's syntax tree of a text, with everything that could trouble the parser refused before it."""
    if len(text) > MAX_CHARACTERS:
        raise ExpressionError(f"longer than {MAX_CHARACTERS:,} characters", mend="split it with all:, any: or let:")
    strange = cast("re.Match[str]", _ALLOWED.match(text)).end()
    if strange < len(text):
        raise ExpressionError(f"{text[strange]!r} is not part of the language", strange, _mend_character(text[strange]))
    depth = 0
    for offset, character in enumerate(text):
        depth += (character in "([") - (character in ")]")
        if depth > MAX_DEPTH:
            raise ExpressionError(f"brackets nested deeper than {MAX_DEPTH}", offset, "simplify it with let:")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text.strip(), mode="eval")
    except SyntaxError as error:
        offset = max((error.offset or 1) - 1, 0)
        raise ExpressionError(f"cannot be read: {error.msg}", offset, _mend_syntax(text)) from error
    except (ValueError, RecursionError, MemoryError) as error:
        raise ExpressionError("cannot be read: too long or too deeply nested", mend="split the rule") from error


def _mend_character(character: str) -> str:
    return {"&": "write `and`", "|": "write `or`", "%": "write 0.15 for 15 %", "^": "powers are not in it"}.get(
        character, "use plain comparisons"
    )


def _mend_syntax(text: str) -> str:
    if re.search(r"(?<![<>=!])=(?!=)", text):
        return "write == to compare"
    if re.search(r"\b(AND|OR|NOT|IN)\b", text):
        return "write and, or, not, in with small letters"
    return "see the language section of docs/rules.md"


class _Translator:
    """Python's syntax tree to ours, refusing whatever is not in the language."""

    def __init__(self, text: str, names: Names) -> None:
        self.text = text.strip()
        self.shift = len(text) - len(text.lstrip())
        self.names = names

    def translate(self, tree: ast.expr, depth: int) -> Node:  # noqa: PLR0911 - one return a kind of node
        offset = self._offset(tree)
        if depth > MAX_DEPTH:
            raise ExpressionError(f"nested deeper than {MAX_DEPTH}", offset, "simplify it with let:")
        match tree:
            case ast.Constant():
                return self._constant(tree, offset)
            case ast.Name():
                return self._name(tree.id, offset)
            case ast.Attribute(value=ast.Name(id=qualifier), attr=name):
                return self._qualified(qualifier, name, offset)
            case ast.UnaryOp():
                return self._unary(tree, offset, depth)
            case ast.BinOp():
                return self._arithmetic(tree, offset, depth)
            case ast.BoolOp():
                parts = tuple(self._condition(part, depth) for part in tree.values)
                return Both(parts, offset) if isinstance(tree.op, ast.And) else Either(parts, offset)
            case ast.Compare():
                return self._comparison(tree, offset, depth)
            case ast.Call(func=ast.Name(id=function), args=arguments, keywords=[]):
                return self._call(function, arguments, offset, depth)
        raise ExpressionError(f"{self._source(tree)!r} is not part of the language", offset, "use plain comparisons")

    def _offset(self, tree: ast.expr) -> int:
        return self.shift + tree.col_offset if tree.lineno == 1 else 0

    def _source(self, tree: ast.expr) -> str:
        return re.sub(r"\s+", " ", self.text[tree.col_offset : tree.end_col_offset])

    def _condition(self, tree: ast.expr, depth: int) -> Condition:
        return _as_condition(self.translate(tree, depth + 1), self._source(tree))

    def _constant(self, tree: ast.Constant, offset: int) -> Node:
        value = tree.value
        if isinstance(value, bool):
            return Truth(value, offset)
        if isinstance(value, str):
            return Text(value, offset)
        if isinstance(value, (int, float)) and abs(value) <= MAX_NUMBER:
            return Number(value, offset)
        raise ExpressionError(f"{self._source(tree)[:40]} is not a usable number", offset)

    def _name(self, name: str, offset: int) -> Node:
        if name in self.names.expressions:
            return self.names.expressions[name]
        if name in self.names.lists:
            raise ExpressionError(f"{name} is a list", offset, f"write `field in {name}`")
        known = fields.of(self.names.scope)
        if name in known:
            return FieldReference(known[name], "", offset)
        raise ExpressionError(f"unknown field {name!r}", offset, self._suggestion(name))

    def _suggestion(self, name: str) -> str:
        for scope in fields.SCOPES[self.names.scope].wider:
            if name in fields.of(scope):
                return f"did you mean {scope}.{name}?"
        return nearest(name, self.names.known(), f"`scanner rules fields --scope {self.names.scope}` lists them")

    def _qualified(self, qualifier: str, name: str, offset: int) -> Node:
        own = self.names.scope
        wider = fields.SCOPES[own].wider
        if qualifier == own:
            raise ExpressionError(f"{qualifier}.{name} is this rule's own scope", offset, f"write {name}")
        if qualifier not in wider:
            mend = nearest(qualifier, wider, f"a rule of scope {own} sees {', '.join(wider) or 'no wider scope'}")
            raise ExpressionError(f"a rule of scope {own} does not see {qualifier!r}", offset, mend)
        known = fields.of(qualifier)
        if name not in known:
            qualified = [f"{qualifier}.{known_name}" for known_name in known]
            otherwise = f"`scanner rules fields --scope {qualifier}` lists them"
            mend = nearest(f"{qualifier}.{name}", qualified, otherwise)
            raise ExpressionError(f"unknown field {qualifier}.{name}", offset, mend)
        return FieldReference(known[name], qualifier, offset)

    def _unary(self, tree: ast.UnaryOp, offset: int, depth: int) -> Node:
        if isinstance(tree.op, ast.Not):
            return Negation(self._condition(tree.operand, depth), offset)
        if isinstance(tree.op, ast.USub):
            operand = self.translate(tree.operand, depth + 1)
            return Number(-operand.value, offset) if isinstance(operand, Number) else Negative(operand, offset)
        raise ExpressionError(f"{self._source(tree)!r} is not part of the language", offset)

    def _arithmetic(self, tree: ast.BinOp, offset: int, depth: int) -> Node:
        sign = _ARITHMETIC.get(type(tree.op))
        if sign is None:
            mend = "arithmetic is + - * /, and log10"
            raise ExpressionError(f"{self._source(tree)!r} is not part of the language", offset, mend)
        return Arithmetic(sign, self.translate(tree.left, depth + 1), self.translate(tree.right, depth + 1), offset)

    def _call(self, function: str, arguments: list[ast.expr], offset: int, depth: int) -> Node:
        if function not in FUNCTIONS:
            mend = nearest(function, FUNCTIONS, f"there are {', '.join(FUNCTIONS)}")
            raise ExpressionError(f"unknown function {function!r}", offset, mend)
        fewest, most = FUNCTIONS[function]
        if not fewest <= len(arguments) <= most:
            wanted = "1 value" if most == 1 else f"{fewest} to {most} values"
            raise ExpressionError(f"{function} takes {wanted}, not {len(arguments)}", offset)
        return Call(function, tuple(self.translate(argument, depth + 1) for argument in arguments), offset)

    def _comparison(self, tree: ast.Compare, offset: int, depth: int) -> Node:
        if any(isinstance(sign, (ast.In, ast.NotIn)) for sign in tree.ops):
            return self._membership(tree, offset, depth)
        if any(isinstance(sign, (ast.Is, ast.IsNot)) for sign in tree.ops):
            mend = "a missing value makes a rule `not judged` by itself; compare with == or !="
            raise ExpressionError("`is` is not part of the language", offset, mend)
        signs = tuple(_COMPARISON[type(sign)] for sign in tree.ops)
        operands = tuple(self.translate(operand, depth + 1) for operand in (tree.left, *tree.comparators))
        return Comparison(signs, operands, self._source(tree), offset)

    def _membership(self, tree: ast.Compare, offset: int, depth: int) -> Node:
        if len(tree.ops) != 1:
            raise ExpressionError("`in` cannot be chained", offset, "join two conditions with `and`")
        options = tree.comparators[0]
        operand = self.translate(tree.left, depth + 1)
        return Membership(
            operand, self._options(options), isinstance(tree.ops[0], ast.NotIn), self._source(tree), offset
        )

    def _options(self, tree: ast.expr) -> tuple[Number | Text | Truth, ...]:
        offset = self._offset(tree)
        if isinstance(tree, ast.Name):
            if tree.id not in self.names.lists:
                mend = nearest(tree.id, self.names.lists, "shared lists stand under `lists:` in macros.yaml")
                raise ExpressionError(f"unknown list {tree.id!r}", offset, mend)
            return self.names.lists[tree.id]
        if not isinstance(tree, ast.List) or not tree.elts:
            raise ExpressionError("`in` needs a list", offset, 'write `in ["SPX", "NDX"]`')
        options = []
        for element in tree.elts:
            option = self.translate(element, 0) if isinstance(element, (ast.Constant, ast.UnaryOp)) else None
            if not isinstance(option, (Number, Text, Truth)):
                raise ExpressionError("a list holds plain numbers or quoted texts", self._offset(element))
            options.append(option)
        return tuple(options)


def _as_condition(node: Node, source: str) -> Condition:
    """A node that can stand as a condition; a bare value is taken as a flag, whose kind the type check judges."""
    if isinstance(node, (Comparison, Membership, Flag, Both, Either, Negation)):
        return node
    if isinstance(node, (FieldReference, Truth)):
        return Flag(node, source, node.offset)
    raise ExpressionError(f"{source!r} is a value, not a condition", node.offset, "compare it with something")
