"""``overrides.yaml``: other settings for some rules, everywhere or for some underlyings.

overrides:
  - rules: [call-buildup-at-one-strike]
    underlyings: [TSLA, NVDA]          # or `watchlist: megacap`; neither: everywhere
    set: {let: {floor: 5000}, limit: 3}
  - {rules: [iv-lift], underlyings: [VIX], enabled: false}
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from scanner import fields
from scanner.document import Listing, Scalar, Table, Value
from scanner.market import symbology
from scanner.ruleset.model import Rule
from scanner.ruleset.problems import Place, Problem, Reporter, nearest
from scanner.ruleset.reader import Shared, check_keys, read_rule, words


@dataclass(frozen=True, slots=True)
class Override:
    """Settings that replace those of some rules, everywhere (``underlyings`` None) or for some plain tickers."""

    rules: tuple[str, ...]
    underlyings: frozenset[str] | None
    settings: Table
    enabled: bool
    path: Path
    place: Place


_SETTABLE = ("severity", "status", "limit", "cooldown", "for", "let", "needs")


def read_overrides(
    file: Path, table: Table, watchlists: Mapping[str, Sequence[str]] | None, problems: list[Problem]
) -> list[Override]:
    """The overrides of one file; ``watchlists`` are the symbols of each watchlist they may name."""
    reporter = Reporter(file, "overrides", problems)
    check_keys(table, ("overrides",), (), reporter, "overrides file")
    entries = table.entries.get("overrides")
    if not isinstance(entries, Listing):
        reporter.error(table.place, "override", "overrides must be a list", "start each with a hyphen")
        return []
    found = (_override(entry, watchlists, Reporter(file, "overrides", problems)) for entry in entries)
    return [override for override in found if override is not None]


def _override(entry: Value, watchlists: Mapping[str, Sequence[str]] | None, reporter: Reporter) -> Override | None:
    if not isinstance(entry, Table):
        reporter.error(entry.place, "override", "an override must be a mapping")
        return None
    before = len(reporter.problems)
    check_keys(entry, ("rules",), ("underlyings", "watchlist", "set", "enabled", "why"), reporter, "override")
    rules = words(entry, "rules", reporter)
    underlyings = words(entry, "underlyings", reporter)
    for name in underlyings:
        if not symbology.is_name(name.upper()):
            reporter.error(entry.entries["underlyings"].place, "override", f"{name!r} is not a ticker symbol")
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
    only = frozenset(map(symbology.plain_ticker, underlyings)) if scoped else None
    return Override(rules, only, settings, not off, reporter.path, entry.place)


def variants(rule: Rule, table: Table, shared: Shared, overrides: Sequence[Override], reporter: Reporter) -> list[Rule]:
    """The rule as overrides leave it: one variant for everything else, and one for each differently treated group."""
    concerned = [override for override in overrides if rule.id in override.rules]
    if not concerned:
        return [rule]
    everywhere = [override for override in concerned if override.underlyings is None]
    if len(everywhere) < len(concerned) and "underlying" not in fields.of(rule.scope):
        named_one = next(override for override in concerned if override.underlyings is not None)
        message = f"{rule.id} judges the {rule.scope}, which has no underlyings"
        reporter.error(named_one.place, "override", message, "leave out `underlyings` and `watchlist`")
        return []
    named = sorted({symbol for override in concerned for symbol in override.underlyings or ()})
    groups: dict[tuple[int, ...], list[str]] = {}
    for symbol in named:
        applied = tuple(
            index
            for index, override in enumerate(concerned)
            if override.underlyings is None or symbol in override.underlyings
        )
        groups.setdefault(applied, []).append(symbol)
    found = [_overridden(rule, table, shared, everywhere, reporter, excluding=frozenset(named))]
    for applied, symbols in groups.items():
        chosen = [concerned[index] for index in applied]
        found.append(_overridden(rule, table, shared, chosen, reporter, only=frozenset(symbols)))
    return [variant for variant in found if variant is not None]


def _overridden(
    rule: Rule,
    table: Table,
    shared: Shared,
    overrides: Sequence[Override],
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
        entries[key] = _merged(old, value) if isinstance(old, Table) and isinstance(value, Table) else value
    return Table(entries, {**settings.keys, **table.keys}, table.place)


def unknown_rules(overrides: Iterable[Override], known: set[str], problems: list[Problem]) -> list[Problem]:
    """A problem for each override of a rule that nobody knows; that a rule is broken has been said already."""
    return [
        Problem(item.path, item.place, "overrides", "unknown-rule", f"there is no rule {name!r}", nearest(name, known))
        for item in overrides
        for name in item.rules
        if name not in known and not any(problem.rule_id == name for problem in problems)
    ]
