"""A store below a prefix in a bucket, and the folder on this machine in which its files lie.

What is below the prefix is the truth. The folder mirrors it: one listing tells what is new there, each version of a
file is fetched once, and everything reads the files of the folder. What is written here is sent when the writing ends;
what could not be sent waits in the folder, is said, and is sent with the next writing.

Machines need no lock between them. Files of scans are never written again and have names of their own. What is written
again - summaries, tables - is sent on condition that nobody else has sent one since it was read: the second of two
takes the first one's file and adds its own again. Only processes of one machine, which share a folder, share its lock.
"""

from __future__ import annotations

import hashlib
import logging
import os
import sqlite3
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from scanner.errors import StoreChangedError, StoreError, StoreLockedError, StoreUnreachableError
from scanner.object_prefix import ObjectPrefix
from scanner.store.files import TEMPORARY_SUFFIX, expanded, unwritable, write_atomically
from scanner.store.locks import WriteLock
from scanner.store.objects import Objects, RefusedError, Version
from scanner.store.shared_models import SharedModels

log = logging.getLogger(__name__)

MARKER = "store.json"
# What is shared: everything that is not made from it on each machine anew. The rest stays in the folder, but for fitted
# models, which are taken as they are needed.
_FOLDERS = ("snapshots", "stock_prints", "summaries", "tapes")
_FILES = (
    MARKER,
    "closes.parquet",
    "events.csv",
    "renames.csv",
    "spellings.json",
    "told_events.parquet",
    "told_news.parquet",
    "told_off_exchange.parquet",
    "told_weeks.parquet",
)
# Written once, under a name of its own.
_IMMUTABLE = "snapshots/"
# Of two files that belong together the one that is written last, and fetched last.
_LAST = "/underlyings.parquet"
_INDEX = "mirror.sqlite"
_SET_ASIDE = "set-aside"
_AT_ONCE = 16
_PATIENCE = 30.0


@dataclass(frozen=True, slots=True)
class _Known:
    """The version of an object that a file was, when it was fetched or sent, and how the file looked then."""

    tag: str
    stamp: tuple[int, int]


