"""Vendors' ways of writing a moment, as polars expressions that end in UTC."""

from __future__ import annotations

import polars as pl

_NEW_YORK = "America/New_York"


def new_york(column: str, pattern: str = "%Y-%m-%dT%H:%M:%S") -> pl.Expr:
    """Naive New York text as UTC; null where blank or unreadable. The doubled hour of autumn counts as summer's."""
    local = pl.col(column).cast(pl.String).str.strip_chars().str.to_datetime(pattern, strict=False, time_unit="us")
    return local.dt.replace_time_zone(_NEW_YORK, ambiguous="earliest", non_existent="null").dt.convert_time_zone("UTC")


def utc_text(column: str) -> pl.Expr:
    """UTC text, ``2026-07-25 03:44:38`` or ISO 8601 with ``T`` and ``Z`` or an offset of zero, as UTC."""
    text = pl.col(column).cast(pl.String).str.strip_chars().str.replace(r"(Z|[+]00:?00)$", "").str.replace("T", " ")
    plain = text.str.to_datetime("%Y-%m-%d %H:%M:%S%.f", strict=False, time_unit="us")
    return plain.dt.replace_time_zone("UTC")


def epoch_milliseconds(values: pl.Expr) -> pl.Expr:
    """Unix milliseconds as UTC; null where zero, absent or unreadable."""
    whole = values.cast(pl.Int64, strict=False)
    return pl.when(whole > 0).then(pl.from_epoch(whole, "ms")).cast(pl.Datetime("us")).dt.replace_time_zone("UTC")
