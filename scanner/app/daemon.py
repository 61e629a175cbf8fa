"""The process that runs the schedule for months: one a store, told to stop and to read its configuration anew.

SIGTERM and Ctrl-C stop it: a scan that still waits for its chains is given up, one that judges is finished, and within
five seconds it is over in any case; nothing is left by half, for everything is written as a whole or not at all. SIGHUP
and any change of the configuration's files load them anew; where they are broken the old ones go on, and it is said.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler

from scanner.app import clock, configuring, notifying, opening
from scanner.app.heartbeat import LOCK, Reporter
from scanner.app.jobs import Loaded, Worker
from scanner.app.notifying import Sender
from scanner.app.schedule import Schedule
from scanner.app.triggers import trigger_for
from scanner.app.watching import Watched, files_of
from scanner.errors import ScannerError, StoreError, UsageError

if TYPE_CHECKING:
    from types import FrameType

    from scanner.app.configuring import Place
    from scanner.config import Settings
    from scanner.outputs.result import ScanResult
    from scanner.severity import Severity

log = logging.getLogger(__name__)

# How long the process sleeps before it looks at the wall clock and at the files again.
_LOOK_EVERY = timedelta(seconds=5)
_NAP = timedelta(seconds=0.25)
# Of more jobs than this that are due at once some wait, though they could wait for their chains.
_JOBS_AT_ONCE = 16
# A run that has not ended by then is left as it is.
_PATIENCE = 4.0


@dataclass(frozen=True)
class Inputs:
    """What a schedule is loaded from, as often as it has to be: the arguments of :func:`scanner.app.settings`."""

    config: Path | None = None
    store: Place | None = None
    source: str | None = None
    path: Place | None = None
    accept_terms: tuple[str, ...] = ()
    rules: tuple[Path, ...] = ()
    strict: bool = False

    def settings(self) -> Settings:
        """Read the configuration. Raises what :func:`~scanner.app.settings` raises."""
        return configuring.settings(
            self.config,
            store=self.store,
            source=self.source,
            path=self.path,
            accept_terms=self.accept_terms,
            rules=self.rules,
        )

    def load(self) -> Loaded:
        """Read and open it all. Raises what :func:`~scanner.app.settings` raises, and UsageError without a schedule."""
        settings = self.settings()
        if not settings.schedule:
            raise UsageError("the configuration has no `schedule:`; see docs/configuration.md for an example")
        notifying.check(settings)
        sources = opening.open_sources(settings)
        rules, problems = opening.usable_rules(settings, strict=self.strict)
        return Loaded(settings, sources, rules, problems)


@dataclass
class Daemon:
    """A schedule under way. ``show`` hands a scan's result to whoever looks; ``listen`` is a loopback address."""

    inputs: Inputs
    show: Callable[[ScanResult, Severity], object]
    listen: str | None = None
    worker: Worker = field(init=False)
    reporter: Reporter = field(init=False)

    def __post_init__(self) -> None:
        """Load everything, and begin nothing yet."""
        self.worker = Worker(self.inputs.load(), self.show)
        self.reporter = Reporter(self._settings.store.folder, lambda: self.worker.loaded)
        self.worker.began = self.reporter.began
        self.worker.finished = self.reporter.finished
        self._received: list[int] = []
        self._hung_up = False
        self._sender = Sender(lambda: self._settings, self.reporter.delivered)
        self._watched = Watched(files_of(self._settings, self.inputs.config))

    @property
    def _settings(self) -> Settings:
        return self.worker.loaded.settings

    def run(self) -> int | None:
        """Run until stopped; returns the signal's number, or None where the calendar has ended and no job is left.

        Raises StoreLockedError that names the process which already runs on this store.
        """
        with only_one(self._settings.store.folder), self._listening(), self._endpoint():
            self._close_runs_of_the_dead()
            scheduler = BackgroundScheduler(
                timezone=UTC,
                executors={"default": ThreadPoolExecutor(_JOBS_AT_ONCE)},
                job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
            )
            schedule = self._planned(scheduler)
            scheduler.start()
            self._sender.start()
            count = len(self._settings.schedule)
            waiting = "the job" if count == 1 else f"the first of {count} jobs"
            log.info("waiting for %s; SIGTERM or Ctrl-C stops", waiting)
            try:
                while not schedule.is_over and not self._received:
                    self._wait()
                    if self._asked_to_reload() and self._loaded_anew():
                        schedule = self._planned(scheduler)
                    schedule.look()
                    self.reporter.beat(schedule.upcoming())
            finally:
                self._stop(scheduler)
        return self._received[0] if self._received else None

    def stop(self) -> None:
        """Stop the schedule, as SIGTERM does; from any thread."""
        self._received.append(signal.SIGTERM)
        self.worker.stopped.set()

    def _planned(self, scheduler: BackgroundScheduler) -> Schedule:
        """Every job of the configuration on the scheduler, and none that was there before."""
        scheduler.remove_all_jobs()
        loaded, begin = self.worker.loaded, clock.right_now()
        delay = max(source.vendor.delay for source in loaded.sources)
        calendar, lists = loaded.settings.exchange_calendar, loaded.settings.watchlists
        last = self.worker.last_runs()
        jobs = [
            (job, trigger_for(job, lists[job.watchlist], delay, calendar, min(last.get(job.name, begin), begin)))
            for job in loaded.settings.schedule
        ]
        schedule = Schedule(jobs, self.worker.run, scheduler, calendar, clock.right_now, last)
        self.reporter.beat(schedule.upcoming())
        return schedule

    @contextmanager
    def _endpoint(self) -> Iterator[None]:
        """Answer questions about health while the schedule runs, where an address was given for it."""
        if self.listen is None:
            yield
            return
        from scanner.app import serving

        serving.check()
        endpoint = serving.Endpoint(self.listen, self.reporter.document)
        endpoint.open()
        try:
            yield
        finally:
            endpoint.close()

    # -- signals and changes --------------------------------------------------------------------------------------

    @contextmanager
    def _listening(self) -> Iterator[None]:
        """Receive what asks the process to end or to load anew, and give it back to whoever had it."""
        if threading.current_thread() is not threading.main_thread():
            # Somebody else's process, who stops the schedule as asked.
            yield
            return
        on_terminal = sys.stderr.isatty()

        def stop(number: int, _frame: FrameType | None) -> None:
            self._received.append(number)
            self.worker.stopped.set()

        def hang_up(number: int, frame: FrameType | None) -> None:
            # A terminal that was closed, and took its reader along; where there never was one, it asks to load anew.
            if on_terminal and not sys.stderr.isatty():
                stop(number, frame)
                return
            self._hung_up = True

        handlers: dict[int, Callable[[int, FrameType | None], None]] = {signal.SIGTERM: stop, signal.SIGINT: stop}
        # A hang-up is nothing where the process was told to ignore it (nohup); some systems have none.
        number = getattr(signal, "SIGHUP", None)
        if number is not None and signal.getsignal(number) is not signal.SIG_IGN:
            handlers[number] = hang_up
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _asked_to_reload(self) -> bool:
        asked, self._hung_up = self._hung_up, False
        return self._watched.have_changed() or asked

    def _wait(self) -> None:
        """Sleep until the clock is to be looked at, or a signal came; in naps, for a handler cannot end a sleep."""
        for _ in range(int(_LOOK_EVERY / _NAP)):
            if self._received or self._hung_up:
                return
            time.sleep(_NAP.total_seconds())

    def _loaded_anew(self) -> bool:
        """Load configuration and rules again; where they are broken the old ones go on. Says which."""
        try:
            loaded = self.inputs.load()
            if loaded.problems and len(loaded.problems) > len(self.worker.loaded.problems):
                raise UsageError(*(problem.message for problem in loaded.problems))
            if loaded.settings.store.path != self._settings.store.path:
                raise UsageError("store.path: another store needs another process; stop this one and start it again")
        except (ScannerError, OSError) as error:
            for line in str(error).splitlines():
                log.error("not loaded: %s", line)
            log.error("the configuration was changed and is broken; the one before goes on")
            self.reporter.not_loaded(str(error).splitlines()[0])
            return False
        self.worker.loaded = loaded
        self._watched = Watched(files_of(loaded.settings, self.inputs.config))
        self.reporter.not_loaded(None)
        jobs, rules = len(loaded.settings.schedule), len(loaded.rules)
        log.info("configuration and rules loaded anew: %d jobs, %d rules", jobs, rules)
        return True

    # -- beginning and end ----------------------------------------------------------------------------------------

    def _close_runs_of_the_dead(self) -> None:
        """Runs that never ended were those of a process that was killed: this one is alone."""
        try:
            with opening.open_state(self._settings) as state, state.write() as ledger:
                killed = ledger.close_job_runs(among=self._own_jobs)
        except StoreError as error:
            log.warning("%s", error)
            return
        if killed:
            log.warning("%d run(s) of an earlier process never ended; it was killed", killed)

    @property
    def _own_jobs(self) -> set[str] | None:
        """The jobs whose runs are this process's: those of its schedule where machines may share a database."""
        return None if self._settings.state is None else {job.name for job in self._settings.schedule}

    def _stop(self, scheduler: BackgroundScheduler) -> None:
        """Let the run under way end, if it does so soon."""
        why = f"{signal.Signals(self._received[0]).name}" if self._received else "no job is left"
        log.info("stopping: %s", why)
        self._sender.stop()
        scheduler.remove_all_jobs()
        self.worker.stopped.set()
        left = clock.countdown(timedelta(seconds=_PATIENCE))
        while self.reporter.is_busy and left() > 0:
            time.sleep(0.02)
        self.reporter.stopped()
        if not self.reporter.is_busy:
            scheduler.shutdown(wait=True)
            return
        log.warning(
            "the run under way has not ended within %g s and is abandoned; nothing of it is kept by half", _PATIENCE
        )
        self._abandon()

    def _abandon(self) -> None:
        """Record the run under way as abandoned, and end the process without waiting for its thread."""
        try:
            with opening.open_state(self._settings) as state, state.write() as ledger:
                ledger.close_job_runs("abandoned", self._own_jobs)
        except StoreError as error:
            log.debug("the run is not recorded as abandoned: %s", error)
        logging.shutdown()
        sys.stdout.flush()
        code = 130 if self._received and self._received[0] == signal.SIGINT else 0
        # Threads are waited for at the interpreter's ordinary end.
        os._exit(code)


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Be the only schedule of a store. Raises StoreLockedError that names the one that runs already."""
    from scanner.store.locks import WriteLock

    refusal = "a schedule already runs on {folder}: {holder}; stop it first, or give another --store DIR"
    folder.mkdir(parents=True, exist_ok=True)
    with WriteLock(folder / LOCK, 1.0, refusal).held():
        yield
