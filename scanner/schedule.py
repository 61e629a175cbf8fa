"""The background scans: APScheduler wiring, and triggers that follow the exchange's sessions.

Jobs run one at a time in one worker, so scans never overlap; a run that is late - a laptop that slept, a scan that took
long - is run once when it can be, not dropped. Every fire time is computed from the session's own opening and closing
instants, so holidays, half days and daylight saving need no care here.
"""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.interval import IntervalTrigger

from scanner import sessions

if TYPE_CHECKING:
    from types import FrameType

    from scanner.config import Job

log = logging.getLogger(__name__)

_AFTER_CLOSE = timedelta(minutes=5)


class DuringSession(BaseTrigger):  # type: ignore[misc] # apscheduler is untyped
    """Fires every so often while the exchange trades: at open + every, open + 2 x every, ... up to the close."""

    def __init__(self, every: timedelta) -> None:
        self.every = every

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """The first instant of the grid after the previous fire time, and not before now."""
        after = now - timedelta(microseconds=1) if previous_fire_time is None else max(previous_fire_time, now)
        day = sessions.session_of(after)
        while True:
            opened = sessions.session_open(day)
            count = max(1, (after - opened) // self.every + 1)
            candidate = opened + count * self.every
            if candidate <= sessions.session_close(day):
                return candidate
            day = sessions.next_session(day)


class AtSession(BaseTrigger):  # type: ignore[misc] # apscheduler is untyped
    """Fires once a session: at the open or the option close of the slowest product, plus the source's delay."""

    def __init__(self, moment: str, symbols: Sequence[str], delay: timedelta) -> None:
        self.moment = moment
        self.symbols = tuple(symbols)
        self.delay = delay

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """The session's own instant, for the first session in which it lies after the previous one."""
        after = now - timedelta(microseconds=1) if previous_fire_time is None else max(previous_fire_time, now)
        day = sessions.session_of(after)
        while (candidate := self._instant(day)) <= after:
            day = sessions.next_session(day)
        return candidate

    def _instant(self, day: date) -> datetime:
        if self.moment == "open":
            return sessions.session_open(day) + self.delay
        closes = [sessions.option_close(day, symbol) for symbol in self.symbols]
        return max([sessions.session_close(day), *closes]) + self.delay + _AFTER_CLOSE


def trigger_for(job: Job, symbols: Sequence[str], delay: timedelta) -> BaseTrigger:
    """The trigger that a configured job asks for. ``delay`` is how far behind the market the source is."""
    if job.at is not None:
        return AtSession(job.at, symbols, delay)
    assert job.every is not None
    return DuringSession(job.every) if job.during == "regular" else IntervalTrigger(seconds=job.every.total_seconds())


def run_until_stopped(jobs: Sequence[tuple[Job, BaseTrigger]], work: Callable[[Job], None]) -> int:
    """Run the schedule until SIGTERM or SIGINT; the job under way is finished first. Returns the signal's number."""
    scheduler = BackgroundScheduler(
        timezone=UTC,
        executors={"default": ThreadPoolExecutor(1)},
        job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
    )
    for job, trigger in jobs:
        scheduler.add_job(_guarded, trigger, args=(job, work), id=job.name, name=job.name)
        log.info("job %s: first run at %s", job.name, _spoken(trigger.get_next_fire_time(None, datetime.now(UTC))))
    stopped = threading.Event()
    received: list[int] = []

    def stop(number: int, _frame: FrameType | None) -> None:
        received.append(number)
        stopped.set()

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    scheduler.start()
    waiting = "the job" if len(jobs) == 1 else f"the first of {len(jobs)} jobs"
    log.info("waiting for %s; SIGTERM or Ctrl-C stops", waiting)
    try:
        stopped.wait()
        log.info("stopping: the job under way is finished first")
        scheduler.shutdown(wait=True)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    return received[0]


def _guarded(job: Job, work: Callable[[Job], None]) -> None:
    """One run of a job; whatever goes wrong in it is said, and the schedule goes on."""
    try:
        work(job)
    except Exception:
        log.exception("job %s failed; the schedule goes on", job.name)


def _spoken(instant: datetime) -> str:
    return f"{instant.astimezone(sessions.NEW_YORK):%Y-%m-%d %H:%M} New York"
