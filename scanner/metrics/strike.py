"""The strike scope: both rights of one root, strike and expiry."""

from __future__ import annotations

import polars as pl

from scanner.kernels.groups import Groups
from scanner.metrics.arithmetic import CALL, ratio

KEY = ("underlying", "root", "expiry", "strike")
_NEEDED = (*KEY, "right", "nonstandard", "volume", "open_interest", "gamma")


def measure(contracts: pl.DataFrame) -> pl.DataFrame:
    """One row a strike of the standard contracts, with its share of the expiry's volume and gamma."""
    standard = contracts.select(_NEEDED).filter(~pl.col("nonstandard"))
    strikes = Groups.of(standard, KEY)
    volume, open_interest = standard["volume"], standard["open_interest"]
    calls = standard.select(CALL).to_series().to_numpy()
    summed = strikes.keys.with_columns(
        strikes.known_sums(volume, calls).alias("call_volume"),
        strikes.known_sums(volume, ~calls).alias("put_volume"),
        strikes.known_sums(open_interest, calls).alias("call_oi"),
        strikes.known_sums(open_interest, ~calls).alias("put_oi"),
    )
    return summed.with_columns(
        _share(summed, strikes.known_sums(volume)).alias("volume_share"),
        _share(summed, strikes.known_sums(standard["gamma"] * open_interest)).alias("gamma_share"),
    )


def _share(strikes: pl.DataFrame, values: pl.Series) -> pl.Series:
    """Each strike's share of what all of its root and expiry have together."""
    expiries = Groups.of(strikes, ("root", "expiry"))
    whole = expiries.known_sums(values).gather(expiries.numbers())
    return pl.select(ratio(pl.lit(values), pl.lit(whole))).to_series()
