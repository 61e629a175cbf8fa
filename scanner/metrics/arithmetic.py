"""Sums and ratios that never turn a missing number into a zero."""

from __future__ import annotations

from typing import TYPE_CHECKING

import polars as pl

from scanner.market import products

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from polars._typing import IntoExpr

    from scanner.kernels.groups import Groups

CALL = pl.col("right") == "C"
PUT = pl.col("right") == "P"
_ON_FUTURE = pl.col("underlying").is_in(products.VOLATILITY_INDICES)
# The price of what an option is hedged with: the index of volatility is not for sale, its futures are.
HEDGE = pl.when(_ON_FUTURE).then("forward").otherwise("spot")
# Gamma as it adds up over expiries: those hedged with different futures add up by percent, not by dollar.
GAMMA = pl.when(_ON_FUTURE).then(pl.col("gamma") * pl.col("forward") ** 2).otherwise("gamma")


def known_sum(values: pl.Expr) -> pl.Expr:
    """The sum of the values that are known; null, not 0, where none is."""
    return pl.when(values.count() > 0).then(values.sum())


def is_call(rows: pl.DataFrame) -> NDArray[np.bool_]:
    """Which rows are calls."""
    return (rows["right"] == "C").to_numpy()


def sums_by_right(groups: Groups, rows: pl.DataFrame) -> list[pl.Series]:
    """``call_volume put_volume call_oi put_oi`` of groups of rows; null, not 0, where none is known."""
    calls = is_call(rows)
    return [
        groups.known_sums(rows[name], flags).alias(f"{right}_{short}")
        for name, short in (("volume", "volume"), ("open_interest", "oi"))
        for right, flags in (("call", calls), ("put", ~calls))
    ]


def quotient(numerator: pl.Series, denominator: pl.Series) -> pl.Series:
    """:func:`ratio` of columns that are in no frame."""
    return numerator / denominator.set(denominator == 0, None)


def ratio(numerator: IntoExpr, denominator: IntoExpr) -> pl.Expr:
    """``numerator / denominator`` of two columns; null where either is missing or the denominator is 0."""
    top, bottom = (pl.col(part) if isinstance(part, str) else part for part in (numerator, denominator))
    assert isinstance(top, pl.Expr)
    assert isinstance(bottom, pl.Expr)
    return pl.when(bottom != 0).then(top / bottom)
