"""The strike scope: both rights of one root, strike and expiry."""

from __future__ import annotations

import polars as pl

from scanner.metrics.arithmetic import CALL, PUT, known_sum, ratio

KEY = ("underlying", "root", "expiry", "strike")


def measure(contracts: pl.DataFrame) -> pl.DataFrame:
    """One row a strike of the standard contracts, with its share of the expiry's volume and gamma."""
    volume, open_interest = pl.col("volume"), pl.col("open_interest")
    strikes = (
        contracts.filter(~pl.col("nonstandard"))
        .group_by(KEY, maintain_order=True)
        .agg(
            call_volume=known_sum(volume.filter(CALL)),
            put_volume=known_sum(volume.filter(PUT)),
            call_oi=known_sum(open_interest.filter(CALL)),
            put_oi=known_sum(open_interest.filter(PUT)),
            _volume=known_sum(volume),
            _gamma=known_sum(pl.col("gamma") * open_interest),
        )
    )
    return strikes.with_columns(
        volume_share=ratio(pl.col("_volume"), pl.col("_volume").sum().over("root", "expiry")),
        gamma_share=ratio(pl.col("_gamma"), pl.col("_gamma").sum().over("root", "expiry")),
    ).drop("_volume", "_gamma")
