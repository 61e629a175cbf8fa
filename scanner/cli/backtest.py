"""``scanner backtest``: replay a range of stored sessions, and say what became of every alert."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from scanner.cli import options


class Form(StrEnum):
    """What ``--format`` takes."""

    table = "table"
    json = "json"
    csv = "csv"
    html = "html"


def command(
    first: Annotated[str, typer.Option("--from", metavar="DATE", help="The first session.")],
    last: Annotated[str, typer.Option("--to", metavar="DATE", help="The last session.")],
    symbols: options.Symbols = None,
    config: options.Config = None,
    against: Annotated[
        Path | None,
        typer.Option("--against", metavar="FILE", help="A second configuration, to be judged over the same sessions."),
    ] = None,
    rules: options.Rules = None,
    store: options.StoreFolder = None,
    source: options.Source = None,
    watchlist: options.Watchlist = None,
    format: Annotated[
        Form, typer.Option("--format", help="Tables, the ledger as CSV, all of it as JSON, or a page for a browser.")
    ] = Form.table,
    output: options.Output = None,
    cluster: options.Cluster = None,
    workers: options.Workers = None,
    strict: options.Strict = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    no_color: options.NoColor = False,
) -> None:
    """Judge stored sessions as they would have been judged then, and say what became of every alert."""
    from scanner import app
    from scanner.cli import common, waiting
    from scanner.outputs import backtest as written
    from scanner.outputs import files, terminal

    common.configure_logging(quiet=quiet, verbose=verbose)
    settings = app.settings(config, store=store, rules=rules or ())
    with waiting.waiting("judging ...", quiet=quiet, no_color=no_color) as say:
        asked: dict[str, Any] = {
            "settings": settings,
            "source": source,
            "watchlist": watchlist,
            "strict": strict,
            "cluster": cluster,
            "workers": workers,
            "judged": lambda session: say(f"judging ... {session} is done"),
        }
        if against is not None:
            asked |= {"against": against, "called": _called(config, against)}
        judge = app.backtest if against is None else app.compare
        done = judge(first, last, symbols or (), **asked)
    if format is Form.table:
        with terminal.printing(output, no_color=no_color) as console:
            written.show(done, console)
    else:
        files.hand_out(written.written(done, format.value), output)
    for problem in done.problems:
        common.say(f"left out: {problem.message}")
    raise typer.Exit(1 if done.problems else 0)


def _called(config: Path | None, against: Path) -> tuple[str, str]:
    """What the two configurations are called: by their files' names, by the whole paths where those are the same."""
    one, other = config or Path("config.yaml"), against
    if not one.exists():
        return "the default", other.name
    return (one.name, other.name) if one.name != other.name else (str(one), str(other))
