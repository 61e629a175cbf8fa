"""A source that answers in time: a symbol that takes too long fails by itself, and nothing outlasts the whole.

A library that waits for a slow host cannot be interrupted. So the asking is done in a thread of its own, which is left
behind where an answer does not come: whatever it still brings is dropped, and the next symbols are asked for anew.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from scanner.errors import StoppedError
from scanner.sources.base import Fetched, Source, failed

if TYPE_CHECKING:
    from scanner.sources.base import Vendor

# How long a stop may go unnoticed, in seconds.
_NOTICE = 0.25


@dataclass
class Timer:
    """What is left of a run: ``remaining()`` seconds of all, ``each`` for one symbol; ``stopped`` ends it at once.

    ``waiting`` is entered as long as an answer is waited for: what others may do meanwhile is let go in it.
    """

    remaining: Callable[[], float]
    each: float
    stopped: threading.Event = field(default_factory=threading.Event)
    waiting: Callable[[], AbstractContextManager[object]] = nullcontext


class TimedSource:
    """Another source, whose answers are waited for no longer than a timer allows."""

    def __init__(self, source: Source, timer: Timer) -> None:
        self.vendor: Vendor = source.vendor
        self._source = source
        self._timer = timer

    def chains(self, symbols: Iterable[str], now: datetime) -> Iterator[Fetched]:
        """One answer for each symbol, in the order asked; without symbols all there is, within the time of the whole.

        Raises StoppedError once the timer is stopped.
        """
        open_symbols = list(symbols)
        if not open_symbols:
            # Recorded chains of everything there is: read at once, from a disk.
            yield from self._source.chains(open_symbols, now)
            return
        asking: _Asking | None = None
        while open_symbols:
            fetched = None
            if self._timer.remaining() > 0:
                asking = asking or _Asking(self._source, tuple(open_symbols), now)
                with self._timer.waiting():
                    fetched = asking.next(self._timer)
            if fetched is None:
                if asking is not None:
                    asking.leave()
                    asking = None
                fetched = failed(open_symbols[0], "timeout", self._too_slow(open_symbols[0]))
            yield fetched
            del open_symbols[0]

    def _too_slow(self, symbol: str) -> str:
        whole = self._timer.remaining() <= 0
        limit = "the time of the run (time_limit)" if whole else f"{self._timer.each:g} s (symbol_time_limit)"
        return f"{symbol}: {self.vendor.name} did not answer within {limit}; the scan goes on without it"


class _Asking:
    """One round of questions, in a thread."""

    def __init__(self, source: Source, symbols: tuple[str, ...], now: datetime) -> None:
        self._answers: queue.SimpleQueue[Fetched | BaseException | None] = queue.SimpleQueue()
        self._left = threading.Event()
        arguments = (source, symbols, now)
        threading.Thread(target=self._ask, args=arguments, name="fetching", daemon=True).start()

    def _ask(self, source: Source, symbols: tuple[str, ...], now: datetime) -> None:
        try:
            for fetched in source.chains(symbols, now):
                if self._left.is_set():
                    return
                self._answers.put(fetched)
            self._answers.put(None)
        except BaseException as error:  # handed to whoever waits, in its own thread
            self._answers.put(error)

    def next(self, timer: Timer) -> Fetched | None:
        """The next answer; None where it does not come in time, or at all."""
        patience = min(timer.each, timer.remaining())
        while True:
            if timer.stopped.is_set():
                self.leave()
                raise StoppedError("told to stop")
            wait = min(patience, _NOTICE)
            try:
                answer = self._answers.get(timeout=max(wait, 0.0)) if wait > 0 else self._answers.get_nowait()
            except queue.Empty:
                patience -= _NOTICE
                if patience <= 0:
                    return None
                continue
            if isinstance(answer, BaseException):
                raise answer
            return answer

    def leave(self) -> None:
        """Wait for nothing more of this round."""
        self._left.set()
