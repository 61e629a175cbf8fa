"""What a scheduled job does when its time has come, and the record that is kept of it."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from scanner.app import clock, confirming, opening, scanning
from scanner.app.confirming import Confirmed
from scanner.errors import StoppedError, StoreError

if TYPE_CHECKING:
    from datetime import datetime

    from scanner.app.schedule import Due
    from scanner.config import Job, Settings
    from scanner.errors import ScanProblem
    from scanner.outputs.result import ScanResult
    from scanner.ruleset import Rule
    from scanner.severity import Severity
    from scanner.sources.base import Source
    from scanner.store.between_scans import BetweenScans
    from scanner.store.state import Job as LastRun
    from scanner.store.state import JobRun, Ledger

log = logging.getLogger(__name__)

_PROBLEMS_SAID = 20

# What a run came to: its result and the record kept of it.
Finished = Callable[["JobRun", "ScanResult | Confirmed | None"], object]


def _nothing_yet() -> BetweenScans:
    from scanner.store.between_scans import BetweenScans

    return BetweenScans()


@dataclass(frozen=True)
class Loaded:
    """What jobs work with: the configuration, and what was opened by it."""

    settings: Settings
    sources: Sequence[Source]
    rules: Sequence[Rule]
    problems: Sequence[ScanProblem] = ()


@dataclass
class Worker:
    """Runs jobs with what is ``loaded``, which may be another one from run to run.

    ``show`` hands a scan's result to whoever looks; ``began`` and ``finished`` are told of every run. ``between``
    goes from one scan to the next, which need not even read the model where it is of the same names. Once ``stopped``
    is set, a run that still waits for its chains is given up.

    Runs of several jobs, each in a thread of its own, wait for their chains side by side; all else they do in turn, so
    that a slow source delays nobody but those who ask it, and two scans never judge at once.
    """

    loaded: Loaded
    show: Callable[[ScanResult, Severity], object]
    began: Callable[[JobRun], object] = lambda run: None
    finished: Finished = lambda run, result: None
    between: BetweenScans = field(default_factory=_nothing_yet)
    stopped: threading.Event = field(default_factory=threading.Event)
    _turn: threading.Lock = field(default_factory=threading.Lock)

    def run(self, due: Due) -> ScanResult | Confirmed | None:
        """One run; shows what a scan found, logs what a confirmation has to say, keeps a record of it.

        A run that comes too late is recorded alone, and gives None.
        """
        from scanner.store.state import JobRun

        job = due.job
        record = JobRun(job.name, job.task, due.at, clock.right_now())
        if due.too_late is not None:
            record = replace(record, finished_at=record.started_at, outcome="too late", message=due.too_late)
            self._keep(record)
            self.finished(record, None)
            return None
        log.info("job %s: %s of %s", job.name, job.task, job.watchlist)
        with self._recorded(record) as ended:
            symbols = self.loaded.settings.watchlists[job.watchlist]
            with self._turn:
                result = self._confirm(job, symbols) if job.task == "confirm" else self._scan(job, symbols)
            ended.append(result)
            return result

    @contextmanager
    def _turn_let_go(self) -> Iterator[None]:
        """Let others have their turn."""
        self._turn.release()
        try:
            yield
        finally:
            self._turn.acquire()

    def _scan(self, job: Job, symbols: tuple[str, ...]) -> ScanResult:
        loaded = self.loaded
        result = scanning.scan_once(
            loaded.settings, self._timed(job), loaded.rules, symbols, None, loaded.problems, self.between
        )
        self._show(job, result)
        _warn(job, result.errors)
        if job.at is not None and job.at.startswith("close"):
            self._prune()
        return result

    def _prune(self) -> None:
        """Let go of what is older than the configuration keeps it: once a session, after its close."""
        from scanner.app import storing

        try:
            pruned = storing.prune_store(settings=self.loaded.settings)
        except StoreError as error:
            log.warning("nothing is pruned: %s", error)
            return
        rows = sum(pruned.rows.values())
        if pruned.files or rows:
            log.info("pruned %d snapshot files and %d rows of the state", len(pruned.files), rows)

    def _confirm(self, job: Job, symbols: tuple[str, ...]) -> Confirmed:
        outcome = confirming.confirm_once(self.loaded.settings, self._timed(job), symbols)
        for line in outcome.sentences:
            log.info("%s", line)
        _warn(job, outcome.problems)
        return outcome

    def _timed(self, job: Job) -> list[Source]:
        """The sources, within the time that the job has."""
        from scanner.sources.timed import TimedSource, Timer

        each = job.symbol_time_limit.total_seconds()
        timer = Timer(clock.countdown(job.longest), each, self.stopped, self._turn_let_go)
        return [TimedSource(source, timer) for source in self.loaded.sources]

    def _show(self, job: Job, result: ScanResult) -> None:
        """Show what was found; a reader that went away, or a full disk behind stdout, stops nothing."""
        try:
            self.show(result, self.loaded.settings.outputs.terminal.min_severity)
        except OSError as error:
            log.warning("job %s: what it found cannot be printed (%s)", job.name, error.strerror or error)

    def last_runs(self) -> dict[str, datetime]:
        """When each job last began, as far as the state knows; one whose run was cut short is to be run again, once."""
        try:
            with opening.open_state(self.loaded.settings, read_only=True) as state, state.read() as ledger:
                return {job.name: _last_of(job, ledger.job_runs(name=job.name, limit=2)) for job in ledger.jobs()}
        except StoreError as error:
            log.debug("no earlier run is known: %s", error)
            return {}

    @contextmanager
    def _recorded(self, record: JobRun) -> Iterator[list[ScanResult | Confirmed]]:
        """Keep when a run began, so that a later start knows what it missed, and how it ended."""
        record = replace(record, run_id=self._keep(record))
        self.began(record)
        result: list[ScanResult | Confirmed] = []
        try:
            yield result
        except BaseException as error:
            abandoned = isinstance(error, StoppedError)
            self._end(record, "abandoned" if abandoned else "failed", f"{error}" or type(error).__name__)
            raise
        done = result[0]
        problems = done.problems if isinstance(done, Confirmed) else done.errors
        outcome = "partly" if problems else "done"
        if not isinstance(done, Confirmed) and not done.scan.symbols_scanned:
            outcome = "failed"
        message = problems[0].message if problems else None
        self._end(record, outcome, message, done)

    def _end(self, record: JobRun, outcome: str, message: str | None, result: Any = None) -> None:
        figures = {} if result is None or isinstance(result, Confirmed) else figures_of(result)
        record = replace(
            record, finished_at=clock.right_now(), outcome=outcome, message=message and message[:500], figures=figures
        )
        self._keep(record)
        self.finished(record, result)

    def _keep(self, record: JobRun) -> int | None:
        from scanner.store.state import Job as LastRun

        last = LastRun(record.name, record.started_at, record.finished_at, record.outcome, record.message)

        def keep(ledger: Ledger) -> int | None:
            ledger.save_job(last)
            return ledger.save_job_run(record)

        try:
            with opening.open_state(self.loaded.settings) as state:
                return state.settled(keep)
        except StoreError as error:
            # The scan says so itself where its alerts cannot be kept.
            log.debug("the run is not recorded: %s", error)
            return record.run_id


def _last_of(job: LastRun, runs: Sequence[JobRun]) -> datetime:
    """When a job last began, or just before its last run was due, where that was killed or given up on.

    A run that was cut short twice may itself be what ends the process, and is left at that.
    """
    if job.outcome not in (None, "running", "abandoned") or not runs:
        return job.started_at
    again = len(runs) > 1 and runs[1].due_at == runs[0].due_at
    return job.started_at if again else runs[0].due_at - timedelta(seconds=1)


def _warn(job: Job, problems: Sequence[ScanProblem]) -> None:
    """Say on the log what failed, of many alike the first few."""
    for problem in problems[:_PROBLEMS_SAID]:
        log.warning("job %s: left out: %s", job.name, problem.message)
    if len(problems) > _PROBLEMS_SAID:
        log.warning("job %s: left out: %d more", job.name, len(problems) - _PROBLEMS_SAID)


def figures_of(result: ScanResult) -> dict[str, Any]:
    """What a record tells of a scan: how much it looked at, what happened to how many alerts, what was held back."""
    from collections import Counter

    scan = result.scan
    alerts = Counter(result.happened_to(alert).value for alert in result.alerts)
    return {
        "scan_id": scan.id,
        "session_date": scan.session_date.isoformat(),
        "simulated": scan.simulated,
        "symbols_requested": scan.symbols_requested,
        "symbols_scanned": scan.symbols_scanned,
        "contracts": scan.contracts,
        "alerts": dict(alerts),
        "held_back": sum(result.held_back.values()),
        "problems": len(result.errors),
    }
