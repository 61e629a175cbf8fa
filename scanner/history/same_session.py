"""A chain beside the snapshot before it in the same session: the very contracts again, with few exceptions."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray


def rows_in(earlier: pl.DataFrame, chain: pl.DataFrame) -> NDArray[np.int64]:
    """For every row of a chain that of its ``contract`` in an earlier one, -1 where it was not listed then."""
    now, before = chain["contract"], earlier["contract"]
    # Listings hardly change within a session, and two lists in one order need no looking up.
    if now.equals(before):
        return np.arange(len(now))
    numbered = pl.DataFrame({"contract": before}).with_row_index("row")
    found = pl.DataFrame({"contract": now}).join(numbered, on="contract", how="left", maintain_order="left")
    return found["row"].cast(pl.Int64).fill_null(-1).to_numpy()


def gathered(values: pl.Series, rows: NDArray[np.int64]) -> pl.Series:
    """The values at some rows, null where a row is -1."""
    places = pl.Series(rows, dtype=pl.Int64)
    return values.gather(places.set(places < 0, None))
