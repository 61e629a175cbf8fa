"""Option chains as OpenBB hands them out, whichever vendor they came from, saved as CSV.

Volatilities are decimals. Trade times without a zone are New York's. What the vendor behind it does not give is a
column of blanks or zeros, and some of them go on showing the volume of an earlier day: a volume counts where the last
trade is of the newest trading day in the file. There is no time of the quotes beside ``eod_date``.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from scanner.market import chain
from scanner.market.calendar import NEW_YORK
from scanner.sources.formats import building, columns, volumes
from scanner.sources.formats.base import FIFTEEN_MINUTES, File, Findings, TextFormat, unknown_columns

_OURS = {
    "underlying_symbol": "underlying",
    "underlying_price": "spot",
    "contract_symbol": "symbol",
    "eod_date": "session_date",
    "expiration": "expiry",
    "strike": "strike",
    "option_type": "right",
    "open_interest": "open_interest",
    "volume": "volume",
    "last_trade_price": "last",
    "last_trade_time": "last_trade_time",
    "bid": "bid",
    "bid_size": "bid_size",
    "ask": "ask",
    "ask_size": "ask_size",
    "implied_volatility": "vendor_iv",
    "delta": "vendor_delta",
}
_NOT_READ = frozenset(
    {
        *("", "index", "dte", "theoretical_price", "last_trade_size", "tick", "bid_time", "ask_time", "mark", "open"),
        *("open_bid", "open_ask", "high", "bid_high", "ask_high", "low", "bid_low", "ask_low", "close", "close_size"),
        *("close_time", "close_bid", "close_bid_size", "close_bid_time", "close_ask", "close_ask_size"),
        *("close_ask_time", "prev_close", "change", "change_percent", "gamma", "theta", "vega", "rho", "in_the_money"),
        *("currency", "bid_exchange", "ask_exchange", "contract_size", "exchange"),
    }
)


class OpenBB(TextFormat):
    """``underlying_symbol,underlying_price,contract_symbol,...,option_type,...,implied_volatility,...``."""

    name = "OpenBB CSV"
    source = "openbb"
    marks = frozenset({"contract_symbol", "expiration", "strike", "option_type", "open_interest"})
    delay = FIFTEEN_MINUTES

    def remarks(self, names: Sequence[str]) -> tuple[str, ...]:
        """Columns that are not known, and what cannot be told without trade times."""
        untold = (
            ()
            if "last_trade_time" in names
            else ("no trade times: volume left over from earlier days cannot be told from this session's",)
        )
        return (*unknown_columns(names, {*_OURS, *_NOT_READ}), *untold)

    def rows(self, block: pl.DataFrame, file: File, findings: Findings) -> pl.DataFrame:
        """The columns under our names; the time in the file's name is that of the pull."""
        present = set(block.columns)
        rows = block.select(
            "line",
            *(pl.col(theirs).alias(ours) for theirs, ours in _OURS.items() if theirs in present),
            seen_at=pl.lit(file.stamp, dtype=chain.INSTANT),
        )
        if "session_date" in rows.columns and columns.blanked(rows["session_date"]).is_null().all():
            rows = rows.drop("session_date")
        rows = columns.numbers(rows, findings)
        if "last_trade_time" not in present:
            return rows
        dated = columns.blanked(rows["last_trade_time"]).is_not_null()
        rows = columns.instants(rows, NEW_YORK.key, findings, "last_trade_time")
        rows = building.trades_before_seen(rows, findings)
        return volumes.newest_day_only(rows, undated=dated & rows["last_trade_time"].is_null())
