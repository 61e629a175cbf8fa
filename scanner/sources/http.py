"""One polite HTTP client for every vendor: it waits, retries, remembers for a minute, and reads no more than it must.

At most one request a second goes to a host. A GET that ends in 429, a server error or a dead connection is tried again
after a growing, jittered pause, or after what ``Retry-After`` asks for. Redirects are followed within the host alone.
Bodies are decompressed here, so that one cut short or one that unpacks to more than the cap is an error and never half
a chain; no answer, however it is sent, outlasts its deadline (:mod:`scanner.sources.metered`). Messages name the host
and the path of an address only: keys travel in headers and query strings, and neither is ever shown.
"""

from __future__ import annotations

import http.client
import logging
import math
import random
import re
import threading
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

import requests
import urllib3.exceptions

from scanner import __version__
from scanner.errors import SourceError
from scanner.sources.metered import Allowance, MeteredSession, OutOfBytesError, OutOfTimeError, within

USER_AGENT = f"options-unusual-activity-scanner/{__version__} (python-requests/{requests.__version__})"
# The library below logs whole addresses, keys included: that of every request when somebody turns debug logging on, and
# as a warning that of an answer with damaged headers.
logging.getLogger("urllib3").setLevel(logging.CRITICAL)
_TRANSIENT = frozenset({429, 500, 502, 503, 504})
_WORTH_ANOTHER_TRY = frozenset({"unreachable", "timeout", "truncated", "malformed"})
_MOVED = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_ADDRESS = re.compile(r"[!-\[\]-~]+")  # printable ASCII but the backslash, which some take for a slash
_PORTS = {"http": 80, "https": 443}
_PACKED = frozenset({"gzip", "x-gzip", "deflate"})
_UNPACKED = frozenset({"", "identity"})
_GZIP_OR_ZLIB = 47  # wbits: 32 + 15 detects either header
_CHUNK = 64 * 1024
_PIECE = 1024 * 1024
_BESIDE_THE_BODY = 1024 * 1024
_DAY = 86_400.0


