"""From paths to rules. The only part of the package that reads files, and it does nothing else with them.

A folder is read with everything below it: rules (``NAME.yaml``), the tests beside them (``NAME.test.yaml``, read only
by ``scanner rules test``), ``macros.yaml`` with shared lists and conditions, ``overrides.yaml``, and ``filters/``.
A file that is broken is left out and named; the others are loaded.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from scanner import document
from scanner.document import DocumentError, Scalar, Table, UnreadableError
from scanner.ruleset import filters
from scanner.ruleset.macros import read_macros
from scanner.ruleset.model import Loaded, Rule
from scanner.ruleset.overrides import Override, read_overrides, unknown_rules, variants
from scanner.ruleset.problems import START, Problem, Reporter
from scanner.ruleset.reader import DEPRECATED, ID, Shared, check_keys, read_rule

MACROS = "macros.yaml"
OVERRIDES = "overrides.yaml"
TEST_SUFFIX = ".test.yaml"
_SUFFIXES = (".yaml", ".yml")


def load(paths: Sequence[Path], watchlists: Mapping[str, Sequence[str]] | None = None) -> Loaded:
    """Read all rules under some files and folders.

    ``watchlists`` are the symbols of each watchlist that overrides may name. Nothing is raised: whatever is wrong is a
    problem with its place, and what it concerns is left out.
    """
    problems: list[Problem] = []
    files = list(dict.fromkeys(file for path in paths for file in _files(path, problems)))
    documents = {file: table for file in files if (table := _read(file, problems)) is not None}
    shared = read_macros([*_outer_macros(paths, files, problems), *_of_kind(documents, MACROS)], problems)
    overrides = [
        item for pair in _of_kind(documents, OVERRIDES) for item in read_overrides(*pair, watchlists, problems)
    ]
    rules, redirects = _rules(documents, shared, overrides, problems)
    known = {rule.id for rule in rules} | set(redirects)
    problems += unknown_rules(overrides, known, problems)
    found = [
        filters.read_filter(file, table, known, problems)
        for file, table in documents.items()
        if file.parent.name == filters.FOLDER
    ]
    usable = [item for item in found if item is not None]
    return Loaded(tuple(filters.attach(rules, usable, redirects, shared, problems)), tuple(problems), redirects)


def _files(path: Path, problems: list[Problem]) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        problems.append(Problem(path, START, "", "missing", "no such file or folder", "check --rules"))
        return []
    found = sorted(file for file in path.rglob("*") if file.suffix in _SUFFIXES and file.is_file())
    return [file for file in found if not file.name.endswith(TEST_SUFFIX)]


def _read(file: Path, problems: list[Problem]) -> Table | None:
    """The mapping a file holds, or None with the reason noted."""
    try:
        value = document.read(file)
        if not isinstance(value, Table):
            raise DocumentError("the file must hold a mapping, one rule to a file", value.place)
    except DocumentError as error:
        code = "unreadable" if isinstance(error, UnreadableError) else "yaml"
        problems.append(Problem(file, error.place, file.stem, code, str(error)))
        return None
    return value


def _of_kind(documents: Mapping[Path, Table], name: str) -> list[tuple[Path, Table]]:
    return [(file, table) for file, table in documents.items() if file.name == name]


def _outer_macros(paths: Iterable[Path], files: Sequence[Path], problems: list[Problem]) -> list[tuple[Path, Table]]:
    """The macros beside or one folder above a path that is itself a single rule or a sub-folder."""
    beside = {folder / MACROS for path in paths for folder in (path.parent, path.parent.parent)}
    found = [file for file in sorted(beside) if file.is_file() and file not in files]
    return [(file, table) for file in found if (table := _read(file, problems)) is not None]


def _rules(
    documents: Mapping[Path, Table], shared: Shared, overrides: Sequence[Override], problems: list[Problem]
) -> tuple[list[Rule], dict[str, str]]:
    rules: list[Rule] = []
    redirects: dict[str, str] = {}
    seen: dict[str, Path] = {}
    for file, table in documents.items():
        if file.name in (MACROS, OVERRIDES) or file.parent.name == filters.FOLDER:
            continue
        reporter = Reporter(file, file.stem)
        status = table.entries.get("status")
        if isinstance(status, Scalar) and status.text == "deprecated":
            _redirect(table, redirects, reporter)
        elif (rule := read_rule(table, shared, reporter)) is not None:
            if rule.id in seen:
                message = f"the id {rule.id} is already taken by {seen[rule.id]}"
                reporter.error(table.place, "duplicate-id", message, "give it an id of its own")
            else:
                seen[rule.id] = file
                rules += variants(rule, table, shared, overrides, reporter)
        problems += reporter.problems
    return rules, redirects


def _redirect(table: Table, redirects: dict[str, str], reporter: Reporter) -> None:
    check_keys(table, ("id", "status", "replaced_by"), ("why",), reporter, "deprecated rule")
    old, new = table.entries.get("id"), table.entries.get("replaced_by")
    if isinstance(old, Scalar) and isinstance(new, Scalar) and ID.fullmatch(old.text) and ID.fullmatch(new.text):
        redirects[old.text] = new.text
    else:
        reporter.error(table.place, "deprecated", f"a deprecated rule names {', '.join(DEPRECATED)}")
