"""``scanner alerts``: the stored alerts; ``scanner alerts show ID``: one of them, with all that became of it."""

from __future__ import annotations

from typing import Annotated

import typer

from scanner.cli import options
from scanner.outputs.exports.registry import EXPORTS, formats

_FORMATS = ["table", "json", *formats()]

app = typer.Typer(help="The stored alerts, newest session and strongest first.", rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def command(
    context: typer.Context,
    config: options.Config = None,
    store: options.StoreFolder = None,
    format: Annotated[
        str,
        typer.Option(
            "--format", metavar="|".join(_FORMATS), callback=options.one_of(_FORMATS), help="How they are printed."
        ),
    ] = "table",
    output: options.Output = None,
    min_severity: options.MinSeverity = None,
    limit: options.Limit = None,
    no_color: options.NoColor = False,
) -> None:
    """The stored alerts, newest session and strongest first; `scanner alerts show ID` tells everything about one."""
    if context.invoked_subcommand is not None:
        return
    from scanner import app as application
    from scanner.outputs import files, stored, terminal

    wanted = stored.LISTED if limit is None and format == "table" and output is None else limit
    found = application.alerts(min_severity=min_severity, limit=wanted, settings=config, store=store)
    if format == "json":
        files.hand_out(stored.list_text(found), output)
    elif format == "table":
        with terminal.printing(output, no_color=no_color) as console:
            stored.print_list(found, console, found.older)
    else:
        content = application.exported(found, format, settings=config, store=store)
        files.hand_out(content if EXPORTS[format].binary else content.decode(), output)


@app.command("show")
def show(
    alert_id: Annotated[str, typer.Argument(metavar="ID", help="The alert's id, or the beginning of it.")],
    config: options.Config = None,
    store: options.StoreFolder = None,
    format: options.Format = options.OutputFormat.table,
    output: options.Output = None,
    no_color: options.NoColor = False,
) -> None:
    """One alert with its evidence, its history and what became of it."""
    from scanner import app as application
    from scanner.outputs import files, stored, terminal, watchlist

    told = application.alert(alert_id, settings=config, store=store)
    if format is not options.OutputFormat.table:
        as_json = format is options.OutputFormat.json
        files.hand_out(stored.story_text(told) if as_json else watchlist.generic([told.alert]), output)
        return
    with terminal.printing(output, no_color=no_color) as console:
        stored.print_story(told, console)


@app.command("scoreboard")
def scoreboard(
    config: options.Config = None,
    store: options.StoreFolder = None,
    format: options.Format = options.OutputFormat.table,
    output: options.Output = None,
    outcomes: Annotated[
        bool, typer.Option("--outcomes", help="As CSV: what became of them after 1, 3 and 5 sessions, not the rules.")
    ] = False,
    no_color: options.NoColor = False,
) -> None:
    """How all alerts have done, none left out: what opened, what was held, what it came to, beside others like them."""
    from scanner import app as application
    from scanner.outputs import files, following, stored, terminal

    brief = format is options.OutputFormat.table
    board = application.scoreboard(brief=brief, settings=config, store=store)
    if format is options.OutputFormat.csv and outcomes:
        files.hand_out(following.board_csv(board.outcomes), output)
        return
    if format is not options.OutputFormat.table:
        files.hand_out(stored.scoreboard_text(board.rules, board.outcomes, format.value), output)
        return
    with terminal.printing(output, no_color=no_color) as console:
        stored.print_scoreboard(board.rules, console)
        if board.outcomes:
            console.print()
            following.print_board(board.outcomes, console)


_Until = Annotated[
    str | None, typer.Option("--until", metavar="TIME", help="ISO 8601, a date (its close), or 2h, 3d; else for good.")
]


@app.command("ack")
def ack(
    alert_id: Annotated[str, typer.Argument(metavar="ID", help="The alert's id, or the beginning of it.")],
    until: _Until = None,
    config: options.Config = None,
    store: options.StoreFolder = None,
) -> None:
    """Acknowledge an alert: nothing more is told of it, unless it grows."""
    from scanner import app as application
    from scanner.cli.common import say
    from scanner.outputs import stored

    say(stored.silence_words(application.acknowledge(alert_id, until, settings=config, store=store)))


@app.command("mute")
def mute(
    what: Annotated[str, typer.Argument(metavar="ID", help="An alert's id, a contract, a name or a rule.")],
    until: _Until = None,
    config: options.Config = None,
    store: options.StoreFolder = None,
) -> None:
    """Be told nothing of an alert, a contract, a name or a rule; its alerts are stored and counted as ever."""
    from scanner import app as application
    from scanner.cli.common import say
    from scanner.outputs import stored

    say(stored.silence_words(application.mute(what, until, settings=config, store=store)))


@app.command("unmute")
def unmute(
    what: Annotated[str, typer.Argument(metavar="ID", help="What was acknowledged or muted.")],
    config: options.Config = None,
    store: options.StoreFolder = None,
) -> None:
    """Take back what was acknowledged or muted."""
    from scanner import app as application
    from scanner.cli.common import say

    taken = application.unmute(what, settings=config, store=store)
    say(f"{what} is told of again" if taken else f"{what} was not silenced")


@app.command("muted")
def muted(
    config: options.Config = None,
    store: options.StoreFolder = None,
    output: options.Output = None,
    no_color: options.NoColor = False,
) -> None:
    """What is acknowledged or muted now."""
    from scanner import app as application
    from scanner.outputs import stored, terminal

    found = application.silences(settings=config, store=store)
    with terminal.printing(output, no_color=no_color) as console:
        for wish in found:
            terminal.say(stored.silence_words(wish), console)
        if not found:
            console.print("Nothing is muted.")