class HttpError(SourceError):
    """No usable answer.

    ``code``: unreachable, timeout, rate_limited, server_error, too_large, truncated, malformed (not HTTP), unreadable
    (packed in a way that was not asked for) or redirected (to another host, or without end).
    """


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer whose body was read whole. Statuses other than 429 and 5xx are left to the caller."""

    status: int
    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait and how much to read. Times in seconds, sizes in bytes.

    ``whole_timeout`` is for one answer, from the search for the host's name to the last byte read, with every redirect
    on the way to it; nothing outlasts it. ``patience`` is for all attempts at one address: none begins after it.
    ``largest_body`` is for one body unpacked; an answer takes a megabyte more at most for everything but its body.
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


# What an answer depends on: the address and the headers sent with it.
_Request = tuple[str, frozenset[tuple[str, str]]]


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
        self._session = MeteredSession()
        self._session.headers.update({"User-Agent": USER_AGENT, "Accept-Encoding": "gzip, deflate"})
        self._remembered: dict[_Request, tuple[float, Answer]] = {}
        self._next_turn: dict[str, float] = {}
        self._hosts: dict[str, threading.Lock] = {}
        self._lock = threading.Lock()

    def get(self, url: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Fetch an address. Raises HttpError where there is no whole answer after the last attempt."""
        request = (url, frozenset((name.lower(), value) for name, value in (headers or {}).items()))
        with self._lock:
            host = self._hosts.setdefault(urlsplit(url).netloc, threading.Lock())
        with host:
            kept = self._recall(request)
            if kept is None:
                kept = self._fetch(url, headers or {})
                self._remember(request, kept)
            return kept

    def _fetch(self, url: str, headers: Mapping[str, str]) -> Answer:
        failure = HttpError(f"{_shown(url)}: no attempt was allowed", "unreachable")
        patience_ends = self.clock() + self.limits.patience
        for attempt in range(self.limits.attempts):
            self._wait_for_turn(url)
            asked_pause = 0.0
            try:
                answer = self._once(url, headers)
            except OutOfTimeError as error:
                limit = self.limits.whole_timeout
                raise HttpError(f"{_shown(url)}: the answer took longer than {limit:g} seconds", "timeout") from error
            except HttpError as error:
                if error.code not in _WORTH_ANOTHER_TRY:
                    raise
                failure = error
            else:
                if answer.status not in _TRANSIENT:
                    return answer
                asked_pause = _retry_after(answer.headers)
                failure = _refused(url, answer.status, asked_pause)
            own_pause = self.limits.first_pause * 2**attempt * (0.5 + 0.5 * self.jitter())
            pause = max(asked_pause, min(own_pause, self.limits.longest_pause))
            last = attempt == self.limits.attempts - 1
            if last or pause > self.limits.longest_pause or self.clock() + pause > patience_ends:
                break
            self.sleep(pause)
        raise failure

    def _once(self, url: str, headers: Mapping[str, str]) -> Answer:
        """One attempt, over every redirect. Raises HttpError, and OutOfTimeError at the deadline."""
        limits = self.limits
        ends = self.clock() + limits.whole_timeout
        allowance = Allowance(self.clock, ends, limits.largest_body + _BESIDE_THE_BODY, limits.read_timeout)
        try:
            with within(allowance):
                return self._followed(url, headers, allowance)
        except OutOfBytesError as error:
            raise self._too_large(url) from error
        except (requests.RequestException, *_BELOW) as error:
            raise _failure(url, error) from error

    def _followed(self, url: str, headers: Mapping[str, str], allowance: Allowance) -> Answer:
        """The answer at the end of the redirects; what those before it hold beside the new address is not read."""
        timeouts = (self.limits.connect_timeout, self.limits.read_timeout)
        address = url
        for _ in range(_MOST_REDIRECTS + 1):
            allowance.seconds()
            with self._session.get(
                address, headers=dict(headers), timeout=timeouts, stream=True, allow_redirects=False
            ) as response:
                moved_to = response.headers.get("Location") if response.status_code in _MOVED else None
                if moved_to is None:
                    return Answer(response.status_code, self._body(url, response, allowance), response.headers)
            address = _within_the_host(address, moved_to.strip())
            self._wait_for_turn(address)
        raise HttpError(f"{_shown(url)}: redirects more than {_MOST_REDIRECTS} times", "redirected")

    def _body(self, url: str, response: requests.Response, allowance: Allowance) -> bytes:
        """The body, unpacked, within the cap and the deadline."""
        if response.status_code < 200:
            raise HttpError(f"{_shown(url)}: nothing but an interim answer ({response.status_code})", "malformed")
        wire: Iterable[bytes] = response.raw.stream(_CHUNK, decode_content=False)
        body = bytearray()
        for part in _unpacked(url, wire) if _is_packed(url, response.headers) else wire:
            allowance.seconds()
            body += part
            if len(body) > self.limits.largest_body:
                raise self._too_large(url)
        return bytes(body)

    def _too_large(self, url: str) -> HttpError:
        cap = self.limits.largest_body
        return HttpError(f"{_shown(url)}: the body is larger than the {cap:,} bytes read at most", "too_large")

    def _wait_for_turn(self, url: str) -> None:
        host = urlsplit(url).netloc
        now = self.clock()
        turn = max(now, self._next_turn.get(host, now))
        self._next_turn[host] = turn + self.limits.between_requests
        if turn > now:
            self.sleep(turn - now)

    def _recall(self, request: _Request) -> Answer | None:
        now = self.clock()
        with self._lock:
            self._remembered = {key: entry for key, entry in self._remembered.items() if entry[0] > now}
            return self._remembered[request][1] if request in self._remembered else None

    def _remember(self, request: _Request, answer: Answer) -> None:
        with self._lock:
            self._remembered[request] = (self.clock() + self.limits.remember, answer)
            while sum(len(kept.body) for _, kept in self._remembered.values()) > self.limits.largest_memory:
                del self._remembered[next(iter(self._remembered))]


def _within_the_host(url: str, location: str) -> str:
    """The address a redirect names, made of our own host and the path that it gives, so that no key leaves the host.

    Raises HttpError where it names another host, scheme or port, or is no address.
    """
    here = urlsplit(url)
    try:
        there = urlsplit(urljoin(url, location))
        same, place = _origin(there) == _origin(here), f"{there.scheme}://{there.hostname}"
    except ValueError:
        same, place = False, ""
    if not place or not _ADDRESS.fullmatch(location):
        raise HttpError(f"{_shown(url)}: redirects to what is no address ({_quoted(location)})", "redirected")
    if not same:
        raise HttpError(
            f"{_shown(url)}: redirects to another host, scheme or port ({_quoted(place)}), and that is not followed: "
            "nothing meant for one host goes to another",
            "redirected",
        )
    return urlunsplit((here.scheme, here.netloc, there.path, there.query, ""))


def _origin(address: SplitResult) -> tuple[str, str | None, int | None]:
    """Scheme, host and port. Raises ValueError where the port is no number."""
    port = address.port
    return address.scheme, address.hostname, _PORTS.get(address.scheme) if port is None else port


def _is_packed(url: str, headers: Mapping[str, str]) -> bool:
    """Whether a body has to be unpacked. Raises HttpError where it is packed in a way that was not asked for."""
    packings, transfers = _listed(headers, "Content-Encoding"), _listed(headers, "Transfer-Encoding")
    if set(packings) <= _PACKED and len(packings) <= 1 and transfers in ([], ["chunked"]):
        return bool(packings)
    said = _quoted(", ".join(packings + transfers))
    raise HttpError(f"{_shown(url)}: the body is packed as {said}, which was not asked for", "unreadable")


