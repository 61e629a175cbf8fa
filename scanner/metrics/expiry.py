"""The expiry scope: all standard contracts of one root and expiry."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.kernels.columns import nullable
from scanner.kernels.compile import kernel
from scanner.kernels.groups import Groups
from scanner.kernels.threads import over_groups
from scanner.market import products
from scanner.market.calendar import Calendar
from scanner.market.levels import EXPIRY
from scanner.metrics import pieces
from scanner.metrics.arithmetic import GAMMA, ratio, sums_by_right

Floats = NDArray[np.float64]

_NEEDED = (
    *(*EXPIRY, "strike", "right", "nonstandard", "volume", "open_interest", "multiplier"),
    *("spot", "forward", "gamma"),
)


def measure(
    contracts: pl.DataFrame, priced: pl.DataFrame, calendar: Calendar, groups: Groups | None = None
) -> pl.DataFrame:
    """One row an expiry. ``priced`` is the pricing stage's frame of expiries (forward, ATM volatility, skew).

    ``groups`` are the standard contracts by expiry, where they are known.
    """
    standard = contracts.select(_NEEDED).filter(~pl.col("nonstandard"))
    groups = groups or Groups.of(standard, EXPIRY)
    volume, open_interest = standard["volume"], standard["open_interest"]
    expiries = (
        groups.keys.with_columns(
            *sums_by_right(groups, standard),
            groups.known_sums(open_interest * standard["multiplier"] * standard["spot"]).alias("notional_oi"),
            groups.known_sums(volume).alias("volume"),
            groups.known_sums(open_interest).alias("open_interest"),
            groups.known_sums(_added_up(standard, groups) * open_interest).alias("_gamma"),
        )
        .join(max_pain(standard, groups), on=["root", "expiry"], how="left", maintain_order="left")
        .join(priced.drop("underlying"), on=["root", "expiry"], how="left", maintain_order="left")
    )
    return expiries.with_columns(
        is_monthly=_monthly(expiries, calendar),
        put_call_volume=ratio("put_volume", "call_volume"),
        put_call_oi=ratio("put_oi", "call_oi"),
        volume_share=ratio(pl.col("volume"), pl.col("volume").sum().over("underlying")),
        oi_share=ratio(pl.col("open_interest"), pl.col("open_interest").sum().over("underlying")),
        gamma_share=ratio(pl.col("_gamma"), pl.col("_gamma").sum().over("underlying")),
    ).drop("_gamma")


def _added_up(contracts: pl.DataFrame, groups: Groups) -> pl.Series:
    """Gamma as it adds up over expiries; names on futures are looked up by expiry, not by contract."""
    on_future = groups.keys["underlying"].is_in(list(products.VOLATILITY_INDICES)).to_numpy()
    if not on_future.any():
        return contracts["gamma"]
    return contracts.select(pl.when(pl.Series(on_future[groups.numbers()])).then(GAMMA).otherwise("gamma")).to_series()


def dated(contracts: pl.DataFrame, priced: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """The expiries of standard contracts with no more than positioning asks of them, from what pricing gave."""
    pains = max_pain(contracts)
    expiries = priced.join(pains, on=["root", "expiry"], how="inner", maintain_order="left")
    return expiries.with_columns(is_monthly=_monthly(expiries, calendar))


def _monthly(expiries: pl.DataFrame, calendar: Calendar) -> pl.Series:
    flags = [calendar.is_monthly_expiry(day, name) for name, day in expiries.select("underlying", "expiry").rows()]
    return pl.Series(flags, dtype=pl.Boolean)


def max_pain(contracts: pl.DataFrame, groups: Groups | None = None) -> pl.DataFrame:
    """The strike at which an expiry's open interest would pay out least: ``root expiry max_pain``.

    At a settlement S the calls pay sum(OI x max(S - K, 0)) and the puts sum(OI x max(K - S, 0)). Null where no open
    interest is known, or none there; the lowest strike wins a tie. ``groups`` are the contracts by expiry, if known.
    """
    chain = pieces.of(contracts, groups)
    found = np.full(chain.found.height, np.nan)
    bounds = np.append(chain.found["start"].to_numpy(), chain.rows.height).astype(np.int64)
    over_groups(least_payouts, bounds, chain.calls(), chain.floats("strike"), chain.floats("open_interest"), found)
    return chain.found.select("root", "expiry", max_pain=nullable("max_pain", found))


@kernel
def least_payouts(
    first: int, last: int, bounds: NDArray[np.int64], calls: NDArray[np.bool_], strike: Floats, open_interest: Floats,
    found: Floats,
) -> None:  # fmt: skip
    """Fill ``found`` of the expiries ``first`` to ``last``; strikes ascend within each of them.

    From a strike to the next one above, what is paid grows by the calls up to it and falls by the puts from there on.
    """
    for expiry in range(first, last):
        puts, calls_below, least, payout = 0.0, 0.0, 0.0, 0.0
        for row in range(bounds[expiry], bounds[expiry + 1]):
            if open_interest[row] > 0.0 and not calls[row]:
                puts += open_interest[row]
        anything = puts > 0.0
        for row in range(bounds[expiry], bounds[expiry + 1]):
            if row > bounds[expiry]:
                payout += (strike[row] - strike[row - 1]) * (calls_below - puts)
            if payout < least or row == bounds[expiry]:
                least, found[expiry] = payout, strike[row]
            if open_interest[row] > 0.0:
                if calls[row]:
                    calls_below += open_interest[row]
                    anything = True
                else:
                    puts -= open_interest[row]
        if not anything:
            found[expiry] = math.nan
