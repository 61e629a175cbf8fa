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
    if told is None:
        return _untold(names, _DAY)
    shares = pl.col("shares")
    known = told.select(
        "underlying",
        off_exchange_date="session_date",
        off_exchange_volume=shares.round().cast(pl.Int64),
        off_exchange_short_share=pl.when(shares > 0).then(pl.col("short_shares") / shares),
    )
    return names.to_frame("underlying").join(known, on="underlying", how="left", maintain_order="left")


def week_before(names: pl.Series, told: pl.DataFrame | None) -> pl.DataFrame:
    """``underlying ats_week ats_volume ats_trades``, one row a name.

    ``told`` has ``underlying week shares trades``, one row a name.
    """
    if told is None:
        return _untold(names, _WEEK)
    known = told.select("underlying", ats_week="week", ats_volume="shares", ats_trades="trades")
    return names.to_frame("underlying").join(known, on="underlying", how="left", maintain_order="left")


def _untold(names: pl.Series, columns: pl.Schema) -> pl.DataFrame:
    """One row a name with null in all of some columns."""
    return names.to_frame("underlying").hstack(pl.DataFrame(schema=columns).clear(len(names)))


_WEEK = pl.Schema({"ats_week": pl.Date(), "ats_volume": pl.Int64(), "ats_trades": pl.Int64()})
_DAY = pl.Schema(
    {"off_exchange_date": pl.Date(), "off_exchange_volume": pl.Int64(), "off_exchange_short_share": pl.Float64()}
)
_BEFORE = pl.Schema({"underlying": pl.String(), "session_date": pl.Date(), "dark_pool_largest": pl.Int64()})


def without(underlyings: pl.DataFrame) -> pl.DataFrame:
    """Why they are missing of names without prints (underlying, field, reason)."""
    bare = underlyings.filter(pl.col("dark_pool_volume").is_null()).select("underlying")
    return bare.join(pl.DataFrame({"field": sorted(NAMES)}), how="cross").with_columns(reason=pl.lit(NOT_THERE))
