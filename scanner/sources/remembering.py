"""What a client was answered: for a while as it is, and after it as long as the server can say that it is unchanged.

Looking something up and keeping it take the same time however much is held, because everybody who asks waits for it.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer whose body was read whole. Statuses other than 429 and 5xx are left to the caller."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @property
    def tag(self) -> str | None:
        """What tells the server which version this is."""
        return self.headers.get("ETag") if self.status == 200 else None


# What an answer depends on: the address and the headers sent with it.
Request = tuple[str, frozenset[tuple[str, str]]]


@dataclass
class Answers:
    """Answers by request, at most ``largest`` bytes of bodies, given as they are for ``lasts`` seconds."""

    lasts: float
    largest: int
    _new: dict[Request, tuple[float, Answer]] = field(default_factory=dict)
    _tagged: dict[Request, Answer] = field(default_factory=dict)
    _bytes: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def find(self, request: Request, now: float) -> tuple[Answer | None, bool]:
        """What is known of a request, and whether that is young enough to be given without asking."""
        with self._lock:
            self._grow_old(now)
            found = self._new.get(request)
            return (self._tagged.get(request), False) if found is None else (found[1], True)

    def keep(self, request: Request, answer: Answer, now: float) -> None:
        """Hold an answer in place of what was known of the request; where that is too much, the oldest goes."""
        with self._lock:
            self._drop(request)
            self._new[request] = now + self.lasts, answer
            self._bytes += len(answer.body)
            while self._bytes > self.largest:
                self._drop(next(iter(self._tagged or self._new)))

    def _grow_old(self, now: float) -> None:
        """Keep what has a tag of what is too old to be given; all last equally long, so the first is the oldest."""
        while self._new:
            request = next(iter(self._new))
            until, answer = self._new[request]
            if until > now:
                return
            self._drop(request)
            if answer.tag is not None:
                self._tagged[request] = answer
                self._bytes += len(answer.body)

    def _drop(self, request: Request) -> None:
        for gone in (self._tagged.pop(request, None), self._new.pop(request, (0.0, None))[1]):
            self._bytes -= 0 if gone is None else len(gone.body)
