"""What was found to be up to date, so that the next scan need not look through every session's files again.

Beside the store lies, for each source, a digest of all that the answer rests on: which files there are, as the file
system tells them apart, what is known of corporate events, and how summaries are made. As long as that is what it was
when no summary was outdated, none is. Like all that is derived it may be deleted at any time.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

from scanner.errors import StoreError
from scanner.store.files import folder_name, write_atomically

log = logging.getLogger(__name__)


class Checked:
    """The digests, one file a source, in ``folder``; a ``read_only`` store lends what it has and keeps nothing."""

    def __init__(self, folder: Path, *, read_only: bool) -> None:
        self._folder = folder
        self._read_only = read_only

    def stands(self, source: str, digest: str) -> bool:
        """Whether nothing was outdated when the digest was this one."""
        try:
            return self._path(source).read_text("utf-8") == digest
        except (OSError, UnicodeDecodeError):
            return False

    def keep(self, source: str, digest: str) -> None:
        """Remember that nothing is outdated."""
        if self._read_only:
            return
        try:
            write_atomically(self._path(source), lambda handle: handle.write(digest.encode()))
        except StoreError as error:
            log.debug("not remembered: %s", error)

    def _path(self, source: str) -> Path:
        return self._folder / folder_name(source)


def digest(folders: Iterable[Path], before: date | None, *told: str) -> str:
    """A digest of the files of the sessions before a day (or of all) in some folders, and of what else is ``told``."""
    said = hashlib.blake2b("\x1f".join((str(before), *told)).encode(), digest_size=16)
    for folder in folders:
        for session in _inside(folder):
            if before is None or session.name < before.isoformat():
                for file in _inside(Path(session.path)):
                    status = file.stat()
                    stamp = f"{status.st_ino} {status.st_mtime_ns} {status.st_size}"
                    said.update(f"{folder.parent.name}/{session.name}/{file.name} {stamp}\n".encode())
    return said.hexdigest()


def _inside(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            yield from sorted(entries, key=lambda entry: entry.name)
    except (FileNotFoundError, NotADirectoryError):
        return