def _listed(headers: Mapping[str, str], name: str) -> list[str]:
    """The encodings that a header lists, but those that change nothing."""
    return [word for part in headers.get(name, "").lower().split(",") if (word := part.strip()) not in _UNPACKED]


def _unpacked(url: str, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """A gzip body of one or several members, or a zlib one, in pieces; zeros may pad it, as gzip allows.

    Raises HttpError where it is damaged or cut short.
    """
    decoder, begun, size = zlib.decompressobj(_GZIP_OR_ZLIB), False, 0
    for chunk in chunks:
        rest = chunk
        while rest := rest.lstrip(b"\0") if decoder.eof else rest:
            if decoder.eof:
                decoder = zlib.decompressobj(_GZIP_OR_ZLIB)
            begun = True
            try:
                part = decoder.decompress(rest, _PIECE)
            except zlib.error as error:
                raise HttpError(f"{_shown(url)}: the compressed body is damaged", "truncated") from error
            size += len(part)
            yield part
            rest = decoder.unused_data if decoder.eof else decoder.unconsumed_tail
    if begun and not decoder.eof:
        raise HttpError(f"{_shown(url)}: the compressed body was cut short after {size:,} bytes", "truncated")


def _refused(url: str, status: int, asked_pause: float) -> HttpError:
    if status == 429:
        seconds = f"{asked_pause:.0f} seconds" if asked_pause <= _DAY else "more than a day"
        wait = f"; it asks for a pause of {seconds}" if asked_pause else ""
        return HttpError(f"{_shown(url)}: too many requests (HTTP 429){wait}; try again later", "rate_limited")
    return HttpError(f"{_shown(url)}: the server failed (HTTP {status}); try again later", "server_error")


def _retry_after(headers: Mapping[str, str]) -> float:
    """Seconds that the server asks to be left alone: a number, or the distance to a date; 0 where it asks nothing."""
    asked = headers.get("Retry-After", "").strip()
    if re.fullmatch("[0-9]+", asked):
        return float(asked) if len(asked) < 10 else math.inf
    try:
        until = parsedate_to_datetime(asked)
        answered = parsedate_to_datetime(headers["Date"])
        return max(0.0, (until - answered).total_seconds())
    except (LookupError, ValueError, TypeError, OverflowError):
        return 0.0


def _shown(url: str) -> str:
    """An address fit for messages: host and path, without user, password, query or fragment."""
    parts = urlsplit(url)
    return f"{parts.hostname}{parts.path}"


def _quoted(text: str) -> str:
    """What a server said, short and in ASCII."""
    return ascii(text if len(text) <= 60 else text[:60] + "...")


# What the libraries below raise beside the errors of requests; a damaged number in an answer is a ValueError there.
_BELOW = (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError)
# What may lie beneath a failure, the most telling first: the code, and the words. The exceptions' own texts are not for
# showing: they may repeat the whole address, keys included.
_BENEATH: tuple[tuple[type[Exception], str, str], ...] = (
    (urllib3.exceptions.ProxyError, "unreachable", "the proxy did not answer"),
    (urllib3.exceptions.NameResolutionError, "unreachable", "the name of the host cannot be resolved"),
    (urllib3.exceptions.NewConnectionError, "unreachable", "refused, or no way to the host"),
    (urllib3.exceptions.ConnectTimeoutError, "timeout", "connecting took too long"),
    (urllib3.exceptions.SSLError, "unreachable", "the certificate could not be verified, or there was none"),
    (urllib3.exceptions.ReadTimeoutError, "timeout", "reading took too long"),
    (urllib3.exceptions.InvalidChunkLength, "malformed", "a part without its length"),
    (http.client.IncompleteRead, "truncated", "fewer bytes than announced"),
    (ConnectionError, "truncated", "the connection was closed early"),
    (http.client.HTTPException, "malformed", "no status line, or headers without measure"),
    (urllib3.exceptions.ProtocolError, "truncated", "the connection was closed early"),
    (requests.exceptions.InvalidURL, "unreachable", "no address that can be asked"),
    (ValueError, "malformed", "a number that is none"),
)
_SAID = {
    "unreachable": "no connection ({}); check the network",
    "timeout": "no answer in time ({})",
    "truncated": "the answer was cut short ({})",
    "malformed": "the answer is not HTTP ({})",
}


def _failure(url: str, error: Exception) -> HttpError:
    """What a failure of the libraries below means, by the errors that led to it."""
    chain: list[BaseException] = []
    beneath: BaseException | None = error
    while beneath is not None and beneath not in chain:
        chain.append(beneath)
        beneath = beneath.__cause__ or beneath.__context__
    for kind, code, words in _BENEATH:
        if any(isinstance(one, kind) for one in chain):
            return HttpError(f"{_shown(url)}: {_SAID[code].format(words)}", code)
    return HttpError(f"{_shown(url)}: {_SAID['unreachable'].format(type(error).__name__)}", "unreachable")
