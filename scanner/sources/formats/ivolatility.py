"""iVolatility end-of-day CSV: one row a contract, symbols padded, dates American.

Measured on recorded files: a row's open interest is that of the close before its date. Rows marked ``*`` in
``isinterpolated`` carry an implied volatility that was not computed from the contract's own price: it is left out.
"""

from __future__ import annotations

import polars as pl

from scanner.sources.blanks import AROUND_VALUES
from scanner.sources.formats.base import File, Findings, TextFormat

_OURS = {
    "symbol": "underlying",
    "date": "session_date",
    "option_symbol": "symbol",
    "option_expiration": "expiry",
    "strike": "strike",
    "call/put": "right",
    "style": "exercise_style",
    "bid": "bid",
    "ask": "ask",
    "volume": "volume",
    "open_interest": "open_interest",
    "stock_price_close": "spot",
    "delta": "vendor_delta",
}


class IVolatility(TextFormat):
    """``symbol,exchange,company_name,date,stock_price_close,option_symbol,...``."""

    name = "iVolatility CSV"
    source = "ivolatility"
    marks = frozenset({"stock_price_close", "option_symbol", "option_expiration", "call/put", "open_interest", "iv"})

    def rows(self, block: pl.DataFrame, file: File, findings: Findings) -> pl.DataFrame:
        """The vendor's fields under our names."""
        measured = (
            pl.col("isinterpolated").str.strip_chars(AROUND_VALUES) == "" if "isinterpolated" in block.columns else True
        )
        return block.select(
            "line",
            *(pl.col(theirs).alias(ours) for theirs, ours in _OURS.items() if theirs in block.columns),
            vendor_iv=pl.when(measured).then("iv"),
        )
