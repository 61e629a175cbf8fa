"""A wall clock that a test drives, and APScheduler on it: real triggers and a real scheduler, without threads."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta, tzinfo

import pytest
from apscheduler.executors.debug import DebugExecutor
from apscheduler.schedulers import base
from standard import calendar

from scanner.app.schedule import Due, Schedule
from scanner.app.triggers import trigger_for
from scanner.config import Job


class _Scheduler(base.BaseScheduler):
    """Looks for due jobs when it is woken, in the caller's thread."""

    def wakeup(self) -> None:
        if self.running:
            self._process_jobs()

    def shutdown(self, wait: bool = True) -> None:
        super().shutdown(wait)


class Driven:
    """A schedule whose wall clock stands where it was put; ``runs`` holds the name and moment of every run.

    ``work`` does every run, also those that come too late, in place of what notes them.
    """

    def __init__(
        self,
        monkeypatch: pytest.MonkeyPatch,
        begin: datetime,
        jobs: Sequence[Job],
        last_runs: Mapping[str, datetime] | None = None,
        work: Callable[[Due], object] | None = None,
    ) -> None:
        self.now = begin
        self.runs: list[tuple[str, datetime]] = []
        clock = self

        class Clock(datetime):
            @classmethod
            def now(cls, tz: tzinfo | None = None) -> datetime:
                return clock.now.astimezone(tz)

        monkeypatch.setattr(base, "datetime", Clock)
        scheduler = _Scheduler(
            timezone=UTC,
            executors={"default": DebugExecutor()},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        planned = [(job, trigger_for(job, ["GOOG"], timedelta(minutes=15), calendar, begin)) for job in jobs]
        scheduler.start()
        self.work: Callable[[Due], None] = self.note
        self.left_out: list[Due] = []
        self.schedule = Schedule(planned, work or self._run, scheduler, calendar, lambda: self.now, last_runs)
        self.schedule.look()

    def _run(self, due: Due) -> None:
        if due.too_late is None:
            self.work(due)
        else:
            self.left_out.append(due)

    def note(self, due: Due) -> None:
        """What a run does where a test does not say."""
        self.runs.append((due.job.name, self.now))

    def pass_time(self, until: datetime, step: timedelta = timedelta(seconds=30)) -> None:
        """Let the clock go on, looked at every step."""
        while self.now < until:
            self.now = min(until, self.now + step)
            self.schedule.look()

    def jump(self, to: datetime) -> None:
        """Set the clock, or sleep: nothing is looked at in between."""
        self.now = to
        self.schedule.look()

    def of(self, name: str) -> list[datetime]:
        """The moments of a job's runs."""
        return [moment for job, moment in self.runs if job == name]
