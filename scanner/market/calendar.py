"""The exchange's calendar and time zones; the only module that knows either.

Sessions are named by their New York date. Instants are UTC. Every weekday is a session from 09:30 to 16:00 New York
except those that ``exchange_calendar.csv`` lists, which ``tools/write_calendar.py`` writes from ``exchange_calendars``
(XNYS), for a fixed range of years, so that no answer depends on today's date: that is :meth:`Calendar.standard`. What
the exchange announces later - a day of mourning - makes another calendar, :meth:`Calendar.amended`. A calendar is
handed to whoever asks about sessions; two of them do not know of each other. Beyond those years no session is known,
and asking for one is a CalendarError; only an expiry there is taken to end at an ordinary close.
"""

from __future__ import annotations

import csv
import hashlib
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from scanner.errors import CalendarError
from scanner.market import products

if TYPE_CHECKING:
    import polars as pl

Hours = tuple[time, time]

NEW_YORK = ZoneInfo("America/New_York")
FIRST, LAST = date(2004, 1, 1), date(2032, 12, 31)
REGULAR_OPEN, REGULAR_CLOSE = time(9, 30), time(16, 0)
_AM_SETTLEMENT = time(9, 30)
_TABLE = Path(__file__).with_name("exchange_calendar.csv")
_FRIDAY = 4


