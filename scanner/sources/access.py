"""The way to one vendor: where it is, with which credential, how fast, and what its refusals mean.

Credentials come from the environment and from nowhere else. They go to the vendor's own site, over TLS, or to a server
on this machine; they are taken out of every text that is shown or kept.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address
from typing import Any, Protocol
from urllib.parse import urlencode, urlsplit

from scanner.errors import ScannerError, SourceError, UsageError
from scanner.sources.base import MissingKeyError, Vendor, VendorOptions
from scanner.sources.formats.base import UnreadableError
from scanner.sources.formats.reading import parse_json
from scanner.sources.http import Answer
from scanner.sources.recording import hide

# A word beside a sentence (Intrinio's ``error`` beside its ``message``) comes after it.
_SAID_IN = (
    *("message", "error", "errors", "errmsg", "msg", "Error Message", "Information", "Note", "description"),
    *("detail", "faultstring", "title"),
)
_LONGEST_SAID = 200
_DEEPEST = 6
_NONE: frozenset[int] = frozenset()


class VendorError(SourceError):
    """A vendor has no chain of one symbol; ``code`` says which way, the message why and what to do."""


class Getter(Protocol):
    """What asks: :class:`scanner.sources.http.PoliteClient`, or one that answers from a recording."""

    def get(self, url: str, headers: Mapping[str, str] | None = None, *, final: frozenset[int] = _NONE) -> Answer:
        """The answer of an address. Raises HttpError."""
        ...

    def post(self, url: str, document: bytes, headers: Mapping[str, str] | None = None) -> Answer:
        """The answer to a JSON document. Raises HttpError."""
        ...

    def secret(self, url: str, headers: Mapping[str, str], form: Mapping[str, str] | None = None) -> Answer:
        """The answer that is itself a credential. Raises HttpError."""
        ...


@dataclass(frozen=True)
class Access:
    """One vendor, ready to be asked. ``secrets`` are the variables of its credential that are set, by name."""

    vendor: Vendor
    client: Getter
    options: VendorOptions = field(default_factory=VendorOptions)
    secrets: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def site(self) -> str:
        """Where it is asked."""
        return (self.options.url or self.vendor.site).rstrip("/")

    def elsewhere(self, site: str) -> str:
        """Another host of the vendor's; the user's own server stands for all of them."""
        return self.site if self.options.url else site

    def get(
        self,
        path: str,
        query: Mapping[str, object] | None = None,
        headers: Mapping[str, str] | None = None,
        *,
        site: str | None = None,
        final: frozenset[int] = _NONE,
    ) -> Answer:
        """The answer of a path of the vendor's site. Raises HttpError."""
        # A vendor's own words (a date, a page's token) are sent back: half a character in them is sent as none.
        asked = f"?{urlencode(query, safe=',:', errors='replace')}" if query else ""
        return self.client.get(f"{site or self.site}{path}{asked}", headers, final=final)

    def post(self, path: str, document: object) -> Answer:
        """The answer to a JSON document that is sent to a path of the vendor's site. Raises HttpError."""
        return self.client.post(f"{self.site}{path}", json.dumps(document).encode(), {"Accept": "application/json"})

    def hide(self, text: str) -> str:
        """A text without anything of the credential, as it is and as it stands in an address."""
        return hide(text, self.secrets.values())


def credential(vendor: Vendor, environment: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables of a vendor's credential that are set. Raises MissingKeyError where none of its sets is whole."""
    there = os.environ if environment is None else environment
    for names in vendor.keys:
        if all(there.get(name, "").strip() for name in names):
            return {name: there[name].strip() for name in names}
    if not vendor.keys:
        return {}
    partly = [name for names in vendor.keys for name in names if there.get(name, "").strip()]
    beside = f" ({' and '.join(partly)} alone is not enough)" if partly else ""
    raise MissingKeyError(
        f"source {vendor.name}: it needs a credential in the environment{beside}; set {vendor.credential} "
        "(export NAME=...) or take another source"
    )


def require_safe(vendor: Vendor, options: VendorOptions) -> None:
    """Hold that a credential leaves this machine encrypted or not at all. Raises UsageError."""
    if options.url is None:
        return
    parts = urlsplit(options.url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username or parts.query or parts.fragment:
        raise UsageError(
            f"vendors.{vendor.name}.url: expected https://HOST[/PATH], without user, query or fragment; credentials "
            "come from the environment"
        )
    if parts.scheme == "http" and vendor.keys and not _is_this_machine(parts.hostname):
        raise UsageError(
            f"vendors.{vendor.name}.url: the credential would travel unencrypted to {parts.hostname}; write https://"
        )


def _is_this_machine(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def parsed(answer: Answer) -> Any:
    """The JSON of an answer. Raises VendorError where it is none."""
    try:
        return parse_json(answer.body)
    except UnreadableError as error:
        raise VendorError(f"the answer cannot be understood: {error}", "unreadable") from error


def said(answer: Answer) -> str:
    """What the vendor says in words, short and fit to be shown; empty where it says nothing."""
    try:
        words = _words(parse_json(answer.body))
    except (UnreadableError, ScannerError, RecursionError):
        words = answer.body[:2000].decode("utf-8", "replace")
        if "<" in words:
            words = re.sub(r"<[^>]*>", " ", words)
    text = " ".join((words or "").split())
    shown = text if len(text) <= _LONGEST_SAID else f"{text[:_LONGEST_SAID]}..."
    return ascii(shown)[1:-1] if shown else ""


def _words(document: Any, depth: int = 0) -> str | None:
    """The first sentence under one of the keys that vendors put theirs under, at any depth."""
    if isinstance(document, str) and depth:
        return document
    if isinstance(document, list):
        return next((found for item in document[:5] if (found := _words(item, depth + 1))), None)
    if not isinstance(document, dict) or depth > _DEEPEST:
        return None
    for key in _SAID_IN:
        if document.get(key) and (found := _words(document[key], depth + 1)):
            return found
    holders = (value for value in document.values() if isinstance(value, dict | list))
    return next((found for value in holders if (found := _words(value, depth + 1)) and " " in found), None)


def refusal(access: Access, answer: Answer) -> VendorError:
    """What a status that is no success means, by the statuses that all vendors share."""
    words = said(answer)
    reason = f"HTTP {answer.status}" + (f": {words}" if words else "")
    vendor = access.vendor
    if answer.status in (401, 402, 403) and not vendor.keys:
        return VendorError(f"{vendor.name} refuses to answer ({reason}), and takes no credential", "blocked")
    if answer.status == 401:
        return VendorError(
            f"{vendor.name} refuses the credential ({reason}); look at {vendor.credential}", "unauthorised"
        )
    if answer.status in (402, 403):
        return VendorError(
            f"{vendor.name} does not give this to you ({reason}); look at what the plan holds, and at the credential",
            "not_entitled",
        )
    if answer.status == 404:
        return VendorError(f"{vendor.name} has no options of it ({reason}); check the spelling", "unknown_symbol")
    return VendorError(f"{vendor.name} answered {reason}", "http_error")
