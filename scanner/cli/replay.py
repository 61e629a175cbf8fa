"""``scanner replay``: judge stored sessions in order, each seeing only what was known then."""

from __future__ import annotations

from typing import Annotated

import typer

from scanner.cli import options


def command(
    first: Annotated[str, typer.Option("--from", metavar="DATE", help="The first session.")],
    last: Annotated[str, typer.Option("--to", metavar="DATE", help="The last session.")],
    symbols: options.Symbols = None,
    config: options.Config = None,
    rules: options.Rules = None,
    store: options.StoreFolder = None,
    source: options.Source = None,
    watchlist: options.Watchlist = None,
    format: options.Format = options.OutputFormat.table,
    output: options.Output = None,
    min_severity: options.MinSeverity = None,
    limit: options.Limit = None,
    fail_on: options.FailOn = None,
    strict: options.Strict = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    no_color: options.NoColor = False,
) -> None:
    """Judge stored sessions in order, each seeing only what was known then."""
    from scanner import pipeline
    from scanner.cli import common, opening, printing
    from scanner.cli.scan import exit_code
    from scanner.errors import StoreError, UsageError

    common.configure_logging(quiet=quiet, verbose=verbose)
    settings = common.settings_for(config, store=store, rules=rules)
    begin, end = common.day_for("--from", first), common.day_for("--to", last)
    if begin > end:
        raise UsageError(f"--from {begin} is after --to {end}")
    names = common.symbols_for(symbols, watchlist, settings) if symbols or watchlist else None
    usable, problems = opening.usable_rules(settings, strict=strict)
    with opening.open_history(settings) as kept, opening.forgetful_state() as state:
        results = list(pipeline.replay(kept, source, names, begin, end, usable, settings, state))
    if not results:
        raise StoreError(
            f"{settings.store.path} holds no session from {begin} to {end}"
            f"{' of ' + ', '.join(names) if names else ''}; see `scanner store info`, or import with `scanner import`"
        )
    severity = settings.outputs.terminal.min_severity
    printing.Printing(format, output, min_severity, limit, no_color, severity, lines=True).show(results)
    for problem in problems:
        typer.echo(f"left out: {problem.message}", err=True)
    codes = [exit_code(result, fail_on) for result in results]
    worst = 10 if 10 in codes else 3 if set(codes) == {3} else 1 if any(codes) or problems else 0
    raise typer.Exit(worst)
