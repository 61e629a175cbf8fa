"""``scanner watchlist``: what was flagged lately, as a list for a spreadsheet or a trading platform."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from scanner.cli import options


class Dialect(StrEnum):
    """What ``--dialect`` takes."""

    generic = "generic"
    tradingview = "tradingview"
    thinkorswim = "thinkorswim"
    ibkr = "ibkr"


def command(
    dialect: Annotated[Dialect, typer.Option("--dialect", help="Who reads the list.")] = Dialect.generic,
    sessions: Annotated[
        int, typer.Option("--sessions", min=1, metavar="N", help="Alerts of the newest N sessions that have any.")
    ] = 5,
    config: options.Config = None,
    store: options.StoreFolder = None,
    output: options.Output = None,
    min_severity: options.MinSeverity = None,
    limit: options.Limit = None,
) -> None:
    """Print the watchlist of recent alerts, newest and strongest first; closed ones are left out."""
    from scanner.alerts.model import Status
    from scanner.app import storing
    from scanner.outputs import files, watchlist
    from scanner.severity import Severity

    least = min_severity or Severity.info
    with storing.open_state(config, store) as state, state.read() as ledger:
        found = ledger.alerts(min_severity=least, newest_sessions=sessions)
    current = [alert for alert in found if alert.status is not Status.closed][:limit]
    spelling = watchlist.Dialect(dialect.value)
    for sentence in watchlist.left_out(current, spelling):
        typer.echo(sentence, err=True)
    files.hand_out(watchlist.render(current, spelling), output)
