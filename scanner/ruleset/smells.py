"""Smells that can be seen in a rule as it is written, one class each: what it is, how bad, and why.

Adding a smell is adding a class here and a row to its test. The reasons are shown by ``scanner rules check --explain``
and stand in ``docs/rules.md``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from itertools import combinations, pairwise
from typing import ClassVar

from scanner.fields import SCOPES, Unit
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
    Negation,
    Node,
    Number,
    Truth,
    atoms,
    children,
    references,
    walk,
)
from scanner.ruleset.intervals import Interval, intervals, possible
from scanner.ruleset.model import Rule
from scanner.ruleset.problems import Level, Problem
from scanner.ruleset.thresholds import Threshold, thresholds

_LEVELS = (Unit.contracts, Unit.dollars, Unit.shares)


class Smell(ABC):
    """One kind of mistake: a stable code, how bad it is, and the reason in a sentence."""

    code: ClassVar[str]
    level: ClassVar[Level] = "warning"
    reason: ClassVar[str]

    @abstractmethod
    def find(self, rule: Rule) -> Iterator[tuple[str, str]]:
        """What is wrong and how to mend it, for each occurrence."""


class ImpliedCondition(Smell):
    """A condition that another one makes superfluous."""

    code = "implied-condition"
    reason = (
        "A condition that another one already implies decides nothing. Where the gate is also the signal, every row "
        "that passes the gate is flagged."
    )

    def find(self, rule: Rule) -> Iterator[tuple[str, str]]:
        """Pairs within one ``all`` or ``any``."""
        for group in walk(rule.condition):
            if not isinstance(group, (Both, Either)):
                continue
            parts = _flat(group)
            for first, second in combinations(parts, 2):
                weak = _implied(first, second) if isinstance(group, Both) else _implied(second, first)
                back = _implied(second, first) if isinstance(group, Both) else _implied(first, second)
                if weak or back:
                    idle, decides = (first, second) if weak else (second, first)
                    yield f"`{_text(idle)}` is implied by `{_text(decides)}`", "leave it out, or ask for something else"


class ConstantCondition(Smell):
    """A condition that is always or never true."""

    code = "constant-condition"
    reason = "A condition that looks at no field, compares a field with itself, or contradicts another, is a constant."

    def find(self, rule: Rule) -> Iterator[tuple[str, str]]:
        """Atoms without a field or with twice the same side, and contradictions within one ``all``."""
        for atom in atoms(rule.condition):
            sides = atom.operands if isinstance(atom, Comparison) else ()
            same = any(_same(left, right) for left, right in pairwise(sides))
            if not references(atom) or (isinstance(atom, Flag) and isinstance(atom.operand, Truth)) or same:
                yield f"`{atom.text}` is always the same", "leave it out"
        for group in walk(rule.condition):
            if isinstance(group, Both):
                for first, second in combinations([part for part in _flat(group) if isinstance(part, Comparison)], 2):
                    if _contradict(first, second):
                        yield f"`{first.text}` and `{second.text}` are never true together", "mend one of them"


class RatioWithoutFloor(Smell):
    """A ratio whose denominator may be next to nothing."""

    code = "ratio-without-floor"
    reason = (
        "A ratio to nearly nothing is large by chance: without a floor on its denominator it flags whatever is thin."
    )

    def find(self, rule: Rule) -> Iterator[tuple[str, str]]:
        """Divisions, and fields that are ratios, where no floor stands beside them."""
        floors = {item.reference.column for atom in _required(rule.condition) for item in _floors(atom)}
        for use in rule.fields:
            names = _denominator(use)
            if names and floors.isdisjoint(names):
                yield f"{use.column} has no floor on its denominator", f"add `{names[0]} >= ...`"
        for node in walk(rule.condition):
            if isinstance(node, Arithmetic) and node.sign == "/":
                uses = references(node.right)
                below = [use.column for use in uses]
                if below and floors.isdisjoint(below) and not _is_ratio_covered(uses, floors):
                    yield f"a division by {', '.join(below)} has no floor on it", f"add `{below[0]} >= ...`"


class InventedBaseline(Smell):
    """A baseline that is made up where there is none."""

    code = "invented-baseline"
    reason = (
        "max(baseline, constant) puts an invented baseline where one is missing or nothing: the rule then fires on a "
        "constant, and every new strike wins. Missing history is `not judged`; a floor belongs on what is observed."
    )

    def find(self, rule: Rule) -> Iterator[tuple[str, str]]:
        """``max`` of a baseline and a number, or of a baseline and today's own value."""
        for node in walk(rule.condition):
            if not isinstance(node, Call) or node.function != "max":
                continue
            found = [use.field for argument in node.arguments for use in references(argument)]
            invented = any(isinstance(item, Number) for item in node.arguments) or "volume" in {f.name for f in found}
            baselines = sorted(field.name for field in found if field.baseline)
            if invented and baselines:
                what = f"max() invents a baseline where {baselines[0]} is small or missing"
                yield what, "compare with the field itself"


