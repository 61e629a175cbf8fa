"""What ``scanner rules`` shows: rules and fields as rows, what a check found, how tests ended, and why a rule fired."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from scanner import __version__
from scanner.alerts.model import plain
from scanner.outputs import terminal
from scanner.outputs.delimited import csv_document
from scanner.ruleset.reasons import REASONS
from scanner.ruleset.sarif import to_sarif

if TYPE_CHECKING:
    from rich.console import Console

    from scanner.activity.record import Level
    from scanner.outputs.verdict import Verdict
    from scanner.ruleset import Rule
    from scanner.ruleset.explain import Traced
    from scanner.ruleset.lint import Selectivity
    from scanner.ruleset.problems import Problem
    from scanner.ruleset.testing import Report

Rows = Sequence[dict[str, Any]]


def dumps(document: dict[str, Any]) -> str:
    """A JSON document of this version's schema."""
    return json.dumps({"schema": 1} | document, indent=2, default=str) + "\n"


def to_csv(rows: Rows) -> str:
    """Rows of one kind as CSV; a list is one cell."""
    values = (["; ".join(value) if isinstance(value, list) else value for value in row.values()] for row in rows)
    return csv_document(list(rows[0]), values) if rows else ""


def print_rows(rows: Rows, to: Console, hide: Sequence[str] = ()) -> None:
    """Rows of one kind as a table, without the columns to ``hide``; nothing where there are none."""
    shown = [key for key in (rows[0] if rows else {}) if key not in hide]
    if not shown:
        return
    table = terminal.plain_table(*(key.replace("_", " ") for key in shown), whole=("id", "field"))
    for row in rows:
        table.add_row(*("" if row[key] is None else str(row[key]) for key in shown))
    to.print(table)


def print_fields(rows: Rows, to: Console) -> None:
    """The field dictionary, a table for each scope: what a field means and, in the same words, when it is missing."""
    for scope in dict.fromkeys(row["scope"] for row in rows):
        to.print(f"\n{scope}", style="bold")
        table = terminal.plain_table("field", "unit", "meaning", whole=("field", "unit"))
        for row in rows:
            if row["scope"] == scope:
                missing = f"; missing: {row['missing']}" if row["missing"] else ""
                table.add_row(row["field"], row["unit"], row["meaning"] + missing)
        to.print(table)


def print_check(rules: int, problems: Sequence[Problem], measured: Sequence[Selectivity], to: Console) -> None:
    """Every problem, how often each rule fires, what the codes mean, and the sum of it."""
    for problem in problems:
        to.print(f"{problem.level}: {problem} [{problem.code}]", soft_wrap=True)
    if measured:
        table = terminal.plain_table("rule", "rows", "flagged", "not judged", "of those judged")
        for item in measured:
            share = "" if item.share is None else f"{item.share:.3%}"
            table.add_row(item.rule_id, f"{item.rows:,}", f"{item.fired:,}", f"{item.not_judged:,}", share)
        to.print(table)
    for code in sorted({problem.code for problem in problems} & set(REASONS)):
        to.print(f"{code}: {REASONS[code][1]}", style="dim")
    counts = {level: sum(problem.level == level for problem in problems) for level in ("error", "warning", "note")}
    said = ", ".join(terminal.counted(count, level) for level, count in counts.items())
    to.print(f"{terminal.counted(rules, 'rule')}: {said}")


def check_text(problems: Sequence[Problem], measured: Sequence[Selectivity], form: str) -> str:
    """What a check found as ``json``, or as ``sarif`` for editors and CI systems."""
    if form == "sarif":
        return json.dumps(to_sarif(problems, REASONS, __version__), indent=2) + "\n"
    return dumps(check_document(problems, measured))


def check_document(problems: Sequence[Problem], measured: Sequence[Selectivity]) -> dict[str, Any]:
    """What a check found, for JSON."""
    return {
        "problems": [
            {
                "file": str(problem.path),
                "line": problem.place.line,
                "column": problem.place.column,
                "rule_id": problem.rule_id or None,
                "code": problem.code,
                "level": problem.level,
                "message": problem.message,
                "mend": problem.mend or None,
            }
            for problem in problems
        ],
        "selectivity": [
            {
                "rule_id": item.rule_id,
                "rows": item.rows,
                "flagged": item.fired,
                "not_judged": item.not_judged,
                "share": item.share,
            }
            for item in measured
        ],
        "simulated": bool(measured),
    }


def tested_rows(reports: Sequence[Report]) -> list[dict[str, Any]]:
    """How the tests of each rule ended."""
    return [
        {
            "id": report.rule_id,
            "outcome": "passed" if report.passed else "FAILED",
            "cases": len(report.results),
            "failures": list(_failures(report)),
            "conditions_not_turned": list(report.unturned),
        }
        for report in reports
    ]


def print_tests(reports: Sequence[Report], to: Console) -> None:
    """How the tests of each rule ended, with what failed and what no case turns."""
    for report in reports:
        outcome = "passed" if report.passed else "FAILED"
        to.print(
            f"{outcome}  {report.rule_id}  {terminal.counted(len(report.results), 'case')}",
            style="" if report.passed else "bold red",
        )
        for failure in _failures(report):
            to.print(f"    {failure}", soft_wrap=True)
        for condition in report.unturned:
            to.print(f"    no case turns it: {condition}", style="yellow", soft_wrap=True)
    failed = sum(not report.passed for report in reports)
    to.print(f"{len(reports) - failed} of {terminal.counted(len(reports), 'rule')} passed")


def _failures(report: Report) -> Iterable[str]:
    yield from (str(problem) for problem in report.problems)
    for result in report.results:
        yield from (f"{result.case.name}: {failure}" for failure in result.failures)


def trace_lines(item: Traced) -> Iterable[str]:
    """How a rule came out on one row, condition by condition."""
    outcome = {True: "fires", False: "stays quiet", None: "is not judged"}[item.verdict]
    yield ""
    yield f"{item.identity}: {outcome}"
    for part in item.checked:
        values = ", ".join(
            f"{name} = {'missing' if value is None else _number(value)}" for name, value in part.values.items()
        )
        yield f"  {_verdict(part.verdict):<8}{part.text}    ({values})"


def explain_document(
    rule: Rule,
    said: Sequence[str],
    record: Sequence[Level],
    traced: Sequence[Traced],
    verdict: Verdict | None = None,
) -> dict[str, Any]:
    """What a rule does, how its chances came true, and how it came out on some rows, for JSON."""
    return {
        "rule_id": rule.id,
        "verdict": None if verdict is None else verdict.as_dict(),
        "words": said,
        "calibration": [plain(asdict(level)) for level in record],
        "rows": [
            {
                "identity": item.identity,
                "verdict": _verdict(item.verdict),
                "conditions": [
                    {"condition": part.text, "values": dict(part.values), "verdict": _verdict(part.verdict)}
                    for part in item.checked
                ],
            }
            for item in traced
        ],
    }


def _verdict(verdict: bool | None) -> str:
    return {True: "true", False: "false", None: "unknown"}[verdict]


def _number(value: object) -> str:
    return f"{value:,.6g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
