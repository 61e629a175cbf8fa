"""``scanner history``: one figure of a name over the stored sessions."""

from __future__ import annotations

from typing import Annotated

import typer

from scanner.cli import options


def command(
    symbol: Annotated[str, typer.Argument(metavar="SYMBOL", help="The underlying, such as GOOG.")],
    field: Annotated[
        str, typer.Argument(metavar="FIELD", help="A figure such as iv30, put_call_volume, hv_20 or iv_rank_252.")
    ],
    together: Annotated[
        list[str] | None,
        typer.Option("--with", metavar="SYMBOL", help="Another share class to tell as one with it: GOOG --with GOOGL."),
    ] = None,
    source: options.Source = None,
    config: options.Config = None,
    store: options.StoreFolder = None,
    format: options.Format = options.OutputFormat.table,
    output: options.Output = None,
    no_color: options.NoColor = False,
) -> None:
    """One figure of a name over the stored sessions: where it stands now, among how many, and a small chart."""
    from scanner import app
    from scanner.outputs import files, series, terminal

    found = app.history(symbol, field, together=together or (), source=source, settings=config, store=store)
    if format is not options.OutputFormat.table:
        files.hand_out(series.text(found, format.value), output)
        return
    with terminal.printing(output, no_color=no_color) as console:
        series.show(found, console)
