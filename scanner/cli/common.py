"""What several commands need: notes as logs on stderr, and words to a person."""

from __future__ import annotations

import logging
import sys
from typing import Any

import typer

from scanner.outputs.text import printable, printable_lines


def configure_logging(*, quiet: bool, verbose: bool) -> None:
    """Send notes of this package to stderr: warnings only when quiet, everything when verbose."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_SafeFormatter("%(message)s"))
    package = logging.getLogger("scanner")
    package.setLevel(logging.WARNING if quiet else logging.DEBUG if verbose else logging.INFO)
    scheduler = logging.getLogger("apscheduler")
    scheduler.setLevel(logging.WARNING)
    for logger in (package, scheduler):
        logger.handlers = [handler]
        logger.propagate = False


class _SafeFormatter(logging.Formatter):
    """Notes as text that a terminal only shows: a line each, and the lines of a traceback."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 # the library's name
        return printable(super().formatMessage(record))

    def formatException(self, ei: Any) -> str:  # noqa: N802 # the library's name
        return printable_lines(super().formatException(ei))


def say(*lines: str) -> None:
    """Tell a person on stderr, as text that a terminal only shows: each of ``lines`` is one line, whatever is in it."""
    typer.echo("\n".join(map(printable, lines)), err=True)
