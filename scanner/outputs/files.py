"""Handing a user what they asked for: to stdout, or into a file, the whole of it or nothing."""

from __future__ import annotations

import sys
from pathlib import Path

from scanner.errors import StoreError, UsageError
from scanner.store.files import sweep_abandoned, write_atomically


def hand_out(data: str | bytes, output: Path | None) -> None:
    """Data to stdout, or to the file named. Raises StoreError where the file cannot be written.

    Bytes are no text: for them a terminal is refused with UsageError.
    """
    if output is not None:
        write_text(output, data)
    elif isinstance(data, str):
        sys.stdout.write(data)
    elif sys.stdout.isatty():
        raise UsageError("this format is not for a terminal; name a file with --output FILE")
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)


def write_text(path: Path, data: str | bytes) -> None:
    """Write text as UTF-8, or bytes, under a temporary name and rename it into place; a device or a pipe directly.

    Raises StoreError that names the file and what to do.
    """
    if path.is_dir():
        raise StoreError(f"cannot write {path}: it is a folder; name a file with --output FILE")
    content = data.encode("utf-8", "replace") if isinstance(data, str) else data
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


def write_beside_if_open(path: Path, data: bytes) -> Path:
    """Write a file, or where another program holds it open one beside it, and return which.

    LibreOffice leaves a note beside what it has open; where Excel has it open the system refuses to replace it. Raises
    StoreError where neither can be written.
    """
    beside = path.with_stem(f"{path.stem}-new")
    if path.with_name(f".~lock.{path.name}#").exists():
        write_text(beside, data)
        return beside
    try:
        write_text(path, data)
    except StoreError as error:
        held = isinstance(error.__cause__, StoreError) and isinstance(error.__cause__.__cause__, PermissionError)
        if not held or not path.is_file():
            raise
        write_text(beside, data)
        return beside
    return path
