"""Stock prints off the exchanges, by name, from Unusual Whales: the newest first, page by page back to a moment.

How its answers page is described and was not seen: a page that brings nothing older ends the asking.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl

from scanner.sources.access import VendorError, parsed, refusal
from scanner.sources.base import SourceSettings
from scanner.sources.live import open_access, written
from scanner.sources.registry import VENDORS
from scanner.sources.tapes.base import as_table, tape_of
from scanner.sources.tapes.stocks import UNUSUAL_WHALES_KEYS, UnusualWhalesDarkPool
from scanner.tape.prints import Problem, Tape

_FORM = UnusualWhalesDarkPool()
_PAGE, _MOST_PAGES = 500, 20


class DarkPool:
    """Asks for the prints of one name."""

    def __init__(self, settings: SourceSettings) -> None:
        vendor = VENDORS["unusualwhales"]
        self._access, self.pace, _ = open_access(vendor, settings, None, whole_timeout=20.0, attempts=2)
        (key,) = self._access.secrets.values()
        self._headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}

    def of(self, name: str, since: datetime) -> Tape:
        """The prints of a name reported since a moment. Raises VendorError and HttpError.

        Where there are more than the pages that are asked for, the oldest are missing, and that is told.
        """
        problems: list[Problem] = []
        tables: list[pl.DataFrame] = []
        oldest: str | None = None
        for _ in range(_MOST_PAGES):
            page = self._page(name, oldest)
            tables.append(as_table(page, UNUSUAL_WHALES_KEYS, problems).with_columns(pl.col("ticker").fill_null(name)))
            reported = [one for one in tables[-1]["executed_at"].to_list() if one is not None]
            before, oldest = oldest, min(reported, default=None)
            if len(page) < _PAGE or oldest in (None, before) or oldest <= f"{since:%Y-%m-%dT%H:%M:%S}":
                break
        else:
            problems.append(Problem("part_alone", f"{name}: more prints off the exchanges than were asked for", 0))
        tape = tape_of(_FORM, tables, problems)
        return Tape(tape.prints.filter(pl.col("time") >= since), tape.problems)

    def _page(self, name: str, older_than: str | None) -> list[Any]:
        query = {"limit": str(_PAGE), **({} if older_than is None else {"older_than": older_than})}
        answer = self._access.get(f"/api/darkpool/{written(name)}", query, self._headers)
        if answer.status != 200:
            raise refusal(self._access, answer)
        document = parsed(answer)
        entries = document.get("data") if isinstance(document, dict) else None
        if not isinstance(entries, list):
            raise VendorError("unusualwhales' prints off the exchanges cannot be read", "unreadable")
        return entries
