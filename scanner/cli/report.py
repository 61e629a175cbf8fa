"""``scanner report``: one HTML page of a session's scan, or of a week."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanner.cli import options
from scanner.outputs.text import printable

if TYPE_CHECKING:
    from scanner.store.state import State


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
    from dataclasses import replace

    from scanner.app import opening, reporting, storing
    from scanner.cli import common
    from scanner.errors import StoreError, UsageError
    from scanner.market import calendar
    from scanner.outputs import files, report
    from scanner.severity import Severity

    common.configure_logging(quiet=quiet, verbose=verbose)
    settings = common.settings_for(config, store=store)
    if week is not None and as_of is not None:
        raise UsageError("--week and --as-of: give one of them")
    names = common.symbols_for(symbols, watchlist, settings) if symbols or watchlist else ()
    instant = common.instant_for(as_of)
    with storing.open_state(config, store) as state:
        if week is not None:
            first, last = _week(common.day_for("--week", week))
        else:
            first = last = calendar.session_of(instant) if instant is not None else _newest(state)
        told = reporting.of_sessions(state, opening.store_if_there(settings), first, last, names, settings)
    if told is None:
        raise StoreError(
            f"no scan from {first} to {last} is stored; `scanner scan` makes one, `scanner alerts` lists all"
        )
    least = min_severity or Severity.info
    pages = [replace(page, result=page.result.narrowed(least, limit)) for page in told.pages]
    text = report.render(replace(told, pages=pages))
    if output == Path("-"):
        files.hand_out(text, None)
        return
    place = output or Path(f"scanner-report-{'week-' if week else ''}{first}.html")
    files.write_text(place, text)
    typer.echo(printable(str(place)))


def _week(day: date) -> tuple[date, date]:
    """Monday and Friday of a date's week."""
    monday = day - timedelta(days=day.weekday())
    return monday, monday + timedelta(days=4)


def _newest(state: State) -> date:
    from scanner.app import reporting
    from scanner.errors import StoreError

    newest = reporting.newest_session(state)
    if newest is None:
        raise StoreError(f"{state.place} holds no scan yet; run `scanner scan` first, or see `scanner demo`")
    return newest
