"""One polite HTTP client for every vendor: it waits, retries, remembers for a minute, and reads no more than it must.

At most one request a second goes to a host, or what a vendor's own pace (:mod:`scanner.sources.pace`) allows. An answer
that came with an ``ETag`` is asked for again with ``If-None-Match``, so that what has not changed is not sent twice. A
GET that ends in 429, a server error or a dead connection is tried again after a growing, jittered pause, or after what
``Retry-After`` asks for. Redirects are followed within the host alone. Bodies are decompressed here, so that one cut
short or one that unpacks to more than the cap is an error and never half a chain; no answer, however it is sent,
outlasts its deadline (:mod:`scanner.sources.metered`).
"""

from __future__ import annotations

import logging
import math
import random
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from urllib.parse import SplitResult, urljoin, urlsplit, urlunsplit

import requests

from scanner import __version__
from scanner.sources.failures import BELOW, HttpError, failure, quoted, refused, shown
from scanner.sources.metered import Allowance, MeteredSession, OutOfBytesError, OutOfTimeError, within
from scanner.sources.pace import Pace
from scanner.sources.remembering import Answer, Answers
from scanner.sources.unpacking import is_packed, unpacked

__all__ = ["Answer", "HttpError", "Limits", "PoliteClient"]

USER_AGENT = f"options-unusual-activity-scanner/{__version__} (python-requests/{requests.__version__})"
# The library below logs whole addresses, keys included: that of every request when somebody turns debug logging on, and
# as a warning that of an answer with damaged headers.
logging.getLogger("urllib3").setLevel(logging.CRITICAL)
_TRANSIENT = frozenset({429, 500, 502, 503, 504})
# What the same request may be answered otherwise a moment later, with another credential or a server that is well.
_PASSING = _TRANSIENT | {401}
_WORTH_ANOTHER_TRY = frozenset({"unreachable", "timeout", "truncated", "malformed"})
_MOVED = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_ADDRESS = re.compile(r"[!-\[\]-~]+")  # printable ASCII but the backslash, which some take for a slash
_PORTS = {"http": 80, "https": 443}
_CHUNK = 64 * 1024
_BESIDE_THE_BODY = 1024 * 1024
_NONE: frozenset[int] = frozenset()
_JSON = {"Content-Type": "application/json"}
# A form, or a document as it is.
Sent = Mapping[str, str] | bytes
_HOSTS: dict[tuple[str, int], threading.Semaphore] = {}
_HOSTS_LOCK = threading.Lock()


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to wait and how much to read. Times in seconds, sizes in bytes.

    ``whole_timeout`` is for one answer, from the search for the host's name to the last byte read, with every redirect
    on the way to it; nothing outlasts it. ``patience`` is for all attempts at one address: none begins after it.
    ``largest_body`` is for one body unpacked; an answer takes a megabyte more at most for everything but its body.
    ``at_once`` is how many requests may be under way to one host, of all clients of a process that have this limit.
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
    at_once: int = 1


