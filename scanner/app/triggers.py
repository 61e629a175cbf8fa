"""When jobs are due: triggers of APScheduler's that follow the exchange's sessions.

Every fire time is computed from a session's own opening and closing instants, or by New York's clock, so that holidays,
half days and daylight saving need no care anywhere else.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

from apscheduler.triggers.base import BaseTrigger

from scanner import crontab
from scanner.errors import CalendarError
from scanner.market.calendar import FIRST, NEW_YORK, Calendar
from scanner.market.moments import During, Moment, is_within, span

if TYPE_CHECKING:
    from scanner.config import Job

AFTER_CLOSE = timedelta(minutes=5)
_AN_INSTANT = timedelta(microseconds=1)
# Runs missed longer ago are not counted one by one: of a clock that was never set there are millions.
_COUNTED = timedelta(days=7)
# Of a crontab line that hardly ever meets the hours it keeps to, so many times are looked at.
_MOST_TIMES = 10_000


class Trigger(BaseTrigger):  # type: ignore[misc] # apscheduler is untyped
    """Fires at moments that do not depend on when it fired before."""

    @abstractmethod
    def after(self, instant: datetime) -> datetime | None:
        """The first moment strictly after an instant; None where there is none any more."""

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """The first moment after the previous fire time, and not before now."""
        return self.after(now - _AN_INSTANT if previous_fire_time is None else max(previous_fire_time, now))

    def due(self, first: datetime, now: datetime) -> tuple[int, datetime]:
        """How many moments lie from ``first``, which is one, up to now, and the newest of them.

        Of what lies far back only the first is counted.
        """
        count, newest, looked = 1, first, max(first, now - _COUNTED)
        while (following := self.after(looked)) is not None and following <= now:
            count, newest, looked = count + 1, following, following
        return count, newest


class Always(Trigger):
    """Fires every so often, day and night, from the moment it last ran, or the schedule began."""

    def __init__(self, every: timedelta, begin: datetime) -> None:
        self.every = every
        self.begin = begin

    def after(self, instant: datetime) -> datetime:
        """The first instant after another one that lies a whole number of intervals after the beginning."""
        return self.begin + ((instant - self.begin) // self.every + 1) * self.every


class DuringSession(Trigger):
    """Fires every so often in a session's hours: at their beginning + every, + 2 x every, ... up to their end."""

    def __init__(self, every: timedelta, calendar: Calendar, during: During = "regular") -> None:
        self.every = every
        self.calendar = calendar
        self.during = during

    def after(self, instant: datetime) -> datetime | None:
        """The first instant of the grid after another one; None beyond the calendar."""
        for day in sessions_from(instant, self.calendar):
            begins, ends = span(day, self.during, self.calendar)
            candidate = begins + max(1, (instant - begins) // self.every + 1) * self.every
            if candidate <= ends:
                return candidate
        return None


class AtSession(Trigger):
    """Fires once a session.

    ``open`` and ``close`` wait for the source's delay, ``close`` for the slowest product's option close and five
    minutes more; any other moment is kept as it is named.
    """

    def __init__(self, moment: str, symbols: Sequence[str], delay: timedelta, calendar: Calendar) -> None:
        self.moment = Moment.parse(moment)
        self.symbols = tuple(symbols)
        self.delay = delay
        self.calendar = calendar

    def after(self, instant: datetime) -> datetime | None:
        """The instant of the first session in which it lies after another one; None beyond the calendar."""
        sessions = sessions_from(instant, self.calendar)
        return next((found for day in sessions if (found := self._instant(day)) > instant), None)

    def _instant(self, day: date) -> datetime:
        moment = self.moment.instant(day, self.calendar)
        if self.moment.clock is not None or self.moment.offset:
            return moment
        if self.moment.anchor == "open":
            return moment + self.delay
        closes = [self.calendar.option_close(day, symbol) for symbol in self.symbols]
        return max([moment, *closes]) + self.delay + AFTER_CLOSE


class OnCron(Trigger):
    """Fires by a line of a crontab, in the hours it keeps to."""

    def __init__(self, line: str, during: During, calendar: Calendar) -> None:
        self.cron = crontab.trigger(line)
        self.during = during
        self.calendar = calendar

    def after(self, instant: datetime) -> datetime | None:
        """The first moment of the line within the hours; None where none comes soon, or beyond the calendar."""
        try:
            return next((time for time in self._times(instant) if is_within(time, self.during, self.calendar)), None)
        except CalendarError:
            return None

    def _times(self, instant: datetime) -> Iterator[datetime]:
        for _ in range(_MOST_TIMES):
            found: datetime | None = self.cron.get_next_fire_time(None, (instant + _AN_INSTANT).astimezone(NEW_YORK))
            if found is None:
                return
            instant = found.astimezone(UTC)
            yield instant


def sessions_from(instant: datetime, calendar: Calendar) -> Iterator[date]:
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


def trigger_for(job: Job, symbols: Sequence[str], delay: timedelta, calendar: Calendar, begin: datetime) -> Trigger:
    """The trigger that a configured job asks for.

    ``delay`` is how far behind the market the source is, ``begin`` when the job last ran, or else when the schedule
    began.
    """
    if job.at is not None:
        return AtSession(job.at, symbols, delay, calendar)
    if job.cron is not None:
        return OnCron(job.cron, job.hours, calendar)
    assert job.every is not None
    return Always(job.every, begin) if job.hours == "always" else DuringSession(job.every, calendar, job.hours)


def too_late(job: Job, due: datetime, now: datetime, calendar: Calendar) -> str | None:
    """Why a run that was due at a moment says nothing any more now, or None where it does.

    A scan of the session means something until its hours have ended (and a few minutes more, for those that wait their
    turn at the close), one due after them until the next session opens, a confirmation always.
    """
    if job.task == "confirm" or (job.at is None and job.hours == "always"):
        return None
    try:
        session = calendar.session_of(due)
        _, ends = span(session, "extended" if job.hours == "extended" else "regular", calendar)
        if due <= ends:
            return "the session has closed" if now > ends + AFTER_CLOSE else None
        return "another session has opened" if now >= calendar.session_open(calendar.next_session(session)) else None
    except CalendarError:
        return None
