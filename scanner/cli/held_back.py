"""``scanner held-back``: what did not become an alert, and why."""

from __future__ import annotations

from typing import Annotated

import typer

from scanner.cli import options


def command(
    symbols: options.Symbols = None,
    session: Annotated[
        str | None, typer.Option("--session", metavar="DATE", help="Of this session; else of the newest one.")
    ] = None,
    config: options.Config = None,
    store: options.StoreFolder = None,
    format: options.Format = options.OutputFormat.table,
    output: options.Output = None,
    limit: options.Limit = 20,
    no_color: options.NoColor = False,
) -> None:
    """What the session's newest scan found and did not tell, with the same evidence, ranked as alerts are, and why."""
    from scanner import app
    from scanner.outputs import files, held_back, terminal

    found = app.held_back(symbols or (), session=session, limit=limit, settings=config, store=store)
    if format is not options.OutputFormat.table:
        files.hand_out(held_back.text(found, format.value), output)
        return
    with terminal.printing(output, no_color=no_color) as console:
        held_back.show(found, console)
