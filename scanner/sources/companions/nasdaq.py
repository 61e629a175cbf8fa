"""Earnings, dividends and splits from the exchange's calendars: one question a kind and day, for all names at once.

The site turns away what does not look like a browser; this client says who it is, and does not pose as one. The days of
later quarters' earnings are estimates, and move.
"""

from __future__ import annotations

import re
from datetime import date
from types import MappingProxyType
from typing import Any

from scanner.market import symbology
from scanner.market.symbology import ticker
from scanner.sources.access import VendorError, parsed, refusal
from scanner.sources.base import SourceSettings
from scanner.sources.live import open_access
from scanner.sources.registry import COMPANIONS

Event = tuple[str, date, str, float | None, str | None]
_PATHS = MappingProxyType({"earnings": "earnings", "dividend": "dividends", "split": "splits"})
KINDS = tuple(_PATHS)
_WHEN = MappingProxyType({"time-pre-market": "before_open", "time-after-hours": "after_close"})
_LARGEST_DIVIDEND = 10_000
_RATIO = re.compile(r"\s*(\d+(?:\.\d+)?)\s*[:/]\s*(\d+(?:\.\d+)?)\s*")


class Calendars:
    """Asks for what is announced for a day."""

    def __init__(self, settings: SourceSettings) -> None:
        self._access, self.pace, _ = open_access(COMPANIONS["nasdaq"], settings, None, whole_timeout=20.0, attempts=2)

    def of(self, kind: str, day: date) -> list[Event]:
        """The events of a kind on a day. Raises VendorError and HttpError."""
        answer = self._access.get(f"/api/calendar/{_PATHS[kind]}", {"date": str(day)})
        if answer.status != 200:
            raise refusal(self._access, answer)
        rows = _rows(parsed(answer))
        return [event for row in rows if (event := _event(kind, day, row)) is not None]


def _rows(document: Any) -> list[dict[str, Any]]:
    """The rows, which stand in one of two places and are null on a day without any. Raises VendorError."""
    data = document.get("data") if isinstance(document, dict) else None
    if not isinstance(data, dict):
        raise VendorError("nasdaq's answer is no calendar", "unreadable")
    inside = data.get("calendar")
    rows = (inside if isinstance(inside, dict) else data).get("rows") or []
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise VendorError("nasdaq's calendar has no rows", "unreadable")
    return rows


def _event(kind: str, day: date, row: dict[str, Any]) -> Event | None:
    """A row as an event; None for what is no name or has no sound value."""
    name = ticker(str(row.get("symbol") or ""))
    if not symbology.is_name(name):
        return None
    if kind == "earnings":
        return name, day, kind, None, _WHEN.get(str(row.get("time")))
    if kind == "dividend":
        amount = row.get("dividend_Rate")
        if isinstance(amount, int | float) and not isinstance(amount, bool) and 0 < amount < _LARGEST_DIVIDEND:
            return name, day, kind, float(amount), None
        return None
    found = _RATIO.fullmatch(str(row.get("ratio") or ""))
    if found is None or not float(found[1]) or not float(found[2]):
        return None
    return name, day, kind, float(found[1]) / float(found[2]), None
