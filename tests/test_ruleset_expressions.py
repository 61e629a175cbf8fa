"""The language of conditions: what is in it, what is refused and with which words, and that it means what it says.

The compiled expressions are checked against a slow interpreter written here from the definition of Kleene's logic, on
random conditions and random rows with nulls, NaN and infinities.
"""

from __future__ import annotations

import json
import math
import operator
import subprocess
import sys
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from scanner import fields
from scanner.fields.columns import column_dtype
from scanner.ruleset import compile as compiled
from scanner.ruleset import typecheck
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
    Names,
    Negation,
    Negative,
    Number,
    Text,
    Truth,
    parse,
    parse_condition,
    references,
)

NAMES = Names("contract")

REFUSED = {
    "volume >> 3": "not part of the language",
    "volume ** 2 > 4": "not part of the language",
    "volume % 2 == 0": "write 0.15 for 15 %",
    "volume > 5 & iv > 1": "write `and`",
    "volume > 5 | iv > 1": "write `or`",
    "volume = 5": "write == to compare",
    "volume > 5 AND iv > 1": "small letters",
    "volum > 5": "did you mean volume?",
    "iv30 > 5": "did you mean underlying.iv30?",
    "undrlying.iv30 > 1": "did you mean underlying?",
    "underlying.iv3 > 1": "did you mean underlying.iv30?",
    "contract.volume > 1": "write volume",
    "volume is None": "not part of the language",
    "__import__('os').system('true')": "not part of the language",
    "().__class__.__bases__": "not part of the language",
    "volume.real > 1": "does not see 'volume'",
    "open('x') == 1": "unknown function 'open'",
    "abs(volume, iv) > 1": "abs takes 1 value, not 2",
    "max(volume) > 1": "max takes 2 to 8 values, not 1",
    "max(*[volume], 1) > 1": "not part of the language",
    "abs(x=volume) > 1": "not part of the language",
    "[v for v in volume]": "not part of the language",
    "lambda: volume": "not part of the language",
    "(volume := 5) > 1": "not part of the language",
    "volume if otm else iv": "not part of the language",
    "volume in 5": "`in` needs a list",
    "volume in []": "`in` needs a list",
    "volume in [iv]": "plain numbers or quoted texts",
    "volume in unknown_list": "unknown list 'unknown_list'",
    "1 < volume in [1]": "cannot be chained",
    "volume + 1": "is a value, not a condition",
    "volume and otm": "'volume' is contracts, not a condition",
    "'C'": "is a value, not a condition",
    "volume > 1e99": "not a usable number",
    "volume > 1j": "not a usable number",
    "volume > b'1'": "not a usable number",
    "volume > ...": "not a usable number",
    "volume > None": "not a usable number",
    "f'{volume}' == 1": "not part of the language",
    "volume > iv": "units differ: contracts and volatility",
    "volume + premium > 3": "units differ: contracts and dollars",
    "max(volume, iv) > 1": "units differ",
    "volume > 'many'": "cannot compare contracts with text",
    "right == 'X'": "'X' can never be the value",
    "right == 'c'": "did you mean C?",
    "right > 'C'": "> has no meaning for text",
    "right + 1 > 2": "arithmetic needs numbers",
    "expiry == 'soon'": "'soon' is not a date",
    "quote_time > '2025-09-04T20:00'": "does not say its time zone",
    "new_strike > 1": "cannot compare yes/no with a plain number",
    "new_strike > True": "> has no meaning for yes/no",
    "": "cannot be read",
    "volume >": "cannot be read",
    "volume\\n > 1": "is not part of the language",
    "volume > 1;": "is not part of the language",
    "volume > 1 # note": "is not part of the language",
    "volume > \x00": "is not part of the language",
    "völume > 1": "is not part of the language",
    "(" * 30 + "volume" + ")" * 30 + " > 1": "brackets nested deeper",
    "not " * 40 + "otm": "nested deeper",
    "-" * 900 + "1 > volume": "nested deeper",
    "volume > 1 and " * 100 + "otm": "longer than",
}


@pytest.mark.parametrize(("text", "words"), REFUSED.items(), ids=lambda value: value[:30])
def test_what_is_not_in_the_language_is_refused_with_a_hint(text: str, words: str) -> None:
    problem = refusal(text)
    assert words in f"{problem}; {problem.mend}"


def refusal(text: str) -> ExpressionError:
    """Why a condition is refused; fails the test where it is not."""
    try:
        return typecheck.check(parse_condition(text, NAMES))[0]
    except ExpressionError as error:
        return error


ACCEPTED = [
    "1 <= dte <= 21",
    'right == "C" and not new_strike',
    'root not in ["SPX", "NDX"]',
    'expiry == "2025-09-12" or session_date < expiry',
    'quote_time > "2025-09-04T20:00+00:00"',
    "premium / volume > 150",
    "premium > volume * mid * multiplier * 0.9",
    "abs(spread_pct) >= log10(volume_oi) * 0.1 or iv > 2",
    "min(volume, open_interest, 500) == 500",
    "underlying.iv30 - underlying.hv_20 > 0.1",
    "strike.call_volume > 10 and strike > 5",
    "new_strike == True or otm != False",
    "-delta > 0.2",
    "dte in [0, 1, -1]",
    " volume\n  > 5",
]


