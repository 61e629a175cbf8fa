"""What a scheduled job does when its time has come."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from scanner.app import clock, confirming, scanning
from scanner.app.confirming import Confirmed
from scanner.errors import StoreError

if TYPE_CHECKING:
    from datetime import datetime

    from scanner.config import Job, Settings
    from scanner.errors import ScanProblem
    from scanner.outputs.result import ScanResult
    from scanner.ruleset import Rule
    from scanner.sources.base import Source
    from scanner.store.models import LastModel

log = logging.getLogger(__name__)

_PROBLEMS_SAID = 20


def _no_model_yet() -> LastModel:
    from scanner.store.models import LastModel

    return LastModel()


@dataclass(frozen=True)
class Worker:
    """Runs jobs with what was opened when the schedule began; ``show`` hands a scan's result to whoever looks.

    ``last_model`` goes from one scan to the next, which need not even read the model where it is of the same names.
    """

    settings: Settings
    sources: Sequence[Source]
    rules: Sequence[Rule]
    problems: Sequence[ScanProblem]
    show: Callable[[ScanResult], object]
    last_model: LastModel = field(default_factory=_no_model_yet)

    def run(self, job: Job) -> ScanResult | Confirmed:
        """One run; shows what a scan found, logs what a confirmation has to say, and returns it."""
        log.info("job %s: %s of %s", job.name, job.task, job.watchlist)
        symbols = self.settings.watchlists[job.watchlist]
        with self._recorded(job.name):
            if job.task == "confirm":
                confirmed = self._confirm(symbols)
                self._warn(job, confirmed.problems)
                return confirmed
            result = scanning.scan_once(
                self.settings, self.sources, self.rules, symbols, None, self.problems, self.last_model
            )
            self._show(job, result)
            self._warn(job, result.errors)
            return result

    def _show(self, job: Job, result: ScanResult) -> None:
        """Show what was found; a reader that went away, or a full disk behind stdout, stops nothing."""
        try:
            self.show(result)
        except OSError as error:
            log.warning("job %s: what it found cannot be printed (%s)", job.name, error.strerror or error)

    @staticmethod
    def _warn(job: Job, problems: Sequence[ScanProblem]) -> None:
        """Say on the log what failed, of many alike the first few."""
        for problem in problems[:_PROBLEMS_SAID]:
            log.warning("job %s: left out: %s", job.name, problem.message)
        if len(problems) > _PROBLEMS_SAID:
            log.warning("job %s: left out: %d more", job.name, len(problems) - _PROBLEMS_SAID)

    def last_runs(self) -> dict[str, datetime]:
        """When each job last began, as far as the state knows."""
        from scanner.store.state import FILE_NAME, State

        try:
            with State.open(self.settings.store.path / FILE_NAME, read_only=True) as state, state.read() as ledger:
                return {job.name: job.started_at for job in ledger.jobs()}
        except StoreError as error:
            log.debug("no earlier run is known: %s", error)
            return {}

    @contextmanager
    def _recorded(self, name: str) -> Iterator[None]:
        """Keep when a run began, so that a later start knows what it missed, and how it ended."""
        began = clock.right_now()
        self._keep(name, began)
        try:
            yield
        except BaseException as error:
            self._keep(name, began, type(error).__name__)
            raise
        self._keep(name, began, "done")

    def _keep(self, name: str, began: datetime, outcome: str | None = None) -> None:
        from scanner.store.state import FILE_NAME, State
        from scanner.store.state import Job as Record

        ended = None if outcome is None else clock.right_now()
        try:
            with State.open(self.settings.store.path / FILE_NAME) as state, state.write() as ledger:
                ledger.save_job(Record(name, began, ended, outcome))
        except StoreError as error:
            # The scan says so itself where its alerts cannot be kept.
            log.debug("the run is not recorded: %s", error)

    def _confirm(self, symbols: tuple[str, ...]) -> Confirmed:
        outcome = confirming.confirm_once(self.settings, self.sources, symbols)
        for line in outcome.sentences:
            log.info("%s", line)
        return outcome
