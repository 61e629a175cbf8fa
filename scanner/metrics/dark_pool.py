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


def day_before(names: pl.Series, told: pl.DataFrame | None) -> pl.DataFrame:
    """``underlying off_exchange_date off_exchange_volume off_exchange_short_share``, one row a name.

    ``told`` has ``underlying session_date shares short_shares``, one row a name.
    """
    rows = pl.DataFrame({"underlying": names})
    if told is None:
        told = pl.DataFrame(schema=_TOLD)
    shares = pl.col("shares")
    known = told.select(
        "underlying",
        off_exchange_date="session_date",
        off_exchange_volume=shares.round().cast(pl.Int64),
        off_exchange_short_share=pl.when(shares > 0).then(pl.col("short_shares") / shares),
    )
    return rows.join(known, on="underlying", how="left", maintain_order="left")


def week_before(names: pl.Series, told: pl.DataFrame | None) -> pl.DataFrame:
    """``underlying ats_week ats_volume ats_trades``, one row a name.

    ``told`` has ``underlying week shares trades``, one row a name.
    """
    rows = pl.DataFrame({"underlying": names})
    if told is None:
        told = pl.DataFrame(schema=_WEEK)
    known = told.select("underlying", ats_week="week", ats_volume="shares", ats_trades="trades")
    return rows.join(known, on="underlying", how="left", maintain_order="left")


_WEEK = pl.Schema({"underlying": pl.String(), "week": pl.Date(), "shares": pl.Int64(), "trades": pl.Int64()})
_TOLD = pl.Schema(
    {"underlying": pl.String(), "session_date": pl.Date(), "shares": pl.Float64(), "short_shares": pl.Float64()}
)
_BEFORE = pl.Schema({"underlying": pl.String(), "session_date": pl.Date(), "dark_pool_largest": pl.Int64()})


def without(underlyings: pl.DataFrame) -> pl.DataFrame:
    """Why they are missing of names without prints (underlying, field, reason)."""
    bare = underlyings.filter(pl.col("dark_pool_volume").is_null()).select("underlying")
    return bare.join(pl.DataFrame({"field": sorted(NAMES)}), how="cross").with_columns(reason=pl.lit(NOT_THERE))