@pytest.mark.parametrize("text", ACCEPTED)
def test_the_language_reads_fields_of_every_kind(text: str) -> None:
    assert typecheck.check(parse_condition(text, NAMES)) == []


def test_a_problem_points_at_the_character() -> None:
    with pytest.raises(ExpressionError) as caught:
        parse_condition("volume > 1 and volum > 2", NAMES)
    assert caught.value.offset == 15


def test_named_expressions_cannot_grow_without_bound() -> None:
    """Each name doubles the one before: a dozen of them would be thousands of parts."""
    known: dict[str, Any] = {"n0": parse("volume > 1", NAMES)}
    for level in range(7):
        known[f"n{level + 1}"] = parse(f"n{level} and n{level}", Names("contract", known))
    with pytest.raises(ExpressionError, match="once its names are expanded"):
        parse("n7 and n7", Names("contract", known))


TRUTH_TABLE = [
    # a, b, a and b, a or b: Kleene 1952, three-valued strong logic; None is unknown.
    (True, True, True, True),
    (True, False, False, True),
    (True, None, None, True),
    (False, True, False, True),
    (False, False, False, False),
    (False, None, False, None),
    (None, True, None, True),
    (None, False, False, None),
    (None, None, None, None),
]


@pytest.mark.parametrize(("a", "b", "both", "either"), TRUTH_TABLE)
def test_and_or_not_follow_kleene(a: bool | None, b: bool | None, both: bool | None, either: bool | None) -> None:
    frame = pl.DataFrame({"otm": [a], "new_strike": [b]}, schema={"otm": pl.Boolean(), "new_strike": pl.Boolean()})

    def value(text: str) -> bool | None:
        return frame.select(compiled.condition(parse_condition(text, NAMES)).alias("v"))["v"][0]

    assert value("otm and new_strike") is both
    assert value("otm or new_strike") is either
    assert value("not otm") is (None if a is None else not a)


NUMBERS = ("volume", "open_interest", "dte", "iv", "moneyness", "delta")
OPERATIONS = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}


def interpret(node: Any, row: dict[str, Any]) -> Any:
    """The value of an expression in one row, None where it is unknown: the definition, with no vectors in it."""
    match node:
        case Number() | Text() | Truth():
            return node.value
        case FieldReference():
            value = row[node.column]
            return None if isinstance(value, float) and math.isnan(value) else value
        case Flag():
            return interpret(node.operand, row)
        case Negative():
            value = interpret(node.operand, row)
            return None if value is None else -float(value)
        case Arithmetic():
            return _calculate(node.sign, interpret(node.left, row), interpret(node.right, row))
        case Call():
            return _call(node.function, [interpret(argument, row) for argument in node.arguments])
        case Comparison():
            values = [interpret(operand, row) for operand in node.operands]
            pairs = zip(node.signs, values, values[1:], strict=False)
            return _all([None if a is None or b is None else OPERATIONS[sign](a, b) for sign, a, b in pairs])
        case Membership():
            value = interpret(node.operand, row)
            found = None if value is None else value in [option.value for option in node.options]
            return None if found is None else found != node.negated
        case Both():
            return _all([interpret(part, row) for part in node.parts])
        case Either():
            inverted = _all([_not(interpret(part, row)) for part in node.parts])
            return _not(inverted)
        case Negation():
            return _not(interpret(node.part, row))
    raise TypeError(type(node).__name__)


def _all(values: list[bool | None]) -> bool | None:
    return False if False in values else None if None in values else True


def _not(value: bool | None) -> bool | None:
    return None if value is None else not value


def _calculate(sign: str, left: Any, right: Any) -> float | None:
    if left is None or right is None or (sign == "/" and right == 0):
        return None
    left, right = float(left), float(right)
    result = left / right if sign == "/" else OPERATIONS[sign](left, right)
    return None if math.isnan(result) else result


def _call(function: str, values: list[Any]) -> float | None:
    if None in values or (function == "log10" and values[0] <= 0):
        return None
    if function == "log10":
        return math.inf if values[0] == math.inf else math.log10(values[0])
    return {"abs": lambda items: abs(float(items[0])), "min": min, "max": max}[function](values)