class ComparesNames(Smell):
    """The size of one name measured against that of all."""

    code = "compares-names"
    reason = (
        "Sizes compared across names (a z-score across tickers, a share of the market) find the largest company, not "
        "the unusual one. Compare a name with its own past."
    )

    def find(self, rule: Rule) -> Iterator[tuple[str, str]]:
        """Counts or dollars of a name beside those of the market, in one comparison."""
        for atom in atoms(rule.condition):
            uses = references(atom)
            market = {use.field.unit for use in uses if use.qualifier == "market"}
            own = [use for use in uses if use.qualifier != "market" and use.field.unit in _LEVELS]
            for use in own:
                if use.field.unit in market:
                    mend = "use a field that compares with its own past, such as a *_surprise"
                    yield f"`{atom.text}` measures {use.column} against the whole market", mend


class ThresholdOutOfRange(Smell):
    """A threshold that no value can reach, that every value passes, or that is a percentage of a fraction."""

    code = "threshold-out-of-range"
    reason = (
        "Shares, *_pct fields and spot_change are fractions of 1 and volatility is 0.42, not 42; a threshold beyond "
        "the range never decides, and one of a fraction above 1 hardly ever."
    )

    def find(self, rule: Rule) -> Iterator[tuple[str, str]]:
        """Thresholds outside the range of the field dictionary, and those of fractions above 1."""
        conditions = [rule.condition, *([rule.drivers.where] if rule.drivers and rule.drivers.where else [])]
        for atom in (atom for condition in conditions for atom in atoms(condition)):
            percent = [
                item for item in thresholds(atom) if abs(item.value) > 1 and all(use.field.part for use in item.fields)
            ]
            told = set()
            for item in intervals(atom):
                whole = possible(item.reference)
                field = item.reference.field
                span = f"{field.name} lies between {field.low:g} and {field.high:g}"
                written = [found for found in percent if found.value in (item.low, item.high)]
                if not item.meets(whole):
                    yield f"`{atom.text}` is never true: {span}", _as_fractions(written)
                elif whole.within(item):
                    mend = _as_fractions(written) if written else "leave it out, or raise the threshold"
                    yield f"`{atom.text}` is always true: {span}", mend
                else:
                    continue
                told.update(written)
            for found in percent:
                if found not in told:
                    names = " and ".join(use.column for use in found.fields)
                    what = f"`{atom.text}` holds {names} against {found.value:g}, which is {found.value:,.0%}"
                    yield what, _as_fractions([found])


class UnstableIdentity(Smell):
    """An identity that changes from scan to scan."""

    code = "unstable-identity"
    reason = (
        "An alert is known by its identity. One that changes every scan makes a new alert each time, and no cooldown "
        "holds."
    )

    def find(self, rule: Rule) -> Iterator[tuple[str, str]]:
        """Fields in the identity that are not keys, or that scanning finds anew each time."""
        stable = {*SCOPES[rule.scope].keys, "underlying", "root", "expiry", "strike", "right"}
        stable -= {"first_strike", "last_strike"}
        for name in rule.identity:
            if name not in stable:
                keys = ", ".join(key for key in SCOPES[rule.scope].keys if key in stable)
                yield f"identity holds {name}, which changes from scan to scan", f"use {keys}"


class MessageNamesMissing(Smell):
    """A message that may read ``n/a``."""

    code = "message-names-missing"
    level = "note"
    reason = (
        "A field that can be missing in a true row reads n/a in the message. Ask for it in the condition, or leave it "
        "out."
    )

    def find(self, rule: Rule) -> Iterator[tuple[str, str]]:
        """Fields of the message that can be missing although the condition is true."""
        known = _known(rule.condition)
        # Fields that are missing for the same reason are missing together.
        together = {(use.qualifier, use.field.null) for use in known.values()}
        for use in rule.message.fields:
            named = {use.column, *(f"{use.column}{ending}" for ending in ("_change", "_change_surprise"))}
            alike = (use.qualifier, use.field.null) in together
            if use.field.can_be_missing and not alike and named.isdisjoint(known):
                yield f"the message names {use.column}, which can be missing", "ask for it in the condition too"


