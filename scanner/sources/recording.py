"""Verbatim bodies kept beside a scan, and answered from again: how a vendor's change is reported, and tests are made.

A recording is a folder: one file for each body, as it came but unpacked, and ``requests.jsonl``, which tells line by
line what was asked, when, and what came back. Credentials are in neither: not in addresses, not in bodies, and what is
itself a credential (a token, a crumb) is not recorded at all.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from scanner.errors import SourceError
from scanner.sources.base import INDEX, Answering, Clock, VendorOptions
from scanner.sources.failures import HttpError
from scanner.sources.http import Answer

HIDDEN = "[hidden]"
_SECRET_NAMES = frozenset({"apikey", "api_key", "token", "crumb", "access_token"})
_KEPT_HEADERS = ("Content-Type", "Date", "ETag", "Last-Modified", "Retry-After")
_SHORTEST_SECRET = 4
_UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")
_LONGEST_NAME = 100
_REPLAYED = Answer(200, b'{"access_token": "replayed"}', {})


def hide(text: str, secrets: Iterable[str]) -> str:
    """A text without any of the secrets, as they are and as they stand in an address."""
    for secret in sorted({form for one in secrets for form in (one, quote(one, safe=""))}, key=len, reverse=True):
        if len(secret) >= _SHORTEST_SECRET:
            text = text.replace(secret, HIDDEN)
    return text


class RecordingClient:
    """Asks as ``client`` does and keeps every answer in ``folder``. Raises SourceError where that cannot be written."""

    def __init__(
        self,
        client: Answering,
        folder: Path,
        vendor: str,
        options: VendorOptions,
        secrets: Iterable[str],
        clock: Clock,
    ) -> None:
        self._client, self._folder, self._vendor, self._clock = client, folder, vendor, clock
        delay = None if options.delay is None else options.delay.total_seconds()
        self._options = {"url": options.url, "feed": options.feed, "delay": delay}
        self._secrets = tuple(secrets)
        self._lock = threading.Lock()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            self._number = sum(1 for _ in folder.iterdir())
        except OSError as error:
            raise SourceError(f"{folder}: cannot be recorded to ({error.strerror or error})") from error

    def about(self, symbol: str, now: datetime) -> None:
        """What follows is asked for the sake of a symbol, in a scan at a moment."""
        self._write({"vendor": self._vendor, "symbol": symbol, "scan": now.isoformat(), "options": self._options})

    def get(self, url: str, headers: Mapping[str, str] | None = None, *, final: frozenset[int] = frozenset()) -> Answer:
        """As :meth:`scanner.sources.http.PoliteClient.get`; failures are kept too."""
        entry: dict[str, Any] = {
            "vendor": self._vendor, "at": self._clock().isoformat(), "request": hide(_place(url), self._secrets)
        }  # fmt: skip
        try:
            answer: Answer = self._client.get(url, headers, final=final)
        except HttpError as error:
            self._write({**entry, "code": error.code, "message": hide(str(error), self._secrets)})
            raise
        told = {name: answer.headers[name] for name in _KEPT_HEADERS if name in answer.headers}
        self._write({**entry, "status": answer.status, "headers": told}, answer.body)
        return answer

    def post(self, url: str, document: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """As :meth:`scanner.sources.http.PoliteClient.post`; no chain is asked for so, and nothing of it is kept."""
        answer: Answer = self._client.post(url, document, headers)
        return answer

    def secret(self, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None = None) -> Answer:
        """As :meth:`scanner.sources.http.PoliteClient.secret`; nothing of it is kept."""
        answer: Answer = self._client.secret(url, headers, form)
        return answer

    def _write(self, entry: dict[str, Any], body: bytes | None = None) -> None:
        with self._lock:
            try:
                if body is not None:
                    self._number += 1
                    name = _UNSAFE.sub("-", f"{self._number:05d}-{self._vendor}{entry['request']}")[:_LONGEST_NAME]
                    entry["body"] = f"{name.rstrip('.-')}.body"
                    (self._folder / entry["body"]).write_bytes(_without(body, self._secrets))
                with (self._folder / INDEX).open("a", encoding="utf-8") as index:
                    index.write(json.dumps(entry, ensure_ascii=True) + "\n")
            except OSError as error:
                raise SourceError(f"{self._folder}: cannot be recorded to ({error.strerror or error})") from error


def _without(body: bytes, secrets: Iterable[str]) -> bytes:
    for secret in secrets:
        if len(secret) >= _SHORTEST_SECRET:
            body = body.replace(secret.encode(), HIDDEN.encode())
    return body


def _place(url: str) -> str:
    """An address as it is recorded and found again: path and query, without what holds a credential."""
    parts = urlsplit(url)
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True)]
    open_to_see = [(name, value) for name, value in query if name.lower() not in _SECRET_NAMES]
    return parts.path + (f"?{urlencode(open_to_see, safe=',:')}" if open_to_see else "")


@dataclass(frozen=True)
class Recording:
    """One vendor's part of a recorded scan: the moment of the scan, the symbols asked for, and the answers by place.

    ``options`` are what the user had said of the vendor.
    """

    vendor: str
    scan: datetime
    options: VendorOptions
    symbols: list[str] = field(default_factory=list)
    answers: dict[str, Answer | HttpError] = field(default_factory=dict)


class ReplayingClient:
    """Answers from a recording, and never from the network."""

    def __init__(self, recording: Recording) -> None:
        self._answers = recording.answers

    def get(self, url: str, headers: Mapping[str, str] | None = None, *, final: frozenset[int] = frozenset()) -> Answer:
        """What was answered then. Raises HttpError as then, and where it was not asked."""
        del headers, final
        found = self._answers.get(_place(url))
        if found is None:
            raise HttpError(f"{_place(url)}: the recording has no answer to it", "not_recorded")
        if isinstance(found, HttpError):
            raise found
        return found

    def post(self, url: str, document: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """Nothing that is asked for so is recorded. Raises HttpError."""
        del document, headers
        raise HttpError(f"{_place(url)}: the recording has no answer to it", "not_recorded")

    def secret(self, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None = None) -> Answer:
        """A word in the place of a credential, which no recording holds."""
        del url, headers
        return Answer(200, b"replayed", {}) if form is None else _REPLAYED


def recordings(folder: Path) -> list[Recording]:
    """What a folder holds, a scan and a vendor each, in the order of the scans. Raises SourceError, naming the line."""
    found: dict[tuple[str, datetime], Recording] = {}
    current: dict[str, Recording] = {}
    with (folder / INDEX).open(encoding="utf-8", errors="replace") as index:
        for number, line in enumerate(index, 1):
            try:
                entry = json.loads(line)
                vendor = str(entry["vendor"])
                if "scan" in entry:
                    scan = datetime.fromisoformat(entry["scan"])
                    begun = Recording(vendor, scan, _options(entry["options"]))
                    current[vendor] = found.setdefault((vendor, scan), begun)
                    current[vendor].symbols.append(str(entry["symbol"]))
                else:
                    current[vendor].answers[str(entry["request"])] = _answer(folder, entry)
            except (ValueError, LookupError, TypeError, OSError, OverflowError) as error:
                said = error.strerror if isinstance(error, OSError) else type(error).__name__
                raise SourceError(f"{folder / INDEX}:{number}: not a line of a recording ({said})") from error
    return sorted(found.values(), key=lambda one: one.scan)


def _options(told: dict[str, Any]) -> VendorOptions:
    delay = None if told["delay"] is None else timedelta(seconds=float(told["delay"]))
    return VendorOptions(url=told["url"], feed=told["feed"], delay=delay)


def _answer(folder: Path, entry: dict[str, Any]) -> Answer | HttpError:
    if "code" in entry:
        return HttpError(str(entry["message"]), str(entry["code"]))
    name = str(entry["body"])
    if _UNSAFE.search(name) or name.startswith("."):
        raise ValueError("a body's name that leads out of the folder")
    headers = entry.get("headers")
    told = {str(key): str(value) for key, value in headers.items()} if isinstance(headers, dict) else {}
    return Answer(int(entry["status"]), (folder / name).read_bytes(), told)
