"""One polite HTTP client for every vendor: it waits, retries, remembers for a minute, and reads no more than it must.

At most one request a second goes to a host. A GET that ends in 429, a server error or a dead connection is tried again
after a growing, jittered pause, or after what ``Retry-After`` asks for. Bodies are decompressed here, so that one cut
short or one that unpacks to more than the cap is an error and never half a chain. Messages name the host and the path
of an address only: keys travel in headers and query strings, and neither is ever shown.
"""

from __future__ import annotations

import logging
import random
import threading
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

import requests

from scanner import __version__
from scanner.errors import SourceError

USER_AGENT = f"options-unusual-activity-scanner/{__version__} (python-requests/{requests.__version__})"
# The library below logs whole addresses, keys included, when somebody turns debug logging on.
logging.getLogger("urllib3").setLevel(logging.WARNING)
_TRANSIENT = frozenset({429, 500, 502, 503, 504})
_CHUNK = 256 * 1024
_GZIP_OR_ZLIB = 47  # wbits: 32 + 15 detects either header


class HttpError(SourceError):
    """No usable answer. ``code``: unreachable, timeout, rate_limited, server_error, too_large or truncated."""


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer whose body was read whole. Statuses other than 429 and 5xx are left to the caller."""

    status: int
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait and how much to read. Times in seconds, sizes in bytes.

    ``whole_timeout`` is for one body, ``patience`` for all attempts at one address: none begins after it.
    """

    connect_timeout: float = 5.0
    read_timeout: float = 30.0
    whole_timeout: float = 90.0
    attempts: int = 4
    patience: float = 150.0
    first_pause: float = 1.0
    longest_pause: float = 60.0
    between_requests: float = 1.0
    remember: float = 60.0
    largest_body: int = 64 * 1024 * 1024
    largest_memory: int = 128 * 1024 * 1024


