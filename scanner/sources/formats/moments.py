"""The moment of tables in which every quote has a time of its own, or every row that of its whole chain."""

from __future__ import annotations

import polars as pl

_ROWS_OF_ONE_TIME = 5


def of_a_chain(rows: pl.DataFrame) -> pl.DataFrame:
    """Give a chain whose every quote has a ``quote_time`` of its own the newest of them.

    Such files have hardly two rows of one time and no contract twice; several snapshots of a session have whole chains
    of one time.
    """
    times = rows["quote_time"]
    if times.null_count() == 0 and times.min() == times.max():
        return rows
    day = "session_date" if "session_date" in rows.columns else pl.col("quote_time").dt.date()
    names = [name for name in ("underlying", "root") if name in rows.columns]
    contract = pl.struct(name for name in ("root", "expiry", "strike", "right") if name in rows.columns)
    own_times = pl.len() < _ROWS_OF_ONE_TIME * pl.col("quote_time").n_unique()
    single = (own_times & (contract.n_unique() == pl.len()) & (pl.len() > 1)).over([*names, day])
    return rows.with_columns(
        quote_time=pl.when(single).then(pl.col("quote_time").max().over([*names, day])).otherwise("quote_time")
    )