@dataclass
class PoliteClient:
    """A client shared by everything in one process; safe to use from several threads.

    ``clock`` (monotonic seconds), ``sleep`` and ``jitter`` (uniform on 0..1) are the only ties to time and chance.
    ``pace`` is how often the vendor may be asked, where its client has one of its own.
    """

    limits: Limits = field(default_factory=Limits)
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random
    pace: Pace | None = None

    def __post_init__(self) -> None:
        """Open the session and start with an empty memory."""
        self._session = MeteredSession(self.limits.at_once)
        self._session.headers.update({"User-Agent": USER_AGENT, "Accept-Encoding": "gzip, deflate"})
        self._answers = Answers(self.limits.remember, self.limits.largest_memory)
        self._next_turn: dict[str, float] = {}
        self._lock = threading.Lock()

    def get(self, url: str, headers: Mapping[str, str] | None = None, *, final: frozenset[int] = _NONE) -> Answer:
        """Fetch an address. Raises HttpError where there is no whole answer after the last attempt.

        ``final`` are statuses that would be tried again otherwise and are answers to the caller.
        """
        request = (url, frozenset((name.lower(), value) for name, value in (headers or {}).items()))
        with self._host(url):
            known, is_new = self._answers.find(request, self.clock())
            if known is not None and is_new:
                return known
            asked = dict(headers or {})
            if known is not None and known.tag is not None:
                asked["If-None-Match"] = known.tag
            answer = self._fetch(url, asked, final)
            if answer.status == 304 and known is not None:
                answer = known
            if answer.status not in _PASSING:
                self._answers.keep(request, answer, self.clock())
            return answer

    def post(self, url: str, document: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """Ask by sending a JSON document, which changes nothing there: tried again as :meth:`get` is, not remembered.

        Raises HttpError where there is no whole answer after the last attempt.
        """
        with self._host(url):
            return self._fetch(url, {**(headers or {}), **_JSON}, _NONE, document)

    def secret(self, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None = None) -> Answer:
        """Ask, once, for what is itself a credential, or send a form for it: nothing is tried again or remembered.

        Raises HttpError where there is no whole answer.
        """
        with self._host(url):
            self._wait_for_turn(url)
            try:
                return self._once(url, headers, form)
            except OutOfTimeError as error:
                raise self._too_slow(url) from error

    def _host(self, url: str) -> threading.Semaphore:
        """What counts the requests under way to a host, whichever client of this process made them."""
        at_once = self.limits.at_once
        with _HOSTS_LOCK:
            return _HOSTS.setdefault((urlsplit(url).netloc, at_once), threading.Semaphore(at_once))

    def _fetch(
        self, url: str, headers: Mapping[str, str], final: frozenset[int], document: bytes | None = None
    ) -> Answer:
        failed = HttpError(f"{shown(url)}: no attempt was allowed", "unreachable")
        patience_ends = self.clock() + self.limits.patience
        for attempt in range(self.limits.attempts):
            self._wait_for_turn(url)
            asked_pause = 0.0
            try:
                answer = self._once(url, headers, document)
            except OutOfTimeError as error:
                raise self._too_slow(url) from error
            except HttpError as error:
                if error.code not in _WORTH_ANOTHER_TRY:
                    raise
                failed = error
            else:
                asked_pause = _retry_after(answer.headers) if answer.status in _TRANSIENT else 0.0
                if self.pace is not None:
                    self.pace.told(answer.headers, answer.status, asked_pause)
                if answer.status not in _TRANSIENT or answer.status in final:
                    return answer
                failed = refused(url, answer.status, asked_pause)
            own_pause = self.limits.first_pause * 2**attempt * (0.5 + 0.5 * self.jitter())
            pause = max(asked_pause, min(own_pause, self.limits.longest_pause))
            last = attempt == self.limits.attempts - 1
            if last or pause > self.limits.longest_pause or self.clock() + pause > patience_ends:
                break
            self.sleep(pause)
        raise failed

    def _once(self, url: str, headers: Mapping[str, str], form: Sent | None = None) -> Answer:
        """One attempt, over every redirect. Raises HttpError, and OutOfTimeError at the deadline."""
        limits = self.limits
        ends = self.clock() + limits.whole_timeout
        allowance = Allowance(self.clock, ends, limits.largest_body + _BESIDE_THE_BODY, limits.read_timeout)
        try:
            with within(allowance):
                return self._followed(url, headers, allowance, form)
        except OutOfBytesError as error:
            raise self._too_large(url) from error
        except (requests.RequestException, *BELOW) as error:
            raise failure(url, error) from error

    def _followed(self, url: str, headers: Mapping[str, str], allowance: Allowance, form: Sent | None) -> Answer:
        """The answer at the end of the redirects; what those before it hold beside the new address is not read.

        What is sent goes to no other address than its own.
        """
        method = "GET" if form is None else "POST"
        timeouts = (self.limits.connect_timeout, self.limits.read_timeout)
        address = url
        for _ in range(_MOST_REDIRECTS + 1):
            allowance.seconds()
            with self._session.request(
                method, address, headers=dict(headers), data=form, timeout=timeouts, stream=True, allow_redirects=False
            ) as response:
                moved = response.status_code in _MOVED and form is None
                moved_to = response.headers.get("Location") if moved else None
                if moved_to is None:
                    return Answer(response.status_code, self._body(url, response, allowance), response.headers)
            address = _within_the_host(address, moved_to.strip())
            self._wait_for_turn(address)
        raise HttpError(f"{shown(url)}: redirects more than {_MOST_REDIRECTS} times", "redirected")

    def _body(self, url: str, response: requests.Response, allowance: Allowance) -> bytes:
        """The body, unpacked, within the cap and the deadline."""
        if response.status_code < 200:
            raise HttpError(f"{shown(url)}: nothing but an interim answer ({response.status_code})", "malformed")
        wire: Iterable[bytes] = response.raw.stream(_CHUNK, decode_content=False)
        body = bytearray()
        for part in unpacked(url, wire) if is_packed(url, response.headers) else wire:
            allowance.seconds()
            body += part
            if len(body) > self.limits.largest_body:
                raise self._too_large(url)
        return bytes(body)

    def _too_large(self, url: str) -> HttpError:
        cap = self.limits.largest_body
        return HttpError(f"{shown(url)}: the body is larger than the {cap:,} bytes read at most", "too_large")

    def _too_slow(self, url: str) -> HttpError:
        limit = self.limits.whole_timeout
        return HttpError(f"{shown(url)}: the answer took longer than {limit:g} seconds", "timeout")

    def _wait_for_turn(self, url: str) -> None:
        """Wait until the vendor, or the host, may be asked. Raises HttpError where that is too far away."""
        if self.pace is not None:
            pause = self.pace.turn(self.limits.longest_pause)
        else:
            host, now = urlsplit(url).netloc, self.clock()
            with self._lock:
                turn = max(now, self._next_turn.get(host, now))
                self._next_turn[host] = turn + self.limits.between_requests
            pause = turn - now
        if pause > 0:
            self.sleep(pause)


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
        raise HttpError(f"{shown(url)}: redirects to what is no address ({quoted(location)})", "redirected")
    if not same:
        raise HttpError(
            f"{shown(url)}: redirects to another host, scheme or port ({quoted(place)}), and that is not followed: "
            "nothing meant for one host goes to another",
            "redirected",
        )
    return urlunsplit((here.scheme, here.netloc, there.path, there.query, ""))


def _origin(address: SplitResult) -> tuple[str, str | None, int | None]:
    """Scheme, host and port. Raises ValueError where the port is no number."""
    port = address.port
    return address.scheme, address.hostname, _PORTS.get(address.scheme) if port is None else port


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
