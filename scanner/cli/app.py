"""The ``scanner`` command and its sub-commands."""

from __future__ import annotations

import io
from typing import Annotated

import typer

from scanner import __version__
from scanner.cli import (
    alerts,
    backtest,
    chain,
    curve,
    demo,
    doctor,
    held_back,
    history,
    importing,
    moves,
    replay,
    report,
    rules,
    run,
    scan,
    status,
    store,
    structure,
    tape,
    watchlist,
)

app = typer.Typer(
    name="scanner",
    help="Watches option chains and says, with a calibrated rarity, when something unusual is going on in them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"scanner {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Watches option chains and says, with a calibrated rarity, when something unusual is going on in them."""


app.command("demo", short_help="Try everything on a SIMULATED market.")(demo.command)
app.command("scan", short_help="Scan once, now, and print what is unusual.")(scan.command)
app.command("run", short_help="Scan in the background by the configured schedule.")(run.command)
app.command("backtest", short_help="Replay sessions, and say what became of every alert.")(backtest.command)
app.command("status", short_help="Say what a running schedule does.")(status.command)
app.command("chain", short_help="Show one chain: quotes, volatility, greeks, volume, surprise.")(chain.command)
app.command("doctor", short_help="Check everything a scan works with; say what to do.")(doctor.command)
app.command("structure", short_help="Show where open interest sits, and what moves are expected.")(structure.command)
app.command("moves", short_help="Show what is priced for events, and what came of past ones.")(moves.command)
app.command("tape", short_help="Show a day's orders, put together out of the trade tape.")(tape.command)
app.command("history", short_help="Show one figure of a name over the stored sessions.")(history.command)
app.command("curve", short_help="Show, or refresh, the Treasury curve that discounts.")(curve.command)
app.command("import", short_help="Load recorded chains and tapes into the store.")(importing.command)
app.command("replay", short_help="Judge stored sessions, each by what was known then.")(replay.command)
app.add_typer(alerts.app, name="alerts")
app.command("held-back", short_help="Show what did not become an alert, and why.")(held_back.command)
app.command("watchlist", short_help="Print the watchlist of recent alerts as CSV.")(watchlist.command)
app.command("report", short_help="Write an HTML report of a session or a week.")(report.command)
app.add_typer(store.app, name="store")
app.add_typer(rules.app, name="rules")


# What typer raises for every misuse of the command line: its own or the library's, whichever click it has.
USAGE_PROBLEM: type[Exception] = typer.BadParameter.mro()[2]


def usage_of(problem: Exception) -> list[str]:
    """What typer says of a misuse of the command line, in lines: how it is used, and what is wrong."""
    said = io.StringIO()
    problem.show(file=said)  # type: ignore[attr-defined] # it has: see USAGE_PROBLEM
    return said.getvalue().splitlines()
