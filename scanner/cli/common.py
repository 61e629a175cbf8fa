"""What several commands need: notes as logs on stderr or in a file, and words to a person."""

from __future__ import annotations

import json
import logging
import logging.handlers
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import typer

from scanner.cli import waiting
from scanner.errors import UsageError
from scanner.outputs.text import printable, printable_lines

_TIMED = "%(asctime)s %(levelname)s %(message)s"
# A year of a quiet daemon is one such file; of a noisy one no more than all of them are ever kept.
_LARGEST_FILE = 5_000_000
_FILES_KEPT = 5


def configure_logging(
    *, quiet: bool, verbose: bool, form: str = "plain", file: Path | None = None, stderr: bool = True
) -> None:
    """Send notes of this package to stderr: warnings only when quiet, everything when verbose.

    ``form`` is ``plain`` (words alone), ``text`` (with New York's time and the level) or ``json`` (an object a line,
    times in UTC). With a ``file`` they go there, a new file begun every 5 MB and five kept, and only what fails is said
    on stderr too, unless something else has the terminal (``stderr`` false). Raises UsageError where the file cannot be
    written.
    """
    waiting.tell_of_compiling(quiet=quiet or not stderr)
    formatter = _JsonFormatter() if form == "json" else _SafeFormatter("%(message)s" if form == "plain" else _TIMED)
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stderr) if stderr else logging.NullHandler()]
    if file is not None:
        handlers[0].setLevel(logging.WARNING)
        handlers.append(_rotating(file))
    for handler in handlers:
        handler.setFormatter(formatter)
    package = logging.getLogger("scanner")
    package.setLevel(logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO)
    scheduler = logging.getLogger("apscheduler")
    # Of runs that are due while one goes on the schedule itself says what becomes of them.
    scheduler.setLevel(logging.ERROR)
    for logger in (package, scheduler):
        for before in logger.handlers:
            before.close()
        logger.handlers = list(handlers)
        logger.propagate = False


def _rotating(file: Path) -> logging.Handler:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        return logging.handlers.RotatingFileHandler(file, maxBytes=_LARGEST_FILE, backupCount=_FILES_KEPT)
    except OSError as error:
        raise UsageError(f"--log-file {file}: cannot be written: {error.strerror or error}") from error


class _SafeFormatter(logging.Formatter):
    """Notes as text that a terminal only shows: a line each, and the lines of a traceback."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 # the library's name
        return printable(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 # the library's name
        return printable_lines(super().formatException(ei))

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802 # the library's name
        # As on every screen: the exchange's clock, whatever zone the machine is in.
        from scanner.app import clock

        return clock.on_the_exchange(datetime.fromtimestamp(record.created, UTC))


class _JsonFormatter(logging.Formatter):
    """Notes as JSON lines: time, level, logger, message, and the error where there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """One object on one line."""
        said: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": record.getMessage(),
        }
        if record.exc_info:
            said["error"] = self.formatException(record.exc_info)
        return json.dumps(said)


def say(*lines: str) -> None:
    """Tell a person on stderr, as text that a terminal only shows: each of ``lines`` is one line, whatever is in it."""
    typer.echo("\n".join(map(printable, lines)), err=True)
