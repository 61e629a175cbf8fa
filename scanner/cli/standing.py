"""A line that stands at the foot of a terminal, above which everything else is printed."""

from __future__ import annotations

import logging
import os
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TextIO

from scanner.outputs.text import printable

_EVERY = 1.0
_JOINT = " | "
_CLEAR = "\r\x1b[K"
_DIM, _PLAIN = "\x1b[2m", "\x1b[0m"


class StandingLine:
    """What ``told`` says, as one line on a terminal, said anew each second. Use it as a context."""

    def __init__(self, told: Callable[[], str], stream: TextIO | None = None) -> None:
        self._told = told
        self._stream = sys.stderr if stream is None else stream
        self._text = ""
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._stand, name="standing line", daemon=True)
        self._handlers: list[logging.Handler] = []

    def __enter__(self) -> StandingLine:
        """Begin to stand; the package's log is printed above it."""
        package = logging.getLogger("scanner")
        self._handlers = package.handlers
        package.handlers = [_Above(handler, self) for handler in package.handlers]
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Leave the terminal as it would be without."""
        self._over.set()
        self._thread.join()
        logging.getLogger("scanner").handlers = self._handlers
        self._write(_CLEAR)

    @contextmanager
    def above(self) -> Iterator[None]:
        """Print something: the line makes room for it."""
        with self._lock:
            self._write(_CLEAR)
            try:
                yield
            finally:
                self._draw()

    def _stand(self) -> None:
        while not self._over.is_set():
            # Asked for without the lock: whoever tells may be about to print.
            text = self._told()
            with self._lock:
                self._text = text
                self._draw()
            self._over.wait(_EVERY)

    def _draw(self) -> None:
        width = max(shutil.get_terminal_size().columns - 1, 1)
        # What has no room is left out as a whole: half a figure is another one.
        parts = printable(self._text).split(_JOINT)
        while len(parts) > 1 and len(_JOINT.join(parts)) > width:
            parts.pop()
        self._write(f"{_CLEAR}{_DIM}{_JOINT.join(parts)[:width]}{_PLAIN}")

    def _write(self, text: str) -> None:
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            # The terminal has gone; whatever matters is said elsewhere.
            self._over.set()


class _Above(logging.Handler):
    """Hands records to another handler, above the line."""

    def __init__(self, handler: logging.Handler, line: StandingLine) -> None:
        super().__init__(handler.level)
        self._handler, self._line = handler, line

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record above the line."""
        with self._line.above():
            self._handler.handle(record)


def may_stand(stream: TextIO | None = None) -> bool:
    """Whether a line can stand there: on a terminal that understands how to clear one."""
    wanted = sys.stderr if stream is None else stream
    return wanted.isatty() and os.environ.get("TERM", "") not in ("", "dumb")
