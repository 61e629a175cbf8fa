"""What the open interest of one name exposes whoever hedges it to: by strike and by expiry, in dollars.

Who holds which side cannot be seen in a chain, so that every sum follows a convention, and is no better than it. Gamma
and delta are those of the chain; vanna and charm those of Black and Scholes at each contract's volatility, forward and
discount.
"""

from __future__ import annotations

from datetime import date
from enum import StrEnum

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.kernels.columns import finite, floats
from scanner.market.calendar import Calendar
from scanner.metrics.arithmetic import CALL, GAMMA, HEDGE, PUT, known_sum, ratio
from scanner.metrics.gamma_sums import DAYS, ONE_PERCENT, ONE_POINT
from scanner.metrics.positioning import unsettled
from scanner.metrics.second_greeks import vannas_and_charms

KINDS = ("gamma", "delta", "vanna", "charm")


class Convention(StrEnum):
    """What dealers are taken to hold of every contract that is open."""

    calls_long_puts_short = "calls-long-puts-short"
    all_short = "all-short"

    @property
    def words(self) -> str:
        """In words."""
        return "long calls, short puts" if self is Convention.calls_long_puts_short else "short all options"


def live(contracts: pl.DataFrame, expiries: pl.DataFrame, calendar: Calendar, convention: Convention) -> pl.DataFrame:
    """The standard contracts of one name not settled yet, with what each exposes dealers to.

    Adds ``gamma_exposure`` (dollars of delta for a move of 1 %), ``delta_exposure`` (dollars), ``vanna_exposure``
    (dollars of delta for a point of volatility) and ``charm_exposure`` (dollars of delta for a day that passes), null
    where a contract has no volatility or its open interest is not known; ``calls_exposure`` is gamma of calls alone.
    """
    still_open = unsettled(contracts, expiries, calendar).select("root", "expiry", "is_next", "is_next_monthly")
    held = contracts.filter(~pl.col("nonstandard")).join(still_open, on=["root", "expiry"], maintain_order="left")
    side = 1.0 if convention is Convention.calls_long_puts_short else -1.0
    lots = pl.col("open_interest") * pl.col("multiplier") * pl.when(CALL).then(side).otherwise(-1.0)
    vanna, charm = vanna_and_charm(held)
    return held.with_columns(vanna.alias("_vanna"), charm.alias("_charm")).with_columns(
        gamma_exposure=pl.col("gamma") * lots * HEDGE**2 * ONE_PERCENT,
        delta_exposure=pl.col("delta") * lots * HEDGE,
        vanna_exposure=pl.col("_vanna") * lots * HEDGE * ONE_POINT,
        charm_exposure=pl.col("_charm") * lots * HEDGE / DAYS,
    )


def by_strike(contracts: pl.DataFrame) -> pl.DataFrame:
    """``strike``, the four exposures, ``calls_gamma`` and ``puts_gamma`` apart, and what is open and traded."""
    return contracts.group_by("strike").agg(*_sums(), *_counts()).sort("strike")


def by_expiry(contracts: pl.DataFrame, expiries: pl.DataFrame) -> pl.DataFrame:
    """A row a root and expiry: the exposures, what part of everything goes with it, and what the scope knows of it.

    ``gamma_share`` is of all gamma x open interest, ``positive_gamma_share`` of that of calls alone;
    ``smile_move_pct`` is one standard deviation of the move to the expiry, by the prices of all its strikes.
    """
    weight = GAMMA * pl.col("open_interest")
    sums = contracts.group_by("root", "expiry").agg(
        *_sums(), known_sum(weight).alias("_all"), known_sum(weight.filter(CALL)).alias("_calls")
    )
    moves = pl.DataFrame(
        [
            {"root": root, "expiry": expiry, "smile_move_pct": smile_move(group)}
            for (root, expiry), group in contracts.group_by("root", "expiry")
        ],
        schema={"root": pl.String, "expiry": pl.Date, "smile_move_pct": pl.Float64},
    )
    known = [
        "root", "expiry", "dte", "years", "is_monthly", "atm_iv", "forward", "expected_move_pct", "call_volume",
        "put_volume", "volume", "call_oi", "put_oi", "open_interest", "oi_share", "notional_oi", "max_pain",
    ]  # fmt: skip
    return (
        sums.with_columns(
            gamma_share=ratio("_all", pl.col("_all").sum()),
            positive_gamma_share=ratio("_calls", pl.col("_calls").sum()),
        )
        .drop("_all", "_calls")
        .join(expiries.select(known), on=["root", "expiry"], how="inner")
        .join(moves, on=["root", "expiry"], how="left")
        .sort("expiry", "root")
    )


