"""Cboe chains flattened to CSV, with all the vendor's fields, in the two layouts people keep them in.

The daily layout says its session (``session_date``, ``ticker``) and may have ``underlying.csv`` beside it or one folder
up, which tells when the payload was made and what the underlying cost. The pull layout (``root``, ``expiration``) has
neither: its moment is the UTC pull time in the file's name.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from scanner.market import chain
from scanner.market.calendar import NEW_YORK, Calendar
from scanner.sources.formats import columns
from scanner.sources.formats.base import FIFTEEN_MINUTES, File, Findings, TextFormat, UnreadableError
from scanner.sources.formats.cboe_json import COLUMNS, spot_price

_PRICES = ("current_price", "close")
_PAYLOAD = {"payload_timestamp": "seen_at", "fetched_at_utc": "fetched_at", "last_trade_time": "spot_time"}


class CboeFlat(TextFormat):
    """One row an option: the fields of the Cboe payload, and what the flattening added."""

    name = "flattened Cboe CSV"
    source = "cboe"
    marks = frozenset({"option", "last_trade_price", "prev_day_close", "open_interest", "theo"})
    delay = FIFTEEN_MINUTES

    def rows(self, block: pl.DataFrame, file: File, findings: Findings) -> pl.DataFrame:
        """The vendor's fields under our names, with the moment and the underlying's price where they are known."""
        present = set(block.columns)
        missing = [name for name in COLUMNS if name not in present]
        if missing:
            raise UnreadableError(f"columns missing: {', '.join(missing)}", 1)
        ticker = "ticker" if "ticker" in present else "root"
        if ticker not in present:
            raise UnreadableError("columns missing: ticker or root", 1)
        expiry = "expiry" if "expiry" in present else "expiration"
        extra = {
            expiry: "expiry",
            "strike": "strike",
            "right": "right",
            "type": "right",
            "session_date": "session_date",
        }
        rows = block.select(
            "line",
            *(pl.col(theirs).alias(ours) for theirs, ours in COLUMNS.items()),
            *(pl.col(theirs).alias(ours) for theirs, ours in extra.items() if theirs in present),
            underlying=pl.col(ticker) if ticker == "ticker" else pl.lit(None, dtype=pl.String),
        )
        rows = columns.instants(rows, NEW_YORK.key, findings, "last_trade_time")
        beside = file.beside("underlying.csv", levels=2) if "session_date" in present else None
        if beside is None:
            return rows.with_columns(seen_at=pl.lit(file.stamp, dtype=chain.INSTANT))
        return rows.join(
            _payloads(beside, file.calendar, findings),
            left_on=["session_date", "underlying"],
            right_on=["session_date", "ticker"],
            how="left",
            maintain_order="left",
        )


def _payloads(path: Path, calendar: Calendar, findings: Findings) -> pl.DataFrame:
    """When each payload was made and fetched, and the underlying's price in it, by session and ticker (text)."""
    try:
        quotes = pl.read_csv(path, infer_schema=False)
        wanted = ("session_date", "ticker", "payload_timestamp", "fetched_at_utc", "last_trade_time", *_PRICES)
        quotes = quotes.select(wanted).with_row_index("line", 2)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise UnreadableError(f"{path.name} beside it cannot be read ({type(error).__name__})") from error
    quotes = quotes.unique(["session_date", "ticker"], keep="last", maintain_order=True).rename(_PAYLOAD)
    beside = Findings(findings.path)
    quotes = columns.instants(quotes, "UTC", beside, "seen_at", "fetched_at")
    quotes = columns.instants(quotes, NEW_YORK.key, beside, "spot_time")
    quotes = columns.numbers(quotes, beside, *_PRICES)
    for refusal in beside.take():
        findings.add(f"{path.name} beside it, line {refusal.line}: {refusal.reason}", None, 0)
    told = quotes.select(*_PRICES, "seen_at").iter_rows(named=True)
    prices = [spot_price(quote, quote["seen_at"], calendar) for quote in told]
    return quotes.select(
        "session_date", "ticker", "seen_at", "fetched_at", "spot_time", spot=pl.Series(prices, dtype=pl.Float64)
    )