@dataclass
class PoliteClient:
    """A GET client shared by everything in one process; safe to use from several threads.

    ``clock`` (monotonic seconds), ``sleep`` and ``jitter`` (uniform on 0..1) are the only ties to time and chance.
    """

    limits: Limits = field(default_factory=Limits)
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random

    def __post_init__(self) -> None:
        """Open the session and start with an empty memory."""
        self._session = requests.Session()
        self._session.headers.update({"User-Agent": USER_AGENT, "Accept-Encoding": "gzip, deflate"})
        self._remembered: dict[str, tuple[float, Answer]] = {}
        self._next_turn: dict[str, float] = {}
        self._hosts: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Fetch an address. Raises HttpError where there is no whole answer after the last attempt."""
        with self._lock:
            host = self._hosts.setdefault(urlsplit(url).netloc, threading.Lock())
        with host:
            kept = self._recall(url)
            if kept is None:
                kept = self._fetch(url, headers)
                self._remember(url, kept)
            return kept

    def _fetch(self, url: str, headers: Mapping[str, str] | None) -> Answer:
        failure = HttpError(f"{_shown(url)}: no attempt was allowed", "unreachable")
        patience_ends = self.clock() + self.limits.patience
        for attempt in range(self.limits.attempts):
            self._wait_for_turn(url)
            asked_pause = 0.0
            try:
                answer = self._once(url, headers)
            except HttpError as error:
                if error.code not in ("unreachable", "timeout", "truncated"):
                    raise
                failure = error
            else:
                if answer.status not in _TRANSIENT:
                    return answer
                asked_pause = _retry_after(answer.headers)
                failure = self._refused(url, answer.status, asked_pause)
            own_pause = self.limits.first_pause * 2**attempt * (0.5 + 0.5 * self.jitter())
            pause = max(asked_pause, min(own_pause, self.limits.longest_pause))
            last = attempt == self.limits.attempts - 1
            if last or pause > self.limits.longest_pause or self.clock() + pause > patience_ends:
                break
            self.sleep(pause)
        raise failure

    def _once(self, url: str, headers: Mapping[str, str] | None) -> Answer:
        timeouts = (self.limits.connect_timeout, self.limits.read_timeout)
        try:
            with self._session.get(url, headers=dict(headers or {}), timeout=timeouts, stream=True) as response:
                body = self._read(url, response)
                return Answer(response.status_code, body, response.headers)
        except requests.Timeout as error:
            raise HttpError(f"{_shown(url)}: no answer in time ({_why(error)})", "timeout") from error
        except requests.RequestException as error:
            raise HttpError(
                f"{_shown(url)}: no connection ({_why(error)}); check the network", "unreachable"
            ) from error

    def _read(self, url: str, response: requests.Response) -> bytes:
        """The decoded body, within the cap and the deadline."""
        deadline = self.clock() + self.limits.whole_timeout
        encoded = response.headers.get("Content-Encoding", "").strip().lower() not in ("", "identity")
        decoder = zlib.decompressobj(_GZIP_OR_ZLIB) if encoded else None
        parts, size, received = [], 0, False
        for raw in _chunks(url, response):
            part, received = raw, True
            if decoder is not None:
                try:
                    part = decoder.decompress(raw, self.limits.largest_body - size + 1)
                except zlib.error as error:
                    raise HttpError(f"{_shown(url)}: the compressed body is damaged", "truncated") from error
            parts.append(part)
            size += len(part)
            if size > self.limits.largest_body:
                cap = self.limits.largest_body
                raise HttpError(f"{_shown(url)}: the body is larger than the {cap:,} bytes read at most", "too_large")
            if self.clock() > deadline:
                limit = self.limits.whole_timeout
                raise HttpError(f"{_shown(url)}: the body took longer than {limit:g} seconds", "timeout")
        if decoder is not None and not decoder.eof and received:
            raise HttpError(f"{_shown(url)}: the compressed body was cut short after {size:,} bytes", "truncated")
        return b"".join(parts)

    def _refused(self, url: str, status: int, asked_pause: float) -> HttpError:
        if status == 429:
            wait = f"; it asks for a pause of {asked_pause:.0f} seconds" if asked_pause else ""
            return HttpError(f"{_shown(url)}: too many requests (HTTP 429){wait}; try again later", "rate_limited")
        return HttpError(f"{_shown(url)}: the server failed (HTTP {status}); try again later", "server_error")

    def _wait_for_turn(self, url: str) -> None:
        host = urlsplit(url).netloc
        now = self.clock()
        turn = max(now, self._next_turn.get(host, now))
        self._next_turn[host] = turn + self.limits.between_requests
        if turn > now:
            self.sleep(turn - now)

    def _recall(self, url: str) -> Answer | None:
        now = self.clock()
        with self._lock:
            self._remembered = {key: entry for key, entry in self._remembered.items() if entry[0] > now}
            return self._remembered[url][1] if url in self._remembered else None

    def _remember(self, url: str, answer: Answer) -> None:
        with self._lock:
            self._remembered[url] = (self.clock() + self.limits.remember, answer)
            while sum(len(kept.body) for _, kept in self._remembered.values()) > self.limits.largest_memory:
                del self._remembered[next(iter(self._remembered))]


def _chunks(url: str, response: requests.Response) -> Iterator[bytes]:
    """The body as it came over the wire, still compressed."""
    import urllib3

    try:
        yield from response.raw.stream(_CHUNK, decode_content=False)
    except urllib3.exceptions.TimeoutError as error:
        raise HttpError(f"{_shown(url)}: the body stopped coming ({_why(error)})", "timeout") from error
    except urllib3.exceptions.HTTPError as error:
        raise HttpError(f"{_shown(url)}: the body was cut short ({_why(error)})", "truncated") from error


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that the server asks to be left alone: a number, or the distance to a date; 0 where it asks nothing."""
    asked = headers.get("Retry-After", "").strip()
    if asked.isdigit():
        return float(asked)
    try:
        until = parsedate_to_datetime(asked)
        answered = parsedate_to_datetime(headers["Date"])
        return max(0.0, (until - answered).total_seconds())
    except (KeyError, ValueError, TypeError):
        return 0.0


def _shown(url: str) -> str:
    """An address fit for messages: host and path, without user, password, query or fragment."""
    parts = urlsplit(url)
    return f"{parts.hostname}{parts.path}"


def _why(error: Exception) -> str:
    """The kind of failure in words; the exception's own text may repeat the whole address, keys included."""
    kinds = {
        "ConnectTimeout": "connecting took too long",
        "ReadTimeout": "reading took too long",
        "ReadTimeoutError": "reading took too long",
        "SSLError": "the certificate could not be verified",
        "ProxyError": "the proxy did not answer",
        "IncompleteRead": "fewer bytes than announced",
        "ProtocolError": "the connection was closed early",
        "ConnectionError": "the connection failed",
        "NameResolutionError": "the name of the host cannot be resolved",
        "NewConnectionError": "refused, or no way to the host",
        "ChunkedEncodingError": "the connection was closed early",
    }
    beneath = getattr(error.args[0], "reason", None) if error.args else None
    kind = type(error if beneath is None else beneath).__name__
    return kinds.get(kind, kind)
