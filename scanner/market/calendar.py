"""The exchange's calendar and time zones; the only module that knows either.

Sessions are named by their New York date. Instants are UTC. Every weekday is a session from 09:30 to 16:00 New York
except those that ``exchange_calendar.csv`` lists, which ``tools/write_calendar.py`` writes from ``exchange_calendars``
(XNYS), for a fixed range of years, so that no answer depends on today's date. What the exchange announces later - a day
of mourning - is put in by :func:`amend`. Beyond those years no session is known, and asking for one is a CalendarError;
only an expiry there is taken to end at an ordinary close.
"""

from __future__ import annotations

import csv
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from scanner.errors import CalendarError
from scanner.market import products

if TYPE_CHECKING:
    from collections.abc import Mapping

    import polars as pl

Hours = tuple[time, time]

NEW_YORK = ZoneInfo("America/New_York")
FIRST, LAST = date(2004, 1, 1), date(2032, 12, 31)
REGULAR_OPEN, REGULAR_CLOSE = time(9, 30), time(16, 0)
_AM_SETTLEMENT = time(9, 30)
_TABLE = Path(__file__).with_name("exchange_calendar.csv")
_FRIDAY = 4
_amended: dict[date, Hours | None] = {}


@dataclass(frozen=True)
class _Calendar:
    """Every session, ascending, and the hours (New York) of those that do not keep the regular ones."""

    days: tuple[date, ...]
    odd_hours: dict[date, Hours]


@lru_cache(maxsize=1)
def _calendar() -> _Calendar:
    with _TABLE.open(newline="", encoding="utf-8") as file:
        irregular = {date.fromisoformat(row["date"]): _hours_of(row) for row in csv.DictReader(file)} | _amended
    odd = {day: hours for day, hours in irregular.items() if hours is not None}
    all_days = (FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1))
    days = tuple(day for day in all_days if day in odd or (day.weekday() <= _FRIDAY and day not in irregular))
    return _Calendar(days, odd)


def _hours_of(row: dict[str, str]) -> Hours | None:
    return (time.fromisoformat(row["opens"]), time.fromisoformat(row["closes"])) if row["opens"] else None


def amend(changes: Mapping[date, Hours | None]) -> None:
    """Put days into the calendar of this process that its table has otherwise: their hours, New York; None for closed.

    What was put there before goes. Raises CalendarError for a day beyond the calendar.
    """
    for day in changes:
        _known(day)
    if changes == _amended:
        return
    _amended.clear()
    _amended.update(changes)
    for remembered in (_calendar, _hours, expiry_instant, is_monthly_expiry):
        remembered.cache_clear()


def _known(day: date) -> date:
    """The day, where it lies in the years of the calendar. Raises CalendarError elsewhere."""
    if not FIRST <= day <= LAST:
        raise CalendarError(
            f"{day} lies outside the exchange's calendar, which knows {FIRST} to {LAST}; a newer version may know more"
        )
    return day


def _index(day: date) -> int:
    """Position of a session in the calendar. Raises ValueError where the day is not one."""
    days = _calendar().days
    position = bisect_left(days, _known(day))
    if position == len(days) or days[position] != day:
        raise ValueError(f"{day} is not a session of the exchange (weekend or holiday)")
    return position


def is_covered(day: date) -> bool:
    """Whether the calendar knows what a chain of that day is compared with: the day, and a session before it."""
    return _calendar().days[0] < day <= LAST


def is_session(day: date) -> bool:
    """Whether the exchange trades on that day."""
    days = _calendar().days
    position = bisect_left(days, day)
    return position < len(days) and days[position] == day


def previous_session(day: date, count: int = 1) -> date:
    """The ``count``-th session strictly before a day, which need not be a session itself."""
    _known(day - timedelta(days=1))
    return _calendar().days[_checked(bisect_left(_calendar().days, day) - count, day)]


def next_session(day: date, count: int = 1) -> date:
    """The ``count``-th session strictly after a day, which need not be a session itself."""
    _known(day + timedelta(days=1))
    return _calendar().days[_checked(bisect_right(_calendar().days, day) + count - 1, day)]


def _checked(position: int, day: date) -> int:
    if not 0 <= position < len(_calendar().days):
        raise CalendarError(f"{day} lies too close to an end of the exchange's calendar, {FIRST} to {LAST}")
    return position


def session_on_or_before(day: date) -> date:
    """The day itself where it is a session, else the last one before it."""
    return previous_session(day + timedelta(days=1))


def sessions_between(first: date, last: date) -> list[date]:
    """Every session from ``first`` to ``last``, both included."""
    days = _calendar().days
    return list(days[bisect_left(days, first) : bisect_right(days, last)])


def sessions_before(day: date, count: int) -> list[date]:
    """The last ``count`` sessions before a day, ascending; fewer at the start of the calendar."""
    days = _calendar().days
    end = bisect_left(days, day)
    return list(days[max(end - count, 0) : end])


def session_open(day: date) -> datetime:
    """The instant a session opens, UTC."""
    return _hours(day)[0]


def session_close(day: date) -> datetime:
    """The instant a session's regular trading ends, UTC: 16:00 New York, 13:00 on half days."""
    return _hours(day)[1]


