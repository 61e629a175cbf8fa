"""Connections of ``requests`` on which no answer outlasts its allowance of seconds and bytes, whatever a server sends.

The time-outs of the libraries below begin anew with every packet, and nothing there counts headers: a server that sends
a byte a second is never late, and one that sends headers, chunk sizes or interim answers without end never too long.
Nor has the system's search for a host's name an end that could be set.
Here every byte of an answer, from the status line on, comes through one reader, which draws on the allowance of the
request in hand and gives no more than is left of it.
"""

from __future__ import annotations

import http.client
import io
import socket
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from http.cookiejar import DefaultCookiePolicy
from typing import Any, cast

from requests import Response, Session
from requests.adapters import HTTPAdapter
from urllib3 import HTTPConnectionPool, HTTPSConnectionPool, PoolManager, ProxyManager
from urllib3.connection import HTTPConnection, HTTPSConnection


class OutOfTimeError(Exception):
    """The allowance has no second left."""


class OutOfBytesError(Exception):
    """The server sent more bytes than the allowance had."""


@dataclass(slots=True)
class Allowance:
    """What a request may still take: time until ``ends`` (seconds of ``clock``), and bytes.

    ``longest_silence`` is how many seconds may pass without a byte.
    """

    clock: Callable[[], float]
    ends: float
    bytes_left: int
    longest_silence: float

    def seconds(self) -> float:
        """The seconds left, above zero. Raises OutOfTimeError where there are none."""
        left = self.ends - self.clock()
        if left <= 0.0:
            raise OutOfTimeError
        return left

    def draw(self, count: int) -> None:
        """Take bytes that have come. Raises OutOfBytesError where they are more than are left."""
        self.bytes_left -= count
        if self.bytes_left < 0:
            raise OutOfBytesError


# A connection is kept from one request to the next, so that it has to ask whose bytes it is reading.
_IN_HAND: ContextVar[Allowance] = ContextVar("allowance of the request in hand")


@contextmanager
def within(allowance: Allowance) -> Iterator[None]:
    """What this thread requests through a :class:`MeteredSession` draws on the allowance."""
    token = _IN_HAND.set(allowance)
    try:
        yield
    finally:
        _IN_HAND.reset(token)


class _Adapter(HTTPAdapter):
    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        """As in the base class, with metered connections."""
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _POOLS

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> PoolManager:
        """As in the base class, with metered connections; those of SOCKS are of a kind of their own."""
        manager: PoolManager = super().proxy_manager_for(proxy, **kwargs)
        if type(manager) is ProxyManager:
            manager.pool_classes_by_scheme = _POOLS
        return manager


class MeteredSession(Session):
    """A session whose requests are made :func:`within` an allowance, and which leaves redirects and cookies alone.

    The base class looks where an answer redirects even when told not to follow, and reads and unpacks the whole of it.
    """

    def __init__(self, at_once: int = 1) -> None:
        super().__init__()
        for scheme in _POOLS:
            self.mount(f"{scheme}://", _Adapter(pool_maxsize=at_once))
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))

    def get_redirect_target(self, resp: Response) -> str | None:
        """Nowhere; the status and the headers are the caller's to read."""
        return None


class _Reader(io.RawIOBase):
    """The bytes of one answer, as far as the allowance goes."""

    def __init__(self, stream: io.RawIOBase, sock: socket.socket, allowance: Allowance) -> None:
        self._stream, self._socket, self._allowance = stream, sock, allowance
        self.ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._socket.settimeout(min(self._allowance.seconds(), self._allowance.longest_silence))
        try:
            count: int = self._stream.readinto(buffer) or 0
        except TimeoutError:
            self._allowance.seconds()  # At the deadline, that is what is told.
            raise
        self._allowance.draw(count)
        self.ended = count == 0
        return count

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Response(http.client.HTTPResponse):
    def __init__(self, sock: socket.socket, *args: Any, **kwargs: Any) -> None:
        super().__init__(sock, *args, **kwargs)
        self._reader = _Reader(self.fp.detach(), sock, _IN_HAND.get())
        self.fp: io.BufferedReader = io.BufferedReader(self._reader)

    def begin(self) -> None:
        """Read the status line and the headers; to the base class, those that break off are whole."""
        super().begin()
        if self._reader.ended:
            raise http.client.IncompleteRead(b"")


class _Connection(HTTPConnection):
    response_class = _Response

    def _new_conn(self) -> socket.socket:
        """Connect in the time that is left; the search for the host's addresses is in it, and has no end of its own."""
        return _before_it_ends(_IN_HAND.get(), self._connected)

    def _connected(self, allowance: Allowance) -> socket.socket:
        """The addresses of a host are tried in turn, each for its share of the time that is left."""
        addresses = _count_addresses(self._dns_host, self.port)
        self.timeout = min(cast("float", self.timeout), allowance.seconds() / addresses)
        return super()._new_conn()


class _SecureConnection(_Connection, HTTPSConnection):
    pass


class _Pool(HTTPConnectionPool):
    ConnectionCls = _Connection


class _SecurePool(HTTPSConnectionPool):
    ConnectionCls = _SecureConnection


_POOLS = {"http": _Pool, "https": _SecurePool}


def _before_it_ends(allowance: Allowance, connect: Callable[[Allowance], socket.socket]) -> socket.socket:
    """What ``connect`` comes to. Raises OutOfTimeError where it is not there in time, and what it raises itself.

    The system's search for a name cannot be broken off. It is left behind in a thread of its own, which keeps no
    program from ending, and a connection that comes too late is closed.
    """
    coming: Future[socket.socket] = Future()

    def run() -> None:
        try:
            coming.set_result(connect(allowance))
        except BaseException as error:
            coming.set_exception(error)

    threading.Thread(target=run, name="connecting", daemon=True).start()
    if not wait([coming], allowance.seconds()).done:
        coming.add_done_callback(_closed)
        raise OutOfTimeError
    return coming.result()


def _closed(late: Future[socket.socket]) -> None:
    if late.exception() is None:
        late.result().close()


def _count_addresses(host: str, port: int | None) -> int:
    """How many addresses a name has; 1 where it cannot be looked up, for then connecting says why."""
    try:
        return len(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)) or 1
    except (OSError, UnicodeError):
        return 1
