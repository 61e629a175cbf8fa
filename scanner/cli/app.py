"""The ``scanner`` command and its sub-commands."""

from __future__ import annotations

import io
from importlib import import_module
from typing import Annotated

import typer

from scanner import __version__

# The commands in the order of the help: the module beside this one that has each, and what the help says of it.
_COMMANDS = {
    "demo": ("demo", "Try everything on a SIMULATED market."),
    "scan": ("scan", "Scan once, now, and print what is unusual."),
    "run": ("run", "Scan in the background by the configured schedule."),
    "backtest": ("backtest", "Replay sessions, and say what became of every alert."),
    "status": ("status", "Say what a running schedule does."),
    "chain": ("chain", "Show one chain: quotes, volatility, greeks, volume, surprise."),
    "doctor": ("doctor", "Check everything a scan works with; say what to do."),
    "structure": ("structure", "Show where open interest sits, and what moves are expected."),
    "moves": ("moves", "Show what is priced for events, and what came of past ones."),
    "tape": ("tape", "Show a day's orders, put together out of the trade tape."),
    "ranks": ("ranks", "Show contracts as a vendor ranks them, dated."),
    "history": ("history", "Show one figure of a name over the stored sessions."),
    "curve": ("curve", "Show, or refresh, the Treasury curve that discounts."),
    "import": ("importing", "Load recorded chains and tapes into the store."),
    "replay": ("replay", "Judge stored sessions, each by what was known then."),
    "held-back": ("held_back", "Show what did not become an alert, and why."),
    "watchlist": ("watchlist", "Print the watchlist of recent alerts as CSV."),
    "report": ("report", "Write an HTML report of a session or a week."),
}
_GROUPS = ("alerts", "store", "rules")


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"scanner {__version__}")
        raise typer.Exit


def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and stop.")
    ] = False,
) -> None:
    """Watches option chains and says, with a calibrated rarity, when something unusual is going on in them."""


def command_line(first: str | None = None) -> typer.Typer:
    """The command line, with the command alone that its arguments begin with; with all where they begin with none.

    To load and describe all of them takes longer than many a command runs.
    """
    app = typer.Typer(
        name="scanner",
        help="Watches option chains and says, with a calibrated rarity, when something unusual is going on in them.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    app.callback()(_root)
    alone = first in (*_COMMANDS, *_GROUPS)
    for name, (module, says) in _COMMANDS.items():
        if not alone or name == first:
            app.command(name, short_help=says)(import_module(f"scanner.cli.{module}").command)
    for name in _GROUPS:
        if not alone or name == first:
            app.add_typer(import_module(f"scanner.cli.{name}").app, name=name)
    return app


# What typer raises for every misuse of the command line: its own or the library's, whichever click it has.
USAGE_PROBLEM: type[Exception] = typer.BadParameter.mro()[2]


def usage_of(problem: Exception) -> list[str]:
    """What typer says of a misuse of the command line, in lines: how it is used, and what is wrong."""
    said = io.StringIO()
    problem.show(file=said)  # type: ignore[attr-defined] # it has: see USAGE_PROBLEM
    return said.getvalue().splitlines()
