"""One writer at a time: an advisory lock that says who holds it, and that the kernel frees when its holder dies."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

from scanner.errors import StoreError, StoreLockedError
from scanner.store.files import unwritable

if sys.platform == "win32":
    import msvcrt

    def _try_lock(handle: IO[str]) -> bool:
        try:
            msvcrt.locking(handle.fileno(), msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
else:
    import fcntl

    def _try_lock(handle: IO[str]) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True


_PAUSE = 0.05
_REFUSAL = "{folder} is being written by {holder}; wait for it to end, or give another --store DIR"


class WriteLock:
    """A lock of a store folder; may be taken again by the thread that holds it.

    ``refusal`` is what the others are told, with ``{folder}`` and ``{holder}`` in it.
    """

    def __init__(self, path: Path, patience: float, refusal: str = _REFUSAL) -> None:
        self.path = path
        self._patience = patience
        self._refusal = refusal
        self._thread = threading.RLock()
        self._depth = 0

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the lock. Waits a while for another holder, then raises StoreLockedError that names it."""
        with self._thread:
            if self._depth:
                yield
                return
            handle = self._acquire()
            self._depth += 1
            try:
                yield
            finally:
                self._depth -= 1
                handle.close()

    @property
    def is_outermost(self) -> bool:
        """Whether the thread that holds the lock has taken it once."""
        return self._depth == 1

    def _acquire(self) -> IO[str]:
        try:
            handle = self.path.open("a+", encoding="utf-8")
        except OSError as error:
            raise unwritable(self.path, error) from error
        until = time.monotonic() + self._patience
        while not self._try(handle):
            if time.monotonic() >= until:
                holder = _holder(handle)
                handle.close()
                raise StoreLockedError(self._refusal.format(folder=self.path.parent, holder=holder))
            time.sleep(_PAUSE)
        _sign(handle)
        return handle

    def _try(self, handle: IO[str]) -> bool:
        try:
            return _try_lock(handle)
        except OSError as error:
            handle.close()
            raise StoreError(
                f"cannot lock {self.path}: {error.strerror}; the file system may know no locks: choose a folder on "
                "another one with --store DIR"
            ) from error

    def holder(self) -> dict[str, Any] | None:
        """Who holds the lock: its ``pid``, ``command`` and ``since`` (UTC), as far as known; None where nobody does."""
        try:
            with self.path.open("r+", encoding="utf-8") as handle:
                if self._try(handle):
                    return None
                return _signature(handle)
        except OSError:
            return None


def _sign(handle: IO[str]) -> None:
    """Write who holds the lock, for the message others get. The lock holds without it, on a full disk too."""
    said = {"pid": os.getpid(), "command": " ".join(sys.argv)[:200], "since": f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}"}
    # Written past the handle's buffer: what a full disk refused would be tried again, and raise, when it is closed.
    with contextlib.suppress(OSError):
        os.ftruncate(handle.fileno(), 0)
        os.write(handle.fileno(), json.dumps(said).encode())


def _holder(handle: IO[str]) -> str:
    said = _signature(handle)
    try:
        return f"process {said['pid']} ({said['command']}) since {said['since']} UTC"
    except KeyError:
        return "another process"


def _signature(handle: IO[str]) -> dict[str, Any]:
    try:
        handle.seek(0)
        said = json.loads(handle.read())
    except (OSError, ValueError):
        return {}
    return said if isinstance(said, dict) else {}
