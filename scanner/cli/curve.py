"""``scanner curve``: the Treasury curve that discounts, how old it is, and fetching a newer one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli import options
from scanner.outputs.text import printable

if TYPE_CHECKING:
    from scanner.pricing import Curve


def command(
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Fetch the Treasury's newer yields into the file `pricing.curve` names.")
    ] = False,
    config: options.Config = None,
) -> None:
    """Show the Treasury curve that discounts; with --refresh, carry it on to today."""
    from scanner.app import configured
    from scanner.cli import common

    settings = common.settings_for(config)
    known = _refreshed(settings.pricing.curve) if refresh else configured.curve(settings)
    today = common.right_now().date()
    typer.echo(printable(known.source(today)))
    typer.echo("continuously compounded, by maturity:")
    years = known.tenors
    for tenor, rate in zip(years.tolist(), known.rates(today, years).tolist(), strict=True):
        typer.echo(f"{tenor:6.3f} years  {rate:7.3%}")


def _refreshed(path: Path | None) -> Curve:
    """Fetch what is newer than the curve in a file, or than the built-in one where there is no file yet."""
    from scanner.cli import common
    from scanner.errors import UsageError
    from scanner.pricing import curve
    from scanner.sources import treasury
    from scanner.sources.http import PoliteClient
    from scanner.store.files import write_atomically

    if path is None:
        raise UsageError(
            "--refresh: the configuration names no file to keep the yields in; add\n\n"
            "  pricing: {curve: treasury.csv}\n\nto it (a path is taken from the configuration's folder)"
        )
    shipped = curve.built_in().last_date
    held = curve.refreshed(path) if path.exists() else curve.built_in()
    kept = {str(path): curve.to_csv(held, after=shipped)} if held.last_date > shipped else {}
    texts = treasury.fetch(range(held.last_date.year, common.right_now().year + 1), PoliteClient())
    newer = curve.to_csv(curve.parse(kept | texts), after=shipped)
    write_atomically(path, lambda handle: handle.write(newer.encode()))
    return curve.refreshed(path)
