"""Massive's flat files ``us_options_opra/trades_v1``: every print of a day, without quotes.

Columns are found by the header, for files of different years have different ones. ``conditions`` holds the vendor's
numbers, of which the first that is known counts; a print that was cancelled later stays in the file, with a
``correction`` other than 0. Times are nanoseconds of the consolidated tape (``sip_timestamp``).
"""

from __future__ import annotations

import polars as pl

from scanner.sources.tapes.base import TapeFormat, instants, numbers
from scanner.tape.conditions import of_massive
from scanner.tape.prints import Problem


class MassiveTrades(TapeFormat):
    """``ticker, conditions, correction, exchange, price, sip_timestamp, size``, and perhaps more."""

    name = "massive trades"
    source = "massive"
    marks = frozenset({"ticker", "conditions", "price", "sip_timestamp", "size"})

    def prints(self, block: pl.DataFrame) -> tuple[pl.DataFrame, list[Problem]]:
        """One print a row; exchanges keep the vendor's numbers."""
        problems: list[Problem] = []
        block = numbers(
            block, problems, price=pl.Float64(), size=pl.Int64(), correction=pl.Int64(), sequence_number=pl.Int64()
        )
        block = instants(block, problems, "sip_timestamp")
        codes = block["conditions"].cast(pl.String).str.extract_all(r"\d+")
        known = {str(number): name for number, name in of_massive().items()}
        named = codes.list.eval(pl.element().replace_strict(known, default=None, return_dtype=pl.String).drop_nulls())
        condition = named.list.first()
        lost = codes.filter(condition.is_null() & (codes.list.len() > 0))
        if len(lost):
            problems.append(
                Problem("unknown_condition", "a condition that is not known", len(lost), str(lost[0].to_list())[:40])
            )
        correction = pl.col("correction").fill_null(0) != 0 if "correction" in block.columns else pl.lit(value=False)
        sequence = pl.col("sequence_number") if "sequence_number" in block.columns else pl.lit(None, pl.Int64)
        venue = pl.col("exchange").cast(pl.String) if "exchange" in block.columns else pl.lit(None, pl.String)
        return block.select(
            pl.col("ticker").alias("contract"),
            pl.col("sip_timestamp").alias("time"),
            "price",
            "size",
            venue.alias("exchange"),
            condition.alias("condition"),
            correction.alias("cancelled"),
            sequence.alias("sequence"),
        ), problems
