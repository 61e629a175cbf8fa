"""Reading the cases of a rule test: rows by what identifies them, values over sessions, and what must come of them."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scanner import document, fields
from scanner.document import DocumentError, Listing, Scalar, Table, Value
from scanner.fields import SCOPES
from scanner.market import symbology
from scanner.ruleset.model import Rule
from scanner.ruleset.problems import START, Place, Reporter, nearest
from scanner.ruleset.reader import check_keys
from scanner.ruleset.series import Series, SeriesError, parse_series

SUFFIX = ".test.yaml"
_CASE = ("rows", "wider", "contracts", "expect", "not_judged")
_EXPECTED = ("row", "on", "severity", "evidence", "drivers", "message")
_UNJUDGED = ("on", "underlying", "reasons", "count")
_KEYS_WRITTEN = {"strike": "GOOG 2025-09-12 235", "ladder": "GOOG 2025-09-12 C 230 240", "expiry": "GOOG 2025-09-12"}

Cells = Mapping[str, Series]


@dataclass(frozen=True, slots=True)
class Case:
    """One case: rows by key, fields of wider scopes, contracts for drivers, and what is expected, by session from 1."""

    name: str
    place: Place
    rows: Mapping[str, Cells]
    wider: Mapping[str, Cells]
    contracts: Mapping[str, Cells]
    expect: tuple[Mapping[str, Any], ...]
    not_judged: tuple[Mapping[str, Any], ...]

    @property
    def sessions(self) -> int:
        """How many sessions it runs over."""
        tables = [*self.rows.values(), *self.wider.values(), *self.contracts.values()]
        return max((len(series.values) for cells in tables for series in cells.values()), default=1)


def tests_beside(rule: Rule) -> Path:
    """Where the tests of a rule stand."""
    return rule.path.with_name(rule.path.stem + SUFFIX)


def read_cases(rule: Rule, path: Path, reporter: Reporter) -> list[Case]:
    """The cases of a test file; what cannot be read is reported."""
    if not path.exists():
        reporter.error(START, "no-tests", "there is no test file", f"write one, or run `scanner rules new {rule.id}`")
        return []
    try:
        table = document.read(path)
    except DocumentError as error:
        reporter.error(error.place, "yaml", str(error))
        return []
    if not isinstance(table, Table):
        reporter.error(START, "yaml", "the file must hold a mapping with `cases:`")
        return []
    check_keys(table, ("cases",), ("defaults",), reporter, "test file")
    reader = _CaseReader(rule, reporter)
    defaults = table.entries.get("defaults")
    usual = reader.scopes(defaults) if isinstance(defaults, Table) else {}
    cases = table.entries.get("cases")
    if not isinstance(cases, Table):
        reporter.error(
            table.place, "cases", "cases must be a mapping", "write `cases: {what must happen: {rows: ...}}`"
        )
        return []
    read = [reader.case(name, body, usual) for name, body in cases.entries.items()]
    return [case for case in read if case is not None and not reporter.failed]


class _CaseReader:
    def __init__(self, rule: Rule, reporter: Reporter) -> None:
        self.rule = rule
        self.reporter = reporter

    def case(self, name: str, body: Value, usual: Mapping[str, Cells]) -> Case | None:
        if not isinstance(body, Table):
            self.reporter.error(body.place, "case", f"the case {name!r} must be a mapping")
            return None
        check_keys(body, ("rows",), _CASE[1:], self.reporter, "case")
        wider = body.entries.get("wider")
        given = self.scopes(wider) if isinstance(wider, Table) else {}
        scopes = [scope for scope in {**usual, **given} if scope in SCOPES[self.rule.scope].wider]
        return Case(
            name=name,
            place=body.place,
            rows=self.rows(body, "rows", self.rule.scope, usual.get(self.rule.scope, {})),
            wider={scope: {**usual.get(scope, {}), **given.get(scope, {})} for scope in scopes},
            contracts=self.rows(body, "contracts", "contract", usual.get("contract", {})),
            expect=self.expected(body, "expect", _EXPECTED),
            not_judged=self.expected(body, "not_judged", _UNJUDGED),
        )

    def scopes(self, table: Table) -> dict[str, Cells]:
        check_keys(table, (), tuple(SCOPES), self.reporter, "test's scopes")
        return {
            scope: self.cells(cells, scope)
            for scope, cells in table.entries.items()
            if scope in SCOPES and isinstance(cells, Table)
        }

    def rows(self, body: Table, key: str, scope: str, usual: Cells) -> dict[str, Cells]:
        table = body.entries.get(key)
        if not isinstance(table, Table):
            if table is not None:
                self.reporter.error(table.place, key, f"{key} must be a mapping from a row's key to its fields")
            return {}
        found: dict[str, Cells] = {}
        for name, cells in table.entries.items():
            try:
                keys = row_keys(scope, name)
            except ValueError as error:
                self.reporter.error(table.keys[name], "row", f"{name!r} is not a {scope}", str(error))
                continue
            own = self.cells(cells, scope) if isinstance(cells, Table) else {}
            found[name] = {**usual, **own, **{key: Series((value,)) for key, value in keys.items()}}
        return found

    def cells(self, table: Table, scope: str) -> dict[str, Series]:
        known = fields.of(scope)
        found: dict[str, Series] = {}
        for name, value in table.entries.items():
            if name not in known:
                self.reporter.error(table.keys[name], "field", f"unknown field {scope}.{name}", nearest(name, known))
            elif not isinstance(value, Scalar):
                self.reporter.error(value.place, "value", f"{name} must be one value or a series")
            else:
                try:
                    found[name] = parse_series(value.text, known[name])
                except SeriesError as error:
                    self.reporter.error(value.place, "value", str(error))
        return found

    def expected(self, body: Table, key: str, known: Sequence[str]) -> tuple[Mapping[str, Any], ...]:
        entry = body.entries.get(key)
        if entry is None:
            return ()
        if not isinstance(entry, Listing) or not all(isinstance(item, Table) for item in entry):
            self.reporter.error(entry.place, key, f"{key} must be a list of mappings", "leave it out to expect silence")
            return ()
        for item in entry:
            if isinstance(item, Table):
                check_keys(item, (), known, self.reporter, f"{key} entry")
        return tuple(plain(item) for item in entry)


def plain(value: Value) -> Any:
    """A YAML value without its places."""
    if isinstance(value, Scalar):
        return value.value
    if isinstance(value, Listing):
        return [plain(item) for item in value]
    return {key: plain(item) for key, item in value.entries.items()}


def row_keys(scope: str, text: str) -> dict[str, Any]:
    """The key fields of a row named in a test by an OSI symbol, `GOOG 2025-09-12 235`, `GOOG`, ...; else ValueError."""
    if scope == "contract":
        contract = symbology.parse_osi(text)
        underlying = symbology.underlying_of(contract.root)
        parts = {"root": contract.root, "expiry": contract.expiry, "strike": contract.strike, "right": contract.right}
        return {"underlying": underlying, "contract": text, **parts}
    if scope not in _KEYS_WRITTEN:
        return {SCOPES[scope].keys[0]: text}
    words = text.split()
    if len(words) != len(_KEYS_WRITTEN[scope].split()):
        raise ValueError(f"write it as `{_KEYS_WRITTEN[scope]}`")
    keys: dict[str, Any] = {"root": words[0], "underlying": symbology.underlying_of(words[0])}
    keys["expiry"] = datetime.date.fromisoformat(words[1])
    if scope == "strike":
        keys["strike"] = float(words[2])
    if scope == "ladder":
        keys |= {"right": words[2], "first_strike": float(words[3]), "last_strike": float(words[4])}
    return keys
