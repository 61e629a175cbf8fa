"""``scanner ranks``: contracts as a vendor ranks them itself, in a session that it names."""

from __future__ import annotations

import logging
from typing import Annotated

import typer

from scanner.app import RankedBy
from scanner.cli import options

log = logging.getLogger(__name__)


def command(
    symbols: options.Symbols = None,
    by: Annotated[RankedBy, typer.Option("--by", help="What is ranked, the most first.")] = RankedBy.oi_increase,
    session: Annotated[
        str | None, typer.Option("--date", metavar="DATE", help="The session ranked; else the newest there is.")
    ] = None,
    indices: Annotated[
        bool, typer.Option("--indices", help="Contracts of all indices, not of all stocks and ETFs.")
    ] = False,
    config: options.Config = None,
    store: options.StoreFolder = None,
    source: options.Source = None,
    watchlist: options.Watchlist = None,
    format: options.Format = options.OutputFormat.table,
    output: options.Output = None,
    limit: Annotated[int, typer.Option("--limit", min=1, metavar="N", help="At most this many contracts.")] = 50,
    quiet: options.Quiet = False,
    no_color: options.NoColor = False,
) -> None:
    """Show which contracts a vendor ranks first, with the session its figures are of, beside your store's changes."""
    from scanner import app
    from scanner.cli import common
    from scanner.outputs import files, ranks, terminal

    common.configure_logging(quiet=quiet, verbose=False)
    found = app.ranks(
        symbols or (),
        by=by.value,
        session=session,
        indices=indices,
        limit=limit,
        settings=config,
        source=source,
        watchlist=watchlist,
        store=store,
    )
    if format is options.OutputFormat.table:
        with terminal.printing(output, no_color=no_color) as console:
            ranks.show(found, console)
        return
    written = ranks.to_csv if format is options.OutputFormat.csv else ranks.to_json_document
    files.hand_out(written(found), output)
    for note in found.ranking.notes:
        log.warning("%s", note)
