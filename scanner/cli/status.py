"""``scanner status``: what a running schedule does, asked from outside."""

from __future__ import annotations

import typer

from scanner.cli import options


def command(
    config: options.Config = None,
    store: options.StoreFolder = None,
    format: options.Format = options.OutputFormat.table,
    output: options.Output = None,
    no_color: options.NoColor = False,
) -> None:
    """What `scanner run` does on this store: since when, its last and next runs, and what ails. Exit 3: none runs."""
    from scanner import app
    from scanner.app import clock
    from scanner.app.heartbeat import is_stale
    from scanner.errors import ConfigError, UsageError
    from scanner.outputs import document, files, status, terminal

    if format is options.OutputFormat.csv:
        raise UsageError("--format csv: a status is no table; there are table and json")
    try:
        found = app.status(settings=config, store=store)
    except ConfigError as error:
        # Where it is broken nobody knows which store it names, though a schedule may run on it as before.
        raise ConfigError([*error.problems, "scanner status --store DIR tells what runs, whatever it says"]) from error
    hangs = found.process is not None and is_stale(found.process, clock.right_now())
    if format is options.OutputFormat.json:
        files.hand_out(document.to_json(found.as_dict()) + "\n", output)
    else:
        with terminal.printing(output, no_color=no_color) as console:
            status.print_status(found, console, hangs=hangs)
    raise typer.Exit(3 if not found.runs else 1 if hangs else 0)
