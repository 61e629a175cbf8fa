"""``scanner rules``: what is loaded, whether it is sound, whether its tests pass, what it does, and the fields."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scanner.cli import options
from scanner.outputs.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scanner.activity.record import Level
    from scanner.ruleset import Loaded, Rule
    from scanner.ruleset.lint import Selectivity
    from scanner.ruleset.problems import Problem

log = logging.getLogger(__name__)

app = typer.Typer(help="List, check, test and explain the rules.", no_args_is_help=True)

CheckFormat = Annotated[str, typer.Option("--format", metavar="table|json|sarif", help="How results are printed.")]
Names = Annotated[list[str] | None, typer.Argument(metavar="[ID ...]", help="Only these rules.")]


@app.command("list")
def list_rules(
    rules: options.Rules = None,
    config: options.Config = None,
    format: options.Format = options.OutputFormat.table,
    output: options.Output = None,
    strict: options.Strict = False,
    no_color: options.NoColor = False,
) -> None:
    """List the rules that are loaded, and name those that are broken."""
    loaded = _load(rules, config)
    rows = [
        {
            "id": rule.id,
            "status": rule.status,
            "scope": rule.scope,
            "severity": rule.severity,
            "calibrated": rule.calibrated,
            "title": rule.title,
            "file": str(rule.path),
        }
        for rule in _one_each(loaded.rules)
    ]
    _show(rows, "rules", format, output, no_color=no_color, hide=("file", "calibrated"))
    _complain(loaded)
    broken = any(problem.level == "error" for problem in loaded.problems)
    raise typer.Exit(2 if not rows or (broken and strict) else 1 if broken else 0)


@app.command("check")
def check_rules(
    rules: options.Rules = None,
    config: options.Config = None,
    format: CheckFormat = "table",
    output: options.Output = None,
    sample: Annotated[
        bool, typer.Option("--sample/--no-sample", help="Measure how often rules fire on a simulated market.")
    ] = True,
    strict: options.Strict = False,
    quiet: options.Quiet = False,
    no_color: options.NoColor = False,
) -> None:
    """Validate and lint rules; exit 2 on an error (with --strict, on a warning too)."""
    from scanner.cli import common
    from scanner.errors import UsageError
    from scanner.ruleset import lint

    if format not in ("table", "json", "sarif"):
        raise UsageError(f"--format {format}: expected table, json or sarif")
    loaded = _load(rules, config)
    problems = lint.check(loaded)
    measured: list[Selectivity] = []
    if sample and loaded.rules:
        if not quiet:
            common.say("measuring on a SIMULATED market in which nothing is planted ...")
        measured, more = lint.measure(loaded.rules, _sample_frames())
        problems += more
    _show_check(loaded, problems, measured, format, output, no_color=no_color)
    levels = {problem.level for problem in problems}
    raise typer.Exit(2 if "error" in levels or (strict and "warning" in levels) or not loaded.rules else 0)


@app.command("test")
def prove_rules(
    ids: Names = None,
    rules: options.Rules = None,
    config: options.Config = None,
    format: options.Format = options.OutputFormat.table,
    output: options.Output = None,
    no_color: options.NoColor = False,
) -> None:
    """Run the unit tests beside the rules; exit 2 where one fails or is missing."""
    from scanner.outputs import rules as outputs
    from scanner.outputs import terminal
    from scanner.ruleset.testing import run_tests

    loaded = _load(rules, config)
    reports = [run_tests(rule) for rule in _chosen(loaded, ids)]
    if format is options.OutputFormat.table:
        with terminal.printing(output, no_color=no_color) as console:
            outputs.print_tests(reports, console)
    else:
        _show(outputs.tested_rows(reports), "tests", format, output, no_color=no_color)
    _complain(loaded)
    raise typer.Exit(0 if reports and not loaded.problems and all(report.passed for report in reports) else 2)


@app.command("explain")
def explain_rule(
    rule_id: Annotated[str, typer.Argument(metavar="ID", help="The rule.")],
    on: Annotated[
        str | None, typer.Option("--on", metavar="SYMBOL", help="Show why it fired, or did not, here.")
    ] = None,
    as_of: options.AsOf = None,
    rules: options.Rules = None,
    config: options.Config = None,
    store: options.StoreFolder = None,
    source: options.Source = None,
    path: options.RecordedPath = None,
    accept_terms: options.AcceptTerms = None,
    format: options.Format = options.OutputFormat.table,
    output: options.Output = None,
    limit: options.Limit = 3,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    no_color: options.NoColor = False,
) -> None:
    """Say in words what a rule does; with --on, how each condition came out on the nearest rows."""
    from scanner.cli import common
    from scanner.outputs import calibration, files, terminal
    from scanner.outputs import rules as outputs
    from scanner.ruleset import explain

    common.configure_logging(quiet=quiet, verbose=verbose)
    loaded = _load(rules, config)
    (rule,) = _chosen(loaded, [rule_id])
    said = explain.in_words(rule)
    record = _record_of(rule, config, store)
    if record:
        said += ["", *calibration.sentences(record)]
    traced: list[explain.Traced] = []
    if on is not None:
        settings = common.settings_for(config, store=store, source=source, path=path, accept_terms=accept_terms)
        frames = _frames_of(on.strip().upper(), as_of, settings, named_source=bool(source or path))
        rule = next(item for item in loaded.rules if item.id == rule.id and item.applies_to(on.strip().upper()))
        traced = explain.trace(rule, frames, limit or 3)
    if format is options.OutputFormat.table:
        lines = [*said, *(line for item in traced for line in outputs.trace_lines(item))]
        if on is not None and not traced:
            lines.append(f"{on} has no {rule.scope} rows to look at.")
        with terminal.printing(output, no_color=no_color) as console:
            for line in lines:
                terminal.say(line, console)
        return
    files.hand_out(outputs.dumps(outputs.explain_document(rule, said, record, traced)), output)


def _record_of(rule: Rule, config: Path | None, store: Path | None) -> list[Level]:
    """How often the chances that a rule looks at were stated, and came, in the user's own store; empty without one."""
    from scanner.app import storing
    from scanner.outputs import calibration

    wanted = calibration.channels_of(rule.scope, rule.evidence)
    return [level for level in storing.calibration_record(config, store) if level.channel in wanted]


