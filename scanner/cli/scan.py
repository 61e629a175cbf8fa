"""``scanner scan``: one scan now."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from scanner.cli import options
from scanner.severity import Severity

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
    accept_terms: options.AcceptTerms = None,
    strict: options.Strict = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    no_color: options.NoColor = False,
) -> None:
    """Scan once, now: print the alerts, store the snapshot, write the outputs that the configuration names."""
    from scanner.app import opening, scanning
    from scanner.cli import common, printing

    common.configure_logging(quiet=quiet, verbose=verbose)
    settings = common.settings_for(
        config, store=store, source=source, path=path, accept_terms=accept_terms, rules=rules
    )
    names = common.symbols_for(symbols, watchlist, settings)
    instant = common.instant_for(as_of)
    sources = opening.open_sources(settings, instant)
    if not symbols and watchlist is None and all(source.vendor.recorded for source in sources):
        names = ()
    usable, problems = opening.usable_rules(settings, strict=strict)
    result = scanning.scan_once(settings, sources, usable, names, instant, problems)
    severity = settings.outputs.terminal.min_severity
    printing.Printing(format, output, min_severity, limit, no_color, severity).show([result])
    raise typer.Exit(exit_code(result, fail_on))


def exit_code(result: ScanResult, fail_on: Severity | None) -> int:
    """What a scan ends with, as documented: 10 for an alert of that severity, 3 nothing scanned, 1 in part, 0 done."""
    if fail_on is not None and result.raised(fail_on):
        return 10
    if result.scan.symbols_scanned == 0:
        return 3
    return 1 if result.errors else 0
