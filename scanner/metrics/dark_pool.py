"""Stock prints off the exchanges beside a name; null everywhere without a source."""

from __future__ import annotations

import polars as pl

from scanner.fields import Rows, tape
from scanner.fields.columns import column_dtype
from scanner.tape import off_exchange

NOT_THERE = "no stock prints of the session; `scanner import` takes some, and companions.dark_pool asks for them"
NAMES = frozenset(field.name for field in tape.dark_pool(Rows("underlying")))
"""The fields that only stock prints give."""


def measure(names: pl.Series, prints: pl.DataFrame | None, before: pl.DataFrame | None) -> pl.DataFrame:
    """``underlying`` and the fields of :data:`NAMES`, one row a name.

    ``prints`` are those of the session up to its moment, ``before`` the largest of earlier sessions.
    """
    rows = pl.DataFrame({"underlying": names})
    if prints is None:
        empty = [pl.lit(None, column_dtype(field)).alias(field.name) for field in tape.dark_pool(Rows("underlying"))]
        return rows.with_columns(empty)
    earlier = before if before is not None else pl.DataFrame(schema=_BEFORE)
    return rows.join(off_exchange.measure(prints, earlier), on="underlying", how="left", maintain_order="left")


_BEFORE = pl.Schema({"underlying": pl.String(), "session_date": pl.Date(), "dark_pool_largest": pl.Int64()})


def without(underlyings: pl.DataFrame) -> pl.DataFrame:
    """Why they are missing of names without prints (underlying, field, reason)."""
    bare = underlyings.filter(pl.col("dark_pool_volume").is_null()).select("underlying")
    return bare.join(pl.DataFrame({"field": sorted(NAMES)}), how="cross").with_columns(reason=pl.lit(NOT_THERE))
