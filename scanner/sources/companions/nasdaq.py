"""Earnings, dividends and splits from the exchange's calendars: one question a kind and day, for all names at once.

The site turns away what does not look like a browser; this client says who it is, and does not pose as one. The days of
later quarters' earnings are estimates, and move. None of it is documented: where a row says its own day, that counts,
whatever day was asked for; and a calendar of which no row is understood is an error, and not a day without events.
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
# Where a row says its own day.
_DAYS = MappingProxyType({"earnings": "", "dividend": "dividend_Ex_Date", "split": "executionDate"})
_DAY = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})")
_LARGEST_DIVIDEND, _LARGEST_SPLIT = 10_000, 1_000
_MONEY = re.compile(r"\s*\$?\s*(\d+(?:\.\d+)?)\s*")
_RATIO = re.compile(r"\s*(\d+(?:\.\d+)?)\s*[:/]\s*(\d+(?:\.\d+)?)\s*")
# Shares given beside those held are no split that options follow.
_PER_CENT = re.compile(r"\s*\d+(?:\.\d+)?\s*%\s*")


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
        if rows and not any(_is_understood(kind, row) for row in rows):
            raise VendorError(
                f"none of the {len(rows):,} rows of nasdaq's calendar of {_PATHS[kind]} of {day} is understood; please "
                "report it",
                "unreadable",
            )
        own = [row for row in rows if _day(kind, row, day) == day]
        return [event for row in own if (event := _event(kind, day, row)) is not None]


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


def _day(kind: str, row: dict[str, Any], asked: date) -> date | None:
    """The day that a row says it is of, else the one asked for; None where what it says is no day."""
    told = str(row.get(_DAYS[kind]) or "").strip()
    if not told:
        return asked
    found = _DAY.fullmatch(told)
    try:
        return date.fromisoformat(told[:10]) if found is None else date(int(found[3]), int(found[1]), int(found[2]))
    except ValueError:
        return None


def _is_understood(kind: str, row: dict[str, Any]) -> bool:
    """Whether a row is what rows of its kind are taken to be, whatever its value."""
    if not isinstance(row.get("symbol"), str):
        return False
    if kind == "split":
        told = str(row.get("ratio") or "")
        return bool(_RATIO.fullmatch(told) or _PER_CENT.fullmatch(told))
    return kind == "earnings" or _amount(row) is not None


def _amount(row: dict[str, Any]) -> float | None:
    """A dividend in dollars a share, which may be written as text."""
    told = row.get("dividend_Rate")
    if isinstance(told, str):
        found = _MONEY.fullmatch(told)
        return None if found is None else float(found[1])
    return float(told) if isinstance(told, int | float) and not isinstance(told, bool) else None


def _event(kind: str, day: date, row: dict[str, Any]) -> Event | None:
    """A row as an event; None for what is no name or has no sound value."""
    name = ticker(str(row.get("symbol") or ""))
    if not symbology.is_name(name):
        return None
    if kind == "earnings":
        return name, day, kind, None, _WHEN.get(str(row.get("time")))
    if kind == "dividend":
        amount = _amount(row)
        return (name, day, kind, amount, None) if amount is not None and 0 < amount < _LARGEST_DIVIDEND else None
    found = _RATIO.fullmatch(str(row.get("ratio") or ""))
    if found is None or not float(found[1]) or not float(found[2]):
        return None
    ratio = float(found[1]) / float(found[2])
    return (name, day, kind, ratio, None) if 1 / _LARGEST_SPLIT <= ratio <= _LARGEST_SPLIT else None