@lru_cache(maxsize=16_384)
def _hours(day: date) -> tuple[datetime, datetime]:
    """The opening and the closing instant of a session, UTC. Raises ValueError where the day is not one."""
    _index(day)
    opens, closes = _calendar().odd_hours.get(day, (REGULAR_OPEN, REGULAR_CLOSE))
    return at_new_york(day, opens), at_new_york(day, closes)


def session_of(instant: datetime) -> date:
    """The session that quotes seen at an instant belong to: the newest one that has opened by then."""
    day = new_york_date(instant)
    if is_session(day) and session_open(day) <= instant:
        return day
    return previous_session(day)


def is_open(instant: datetime) -> bool:
    """Whether regular trading is under way."""
    return instant < session_close(session_of(instant))


def elapsed_fraction(instant: datetime) -> float:
    """How much of its session has passed at an instant: 0 at the open, 1 at the close and until the next open."""
    day = session_of(instant)
    opened, closed = session_open(day), session_close(day)
    return min(1.0, (instant - opened) / (closed - opened))


def new_york_date(instant: datetime) -> date:
    """The calendar date in New York at an instant."""
    return instant.astimezone(NEW_YORK).date()


def at_new_york(day: date, clock: time) -> datetime:
    """A New York wall-clock time as an instant, UTC."""
    return datetime.combine(day, clock, NEW_YORK).astimezone(UTC)


@lru_cache(maxsize=16_384)
def expiry_instant(expiry: date, settlement: str) -> datetime:
    """The instant a contract's value is fixed, UTC.

    PM: the close of the expiry date (13:00 on half days); AM: 09:30 New York. A date that is no session - the Saturdays
    that monthly options carried before February 2015, a holiday - is settled on the session before.
    """
    day = expiry
    if FIRST <= expiry <= LAST:
        day = session_on_or_before(expiry)
    if settlement == "AM":
        return at_new_york(day, _AM_SETTLEMENT)
    if FIRST <= day <= LAST:
        return session_close(day)
    return at_new_york(day, REGULAR_CLOSE)


def expiry_instants(expiry: pl.Series, settlement: pl.Series) -> pl.Series:
    """:func:`expiry_instant` for whole columns (Date, AM/PM); returns Datetime("us", "UTC") of the same length."""
    import polars as pl

    frame = pl.DataFrame({"expiry": expiry, "settlement": settlement.cast(pl.String)})
    distinct = frame.unique()
    instants = [expiry_instant(day, kind) for day, kind in distinct.iter_rows()]
    looked_up = distinct.with_columns(pl.Series("instant", instants, dtype=pl.Datetime("us", "UTC")))
    joined = frame.join(looked_up, on=["expiry", "settlement"], how="left", maintain_order="left")
    return joined["instant"]


def parse_instant(text: str) -> datetime:
    """Read ``--as-of``: ISO 8601, UTC where no offset is given; a bare date means that session's close.

    Raises ValueError saying what was expected.
    """
    try:
        if len(text) == 10:
            return session_close(date.fromisoformat(text))
        instant = datetime.fromisoformat(text)
    except ValueError as error:
        raise ValueError(f"{text!r}: expected a session's date (2025-09-05) or ISO 8601 time ({error})") from error
    return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)


@lru_cache(maxsize=16_384)
def is_monthly_expiry(expiry: date, underlying: str = "") -> bool:
    """Whether a date is a standard monthly expiry of an underlying's options.

    That is the third Friday, or the session before it where it is a holiday; the Saturday after it, which monthly
    options carried before February 2015, counts too. Options on volatility expire thirty days before the next month's
    third Friday, or the session before where either day is a holiday.
    """
    if products.priced_off_future(underlying):
        return expiry == _volatility_expiry(expiry.year, expiry.month)
    third_friday = _third_friday(expiry.year, expiry.month)
    return expiry in (_session_by(third_friday), third_friday, third_friday + timedelta(days=1))


def _third_friday(year: int, month: int) -> date:
    middle = date(year, month, 15)
    return middle + timedelta(days=(_FRIDAY - middle.weekday()) % 7)


def _volatility_expiry(year: int, month: int) -> date:
    """The day on which the options on volatility of a month settle, thirty days before options on the index do."""
    following = _third_friday(year + month // 12, month % 12 + 1)
    nominal = following - timedelta(days=30)
    return _session_by(nominal) if _session_by(following) == following else _session_by(nominal - timedelta(days=1))


def _session_by(day: date) -> date:
    """The day itself or, where it is known to be a holiday, the session before it."""
    return session_on_or_before(day) if FIRST < day <= LAST else day


def option_close(day: date, underlying: str) -> datetime:
    """The instant trading in an underlying's options ends, UTC: the session's close, or a quarter of an hour later."""
    late = timedelta(minutes=15) if products.closes_late(underlying) else timedelta()
    return session_close(day) + late


def quotes_outlast_spot(day: date, underlying: str, quoted: datetime) -> bool:
    """Whether quotes stamped at the close are of a quarter past it, when the price of the underlying stands still."""
    return products.closes_late(underlying) and is_session(day) and quoted >= session_close(day)
