"""Handing a user what they asked for: to stdout, or into a file, the whole of it or nothing."""

from __future__ import annotations

import sys
from pathlib import Path

from scanner.errors import StoreError
from scanner.store.files import sweep_abandoned, write_atomically


def hand_out(text: str, output: Path | None) -> None:
    """Data to stdout, or to the file named. Raises StoreError where the file cannot be written."""
    if output is None:
        sys.stdout.write(text)
    else:
        write_text(output, text)


def write_text(path: Path, text: str) -> None:
    """Write text as UTF-8 under a temporary name and rename it into place; a device or a pipe is written directly.

    Raises StoreError that names the file and what to do.
    """
    if path.is_dir():
        raise StoreError(f"cannot write {path}: it is a folder; name a file with --output FILE")
    content = text.encode("utf-8", "replace")
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(content)
        else:
            write_atomically(path, lambda handle: handle.write(content))
            sweep_abandoned(path)
    except (StoreError, OSError) as error:
        cause = error if isinstance(error, OSError) else error.__cause__
        reason = cause.strerror if isinstance(cause, OSError) else str(error)
        raise StoreError(f"cannot write {path}: {reason}; name another place with --output FILE") from error
