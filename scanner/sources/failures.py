"""What can go wrong between here and a vendor, in words that show no key.

Messages name the host and the path of an address only: keys travel in headers and query strings, and neither is ever
shown. The texts of the libraries below are not for showing either, for they may repeat a whole address.
"""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

import requests
import urllib3.exceptions

from scanner.errors import SourceError

_DAY = 86_400.0


class HttpError(SourceError):
    """No usable answer.

    ``code``: unreachable, timeout, rate_limited, quota_spent, not_kept (the count of calls), server_error, too_large,
    truncated, malformed (not HTTP), unreadable (packed in a way that was not asked for) or redirected (to another host,
    or without end).
    """


# What the libraries below raise beside the errors of requests; a damaged number in an answer is a ValueError there.
BELOW = (urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError)
# What may lie beneath a failure, the most telling first: the code, and the words.
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


def failure(url: str, error: Exception) -> HttpError:
    """What a failure of the libraries below means, by the errors that led to it."""
    chain: list[BaseException] = []
    beneath: BaseException | None = error
    while beneath is not None and beneath not in chain:
        chain.append(beneath)
        beneath = beneath.__cause__ or beneath.__context__
    for kind, code, words in _BENEATH:
        if any(isinstance(one, kind) for one in chain):
            return HttpError(f"{shown(url)}: {_SAID[code].format(words)}", code)
    return HttpError(f"{shown(url)}: {_SAID['unreachable'].format(type(error).__name__)}", "unreachable")


def refused(url: str, status: int, asked_pause: float) -> HttpError:
    """A status that is no answer: too many requests, or a server that failed."""
    if status == 429:
        seconds = f"{asked_pause:.0f} seconds" if asked_pause <= _DAY else "more than a day"
        wait = f"; it asks for a pause of {seconds}" if asked_pause else ""
        return HttpError(f"{shown(url)}: too many requests (HTTP 429){wait}; try again later", "rate_limited")
    return HttpError(f"{shown(url)}: the server failed (HTTP {status}); try again later", "server_error")


def shown(url: str) -> str:
    """An address fit for messages: host and path, without user, password, query or fragment."""
    parts = urlsplit(url)
    return f"{parts.hostname}{parts.path}"


def quoted(text: str) -> str:
    """What a server said, short and in ASCII."""
    return ascii(text if len(text) <= 60 else text[:60] + "...")