@dataclass(frozen=True)
class Calendar:
    """Every session, ascending, and the hours (New York) of those that do not keep the regular ones.

    ``extended`` are the stocks (``BRKB``) whose options trade in extended hours, too. Equal where they say the same.
    What has been looked up is kept by each calendar for itself.
    """

    days: tuple[date, ...]
    odd_hours: Mapping[date, Hours] = field(hash=False)
    extended: frozenset[str] = frozenset()
    _instants: dict[date, tuple[datetime, datetime]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )
    _settled: dict[tuple[date, str], datetime] = field(default_factory=dict, init=False, repr=False, compare=False)
    _monthly: dict[tuple[date, bool], bool] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def standard(cls) -> Calendar:
        """What the exchange has announced so far, as the package's table has it."""
        return _standard()

    def amended(self, changes: Mapping[date, Hours | None]) -> Calendar:
        """This calendar but for some days: their hours, New York; None for closed.

        Raises CalendarError for a day beyond the calendar.
        """
        if not changes:
            return self
        shut = {known_day(day) for day, hours in changes.items() if hours is None}
        held = {day: hours for day, hours in changes.items() if hours is not None}
        days = sorted({*self.days, *held} - shut)
        odd = {**self.odd_hours, **held}
        odd = {day: hours for day, hours in odd.items() if day not in shut and hours != (REGULAR_OPEN, REGULAR_CLOSE)}
        return Calendar(tuple(map(known_day, days)), odd, self.extended)

    def with_extended_hours(self, names: Iterable[str]) -> Calendar:
        """This calendar with stocks whose options trade in extended hours, too."""
        return replace(self, extended=frozenset(map(_bare, names)))

    def trades_extended(self, day: date, underlying: str) -> bool:
        """Whether options on a stock trade in extended hours on a day, as far as the calendar was told."""
        return day >= products.EXTENDED_HOURS_FROM and _bare(underlying) in self.extended

    def told_later(self, day: date) -> str:
        """What this calendar says of a day otherwise than the standard one; empty where it says the same."""
        standard = Calendar.standard()
        mine, theirs = (one._hours(day) if one.is_session(day) else None for one in (self, standard))
        return "" if mine == theirs else f"{day} {mine}"

    @cached_property
    def fingerprint(self) -> str:
        """Changes with anything the calendar says."""
        told = f"{[day.toordinal() for day in self.days]}{sorted(self.odd_hours.items())}"
        told += f"{sorted(self.extended)}" if self.extended else ""
        return hashlib.blake2b(told.encode(), digest_size=12).hexdigest()

    def _index(self, day: date) -> int:
        """Position of a session in the calendar. Raises ValueError where the day is not one."""
        position = bisect_left(self.days, known_day(day))
        if position == len(self.days) or self.days[position] != day:
            raise ValueError(f"{day} is not a session of the exchange (weekend or holiday)")
        return position

    def is_covered(self, day: date) -> bool:
        """Whether the calendar knows what a chain of that day is compared with: the day, and a session before it."""
        return self.days[0] < day <= LAST

    def is_session(self, day: date) -> bool:
        """Whether the exchange trades on that day."""
        position = bisect_left(self.days, day)
        return position < len(self.days) and self.days[position] == day

    def previous_session(self, day: date, count: int = 1) -> date:
        """The ``count``-th session strictly before a day, which need not be a session itself."""
        known_day(day - timedelta(days=1))
        return self._at(bisect_left(self.days, day) - count, day)

    def next_session(self, day: date, count: int = 1) -> date:
        """The ``count``-th session strictly after a day, which need not be a session itself."""
        known_day(day + timedelta(days=1))
        return self._at(bisect_right(self.days, day) + count - 1, day)

    def _at(self, position: int, day: date) -> date:
        if not 0 <= position < len(self.days):
            raise CalendarError(f"{day} lies too close to an end of the exchange's calendar, {FIRST} to {LAST}")
        return self.days[position]

    def session_on_or_before(self, day: date) -> date:
        """The day itself where it is a session, else the last one before it."""
        return self.previous_session(day + timedelta(days=1))

    def sessions_between(self, first: date, last: date) -> list[date]:
        """Every session from ``first`` to ``last``, both included."""
        return list(self.days[bisect_left(self.days, first) : bisect_right(self.days, last)])

    def sessions_before(self, day: date, count: int) -> list[date]:
        """The last ``count`` sessions before a day, ascending; fewer at the start of the calendar."""
        end = bisect_left(self.days, day)
        return list(self.days[max(end - count, 0) : end])

    def session_open(self, day: date) -> datetime:
        """The instant a session opens, UTC."""
        return self._hours(day)[0]

    def session_close(self, day: date) -> datetime:
        """The instant a session's regular trading ends, UTC: 16:00 New York, 13:00 on half days."""
        return self._hours(day)[1]

    def _hours(self, day: date) -> tuple[datetime, datetime]:
        """The opening and the closing instant of a session, UTC. Raises ValueError where the day is not one."""
        found = self._instants.get(day)
        if found is None:
            self._index(day)
            opens, closes = self.odd_hours.get(day, (REGULAR_OPEN, REGULAR_CLOSE))
            found = self._instants[day] = at_new_york(day, opens), at_new_york(day, closes)
        return found

    def session_of(self, instant: datetime) -> date:
        """The session that quotes seen at an instant belong to: the newest one that has opened by then."""
        day = new_york_date(instant)
        if self.is_session(day) and self.session_open(day) <= instant:
            return day
        return self.previous_session(day)

    def is_open(self, instant: datetime) -> bool:
        """Whether regular trading is under way."""
        return instant < self.session_close(self.session_of(instant))

    def elapsed_fraction(self, instant: datetime, session: date | None = None) -> float:
        """How much of a session has passed at an instant: 0 up to its open, 1 from its close on.

        Without a ``session`` (or with a day that is none) it is the one that quotes of that instant belong to.
        """
        day = self.session_of(instant) if session is None or not self.is_session(session) else session
        opened, closed = self.session_open(day), self.session_close(day)
        return max(0.0, min(1.0, (instant - opened) / (closed - opened)))

    def expiry_instant(self, expiry: date, settlement: str) -> datetime:
        """The instant a contract's value is fixed, UTC.

        PM: the close of the expiry date (13:00 on half days); AM: 09:30 New York. A date that is no session - the
        Saturdays that monthly options carried before February 2015, a holiday - is settled on the session before.
        """
        if not FIRST <= expiry <= LAST:
            return at_new_york(expiry, _AM_SETTLEMENT if settlement == "AM" else REGULAR_CLOSE)
        found = self._settled.get((expiry, settlement))
        if found is None:
            day = self.session_on_or_before(expiry)
            found = at_new_york(day, _AM_SETTLEMENT) if settlement == "AM" else self.session_close(day)
            self._settled[expiry, settlement] = found
        return found

    def expiry_instants(self, expiry: pl.Series, settlement: pl.Series) -> pl.Series:
        """:meth:`expiry_instant` for whole columns (Date, AM/PM); returns Datetime("us", "UTC") of the same length."""
        import polars as pl

        frame = pl.DataFrame({"expiry": expiry, "settlement": settlement.cast(pl.String)})
        distinct = frame.unique()
        instants = [self.expiry_instant(day, kind) for day, kind in distinct.iter_rows()]
        looked_up = distinct.with_columns(pl.Series("instant", instants, dtype=pl.Datetime("us", "UTC")))
        joined = frame.join(looked_up, on=["expiry", "settlement"], how="left", maintain_order="left")
        return joined["instant"]

    def parse_instant(self, text: str) -> datetime:
        """Read ``--as-of``: ISO 8601, UTC where no offset is given; a bare date means that session's close.

        Its letters may be small, as RFC 3339 allows. Raises ValueError saying what was expected.
        """
        written, expected = text.strip().upper(), "expected a session's date (2025-09-05) or ISO 8601 time"
        day = _bare_date(written)
        try:
            instant = datetime.fromisoformat(written) if day is None else self.session_close(day)
            instant = instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise ValueError(f"{text!r}: {expected}" + (f" ({error})" if day else "")) from error
        if not self.is_covered(instant.date()):
            raise ValueError(f"{text!r}: outside the exchange's calendar, which knows {FIRST} to {LAST}")
        return instant

    def is_monthly_expiry(self, expiry: date, underlying: str = "") -> bool:
        """Whether a date is a standard monthly expiry of an underlying's options.

        That is the third Friday, or the session before it where it is a holiday; the Saturday after it, which monthly
        options carried before February 2015, counts too. Options on volatility expire thirty days before the next
        month's third Friday, or the session before where either day is a holiday.
        """
        key = (expiry, products.priced_off_future(underlying))
        found = self._monthly.get(key)
        if found is None:
            found = self._is_monthly(*key)
            if FIRST <= expiry <= LAST:
                self._monthly[key] = found
        return found

    def _is_monthly(self, expiry: date, on_volatility: bool) -> bool:
        if on_volatility:
            return expiry == self._volatility_expiry(expiry.year, expiry.month)
        third_friday = _third_friday(expiry.year, expiry.month)
        return expiry in (self._session_by(third_friday), third_friday, third_friday + timedelta(days=1))

    def _volatility_expiry(self, year: int, month: int) -> date:
        """The day on which a month's options on volatility settle, thirty days before options on the index do."""
        following = _third_friday(year + month // 12, month % 12 + 1)
        nominal = following - timedelta(days=30)
        if self._session_by(following) == following:
            return self._session_by(nominal)
        return self._session_by(nominal - timedelta(days=1))

    def _session_by(self, day: date) -> date:
        """The day itself or, where it is known to be a holiday, the session before it."""
        return self.session_on_or_before(day) if FIRST < day <= LAST else day

    def option_close(self, day: date, underlying: str) -> datetime:
        """The instant trading in an underlying's options ends, UTC: the session's close, or a quarter hour later."""
        return self.session_close(day) + (products.LATE_TRADING if self._closes_late(day, underlying) else timedelta())

    def quotes_outlast_spot(self, day: date, underlying: str, quoted: datetime) -> bool:
        """Whether quotes stamped at the close are of a quarter past it, when the underlying's price stands still."""
        return self._closes_late(day, underlying) and self.is_session(day) and quoted >= self.session_close(day)

    def _closes_late(self, day: date, underlying: str) -> bool:
        return products.closes_late(underlying) or self.trades_extended(day, underlying)


@lru_cache(maxsize=1)
def _standard() -> Calendar:
    with _TABLE.open(newline="", encoding="utf-8") as file:
        irregular = {date.fromisoformat(row["date"]): _hours_of(row) for row in csv.DictReader(file)}
    every_day = (FIRST + timedelta(days=number) for number in range((LAST - FIRST).days + 1))
    return Calendar(tuple(day for day in every_day if day.weekday() <= _FRIDAY), {}).amended(irregular)


def _hours_of(row: dict[str, str]) -> Hours | None:
    return (time.fromisoformat(row["opens"]), time.fromisoformat(row["closes"])) if row["opens"] else None


def known_day(day: date) -> date:
    """The day, where it lies in the years of the calendar. Raises CalendarError elsewhere."""
    if not FIRST <= day <= LAST:
        raise CalendarError(
            f"{day} lies outside the exchange's calendar, which knows {FIRST} to {LAST}; a newer version may know more"
        )
    return day


def _third_friday(year: int, month: int) -> date:
    middle = date(year, month, 15)
    return middle + timedelta(days=(_FRIDAY - middle.weekday()) % 7)


def _bare(stock: str) -> str:
    """A stock's ticker without the mark of its class, as roots have it."""
    return "".join(filter(str.isalnum, stock.upper()))


def _bare_date(text: str) -> date | None:
    """A date in any form of ISO 8601; None for what is none alone."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def new_york_date(instant: datetime) -> date:
    """The calendar date in New York at an instant."""
    return instant.astimezone(NEW_YORK).date()


def at_new_york(day: date, clock: time) -> datetime:
    """A New York wall-clock time as an instant, UTC."""
    return datetime.combine(day, clock, NEW_YORK).astimezone(UTC)
