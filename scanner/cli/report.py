"""``scanner report``: one HTML page of a session's scan, or of a week."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from scanner.cli import options
from scanner.outputs.text import printable


class Form(StrEnum):
    """What a report is written as."""

    html = "html"
    markdown = "markdown"


def command(
    symbols: options.Symbols = None,
    week: Annotated[
        str | None,
        typer.Option("--week", metavar="DATE", help="The week that DATE lies in: its column, and what scans said."),
    ] = None,
    lang: Annotated[
        str, typer.Option("--lang", metavar="en|zh", help="The language of a week's column; in zh it stands alone.")
    ] = "en",
    format: Annotated[
        Form, typer.Option("--format", help="A page, or of a week its column alone as Markdown.")
    ] = Form.html,
    config: options.Config = None,
    store: options.StoreFolder = None,
    watchlist: options.Watchlist = None,
    as_of: options.AsOf = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", metavar="FILE", help="Where it goes; else scanner-report-SESSION.html (.md). `-`: stdout."
        ),
    ] = None,
    min_severity: options.MinSeverity = None,
    limit: options.Limit = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
) -> None:
    """Write an HTML report of the newest session, of another one (--as-of), or of a week with its column."""
    from scanner import app
    from scanner.cli import common
    from scanner.outputs import files

    common.configure_logging(quiet=quiet, verbose=verbose)
    made = app.report(
        symbols or (),
        week=week,
        lang=lang,
        as_of=as_of,
        min_severity=min_severity,
        limit=limit,
        settings=config,
        watchlist=watchlist,
        store=store,
    )
    text = made.html() if format is Form.html else made.markdown()
    if output == Path("-"):
        files.hand_out(text, None)
        return
    what = f"{'week-' if week else ''}{made.first}{'' if lang == 'en' else f'-{lang}'}"
    place = output or Path(f"scanner-report-{what}.{'html' if format is Form.html else 'md'}")
    files.write_text(place, text)
    typer.echo(printable(str(place)))
