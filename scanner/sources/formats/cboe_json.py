"""Verbatim Cboe delayed-quote JSON: a whole chain of one underlying, as the keyless site serves it.

The payload's ``timestamp`` is UTC, the trade times beside it are New York's without saying so. It is re-stamped at any
hour, so the session comes from the trades: a file fetched at the weekend holds Friday's session.
"""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from scanner import chain, sessions
from scanner.sources.formats import times
from scanner.sources.formats.base import FIFTEEN_MINUTES, File, Findings, JsonFormat, UnreadableError

COLUMNS = {
    "option": "symbol",
    "bid": "bid",
    "ask": "ask",
    "bid_size": "bid_size",
    "ask_size": "ask_size",
    "last_trade_price": "last",
    "last_trade_time": "last_trade_time",
    "volume": "volume",
    "open_interest": "open_interest",
    "iv": "vendor_iv",
    "delta": "vendor_delta",
}


class CboeJson(JsonFormat):
    """``{"timestamp": ..., "data": {"options": [...], ...}, "symbol": ...}``."""

    name = "Cboe JSON"
    source = "cboe"
    delay = FIFTEEN_MINUTES

    def recognises(self, document: Any) -> bool:
        """A payload with a list of options."""
        return isinstance(document, dict) and isinstance(document.get("data"), dict) and "options" in document["data"]

    def rows(self, document: Any, file: File, findings: Findings) -> pl.DataFrame:
        """One row an option, with the underlying's price at the moment of the quotes."""
        data = document["data"]
        underlying = _text(data.get("symbol") or document.get("symbol"))
        if underlying is None:
            raise UnreadableError("the payload does not name its underlying (data.symbol)")
        rows = from_entries(data["options"], COLUMNS, findings)
        stamps = {"made": [_text(document.get("timestamp"))], "traded": [_text(data.get("last_trade_time"))]}
        moments = pl.DataFrame(stamps).select(times.utc_text("made"), times.new_york("traded"))
        seen_at, spot_time = moments.row(0)
        return rows.with_columns(
            times.new_york("last_trade_time").alias("last_trade_time"),
            underlying=pl.lit(underlying),
            seen_at=pl.lit(seen_at, dtype=chain.INSTANT),
            spot_time=pl.lit(spot_time, dtype=chain.INSTANT),
            spot=pl.lit(spot_price(data, seen_at), dtype=pl.Float64),
        )


def spot_price(quote: dict[str, Any], seen_at: Any) -> float | None:
    """The underlying's price that goes with the option quotes.

    While the market is open that is ``current_price``. Options stop with the regular session, and the underlying goes
    on: outside the session ``current_price`` is the after-hours price, and the quotes belong to ``close``.
    """
    during = seen_at is None or sessions.is_open(seen_at - FIFTEEN_MINUTES)
    names = ("current_price", "close") if during else ("close", "current_price")
    for name in names:
        price = quote.get(name)
        if isinstance(price, int | float) and not isinstance(price, bool) and price > 0:
            return float(price)
    return None


def from_entries(entries: Any, names: dict[str, str], findings: Findings) -> pl.DataFrame:
    """A list of JSON objects as columns; values of mixed types become text, for the cleaning to judge one by one."""
    if not isinstance(entries, list):
        raise UnreadableError(f"expected a list of options, found {type(entries).__name__}")
    for line, entry in enumerate(entries, 1):
        if not isinstance(entry, dict):
            findings.add(f"expected an option, found {type(entry).__name__}; row refused", line)
    kept = [(line, entry) for line, entry in enumerate(entries, 1) if isinstance(entry, dict)]
    columns = {"line": pl.Series([line for line, _ in kept], dtype=pl.Int64)}
    for theirs, ours in names.items():
        columns[ours] = _column([entry.get(theirs) for _, entry in kept])
    return pl.DataFrame(columns)


def _column(values: list[Any]) -> pl.Series:
    kinds = {type(value) for value in values if value is not None}
    if kinds <= {int, float}:
        try:
            return pl.Series(values, dtype=pl.Float64, strict=False)
        except OverflowError:
            pass
    texts = [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
    return pl.Series([_text(text) for text in texts], dtype=pl.String)


def _text(value: object) -> str | None:
    """Text that can be stored; JSON escapes can spell half a character, which cannot."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None
