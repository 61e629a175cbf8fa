"""A bad network in front of a vendor's stub: its answers late, broken off, packed wrongly, repeated or exchanged.

Which answers go wrong, and how, follows from a seed. Each symbol that is asked for has the stubs' one market under its
own name, so that an answer which belongs to another symbol or another page is seen to be wrong.
"""

from __future__ import annotations

import gzip
import random
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import vendor_stubs
from vendor_stubs import MARKET, Behaviour, Market
from werkzeug.test import EnvironBuilder
from werkzeug.wrappers import Request, Response

Pieces = Iterator[bytes | None]
_LATE, _DRIP = 0.05, 0.02
_STORM = 3
_KEPT_PAGES = 4


def market_of(name: str) -> Market:
    """The stubs' market under another name of its length."""
    options = tuple(replace(one, symbol=one.symbol.replace(MARKET.underlying, name)) for one in MARKET.options)
    return replace(MARKET, underlying=name, options=options)


def sent(response: Response, **headers: str) -> bytes:
    """An answer as it goes over the wire."""
    body = response.get_data()
    told = {**dict(response.headers), "Content-Length": str(len(body)), "Connection": "close", **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in told.items() if value)
    return f"HTTP/1.1 {response.status}\r\n{head}\r\n".encode() + body


def late(response: Response) -> Pieces:
    time.sleep(_LATE)
    yield sent(response)


def reset(response: Response) -> Pieces:
    yield sent(response)[:40]
    yield None


def nothing(response: Response) -> Pieces:
    del response
    yield from ()


def half(response: Response) -> Pieces:
    whole = sent(response)
    yield whole[: len(whole) - len(response.get_data()) // 2 - 1]


def half_packed(response: Response) -> Pieces:
    packed = gzip.compress(response.get_data())
    cut = Response(packed[: len(packed) // 2], response.status_code)
    yield sent(cut, **{"Content-Encoding": "gzip"})


def drip(response: Response) -> Pieces:
    for place in range(0, len(whole := sent(response)), 8):
        yield whole[place : place + 8]
        time.sleep(_DRIP)


def said_to_be_packed(response: Response) -> Pieces:
    yield sent(response, **{"Content-Encoding": "gzip"})


def packed_unknown(response: Response) -> Pieces:
    yield sent(response, **{"Content-Encoding": "zstd"})


def other_letters(response: Response) -> Pieces:
    yield sent(Response(response.get_data().decode().encode("utf-16"), response.status_code))


def page(response: Response) -> Pieces:
    del response
    yield sent(Response("<html><body>down for maintenance</body></html>", 200, content_type="text/html"))


def failing(response: Response) -> Pieces:
    del response
    yield sent(Response("upstream", 502))


def clock_apart(response: Response) -> Pieces:
    ahead = format_datetime(datetime.now(UTC) + timedelta(hours=7), usegmt=True)
    yield sent(response, Date=ahead)


ALONE: dict[str, Callable[[Response], Pieces]] = {
    one.__name__: one
    for one in (late, reset, nothing, half, half_packed, drip, said_to_be_packed, packed_unknown, other_letters, page,
                failing, clock_apart)
}  # fmt: skip
# What needs more than the answer itself: those given before it, or those that come after it.
FAULTS = (*ALONE, "storm", "repeated", "exchanged")


@dataclass
class FaultProxy:
    """Answers for a vendor; ``share`` of the answers, chosen by ``chance``, have one of the ``faults``."""

    vendor: str
    names: tuple[str, ...]
    chance: random.Random
    share: float = 0.1
    faults: tuple[str, ...] = FAULTS
    page: int = 3
    had: Counter[str] = field(default_factory=Counter)
    asked_at: list[float] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._storm = 0
        self._before: deque[Response] = deque(maxlen=_KEPT_PAGES)

    def answer(self, asked: bytes) -> Pieces:
        """What goes over the wire for a request."""
        with self._lock:
            self.asked_at.append(time.monotonic())
            fault = self.chance.choice(self.faults) if self.chance.random() < self.share else ""
            response = self._stub(asked)
            if self._storm:
                self._storm, fault = self._storm - 1, "stormy"
            elif fault == "storm":
                self._storm = _STORM
            if fault in ("repeated", "exchanged"):
                told = self._before[-1 if fault == "repeated" else 0] if self._before else response
            else:
                told = response
            self._before.append(response)
            self.had[fault] += 1
        if fault in ALONE:
            return ALONE[fault](told)
        if fault in ("storm", "stormy"):
            return iter((sent(Response("slow down", 429), **{"Retry-After": "0"}),))
        return iter((sent(told),))

    def _stub(self, asked: bytes) -> Response:
        """The vendor's own answer about whichever of the names the request is about."""
        head, *lines = asked.split(b"\r\n\r\n", 1)[0].decode().split("\r\n")
        method, place, _ = head.split(" ", 2)
        path, _, query = place.partition("?")
        name = next((one for one in self.names if one in place), self.names[0])
        sent_with = [(key, value.strip()) for key, _, value in (line.partition(":") for line in lines)]
        builder = EnvironBuilder(path=path, query_string=query, method=method, headers=sent_with)
        behaviour = Behaviour(market=market_of(name), page=self.page)
        return vendor_stubs.HANDLERS[self.vendor](behaviour, Request(builder.get_environ()))
