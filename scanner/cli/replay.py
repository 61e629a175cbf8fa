"""``scanner replay``: judge stored sessions in order, each seeing only what was known then."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli import options

if TYPE_CHECKING:
    from scanner.outputs.result import ScanResult
    from scanner.store.store import Store


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
    from scanner.app import configured, opening
    from scanner.cli import common, printing
    from scanner.cli.scan import exit_code
    from scanner.errors import StoreError, UsageError
    from scanner.outputs import terminal

    common.configure_logging(quiet=quiet, verbose=verbose)
    settings = common.settings_for(config, store=store, rules=rules)
    begin, end = common.day_for("--from", first), common.day_for("--to", last)
    if begin > end:
        raise UsageError(f"--from {begin} is after --to {end}")
    names = common.symbols_for(symbols, watchlist, settings) if symbols or watchlist else None
    usable, problems = opening.usable_rules(settings, strict=strict)
    results: list[ScanResult] = []
    interrupted = False
    with opening.open_history(settings, before=end) as kept, opening.forgetful_state() as state:
        try:
            with printing.waiting("judging ...", quiet=quiet, no_color=no_color) as say:
                setup = configured.setup(settings, kept, state, usable)
                for result in pipeline.replay(setup, source, names, begin, end):
                    results.append(result)
                    say(f"judging ... {result.scan.session_date} is done")
        except KeyboardInterrupt:
            interrupted = True
        if not results and not interrupted:
            raise StoreError(_nothing_to_judge(kept, begin, end, names))
    severity = settings.outputs.terminal.min_severity
    printing.Printing(format, output, min_severity, limit, no_color, severity, lines=True, kept=False).show(results)
    for problem in problems:
        common.say(f"left out: {problem.message}")
    if interrupted:
        common.say(f"interrupted after {terminal.counted(len(results), 'session')}")
        raise typer.Exit(130)
    codes = [exit_code(result, fail_on) for result in results]
    worst = 10 if 10 in codes else 3 if set(codes) == {3} else 1 if any(codes) or problems else 0
    raise typer.Exit(worst)


def _nothing_to_judge(store: Store, begin: date, end: date, names: tuple[str, ...] | None) -> str:
    """Say that there is no chain to judge, and whether there once was."""
    sessions = {day for source in store.summaries.sources() for day in store.summaries.sessions(source)}
    pruned = sum(begin <= day <= end for day in sessions)
    why = f" ({pruned:,} are remembered as history, but their chains are pruned)" if pruned and names is None else ""
    whose = f" of {', '.join(names)}" if names else ""
    return (
        f"{store.path} holds no chain from {begin} to {end}{whose}{why}; see `scanner store info`, or import with "
        "`scanner import`"
    )
