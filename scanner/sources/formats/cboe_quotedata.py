"""The "quotedata.csv" download of Cboe's website: a chain with calls and puts of a strike side by side.

Above the header stand the underlying's name and price, and the moment of the download in New York time, whose spelling
has changed over the years. The symbols in the rows tell the roots; the file names no ticker, so that comes from them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

import polars as pl

from scanner.market import chain
from scanner.market.calendar import NEW_YORK
from scanner.sources.formats import columns, times
from scanner.sources.formats.base import FIFTEEN_MINUTES, File, Findings, TextFormat, UnreadableError

_MOMENT = re.compile(r"^\W*(?:Date *:)? *(.*?)(?:[\"',; ]*\bBid *:.*)?[\"',; ]*$", re.IGNORECASE)
_DATED = re.compile(r"\bDate *:|(?<!\d)20\d\d(?!\d)", re.IGNORECASE)
_LAST = re.compile(r"\bLast: *(.*?)[\"',; ]*(?:\b[A-Za-z]+ *:.*)?$")
_SIDE = {
    "last sale": "last",
    "bid": "bid",
    "ask": "ask",
    "volume": "volume",
    "iv": "vendor_iv",
    "delta": "vendor_delta",
    "open interest": "open_interest",
}


class CboeQuotedata(TextFormat):
    """``Expiration Date,Calls,Last Sale,...,Strike,Puts,Last Sale,...`` below three lines of preamble."""

    name = "Cboe website quotedata CSV"
    source = "cboe"
    marks = frozenset({"calls", "puts", "last sale", "open interest", "strike"})
    delay = FIFTEEN_MINUTES

    def rows(self, block: pl.DataFrame, file: File, findings: Findings) -> pl.DataFrame:
        """Two rows out of each line."""
        seen_at, spot = _moment(file.preamble), _price(file.preamble, findings)
        sides = [
            block.select(
                "line",
                symbol=pl.col(symbols),
                strike=pl.col("strike"),
                **{ours: pl.col(theirs + suffix) for theirs, ours in _SIDE.items()},
            )
            for symbols, suffix in (("calls", ""), ("puts", "_2"))
        ]
        return pl.concat(sides).with_columns(
            seen_at=pl.lit(seen_at, dtype=chain.INSTANT), spot=pl.lit(spot, dtype=pl.Float64)
        )


def _moment(preamble: Sequence[str]) -> datetime:
    """When the page was made. Raises UnreadableError where the preamble does not say, or not in a way that is known."""
    strange: tuple[str, int] | None = None
    for number, line in enumerate(preamble, 1):
        found = _MOMENT.match(line)
        text = found[1] if found else line
        read = times.instants(pl.Series([text]), NEW_YORK.key)[0]
        if isinstance(read, datetime):
            return read
        if _DATED.search(line):
            strange = text, number
    if strange is not None:
        raise UnreadableError(
            f"the date {columns.quoted(strange[0])} cannot be read, or in more than one way", strange[1]
        )
    raise UnreadableError("the lines above the header give no date (Date: September 14, 2023 at 4:31 PM EDT)", 1)


def _price(preamble: Sequence[str], findings: Findings) -> float | None:
    """The underlying's last price; what stands there and is no price is reported."""
    for number, line in enumerate(preamble, 1):
        found = _LAST.search(line)
        if found is not None:
            given = pl.DataFrame({"line": [number], "last": [found[1]]})
            price: float | None = columns.numbers(given, findings)["last"][0]
            return price or None
    return None
