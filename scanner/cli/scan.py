"""``scanner scan``: one scan now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from scanner.app import Severity
from scanner.cli import options

if TYPE_CHECKING:
    from scanner.outputs.result import ScanResult


def command(
    symbols: options.Symbols = None,
    config: options.Config = None,
    rules: options.Rules = None,
    store: options.StoreFolder = None,
    source: options.Source = None,
    path: options.RecordedPath = None,
    watchlist: options.Watchlist = None,
    as_of: options.AsOf = None,
    format: options.Format = options.OutputFormat.table,
    output: options.Output = None,
    min_severity: options.MinSeverity = None,
    limit: options.Limit = None,
    fail_on: options.FailOn = None,
    held_back: options.HeldBack = False,
    accept_terms: options.AcceptTerms = None,
    new: Annotated[
        bool, typer.Option("--new", help="Print what is new, stronger or over since the scan before; count the rest.")
    ] = False,
    record: Annotated[
        Path | None,
        typer.Option("--record", metavar="DIR", help="Keep the vendors' verbatim bodies there, credentials removed."),
    ] = None,
    strict: options.Strict = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    no_color: options.NoColor = False,
) -> None:
    """Scan once, now: print the alerts, store the snapshot, write the outputs that the configuration names."""
    from scanner import app
    from scanner.app import configuring, notifying
    from scanner.cli import common, printing, threads
    from scanner.outputs.news import News

    common.configure_logging(quiet=quiet, verbose=verbose)
    settings = app.settings(
        config, store=store, source=source, path=path, accept_terms=accept_terms or (), rules=rules or ()
    )
    threads.use_for(configuring.list_length(symbols or (), watchlist, settings))
    result = app.scan(
        symbols or (),
        settings=settings,
        source=source,
        path=path,
        watchlist=watchlist,
        as_of=as_of,
        strict=strict,
        record=record,
    )
    severity = settings.outputs.terminal.min_severity
    news = News() if new else None
    printing.Printing(format, output, min_severity, limit, no_color, severity, news=news, held_back=held_back).show(
        [result]
    )
    notifying.deliver_now(settings)
    raise typer.Exit(exit_code(result, fail_on))


def exit_code(result: ScanResult, fail_on: Severity | None) -> int:
    """What a scan ends with, as documented: 10 for an alert of that severity, 3 nothing scanned, 1 in part, 0 done."""
    if fail_on is not None and result.raised(fail_on):
        return 10
    if result.scan.symbols_scanned == 0:
        return 3
    return 1 if result.errors else 0
