"""The background scans: APScheduler wiring, and triggers that follow the exchange's sessions.

Jobs run one at a time in one worker, so scans never overlap. Every fire time is computed from the session's own opening
and closing instants, so holidays, half days and daylight saving need no care here.

Fire times are moments of the wall clock, but a process can only wait by a clock that stands still while the machine
sleeps. So the wall clock is looked at every half minute: after a sleep, or once the clock was set forward, what has
become due runs, once; once it was set back, the schedule is planned anew. A late run for which its session is over
does not run: see :func:`too_late`.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger

from scanner.errors import CalendarError, ScannerError
from scanner.market.calendar import FIRST, LAST, NEW_YORK, Calendar

if TYPE_CHECKING:
    from types import FrameType

    from apscheduler.schedulers.base import BaseScheduler

    from scanner.config import Job

log = logging.getLogger(__name__)

_AFTER_CLOSE = timedelta(minutes=5)
# How long the process sleeps before it looks at the wall clock again.
_LOOK_EVERY = timedelta(seconds=30)
# Clocks are corrected by less than this all the time; planning anew each time would run some jobs twice.
_SET_BACK = timedelta(minutes=1)


class Always(BaseTrigger):  # type: ignore[misc] # apscheduler is untyped
    """Fires every so often, day and night."""

    def __init__(self, every: timedelta) -> None:
        self.every = every

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """The first instant after now that lies a whole number of intervals after the previous fire time."""
        previous = now if previous_fire_time is None else previous_fire_time
        return previous + max(1, (now - previous) // self.every + 1) * self.every


class DuringSession(BaseTrigger):  # type: ignore[misc] # apscheduler is untyped
    """Fires every so often while the exchange trades: at open + every, open + 2 x every, ... up to the close."""

    def __init__(self, every: timedelta, calendar: Calendar) -> None:
        self.every = every
        self.calendar = calendar

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """The first instant of the grid after the previous fire time, and not before now; None beyond the calendar."""
        after = now - timedelta(microseconds=1) if previous_fire_time is None else max(previous_fire_time, now)
        for day in _sessions_from(after, self.calendar):
            opened = self.calendar.session_open(day)
            count = max(1, (after - opened) // self.every + 1)
            candidate = opened + count * self.every
            if candidate <= self.calendar.session_close(day):
                return candidate
        return None


class AtSession(BaseTrigger):  # type: ignore[misc] # apscheduler is untyped
    """Fires once a session: at the open or the option close of the slowest product, plus the source's delay."""

    def __init__(self, moment: str, symbols: Sequence[str], delay: timedelta, calendar: Calendar) -> None:
        self.moment = moment
        self.symbols = tuple(symbols)
        self.delay = delay
        self.calendar = calendar

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """The instant of the first session in which it lies after the previous one; None beyond the calendar."""
        after = now - timedelta(microseconds=1) if previous_fire_time is None else max(previous_fire_time, now)
        sessions = _sessions_from(after, self.calendar)
        return next((instant for day in sessions if (instant := self._instant(day)) > after), None)

    def _instant(self, day: date) -> datetime:
        if self.moment == "open":
            return self.calendar.session_open(day) + self.delay
        closes = [self.calendar.option_close(day, symbol) for symbol in self.symbols]
        return max([self.calendar.session_close(day), *closes]) + self.delay + _AFTER_CLOSE


def _sessions_from(instant: datetime, calendar: Calendar) -> Iterator[date]:
    """The session an instant belongs to and those after it, as far as the calendar goes.

    A clock that was never set says 1970; what is planned for the calendar's first days is due as soon as it is right.
    """
    begins = datetime(FIRST.year, FIRST.month, 15, tzinfo=UTC)
    try:
        day = calendar.session_of(max(instant, begins))
        while True:
            yield day
            day = calendar.next_session(day)
    except CalendarError:
        return


def trigger_for(job: Job, symbols: Sequence[str], delay: timedelta, calendar: Calendar) -> BaseTrigger:
    """The trigger that a configured job asks for. ``delay`` is how far behind the market the source is."""
    if job.at is not None:
        return AtSession(job.at, symbols, delay, calendar)
    assert job.every is not None
    return DuringSession(job.every, calendar) if job.during == "regular" else Always(job.every)


def too_late(job: Job, now: datetime, calendar: Calendar) -> str | None:
    """Why a run of a job says nothing any more at this moment, or None where it does.

    A scan of the session means something until the session has closed (and a few minutes more, for those that wait
    their turn at the close), the scan of the close until the next session opens, a confirmation always.
    """
    if job.task == "confirm" or (job.every is not None and job.during == "always"):
        return None
    closed = calendar.session_close(calendar.session_of(now))
    if job.at == "close":
        return "another session has opened" if now < closed else None
    return "the session has closed" if now > closed + _AFTER_CLOSE else None


