"""Where open interest sits: dealer gamma, walls, and what goes away at the next expiries.

Whether dealers are long or short an option cannot be seen in a chain. ``gex`` and ``gamma_flip`` follow the usual
convention of the field - dealers long calls and short puts - and are no better than it.
"""

from __future__ import annotations

import math

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.kernels.compile import kernel
from scanner.market.calendar import Calendar
from scanner.metrics.arithmetic import CALL, GAMMA, HEDGE, known_sum, ratio

_ONE_PERCENT = 0.01
_NEEDED = (
    *("underlying", "root", "expiry", "strike", "right", "years", "spot", "forward", "discount"),
    *("iv", "gamma", "open_interest", "multiplier"),
)


def measure(contracts: pl.DataFrame, expiries: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """One row an underlying, with everything in this module; null where there is no gamma or no open interest.

    What is settled by the time of an underlying's newest quotes is over and counts for nothing here.
    """
    ahead = unsettled(contracts, expiries, calendar)
    flags = ahead.select("root", "expiry", "is_next", "is_next_monthly")
    live = contracts.select(_NEEDED).join(flags, on=["root", "expiry"], how="inner", maintain_order="left")
    dollars = pl.col("gamma") * pl.col("open_interest") * pl.col("multiplier") * HEDGE**2 * _ONE_PERCENT
    gamma = GAMMA * pl.col("open_interest")
    notional = pl.col("open_interest") * pl.col("multiplier") * pl.col("spot")
    summed = live.group_by("underlying", maintain_order=True).agg(
        gex=known_sum(pl.when(CALL).then(dollars).otherwise(-dollars)),
        gamma_expiring_share=ratio(known_sum(gamma.filter("is_next_monthly")), known_sum(gamma)),
        gamma_expiring_share_next=ratio(known_sum(gamma.filter("is_next")), known_sum(gamma)),
        positive_gamma_expiring_share_next=ratio(
            known_sum(gamma.filter(CALL & pl.col("is_next"))), known_sum(gamma.filter(CALL))
        ),
        notional_oi=known_sum(notional),
        notional_expiring=known_sum(notional.filter("is_next_monthly")),
    )
    told = ahead.group_by("underlying", maintain_order=True).agg(
        pl.col("max_pain").filter("is_next_monthly").drop_nulls().first(),
        pl.col("expected_move_pct").filter("is_next").drop_nulls().first(),
    )
    for other in (_wall(live, "C", "call_wall"), _wall(live, "P", "put_wall"), told, gamma_flip(live)):
        summed = summed.join(other, on="underlying", how="left", maintain_order="left")
    return summed


def unsettled(contracts: pl.DataFrame, expiries: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """The expiries not settled yet, with ``is_next`` and ``is_next_monthly``: whether it is the first such date."""
    quoted = contracts.group_by("underlying", "root", "expiry").agg(
        pl.col("settlement").first(), pl.col("quote_time").max()
    )
    settled_at = calendar.expiry_instants(quoted["expiry"], quoted["settlement"])
    unsettled = quoted.filter(settled_at > quoted.select(pl.col("quote_time").max().over("underlying")).to_series())
    monthly = pl.col("expiry").filter(pl.col("is_monthly")).min()
    return (
        expiries.join(unsettled.select("root", "expiry"), on=["root", "expiry"], how="semi", maintain_order="left")
        .with_columns(
            is_next=pl.col("expiry") == pl.col("expiry").min().over("underlying"),
            is_next_monthly=(pl.col("expiry") == monthly.over("underlying")).fill_null(value=False),
        )
        .sort("underlying", "expiry", maintain_order=True)
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


def gamma_flip(contracts: pl.DataFrame) -> pl.DataFrame:
    """``underlying gamma_flip``: the spot nearest to today's, within 25 %, at which ``gex`` would change its sign.

    The book is priced anew at every spot looked at: volatility, rates, yields and the time left are held; gamma is that
    of Black and Scholes, the forward moves in proportion to the spot. Null where there is no such spot.
    """
    needed = ("spot", "forward", "discount", "iv", "years", "open_interest")
    positive = (pl.col("open_interest") > 0) & (pl.col("years") > 0) & (pl.col("iv") > 0)
    usable = contracts.drop_nulls(needed).filter(positive).sort("underlying", maintain_order=True)
    groups = usable.group_by("underlying", maintain_order=True).agg(pl.len(), pl.col("spot").first())
    starts = np.concatenate(([0], np.cumsum(groups["len"].to_numpy()))).astype(np.int64)
    # Dollar gamma is spot x exp(-yield x years) x density(d1) / deviation, and the spot is the same in all of them.
    held = pl.col("forward") * pl.col("discount") / pl.col("spot")
    size = (pl.col("open_interest") * pl.col("multiplier")).cast(pl.Float64) * held
    columns = usable.select(
        weight=pl.when(CALL).then(size).otherwise(-size),
        distance=(pl.col("strike") / pl.col("forward")).log(),
        deviation=pl.col("iv") * pl.col("years").sqrt(),
    )
    factors = _flip_factors(starts, *(columns[name].to_numpy() for name in columns.columns))
    return groups.select("underlying", gamma_flip=pl.col("spot") * pl.Series(factors)).with_columns(
        pl.col("gamma_flip").fill_nan(None)
    )


# As far from spot as a flip is looked for, and the largest step (in log spot) on the way; near the end of an option's
# life its gamma is a narrow peak, and the steps are a part of that peak's width.
_LOWEST, _HIGHEST = math.log(0.75), math.log(1.25)
_LARGEST_STEP, _OF_DEVIATION = 0.0025, 0.2
# Terms smaller than the largest by these powers of e count for nothing in the sum, and do not make steps small.
_NEGLIGIBLE, _UNIMPORTANT = 40.0, 20.0
# In log spot: how exactly a crossing is found, and how near to the spot one at the spot itself is looked for.
_EXACT, _BESIDE = 1e-10, 1e-9
# A sum that its terms cancel to this share of them is rounding, not a sign.
_CANCELLED = 1e-13


@kernel
def _net_at(
    shift: float, weight: NDArray[np.float64], distance: NDArray[np.float64], deviation: NDArray[np.float64]
) -> tuple[float, float]:
    """The summed dollar gamma at a log spot moved by ``shift``, as a share of its terms' sizes; a safe step there.

    Terms are taken relative to the largest: far from every strike all of them are tiny, and the sign is still theirs.
    No step goes past where another term begins to matter.
    """
    least = math.inf
    halves = np.empty(weight.size)
    for row in range(weight.size):
        d1 = (shift - distance[row]) / deviation[row] + 0.5 * deviation[row]
        halves[row] = 0.5 * d1 * d1
        least = min(least, halves[row])
    important = math.sqrt(2.0 * (least + _UNIMPORTANT))
    total, size, step = 0.0, 0.0, _LARGEST_STEP
    for row in range(weight.size):
        below = halves[row] - least
        if deviation[row] * _OF_DEVIATION < step:
            step = min(step, deviation[row] * max(math.sqrt(2.0 * halves[row]) - important, _OF_DEVIATION))
        if below < _NEGLIGIBLE:
            term = weight[row] * math.exp(-below) / deviation[row]
            total += term
            size += abs(term)
    return (0.0 if abs(total) <= _CANCELLED * size else total / size), step


@kernel
def _root(
    direction: float,
    low: float,
    high: float,
    at_low: float,
    at_high: float,
    weight: NDArray[np.float64],
    distance: NDArray[np.float64],
    deviation: NDArray[np.float64],
) -> float:
    """Where between two moves of opposite signs the sum is zero: the Illinois method, every third step a bisection."""
    turn, kept = 0, 0
    while high - low > _EXACT:
        turn += 1
        share = 0.5 if turn % 3 == 0 else at_low / (at_low - at_high)
        middle = low + (high - low) * share
        value = _net_at(direction * middle, weight, distance, deviation)[0]
        if value == 0.0:
            return middle
        # Of an end that stays for the second time the value is halved, so that it is let go of.
        if value * at_low > 0.0:
            low, at_low, at_high, kept = middle, value, at_high * (0.5 if kept > 0 else 1.0), 1
        else:
            high, at_high, at_low, kept = middle, value, at_low * (0.5 if kept < 0 else 1.0), -1
    return 0.5 * (low + high)


@kernel
def _crossing(
    direction: float,
    limit: float,
    weight: NDArray[np.float64],
    distance: NDArray[np.float64],
    deviation: NDArray[np.float64],
) -> float:
    """How far the log spot moves in a direction (1 or -1) to the first change of sign; NaN where none is in reach."""
    reached = 0.0
    known, step = _net_at(0.0, weight, distance, deviation)
    while reached < limit:
        before = reached
        reached = min(reached + step, limit)
        net, step = _net_at(direction * reached, weight, distance, deviation)
        if known * net < 0.0:
            return _root(direction, before, reached, known, net, weight, distance, deviation)
        if net != 0.0:
            known = net
    return math.nan


@kernel
def _flip_factors(
    starts: NDArray[np.int64],
    weight: NDArray[np.float64],
    distance: NDArray[np.float64],
    deviation: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Per group, the factor on spot nearest to 1 at which the summed dollar gamma changes its sign; NaN where none."""
    factors = np.full(starts.size - 1, np.nan)
    for group in range(starts.size - 1):
        rows = slice(starts[group], starts[group + 1])
        book = (weight[rows], distance[rows], deviation[rows])
        beside = _net_at(_BESIDE, *book)[0] * _net_at(-_BESIDE, *book)[0]
        if beside < 0.0 and _net_at(0.0, *book)[0] == 0.0:
            factors[group] = 1.0
            continue
        above = math.exp(_crossing(1.0, _HIGHEST, *book))
        # Below, a factor is looked for no further than one above is away.
        limit = -_LOWEST if math.isnan(above) else -math.log(max(2.0 - above, 0.75))
        below = math.exp(-_crossing(-1.0, limit, *book))
        factors[group] = above if math.isnan(below) else below
    return factors
