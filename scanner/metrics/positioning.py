"""Where open interest sits: dealer gamma, walls, and what goes away at the next expiries.

Whether dealers are long or short an option cannot be seen in a chain. ``gex`` and ``gamma_flip`` follow the usual
convention of the field - dealers long calls and short puts - and are no better than it.
"""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.compiled import kernel
from scanner.metrics.arithmetic import CALL, GAMMA, HEDGE, known_sum, ratio

_ONE_PERCENT = 0.01
_FLIP_RANGE = 0.25  # as far from spot as a flip is looked for
_FLIP_STEPS = 50


def measure(contracts: pl.DataFrame, expiries: pl.DataFrame) -> pl.DataFrame:
    """One row an underlying, with everything in this module; null where there is no gamma or no open interest."""
    dollars = pl.col("gamma") * pl.col("open_interest") * pl.col("multiplier") * HEDGE**2 * _ONE_PERCENT
    gex = contracts.group_by("underlying", maintain_order=True).agg(
        gex=known_sum(pl.when(CALL).then(dollars).otherwise(-dollars))
    )
    return (
        gex.join(_wall(contracts, "C", "call_wall"), on="underlying", how="left", maintain_order="left")
        .join(_wall(contracts, "P", "put_wall"), on="underlying", how="left", maintain_order="left")
        .join(_expiring(contracts, expiries), on="underlying", how="left", maintain_order="left")
        .join(gamma_flip(contracts), on="underlying", how="left", maintain_order="left")
    )


def _wall(contracts: pl.DataFrame, right: str, name: str) -> pl.DataFrame:
    """The strike with the most gamma x open interest of one right, over all expiries."""
    strikes = (
        contracts.filter(pl.col("right") == right)
        .group_by("underlying", "strike")
        .agg(weight=known_sum(GAMMA * pl.col("open_interest")))
        .filter(pl.col("weight") > 0)
        .sort("underlying", "strike")
    )
    return strikes.group_by("underlying", maintain_order=True).agg(
        pl.col("strike").get(pl.col("weight").arg_max()).alias(name)
    )


def _expiring(contracts: pl.DataFrame, expiries: pl.DataFrame) -> pl.DataFrame:
    """What goes at the next monthly expiry and at the very next one."""
    coming = expiries.filter(pl.col("dte") >= 0).sort("underlying", "expiry")
    next_dates = coming.group_by("underlying", maintain_order=True).agg(
        next_expiry=pl.col("expiry").first(), next_monthly=pl.col("expiry").filter(pl.col("is_monthly")).first()
    )
    gamma = GAMMA * pl.col("open_interest")
    notional = pl.col("open_interest") * pl.col("multiplier") * pl.col("spot")
    monthly, very_next = pl.col("expiry") == pl.col("next_monthly"), pl.col("expiry") == pl.col("next_expiry")
    shares = (
        contracts.join(next_dates, on="underlying", how="left", maintain_order="left")
        .group_by("underlying", maintain_order=True)
        .agg(
            gamma_expiring_share=ratio(known_sum(gamma.filter(monthly)), known_sum(gamma)),
            gamma_expiring_share_next=ratio(known_sum(gamma.filter(very_next)), known_sum(gamma)),
            notional_expiring=known_sum(notional.filter(monthly)),
        )
    )
    of_monthly = coming.join(next_dates, on="underlying").filter(pl.col("expiry") == pl.col("next_monthly"))
    pain = of_monthly.group_by("underlying", maintain_order=True).agg(pl.col("max_pain").drop_nulls().first())
    moves = coming.group_by("underlying", maintain_order=True).agg(pl.col("expected_move_pct").drop_nulls().first())
    return shares.join(pain, on="underlying", how="left", maintain_order="left").join(
        moves, on="underlying", how="left", maintain_order="left"
    )


def gamma_flip(contracts: pl.DataFrame) -> pl.DataFrame:
    """``underlying gamma_flip``: the spot nearest to today's, within 25 %, at which ``gex`` would change its sign.

    Volatility, rates and time are held; gamma is Black's, on the forward moved in proportion to the spot.
    """
    needed = ("spot", "forward", "iv", "years", "open_interest")
    positive = (pl.col("open_interest") > 0) & (pl.col("years") > 0) & (pl.col("iv") > 0)
    usable = contracts.drop_nulls(needed).filter(positive).sort("underlying", maintain_order=True)
    groups = usable.with_row_index("row").group_by("underlying", maintain_order=True).agg(pl.col("row").first())
    starts = np.append(groups["row"].to_numpy(), usable.height).astype(np.int64)
    sign = usable.select(pl.when(CALL).then(1.0).otherwise(-1.0))["literal"].to_numpy()
    weight = sign * (usable["open_interest"] * usable["multiplier"]).cast(pl.Float64).to_numpy()
    log_moneyness = np.log(usable["strike"].to_numpy() / usable["forward"].to_numpy())
    deviation = usable["iv"].to_numpy() * np.sqrt(usable["years"].to_numpy())
    factors = _flip_factors(starts, weight, log_moneyness, deviation)
    spot = usable.group_by("underlying", maintain_order=True).agg(pl.col("spot").first())["spot"].to_numpy()
    return pl.DataFrame(
        {"underlying": groups["underlying"], "gamma_flip": spot * factors},
        schema={"underlying": pl.String, "gamma_flip": pl.Float64},
    ).with_columns(pl.col("gamma_flip").fill_nan(None))


@kernel
def _flip_factors(
    starts: NDArray[np.int64],
    weight: NDArray[np.float64],
    log_moneyness: NDArray[np.float64],
    deviation: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Per group, the factor on spot nearest to 1 at which the summed dollar gamma crosses zero; NaN where none."""
    factors = np.full(starts.size - 1, np.nan)
    profile = np.empty(2 * _FLIP_STEPS + 1)
    step = _FLIP_RANGE / _FLIP_STEPS
    for group in range(starts.size - 1):
        for index in range(profile.size):
            shift = math.log(1.0 + (index - _FLIP_STEPS) * step)
            total = 0.0
            for row in range(starts[group], starts[group + 1]):
                d1 = (shift - log_moneyness[row]) / deviation[row] + 0.5 * deviation[row]
                if abs(d1) < 8.0:
                    total += weight[row] * math.exp(-0.5 * d1 * d1) / deviation[row]
            profile[index] = total
        for distance in range(_FLIP_STEPS):
            above, below = _FLIP_STEPS + distance, _FLIP_STEPS - distance
            if profile[above] * profile[above + 1] < 0.0:
                part = profile[above] / (profile[above] - profile[above + 1])
                factors[group] = 1.0 + (distance + part) * step
                break
            if profile[below] * profile[below - 1] < 0.0:
                part = profile[below] / (profile[below] - profile[below - 1])
                factors[group] = 1.0 - (distance + part) * step
                break
    return factors
