"""The rules: what is loaded, whether it is sound, whether its tests pass, what it does and why, and the fields."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from scanner.app import configuring, looking, stored
from scanner.app import sample as sample_market
from scanner.errors import UsageError

if TYPE_CHECKING:
    import polars as pl

    from scanner.activity.record import Level
    from scanner.app.configuring import Place
    from scanner.config import Settings
    from scanner.fields import Field
    from scanner.frames import Frame
    from scanner.outputs.verdict import Verdict
    from scanner.ruleset import Loaded, Rule
    from scanner.ruleset.explain import Traced
    from scanner.ruleset.lint import Selectivity
    from scanner.ruleset.problems import Problem
    from scanner.ruleset.testing import Report

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found: the rules, everything wrong with them, and how often each fires on the sample market."""

    loaded: Loaded
    problems: tuple[Problem, ...]
    measured: tuple[Selectivity, ...]


@dataclass(frozen=True, slots=True)
class Proved:
    """How the tests of each rule ended, and the rules that are broken."""

    reports: tuple[Report, ...]
    problems: tuple[Problem, ...]

    @property
    def passed(self) -> bool:
        """Whether there are rules, none is broken, and every test passes."""
        return bool(self.reports) and not self.problems and all(report.passed for report in self.reports)


@dataclass(frozen=True, slots=True)
class Explained:
    """A rule in words, how its chances came true on one's own history, and how it came out on the nearest rows.

    ``verdict`` is what the newest scan said of a contract, where that was asked for.
    """

    rule: Rule
    words: tuple[str, ...]
    record: tuple[Level, ...]
    traced: tuple[Traced, ...]
    verdict: Verdict | None = None


def load_rules(rules: Sequence[Place] = (), *, settings: Settings | Place | None = None) -> Loaded:
    """The rules of some files and folders, else of the configuration, else the shipped ones.

    Nothing is raised for a broken rule: it is left out and stands in ``problems`` with its place. Raises ConfigError.
    """
    from scanner import ruleset, shipped

    configured = configuring.settings(settings, rules=rules)
    return ruleset.load(shipped.rule_paths(configured.rules), configured.watchlists)


def check_rules(
    rules: Sequence[Place] = (), *, sample: bool = True, settings: Settings | Place | None = None
) -> Checked:
    """Validate and lint rules; with ``sample``, measure how often each fires on a SIMULATED market without a story."""
    from scanner.ruleset import lint

    loaded = load_rules(rules, settings=settings)
    problems = lint.check(loaded)
    measured: list[Selectivity] = []
    if sample and loaded.rules:
        log.info("measuring on a SIMULATED market in which nothing is planted ...")
        measured, more = lint.measure(loaded.rules, sample_market.frames())
        problems += more
    return Checked(loaded, tuple(problems), tuple(measured))


def prove_rules(
    ids: Sequence[str] = (), *, rules: Sequence[Place] = (), settings: Settings | Place | None = None
) -> Proved:
    """Run the unit tests beside the rules, all of them or those of some ids. Raises UsageError for an unknown id."""
    from scanner.ruleset.testing import run_tests

    loaded = load_rules(rules, settings=settings)
    return Proved(tuple(run_tests(rule) for rule in _chosen(loaded, ids)), loaded.problems)


def explain(
    rule_id: str,
    on: str | None = None,
    *,
    contract: str | None = None,
    limit: int = 3,
    as_of: str | date | None = None,
    rules: Sequence[Place] = (),
    settings: Settings | Place | None = None,
    source: str | Sequence[str] | None = None,
    path: Place | None = None,
    chain: Frame | None = None,
    store: Place | None = None,
    accept_terms: Sequence[str] = (),
) -> Explained:
    """What a rule does, in words; ``on`` a symbol, how each condition came out on the ``limit`` rows nearest to firing.

    The symbol's chain is measured as a scan would measure it; the arguments about it are as in
    :func:`~scanner.app.looking.chain`. ``contract``, an OSI symbol, asks instead for what the newest scan (up to
    ``as_of``) said of it: told, held back by what, quiet by which condition, or not judged. Raises UsageError for an
    unknown rule and where no scan has looked at the contract, SourceError where there is no chain.
    """
    if on is not None and contract is not None:
        raise UsageError("--on and --contract: give one of them; a contract tells its symbol")
    from scanner.outputs import calibration
    from scanner.ruleset import explain as explaining

    loaded = load_rules(rules, settings=settings)
    (rule,) = _chosen(loaded, [rule_id])
    wanted = calibration.channels_of(rule.scope, rule.evidence)
    record = [level for level in stored.calibration_record(settings, store) if level.channel in wanted]
    words = explaining.in_words(rule)
    traced: Sequence[Traced] = ()
    if contract is not None:
        return _of_contract(loaded, rule, contract, words, record, configuring.settings(settings, store=store), as_of)
    if on is not None:
        symbol = on.strip().upper()
        configured = configuring.settings(settings, store=store, source=source, path=path, accept_terms=accept_terms)
        frames = _frames_of(symbol, as_of, configured, named_source=bool(source or path), handed_in=chain)
        rule = next(item for item in loaded.rules if item.id == rule.id and item.applies_to(symbol))
        traced = explaining.trace(rule, frames, limit)
    return Explained(rule, tuple(words), tuple(record), tuple(traced))


