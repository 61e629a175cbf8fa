"""One rule: from a YAML mapping to a typed :class:`Rule`, with every mistake reported at its place."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, cast

from scanner import fields
from scanner.document import Listing, Scalar, Table, Value
from scanner.ruleset import expressions, typecheck
from scanner.ruleset.expressions import Condition, ExpressionError, FieldReference, Names, Negation, Node
from scanner.ruleset.message import parse_message
from scanner.ruleset.model import STATUSES, Cooldown, Drivers, Rule
from scanner.ruleset.problems import Place, Reporter, nearest
from scanner.severity import Severity

REQUIRED = ("id", "title", "status", "scope", "severity", "why", "when", "message")
OPTIONAL = (
    "needs", "let", "drivers", "for", "cooldown", "identity", "rank_by", "limit", "measured", "false_positives",
    "references",
)  # fmt: skip
DEPRECATED = ("id", "status", "replaced_by", "why")
DEFAULT_IDENTITY: Mapping[str, tuple[str, ...]] = {
    "contract": ("contract",),
    "strike": ("root", "expiry", "strike"),
    "ladder": ("root", "expiry", "right"),
    "expiry": ("root", "expiry"),
    "underlying": ("underlying",),
    "market": ("segment",),
}
ID = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_COOLDOWN = re.compile(r"(\d{1,4}) (session|minute|hour)s?")
_HOLD = re.compile(r"(\d{1,3}) scans?")
_DRIVER_KEYS = ("where", "rank_by", "limit", "at_least")

Built = TypeVar("Built")


@dataclass(frozen=True, slots=True)
class Shared:
    """What rules share: lists, and named conditions that are read anew in each rule's own scope."""

    lists: Mapping[str, tuple[expressions.Number | expressions.Text | expressions.Truth, ...]] = field(
        default_factory=dict
    )
    conditions: Mapping[str, str] = field(default_factory=dict)


def read_rule(table: Table, shared: Shared, reporter: Reporter) -> Rule | None:
    """Build a rule, or report everything that is wrong with it and return None."""
    reporter.rule_id = _rule_id(table, reporter)
    return _Reader(table, shared, reporter).rule()


def _rule_id(table: Table, reporter: Reporter) -> str:
    entry = table.entries.get("id")
    if isinstance(entry, Scalar) and isinstance(entry.value, str) and ID.fullmatch(entry.value):
        return entry.value
    if entry is not None:
        mend = "write small letters, digits and hyphens, such as call-buildup-at-one-strike"
        reporter.error(entry.place, "id", "the id is not usable", mend)
    return reporter.rule_id


def check_keys(
    table: Table, required: Sequence[str], optional: Sequence[str], reporter: Reporter, what: str = "rule"
) -> None:
    """Report unknown and missing keys of a mapping."""
    known = (*required, *optional)
    for key, place in table.keys.items():
        if key not in known:
            mend = nearest(key, known, f"a {what} has {', '.join(known)}")
            reporter.error(place, "unknown-key", f"unknown key {key!r}", mend)
    missing = [key for key in required if key not in table.entries]
    if missing:
        reporter.error(table.place, "missing-key", f"{', '.join(missing)} must be given", f"add it to the {what}")


def words(table: Table, key: str, reporter: Reporter) -> tuple[str, ...]:
    """A list of texts under a key; empty where the key is absent or was reported."""
    entry = table.entries.get(key)
    if entry is None:
        return ()
    words = tuple(item.text for item in entry if isinstance(item, Scalar)) if isinstance(entry, Listing) else ()
    if not words or (isinstance(entry, Listing) and len(words) < len(entry.items)):
        reporter.error(entry.place, key, f"{key} must be a list", f"write `{key}: [first, second]`")
    return words


