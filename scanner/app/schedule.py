"""The schedule: jobs planned on APScheduler, run once where they are late, planned anew where the clock is set back.

A job's runs never overlap; those of several wait for their chains side by side and judge in turn
(:class:`~scanner.app.jobs.Worker`), so that a slow source shifts no other job. Fire times are moments of the wall
clock, but a process can only wait by a clock that stands still while the machine sleeps. So the wall clock is looked
at every few seconds: after a sleep, a long scan, or once the clock was set forward, of the runs that have become due
the newest is made up for, and it is said. A late run that says nothing any more is left out: see
:func:`scanner.app.triggers.too_late`.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from scanner.app import clock
from scanner.app.triggers import Trigger, too_late
from scanner.errors import ScannerError, StoppedError
from scanner.market.calendar import LAST, Calendar

if TYPE_CHECKING:
    from apscheduler.schedulers.base import BaseScheduler

    from scanner.config import Job

log = logging.getLogger(__name__)

# Clocks are corrected by less than this all the time; planning anew each time would run some jobs twice.
_SET_BACK = timedelta(minutes=1)
# Corrected by so little between being due and being run, the clock shows a moment before the run was due.
_CORRECTION = timedelta(seconds=5)
# A run that begins later than this was missed; earlier, it waited for its turn.
_LATE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Due:
    """One run of a job: when it was due, how many runs it stands for, and whether it comes too late (and why)."""

    job: Job
    at: datetime
    runs: int = 1
    too_late: str | None = None


class Schedule:
    """Jobs planned on a scheduler of APScheduler's, and planned anew where the wall clock is set back.

    ``work`` does one run. ``last_runs`` tells when a job last began, where that is known: what has been due since then
    is due now.
    """

    def __init__(
        self,
        jobs: Sequence[tuple[Job, Trigger]],
        work: Callable[[Due], object],
        scheduler: BaseScheduler,
        calendar: Calendar,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        last_runs: Mapping[str, datetime] | None = None,
    ) -> None:
        self._jobs = jobs
        self._work = work
        self._scheduler = scheduler
        self._calendar = calendar
        self._now = now
        self._next: dict[str, datetime | None] = {}
        self._seen = begin = now()
        for job, trigger in jobs:
            last = min((last_runs or {}).get(job.name, begin), begin)
            first = self._plan(job, trigger, last)
            if first is not None:
                log.info("job %s: %s", job.name, "is due" if first <= begin else f"first run at {spoken(first)}")

    @property
    def is_over(self) -> bool:
        """Whether no job will ever run again, the calendar having ended."""
        return not self._scheduler.get_jobs()

    def upcoming(self) -> list[tuple[datetime, str]]:
        """When each job is due next, the soonest first; one whose calendar has ended is left out."""
        return sorted((due, name) for name, due in self._next.items() if due is not None)

    def look(self) -> None:
        """Look at the wall clock: run what has become due, or plan anew where it was set back."""
        now = self._now()
        if now < self._seen - _SET_BACK:
            log.info("the clock was set back to %s; the schedule goes on from there", spoken(now))
            for job, trigger in self._jobs:
                self._plan(job, trigger, now)
        self._seen = now
        self._scheduler.wakeup()

    def withdraw(self) -> None:
        """Take every job off the scheduler; a run under way goes on."""
        self._scheduler.remove_all_jobs()

    def _plan(self, job: Job, trigger: Trigger, after: datetime) -> datetime | None:
        """Put the first run after a moment on the scheduler, in place of what was planned. Returns when it is."""
        first = self._next[job.name] = trigger.after(after)
        if first is None:
            log.warning(
                "job %s: never runs: the exchange's calendar ends on %s; a newer version may know more",
                job.name,
                LAST,
            )
            return None
        self._scheduler.add_job(
            self._run,
            trigger,
            args=(job, trigger),
            id=job.name,
            name=job.name,
            next_run_time=first,
            replace_existing=True,
        )
        return first

    def _run(self, job: Job, trigger: Trigger) -> None:
        """Run what is due of a job, and what became due meanwhile, the newest of several."""
        while (first := self._next.get(job.name)) is not None and first <= self._now() + _CORRECTION:
            now = max(self._now(), first)
            runs, newest = trigger.due(first, now)
            self._next[job.name] = trigger.after(newest)
            self._one(Due(job, newest, runs, too_late(job, newest, now, self._calendar)), now)

    def _one(self, due: Due, now: datetime) -> None:
        """One run, where it still means something; whatever goes wrong in it is said, and the rest goes on."""
        name = due.job.name
        try:
            if due.too_late is not None:
                log.info("job %s: too late, for %s; left out", name, due.too_late)
            elif now - due.at > _LATE:
                missed = f"; {due.runs - 1} earlier ones are left out" if due.runs > 1 else ""
                log.info("job %s: was due at %s and is made up for now%s", name, spoken(due.at), missed)
            elif due.runs > 1:
                missed = "one run was" if due.runs == 2 else f"{due.runs - 1} runs were"
                log.info("job %s: %s missed; the newest runs", name, missed)
            self._work(due)
        except StoppedError:
            log.info("job %s: given up, for the schedule is told to stop", name)
        except ScannerError as error:
            log.error("job %s failed: %s; the schedule goes on", name, error)  # its words say it all
        except Exception:
            log.exception("job %s failed; the schedule goes on", name)


def spoken(instant: datetime) -> str:
    """A moment as logs name it: ``2026-08-21 16:20 New York``."""
    return f"{clock.on_the_exchange(instant)[:16]} New York"
