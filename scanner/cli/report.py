"""``scanner report``: one HTML page of a session's scan, or of a week."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from scanner.cli import options
from scanner.outputs.text import printable


def command(
    symbols: options.Symbols = None,
    week: Annotated[
        str | None, typer.Option("--week", metavar="DATE", help="The sessions of the week that DATE lies in.")
    ] = None,
    config: options.Config = None,
    store: options.StoreFolder = None,
    watchlist: options.Watchlist = None,
    as_of: options.AsOf = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", metavar="FILE", help="Where the page goes; else scanner-report-SESSION.html. `-`: stdout."
        ),
    ] = None,
    min_severity: options.MinSeverity = None,
    limit: options.Limit = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Write an HTML report of the newest session, of another one (--as-of), or of a week; it needs nothing else."""
    from scanner import app
    from scanner.cli import common
    from scanner.outputs import files

    common.configure_logging(quiet=quiet, verbose=verbose)
    made = app.report(
        symbols or (),
        week=week,
        as_of=as_of,
        min_severity=min_severity,
        limit=limit,
        settings=config,
        watchlist=watchlist,
        store=store,
    )
    text = made.html()
    if output == Path("-"):
        files.hand_out(text, None)
        return
    place = output or Path(f"scanner-report-{'week-' if week else ''}{made.first}.html")
    files.write_text(place, text)
    typer.echo(printable(str(place)))
