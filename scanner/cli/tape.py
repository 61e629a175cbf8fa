"""``scanner tape``: a day's orders of one name, put together out of its prints."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Annotated

import typer

from scanner.cli import options

log = logging.getLogger(__name__)


def command(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="The underlying, such as GOOG.")],
    contract: Annotated[
        str | None, typer.Option("--contract", metavar="OSI", help="Only this contract, such as GOOG250912C00235000.")
    ] = None,
    min_premium: Annotated[
        float | None,
        typer.Option("--min-premium", min=0, metavar="DOLLARS", help="Only what is worth as much or more."),
    ] = None,
    prints: Annotated[
        bool, typer.Option("--prints", help="The prints as received, as CSV that `scanner import` takes.")
    ] = False,
    config: options.Config = None,
    store: options.StoreFolder = None,
    source: options.Source = None,
    path: Annotated[
        Path | None, typer.Option("--path", metavar="FILE", help="A recorded tape, CSV or Parquet.")
    ] = None,
    quotes: Annotated[
        Path | None,
        typer.Option("--quotes", metavar="FILE", help="The quotes of a recorded tape that has none (with --path)."),
    ] = None,
    flagged: Annotated[
        bool,
        typer.Option("--flagged", help="Only the trades that the vendor itself finds unusual (with a live --source)."),
    ] = False,
    as_of: options.AsOf = None,
    format: options.Format = options.OutputFormat.table,
    output: options.Output = None,
    limit: options.Limit = None,
    quiet: options.Quiet = False,
    no_color: options.NoColor = False,
) -> None:
    """Show a day's orders, packages and campaigns in one name's options, put together out of the trade tape."""
    from scanner import app
    from scanner.cli import common
    from scanner.outputs import files, tape, terminal

    common.configure_logging(quiet=quiet, verbose=False)
    seen = app.tape(
        symbol,
        contract=contract,
        min_premium=min_premium,
        as_of=as_of,
        settings=config,
        source=source,
        path=path,
        quotes=quotes,
        flagged=flagged,
        store=store,
    )
    if prints:
        files.hand_out(tape.prints_to_csv(seen), output)
    elif format is not options.OutputFormat.table:
        written = tape.to_csv if format is options.OutputFormat.csv else tape.to_json_document
        files.hand_out(written(tape.largest(seen, limit)), output)
    else:
        with terminal.printing(output, no_color=no_color) as console:
            tape.show(seen, console, limit=limit)
        return
    for problem in seen.problems:
        log.warning("%s", problem)