class Schedule:
    """Jobs planned on a scheduler of APScheduler's, and planned anew where the wall clock is set back.

    ``last_runs`` tells when a job last began, where that is known: what has been due since then is due now.
    """

    def __init__(
        self,
        jobs: Sequence[tuple[Job, BaseTrigger]],
        work: Callable[[Job], object],
        scheduler: BaseScheduler,
        calendar: Calendar,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        last_runs: Mapping[str, datetime] | None = None,
    ) -> None:
        self._jobs = jobs
        self._work = work
        self._scheduler = scheduler
        self._calendar = calendar
        self._clock = clock
        self._seen = now = clock()
        for job, trigger in jobs:
            last = min((last_runs or {}).get(job.name, now), now)
            first = self._plan(job, trigger, last)
            if first is not None:
                log.info("job %s: %s", job.name, "is due" if first <= now else f"first run at {_spoken(first)}")

    @property
    def is_over(self) -> bool:
        """Whether no job will ever run again, the calendar having ended."""
        return not self._scheduler.get_jobs()

    def look(self) -> None:
        """Look at the wall clock: run what has become due, or plan anew where it was set back."""
        now = self._clock()
        if now < self._seen - _SET_BACK:
            log.info("the clock was set back to %s; the schedule goes on from there", _spoken(now))
            for job, trigger in self._jobs:
                self._plan(job, trigger, now)
        self._seen = now
        self._scheduler.wakeup()

    def _plan(self, job: Job, trigger: BaseTrigger, after: datetime) -> datetime | None:
        """Put the first run after a moment on the scheduler, in place of what was planned. Returns when it is."""
        first: datetime | None = trigger.get_next_fire_time(after, after)
        if first is None:
            log.warning(
                "job %s: never runs: the exchange's calendar ends on %s; a newer version may know more",
                job.name,
                LAST,
            )
            return None
        self._scheduler.add_job(
            self._run, trigger, args=(job,), id=job.name, name=job.name, next_run_time=first, replace_existing=True
        )
        return first

    def _run(self, job: Job) -> None:
        """One run of a job, where it still means something; whatever goes wrong in it is said, and the rest goes on."""
        try:
            reason = too_late(job, self._clock(), self._calendar)
            if reason is None:
                self._work(job)
            else:
                log.info("job %s: too late, for %s; left out", job.name, reason)
        except ScannerError as error:
            log.error("job %s failed: %s; the schedule goes on", job.name, error)  # its words say it all
        except Exception:
            log.exception("job %s failed; the schedule goes on", job.name)


def run_until_stopped(
    jobs: Sequence[tuple[Job, BaseTrigger]],
    work: Callable[[Job], object],
    calendar: Calendar,
    last_runs: Mapping[str, datetime] | None = None,
) -> int | None:
    """Run the schedule until SIGTERM, SIGINT or SIGHUP; the job under way is finished first.

    Returns the signal's number, or None where the calendar has ended and no job is left.
    """
    scheduler = BackgroundScheduler(
        timezone=UTC,
        executors={"default": ThreadPoolExecutor(1)},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    schedule = Schedule(jobs, work, scheduler, calendar, last_runs=last_runs)
    stopped = threading.Event()
    received: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        stopped.set()

    before = {number: signal.signal(number, stop) for number in _stopping_signals()}
    scheduler.start()
    waiting = "the job" if len(jobs) == 1 else f"the first of {len(jobs)} jobs"
    log.info("waiting for %s; SIGTERM or Ctrl-C stops", waiting)
    try:
        while not schedule.is_over and not stopped.wait(_LOOK_EVERY.total_seconds()):
            schedule.look()
        why = f"{signal.Signals(received[0]).name}; " if received else "no job is left; "
        log.info("stopping: %sthe job under way is finished first", why)
        scheduler.shutdown(wait=True)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return received[0] if received else None


def _stopping_signals() -> list[signal.Signals]:
    """What asks the process to end. A hang-up is no such thing where it was told to ignore it (nohup)."""
    asked = [signal.SIGTERM, signal.SIGINT]
    hang_up = getattr(signal, "SIGHUP", None)
    if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN:
        asked.append(hang_up)
    return asked


def _spoken(instant: datetime) -> str:
    return f"{instant.astimezone(NEW_YORK):%Y-%m-%d %H:%M} New York"
