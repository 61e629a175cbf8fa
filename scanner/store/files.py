"""Writing files so that a killed process, a full disk or a power cut leaves either the whole file or none."""

from __future__ import annotations

import contextlib
import errno
import glob
import io
import os
from collections.abc import Callable
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote, unquote
from uuid import uuid4

from scanner.errors import StoreError

try:
    import resource
except ImportError:  # not on Windows
    resource = None  # type: ignore[assignment]

if TYPE_CHECKING:
    import polars as pl

TEMPORARY_SUFFIX = ".part"
# More than a file system keeps beside a file's name, or rounds up to.
_PROBE_BYTES = 64 * 1024
# Seconds after which nobody writes a file any more: what is older was left by a killed process.
_ABANDONED = 3600


def write_atomically(path: Path, write: Callable[[IO[bytes]], object]) -> None:
    """Write a file under a temporary name in its own folder, sync it to the disk, and rename it into place.

    Raises StoreError that names the file and how to mend it where the disk is full or the folder cannot be written.
    """
    temporary = path.with_name(f"{path.name}.{uuid4().hex[:12]}{TEMPORARY_SUFFIX}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("xb") as handle:
            write(handle)
            handle.flush()
            os.fsync(handle.fileno())
        temporary.replace(path)
        _sync_folder(path.parent)
    except BaseException as error:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise unwritable(path, error) from error
        raise


def sweep_abandoned(path: Path) -> None:
    """Remove what killed writers left of a file that has been written since, outside of any store."""
    written = path.stat().st_mtime
    for left in path.parent.glob(f"{glob.escape(path.name)}.*{TEMPORARY_SUFFIX}"):
        with contextlib.suppress(OSError):
            if written - left.stat().st_mtime > _ABANDONED:
                left.unlink()


def write_parquet(path: Path, frame: pl.DataFrame, **options: Any) -> None:
    """Write a frame as zstd Parquet, atomically. Raises StoreError as :func:`write_atomically` does."""
    # Built in memory first: polars hides the reason why a file cannot be written.
    built = io.BytesIO()
    frame.write_parquet(built, compression="zstd", compression_level=1, **options)
    write_atomically(path, lambda handle: handle.write(built.getbuffer()))


class ToldTable:
    """A table of what others told, which they can be asked for again. It is read once, until its file is another."""

    def __init__(self, path: Path, schema: pl.Schema) -> None:
        self._path, self._schema = path, schema
        self._read: tuple[tuple[int, int, int], pl.DataFrame] | None = None

    @property
    def table(self) -> pl.DataFrame:
        """All of it; empty where nothing is kept. Raises StoreError where the file cannot be read or is damaged."""
        import polars as pl

        try:
            found = self._path.stat()
        except FileNotFoundError:
            return pl.DataFrame(schema=self._schema)
        stamp = found.st_ino, found.st_mtime_ns, found.st_size
        if self._read is None or self._read[0] != stamp:
            try:
                told = pl.read_parquet(io.BytesIO(self._path.read_bytes()))
                self._read = stamp, told.select(self._schema.names()).cast(self._schema)
            except (OSError, pl.exceptions.PolarsError) as error:
                message = f"{self._path}: cannot be read ({error}); move it away and it is asked for anew"
                raise StoreError(message) from error
        return self._read[1]

    def write(self, table: pl.DataFrame) -> None:
        """Put a table in its place. Raises StoreError as :func:`write_atomically` does."""
        write_parquet(self._path, table)


def unwritable(path: Path, error: OSError) -> StoreError:
    """The error for a file that could not be written, in words a person can act on."""
    advice = {
        errno.ENOSPC: "the disk is full; free some space, or `scanner store prune`",
        errno.EDQUOT: "the disk quota is used up; free some space, or `scanner store prune`",
        errno.EFBIG: "the file size limit of this process is too small (ulimit -f)",
        errno.EROFS: "the file system is read-only; choose another folder with --store DIR",
        errno.EACCES: "no permission to write there; choose another folder with --store DIR",
        errno.EPERM: "no permission to write there; choose another folder with --store DIR",
    }.get(error.errno or 0, error.strerror or str(error))
    return StoreError(f"cannot write {path}: {advice}")


def obstacle(folder: Path) -> OSError | None:
    """What keeps files from being written in a folder, as the system names it; None where nothing is found.

    For libraries that tell that a write failed, and not why.
    """
    try:
        with NamedTemporaryFile(dir=folder, suffix=TEMPORARY_SUFFIX) as handle:
            handle.write(bytes(_PROBE_BYTES))
            handle.flush()
            os.fsync(handle.fileno())
    except OSError as error:
        return error
    if resource is not None and resource.getrlimit(resource.RLIMIT_FSIZE)[0] != resource.RLIM_INFINITY:
        return OSError(errno.EFBIG, os.strerror(errno.EFBIG))
    return None


def expanded(path: Path) -> Path:
    """A path with ``~`` spelled out. Raises StoreError where no such home folder is known."""
    try:
        return path.expanduser()
    except RuntimeError as error:
        raise StoreError(f"{path}: no such home folder is known; give a whole path with --store DIR") from error


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def folder_name(text: str) -> str:
    """A vendor's text as one safe folder or file name: nothing in it can climb out of the store."""
    return quote(text, safe="").replace(".", "%2E")


def from_folder_name(name: str) -> str:
    """The text that :func:`folder_name` was given."""
    return unquote(name)
