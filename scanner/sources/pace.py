"""How often a vendor may be asked, kept by every thread of every process that asks it.

A vendor states so many calls in so many seconds, and sometimes so many a day. What has been used stands in a small
SQLite file, so that a scan begun a second after another one ended does not begin with a full allowance again. The
bucket is the generic cell rate algorithm (ITU-T I.371): one number, the time at which the bucket will be full again,
tells how long the next caller waits. A burst of ``B`` and one call every ``seconds / (calls - B + 1)`` after it never
put more than ``calls`` into any window of ``seconds``.

What a vendor says of itself counts more than what is configured: a 429, or a header that says nothing is left, closes
the bucket until the moment it names.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from datetime import time as clock_time
from email.utils import parsedate_to_datetime
from pathlib import Path

from scanner.errors import SourceError
from scanner.market.calendar import NEW_YORK
from scanner.sources.base import Rate
from scanner.sources.failures import HttpError

_TABLE = (
    "create table if not exists pace (vendor text primary key, full_at real not null default 0, "
    "closed_until real not null default 0, day text not null default '', used integer not null default 0)"
)
# The names under which vendors tell what is left of a window, and when the next one begins.
_LEFT = (
    ("X-Ratelimit-Available", "X-Ratelimit-Expiry"),
    ("X-RateLimit-Remaining", "X-RateLimit-Reset"),
    ("X-Api-Ratelimit-Remaining", "X-Api-Ratelimit-Reset"),
    ("x-uw-req-per-minute-remaining", "x-uw-req-per-minute-reset"),
)
_MILLISECONDS_FROM = 1e11
_A_YEAR_IN_SECONDS = 3e7
# A window that ends later than this is none that a vendor has: the number means something else.
_LONGEST_WINDOW = 25 * 3600.0
_LOCK_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Left:
    """What is left: calls of the day (None: not limited), and seconds until the next call may be made."""

    today: int | None
    wait: float


@dataclass
class Pace:
    """The bucket of one vendor. ``file`` remembers it; without one it lives as long as this object.

    ``now`` tells the time in Unix seconds, which other processes share.
    """

    vendor: str
    rate: Rate
    file: Path | None = None
    now: Callable[[], float] = time.time

    def __post_init__(self) -> None:
        """Open the file. Raises SourceError where it cannot be written."""
        self.apart: float | None = None  # seconds by which the vendor's clock is ahead of this machine's, once it told
        self._lock = threading.Lock()
        try:
            if self.file is not None:
                self.file.parent.mkdir(parents=True, exist_ok=True)
            name = ":memory:" if self.file is None else str(self.file)
            self._file = sqlite3.connect(name, timeout=_LOCK_SECONDS, isolation_level=None, check_same_thread=False)
            # A count need not outlast a power cut, and every caller waits for it: no commit waits for the disk, and the
            # write-ahead log keeps the file sound all the same.
            self._file.execute("pragma journal_mode=wal").fetchone()
            self._file.execute("pragma synchronous=normal")
            self._file.execute(_TABLE)
        except (sqlite3.Error, OSError) as error:
            raise SourceError(f"{self.file}: how often {self.vendor} was asked cannot be kept ({error})") from error

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def turn(self, longest: float) -> float:
        """Take one call; returns the seconds to wait before it is made.

        Raises HttpError where that is more than ``longest``, or the day has none left; then nothing is taken.
        """
        with self._row() as row:
            now = self.now()
            self._roll(row, now)
            if self.rate.a_day is not None and row.used >= self.rate.a_day:
                raise HttpError(self._spent(), "quota_spent")
            start = self._start(row, now)
            if start - now > longest:
                moment = datetime.fromtimestamp(start, UTC)
                raise HttpError(f"{self.vendor}: no call may be made before {moment:%H:%M:%S} UTC", "rate_limited")
            row.full_at = max(row.full_at, start) + self.rate.interval
            row.used += 1
            return start - now

    def spent(self, calls: int) -> None:
        """Note more calls of the day than the one that :meth:`turn` took, as vendors count them."""
        with self._row() as row:
            self._roll(row, self.now())
            row.used += calls

    def told(self, headers: Mapping[str, str], status: int, asked_pause: float) -> None:
        """Read what an answer says of the allowance; where nothing is left, wait for the moment it names."""
        now = self.now()
        self.apart = _apart(headers, now, self.apart)
        until = now + asked_pause if asked_pause else 0.0
        reset = _reset(headers, now, even_with_some_left=status == 429)
        if reset is not None:
            until = max(until, reset)
        if now < until <= now + _LONGEST_WINDOW:
            with self._row() as row:
                row.closed_until = max(row.closed_until, until)

    def left(self) -> Left:
        """What is left now, without taking any of it."""
        with self._row() as row:
            now = self.now()
            self._roll(row, now)
            start = self._start(row, now)
            return Left(None if self.rate.a_day is None else max(0, self.rate.a_day - row.used), start - now)

    def within(self, seconds: float) -> int:
        """How many calls can be made in the next so many seconds."""
        left = self.left()
        if seconds < left.wait:
            return 0
        calls = 1 + int((seconds - left.wait) / self.rate.interval) + (self.rate.burst - 1 if not left.wait else 0)
        return calls if left.today is None else min(calls, left.today)

    def _roll(self, row: _Row, now: float) -> None:
        day = _day(now, self.rate.day_begins)
        if row.day != day:
            row.day, row.used = day, 0

    def _start(self, row: _Row, now: float) -> float:
        """When the next call may be made."""
        return max(now, row.closed_until, row.full_at - (self.rate.burst - 1) * self.rate.interval)

    def _spent(self) -> str:
        begins = self.rate.day_begins.strftime("%H:%M")
        return (
            f"{self.vendor}: the {self.rate.a_day:,} calls of the day are spent; the next day of its count begins at "
            f"{begins} New York"
        )

    @contextmanager
    def _row(self) -> Iterator[_Row]:
        """The vendor's row, alone in all threads and processes until it is written back.

        Raises HttpError where the file fails (a full disk, a lock that is not let go): nobody is asked without a count.
        """
        with self._lock:
            try:
                self._file.execute("begin immediate")
                row = self._read()
            except sqlite3.Error as error:
                self._undo()
                raise self._not_kept(error) from error
            try:
                yield row
                self._file.execute(
                    "insert or replace into pace (vendor, full_at, closed_until, day, used) values (?, ?, ?, ?, ?)",
                    (self.vendor, row.full_at, row.closed_until, row.day, row.used),
                )
                self._file.execute("commit")
            except sqlite3.Error as error:
                self._undo()
                raise self._not_kept(error) from error
            except BaseException:
                self._undo()
                raise

    def _read(self) -> _Row:
        found = self._file.execute(
            "select full_at, closed_until, day, used from pace where vendor = ?", (self.vendor,)
        ).fetchone()
        row = _Row(*(found or (0.0, 0.0, "", 0)))
        # A clock that was set back must not make anybody wait for the time it had shown.
        horizon = self.now() + _LONGEST_WINDOW
        row.full_at = row.full_at if row.full_at <= horizon else 0.0
        row.closed_until = row.closed_until if row.closed_until <= horizon else 0.0
        return row

    def _undo(self) -> None:
        if self._file.in_transaction:
            with suppress(sqlite3.Error):
                self._file.execute("rollback")

    def _not_kept(self, error: sqlite3.Error) -> HttpError:
        where = self.file or "memory"
        return HttpError(f"{where}: how often {self.vendor} was asked cannot be kept ({error})", "not_kept")


@dataclass(slots=True)
class _Row:
    full_at: float
    closed_until: float
    day: str
    used: int


def _day(now: float, begins: clock_time) -> str:
    local = datetime.fromtimestamp(now, UTC).astimezone(NEW_YORK)
    day = local.date() if local.time() >= begins else local.date() - timedelta(days=1)
    return day.isoformat()


def _apart(headers: Mapping[str, str], now: float, before: float | None) -> float | None:
    """How far the clock of the answer is ahead; ``before`` where it says none, or comes from a cache on the way."""
    if headers.get("Age", "0").strip() != "0":
        return before
    try:
        return parsedate_to_datetime(headers["Date"]).timestamp() - now
    except (LookupError, ValueError, TypeError, OverflowError):
        return before


def _reset(headers: Mapping[str, str], now: float, *, even_with_some_left: bool) -> float | None:
    """When the vendor's next window begins, in Unix seconds, where its headers say that this one has nothing left."""
    for left, reset in _LEFT:
        remaining, stamp = _number(headers.get(left)), _number(headers.get(reset))
        if stamp is None or (remaining is None and not even_with_some_left):
            continue
        if not even_with_some_left and remaining is not None and remaining > 0:
            continue
        if stamp > _MILLISECONDS_FROM:
            return stamp / 1000
        return stamp if stamp > _A_YEAR_IN_SECONDS else now + stamp
    return None


def _number(text: str | None) -> float | None:
    text = (text or "").strip()
    return float(text) if text.isascii() and text.replace(".", "", 1).isdigit() and len(text) <= 20 else None
