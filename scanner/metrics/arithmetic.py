"""Sums and ratios that never turn a missing number into a zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    from polars._typing import IntoExpr

CALL = pl.col("right") == "C"
PUT = pl.col("right") == "P"


def known_sum(values: pl.Expr) -> pl.Expr:
    """The sum of the values that are known; null, not 0, where none is."""
    return pl.when(values.count() > 0).then(values.sum())


def ratio(numerator: IntoExpr, denominator: IntoExpr) -> pl.Expr:
    """``numerator / denominator`` of two columns; null where either is missing or the denominator is 0."""
    top, bottom = (pl.col(part) if isinstance(part, str) else part for part in (numerator, denominator))
    assert isinstance(top, pl.Expr)
    assert isinstance(bottom, pl.Expr)
    return pl.when(bottom != 0).then(top / bottom)
