"""The ``scanner`` command: its sub-commands, and how errors become messages and exit codes."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import Annotated

import typer

from scanner import __version__
from scanner.cli import alerts, chain, curve, demo, importing, replay, report, rules, run, scan, store, watchlist
from scanner.errors import ScannerError

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
app.command("chain", short_help="Show one chain: quotes, volatility, greeks, volume, surprise.")(chain.command)
app.command("curve", short_help="Show, or refresh, the Treasury curve that discounts.")(curve.command)
app.command("import", short_help="Load recorded chains into the store as history.")(importing.command)
app.command("replay", short_help="Judge stored sessions, each by what was known then.")(replay.command)
app.add_typer(alerts.app, name="alerts")
app.command("watchlist", short_help="Print the watchlist of recent alerts as CSV.")(watchlist.command)
app.command("report", short_help="Write an HTML report of a session or a week.")(report.command)
app.add_typer(store.app, name="store")
app.add_typer(rules.app, name="rules")


def main() -> None:
    """Run the command line; every error of ours becomes a message on stderr and its exit code."""
    try:
        try:
            app()
        finally:
            # Here and not at the interpreter's end, so that what cannot be written is told.
            sys.stdout.flush()
    except ScannerError as error:
        typer.echo(f"scanner: {error}", err=True)
        sys.exit(error.exit_code)
    except (BrokenPipeError, SystemExit) as stop:
        # The reader of our output went away (`scanner alerts | head`): not an error, though typer exits with 1 for it.
        if isinstance(stop, SystemExit) and not isinstance(stop.__context__, BrokenPipeError):
            raise
        _give_up_stdout()
        sys.exit(0)
    except OSError as error:
        _give_up_stdout()
        where = error.filename or "the output"
        typer.echo(f"scanner: cannot read or write {where}: {error.strerror or error}", err=True)
        sys.exit(3)


def _give_up_stdout() -> None:
    """Let go of what could not be written, so that it is not tried again, and complained of, at the end."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
