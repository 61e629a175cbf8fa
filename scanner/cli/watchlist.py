"""``scanner watchlist``: what was flagged lately, as a list for a spreadsheet, a script or a trading platform."""

from __future__ import annotations

from typing import Annotated

import typer

from scanner.cli import options
from scanner.outputs.exports.registry import EXPORTS, GENERIC, dialects, formats

_READERS = ", ".join(f"{name} ({EXPORTS[name].says})" for name in dialects()[1:])
_FORMATS = ", ".join(f"{name} ({EXPORTS[name].says})" for name in formats())


def command(
    dialect: Annotated[
        str,
        typer.Option(
            "--dialect",
            metavar="|".join(dialects()),
            callback=options.one_of(dialects()),
            help=f"Who reads the list: anybody, or {_READERS}.",
        ),
    ] = GENERIC,
    format: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="|".join(formats()),
            callback=options.one_of(formats()),
            help=f"{_FORMATS}; csv unless named.",
        ),
    ] = None,
    sessions: Annotated[
        int, typer.Option("--sessions", min=1, metavar="N", help="Alerts of the newest N sessions that have any.")
    ] = 5,
    since: Annotated[
        str | None, typer.Option("--since", metavar="DATE", help="Alerts of all sessions from this day on, instead.")
    ] = None,
    top: Annotated[int | None, typer.Option("--top", min=1, metavar="N", help="The strongest N lines alone.")] = None,
    group_by: Annotated[
        str | None,
        typer.Option(
            "--group-by",
            metavar="underlying",
            callback=options.one_of(["underlying"]),
            help="One line a name, whatever its contracts.",
        ),
    ] = None,
    config: options.Config = None,
    store: options.StoreFolder = None,
    output: options.Output = None,
    min_severity: options.MinSeverity = None,
    limit: options.Limit = None,
) -> None:
    """Print the watchlist of recent alerts, newest and strongest first; closed ones are left out."""
    from scanner import app
    from scanner.outputs import files
    from scanner.outputs.exports.registry import export_of

    listed = app.watchlist(
        dialect=dialect,
        format=format,
        sessions=sessions,
        since=since,
        top=top,
        group_by=group_by,
        min_severity=min_severity,
        limit=limit,
        settings=config,
        store=store,
    )
    for sentence in listed.left_out:
        typer.echo(sentence, err=True)
    files.hand_out(listed.content if export_of(dialect, format).binary else listed.text, output)