def _sums() -> list[pl.Expr]:
    exposures = [known_sum(pl.col(f"{kind}_exposure")).alias(f"{kind}_exposure") for kind in KINDS]
    gamma = pl.col("gamma_exposure")
    return [
        *exposures,
        known_sum(gamma.filter(CALL)).alias("calls_gamma"),
        known_sum(gamma.filter(PUT)).alias("puts_gamma"),
    ]


def _counts() -> list[pl.Expr]:
    return [
        known_sum(pl.col(name).filter(right)).alias(f"{side}_{short}")
        for name, short in (("open_interest", "oi"), ("volume", "volume"))
        for side, right in (("call", CALL), ("put", PUT))
    ]


def vanna_and_charm(contracts: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    """Change of delta per 1.00 of volatility, and per year that passes; null where an input is missing.

    ``contracts`` has ``underlying right strike spot forward discount years iv``.
    """
    calls = (contracts["right"].cast(pl.String) == "C").to_numpy()
    hedge = contracts.select(HEDGE).to_series()
    columns = [hedge, *(contracts[name] for name in ("forward", "strike", "discount", "years", "iv"))]
    vanna, charm = vannas_and_charms(calls, *map(floats, columns))
    return finite("vanna", vanna), finite("charm", charm)


def smile_move(contracts: pl.DataFrame) -> float | None:
    """One standard deviation of the move to an expiry as a part of its forward, by the prices of all its strikes.

    The square root of the model-free variance (Cboe, VIX methodology): twice the sum of out-of-the-money prices over
    strike squared, as far out as two bids of nothing in a row. None where fewer than three strikes are quoted: last
    prices are of different moments, and their sum is nothing.
    """
    first = contracts.row(0, named=True)
    forward, discount = first["forward"], first["discount"]
    if forward is None or discount is None:
        return None
    prices = _out_of_the_money(contracts, forward)
    if len(prices) < 3:  # what a sum over neighbours needs
        return None
    strikes, values = (np.array(column) for column in zip(*prices, strict=True))
    variance = model_free_variance(strikes, values, forward, discount)
    return float(np.sqrt(variance)) if variance > 0 else None


def move_to(expiries: pl.DataFrame, day: date) -> float | None:
    """One standard deviation of the move to a day: total variance is taken to grow evenly between two expiries.

    ``expiries`` has ``expiry smile_move_pct``; before the first of them it grows evenly from nothing. None beyond the
    last one.
    """
    known = expiries.drop_nulls("smile_move_pct").unique("expiry", keep="first").sort("expiry")
    days = known["dte"].to_numpy().astype(float)
    variances = known["smile_move_pct"].to_numpy() ** 2
    if known.is_empty():
        return None
    wanted = float(days[0] + (day - known["expiry"][0]).days)
    if wanted > days[-1]:
        return None
    return float(np.sqrt(np.interp(wanted, np.concatenate(([0.0], days)), np.concatenate(([0.0], variances)))))


def model_free_variance(
    strikes: NDArray[np.float64], prices: NDArray[np.float64], forward: float, discount: float
) -> float:
    """The total variance to an expiry: ``strikes`` ascend, ``prices`` are those out of the money, of today."""
    widths = np.gradient(strikes)
    widths[0], widths[-1] = strikes[1] - strikes[0], strikes[-1] - strikes[-2]
    below = strikes[strikes <= forward]
    centre = below[-1] if below.size else strikes[0]
    return float(2.0 / discount * np.sum(widths / strikes**2 * prices) - (forward / centre - 1.0) ** 2)


def _out_of_the_money(contracts: pl.DataFrame, forward: float) -> list[tuple[float, float]]:
    """Strike and price of puts below the forward and calls above it; at the strike nearest below, of both the mean."""
    priced = contracts.select("strike", "right", pl.when(pl.col("bid").is_not_null()).then("mid"), "bid").sort("strike")
    held = {side: priced.filter(pl.col("right").cast(pl.String) == side) for side in ("C", "P")}
    below = [row for row in held["P"].iter_rows() if row[0] <= forward]
    above = [row for row in held["C"].iter_rows() if row[0] >= forward]
    centre = below[-1][0] if below else None
    puts, calls = _until_worthless(below[::-1])[::-1], _until_worthless(above)
    if puts and puts[-1][0] == centre:
        call = next((row[2] for row in held["C"].iter_rows() if row[0] == centre and row[2] is not None), None)
        if call is not None:
            puts[-1] = (centre, (puts[-1][1] + call) / 2)
    return [*puts, *(row for row in calls if row[0] != centre)]


def _until_worthless(rows: list[tuple[float, str, float | None, float | None]]) -> list[tuple[float, float]]:
    """Strike and price from the money outward; two bids of nothing in a row end it."""
    found, nothing = list[tuple[float, float]](), 0
    for strike, _, mid, bid in rows:
        if mid is None or not bid:
            nothing += 1
            if nothing == 2:  # as the method has it
                break
            continue
        nothing = 0
        found.append((strike, mid))
    return found
