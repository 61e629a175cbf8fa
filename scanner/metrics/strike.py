"""The strike scope: both rights of one root, strike and expiry."""

from __future__ import annotations

import polars as pl

from scanner.kernels.groups import Groups
from scanner.metrics.arithmetic import ratio, sums_by_right

KEY = ("underlying", "root", "expiry", "strike")
_NEEDED = (*KEY, "right", "nonstandard", "volume", "open_interest", "gamma")


def measure(contracts: pl.DataFrame) -> pl.DataFrame:
    """One row a strike of the standard contracts, with its share of the expiry's volume and gamma."""
    standard = contracts.select(_NEEDED).filter(~pl.col("nonstandard"))
    strikes = Groups.of(standard, KEY)
    summed = strikes.keys.with_columns(sums_by_right(strikes, standard))
    return summed.with_columns(
        _share(summed, strikes.known_sums(standard["volume"])).alias("volume_share"),
        _share(summed, strikes.known_sums(standard["gamma"] * standard["open_interest"])).alias("gamma_share"),
    )


def _share(strikes: pl.DataFrame, values: pl.Series) -> pl.Series:
    """Each strike's share of what all of its root and expiry have together."""
    expiries = Groups.of(strikes, ("root", "expiry"))
    whole = expiries.known_sums(values).gather(expiries.numbers())
    return pl.select(ratio(pl.lit(values), pl.lit(whole))).to_series()
