"""``macros.yaml``: lists and named conditions that rules share.

A shared condition is text that each rule reads in its own scope, so one of them may serve rules of several scopes.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from scanner import fields
from scanner.document import Listing, Scalar, Table, Value
from scanner.ruleset import expressions
from scanner.ruleset.expressions import Number, Text, Truth
from scanner.ruleset.problems import Problem, Reporter
from scanner.ruleset.reader import Shared, check_keys


def read_macros(documents: Sequence[tuple[Path, Table]], problems: list[Problem]) -> Shared:
    """Everything that some macro files share; a name that is given twice means what the last file says."""
    lists: dict[str, tuple[Number | Text | Truth, ...]] = {}
    conditions: dict[str, str] = {}
    for file, table in documents:
        reporter = Reporter(file, "macros", problems)
        check_keys(table, (), ("lists", "conditions"), reporter, "macros file")
        for name, value in _section(table, "lists", reporter):
            options = _options(value)
            if options:
                lists[name] = options
            else:
                reporter.error(value.place, "macro", f"{name} must be a list of plain values", "write `[SPX, NDX]`")
        for name, value in _section(table, "conditions", reporter):
            if isinstance(value, Scalar):
                conditions[name] = value.text
            else:
                reporter.error(value.place, "macro", f"{name} must be one expression")
    return Shared(lists, conditions)


def _section(table: Table, key: str, reporter: Reporter) -> Iterator[tuple[str, Value]]:
    section = table.entries.get(key)
    if section is None:
        return
    if not isinstance(section, Table):
        reporter.error(section.place, "macro", f"{key} must be a mapping", f"write `{key}: {{name: ...}}`")
        return
    taken = {name for scope in fields.SCOPES for name in fields.of(scope)} | set(fields.SCOPES)
    for name, value in section.entries.items():
        if name in taken or name in expressions.FUNCTIONS or not expressions.NAME.fullmatch(name):
            reporter.error(section.keys[name], "macro", f"{name[:40]!r} cannot be used as a name", "choose another")
        else:
            yield name, value


def _options(value: Value) -> tuple[Number | Text | Truth, ...]:
    if not isinstance(value, Listing) or not all(isinstance(item, Scalar) for item in value):
        return ()
    options: list[Number | Text | Truth] = []
    for item in value:
        atom = item.value if isinstance(item, Scalar) else None
        if isinstance(atom, bool):
            options.append(Truth(atom))
        elif isinstance(atom, (int, float)):
            options.append(Number(atom))
        elif isinstance(atom, str):
            options.append(Text(atom))
    return tuple(options) if len(options) == len(value.items) else ()
