"""Open, guard and mend the state's database: SQLite in a file, or any PostgreSQL URL.

Every failure becomes a StoreError that says what happened, to which database, and how to mend it.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, SQLAlchemyError
from sqlalchemy.orm import Session
from sqlalchemy.pool import ConnectionPoolEntry

from scanner.errors import StoreDamagedError, StoreError, StoreLockedError, StoreUnreachableError
from scanner.store.files import TEMPORARY_SUFFIX, expanded, obstacle, unwritable
from scanner.store.state import schema
from scanner.store.state.ledger import Ledger

logger = logging.getLogger(__name__)

T = TypeVar("T")

FILE_NAME = "state.sqlite"
_WAIT_SECONDS = 30
# After so many the server ends a transaction in which nothing happens: its process is stopped, or its machine asleep.
_IDLE_SECONDS = 20
# How often a transaction is begun whose connection is lost.
_MOST_ATTEMPTS = 3
_COMPANIONS = ("-wal", "-shm", "-journal")
_WRITES = "scanner_writes"
_REBUILDS = "scanner_rebuilds"
# Any fixed number: the name of the lock that makes PostgreSQL's writers wait for each other, as SQLite's do.
_ADVISORY_LOCK = 0x5CA17E
# One view for all statements of a reading transaction; SQLite's are so by nature. A writer must not have it: it reads
# after it got the lock, and has to see what the one before it wrote.
_CONSISTENT_READ = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}


class State:
    """The database of runs, alerts and jobs. Use :meth:`read` and :meth:`write`, each one transaction.

    Two processes may use it at once: a writer holds the lock from its first read to its commit, so that what it decided
    on is still true when it is stored; readers never wait.
    """

    def __init__(self, engine: Engine, place: str, *, read_only: bool) -> None:
        self.engine = engine
        self.place = place
        self.read_only = read_only

    @classmethod
    def open(cls, place: str | Path, *, read_only: bool = False) -> Self:
        """Open the state at ``place``: a file, a folder (which then holds ``state.sqlite``), or a database URL.

        Creates file and tables where they are missing, and brings those of an older version up to date, unless
        ``read_only``. Raises StoreError where it cannot be opened, is damaged, was written by a newer version, or
        would have to be created or changed to be read.
        """
        url = _url(place)
        shown = url.database if url.get_backend_name() == "sqlite" else url.render_as_string(hide_password=True)
        state = cls(_engine(url, read_only=read_only), str(shown), read_only=read_only)
        try:
            state._prepare()
        except BaseException:
            state.close()
            raise
        return state

    def close(self) -> None:
        """Let go of every connection."""
        self.engine.dispose()

    def __enter__(self) -> Self:
        """The state itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self.close()

    @contextmanager
    def read(self) -> Iterator[Ledger]:
        """A ledger that only reads, in one consistent view."""
        options = {} if self.engine.dialect.name == "sqlite" else _CONSISTENT_READ
        with self._explained():
            connection = self.engine.connect().execution_options(**options)
            with connection, Session(connection) as session:
                yield Ledger(session)

    @contextmanager
    def write(self) -> Iterator[Ledger]:
        """A ledger that reads and writes; committed as a whole at the end, or not at all when an error passes through.

        Raises StoreLockedError when another process holds the lock for longer than half a minute, StoreError when the
        database is read-only, the disk is full, or the file is damaged.
        """
        with self._explained():
            connection = self.engine.connect().execution_options(**{_WRITES: True})
            with connection, connection.begin(), Session(connection) as session:
                yield Ledger(session)
                session.flush()

    def settled(self, write: Callable[[Ledger], T]) -> T:
        """What :meth:`write` does with all that is written in it, and again where the connection was lost meanwhile.

        Whether a transaction whose end was not heard of took place nobody knows: what is written must come to the same
        when it is written twice. Raises as :meth:`write` does.
        """
        for _ in range(_MOST_ATTEMPTS - 1):
            with contextlib.suppress(StoreUnreachableError), self.write() as ledger:
                return write(ledger)
        with self.write() as ledger:
            return write(ledger)

    def verify(self) -> list[str]:
        """What is out of order in the database, in sentences; an empty list when it is whole.

        Raises StoreDamagedError where the file itself is not whole.
        """
        with self._explained(), self.engine.connect() as connection:
            if connection.dialect.name != "sqlite":
                return []
            findings = [str(row[0]) for row in connection.execute(text("PRAGMA integrity_check"))]
            if findings != ["ok"]:
                raise StoreDamagedError(f"{self.place}: the file is damaged: {'; '.join(findings[:_FINDINGS_SAID])}")
            broken = [tuple(row) for row in connection.execute(text("PRAGMA foreign_key_check"))]
        return [f"{self.place}: a row of {row[0]} points to a missing row of {row[2]}" for row in broken]

    def _prepare(self) -> None:
        with self._explained():
            version = self._found()
            if not self.read_only and schema.is_old(version):
                self._bring_up()
                version = self._found()
        schema.must_be_current(version, self.place)

    def _found(self) -> int | None:
        with self.engine.connect() as connection:
            return schema.found(connection, self.place)

    def _bring_up(self) -> None:
        """Make the tables, or change an older version's, whole or not at all; once, where two processes begin it."""
        copy = None
        options = {_WRITES: True, _REBUILDS: True}
        with self.engine.connect().execution_options(**options) as connection, connection.begin():
            # Its foreign keys are off, and nobody else is to have it.
            connection.detach()
            version = schema.found(connection, self.place)
            if not schema.is_old(version):
                return
            if version and connection.dialect.name == "sqlite":
                copy = _copied(Path(self.place), version)
            schema.bring_up(connection, version)
        if copy is not None:
            copy.unlink(missing_ok=True)
        if version is not None:
            logger.info("%s: brought up to date from schema %s", self.place, version)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except SQLAlchemyError as error:
            raise _explain(error, self.place) from error


