"""Barchart's downloads of option prices: a page of one expiry, or a screener's list of contracts of many names.

A page names neither the underlying nor the expiry: both stand in the file's name, as the site writes it. The last line
tells when the file was made, in Chicago's clock. Volatilities have a per cent sign, and ``unch`` is no change. ``Time``
is a day or a clock without a day, and is not read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import polars as pl

from scanner.market import chain
from scanner.sources.formats import reading
from scanner.sources.formats.base import FIFTEEN_MINUTES, File, Findings, TextFormat, UnreadableError, unknown_columns

_OURS = {
    "strike": "strike",
    "type": "right",
    "bid": "bid",
    "ask": "ask",
    "latest": "last",
    "last": "last",
    "volume": "volume",
    "open int": "open_interest",
    "iv": "vendor_iv",
    "imp vol": "vendor_iv",
    "delta": "vendor_delta",
    "symbol": "underlying",
    "price~": "spot",
    "exp date": "expiry",
}
_NOT_READ = frozenset(
    {
        *("moneyness", "mid", "midpoint", "change", "%change", "%chg", "oi chg", "time", "last trade", "dte", "vol/oi"),
        *("gamma", "theta", "vega", "rho", "theo", "iv rank", "iv pctl", "iv skew", "itm prob", "otm prob"),
        *("profit prob", "be (bid)", "be (ask)", "be (mid)", "links", "side", "code", "*"),
    }
)
_NAMED = re.compile(r"^(?P<name>\$?[A-Za-z.]{1,6})-options-exp-(?P<expiry>\d{4}-\d{2}-\d{2})-")
_MADE = re.compile(r"as of (\d{2}-\d{2}-\d{4} \d{2}:\d{2}[ap]m) C[DS]T", re.IGNORECASE)
_CHICAGO = ZoneInfo("America/Chicago")


class Barchart(TextFormat):
    """``Strike,Moneyness,Bid,Mid,Ask,Latest,...,"Open Int",...,IV,Delta,Type,Time``."""

    name = "Barchart CSV"
    source = "barchart"
    marks = frozenset({"strike", "moneyness", "bid", "ask", "volume", "open int"})
    delay = FIFTEEN_MINUTES
    footer = "downloaded from barchart.com"

    def remarks(self, names: Sequence[str]) -> tuple[str, ...]:
        """Columns that are not known."""
        return unknown_columns(names, {*_OURS, *_NOT_READ})

    def rows(self, block: pl.DataFrame, file: File, findings: Findings) -> pl.DataFrame:
        """One row a contract. Raises UnreadableError where calls and puts, names or expiries cannot be told."""
        present = set(block.columns)
        if "type" not in present:
            raise UnreadableError(
                "calls and puts are not told apart: download the stacked view (it has a column Type)", 1
            )
        rows = block.select(
            "line", *(pl.col(theirs).alias(ours) for theirs, ours in _OURS.items() if theirs in present)
        )
        if "expiry" in rows.columns:
            century = r"${1}/20${2}"  # the site writes years of two digits
            rows = rows.with_columns(pl.col("expiry").str.replace(r"^(\d{1,2}/\d{1,2})/(\d{2})$", century))
        named = _NAMED.match(file.path.name)
        for ours, part in (("underlying", "name"), ("expiry", "expiry")):
            if ours in rows.columns:
                continue
            if named is None:
                example = "aapl-options-exp-2026-12-18-monthly-show-all-stacked-11-30-2026.csv"
                raise UnreadableError(
                    f"the file's name does not tell its {ours}; keep the site's name, such as {example}"
                )
            rows = rows.with_columns(pl.lit(named[part]).alias(ours))
        return rows.with_columns(seen_at=pl.lit(_made(file) or file.stamp, dtype=chain.INSTANT))


def _made(file: File) -> datetime | None:
    """When the last line says that the file was made; None where it says nothing."""
    found = _MADE.search(reading.last_line(file.path))
    if found is None:
        return None
    local = datetime.strptime(found[1].lower(), "%m-%d-%Y %I:%M%p")  # noqa: DTZ007 - the zone is given next
    return local.replace(tzinfo=_CHICAGO).astimezone(UTC)
