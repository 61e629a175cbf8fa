"""``scanner moves``: what is priced for events, and what came of past ones."""

from __future__ import annotations

from typing import Annotated

import typer

from scanner.cli import options


def command(
    symbols: options.Symbols = None,
    kind: Annotated[
        str | None, typer.Option("--kind", metavar="KIND", help="Events of one kind, such as earnings; else all.")
    ] = None,
    config: options.Config = None,
    store: options.StoreFolder = None,
    watchlist: options.Watchlist = None,
    as_of: options.AsOf = None,
    format: options.Format = options.OutputFormat.table,
    output: options.Output = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    no_color: options.NoColor = False,
) -> None:
    """What options price for the events of your table, against what was priced and came of the last eight."""
    from scanner import app
    from scanner.cli import common
    from scanner.outputs import files, moves, terminal

    common.configure_logging(quiet=quiet, verbose=verbose)
    found = app.moves(symbols or (), kind=kind, as_of=as_of, settings=config, watchlist=watchlist, store=store)
    if format is not options.OutputFormat.table:
        files.hand_out(moves.text(found, format.value), output)
        return
    with terminal.printing(output, no_color=no_color) as console:
        moves.show(found, console)
