"""From paths to rules. The only part of the package that reads files, and it does nothing else with them.

A folder is read with everything below it: rules (``NAME.yaml``), the tests beside them (``NAME.test.yaml``, read only
by ``scanner rules test``), ``macros.yaml`` with shared lists and conditions, ``overrides.yaml``, and ``filters/``.
A file that is broken is left out and named; the others are loaded.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scanner import fields
from scanner.ruleset import document, expressions
from scanner.ruleset.document import DocumentError, Listing, Scalar, Table, Value
from scanner.ruleset.expressions import Names, Number, Text, Truth
from scanner.ruleset.model import Filter, Loaded, Rule
from scanner.ruleset.problems import Place, Problem, Reporter, nearest
from scanner.ruleset.reader import DEPRECATED, ID, Shared, check_keys, read_rule, read_when

MACROS = "macros.yaml"
OVERRIDES = "overrides.yaml"
FILTERS = "filters"
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
    shared = _shared([*_outer_macros(paths, files, problems), *_of_kind(documents, MACROS)], problems)
    overrides = [item for pair in _of_kind(documents, OVERRIDES) for item in _overrides(*pair, watchlists, problems)]
    rules, redirects = _rules(documents, shared, overrides, problems)
    known = {rule.id for rule in rules}
    filters = [
        found
        for file, table in documents.items()
        if file.parent.name == FILTERS and (found := _filter(file, table, shared, known | set(redirects), problems))
    ]
    problems += _unused_overrides(overrides, known | set(redirects), problems)
    return Loaded(tuple(_filtered(rule, filters, redirects) for rule in rules), tuple(problems), redirects)


def _files(path: Path, problems: list[Problem]) -> list[Path]:
    if path.is_file():
        return [path]
    if not path.is_dir():
        problems.append(Problem(path, Place(), "-", "missing", "no such file or folder", "check --rules"))
        return []
    found = sorted(file for file in path.rglob("*") if file.suffix in _SUFFIXES and file.is_file())
    return [file for file in found if not file.name.endswith(TEST_SUFFIX)]


def _read(file: Path, problems: list[Problem]) -> Table | None:
    """The mapping a file holds, or None with the reason noted."""
    try:
        if file.stat().st_size > 4 * document.MAX_CHARACTERS:
            raise DocumentError(f"larger than {4 * document.MAX_CHARACTERS:,} bytes; split it")
        value = document.parse(file.read_text(encoding="utf-8"))
        if not isinstance(value, Table):
            raise DocumentError("the file must hold a mapping, one rule to a file", value.place)
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror or str(error)
        problems.append(Problem(file, Place(), file.stem, "unreadable", f"cannot be read: {reason}"))
        return None
    except DocumentError as error:
        problems.append(Problem(file, error.place, file.stem, "yaml", str(error)))
        return None
    return value


def _of_kind(documents: Mapping[Path, Table], name: str) -> list[tuple[Path, Table]]:
    return [(file, table) for file, table in documents.items() if file.name == name]


def _outer_macros(paths: Iterable[Path], files: Sequence[Path], problems: list[Problem]) -> list[tuple[Path, Table]]:
    """The macros beside or one folder above a path that is itself a single rule or a sub-folder."""
    beside = {folder / MACROS for path in paths for folder in (path.parent, path.parent.parent)}
    found = [file for file in sorted(beside) if file.is_file() and file not in files]
    return [(file, table) for file in found if (table := _read(file, problems)) is not None]


def _shared(documents: Sequence[tuple[Path, Table]], problems: list[Problem]) -> Shared:
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


def _section(table: Table, key: str, reporter: Reporter) -> Iterable[tuple[str, Value]]:
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


@dataclass(frozen=True, slots=True)
class _Override:
    """Settings that replace those of some rules, everywhere (``underlyings`` None) or for some underlyings."""

    rules: tuple[str, ...]
    underlyings: frozenset[str] | None
    settings: Table
    enabled: bool
    path: Path
    place: Place


_SETTABLE = ("severity", "status", "limit", "cooldown", "for", "let", "needs")


def _overrides(
    file: Path, table: Table, watchlists: Mapping[str, Sequence[str]] | None, problems: list[Problem]
) -> list[_Override]:
    reporter = Reporter(file, "overrides", problems)
    check_keys(table, ("overrides",), (), reporter, "overrides file")
    entries = table.entries.get("overrides")
    if not isinstance(entries, Listing):
        reporter.error(table.place, "override", "overrides must be a list", "start each with a hyphen")
        return []
    found = (_override(entry, watchlists, Reporter(file, "overrides", problems)) for entry in entries)
    return [override for override in found if override is not None]


def _override(entry: Value, watchlists: Mapping[str, Sequence[str]] | None, reporter: Reporter) -> _Override | None:
    if not isinstance(entry, Table):
        reporter.error(entry.place, "override", "an override must be a mapping")
        return None
    before = len(reporter.problems)
    check_keys(entry, ("rules",), ("underlyings", "watchlist", "set", "enabled", "why"), reporter, "override")
    rules = _words(entry, "rules", reporter)
    underlyings = _words(entry, "underlyings", reporter)
    listed = entry.entries.get("watchlist")
    if isinstance(listed, Scalar):
        if listed.text not in (watchlists or {}):
            mend = nearest(listed.text, watchlists or {}, "name one of the configuration's watchlists")
            reporter.error(listed.place, "override", f"unknown watchlist {listed.text!r}", mend)
        underlyings = (*underlyings, *(watchlists or {}).get(listed.text, ()))
    settings = entry.entries.get("set", Table({}, {}, entry.place))
    if isinstance(settings, Table):
        check_keys(settings, (), _SETTABLE, reporter, "override's `set`")
    else:
        reporter.error(settings.place, "override", "set must be a mapping", "write `set: {limit: 3}`")
    enabled = entry.entries.get("enabled")
    if enabled is not None and not (isinstance(enabled, Scalar) and isinstance(enabled.value, bool)):
        reporter.error(enabled.place, "override", "enabled is true or false")
    if len(reporter.problems) > before or not isinstance(settings, Table):
        return None
    scoped = "underlyings" in entry.entries or "watchlist" in entry.entries
    off = isinstance(enabled, Scalar) and enabled.value is False
    only = frozenset(underlyings) if scoped else None
    return _Override(rules, only, settings, not off, reporter.path, entry.place)


def _words(table: Table, key: str, reporter: Reporter) -> tuple[str, ...]:
    entry = table.entries.get(key)
    if entry is None:
        return ()
    words = tuple(item.text for item in entry if isinstance(item, Scalar)) if isinstance(entry, Listing) else ()
    if not words or (isinstance(entry, Listing) and len(words) < len(entry.items)):
        reporter.error(entry.place, key, f"{key} must be a list", f"write `{key}: [first, second]`")
    return words


def _rules(
    documents: Mapping[Path, Table], shared: Shared, overrides: Sequence[_Override], problems: list[Problem]
) -> tuple[list[Rule], dict[str, str]]:
    rules: list[Rule] = []
    redirects: dict[str, str] = {}
    seen: dict[str, Path] = {}
    for file, table in documents.items():
        if file.name in (MACROS, OVERRIDES) or file.parent.name == FILTERS:
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
                rules += _variants(rule, table, shared, overrides, reporter)
        problems += reporter.problems
    return rules, redirects


def _redirect(table: Table, redirects: dict[str, str], reporter: Reporter) -> None:
    check_keys(table, ("id", "status", "replaced_by"), ("why",), reporter, "deprecated rule")
    old, new = table.entries.get("id"), table.entries.get("replaced_by")
    if isinstance(old, Scalar) and isinstance(new, Scalar) and ID.fullmatch(old.text) and ID.fullmatch(new.text):
        redirects[old.text] = new.text
    else:
        reporter.error(table.place, "deprecated", f"a deprecated rule names {', '.join(DEPRECATED)}")


def _variants(
    rule: Rule, table: Table, shared: Shared, overrides: Sequence[_Override], reporter: Reporter
) -> list[Rule]:
    """The rule as overrides leave it: one variant for everything else, and one for each differently treated group."""
    concerned = [override for override in overrides if rule.id in override.rules]
    if not concerned:
        return [rule]
    everywhere = [override for override in concerned if override.underlyings is None]
    named = sorted({symbol for override in concerned for symbol in override.underlyings or ()})
    groups: dict[tuple[int, ...], list[str]] = {}
    for symbol in named:
        applied = tuple(
            index
            for index, override in enumerate(concerned)
            if override.underlyings is None or symbol in override.underlyings
        )
        groups.setdefault(applied, []).append(symbol)
    variants = [_overridden(rule, table, shared, everywhere, reporter, excluding=frozenset(named))]
    for applied, symbols in groups.items():
        chosen = [concerned[index] for index in applied]
        variants.append(_overridden(rule, table, shared, chosen, reporter, only=frozenset(symbols)))
    return [variant for variant in variants if variant is not None]


def _overridden(
    rule: Rule,
    table: Table,
    shared: Shared,
    overrides: Sequence[_Override],
    reporter: Reporter,
    *,
    only: frozenset[str] | None = None,
    excluding: frozenset[str] = frozenset(),
) -> Rule | None:
    if overrides and not overrides[-1].enabled:
        return None
    if not any(override.settings.entries for override in overrides):
        return replace(rule, only=only, excluding=excluding)
    changed = table
    for override in overrides:
        changed = _merged(changed, override.settings)
    own = Reporter(overrides[-1].path, rule.id)
    variant = read_rule(changed, shared, own)
    for problem in own.problems:
        reporter.problems.append(replace(problem, place=overrides[-1].place, message=f"override: {problem.message}"))
    return None if variant is None else replace(variant, only=only, excluding=excluding, path=rule.path)


def _merged(table: Table, settings: Table) -> Table:
    entries = dict(table.entries)
    for key, value in settings.entries.items():
        old = entries.get(key)
        both = isinstance(old, Table) and isinstance(value, Table)
        entries[key] = _merged(old, value) if both and isinstance(old, Table) and isinstance(value, Table) else value
    return Table(entries, {**settings.keys, **table.keys}, table.place)


def _unused_overrides(overrides: Iterable[_Override], known: set[str], problems: list[Problem]) -> list[Problem]:
    return [
        Problem(item.path, item.place, "overrides", "unknown-rule", f"there is no rule {name!r}", nearest(name, known))
        for item in overrides
        for name in item.rules
        if name not in known and not any(problem.rule_id == name for problem in problems)
    ]


def _filter(file: Path, table: Table, shared: Shared, known: set[str], problems: list[Problem]) -> Filter | None:
    reporter = Reporter(file, file.stem)
    check_keys(table, ("rules", "when", "why"), ("id", "until", "scope"), reporter, "filter")
    scope = table.entries.get("scope")
    scope_name = scope.text if isinstance(scope, Scalar) else "contract"
    if scope_name not in fields.SCOPES:
        mend = nearest(scope_name, fields.SCOPES)
        reporter.error(table.place, "scope", f"scope cannot be {scope_name!r}", mend)
        scope_name = "contract"
    rules = _words(table, "rules", reporter)
    for name in rules:
        if name not in known:
            place = table.entries["rules"].place
            reporter.error(place, "unknown-rule", f"there is no rule {name!r}", nearest(name, known))
    when = table.entries.get("when")
    condition = None if when is None else read_when(when, Names(scope_name, {}, shared.lists), reporter)
    until = _date(table, reporter)
    why = table.entries.get("why")
    problems += reporter.problems
    if reporter.failed or condition is None or not isinstance(why, Scalar):
        return None
    return Filter(file.stem, rules, condition, why.text, until, file, table.place)


def _date(table: Table, reporter: Reporter) -> datetime.date | None:
    entry = table.entries.get("until")
    if entry is None:
        return None
    try:
        return datetime.date.fromisoformat(entry.text if isinstance(entry, Scalar) else "")
    except ValueError:
        reporter.error(entry.place, "until", "until must be a date", "write it as 2026-12-31")
        return None


def _filtered(rule: Rule, filters: Sequence[Filter], redirects: Mapping[str, str]) -> Rule:
    own = tuple(item for item in filters if rule.id in {redirects.get(name, name) for name in item.rules})
    return replace(rule, filters=own) if own else rule
