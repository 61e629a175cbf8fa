"""moomoo's option events: prints that the vendor flags, with the quotes at each.

``fill_timestamp`` is in seconds since 1970. What the vendor makes of a print (``ticker_type``, ``sentiment``) is its
guess and left out; among ``order_type_list`` a sweep is a fact of how it was sent.
"""

from __future__ import annotations

import polars as pl

from scanner.sources.tapes.base import TapeFormat, numbers
from scanner.tape.prints import NANOSECONDS, Problem

KEYS = (
    "option_code", "owner_code", "fill_timestamp", "price", "volume", "bid_price", "ask_price", "underlying_price",
    "order_type_list", "strategy_type",
)  # fmt: skip
"""What is read of an event."""
# The strike stands in thousandths, without zeros before it; a class share has a dot.
_CODE = r"^US\.([A-Z0-9.]{1,8}?)(\d{6}[CP])(\d{1,8})$"
# A sweep of several legs has no condition of its own.
_IS_SWEEP = pl.col("order_type_list").str.contains("SWEEP") & (pl.col("strategy_type") == "SINGLE_LEG")


def contract_of(code: pl.Expr) -> pl.Expr:
    """``US.AAPL270115P200000`` as other vendors write it; as it is where it cannot be read."""
    root = code.str.extract(_CODE, 1).str.replace_all(".", "", literal=True)
    strike = code.str.extract(_CODE, 3).str.zfill(8)
    return pl.coalesce(pl.concat_str(root, code.str.extract(_CODE, 2), strike), code)


class MoomooEvents(TapeFormat):
    """``option_code, fill_timestamp, price, volume``, the quotes and the underlying's price at each."""

    name = "moomoo option events"
    source = "moomoo"
    marks = frozenset({"option_code", "fill_timestamp", "price", "volume"})

    def prints(self, block: pl.DataFrame) -> tuple[pl.DataFrame, list[Problem]]:
        """One flagged print a row."""
        problems: list[Problem] = []
        floats = dict.fromkeys(("fill_timestamp", "price", *KEYS[5:8]), pl.Float64())
        block = numbers(block, problems, volume=pl.Int64(), **floats)
        return block.select(
            contract=contract_of(pl.col("option_code")),
            time=(pl.col("fill_timestamp") * 1e9).round().cast(pl.Int64, strict=False).cast(NANOSECONDS),
            price="price",
            size="volume",
            condition=pl.when(_IS_SWEEP).then(pl.lit("isoi")),
            bid="bid_price",
            ask="ask_price",
            underlying_price="underlying_price",
        ), problems
