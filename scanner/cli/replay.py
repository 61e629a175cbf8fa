"""``scanner replay``: judge stored sessions in order, each seeing only what was known then."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli import options

if TYPE_CHECKING:
    from collections.abc import Iterator

    from scanner.outputs.result import ScanResult


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
    held_back: options.HeldBack = False,
    cluster: options.Cluster = None,
    workers: options.Workers = None,
    strict: options.Strict = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    no_color: options.NoColor = False,
) -> None:
    """Judge stored sessions in order, each seeing only what was known then."""
    from scanner import app
    from scanner.cli import common, printing
    from scanner.cli.scan import exit_code
    from scanner.outputs import following, terminal

    common.configure_logging(quiet=quiet, verbose=verbose)
    settings = app.settings(config, store=store, rules=rules or ())
    replayed = app.replay(
        first,
        last,
        symbols or (),
        settings=settings,
        source=source,
        watchlist=watchlist,
        strict=strict,
        cluster=cluster,
        workers=workers,
    )
    severity = settings.outputs.terminal.min_severity
    shown = printing.Printing(
        format, output, min_severity, limit, no_color, severity, lines=True, kept=False, held_back=held_back
    )
    # A session is printed as soon as it is judged; a file, and a table of CSV, are written whole.
    at_once = output is None and format is not options.OutputFormat.csv
    results: list[ScanResult] = []
    interrupted = False
    try:
        while (result := _next(replayed, len(results), quiet=quiet, no_color=no_color)) is not None:
            results.append(result)
            if at_once:
                shown.show([result])
    except KeyboardInterrupt:
        interrupted = True
    if not at_once:
        shown.show(results)
    if format is options.OutputFormat.table and output is None and replayed.became is not None:
        with terminal.printing(None, no_color=no_color) as console:
            following.print_became(replayed.became.stories, len(replayed.became.alerts), console)
    for problem in replayed.problems:
        common.say(f"left out: {problem.message}")
    if interrupted:
        common.say(f"interrupted after {terminal.counted(len(results), 'session')}")
        raise typer.Exit(130)
    codes = [exit_code(result, fail_on) for result in results]
    worst = 10 if 10 in codes else 3 if set(codes) == {3} else 1 if any(codes) or replayed.problems else 0
    raise typer.Exit(worst)


def _next(replayed: Iterator[ScanResult], done: int, *, quiet: bool, no_color: bool) -> ScanResult | None:
    """The next session's result, with a word on how far the replay is while it is being judged; None at the end."""
    from scanner.cli import waiting

    said = "judging ..." if not done else f"judging ... {done} done"
    with waiting.waiting(said, quiet=quiet, no_color=no_color):
        return next(replayed, None)
