"""What a company is worth, by whoever keeps a table of it, and how much of that is under its options."""

from __future__ import annotations

from datetime import date

import polars as pl

from scanner.market import corporate_events as event_tables
from scanner.metrics.arithmetic import ratio


def measure(events: pl.DataFrame | None, underlyings: pl.DataFrame, session: date) -> pl.DataFrame:
    """``underlying market_value notional_value_share`` of the names of a frame with ``underlying notional_oi``.

    The newest value told up to the session counts; where none is, there is none.
    """
    values = event_tables.market_values(events, session)
    return (
        underlyings.select("underlying", "notional_oi")
        .join(values, on="underlying", how="left", maintain_order="left")
        .select("underlying", "market_value", notional_value_share=ratio("notional_oi", "market_value"))
    )
