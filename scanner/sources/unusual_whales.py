"""Live chains from Unusual Whales: pages of option contracts until one is not full.

How pages are numbered is not documented: the second is asked for as page 1, and where that is the first again, as 2.
A page that brings nothing new after that is an error, for the chain would be a part of one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import polars as pl

from scanner.market.calendar import Calendar, new_york_date
from scanner.sources.access import VendorError
from scanner.sources.base import Clock, SourceSettings
from scanner.sources.formats.base import Findings
from scanner.sources.formats.unusual_whales import UnusualWhalesJson
from scanner.sources.live import LiveSource, open_access, written
from scanner.sources.registry import VENDORS
from scanner.sources.tapes.base import as_table, tape_of
from scanner.sources.tapes.unusual_whales import KEYS, UnusualWhalesTape
from scanner.tape.prints import Problem, Tape

_FORMAT, _TAPE = UnusualWhalesJson(), UnusualWhalesTape()
_PAGE = 500
_MOST_PAGES = 200


def open_source(settings: SourceSettings, calendar: Calendar, clock: Clock | None) -> UnusualWhalesSource:
    """The source with a client of its own. Raises UsageError where the credential is missing."""
    access, pace, workers = open_access(VENDORS["unusualwhales"], settings, clock)
    return UnusualWhalesSource(access, calendar, pace, workers)


class UnusualWhalesSource(LiveSource):
    """Chains of stocks, ETFs and indices, without sizes, times and the price of the underlying."""

    def headers(self) -> dict[str, str]:
        """The key."""
        key = self.access.secrets["UNUSUAL_WHALES_API_KEY"]
        return {"Authorization": f"Bearer {key}", "Accept": "application/json"}

    def rows(self, ticker: str, now: datetime, findings: Findings) -> pl.DataFrame:
        """All pages. A contract that is on two of them, as where they moved meanwhile, is taken from the first."""
        path = f"/api/stock/{written(ticker)}/option-contracts"
        contracts: dict[tuple[str, int], Any] = {}
        query: dict[str, str] = {}
        nothing_new = 0
        for page in range(_MOST_PAGES):
            document = self.ask_json(path, limit=str(_PAGE), **query)
            entries = document.get("data") if isinstance(document, dict) else None
            if not isinstance(entries, list):
                raise VendorError("its data are no list", "unreadable")
            before = len(contracts)
            for key, entry in _by_contract(entries):
                contracts.setdefault(key, entry)
            if len(entries) < _PAGE:
                break
            nothing_new = 0 if len(contracts) > before else nothing_new + 1
            if nothing_new > (1 if page == 1 else 0):
                raise VendorError("its pages do not go on: the chain would be a part of one", "incomplete")
            query = {"page": str(page + 1)}
        else:
            raise VendorError("its pages do not end: the chain would be a part of one", "incomplete")
        if not contracts:
            raise VendorError("unusualwhales has no options of it; check the spelling", "unknown_symbol")
        rows = _FORMAT.rows({"data": list(contracts.values())}, self.file(ticker), findings)
        return rows.with_columns(underlying=pl.lit(ticker))

    def prints(self, contract: str, first: datetime, last: datetime) -> Tape:
        """As :class:`scanner.sources.base.TellsPrints`.

        How the answer pages is not documented: the contract's running volume tells what is missing of it.
        """
        problems: list[Problem] = []
        day = new_york_date(first).isoformat()
        document = self.ask_json(f"/api/option-contract/{contract}/flow", date=day, limit=str(_PAGE))
        entries = document.get("data") if isinstance(document, dict) else None
        if not isinstance(entries, list):
            raise VendorError("its data are no list", "unreadable")
        table = as_table(entries, KEYS, problems).with_columns(option_chain_id=pl.lit(contract))
        tape = tape_of(_TAPE, [table], problems)
        lots, volume = tape.prints["size"].sum(), table["volume"].cast(pl.Int64, strict=False).max()
        if isinstance(volume, int) and lots < volume:
            told = Problem(
                "part_alone", f"{contract}: {lots:,} of the {volume:,} lots that traded; the rest was not given", 0
            )
            tape = Tape(tape.prints, (*tape.problems, told))
        return Tape(tape.prints.filter(pl.col("time").is_between(first, last)), tape.problems)


def _by_contract(entries: list[Any]) -> Iterator[tuple[tuple[str, int], Any]]:
    """A page's entries by their contract and how often it was on the page before, so that two rows of it are seen."""
    seen: Counter[str] = Counter()
    for entry in entries:
        symbol = str(entry.get("option_symbol")) if isinstance(entry, dict) else ""
        yield (symbol, seen[symbol]), entry
        seen[symbol] += 1
