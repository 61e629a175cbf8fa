"""What companions told, by name, and when: kept, so that nobody is asked twice for what stands still."""

from __future__ import annotations

import sqlite3
import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from scanner.errors import SourceError

_TABLE = (
    "create table if not exists told (companion text, name text, asked_at real not null, problem text not null, "
    "body blob, primary key (companion, name))"
)
_LOCK_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Told:
    """One answer: when it was asked for, its body, and the ``problem`` where there was none."""

    asked_at: datetime
    body: bytes = b""
    problem: str = ""

    def age(self, now: datetime) -> timedelta:
        """How old it is."""
        return now - self.asked_at


@dataclass(frozen=True, slots=True)
class Held:
    """What is held of one companion: of how many names, the oldest and the newest answer, and the last problem."""

    names: int
    oldest: datetime
    newest: datetime
    failed: int
    problem: str


class Cache:
    """The file of all companions; safe to use from several threads and processes. Raises SourceError where it fails."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        with self._failing():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = sqlite3.connect(path, timeout=_LOCK_SECONDS, isolation_level=None, check_same_thread=False)
            self._file.execute(_TABLE)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def get(self, companion: str, name: str) -> Told | None:
        """The last answer for a name; None where it was never asked for."""
        with self._failing():
            row = self._file.execute(
                "select asked_at, body, problem from told where companion = ? and name = ?", (companion, name)
            ).fetchone()
            return None if row is None else Told(_instant(row[0]), zlib.decompress(row[1]) if row[1] else b"", row[2])

    def put(self, companion: str, name: str, told: Told) -> None:
        """Keep an answer; a problem leaves the body that was there before."""
        packed = zlib.compress(told.body) if told.body else None
        with self._failing():
            self._file.execute(
                "insert into told (companion, name, asked_at, problem, body) values (?, ?, ?, ?, ?) "
                "on conflict (companion, name) do update set asked_at = excluded.asked_at, "
                "problem = excluded.problem, body = coalesce(excluded.body, body)",
                (companion, name, told.asked_at.timestamp(), told.problem, packed),
            )

    def held(self, companion: str) -> Held | None:
        """What is held of a companion; None where it was never asked."""
        with self._failing():
            count, oldest, newest, failed = self._file.execute(
                "select count(*), min(asked_at), max(asked_at), sum(problem != '') from told where companion = ?",
                (companion,),
            ).fetchone()
            if not count:
                return None
            last = self._file.execute(
                "select problem from told where companion = ? and problem != '' order by asked_at desc limit 1",
                (companion,),
            ).fetchone()
            return Held(count, _instant(oldest), _instant(newest), failed, last[0] if last else "")

    @contextmanager
    def _failing(self) -> Iterator[None]:
        with self._lock:
            try:
                yield
            except (sqlite3.Error, OSError, zlib.error) as error:
                raise SourceError(
                    f"{self._path}: what companions told cannot be kept ({error}); move the file away, it is made anew"
                ) from error


def _instant(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