def is_whole(path: Path) -> bool:
    """Whether a SQLite file passes its own integrity check away from what is beside it, where there is room.

    The check is made on a copy; where none can be made, on the file as it lies, opened to be read alone.
    """
    with TemporaryDirectory(prefix="scanner-state-") as folder:
        copy = Path(folder) / path.name
        target = copy.absolute().as_uri()
        try:
            for name in (path.name, f"{path.name}-wal"):
                if (beside := path.with_name(name)).exists():
                    shutil.copyfile(beside, copy.with_name(name))
        except OSError:
            target = f"{path.absolute().as_uri()}?immutable=1"
        try:
            with contextlib.closing(sqlite3.connect(target, uri=True)) as connection:
                return connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        except sqlite3.DatabaseError:
            return False


def set_aside(path: Path, now: datetime) -> Path:
    """Rename a damaged SQLite state (and its companions) so that a new one can be begun; nothing is deleted.

    Returns the new name of the damaged file: ``state.sqlite.damaged-20250905T200000Z``.
    """
    suffix = f".damaged-{now.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    kept = path.with_name(path.name + suffix)
    try:
        path.rename(kept)
        for companion in _COMPANIONS:
            beside = path.with_name(path.name + companion)
            if beside.exists():
                beside.rename(kept.with_name(kept.name + companion))
    except OSError as error:
        raise StoreError(f"{path}: cannot be set aside: {error.strerror}. Move the file away by hand.") from error
    return kept


