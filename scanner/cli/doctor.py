"""``scanner doctor``: whether everything that a scan works with is well, and what to do where it is not."""

from __future__ import annotations

from typing import Annotated

import typer

from scanner.cli import options


def command(
    symbol: Annotated[
        str | None, typer.Argument(metavar="SYMBOL", help="Ask each source for this one; else the first of yours.")
    ] = None,
    config: options.Config = None,
    rules: options.Rules = None,
    store: options.StoreFolder = None,
    source: options.Source = None,
    path: options.RecordedPath = None,
    accept_terms: options.AcceptTerms = None,
    offline: Annotated[bool, typer.Option("--offline", help="Ask no vendor.")] = False,
    notify: Annotated[bool, typer.Option("--notify", help="Send a test message to each output for messages.")] = False,
    format: options.Format = options.OutputFormat.table,
    output: options.Output = None,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    no_color: options.NoColor = False,
) -> None:
    """Check configuration, rules, store, clock, credentials and each source, and say what to do about each.

    Exit 0: all is well; 1: some of it is not, and a scan goes on without it; 2: nothing can be scanned as it stands.
    """
    from scanner import app
    from scanner.cli import common
    from scanner.errors import UsageError
    from scanner.outputs import files, terminal

    if format is options.OutputFormat.csv:
        raise UsageError("--format csv: a diagnosis is no table; there are table and json")
    common.configure_logging(quiet=quiet, verbose=verbose)
    found = app.doctor(
        symbol,
        settings=config,
        source=source,
        path=path,
        store=store,
        rules=rules or (),
        accept_terms=accept_terms or (),
        offline=offline,
        notify=notify,
    )
    if format is options.OutputFormat.json:
        files.hand_out(found.as_json(), output)
    else:
        with terminal.printing(output, no_color=no_color) as console:
            found.print(console)
    raise typer.Exit(found.exit_code)
