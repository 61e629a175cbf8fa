"""Verbatim Cboe delayed-quote JSON: a whole chain of one underlying, as the keyless site serves it.

The payload's ``timestamp`` is UTC, the trade times beside it are New York's without saying so. It is re-stamped at any
hour, so the session comes from the trades: a file fetched at the weekend holds Friday's session.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

import polars as pl

from scanner.market import chain
from scanner.market.calendar import NEW_YORK, Calendar
from scanner.sources.formats import columns, times
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

# Some seven times what the largest chain has.
_MOST_ENTRIES = 200_000
_PRICES = ("current_price", "close")


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
        seen_at = stamp(document.get("timestamp"), "UTC", "its timestamp")
        spot_time = _spot_time(data.get("last_trade_time"), findings)
        return columns.instants(rows, NEW_YORK.key, findings, "last_trade_time").with_columns(
            underlying=pl.lit(underlying),
            seen_at=pl.lit(seen_at, dtype=chain.INSTANT),
            spot_time=pl.lit(spot_time, dtype=chain.INSTANT),
            spot=pl.lit(spot_price(figures(data, _PRICES, findings), seen_at, file.calendar), dtype=pl.Float64),
        )


def stamp(value: Any, zone: str, name: str) -> datetime | None:
    """The moment a payload says it was made; None where it says none. Raises UnreadableError where that is no time.

    ``name`` is what the message calls it.
    """
    given = _column([value])
    read: datetime | None = times.instants(given, zone)[0]
    if read is None and columns.blanked(times.as_text(given))[0] is not None:
        raise UnreadableError(f"{name} {columns.quoted(value)} is {times.NOT_UNDERSTOOD}")
    return read


def _spot_time(value: Any, findings: Findings) -> datetime | None:
    try:
        return stamp(value, NEW_YORK.key, "its data.last_trade_time")
    except UnreadableError as error:
        findings.add(f"{error.reason}; left out", None, 0)
        return None


def figures(entry: dict[str, Any], names: Sequence[str], findings: Findings) -> dict[str, float | None]:
    """Some prices of a JSON object, by name; what is no price is reported, with the place of the object unknown."""
    given = pl.DataFrame({name: _column([entry.get(name)]) for name in names}).with_columns(line=pl.lit(None, pl.Int64))
    read: dict[str, float | None] = columns.numbers(given, findings, *names).drop("line").row(0, named=True)
    return read


def spot_price(quote: dict[str, float | None], seen_at: datetime | None, calendar: Calendar) -> float | None:
    """The underlying's price that goes with the option quotes.

    While the market is open that is ``current_price``. Options stop with the regular session, and the underlying goes
    on: outside the session ``current_price`` is the after-hours price, and the quotes belong to ``close``.
    """
    during = seen_at is None or calendar.is_open(seen_at - FIFTEEN_MINUTES)
    now, close = (quote[name] or None for name in _PRICES)
    return (now or close) if during else (close or now)


def from_entries(entries: Any, names: dict[str, str], findings: Findings) -> pl.DataFrame:
    """A list of JSON objects as columns; values of mixed types become text, for the cleaning to judge one by one."""
    if not isinstance(entries, list):
        raise UnreadableError(f"expected a list of options, found {type(entries).__name__}")
    if len(entries) > _MOST_ENTRIES:
        raise UnreadableError(f"{len(entries):,} options, where no chain has more than {_MOST_ENTRIES:,}")
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
        with suppress(OverflowError):
            return pl.Series(values, dtype=pl.Float64, strict=False)
    texts = [value if value is None or isinstance(value, str) else json.dumps(value) for value in values]
    return pl.Series([_text(text) for text in texts], dtype=pl.String)


def _text(value: object) -> str | None:
    """Text that can be stored; JSON escapes can spell half a character, which cannot."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else None