@app.command("fields")
def list_fields(
    scope: Annotated[
        str | None, typer.Option("--scope", metavar="SCOPE", help="Only the fields of this scope.")
    ] = None,
    format: options.Format = options.OutputFormat.table,
    output: options.Output = None,
    no_color: options.NoColor = False,
) -> None:
    """The field dictionary: every name a condition may use, with unit, meaning and what a missing value means."""
    from scanner import fields
    from scanner.errors import UsageError
    from scanner.outputs import rules as outputs
    from scanner.outputs import terminal

    if scope is not None and scope not in fields.SCOPES:
        raise UsageError(f"--scope {scope}: there are {', '.join(fields.SCOPES)}")
    rows = [
        {
            "scope": field.scope,
            "field": field.name,
            "kind": field.kind.value,
            "unit": field.unit.value,
            "calibrated": field.calibrated,
            "from_chain": field.from_chain,
            "remembered": field.remembered,
            "on_split": field.on_split.value,
            "denominator": list(field.denominator),
            "title": field.title,
            "meaning": field.meaning,
            "missing": field.null or None,
        }
        for field in fields.FIELDS
        if scope in (None, field.scope)
    ]
    if format is options.OutputFormat.table:
        with terminal.printing(output, no_color=no_color) as console:
            outputs.print_fields(rows, console)
    else:
        _show(rows, "fields", format, output, no_color=no_color)


@app.command("new")
def new_rule(
    rule_id: Annotated[str, typer.Argument(metavar="ID", help="Small letters, digits and hyphens.")],
    scope: Annotated[str, typer.Option("--scope", help="What kind of row it judges.")] = "contract",
    folder: Annotated[Path, typer.Option("--folder", metavar="DIR", help="Where the two files go.")] = Path("rules"),
) -> None:
    """Write a commented skeleton of a rule, and its test file."""
    from scanner import fields, shipped
    from scanner.cli import common
    from scanner.errors import UsageError
    from scanner.outputs import files
    from scanner.ruleset.reader import ID
    from scanner.ruleset.skeleton import skeleton

    if not ID.fullmatch(rule_id):
        raise UsageError(
            f"{rule_id!r} is not a rule id; write small letters, digits and hyphens, such as my-first-rule"
        )
    if scope not in fields.SCOPES:
        raise UsageError(f"--scope {scope}: there are {', '.join(fields.SCOPES)}")
    places = [folder / f"{rule_id}.yaml", folder / f"{rule_id}.test.yaml"]
    for place in places:
        if place.exists():
            raise UsageError(f"{place} exists already; choose another id or folder")
    schema = shipped.shipped_rules() / "rule.schema.json"
    for place, text in zip(places, skeleton(rule_id, scope, schema.as_uri()), strict=True):
        files.write_text(place, text)
        typer.echo(printable(str(place)))
    common.say(
        f"Next: edit them, then `scanner rules check --rules {folder}` and `scanner rules test --rules {folder}`"
    )


