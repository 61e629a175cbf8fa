"""End-of-day files of historicaloptiondata.com and DiscountOptionData, three generations of one layout.

A file holds every underlying of a day. Its clock is New York's. Open interest is that of the close before; the newest
generation also has the one published the next morning (``T1OpenInterest``), which nobody knew on the day and is not
read. Vega is per 1.00 of volatility and theta per year: neither is read.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from scanner.market import symbology
from scanner.market.calendar import NEW_YORK
from scanner.sources.formats import columns
from scanner.sources.formats.base import File, Findings, TextFormat, unknown_columns

_OURS = {
    "underlyingsymbol": "underlying",
    "underlying": "underlying",
    "underlyingprice": "spot",
    "underlying_last": "spot",
    "type": "right",
    "expiration": "expiry",
    "strike": "strike",
    "last": "last",
    "bid": "bid",
    "ask": "ask",
    "volume": "volume",
    "openinterest": "open_interest",
    "iv": "vendor_iv",
    "ivmean": "vendor_iv",
    "impliedvol": "vendor_iv",
    "delta": "vendor_delta",
}
_DAYS = ("datadate", "quotedate")
_SYMBOLS = ("optionsymbol", "optionroot")
_NOT_READ = frozenset(
    {
        "exchange",
        "flags",
        "blank",
        "optionext",
        "gamma",
        "theta",
        "vega",
        "alias",
        "optionalias",
        "aka",
        "ivbid",
        "ivask",
    }
)
_KNOWN_NEXT_MORNING = "t1openinterest"


class HistoricalOptionData(TextFormat):
    """``UnderlyingSymbol,UnderlyingPrice,...,DataDate`` or, older, ``underlying,underlying_last,...,quotedate``."""

    name = "historicaloptiondata CSV"
    source = "historicaloptiondata"

    def recognises(self, header: frozenset[str]) -> bool:
        """The columns of either generation."""
        new = {"underlyingsymbol", "underlyingprice", "datadate", "type", "openinterest"} <= header
        return new or {"underlying", "underlying_last", "quotedate", "type", "openinterest"} <= header

    def remarks(self, names: Sequence[str]) -> tuple[str, ...]:
        """What is not read, and why."""
        known = {*_OURS, *_DAYS, *_SYMBOLS, *_NOT_READ, _KNOWN_NEXT_MORNING}
        later = ("T1OpenInterest is published the morning after: it is not read",)
        return (*unknown_columns(names, known), *(later if _KNOWN_NEXT_MORNING in names else ()))

    def rows(self, block: pl.DataFrame, file: File, findings: Findings) -> pl.DataFrame:
        """One row a contract; a day with a clock gives the moment of the quotes."""
        present = set(block.columns)
        day = next(name for name in _DAYS if name in present)
        rows = block.select(
            "line",
            *(pl.col(theirs).alias(ours) for theirs, ours in _OURS.items() if theirs in present),
            session_date=day,
        )
        symbol = next((name for name in _SYMBOLS if name in present), None)
        if symbol is not None:
            # Before 2010 a contract's symbol was of letters alone, and tells no root that is one now.
            rows = rows.with_columns(root=symbology.parse_osi_column(block[symbol])["root"])
        if rows["session_date"].str.contains(":", literal=True).any():
            timed = rows.with_columns(quote_time="session_date")
            rows = columns.moments(timed, NEW_YORK.key, findings, "quote_time")
        return rows
