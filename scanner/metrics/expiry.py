"""The expiry scope: all standard contracts of one root and expiry."""

from __future__ import annotations

import polars as pl

from scanner.market.calendar import Calendar
from scanner.metrics.arithmetic import CALL, GAMMA, PUT, known_sum, ratio

KEY = ("underlying", "root", "expiry")


def measure(contracts: pl.DataFrame, priced: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """One row an expiry. ``priced`` is the pricing stage's frame of expiries (forward, ATM volatility, skew)."""
    standard = contracts.filter(~pl.col("nonstandard"))
    volume, open_interest = pl.col("volume"), pl.col("open_interest")
    expiries = (
        standard.group_by(KEY, maintain_order=True)
        .agg(
            call_volume=known_sum(volume.filter(CALL)),
            put_volume=known_sum(volume.filter(PUT)),
            call_oi=known_sum(open_interest.filter(CALL)),
            put_oi=known_sum(open_interest.filter(PUT)),
            notional_oi=known_sum(open_interest * pl.col("multiplier") * pl.col("spot")),
            volume=known_sum(volume),
            open_interest=known_sum(open_interest),
            _gamma=known_sum(GAMMA * open_interest),
        )
        .join(max_pain(standard), on=["root", "expiry"], how="left", maintain_order="left")
        .join(priced.drop("underlying"), on=["root", "expiry"], how="left", maintain_order="left")
    )
    monthly = [calendar.is_monthly_expiry(day, name) for name, day in expiries.select("underlying", "expiry").rows()]
    return expiries.with_columns(
        is_monthly=pl.Series(monthly, dtype=pl.Boolean),
        put_call_volume=ratio("put_volume", "call_volume"),
        put_call_oi=ratio("put_oi", "call_oi"),
        volume_share=ratio(pl.col("volume"), pl.col("volume").sum().over("underlying")),
        oi_share=ratio(pl.col("open_interest"), pl.col("open_interest").sum().over("underlying")),
        gamma_share=ratio(pl.col("_gamma"), pl.col("_gamma").sum().over("underlying")),
    ).drop("_gamma")


def max_pain(contracts: pl.DataFrame) -> pl.DataFrame:
    """The strike at which an expiry's open interest would pay out least: ``root expiry max_pain``.

    At a settlement S the calls pay sum(OI x max(S - K, 0)) and the puts sum(OI x max(K - S, 0)); both are running sums
    over the strikes. Null where no open interest is known; the lowest strike wins a tie.
    """
    open_interest = pl.col("open_interest")
    by_strike = (
        contracts.group_by("root", "expiry", "strike")
        .agg(call=open_interest.filter(CALL).sum(), put=open_interest.filter(PUT).sum())
        .sort("root", "expiry", "strike")
    )
    group = ("root", "expiry")
    strike = pl.col("strike")
    call_payout = strike * pl.col("call").cum_sum().over(group) - (strike * pl.col("call")).cum_sum().over(group)
    put_above = pl.col("put").sum().over(group) - pl.col("put").cum_sum().over(group)
    put_value_above = (strike * pl.col("put")).sum().over(group) - (strike * pl.col("put")).cum_sum().over(group)
    return (
        by_strike.with_columns(payout=call_payout + put_value_above - strike * put_above)
        .group_by(group, maintain_order=True)
        .agg(
            max_pain=pl.when((pl.col("call").sum() + pl.col("put").sum()) > 0).then(
                pl.col("strike").get(pl.col("payout").arg_min())
            )
        )
    )