def _load(rules: Sequence[Path] | None, config: Path | None) -> Loaded:
    """The rules of --rules, else of the configuration, else the shipped ones."""
    from scanner import ruleset, shipped
    from scanner.cli import common

    settings = common.settings_for(config, rules=rules)
    return ruleset.load(shipped.rule_paths(settings.rules), settings.watchlists)


def _one_each(rules: Iterable[Rule]) -> list[Rule]:
    return sorted({rule.id: rule for rule in rules}.values(), key=lambda rule: (rule.status != "stable", rule.id))


def _chosen(loaded: Loaded, ids: Sequence[str] | None) -> list[Rule]:
    """The rules asked for, by their present or former ids. Raises UsageError for one that does not exist."""
    from scanner.cli import common
    from scanner.errors import UsageError
    from scanner.ruleset.problems import nearest

    known = {rule.id: rule for rule in _one_each(loaded.rules)}
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
            common.say(f"{name} is deprecated; this is {now}, which took its place")
        chosen.append(known[now])
    return chosen


def _complain(loaded: Loaded) -> None:
    from scanner.cli import common

    for problem in loaded.problems:
        common.say(str(problem))


def _show(
    rows: list[dict[str, Any]],
    name: str,
    format: options.OutputFormat,
    output: Path | None,
    *,
    no_color: bool,
    hide: tuple[str, ...] = (),
) -> None:
    """Rows as a table for people, one JSON document, or CSV."""
    from scanner.outputs import files, terminal
    from scanner.outputs import rules as outputs

    if format is options.OutputFormat.json:
        files.hand_out(outputs.dumps({name: rows}), output)
    elif format is options.OutputFormat.csv:
        files.hand_out(outputs.to_csv(rows), output)
    else:
        with terminal.printing(output, no_color=no_color) as console:
            outputs.print_rows(rows, console, hide)


def _show_check(
    loaded: Loaded,
    problems: Sequence[Problem],
    measured: Sequence[Selectivity],
    format: str,
    output: Path | None,
    *,
    no_color: bool,
) -> None:
    from scanner import __version__
    from scanner.outputs import files, terminal
    from scanner.outputs import rules as outputs
    from scanner.ruleset import lint
    from scanner.ruleset.sarif import to_sarif

    if format == "sarif":
        files.hand_out(json.dumps(to_sarif(problems, lint.REASONS, __version__), indent=2) + "\n", output)
    elif format == "json":
        files.hand_out(outputs.dumps(outputs.check_document(problems, measured)), output)
    else:
        with terminal.printing(output, no_color=no_color) as console:
            outputs.print_check(len(_one_each(loaded.rules)), problems, measured, console)


def _sample_frames() -> dict[str, Any]:
    """Metric frames of a small simulated market with some weeks of history."""
    from scanner import pipeline
    from scanner.app import opening
    from scanner.metrics.measure import KnownBefore, measure
    from scanner.sources import simulated

    *history, last = simulated.sample_market(7, ("AAPL", "GOOG", "KO", "SPY"), count=22)
    names = last["underlying"].unique().to_list()
    with opening.temporary_memory() as memory:
        assert memory.store is not None
        opening.remember(memory.store, history)
        panel = memory.store.history.panel("simulated", names, last["session_date"][0])
        return dict(measure(last, KnownBefore(panel), pipeline.newest_quotes(last)).frames)


def _frames_of(symbol: str, as_of: str | None, settings: Any, *, named_source: bool) -> dict[str, Any]:
    """The metric frames of one symbol, fetched or as the store kept it, beside what the store remembers."""
    from scanner import pipeline
    from scanner.app import opening
    from scanner.cli import common

    request = pipeline.Request((symbol,), common.instant_for(as_of), common.right_now(), "explain")
    received, moment = opening.chain_of(settings, request, named_source=named_source)
    assert received.chain is not None
    with opening.memory_if_there(settings) as memory:
        measured = pipeline.look(received.chain, moment, memory.store, memory.state, settings)
    if measured.basis is not None:
        log.info("Here %s.", measured.basis)
    return dict(measured.frames)
