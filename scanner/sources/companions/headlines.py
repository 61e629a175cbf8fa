"""Headlines about a name, with the moment they were published, from vendors that also have chains.

What names many symbols at once is about the market and left out. A headline is a stranger's text: it is made one line
of bounded length here, and harmless wherever it is shown.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from scanner.market.symbology import plain_ticker
from scanner.sources.access import VendorError, parsed, refusal
from scanner.sources.base import SourceSettings
from scanner.sources.live import open_access
from scanner.sources.registry import VENDORS

News = tuple[str, datetime, str, str]
_NEWEST = 50
_MOST_SYMBOLS = 5
_LONGEST = 160


@dataclass(frozen=True, slots=True)
class _Site:
    """How one vendor is asked, and where in an entry what stands."""

    path: str
    query: Callable[[str, str], dict[str, str]]
    credential: Callable[[Mapping[str, str]], dict[str, str]]
    entries: str
    text: str
    published: str
    symbols: str


_SITES = MappingProxyType(
    {
        "massive": _Site(
            "/v2/reference/news",
            lambda name, since: {"ticker": name, "published_utc.gte": since, "order": "desc", "limit": str(_NEWEST)},
            lambda secrets: {"Authorization": f"Bearer {next(iter(secrets.values()))}"},
            "results", "title", "published_utc", "tickers",
        ),
        "alpaca": _Site(
            "/v1beta1/news",
            lambda name, since: {"symbols": name, "start": since, "sort": "desc", "limit": str(_NEWEST)},
            lambda secrets: {
                "APCA-API-KEY-ID": secrets["APCA_API_KEY_ID"], "APCA-API-SECRET-KEY": secrets["APCA_API_SECRET_KEY"]
            },
            "news", "headline", "created_at", "symbols",
        ),
    }
)  # fmt: skip
TELLERS = tuple(_SITES)


class Headlines:
    """Asks one vendor for the newest headlines about a name."""

    def __init__(self, vendor: str, settings: SourceSettings) -> None:
        self._site = _SITES[vendor]
        self._access, self.pace, _ = open_access(VENDORS[vendor], settings, None, whole_timeout=20.0, attempts=2)

    def of(self, name: str, since: datetime) -> list[News]:
        """Name, moment, kind and text of each since a moment, the newest fifty. Raises VendorError and HttpError."""
        query = self._site.query(name, since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))
        answer = self._access.get(self._site.path, query, self._site.credential(self._access.secrets))
        if answer.status != 200:
            raise refusal(self._access, answer)
        return self._told(name, parsed(answer))

    def _told(self, name: str, document: Any) -> list[News]:
        entries = document.get(self._site.entries) if isinstance(document, dict) else None
        if not isinstance(entries, list):
            raise VendorError(f"{self._access.vendor.name}'s headlines cannot be read", "unreadable")
        return [told for entry in entries if (told := self._one(name, entry)) is not None]

    def _one(self, name: str, entry: Any) -> News | None:
        """A headline; None for what is none, has no time, or is not of this name above all."""
        try:
            text, symbols = str(entry[self._site.text] or ""), entry.get(self._site.symbols) or []
            published = datetime.fromisoformat(entry[self._site.published])
            named = {plain_ticker(symbol) for symbol in symbols}
        except (AttributeError, LookupError, TypeError, ValueError):
            return None
        line = " ".join(html.unescape(text).split())
        if not line or len(named) > _MOST_SYMBOLS or plain_ticker(name) not in named:
            return None
        moment = published.replace(tzinfo=UTC) if published.tzinfo is None else published.astimezone(UTC)
        return name, moment, "headline", line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3].rstrip()}..."
