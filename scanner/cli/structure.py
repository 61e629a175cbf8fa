"""``scanner structure``: where the open interest of one name sits, and what moves are expected."""

from __future__ import annotations

from typing import Annotated

import typer

from scanner.cli import options


def command(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="The underlying, such as GOOG.")],
    convention: Annotated[
        str,
        typer.Option(
            "--convention",
            metavar="calls-long-puts-short|all-short",
            help="What dealers are taken to hold; a chain does not tell.",
        ),
    ] = "calls-long-puts-short",
    to: Annotated[
        str | None, typer.Option("--to", metavar="DATE", help="Tell the expected move to this day too.")
    ] = None,
    config: options.Config = None,
    store: options.StoreFolder = None,
    source: options.Source = None,
    path: options.RecordedPath = None,
    as_of: options.AsOf = None,
    format: options.Format = options.OutputFormat.table,
    output: options.Output = None,
    accept_terms: options.AcceptTerms = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    no_color: options.NoColor = False,
) -> None:
    """Gamma, delta, vanna and charm by strike and expiry, walls, zero gamma, max pain, notional, expected moves."""
    from scanner import app
    from scanner.cli import common
    from scanner.outputs import delimited, files, structure, terminal

    common.configure_logging(quiet=quiet, verbose=verbose)
    found = app.structure(
        symbol,
        convention=convention,
        to=to,
        as_of=as_of,
        settings=config,
        source=source,
        path=path,
        store=store,
        accept_terms=accept_terms or (),
    )
    if format is options.OutputFormat.json:
        files.hand_out(structure.text(found), output)
    elif format is options.OutputFormat.csv:
        files.hand_out(delimited.csv_document(found.strikes.columns, found.strikes.iter_rows()), output)
    else:
        with terminal.printing(output, no_color=no_color) as console:
            structure.show(found, console)
    raise typer.Exit(1 if found.problems else 0)
