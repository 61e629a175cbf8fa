"""Lines of a crontab, by New York's clock, as the scheduler's trigger.

The scheduler counts weekdays from Monday and wants day of month *and* weekday to hold, where every crontab counts from
Sunday and wants one of both; so weekdays are spelled out, and a line that names both is refused.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from scanner.market.calendar import NEW_YORK

if TYPE_CHECKING:
    from apscheduler.triggers.cron import CronTrigger

_FIELDS = "minute, hour, day of month, month, weekday"
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")


def trigger(line: str) -> CronTrigger:
    """The trigger of a line of five fields, such as ``30 16 * * mon-fri``. Raises ValueError that says what is off."""
    from apscheduler.triggers.cron import CronTrigger

    parts = line.split()
    if len(parts) != 5:
        raise ValueError(f"{line[:60]!r} has {len(parts)} fields; a crontab line has five: {_FIELDS}")
    minute, hour, day, month, weekday = parts
    if day != "*" and weekday != "*":
        raise ValueError(f"{line[:60]!r} names a day of the month and a weekday; make two jobs of it, one for each")
    try:
        return CronTrigger(
            minute=minute, hour=hour, day=day, month=month, day_of_week=_weekdays(weekday), timezone=NEW_YORK
        )
    except ValueError as error:
        raise ValueError(f"{line[:60]!r} is no crontab line ({error}); its fields are {_FIELDS}") from error


def _weekdays(field: str) -> str:
    """Weekdays as names, each by itself: ``1-5`` and ``mon-fri`` are ``mon,tue,wed,thu,fri``."""
    if field == "*":
        return field
    named: list[str] = []
    for part in field.lower().split(","):
        body, _, step = part.partition("/")
        every = int(step) if step.isdecimal() and int(step) > 0 else 1 if not step else 0
        if not every:
            raise ValueError(f"{part!r} is no step of weekdays")
        first, _, last = ("0-6" if body == "*" else body).partition("-")
        begin = _number(first)
        end = _number(last) if last else (6 if step else begin)
        end += 7 if end < begin else 0
        named += [_DAYS[number % 7] for number in range(begin, end + 1, every)]
    return ",".join(dict.fromkeys(named))


def _number(name: str) -> int:
    if name.isdecimal() and int(name) <= 7:
        return int(name) % 7 if name != "7" else 7
    if name[:3] in _DAYS and name in (name[:3], *_LONG):
        return _DAYS.index(name[:3])
    raise ValueError(f"{name!r} is no weekday; write sun to sat, or 0 to 7")


_LONG = ("sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday")
