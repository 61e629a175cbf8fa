"""Unit tests of rules: run the cases beside a rule and say in words where they differ.

A test file stands beside its rule and names cases. Each case gives rows of the rule's scope by what identifies them,
their fields in the shorthand of :mod:`scanner.ruleset.series`, and fields of wider scopes; it expects findings, rows
that cannot be judged, or (with nothing expected) silence in every session. One session is one scan.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from scanner import fields
from scanner.fields import SCOPES
from scanner.fields.columns import dtype as dtype_of
from scanner.ruleset import compile as compiled
from scanner.ruleset.cases import Case, Cells, read_cases, tests_beside
from scanner.ruleset.expressions import atoms
from scanner.ruleset.judge import Judgement, judge
from scanner.ruleset.model import HISTORY, Rule
from scanner.ruleset.problems import Problem, Reporter
from scanner.ruleset.rows import select_rows
from scanner.ruleset.series import Series

_FIRST_SESSION = datetime.date(2025, 8, 1)


@dataclass(frozen=True, slots=True)
class Result:
    """How a case came out; ``failures`` are the differences between what was expected and what came, in words."""

    case: Case
    failures: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome for one rule. ``unturned`` names each condition that no case ever makes true, or never false."""

    rule_id: str
    path: Path
    results: tuple[Result, ...] = ()
    problems: tuple[Problem, ...] = ()
    unturned: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether there are cases, all as expected."""
        return bool(self.results) and not self.problems and not any(result.failures for result in self.results)


def run_tests(rule: Rule) -> Report:
    """Read the test file beside a rule and run its cases."""
    path = tests_beside(rule)
    reporter = Reporter(path, rule.id)
    cases = read_cases(rule, path, reporter)
    results, seen = [], Coverage(rule)
    for case in cases:
        results.append(Result(case, tuple(_differences(rule, case, seen))))
    return Report(rule.id, path, tuple(results), tuple(reporter.problems), seen.unturned() if cases else ())


def _frames(rule: Rule, case: Case, session: int) -> tuple[dict[str, pl.DataFrame], pl.DataFrame]:
    """The frames of one session of a case, and the reasons for what is stale in it."""
    frames: dict[str, pl.DataFrame] = {rule.scope: _frame(rule.scope, list(case.rows.values()), session)}
    for scope, cells in case.wider.items():
        keys = SCOPES[scope].keys
        own = frames[rule.scope]
        rows = own.select(keys).unique(maintain_order=True).to_dicts() if scope != "market" else [{"segment": "all"}]
        tables = [{**cells, **{key: Series((value,)) for key, value in row.items()}} for row in rows]
        frames[scope] = _frame(scope, tables, session)
    if case.contracts:
        frames["contract"] = _frame("contract", list(case.contracts.values()), session)
    return frames, _stale(case, session)


def _frame(scope: str, tables: Sequence[Cells], session: int) -> pl.DataFrame:
    known = fields.of(scope)
    names = list(dict.fromkeys(name for cells in tables for name in cells))
    if "session_date" in known and "session_date" not in names:
        names.append("session_date")
        day = Series((_FIRST_SESSION + datetime.timedelta(days=session),))
        tables = [{**cells, "session_date": day} for cells in tables]
    nothing = Series((None,))
    columns = {name: [cells.get(name, nothing).at(session) for cells in tables] for name in names}
    return pl.DataFrame({name: pl.Series(name, columns[name], dtype=dtype_of(known[name])) for name in names})


def _stale(case: Case, session: int) -> pl.DataFrame:
    rows = {**case.rows, **case.contracts}
    found = [
        (str(cells["underlying"].at(0)), name, "stale")
        for cells in rows.values()
        if "underlying" in cells
        for name, series in cells.items()
        if series.stale_at(session)
    ]
    return (
        pl.DataFrame(found, schema=["underlying", "field", "reason"], orient="row")
        if found
        else pl.DataFrame(schema={"underlying": pl.String(), "field": pl.String(), "reason": pl.String()})
    )


@dataclass(slots=True)
class Coverage:
    """Which values each condition of a rule has taken over all cases."""

    rule: Rule
    seen: dict[str, set[bool | None]] = field(default_factory=dict)

    def add(self, frames: Mapping[str, pl.DataFrame]) -> None:
        """Note what each condition is in each row of some frames."""
        rows = select_rows(self.rule.scope, frames, [*self.rule.fields, HISTORY]).frame
        for atom in atoms(self.rule.condition):
            values = rows.select(compiled.condition(atom).alias("value"))["value"].to_list()
            self.seen.setdefault(atom.text, set()).update(values)

    def unturned(self) -> tuple[str, ...]:
        """Conditions that were never true, or never false, in any case."""
        found = []
        for text, values in self.seen.items():
            found += [f"{text} is never {str(wanted).lower()}" for wanted in (True, False) if wanted not in values]
        return tuple(found)


def _differences(rule: Rule, case: Case, seen: Coverage) -> Iterator[str]:
    """Run a case session by session and say where it differs from what it expects."""
    for key in [key for key, cells in {**case.rows, **case.contracts}.items() if _ragged(cells, case.sessions)]:
        yield f"{key}: its series differ in length; give {case.sessions} values, or one for all sessions"
        return
    held: dict[str, int] = {}
    for session in range(case.sessions):
        frames, reasons = _frames(rule, case, session)
        seen.add(frames)
        judgement = judge([rule], frames, reasons)
        found = {row["identity"]: row for row in judgement.findings.to_dicts()}
        held = {identity: held.get(identity, 0) + 1 for identity in found}
        fired = {identity: row for identity, row in found.items() if held[identity] >= rule.hold_scans}
        yield from _compare_findings(rule, case, session, fired)
        yield from _compare_unjudged(case, session, judgement)


def _ragged(cells: Cells, sessions: int) -> bool:
    return any(len(series.values) not in (1, sessions) for series in cells.values())


def _identity(rule: Rule, case: Case, key: str) -> str | None:
    cells = case.rows.get(key)
    if cells is None:
        return None
    return "|".join(str(value) for name in rule.identity if (value := cells[name].at(0)) is not None)


def _compare_findings(rule: Rule, case: Case, session: int, fired: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    number = session + 1
    expected: dict[str | None, Mapping[str, Any]] = {
        _identity(rule, case, str(item.get("row", next(iter(case.rows), "")))): item
        for item in case.expect
        if item.get("on", case.sessions) == number
    }
    for identity, item in expected.items():
        if identity is None or identity not in fired:
            yield f"session {number}: expected {item.get('row', identity)} to fire, and it stayed quiet"
        else:
            yield from _compare_one(number, item, fired[identity])
    for identity in fired:
        if identity not in expected:
            yield f"session {number}: {identity} fired and was not expected: {fired[identity]['message']}"


def _compare_one(number: int, expected: Mapping[str, Any], found: Mapping[str, Any]) -> Iterator[str]:
    for name in ("severity", "message", "drivers"):
        if name in expected and expected[name] != found[name]:
            yield f"session {number}: {name}: expected {expected[name]!r}, found {found[name]!r}"
    evidence = found["evidence"] or {}
    for name, value in (expected.get("evidence") or {}).items():
        have = evidence.get(name)
        if have is None or value is None or isinstance(value, str):
            same = have == value
        else:
            same = abs(have - value) <= 1e-9 * max(1.0, abs(value))
        if not same:
            yield f"session {number}: evidence {name}: expected {value!r}, found {have!r}"


def _compare_unjudged(case: Case, session: int, judgement: Judgement) -> Iterator[str]:
    number = session + 1
    expected = [item for item in case.not_judged if item.get("on", case.sessions) == number]
    found = judgement.not_judged.to_dicts()
    for item in expected:
        if not any(_matches(item, row) for row in found):
            said = "; ".join(", ".join(row["reasons"]) for row in found) or "everything was judged"
            yield f"session {number}: expected not judged {dict(item)}, found: {said}"
    for row in found:
        if not any(_matches(item, row) for item in expected):
            yield f"session {number}: {row['underlying']} not judged and not expected: {', '.join(row['reasons'])}"


def _matches(expected: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    return (
        expected.get("underlying", row["underlying"]) == row["underlying"]
        and expected.get("count", row["count"]) == row["count"]
        and all(any(reason in said for said in row["reasons"]) for reason in expected.get("reasons", ()))
    )
