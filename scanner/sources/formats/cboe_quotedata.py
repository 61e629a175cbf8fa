"""The "quotedata.csv" download of Cboe's website: a chain with calls and puts of a strike side by side.

Above the header stand the underlying's name and price, and the moment of the download in New York time, whose spelling
has changed over the years. The symbols in the rows tell the roots; the file names no ticker, so that comes from them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

import polars as pl

from scanner import chain, sessions
from scanner.sources.formats.base import FIFTEEN_MINUTES, File, Findings, TextFormat, UnreadableError

_MOMENT = re.compile(
    r"(?P<month>[A-Z][a-z]+) (?P<day>\d{1,2}),? (?P<year>\d{4}),?(?: at)? (?P<clock>\d{1,2}:\d{2}) ?(?P<half>[AP]M)"
)
_LAST = re.compile(r"Last: *([\d.,]*\d)")
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
        seen_at, spot = _moment(file.preamble), _price(file.preamble)
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
    """When the page was made. Raises UnreadableError where the preamble does not say."""
    for number, line in enumerate(preamble, 1):
        match = _MOMENT.search(line)
        if match is None:
            continue
        text = "{month} {day} {year} {clock} {half}".format(**match.groupdict())
        try:
            local = datetime.strptime(text, "%B %d %Y %I:%M %p")  # noqa: DTZ007 - New York is given next
        except ValueError as error:
            raise UnreadableError(f"the date {text!r} cannot be read", number) from error
        return sessions.at_new_york(local.date(), local.time())
    raise UnreadableError("the lines above the header give no date (Date: September 14, 2023 at 4:31 PM EDT)", 1)


def _price(preamble: Sequence[str]) -> float | None:
    """The underlying's last price."""
    for line in preamble:
        match = _LAST.search(line)
        if match is not None:
            return float(match[1].replace(",", "")) or None
    return None