def _of_contract(
    loaded: Loaded,
    rule: Rule,
    contract: str,
    words: Sequence[str],
    record: Sequence[Level],
    settings: Settings,
    as_of: str | date | None,
) -> Explained:
    from scanner.app import verdicts
    from scanner.market import symbology

    try:
        parsed = symbology.parse_osi(contract)
    except ValueError as error:
        raise UsageError(f"--contract: {error}") from error
    symbol = symbology.format_osi(parsed.root, parsed.expiry, parsed.right, parsed.strike)
    name = symbology.underlying_of(parsed.root)
    mine = next(item for item in loaded.rules if item.id == rule.id and item.applies_to(name))
    until = configuring.instant_for(as_of, settings.exchange_calendar)
    found = verdicts.verdict(mine, symbol, settings, until)
    return Explained(mine, tuple(words), tuple(record), found.traced, found)


def fields(scope: str | None = None) -> tuple[Field, ...]:
    """The field dictionary, or one scope of it: every name a condition may use, with unit, meaning and what null means.

    Raises UsageError for a scope that does not exist.
    """
    from scanner.fields import FIELDS

    _require_scope(scope)
    return tuple(field for field in FIELDS if scope in (None, field.scope))


def new_rule(rule_id: str, scope: str = "contract", folder: Place = "rules") -> tuple[Path, Path]:
    """Write a commented skeleton of a rule, and its test file, into a folder; returns both places.

    Raises UsageError where one of them is there already, or for what is no id or no scope.
    """
    from scanner import shipped
    from scanner.outputs import files
    from scanner.ruleset.reader import ID
    from scanner.ruleset.skeleton import skeleton

    if not ID.fullmatch(rule_id):
        raise UsageError(
            f"{rule_id!r} is not a rule id; write small letters, digits and hyphens, such as my-first-rule"
        )
    _require_scope(scope)
    places = Path(folder) / f"{rule_id}.yaml", Path(folder) / f"{rule_id}.test.yaml"
    for place in places:
        if place.exists():
            raise UsageError(f"{place} exists already; choose another id or folder")
    schema = shipped.shipped_rules() / "rule.schema.json"
    for place, text in zip(places, skeleton(rule_id, scope, schema.as_uri()), strict=True):
        files.write_text(place, text)
    return places


def _require_scope(scope: str | None) -> None:
    from scanner.fields import SCOPES

    if scope is not None and scope not in SCOPES:
        raise UsageError(f"--scope {scope}: there are {', '.join(SCOPES)}")


def _chosen(loaded: Loaded, ids: Sequence[str]) -> list[Rule]:
    """The rules asked for, by their present or former ids. Raises UsageError for one that does not exist."""
    from scanner.ruleset.problems import nearest

    known = {rule.id: rule for rule in loaded.one_each()}
    if not ids:
        return list(known.values())
    chosen = []
    for name in ids:
        now = loaded.redirects.get(name, name)
        if now not in known:
            broken = [str(problem) for problem in loaded.problems if problem.rule_id == name]
            missing = f"there is no rule {name!r}; {nearest(name, known, 'see `scanner rules list`')}"
            raise UsageError(*(broken or [missing]))
        if now != name:
            log.warning("%s is deprecated; this is %s, which took its place", name, now)
        chosen.append(known[now])
    return chosen


def _frames_of(
    symbol: str, as_of: str | date | None, settings: Settings, *, named_source: bool, handed_in: Frame | None
) -> Mapping[str, pl.DataFrame]:
    """The metric frames of one symbol, and a word on whose past its chances rest on."""
    _, _, measured = looking.look_at(symbol, as_of, settings, named_source=named_source, handed_in=handed_in)
    if measured.basis is not None:
        log.info("Here %s.", measured.basis)
    return measured.frames
