"""Stock prints with what tells those off the exchanges: the project's own columns and two vendors'.

The project's own: ``underlying`` (or ``symbol``), ``time price size off_exchange``, and where known ``sequence regular
cancelled``. Massive's flat files ``us_stocks_sip/trades_v1`` report them with exchange 4 and a ``trf_id``, in newer
lists with the facility's number as the exchange. Unusual Whales' dark-pool prints are off-exchange all of them; the
quotes beside them are of the report and not of the trade, and left out.
"""

from __future__ import annotations

import polars as pl

from scanner.sources.blanks import AROUND_VALUES
from scanner.sources.tapes.base import StockFormat, instants, numbers
from scanner.tape.prints import Problem

UNUSUAL_WHALES_KEYS = (
    "ticker", "executed_at", "trf_executed_at", "price", "size", "market_center", "sale_cond_codes",
    "ext_hour_sold_codes", "tracking_id", "canceled",
)  # fmt: skip
_TRUE = ["true", "t", "1", "yes"]
# Average price, derivatively priced, extended hours twice, prior reference, out of sequence twice, contingent twice.
_MASSIVE_IRREGULAR = ["2", "10", "12", "13", "22", "32", "33", "52", "53"]
_MASSIVE_FACILITIES = [201, 202, 203]
_MASSIVE_REPORTED = 4
_IRREGULAR = "average|prior_ref|contingent|derivative|sequence"


class StockPrints(StockFormat):
    """The project's own columns."""

    name = "stock prints"
    source = "canonical"
    marks = frozenset({"time", "price", "size", "off_exchange"})

    def prints(self, block: pl.DataFrame) -> tuple[pl.DataFrame, list[Problem]]:
        """One print a row."""
        problems: list[Problem] = []
        block = block.rename({"symbol": "underlying"}) if "underlying" not in block.columns else block
        block = numbers(block, problems, price=pl.Float64(), size=pl.Int64(), sequence=pl.Int64())
        block = instants(block, problems, "time")
        flags = [name for name in ("off_exchange", "regular", "cancelled") if name in block.columns]
        truth = [
            pl.col(name).cast(pl.String).str.strip_chars(AROUND_VALUES).str.to_lowercase().is_in(_TRUE)
            for name in flags
        ]
        others = [name for name in ("sequence",) if name in block.columns]
        return block.select("underlying", "time", "price", "size", *others, *truth), problems


class MassiveStockTrades(StockFormat):
    """``ticker, conditions, correction, exchange, price, sip_timestamp, size, trf_id``, and more."""

    name = "massive stock trades"
    source = "massive"
    marks = frozenset({"ticker", "exchange", "price", "sip_timestamp", "size", "trf_id"})

    def prints(self, block: pl.DataFrame) -> tuple[pl.DataFrame, list[Problem]]:
        """One print a row; those reported to a facility are off the exchanges."""
        problems: list[Problem] = []
        whole = dict.fromkeys(("exchange", "trf_id", "correction", "sequence_number"), pl.Int64())
        # Shares may be fractions of one; a print of less than one is none.
        block = numbers(block, problems, price=pl.Float64(), size=pl.Float64(), **whole)
        block = instants(block, problems, "sip_timestamp")
        reported = (pl.col("exchange") == _MASSIVE_REPORTED) & (pl.col("trf_id").fill_null(0) > 0)
        codes = pl.col("conditions").cast(pl.String).str.extract_all(r"\d+") if "conditions" in block.columns else None
        irregular = (
            pl.lit(value=False) if codes is None else codes.list.set_intersection(_MASSIVE_IRREGULAR).list.len() > 0
        )
        return block.select(
            underlying="ticker",
            time="sip_timestamp",
            price="price",
            size=pl.col("size").cast(pl.Int64),
            off_exchange=reported | pl.col("exchange").is_in(_MASSIVE_FACILITIES),
            regular=~irregular.fill_null(value=False),
            cancelled=pl.col("correction").fill_null(0) != 0 if "correction" in block.columns else False,
            sequence=pl.col("sequence_number") if "sequence_number" in block.columns else None,
        ), problems


class UnusualWhalesDarkPool(StockFormat):
    """``ticker, executed_at, price, size, market_center``, and more."""

    name = "unusual whales dark pool"
    source = "unusualwhales"
    marks = frozenset({"ticker", "executed_at", "price", "size", "market_center"})

    def prints(self, block: pl.DataFrame) -> tuple[pl.DataFrame, list[Problem]]:
        """One print a row."""
        problems: list[Problem] = []
        absent = [pl.lit(None, pl.String).alias(name) for name in UNUSUAL_WHALES_KEYS if name not in block.columns]
        block = block.with_columns(absent)
        block = numbers(block, problems, price=pl.Float64(), size=pl.Int64(), tracking_id=pl.Int64())
        block = instants(block, problems, "executed_at", "trf_executed_at")
        told = pl.col("sale_cond_codes").cast(pl.String).str.to_lowercase().str.contains(_IRREGULAR)
        return block.select(
            underlying="ticker",
            time=pl.coalesce("trf_executed_at", "executed_at"),
            price="price",
            size="size",
            off_exchange=True,
            regular=~told.fill_null(value=False) & (pl.col("ext_hour_sold_codes").fill_null("") == ""),
            cancelled=pl.col("canceled").cast(pl.String).str.to_lowercase().is_in(_TRUE).fill_null(value=False),
            sequence="tracking_id",
        ), problems
