"""``scanner run``: the scheduled background scans, until stopped."""

from __future__ import annotations

import signal
from typing import Annotated

import typer

from scanner.cli import options


def command(
    once: Annotated[
        str | None, typer.Option("--once", metavar="JOB", help="Run one job of the schedule now, then stop.")
    ] = None,
    config: options.Config = None,
    rules: options.Rules = None,
    store: options.StoreFolder = None,
    source: options.Source = None,
    path: options.RecordedPath = None,
    min_severity: options.MinSeverity = None,
    fail_on: options.FailOn = None,
    accept_terms: options.AcceptTerms = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Print every alert of every scan, not what is new alone.")
    ] = False,
    log_format: options.LogForm = options.LogFormat.text,
    log_file: options.LogFile = None,
    strict: options.Strict = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    no_color: options.NoColor = False,
) -> None:
    """Scan in the background by the configured schedule, until stopped."""
    from scanner import app
    from scanner.app import jobs, opening, schedule
    from scanner.app.confirming import Confirmed
    from scanner.cli import common, printing
    from scanner.cli.scan import exit_code
    from scanner.errors import CalendarError, UsageError
    from scanner.outputs.news import News

    common.configure_logging(quiet=quiet, verbose=verbose, form=log_format.value, file=log_file)
    settings = app.settings(
        config, store=store, source=source, path=path, accept_terms=accept_terms or (), rules=rules or ()
    )
    if not settings.schedule:
        raise UsageError("the configuration has no `schedule:`; see docs/configuration.md for an example")
    sources = opening.open_sources(settings)
    usable, problems = opening.usable_rules(settings, strict=strict)
    shown = printing.Printing(
        min_severity=min_severity,
        no_color=no_color,
        terminal_severity=settings.outputs.terminal.min_severity,
        news=None if everything else News(),
    )
    worker = jobs.Worker(settings, sources, usable, problems, lambda result: shown.show([result]))
    if once is not None:
        named = {job.name: job for job in settings.schedule}
        if once not in named:
            raise UsageError(f"--once {once}: there is no such job; the schedule has: {', '.join(named)}")
        done = worker.run(named[once])
        if isinstance(done, Confirmed):
            raise typer.Exit(1 if done.problems else 0)
        raise typer.Exit(exit_code(done, fail_on))
    calendar, delay = settings.exchange_calendar, max(source.vendor.delay for source in sources)
    stopped_by = schedule.run_until_stopped(
        [
            (job, schedule.trigger_for(job, settings.watchlists[job.watchlist], delay, calendar))
            for job in settings.schedule
        ],
        worker.run,
        calendar,
        worker.last_runs(),
    )
    if stopped_by is None:
        raise CalendarError("no job of the schedule will ever run again: the exchange's calendar has ended")
    raise typer.Exit(130 if stopped_by == signal.SIGINT else 0)
