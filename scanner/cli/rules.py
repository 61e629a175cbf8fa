"""``scanner rules``: what is loaded, whether it is sound, whether its tests pass, what it does, and the fields."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from scanner.cli import options
from scanner.outputs.text import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

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
    from scanner import app as application

    loaded = application.load_rules(rules or (), settings=config)
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
        for rule in loaded.one_each()
    ]
    _show(rows, "rules", format, output, no_color=no_color, hide=("file", "calibrated"))
    _complain(loaded.problems)
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
    from scanner import app as application
    from scanner.cli import common
    from scanner.errors import UsageError
    from scanner.outputs import files, terminal
    from scanner.outputs import rules as outputs

    common.configure_logging(quiet=quiet, verbose=False)
    if format not in ("table", "json", "sarif"):
        raise UsageError(f"--format {format}: expected table, json or sarif")
    found = application.check_rules(rules or (), sample=sample, settings=config)
    if format == "table":
        with terminal.printing(output, no_color=no_color) as console:
            outputs.print_check(len(found.loaded.one_each()), found.problems, found.measured, console)
    else:
        files.hand_out(outputs.check_text(found.problems, found.measured, format), output)
    levels = {problem.level for problem in found.problems}
    raise typer.Exit(2 if "error" in levels or (strict and "warning" in levels) or not found.loaded.rules else 0)


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
    from scanner import app as application
    from scanner.cli import common
    from scanner.outputs import rules as outputs
    from scanner.outputs import terminal

    common.configure_logging(quiet=False, verbose=False)
    proved = application.prove_rules(ids or (), rules=rules or (), settings=config)
    if format is options.OutputFormat.table:
        with terminal.printing(output, no_color=no_color) as console:
            outputs.print_tests(proved.reports, console)
    else:
        _show(outputs.tested_rows(proved.reports), "tests", format, output, no_color=no_color)
    _complain(proved.problems)
    raise typer.Exit(0 if proved.passed else 2)


@app.command("explain")
def explain_rule(
    rule_id: Annotated[str, typer.Argument(metavar="ID", help="The rule.")],
    on: Annotated[
        str | None, typer.Option("--on", metavar="SYMBOL", help="Show why it fired, or did not, here.")
    ] = None,
    contract: Annotated[
        str | None, typer.Option("--contract", metavar="OSI", help="Show what the newest scan said of one contract.")
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
    """Say in words what a rule does; with --on, how it came out on a name, with --contract, the scan's own verdict."""
    from scanner import app as application
    from scanner.cli import common
    from scanner.outputs import calibration, files, terminal
    from scanner.outputs import rules as outputs

    common.configure_logging(quiet=quiet, verbose=verbose)
    found = application.explain(
        rule_id,
        on,
        contract=contract,
        limit=limit or 3,
        as_of=as_of,
        rules=rules or (),
        settings=config,
        source=source,
        path=path,
        store=store,
        accept_terms=accept_terms or (),
    )
    said = [*found.words, *(["", *calibration.sentences(found.record)] if found.record else [])]
    if format is options.OutputFormat.table:
        stated = [] if found.verdict is None else found.verdict.lines()
        lines = [*said, *stated, *(line for item in found.traced for line in outputs.trace_lines(item))]
        if on is not None and not found.traced:
            lines.append(f"{on} has no {found.rule.scope} rows to look at.")
        with terminal.printing(output, no_color=no_color) as console:
            for line in lines:
                terminal.say(line, console)
        return
    files.hand_out(
        outputs.dumps(outputs.explain_document(found.rule, said, found.record, found.traced, found.verdict)), output
    )


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
    from scanner import app as application
    from scanner.outputs import rules as outputs
    from scanner.outputs import terminal

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
        for field in application.fields(scope)
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
    from scanner import app as application
    from scanner.cli import common

    for place in application.new_rule(rule_id, scope, folder):
        typer.echo(printable(str(place)))
    common.say(
        f"Next: edit them, then `scanner rules check --rules {folder}` and `scanner rules test --rules {folder}`"
    )


def _complain(problems: Iterable[object]) -> None:
    from scanner.cli import common

    for problem in problems:
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
