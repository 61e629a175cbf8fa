"""``scanner rules``: what is loaded, whether it is sound, whether its tests pass, what it does, and the fields."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scanner.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from scanner.metrics.record import Level
    from scanner.ruleset import Loaded, Rule
    from scanner.ruleset.lint import Selectivity
    from scanner.ruleset.testing import Report

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
    from scanner.errors import UsageError
    from scanner.ruleset import lint

    if format not in ("table", "json", "sarif"):
        raise UsageError(f"--format {format}: expected table, json or sarif")
    loaded = _load(rules, config)
    problems = lint.check(loaded)
    measured: list[Selectivity] = []
    if sample and loaded.rules:
        if not quiet:
            typer.echo("measuring on a SIMULATED market in which nothing is planted ...", err=True)
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
    from scanner.ruleset.testing import run_tests

    loaded = _load(rules, config)
    reports = [run_tests(rule) for rule in _chosen(loaded, ids)]
    rows = [
        {
            "id": report.rule_id,
            "outcome": "passed" if report.passed else "FAILED",
            "cases": len(report.results),
            "failures": list(_failures(report)),
            "conditions_not_turned": list(report.unturned),
        }
        for report in reports
    ]
    if format is options.OutputFormat.table:
        _show_reports(reports, output, no_color=no_color)
    else:
        _show(rows, "tests", format, output, no_color=no_color)
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
    from dataclasses import asdict

    from scanner.alerts.model import plain
    from scanner.cli import common
    from scanner.outputs import calibration, files, terminal
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
        lines = [*said, *(line for item in traced for line in _traced_lines(item))]
        if on is not None and not traced:
            lines.append(f"{on} has no {rule.scope} rows to look at.")
        with terminal.printing(output, no_color=no_color) as console:
            for line in lines:
                terminal.say(line, console)
        return
    document = {
        "schema": 1,
        "rule_id": rule.id,
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
    files.hand_out(json.dumps(document, indent=2, default=str) + "\n", output)


def _record_of(rule: Rule, config: Path | None, store: Path | None) -> list[Level]:
    """How often the chances that a rule looks at were stated, and came, in the user's own store; empty without one."""
    from scanner.cli import storing
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

    if scope is not None and scope not in fields.SCOPES:
        raise UsageError(f"--scope {scope}: there are {', '.join(fields.SCOPES)}")
    rows = [
        {
            "scope": field.scope,
            "field": field.name,
            "kind": field.kind.value,
            "unit": field.unit.value,
            "calibrated": field.calibrated,
            "meaning": field.meaning,
            "missing": field.null or None,
        }
        for field in fields.FIELDS
        if scope in (None, field.scope)
    ]
    _show(rows, "fields", format, output, no_color=no_color, hide=("kind", "calibrated"))


@app.command("new")
def new_rule(
    rule_id: Annotated[str, typer.Argument(metavar="ID", help="Small letters, digits and hyphens.")],
    scope: Annotated[str, typer.Option("--scope", help="What kind of row it judges.")] = "contract",
    folder: Annotated[Path, typer.Option("--folder", metavar="DIR", help="Where the two files go.")] = Path("rules"),
) -> None:
    """Write a commented skeleton of a rule, and its test file."""
    from scanner import fields, resources
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
    schema = resources.shipped_rules() / "rule.schema.json"
    for place, text in zip(places, skeleton(rule_id, scope, schema.as_uri()), strict=True):
        files.write_text(place, text)
        typer.echo(str(place))
    typer.echo(
        f"Next: edit them, then `scanner rules check --rules {folder}` and `scanner rules test --rules {folder}`",
        err=True,
    )


def _load(rules: Sequence[Path] | None, config: Path | None) -> Loaded:
    """The rules of --rules, else of the configuration, else the shipped ones."""
    from scanner import resources, ruleset
    from scanner.cli import common

    settings = common.settings_for(config, rules=rules)
    return ruleset.load(resources.rule_paths(settings.rules), settings.watchlists)


def _one_each(rules: Iterable[Rule]) -> list[Rule]:
    return sorted({rule.id: rule for rule in rules}.values(), key=lambda rule: (rule.status != "stable", rule.id))


def _chosen(loaded: Loaded, ids: Sequence[str] | None) -> list[Rule]:
    """The rules asked for, by their present or former ids. Raises UsageError for one that does not exist."""
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
            raise UsageError(
                "\n".join(broken) or f"there is no rule {name!r}; {nearest(name, known, 'see `scanner rules list`')}"
            )
        if now != name:
            typer.echo(f"{name} is deprecated; this is {now}, which took its place", err=True)
        chosen.append(known[now])
    return chosen


def _complain(loaded: Loaded) -> None:
    for problem in loaded.problems:
        typer.echo(str(problem), err=True)


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

    if format is options.OutputFormat.json:
        files.hand_out(json.dumps({"schema": 1, name: rows}, indent=2) + "\n", output)
    elif format is options.OutputFormat.csv:
        files.hand_out(_csv(rows), output)
    else:
        shown = [key for key in (rows[0] if rows else {}) if key not in hide]
        if not shown:
            return
        table = terminal.plain_table(*(key.replace("_", " ") for key in shown), whole=("id", "field"))
        for row in rows:
            table.add_row(*("" if row[key] is None else str(row[key]) for key in shown))
        with terminal.printing(output, no_color=no_color) as console:
            console.print(table)


