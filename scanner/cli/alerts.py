"""``scanner alerts``: the stored alerts; ``scanner alerts show ID``: one of them, with all that became of it."""

from __future__ import annotations

from typing import Annotated

import typer

from scanner.cli import options

app = typer.Typer(help="The stored alerts, newest session and strongest first.", rich_markup_mode=None)


@app.callback(invoke_without_command=True)
def command(
    context: typer.Context,
    config: options.Config = None,
    store: options.StoreFolder = None,
    format: options.Format = options.OutputFormat.table,
    output: options.Output = None,
    min_severity: options.MinSeverity = None,
    limit: options.Limit = None,
    no_color: options.NoColor = False,
) -> None:
    """The stored alerts, newest session and strongest first; `scanner alerts show ID` tells everything about one."""
    if context.invoked_subcommand is not None:
        return
    from scanner.app import storing
    from scanner.outputs import files, stored, terminal
    from scanner.severity import Severity

    least = min_severity or Severity.info
    with storing.open_state(config, store) as state, state.read() as ledger:
        found = ledger.alerts(min_severity=least, limit=limit)
    if format is not options.OutputFormat.table:
        files.hand_out(stored.list_text(found, format.value), output)
        return
    with terminal.printing(output, no_color=no_color) as console:
        stored.print_list(found, console)


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
    from scanner.activity.record import levels
    from scanner.app import storing
    from scanner.errors import UsageError
    from scanner.outputs import files, stored, terminal

    with storing.open_state(config, store) as state, state.read() as ledger:
        alert = ledger.alert(alert_id)
        if alert is None:
            raise UsageError(f"no single alert begins with {alert_id!r}; `scanner alerts` lists them with their ids")
        record = levels(ledger.calibration(alert.source), before=alert.session_date)
        updates, flagged = ledger.updates(alert.alert_id), ledger.flagged(alert_id=alert.alert_id)
        told = stored.Story(alert, tuple(updates), tuple(flagged), tuple(record))
    if format is not options.OutputFormat.table:
        as_json = format is options.OutputFormat.json
        files.hand_out(stored.story_text(told) if as_json else stored.list_text([alert], "csv"), output)
        return
    with terminal.printing(output, no_color=no_color) as console:
        stored.print_story(told, console)


@app.command("scoreboard")
def scoreboard(
    config: options.Config = None,
    store: options.StoreFolder = None,
    format: options.Format = options.OutputFormat.table,
    output: options.Output = None,
    no_color: options.NoColor = False,
) -> None:
    """How each rule's alerts have done by the next morning's open interest, beside matched random contracts."""
    from scanner.alerts import confirmation
    from scanner.app import storing
    from scanner.outputs import files, stored, terminal

    with storing.open_state(config, store) as state, state.read() as ledger:
        scores = confirmation.scoreboard(ledger.flagged())
    if format is not options.OutputFormat.table:
        files.hand_out(stored.scoreboard_text(scores, format.value), output)
        return
    with terminal.printing(output, no_color=no_color) as console:
        stored.print_scoreboard(scores, console)
