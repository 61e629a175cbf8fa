"""``scanner curve``: the Treasury curve that discounts, how old it is, and fetching a newer one."""

from __future__ import annotations

from typing import Annotated

import typer

from scanner.cli import options
from scanner.outputs.text import printable


def command(
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Fetch the Treasury's newer yields into the file `pricing.curve` names.")
    ] = False,
    config: options.Config = None,
) -> None:
    """Show the Treasury curve that discounts; with --refresh, carry it on to today."""
    from scanner import app

    yields = app.curve(refresh=refresh, settings=config)
    typer.echo(printable(yields.source))
    typer.echo("continuously compounded, by maturity:")
    for years, rate in yields.frame.iter_rows():
        typer.echo(f"{years:6.3f} years  {rate:7.3%}")