literals = st.one_of(
    st.integers(-3, 30).map(float),
    st.floats(-1e6, 1e6, allow_nan=False, allow_subnormal=False),
).map(Number)
references_ = st.sampled_from([FieldReference(fields.of("contract")[name]) for name in NUMBERS])
values = st.recursive(
    st.one_of(literals, references_),
    lambda inner: st.one_of(
        st.builds(Negative, inner),
        st.builds(Arithmetic, st.sampled_from("+-*/"), inner, inner),
        st.builds(Call, st.just("abs"), st.tuples(inner)),
        st.builds(Call, st.sampled_from(["min", "max"]), st.tuples(inner, inner)),
    ),
    max_leaves=6,
)
signs = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
comparisons = st.one_of(
    st.builds(lambda sign, a, b: Comparison((sign,), (a, b), "c"), signs, values, values),
    st.builds(lambda s, t, a, b, c: Comparison((s, t), (a, b, c), "c"), signs, signs, values, values, values),
    st.builds(
        Membership, references_, st.lists(literals, min_size=1, max_size=3).map(tuple), st.booleans(), st.just("m")
    ),
    st.builds(Flag, st.just(FieldReference(fields.of("contract")["otm"])), st.just("f")),
    st.builds(Flag, st.booleans().map(Truth), st.just("t")),
)
conditions = st.recursive(
    comparisons,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: Both(tuple(parts))),
        st.lists(inner, min_size=1, max_size=3).map(lambda parts: Either(tuple(parts))),
        st.builds(Negation, inner),
    ),
    max_leaves=6,
)
integers = st.one_of(st.none(), st.integers(-5, 30), st.integers(0, 10**9))
floats = st.one_of(st.none(), st.sampled_from([0.0, -0.0, 1.0, math.inf, -math.inf, math.nan]), st.floats(-1e9, 1e9))
rows = st.fixed_dictionaries(
    {
        **{name: floats if fields.of("contract")[name].kind == "number" else integers for name in NUMBERS},
        "otm": st.one_of(st.none(), st.booleans()),
    }
)


@settings(max_examples=400, deadline=None)
@example(parse_condition("0 == -min(0, volume)", NAMES), [{**dict.fromkeys(NUMBERS), "otm": None}] * 2)
@given(conditions, st.lists(rows, min_size=1, max_size=6))
def test_compiled_conditions_agree_with_a_slow_interpreter(condition: Any, table: list[dict[str, Any]]) -> None:
    known = fields.of("contract")
    frame = pl.DataFrame(
        {name: pl.Series([row[name] for row in table], dtype=column_dtype(known[name])) for name in (*NUMBERS, "otm")}
    ).with_columns(pl.col(pl.Float64).fill_nan(None))
    found = frame.select(pl.int_range(pl.len()), v=compiled.condition(condition))["v"].to_list()
    assert found == [interpret(condition, row) for row in table]


@settings(max_examples=500, deadline=None)
@given(st.text(max_size=120))
def test_any_text_is_parsed_or_refused_and_nothing_else_happens(text: str) -> None:
    outcome = attempt(text)
    assert isinstance(outcome, (str, list))


WORDS = """
volume iv underlying.iv30 dte right 'C' 500 1e9 and or not in [1,2] ( ) , + - * / < <= == > abs( max( min( log10( .
if else lambda : = [ ] True None f'x' b'y' __class__ import await yield ** // @ ~ ...
"""
fragments = st.sampled_from(WORDS.split())


@settings(max_examples=1_500, deadline=None)
@given(st.lists(fragments, max_size=40).map(" ".join))
def test_any_sequence_of_words_is_parsed_or_refused(text: str) -> None:
    outcome = attempt(text)
    assert isinstance(outcome, (str, list))


WATCHED = """
import sys, json
from scanner.ruleset.expressions import ExpressionError, Names, parse
from scanner.document import DocumentError, parse as document
def attempt(read, text, *names):
    try: read(text, *names)
    except (ExpressionError, DocumentError): pass
texts, seen, on = json.load(sys.stdin), [], False
attempt(parse, "volume > 1 and", Names("contract")); attempt(document, "a: [b, {c: d}]"); attempt(document, "a: [")
sys.addaudithook(lambda event, arguments: seen.append(event) if on else None)
on = True
for text in texts: attempt(parse, text, Names("contract")); attempt(document, text); attempt(document, "when: " + text)
on = False
print(*sorted(set(seen)))
"""


def test_no_condition_opens_a_file_or_reaches_evaluation() -> None:
    """Python's own audit events tell: its parser is asked for a syntax tree (`compile`), its libraries look at frames
    and attributes of their own, and nothing is opened, imported, executed or started."""
    texts = [*REFUSED, *ACCEPTED, "!!python/object/apply:os.system [true]", "!include /etc/passwd", "*anchor", "<<: *a"]
    ran = subprocess.run(
        [sys.executable, "-c", WATCHED], input=json.dumps(texts), capture_output=True, text=True, check=True
    )
    harmless = {"compile", "sys._getframe", "object.__getattr__"}
    assert "compile" in ran.stdout
    assert set(ran.stdout.split()) - harmless == set()


def attempt(text: str) -> str | list[str]:
    """What came of a text: the reason it was refused, or the columns it looks at. Anything else escapes."""
    try:
        node = parse(text, NAMES)
    except ExpressionError as error:
        return str(error)
    typecheck.check(node)
    return [use.column for use in references(node)]
