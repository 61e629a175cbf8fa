"""The strike scope: both rights of one root, strike and expiry."""

from __future__ import annotations

import polars as pl

from scanner.kernels.groups import Groups
from scanner.market.levels import STRIKE
from scanner.metrics.arithmetic import quotient, sums_by_right

_NEEDED = (*STRIKE, "right", "nonstandard", "volume", "open_interest", "gamma")


def measure(contracts: pl.DataFrame, strikes: Groups | None = None) -> pl.DataFrame:
    """One row a strike of the standard contracts, with its share of the expiry's volume and gamma.

    ``strikes`` are the standard contracts by strike, where they are known.
    """
    standard = contracts.select(_NEEDED).filter(~pl.col("nonstandard"))
    strikes = strikes or Groups.of(standard, STRIKE)
    expiries = Groups.of(strikes.keys, ("root", "expiry"))
    volume, gamma = standard["volume"], standard["gamma"] * standard["open_interest"]
    return strikes.keys.hstack(
        [
            *sums_by_right(strikes, standard),
            _share(expiries, strikes.known_sums(volume)).alias("volume_share"),
            _share(expiries, strikes.known_sums(gamma)).alias("gamma_share"),
        ]
    )


def _share(expiries: Groups, values: pl.Series) -> pl.Series:
    """Each strike's share of what all of its root and expiry have together."""
    return quotient(values, expiries.known_sums(values).gather(expiries.numbers()))