def _copied(path: Path, version: int) -> Path:
    """A copy of a SQLite state, as it is to every reader, beside it."""
    copy = path.with_name(f"{path.name}.schema-{version}")
    unfinished = copy.with_name(copy.name + TEMPORARY_SUFFIX)
    try:
        with (
            contextlib.closing(_connect(path, read_only=False)) as source,
            contextlib.closing(sqlite3.connect(unfinished)) as target,
        ):
            source.backup(target)
        shutil.copymode(path, unfinished)
        unfinished.replace(copy)
    except sqlite3.Error as error:
        raise _explain_sqlite(error, str(path)) from error
    except OSError as error:
        raise unwritable(copy, error) from error
    finally:
        unfinished.unlink(missing_ok=True)
    return copy


def _url(place: str | Path) -> URL:
    """A database URL for whatever the configuration names."""
    if isinstance(place, str) and "://" in place:
        try:
            url = make_url(place)
            # The driver that the extra `postgresql` brings; the library's own default is another one.
            return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url
        except (ArgumentError, ValueError) as error:
            raise StoreError("the state's database URL cannot be read; expected postgresql://user@host/name") from error
    path = expanded(Path(place))
    if path.is_dir() or not path.suffix:
        path = path / FILE_NAME
    return URL.create("sqlite", database=str(path))


def _engine(url: URL, *, read_only: bool) -> Engine:
    if url.get_backend_name() != "sqlite":
        try:
            return _postgresql_engine(url, read_only)
        except (NoSuchModuleError, ModuleNotFoundError) as error:
            raise StoreError(
                f"{url.render_as_string(hide_password=True)}: its driver is not installed ({error}). "
                "For PostgreSQL: pip install 'psycopg[binary]'"
            ) from error
    path = Path(url.database or "")
    if not read_only:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(f"{path.parent}: cannot be created: {error.strerror}. Choose another --store.") from error
    elif not path.exists():
        raise StoreError(f"{path}: there is no state here yet. Run `scanner scan` first, or give another --store.")
    return _sqlite_engine(path, read_only)


# An engine without connections holds nothing open, and a daemon opens the same state several times a scan. The tables'
# mappers keep what they compiled for every engine that there ever was, a hundred each, so there had better be one.
@lru_cache(maxsize=8)
def _postgresql_engine(url: URL, read_only: bool) -> Engine:
    engine = create_engine(
        url,
        pool_pre_ping=True,
        json_serializer=_as_json,
        execution_options={"postgresql_readonly": read_only},
    )
    event.listen(engine, "begin", _begin_postgresql)
    return engine


@lru_cache(maxsize=8)
def _sqlite_engine(path: Path, read_only: bool) -> Engine:
    engine = create_engine(
        "sqlite://", creator=lambda: _connect(path, read_only), json_serializer=_as_json, **_pooled(read_only=read_only)
    )
    event.listen(engine, "connect", _on_connect)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _pooled(*, read_only: bool) -> dict[str, Any]:
    """How connections are held: where a state is written, one until it is closed.

    The last connection to go writes back what is in the log beside the file: once a scan is enough. Who only reads may
    read a file that is taken not to change, and looks at it anew each time.
    """
    from sqlalchemy.pool import NullPool, QueuePool

    return {"poolclass": NullPool} if read_only else {"poolclass": QueuePool, "pool_size": 1, "max_overflow": -1}


def _as_json(value: Any) -> str:
    """A document as it is stored. Few lists of reasons stand in very many rows, and are written once."""
    if isinstance(value, list) and all(isinstance(item, str) for item in value):
        return _texts_as_json(tuple(value))
    return json.dumps(value)


@lru_cache(maxsize=1024)
def _texts_as_json(texts: tuple[str, ...]) -> str:
    return json.dumps(texts)


def _connect(path: Path, read_only: bool) -> sqlite3.Connection:
    """A plain connection that leaves transactions to us. A read-only folder cannot hold SQLite's shared memory."""
    if not read_only:
        return sqlite3.connect(path, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False)
    mode = "mode=ro" if os.access(path.parent, os.W_OK) else "immutable=1"
    target = f"{path.absolute().as_uri()}?{mode}"
    return sqlite3.connect(target, uri=True, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False)


