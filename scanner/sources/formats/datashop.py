"""Cboe DataShop "Option EOD Summary" CSV, with or without its calculated columns.

The quotes taken are those of a quarter of an hour before the close, which the vendor recommends: the ones at the close
are wide. Volume is the whole session's, so the chain stands for the close; open interest is the start of day's, that is
the close before.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from scanner.sources.blanks import AROUND_VALUES
from scanner.sources.formats import columns
from scanner.sources.formats.base import File, Findings, TextFormat

_OURS = {
    "underlying_symbol": "underlying",
    "quote_date": "session_date",
    "root": "root",
    "expiration": "expiry",
    "strike": "strike",
    "option_type": "right",
    "close": "last",
    "trade_volume": "volume",
    "bid_1545": "bid",
    "ask_1545": "ask",
    "bid_size_1545": "bid_size",
    "ask_size_1545": "ask_size",
    "implied_volatility_1545": "vendor_iv",
    "delta_1545": "vendor_delta",
    "open_interest": "open_interest",
}

_UNDERLYING = ("underlying_bid_1545", "underlying_ask_1545", "active_underlying_price_1545")


class DataShop(TextFormat):
    """``underlying_symbol,quote_date,root,expiration,strike,option_type,...``."""

    name = "Cboe DataShop EOD CSV"
    source = "cboe_datashop"
    marks = frozenset(
        {"underlying_symbol", "quote_date", "root", "option_type", "trade_volume", "bid_1545", "ask_1545"}
    )

    def remarks(self, names: Sequence[str]) -> tuple[str, ...]:
        """What the moment of the chain hides."""
        return ("the quotes are those of 15:45 New York, the volume is the whole session's",)

    def rows(self, block: pl.DataFrame, file: File, findings: Findings) -> pl.DataFrame:
        """The vendor's fields under our names; a delivery code marks an adjusted contract."""
        present = set(block.columns)
        rows = block.select(
            "line",
            *(pl.col(theirs).alias(ours) for theirs, ours in _OURS.items() if theirs in present),
            spot=_spot(columns.numbers(block, findings, *(name for name in _UNDERLYING if name in present))),
        )
        if "delivery_code" in present:
            adjusted = block["delivery_code"].fill_null("").str.strip_chars(AROUND_VALUES) != ""
            rows = rows.with_columns(nonstandard=pl.when(adjusted).then(statement=True))
        return rows


def _spot(block: pl.DataFrame) -> pl.Series:
    """The underlying at the moment of the quotes; indices have no quote of their own, only the active price."""
    bid, ask, active = (pl.col(name) if name in block.columns else pl.lit(None, pl.Float64) for name in _UNDERLYING)
    middle = pl.when((bid > 0) & (ask >= bid)).then((bid + ask) / 2)
    return block.select(spot=pl.when(active > 0).then(active).otherwise(middle)).to_series()