def read_expression(scalar: Scalar, names: Names, reporter: Reporter, *, condition: bool) -> Node | None:
    """Parse and type-check the expression in a scalar, or report what is wrong with it."""
    try:
        parse = expressions.parse_condition if condition else expressions.parse
        node = parse(scalar.text, names)
    except ExpressionError as error:
        reporter.error(scalar.within(error.offset), "expression", str(error), error.mend)
        return None
    mismatches = typecheck.check(node)
    for mismatch in mismatches:
        reporter.error(scalar.within(mismatch.offset), "type", str(mismatch), mismatch.mend)
    return None if mismatches else node


def read_when(value: Value, names: Names, reporter: Reporter) -> Condition | None:
    """A condition tree: an expression, a list (all of them), or a mapping with one of ``all``, ``any`` and ``not``."""
    if isinstance(value, Scalar):
        return cast("Condition | None", read_expression(value, names, reporter, condition=True))
    if isinstance(value, Listing):
        return _joined(value, "all", names, reporter)
    word = next(iter(value.entries), "")
    if len(value.entries) != 1 or word not in ("all", "any", "not"):
        mend = "write `all:`, `any:` or `not:` with its conditions below it"
        reporter.error(value.place, "when", "a condition holds one of all, any, not", mend)
        return None
    if word == "not":
        part = read_when(value.entries["not"], names, reporter)
        return None if part is None else Negation(part)
    return _joined(value.entries[word], word, names, reporter)


def _joined(value: Value, word: str, names: Names, reporter: Reporter) -> Condition | None:
    if not isinstance(value, Listing) or not value.items:
        reporter.error(value.place, "when", f"`{word}:` needs a list of conditions", "start each with a hyphen")
        return None
    parts = [read_when(item, names, reporter) for item in value]
    whole = [part for part in parts if part is not None]
    if len(whole) < len(parts):
        return None
    return expressions.both(whole) if word == "all" else expressions.either(whole)