def _on_connect(connection: sqlite3.Connection, _: ConnectionPoolEntry) -> None:
    connection.execute("PRAGMA foreign_keys = ON")
    writable = connection.execute("PRAGMA query_only").fetchone()[0] == 0
    if writable and connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            # A file system without shared memory, or a read-only file: the default journal does as well.
            logger.debug("write-ahead logging is not available here")
    connection.execute("PRAGMA synchronous = NORMAL")


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get(_REBUILDS, False):
        # Else a table that is dropped to be rebuilt takes along the rows that point to it.
        connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    writes = options.get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _begin_postgresql(connection: Connection) -> None:
    if connection.get_execution_options().get(_WRITES, False):
        connection.exec_driver_sql(f"SET LOCAL idle_in_transaction_session_timeout = '{_IDLE_SECONDS}s'")
        connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{_WAIT_SECONDS}s'")
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})")


def _explain(error: SQLAlchemyError, place: str) -> StoreError:
    """A sentence for a person: what happened to the database, and how to mend it."""
    original = error.orig if isinstance(error, DBAPIError) else None
    if isinstance(original, sqlite3.Error) and getattr(original, "sqlite_errorcode", None) is not None:
        return _explain_sqlite(original, place)
    cause = str(error if original is None else original)
    low = cause.lower()
    if "lock timeout" in low:
        return _locked(place)
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return StoreUnreachableError(f"{place}: the connection to the database was lost. Try again.")
    for signs, meaning in _MEANINGS:
        if any(sign in low for sign in signs):
            return StoreError(f"{place}: {meaning}")
    return _unusable(cause, place)


def _explain_sqlite(error: sqlite3.Error, place: str) -> StoreError:
    """What SQLite's result code means. That a write failed it tells; why, the system has to be asked."""
    kind = error.sqlite_errorcode & _PRIMARY
    if kind in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return _locked(place)
    if kind in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return StoreDamagedError(f"{place}: {_DAMAGED}")
    if kind in _REFUSED_BY_THE_SYSTEM:
        found = obstacle(Path(place).parent)
        if found is not None:
            return unwritable(Path(place), found)
    meaning = _SQLITE_MEANINGS.get(kind)
    if meaning is None:
        return _unusable(str(error), place)
    return StoreError(f"{place}: {meaning.format(name=error.sqlite_errorname)}")


def _locked(place: str) -> StoreLockedError:
    return StoreLockedError(f"{place}: another process has been writing for {_WAIT_SECONDS} s. Try again later.")


def _unusable(cause: str, place: str) -> StoreError:
    return StoreError(f"{place}: the state cannot be used ({cause.splitlines()[0] if cause else 'no reason given'}).")


# The low byte of a result code says what kind it is of; the rest where exactly it happened.
_PRIMARY = 0xFF
_FINDINGS_SAID = 3
_DAMAGED = (
    "the file is damaged. Run `scanner store verify`: it sets the file aside, the next scan begins a new one, and "
    "snapshots are not touched."
)
_FULL = "the disk is full. Free some space, or run `scanner store prune`; nothing was stored."
_READ_ONLY = "it is read-only. Give write permission, or choose another --store."
_REFUSED_BY_THE_SYSTEM = frozenset(
    {sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_PERM}
)
_SQLITE_MEANINGS = {
    sqlite3.SQLITE_FULL: _FULL,
    sqlite3.SQLITE_IOERR: "the disk could not be read or written ({name}). Check the disk; what is stored is left as "
    "it is.",
    sqlite3.SQLITE_READONLY: _READ_ONLY,
    sqlite3.SQLITE_PERM: _READ_ONLY,
    sqlite3.SQLITE_CANTOPEN: "the file cannot be opened. Check that it is a file in a folder that you may read and "
    "write.",
}
# What other databases say, in their words.
_MEANINGS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("read-only",), _READ_ONLY),
    (("full", "no space left"), _FULL),
)
