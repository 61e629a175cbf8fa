"""Verbatim Cboe delayed-quote JSON: a whole chain of one underlying, as the keyless site serves it.

The payload's ``timestamp`` is UTC, the trade times beside it are New York's without saying so. It is re-stamped at any
hour, so the session comes from the trades: a file fetched at the weekend holds Friday's session.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import polars as pl

from scanner.market import chain
from scanner.market.calendar import NEW_YORK, Calendar
from scanner.sources.formats import columns, json_objects
from scanner.sources.formats.base import FIFTEEN_MINUTES, File, Findings, JsonFormat, UnreadableError
from scanner.sources.formats.typed import Decoder

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

_PRICES = ("current_price", "close")
_TEXTS = ("option", "last_trade_time")
_DECODER = Decoder(
    {name: str if name in _TEXTS else float for name in COLUMNS},
    unread=(
        "gamma", "vega", "theta", "rho", "theo", "change", "open", "high", "low", "tick", "percent_change",
        "prev_day_close",
    ),
)  # fmt: skip


class CboeJson(JsonFormat):
    """``{"timestamp": ..., "data": {"options": [...], ...}, "symbol": ...}``."""

    name = "Cboe JSON"
    source = "cboe"
    delay = FIFTEEN_MINUTES

    def recognises(self, document: Any) -> bool:
        """A payload with a list of options."""
        return isinstance(document, dict) and isinstance(document.get("data"), dict) and "options" in document["data"]

    def quickly(self, content: bytes) -> Any:
        """The document of a body in which every value is of its kind, for :meth:`rows`; None where it is not so."""
        return _DECODER.document(content)

    def rows(self, document: Any, file: File, findings: Findings) -> pl.DataFrame:
        """One row an option, with the underlying's price at the moment of the quotes."""
        data = document["data"]
        underlying = json_objects.text(data.get("symbol") or document.get("symbol"))
        if underlying is None:
            raise UnreadableError("the payload does not name its underlying (data.symbol)")
        rows = json_objects.rows_of(data["options"], COLUMNS, findings)
        seen_at = json_objects.moment(document.get("timestamp"), "UTC", "its timestamp")
        spot_time = _spot_time(data.get("last_trade_time"), findings)
        quote = json_objects.prices(data, _PRICES, findings)
        return columns.instants(rows, NEW_YORK.key, findings, "last_trade_time").with_columns(
            underlying=pl.lit(underlying),
            seen_at=pl.lit(seen_at, dtype=chain.INSTANT),
            spot_time=pl.lit(spot_time, dtype=chain.INSTANT),
            spot=pl.lit(spot_price(quote, seen_at, file.calendar), dtype=pl.Float64),
        )


def _spot_time(value: Any, findings: Findings) -> datetime | None:
    try:
        return json_objects.moment(value, NEW_YORK.key, "its data.last_trade_time")
    except UnreadableError as error:
        findings.add(f"{error.reason}; left out", None, 0)
        return None


def spot_price(quote: dict[str, float | None], seen_at: datetime | None, calendar: Calendar) -> float | None:
    """The underlying's price that goes with the option quotes.

    While the market is open that is ``current_price``. Options stop with the regular session, and the underlying goes
    on: outside the session ``current_price`` is the after-hours price, and the quotes belong to ``close``.
    """
    during = seen_at is None or calendar.is_open(seen_at - FIFTEEN_MINUTES)
    now, close = (quote[name] or None for name in _PRICES)
    return (now or close) if during else (close or now)
