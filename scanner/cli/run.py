"""``scanner run``: the scheduled background scans, until stopped."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from scanner.app import Severity
from scanner.cli import options

if TYPE_CHECKING:
    from scanner.app.daemon import Inputs
    from scanner.outputs.result import ScanResult


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
    listen: Annotated[
        str | None,
        typer.Option("--listen", metavar="HOST:PORT", help="Answer /healthz and /metrics at a loopback address."),
    ] = None,
    live: Annotated[
        bool, typer.Option("--live", help="Watch it on the whole terminal: names, alerts, a story.")
    ] = False,
    strict: options.Strict = False,
    quiet: options.Quiet = False,
    verbose: options.Verbose = False,
    no_color: options.NoColor = False,
) -> None:
    """Scan in the background by the configured schedule, until stopped."""
    from scanner.app import daemon
    from scanner.cli import common, printing, threads
    from scanner.cli.standing import StandingLine, may_stand
    from scanner.errors import CalendarError
    from scanner.outputs import status
    from scanner.outputs.news import News

    inputs = daemon.Inputs(config, store, source, path, tuple(accept_terms or ()), tuple(rules or ()), strict)
    settings = inputs.settings()
    threads.use_for(max((len(settings.watchlists[job.watchlist]) for job in settings.schedule), default=0))
    # After that reading, whose remarks are those of the one that counts.
    common.configure_logging(quiet=quiet, verbose=verbose, form=log_format.value, file=log_file, stderr=not live)
    shown = printing.Printing(min_severity=min_severity, no_color=no_color, news=None if everything else News())

    standing: list[StandingLine] = []

    def show(result: ScanResult, least: Severity) -> None:
        with standing[0].above() if standing else nullcontext():
            replace(shown, terminal_severity=least).show([result])

    if once is not None:
        raise typer.Exit(_once(once, inputs, show, fail_on))
    if live:
        raise typer.Exit(_live(inputs, listen))
    running = daemon.Daemon(inputs, show, listen)
    with ExitStack() as until_stopped:
        if may_stand() and not quiet:
            line = StandingLine(lambda: status.standing_line(running.reporter.document()))
            standing.append(until_stopped.enter_context(line))
        stopped_by = running.run()
    if stopped_by is None:
        raise CalendarError("no job of the schedule will ever run again: the exchange's calendar has ended")
    raise typer.Exit(130 if stopped_by == signal.SIGINT else 0)


def _live(inputs: Inputs, listen: str | None) -> int:
    """The schedule on a whole screen, until it is left."""
    from scanner.app.living import Living
    from scanner.errors import UsageError

    try:
        from scanner.outputs.live import LiveView
    except ImportError as error:
        raise UsageError(
            "--live needs the extra `live`: pip install 'options-unusual-activity-scanner[live]'"
        ) from error
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise UsageError("--live needs a terminal; without one `scanner run` prints what is new")
    living = Living(inputs, listen)
    living.start()
    try:
        LiveView(living.screen, living.silence).run()
    finally:
        living.stop()
    if living.failed is not None:
        raise living.failed
    return 0


def _once(name: str, inputs: Inputs, show: Callable[[ScanResult, Severity], object], fail_on: Severity | None) -> int:
    """Run one job of the schedule now; returns what to exit with."""
    from scanner.app import clock, notifying
    from scanner.app.confirming import Confirmed
    from scanner.app.jobs import Worker
    from scanner.app.schedule import Due
    from scanner.cli.scan import exit_code
    from scanner.errors import UsageError

    loaded = inputs.load()
    named = {job.name: job for job in loaded.settings.schedule}
    if name not in named:
        raise UsageError(f"--once {name}: there is no such job; the schedule has: {', '.join(named)}")
    done = Worker(loaded, show).run(Due(named[name], clock.right_now()))
    notifying.deliver_now(loaded.settings)
    if isinstance(done, Confirmed):
        return 1 if done.problems else 0
    return 0 if done is None else exit_code(done, fail_on)