class Mirror:
    """The files of a store below a prefix, in a folder of this machine."""

    def __init__(self, place: ObjectPrefix) -> None:
        self.place = place
        self.folder = expanded(place.mirror)
        self._objects = Objects(place)
        self.models = SharedModels(self._objects)
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise unwritable(self.folder, error) from error
        self._index = _Index(self.folder / _INDEX)

    def fetch(self) -> None:
        """Bring the folder up to what is below the prefix; files that wait to be sent stay as they are.

        Where the object store does not answer the folder is used as it is, and that is said. Raises StoreError where
        it refuses, or holds no store any more.
        """
        try:
            below = self._objects.listed()
        except StoreUnreachableError as error:
            if not (self.folder / MARKER).exists():
                raise
            log.warning("%s. What was fetched before is used, and what is written waits in %s", error, self.folder)
            return
        self.models.listed(below)
        listed = {key: version for key, version in below.items() if _is_shared(key)}
        known = self._index.all()
        if MARKER in known and MARKER not in listed:
            raise StoreError(
                f"{self.place} holds no store any more; what this machine knows of it lies in {self.folder}: move that "
                "away to begin anew, or mend the prefix"
            )
        held = {key: _stamp(self.folder / key) for key in {*listed, *known}}
        new = [key for key in listed if held[key] is None]
        changed = [key for key in listed if key in known and known[key].tag != listed[key].tag and key not in new]
        replaced = [key for key in changed if held[key] == known[key].stamp]
        gone = [key for key in known if key not in listed]
        self._fetch_all(new)
        if replaced or gone:
            try:
                # Not while another process of this machine writes: what it has not sent yet would be lost.
                with WriteLock(self.folder / "lock", 0.0).held():
                    self._fetch_all(key for key in replaced if _stamp(self.folder / key) == known[key].stamp)
                    self._let_go(gone, known)
            except StoreLockedError:
                log.info("%s: another process writes; what others changed is fetched the next time", self.folder)

    def send(self) -> None:
        """Put what was written here below the prefix. Needs the store's lock.

        Raises StoreChangedError where another machine has written the same tables or summaries meanwhile: theirs lie
        here now. Raises StoreError where something could not be sent; it waits here.
        """
        lost: list[str] = []
        waiting = self._unsent()
        for place, key in enumerate(waiting):
            try:
                self._send(key, lost)
            except StoreError as error:
                count = len(waiting) - place
                raise type(error)(
                    f"{error}. {count} file{'' if count == 1 else 's'} kept in {self.folder}, not yet below "
                    f"{self.place}: sent with the next writing"
                ) from error
        if lost:
            named = ", ".join(lost[:3]) + (" and more" if len(lost) > 3 else "")
            raise StoreChangedError(f"{self.place}: another machine has written {named} meanwhile; do it again")
        self.models.send()

    def delete(self, path: Path) -> None:
        """Remove a file here and below the prefix."""
        key = self._key(path)
        self._objects.delete(key)
        path.unlink(missing_ok=True)
        self._index.drop([key])

    def mend(self, path: Path) -> bool:
        """Fetch a file again that is damaged here, where what is below the prefix is another; whether it was."""
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            content = b""
        found = self._objects.read(key := self._key(path))
        if found is None or found[0] == content:
            return False
        self._take(key, *found)
        return True

    def waiting(self) -> int:
        """How many files of the folder were not sent yet."""
        return len(self._unsent())

    def _send(self, key: str, lost: list[str]) -> None:
        path = self.folder / key
        if key.endswith(_LAST) and key.replace("underlyings", "contracts") in lost:
            # Both are of one writer.
            self._give_way(key)
            return
        content = path.read_bytes()
        known = self._index.of(key)
        try:
            version = self._objects.write(key, content, None if known is None else known.tag)
        except RefusedError:
            self._settle(key, content, lost)
        else:
            self._know(key, version)

    def _settle(self, key: str, content: bytes, lost: list[str]) -> None:
        """A file was refused: it stands there already, or another one does, or nothing any more."""
        found = self._objects.read(key)
        if found is None:
            try:
                self._know(key, self._objects.write(key, content, None))
            except RefusedError:
                self._settle(key, content, lost)
        elif found[0] == content:
            self._know(key, found[1])
        elif key.startswith(_IMMUTABLE):
            self._set_aside(key, *found)
        else:
            self._take(key, *found)
            lost.append(key)

    def _set_aside(self, key: str, content: bytes, version: Version) -> None:
        """Of two snapshots of one name, which no two scans have, the one that was there counts; none is lost."""
        kept = self.folder / _SET_ASIDE / key
        kept.parent.mkdir(parents=True, exist_ok=True)
        (self.folder / key).replace(kept)
        self._take(key, content, version)
        raise StoreError(f"{self.place}/{key} holds something else than was written here; this one is kept as {kept}")

    def _give_way(self, key: str) -> None:
        """Take what stands below the prefix in place of what was written here."""
        found = self._objects.read(key)
        if found is None:
            (self.folder / key).unlink(missing_ok=True)
            self._index.drop([key])
        else:
            self._take(key, *found)

    def _take(self, key: str, content: bytes, version: Version) -> None:
        write_atomically(self.folder / key, lambda handle: handle.write(content))
        self._know(key, version)

    def _know(self, key: str, version: Version) -> None:
        """Remember that a file is a version of its object, and give it that version's time.

        The time is the same on every machine, and another for each version: whatever is made from a file and knows it
        by its time and size is then known on every machine.
        """
        path = self.folder / key
        tag = int.from_bytes(hashlib.blake2b(version.tag.encode(), digest_size=8).digest())
        moment = int(version.written.timestamp()) * 1_000_000_000 + tag % 1_000_000_000
        try:
            os.utime(path, ns=(moment, moment))
            status = path.stat()
        except OSError as error:
            raise unwritable(path, error) from error
        self._index.put(key, _Known(version.tag, (status.st_mtime_ns, status.st_size)))

    def _fetch_all(self, keys: Iterable[str]) -> None:
        """Fetch files, several at once; what tells that a session is summarised comes last."""
        wanted = sorted(keys, key=lambda key: (key.endswith(_LAST), key))
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            for begin in range(0, len(wanted), _AT_ONCE):
                chosen = wanted[begin : begin + _AT_ONCE]
                for key, found in zip(chosen, pool.map(self._objects.read, chosen), strict=True):
                    if found is not None:
                        self._take(key, *found)

    def _let_go(self, keys: Iterable[str], known: dict[str, _Known]) -> None:
        """Remove what another machine has removed, unless it was written here since."""
        for key in keys:
            path = self.folder / key
            if _stamp(path) == known[key].stamp:
                path.unlink(missing_ok=True)
                if path.parent != self.folder and not any(path.parent.iterdir()):
                    path.parent.rmdir()
            self._index.drop([key])

    def _unsent(self) -> list[str]:
        known = self._index.all()
        held = ((path.relative_to(self.folder).as_posix(), path) for path in self._files())
        return sorted(key for key, path in held if key not in known or _stamp(path) != known[key].stamp)

    def _files(self) -> Iterator[Path]:
        yield from (path for name in _FILES if (path := self.folder / name).exists())
        for name in _FOLDERS:
            for path in (self.folder / name).rglob("*"):
                if path.is_file() and path.suffix != TEMPORARY_SUFFIX:
                    yield path

    def _key(self, path: Path) -> str:
        return path.relative_to(self.folder).as_posix()


class _Index:
    """Which version each file of a folder is: rows of a small database, so that no process undoes another's."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._run(
            "CREATE TABLE IF NOT EXISTS files (key TEXT PRIMARY KEY, tag TEXT NOT NULL, written INTEGER NOT NULL, "
            "size INTEGER NOT NULL)"
        )

    def all(self) -> dict[str, _Known]:
        rows = self._run("SELECT key, tag, written, size FROM files")
        return {key: _Known(tag, (written, size)) for key, tag, written, size in rows}

    def of(self, key: str) -> _Known | None:
        rows = self._run("SELECT tag, written, size FROM files WHERE key = ?", (key,))
        return _Known(rows[0][0], (rows[0][1], rows[0][2])) if rows else None

    def put(self, key: str, known: _Known) -> None:
        self._run("INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?)", (key, known.tag, *known.stamp))

    def drop(self, keys: Iterable[str]) -> None:
        for key in keys:
            self._run("DELETE FROM files WHERE key = ?", (key,))

    def _run(self, statement: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        try:
            with closing(sqlite3.connect(self._path, timeout=_PATIENCE, isolation_level=None)) as connection:
                # It can be made anew from the bucket: no power cut is worth waiting for the disk.
                connection.execute("PRAGMA synchronous = OFF")
                return connection.execute(statement, values).fetchall()
        except sqlite3.Error as error:
            raise StoreError(f"{self._path}: {error}; where it is damaged, remove it: it is made anew") from error


def _stamp(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return status.st_mtime_ns, status.st_size


def _is_shared(key: str) -> bool:
    """Whether an object is a file of a store; none that would climb out of the folder is."""
    parts = PurePosixPath(key).parts
    tame = all(part not in ("..", ".") and "\\" not in part and ":" not in part for part in parts)
    return tame and not key.endswith(TEMPORARY_SUFFIX) and (key in _FILES or (len(parts) > 1 and parts[0] in _FOLDERS))