class _Reader:
    """Reads one mapping key by key; a key that fails is reported and reads as None, so that all are said at once."""

    def __init__(self, table: Table, shared: Shared, reporter: Reporter) -> None:
        self.table = table
        self.shared = shared
        self.reporter = reporter

    def rule(self) -> Rule | None:
        check_keys(self.table, REQUIRED, OPTIONAL, self.reporter)
        scope = self._choice("scope", tuple(fields.SCOPES))
        if scope is None:
            return None
        names, parameters = self._names(scope)
        optional: dict[str, Any] = {
            "needs_history": self._needs(scope),
            "hold_scans": self._amount("for", _HOLD, lambda match: int(match[1]), "write `for: 2 scans`"),
            "cooldown": self._amount("cooldown", _COOLDOWN, _cooldown, "write `cooldown: 1 session` or `90 minutes`"),
            "identity": self._identity(scope),
            "rank_by": self._number_expression("rank_by", names),
            "limit": self._whole("limit", self.table),
            "drivers": self._drivers(scope),
            "measured": self._text("measured"),
            "false_positives": self._texts("false_positives"),
        }
        required: dict[str, Any] = {
            "title": self._text("title"),
            "status": self._choice("status", STATUSES),
            "severity": self._severity(),
            "why": self._text("why"),
            "condition": self._read("when", lambda value: read_when(value, names, self.reporter)),
            "message": self._message(names),
        }
        self._texts("references")
        if self.reporter.failed or any(value is None for value in required.values()):
            return None
        given = {key: value for key, value in optional.items() if value is not None}
        return Rule(
            id=self.reporter.rule_id,
            scope=cast("Any", scope),
            **{"identity": DEFAULT_IDENTITY[scope], **required, **given},
            parameters=parameters,
            path=self.reporter.path,
            place=self.table.place,
            places=self.table.keys,
        )

    def _error(self, key: str, message: str, mend: str = "") -> None:
        entry = self.table.entries.get(key)
        self.reporter.error(entry.place if entry else self.table.place, key, message, mend)

    def _read(self, key: str, read: Callable[[Value], Built | None]) -> Built | None:
        entry = self.table.entries.get(key)
        return None if entry is None else read(entry)

    def _text(self, key: str) -> str | None:
        entry = self.table.entries.get(key)
        if entry is None:
            return None
        if not isinstance(entry, Scalar) or entry.value is None or not entry.text.strip():
            self._error(key, f"{key} must be a text")
            return None
        return " ".join(entry.text.split())

    def _choice(self, key: str, choices: Sequence[str]) -> str | None:
        text = self._text(key)
        if text is None or text in choices:
            return text
        self._error(key, f"{key} cannot be {text!r}", nearest(text, choices, f"it is one of {', '.join(choices)}"))
        return None

    def _severity(self) -> Severity | None:
        named = self._choice("severity", tuple(Severity))
        return None if named is None else Severity(named)

    def _texts(self, key: str) -> tuple[str, ...] | None:
        entry = self.table.entries.get(key)
        if entry is None:
            return None
        items = [item.text for item in entry if isinstance(item, Scalar)] if isinstance(entry, Listing) else []
        if not isinstance(entry, Listing) or len(items) < len(entry.items) or not items:
            self._error(key, f"{key} must be a list of texts", f"write `{key}: [first, second]`")
            return None
        return tuple(" ".join(item.split()) for item in items)

    def _whole(self, key: str, table: Table, fewest: int = 1) -> int | None:
        entry = table.entries.get(key)
        if entry is None:
            return None
        value = entry.value if isinstance(entry, Scalar) else None
        if isinstance(value, bool) or not isinstance(value, int) or not fewest <= value <= 100_000:
            self.reporter.error(entry.place, key, f"{key} must be a whole number of {fewest} or more")
            return None
        return value

    def _amount(
        self, key: str, pattern: re.Pattern[str], build: Callable[[re.Match[str]], Built], mend: str
    ) -> Built | None:
        text = self._text(key)
        if text is None:
            return None
        match = pattern.fullmatch(text)
        if match is None or int(match[1]) == 0:
            self._error(key, f"{key} cannot be {text!r}", mend)
            return None
        return build(match)

    def _needs(self, scope: str) -> int | None:
        entry = self.table.entries.get("needs")
        if entry is None:
            return None
        if scope == "market":
            self._error("needs", "a rule of scope market needs no history: there is no underlying", "leave it out")
            return None
        if not isinstance(entry, Table):
            self._error("needs", "needs must be a mapping", "write `needs: {history_sessions: 10}`")
            return None
        check_keys(entry, ("history_sessions",), (), self.reporter, "needs")
        return self._whole("history_sessions", entry)

    def _names(self, scope: str) -> tuple[Names, dict[str, Node]]:
        """What names mean in this rule, and the part of them that its own ``let`` defines."""
        known: dict[str, Node] = {}
        names = Names(scope, known, self.shared.lists)
        used = set(re.findall(r"[a-z][a-z0-9_]*", " ".join(_scalars(self.table))))
        for name, text in self.shared.conditions.items():
            # A shared condition is read only where it is used, for it may name fields that other scopes do not see.
            if name in used:
                reporter = Reporter(self.reporter.path, self.reporter.rule_id)
                node = read_expression(Scalar(text, text, self.table.place), names, reporter, condition=True)
                for problem in reporter.problems:
                    message = f"shared condition {name}: {problem.message}"
                    self.reporter.error(self.table.place, problem.code, message, problem.mend)
                if node is not None:
                    known[name] = node
        parameters = self._parameters(names, known)
        return names, parameters

    def _parameters(self, names: Names, known: dict[str, Node]) -> dict[str, Node]:
        entry = self.table.entries.get("let")
        if entry is None:
            return {}
        if not isinstance(entry, Table):
            self._error("let", "let must be a mapping", "write `let: {name: expression}`")
            return {}
        own: dict[str, Node] = {}
        for name, value in entry.entries.items():
            if not self._usable_name(name, entry.keys[name], names):
                continue
            if not isinstance(value, Scalar):
                self.reporter.error(value.place, "let", f"{name} must be an expression")
                continue
            node = read_expression(value, names, self.reporter, condition=False)
            if node is not None:
                known[name] = own[name] = node
        return own

    def _usable_name(self, name: str, place: Place, names: Names) -> bool:
        if name in fields.of(names.scope) or name in fields.SCOPES or name in expressions.FUNCTIONS:
            self.reporter.error(place, "let", f"{name} already is a field, scope or function", "choose another name")
            return False
        if not expressions.NAME.fullmatch(name):
            self.reporter.error(place, "let", f"{name[:40]!r} is not a name", "write small letters, digits and _")
            return False
        return True

    def _number_expression(self, key: str, names: Names) -> Node | None:
        entry = self.table.entries.get(key)
        return None if entry is None else self._number_in(entry, key, names)

    def _number_in(self, entry: Value, key: str, names: Names) -> Node | None:
        if not isinstance(entry, Scalar):
            self.reporter.error(entry.place, key, f"{key} must be a field or an expression")
            return None
        node = read_expression(entry, names, self.reporter, condition=False)
        usable = isinstance(node, (expressions.Arithmetic, expressions.Call, expressions.Negative)) or (
            isinstance(node, FieldReference) and node.field.numeric
        )
        if node is not None and not usable:
            self.reporter.error(entry.place, key, f"{key} must be a number", "name a numeric field")
            return None
        return node

    def _identity(self, scope: str) -> tuple[str, ...] | None:
        names = self._texts("identity")
        unknown = [name for name in names or () if name not in fields.of(scope)]
        for name in unknown:
            mend = nearest(name, fields.SCOPES[scope].keys, f"use {', '.join(DEFAULT_IDENTITY[scope])}")
            self._error("identity", f"unknown field {name!r} in identity", mend)
        return None if unknown else names

    def _message(self, names: Names) -> object | None:
        entry = self.table.entries.get("message")
        text = self._text("message")
        if text is None or not isinstance(entry, Scalar):
            return None
        try:
            return parse_message(text, names, has_drivers=names.scope != "contract")
        except ExpressionError as error:
            self.reporter.error(entry.within(max(error.offset, 0)), "message", str(error), error.mend)
            return None

    def _drivers(self, scope: str) -> Drivers | None:
        entry = self.table.entries.get("drivers")
        if entry is None:
            return None
        if scope in ("contract", "market"):
            self._error("drivers", f"a rule of scope {scope} has no drivers", "leave it out")
            return None
        if not isinstance(entry, Table):
            self._error("drivers", "drivers must be a mapping", 'write `drivers: {where: right == "P", limit: 3}`')
            return None
        check_keys(entry, (), _DRIVER_KEYS, self.reporter, "drivers")
        names = Names("contract", {}, self.shared.lists)
        where = entry.entries.get("where")
        rank_by = entry.entries.get("rank_by")
        condition = None if where is None else read_when(where, names, self.reporter)
        rank = FieldReference(fields.of("contract")["volume"])
        return Drivers(
            where=condition,
            rank_by=(self._number_in(rank_by, "rank_by", names) if rank_by else None) or rank,
            limit=self._whole("limit", entry) or 3,
            at_least=self._whole("at_least", entry, fewest=0) or 0,
        )


def _cooldown(match: re.Match[str]) -> Cooldown:
    count = int(match[1])
    if match[2] == "hour":
        return Cooldown(count * 60, "minute")
    return Cooldown(count, cast("Literal['session', 'minute']", match[2]))


def _scalars(value: Value) -> list[str]:
    """Every text in a value, for a first look at which names it uses."""
    if isinstance(value, Scalar):
        return [value.text]
    items = value.items if isinstance(value, Listing) else tuple(value.entries.values())
    return [text for item in items for text in _scalars(item)]