SMELLS: Sequence[Smell] = (
    ImpliedCondition(),
    ConstantCondition(),
    RatioWithoutFloor(),
    InventedBaseline(),
    ComparesNames(),
    ThresholdOutOfRange(),
    UnstableIdentity(),
    MessageNamesMissing(),
)


def find_smells(rule: Rule) -> list[Problem]:
    """Every smell of a rule, in the order of :data:`SMELLS`."""
    place_of = rule.places.get("identity"), rule.places.get("message"), rule.places.get("when")
    where = dict(zip((UnstableIdentity.code, MessageNamesMissing.code), place_of, strict=False))
    return [
        Problem(
            rule.path, where.get(smell.code) or place_of[2] or rule.place, rule.id, smell.code, what, mend, smell.level
        )
        for smell in SMELLS
        for what, mend in dict.fromkeys(smell.find(rule))
    ]


def _as_fractions(percent: Sequence[Threshold]) -> str:
    """How to mend thresholds that were written in percent; where nothing tells which, that they must not be."""
    meant = " or ".join(f"{item.value / 100:g}" for item in percent)
    return f"write fractions, not percent: did you mean {meant}?" if meant else "write fractions, not percent"


def _flat(group: Both | Either) -> list[Condition]:
    """The parts of a group, with those of nested groups of the same sort among them."""
    return [item for part in group.parts for item in (_flat(part) if isinstance(part, type(group)) else [part])]


def _text(node: Condition) -> str:
    return node.text if isinstance(node, (Comparison, Flag)) else " ... ".join(atom.text for atom in atoms(node))


def _implied(weak: Condition, strong: Condition) -> bool:
    """Whether ``strong`` being true makes ``weak`` true."""
    if _same(weak, strong):
        return True
    if not isinstance(weak, Comparison) or not isinstance(strong, Comparison):
        return False
    if len(intervals(weak)) < len(weak.signs):
        return False
    given = intervals(strong)
    return all(
        any(item.reference.column == wanted.reference.column and item.within(wanted) for item in given)
        for wanted in intervals(weak)
    )


def _contradict(first: Comparison, second: Comparison) -> bool:
    return any(
        one.reference.column == other.reference.column and not one.meets(other)
        for one in intervals(first)
        for other in intervals(second)
    )


def _same(first: Node, second: Node) -> bool:
    """Whether two expressions say the same, wherever they stand."""
    return _shape(first) == _shape(second)


def _shape(node: Node) -> object:
    head: object = type(node).__name__
    match node:
        case FieldReference():
            head = node.column
        case Number():
            head = float(node.value)
        case Arithmetic():
            head = node.sign
        case Call():
            head = node.function
        case Comparison():
            head = node.signs
        case _:
            head = (head, getattr(node, "value", None), getattr(node, "options", None), getattr(node, "negated", None))
    return head, tuple(_shape(child) for child in children(node))


def _required(node: Condition) -> Iterator[Atom]:
    """Atoms that must be true (or, below ``not``, known) for the whole to be true."""
    if isinstance(node, Both):
        for part in node.parts:
            yield from _required(part)
    elif isinstance(node, (Either, Negation)):
        return
    else:
        yield node


def _known(node: Condition) -> dict[str, FieldReference]:
    """The fields that cannot be missing where a condition is true."""
    if isinstance(node, Both):
        return {column: use for part in node.parts for column, use in _known(part).items()}
    if isinstance(node, Either):
        first, *others = (_known(part) for part in node.parts)
        return {column: use for column, use in first.items() if all(column in other for other in others)}
    return {} if isinstance(node, Negation) else {use.column: use for use in references(node)}


def _floors(atom: Atom) -> list[Interval]:
    """Floors above zero, also that on a sum of fields, which stands for each of them."""
    found = [item for item in intervals(atom) if item.low > 0]
    if not isinstance(atom, Comparison):
        return found
    for left, sign, right in zip(atom.operands, atom.signs, atom.operands[1:], strict=False):
        total, bound = (left, right) if sign in (">", ">=") else (right, left)
        added = isinstance(total, Arithmetic) and total.sign == "+"
        if added and isinstance(bound, Number) and bound.value > 0 and sign in ("<", "<=", ">", ">="):
            found += [Interval(use, low=bound.value) for use in references(total)]
    return found


def _denominator(use: FieldReference) -> list[str]:
    """The columns a floor on one of which keeps a ratio's denominator from being next to nothing; none of no ratio."""
    return [f"{use.qualifier}.{name}" if use.qualifier else name for name in use.field.denominator]


def _is_ratio_covered(uses: Sequence[FieldReference], floors: set[str]) -> bool:
    """Whether denominators that are ratios themselves have their own floors elsewhere."""
    return all(not floors.isdisjoint(_denominator(use)) for use in uses)
