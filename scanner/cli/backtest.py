"""``scanner backtest``: replay a range of stored sessions, and say what became of every alert."""

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
    strict: options.Strict = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    no_color: options.NoColor = False,
) -> None:
    """Judge stored sessions as they would have been judged then, and say what became of every alert."""
    from scanner import app
    from scanner.cli import common, waiting
    from scanner.outputs import files, following, stored, terminal

    common.configure_logging(quiet=quiet, verbose=verbose)
    settings = app.settings(config, store=store, rules=rules or ())
    with waiting.waiting("judging ...", quiet=quiet, no_color=no_color) as say:
        done = app.backtest(
            first,
            last,
            symbols or (),
            settings=settings,
            source=source,
            watchlist=watchlist,
            strict=strict,
            judged=lambda session: say(f"judging ... {session} is done"),
        )
    if format is options.OutputFormat.csv:
        files.hand_out(following.board_csv(done.board.outcomes), output)
    elif format is options.OutputFormat.json:
        files.hand_out(stored.backtest_text(done.sessions, done.alerts, done.board.rules, done.board.outcomes), output)
    else:
        with terminal.printing(output, no_color=no_color) as console:
            count = terminal.counted(len(done.sessions), "session")
            console.print(f"{count} judged, {terminal.counted(len(done.alerts), 'alert')} raised.\n")
            stored.print_scoreboard(done.board.rules, console)
            console.print()
            following.print_board(done.board.outcomes, console)
    for problem in done.problems:
        common.say(f"left out: {problem.message}")
    raise typer.Exit(1 if done.problems else 0)
