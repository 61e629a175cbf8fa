"""Yahoo chains as people keep them in CSV: three layouts of the same feed.

The feed does not reset: a contract that has not traded today still shows the volume of the day it last did. So volume
counts only where the last trade is of the newest trading day in the file, and is 0 elsewhere. Bids and asks of zero
mean no quote, and then the implied volatility is a solver's starting value. The pull layout has no trade times; there
the volume is what it is, and a remark says so. A blank volume is no trade: every contract traded today shows one.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import polars as pl

from scanner.market import chain
from scanner.sources.formats import building, columns, json_objects, reading, volumes
from scanner.sources.formats.base import FIFTEEN_MINUTES, File, Findings, TextFormat, UnreadableError

STARTING_VALUE = 0.0001
_OURS = {
    "contractsymbol": "symbol",
    "ticker": "underlying",
    "expiration": "expiry",
    "expiry": "expiry",
    "type": "right",
    "strike": "strike",
    "lastprice": "last",
    "bid": "bid",
    "ask": "ask",
    "volume": "volume",
    "openinterest": "open_interest",
    "impliedvolatility": "vendor_iv",
    "spot_price": "spot",
    "spot": "spot",
    "snap_date": "session_date",
    "session": "session_date",
}


class Yahoo(TextFormat):
    """yfinance's column names; the session's label, the price and the moment differ from layout to layout."""

    name = "Yahoo chain CSV"
    source = "yahoo"
    marks = frozenset({"lastprice", "openinterest", "impliedvolatility", "strike"})
    delay = FIFTEEN_MINUTES

    def remarks(self, names: Sequence[str]) -> tuple[str, ...]:
        """Without trade times, volume left over from earlier days cannot be told from today's."""
        if "lasttradedate" in names:
            return ()
        return ("no trade times: volume left over from earlier days cannot be told from this session's",)

    def rows(self, block: pl.DataFrame, file: File, findings: Findings) -> pl.DataFrame:
        """The feed's fields under our names."""
        present = set(block.columns)
        if not {"contractsymbol"} <= present and not {"ticker", "type"} <= present:
            raise UnreadableError("columns missing: contractSymbol, or ticker and type", 1)
        rows = block.select("line", *(pl.col(name).alias(ours) for name, ours in _OURS.items() if name in present))
        meta = _meta(file)
        seen_at = _pulled_at(meta) or file.stamp
        blank = columns.blanked(rows["volume"]).is_null()
        rows = columns.numbers(rows, findings).with_columns(
            seen_at=pl.lit(seen_at, dtype=chain.INSTANT),
            volume=pl.when(pl.lit(blank)).then(0).otherwise("volume"),
            vendor_iv=pl.when(pl.col("ask") > 0, pl.col("vendor_iv") > STARTING_VALUE).then("vendor_iv"),
        )
        if "lasttradedate" in present:
            rows = rows.with_columns(last_trade_time=block["lasttradedate"])
            dated = columns.blanked(rows["last_trade_time"]).is_not_null()
            rows = building.trades_before_seen(columns.instants(rows, "UTC", findings, "last_trade_time"), findings)
            rows = volumes.newest_day_only(rows, undated=dated & rows["last_trade_time"].is_null())
        live = _live_spot(meta, file, findings)
        return rows if live is None else rows.with_columns(spot=pl.lit(live))


def _meta(file: File) -> dict[str, Any]:
    """``meta.json`` of the daily ETF layout: when the run was, and the price it saw."""
    beside = file.beside("meta.json")
    if beside is None:
        return {}
    try:
        content = reading.document(beside)
    except UnreadableError as error:
        raise UnreadableError(f"meta.json beside it cannot be read: {error.reason}") from error
    return content if isinstance(content, dict) else {}


def _pulled_at(meta: dict[str, Any]) -> datetime | None:
    return json_objects.moment(meta.get("utc"), "UTC", "the utc of meta.json beside it,")


def _live_spot(meta: dict[str, Any], file: File, findings: Findings) -> float | None:
    """The price at the pull, which the quotes go with; the one in the rows is the session label's close."""
    tickers = meta.get("tickers")
    ticker = tickers.get(file.path.name.split(".")[0].upper()) if isinstance(tickers, dict) else None
    if not isinstance(ticker, dict):
        return None
    return json_objects.prices(ticker, ("spot_live",), findings)["spot_live"] or None
