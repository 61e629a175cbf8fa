"""``filters/NAME.yaml``: what a user wants to hear no more of, from which rules, and until when.

    rules: [call-buildup-at-one-strike]
    when: underlying in ["GME"] and dte <= 7
    until: 2026-12-31
    why: everyone knows

The condition is read in the scope of each rule that is named.
"""

from __future__ import annotations

import datetime
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scanner.document import Scalar, Table, Value
from scanner.ruleset.expressions import Names
from scanner.ruleset.model import Filter, Rule
from scanner.ruleset.problems import Problem, Reporter, nearest
from scanner.ruleset.reader import Shared, check_keys, read_when, words

FOLDER = "filters"


@dataclass(frozen=True, slots=True)
class FilterFile:
    """A filter as written, before it is known which scopes its condition is read in."""

    path: Path
    rules: tuple[str, ...]
    when: Value
    why: str
    until: datetime.date | None


def read_filter(file: Path, table: Table, known: Collection[str], problems: list[Problem]) -> FilterFile | None:
    """Read a filter file, or report what is wrong with it. ``known`` are the ids that rules have or had."""
    reporter = Reporter(file, file.stem)
    check_keys(table, ("rules", "when", "why"), ("until",), reporter, "filter")
    rules = words(table, "rules", reporter)
    for name in rules:
        if name not in known:
            place = table.entries["rules"].place
            reporter.error(place, "unknown-rule", f"there is no rule {name!r}", nearest(name, known))
    until = _date(table, reporter)
    why = table.entries.get("why")
    if why is not None and not isinstance(why, Scalar):
        reporter.error(why.place, "why", "why must be a text")
    problems += reporter.problems
    if reporter.failed or not isinstance(why, Scalar):
        return None
    return FilterFile(file, rules, table.entries["when"], why.text, until)


def attach(
    rules: Sequence[Rule],
    files: Sequence[FilterFile],
    redirects: Mapping[str, str],
    shared: Shared,
    problems: list[Problem],
) -> list[Rule]:
    """The rules with the filters that name them (by their present or a former id)."""
    return [replace(rule, filters=_of(rule, files, redirects, shared, problems)) for rule in rules]


def _of(
    rule: Rule,
    files: Sequence[FilterFile],
    redirects: Mapping[str, str],
    shared: Shared,
    problems: list[Problem],
) -> tuple[Filter, ...]:
    found = []
    for file in files:
        if rule.id not in {redirects.get(name, name) for name in file.rules}:
            continue
        reporter = Reporter(file.path, file.path.stem, problems)
        condition = read_when(file.when, Names(rule.scope, {}, shared.lists), reporter)
        if condition is not None:
            found.append(Filter(file.path.stem, condition, file.why, file.until, file.path))
    return tuple(found)


def _date(table: Table, reporter: Reporter) -> datetime.date | None:
    entry = table.entries.get("until")
    if entry is None:
        return None
    try:
        return datetime.date.fromisoformat(entry.text if isinstance(entry, Scalar) else "")
    except ValueError:
        reporter.error(entry.place, "until", "until must be a date", "write it as 2026-12-31")
        return None