def _csv(rows: list[dict[str, Any]]) -> str:
    from scanner.outputs.delimited import csv_document

    values = (["; ".join(value) if isinstance(value, list) else value for value in row.values()] for row in rows)
    return csv_document(list(rows[0]), values) if rows else ""


def _show_check(
    loaded: Loaded,
    problems: Sequence[Any],
    measured: Sequence[Selectivity],
    format: str,
    output: Path | None,
    *,
    no_color: bool,
) -> None:
    from scanner import __version__
    from scanner.outputs import files, terminal
    from scanner.ruleset import lint
    from scanner.ruleset.sarif import to_sarif

    if format == "sarif":
        files.hand_out(json.dumps(to_sarif(problems, lint.REASONS, __version__), indent=2) + "\n", output)
        return
    if format == "json":
        files.hand_out(json.dumps(_check_document(problems, measured), indent=2) + "\n", output)
        return
    with terminal.printing(output, no_color=no_color) as console:
        for problem in problems:
            console.print(f"{problem.level}: {problem} [{problem.code}]", soft_wrap=True)
        if measured:
            table = terminal.plain_table("rule", "rows", "flagged", "not judged", "of those judged")
            for item in measured:
                share = "" if item.share is None else f"{item.share:.3%}"
                table.add_row(item.rule_id, f"{item.rows:,}", f"{item.fired:,}", f"{item.not_judged:,}", share)
            console.print(table)
        for code in sorted({problem.code for problem in problems} & set(lint.REASONS)):
            console.print(f"{code}: {lint.REASONS[code][1]}", style="dim")
        counts = {level: sum(problem.level == level for problem in problems) for level in ("error", "warning", "note")}
        said = ", ".join(f"{count} {level}{'' if count == 1 else 's'}" for level, count in counts.items())
        console.print(f"{terminal.counted(len(_one_each(loaded.rules)), 'rule')}: {said}")


def _check_document(problems: Sequence[Any], measured: Sequence[Selectivity]) -> dict[str, Any]:
    return {
        "schema": 1,
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


def _failures(report: Report) -> Iterable[str]:
    yield from (str(problem) for problem in report.problems)
    for result in report.results:
        yield from (f"{result.case.name}: {failure}" for failure in result.failures)


def _show_reports(reports: Sequence[Report], output: Path | None, *, no_color: bool) -> None:
    from scanner.outputs import terminal

    with terminal.printing(output, no_color=no_color) as console:
        for report in reports:
            outcome = "passed" if report.passed else "FAILED"
            console.print(
                f"{outcome}  {report.rule_id}  {terminal.counted(len(report.results), 'case')}",
                style="" if report.passed else "bold red",
            )
            for failure in _failures(report):
                console.print(f"    {failure}", soft_wrap=True)
            for condition in report.unturned:
                console.print(f"    no case turns it: {condition}", style="yellow", soft_wrap=True)
        failed = sum(not report.passed for report in reports)
        console.print(f"{len(reports) - failed} of {terminal.counted(len(reports), 'rule')} passed")


def _verdict(verdict: bool | None) -> str:
    return {True: "true", False: "false", None: "unknown"}[verdict]


def _traced_lines(item: Any) -> Iterable[str]:
    outcome = {True: "fires", False: "stays quiet", None: "is not judged"}[item.verdict]
    yield ""
    yield f"{item.identity}: {outcome}"
    for part in item.checked:
        values = ", ".join(
            f"{name} = {'missing' if value is None else _number(value)}" for name, value in part.values.items()
        )
        yield f"  {_verdict(part.verdict):<8}{part.text}    ({values})"


def _number(value: object) -> str:
    return f"{value:,.6g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)


def _sample_frames() -> dict[str, Any]:
    """Metric frames of a small simulated market with some weeks of history."""
    from scanner import pipeline
    from scanner.cli import opening
    from scanner.measuring import measure
    from scanner.sources import simulated

    *history, last = simulated.sample_market(7, ("AAPL", "GOOG", "KO", "SPY"), count=22)
    names = last["underlying"].unique().to_list()
    with opening.temporary_memory() as memory:
        assert memory.store is not None
        opening.remember(memory.store, history)
        panel = memory.store.history.panel("simulated", names, last["session_date"][0])
        return dict(measure(last, panel, pipeline.newest_quotes(last)).frames)


def _frames_of(symbol: str, as_of: str | None, settings: Any, *, named_source: bool) -> dict[str, Any]:
    """The metric frames of one symbol, fetched or as the store kept it, beside what the store remembers."""
    from scanner import pipeline
    from scanner.cli import common, opening
    from scanner.memory import Memory

    request = pipeline.Request((symbol,), common.instant_for(as_of), common.right_now(), "explain")
    received = opening.chain_of(settings, request, named_source=named_source)
    assert received.chain is not None
    store = opening.store_if_there(settings)
    known = Memory.of(store, received.chain)
    events = pipeline.known_events(store, settings)
    moment = request.as_of or pipeline.newest_quotes(received.chain)
    return dict(pipeline.judge(received.chain, known.panel, moment, [], earlier=known.earlier, events=events).frames)
