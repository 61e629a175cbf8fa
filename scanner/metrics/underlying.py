"""The underlying scope: one stock, ETF or index, all its standard contracts together, beside its own past."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, cast

import numpy as np
import polars as pl

from scanner.fields import columns
from scanner.kernels.columns import floats, nullable
from scanner.kernels.groups import Groups
from scanner.market import products
from scanner.market.chain import distinct
from scanner.market.levels import NAME, Levels
from scanner.metrics import positioning, returns
from scanner.metrics.arithmetic import is_call, ratio, sums_by_right
from scanner.metrics.before import RANK_SESSIONS, Before

if TYPE_CHECKING:
    from scanner.history.panel import Panel
    from scanner.market.calendar import Calendar

NEAR_DAYS = 14
# What is looked at of a contract: of eighty columns no others are copied.
_NEEDED = (
    *("underlying", "root", "expiry", "strike", "right", "nonstandard", "multiplier", "settlement", "session_date"),
    *("quote_time", "spot", "volume", "open_interest", "dte", "years", "forward", "discount", "premium", "iv"),
    *("gamma", "delta"),
)


def remembered(past: pl.DataFrame) -> pl.DataFrame:
    """The panel's ``underlying_sessions`` with every field that is remembered, null where it was not kept."""
    kept = columns.remembered("underlying").items()
    return past.with_columns(pl.lit(None, dtype).alias(name) for name, dtype in kept if name not in past.columns)


def measure(
    contracts: pl.DataFrame,
    expiries: pl.DataFrame,
    priced: pl.DataFrame,
    panel: Panel,
    told: pl.DataFrame | None = None,
    levels: Levels | None = None,
) -> pl.DataFrame:
    """One row an underlying. ``priced`` is the pricing stage's frame of underlyings (``iv30 skew_25d``).

    ``told`` are daily closes before the session (``underlying session_date close``) by whoever keeps them; ``levels``
    are those of the standard contracts, where they are known.

    Changes are against the exchange's session before this one and null without it. No chain tells what was traded of
    the stock, so that ``option_stock_volume_ratio`` is null.
    """
    standard = contracts.select(_NEEDED).filter(~pl.col("nonstandard"))
    levels = levels or Levels.of(standard)
    placed = positioning.measure(standard, expiries, panel.calendar, levels.expiries)
    today = (
        totals(standard, levels.names)
        .hstack(_top_strike(standard, levels))
        .join(parity_spot(expiries), on="underlying", how="left", maintain_order="left")
        .join(priced, on="underlying", how="left", maintain_order="left")
        .join(placed, on="underlying", how="left", maintain_order="left")
        .with_columns(option_stock_volume_ratio=pl.lit(None, pl.Float64))
    )
    return _against_history(today, panel, told, cast("date", contracts["session_date"].max()))


def totals(contracts: pl.DataFrame, names: Groups | None = None) -> pl.DataFrame:
    """Sums and ratios of one session: what is kept of it for later sessions to compare with.

    ``names`` are the contracts by name, where they are known.
    """
    names = names or Groups.of(contracts, NAME)
    volume, premium, calls = contracts["volume"], contracts["premium"], is_call(contracts)
    days = contracts["dte"]
    near, zero = (flags.fill_null(value=False).to_numpy() for flags in (days <= NEAR_DAYS, days == 0))
    return names.keys.hstack(
        [
            contracts["session_date"].gather(names.firsts()),
            names.first_known(contracts["spot"]),
            *sums_by_right(names, contracts),
            names.known_sums(premium, calls).alias("call_premium"),
            names.known_sums(premium, ~calls).alias("put_premium"),
            names.known_sums(volume).alias("volume"),
            names.known_sums(volume, near).alias("near_volume"),
            names.known_sums(volume, ~near).alias("back_volume"),
            names.known_sums(volume, zero).alias("zero_dte_volume"),
        ]
    ).with_columns(
        put_call_volume=ratio("put_volume", "call_volume"),
        put_call_oi=ratio("put_oi", "call_oi"),
        put_call_premium=ratio("put_premium", "call_premium"),
        near_dated_share=ratio(pl.col("near_volume").fill_null(0), "volume"),
        zero_dte_share=ratio(pl.col("zero_dte_volume").fill_null(0), "volume"),
    )


def parity_spot(expiries: pl.DataFrame) -> pl.DataFrame:
    """``underlying parity_spot``: the price that the forward of the nearest expiry implies; no carry is known.

    ``expiries`` has ``underlying expiry forward discount``. Options on volatility tell futures, not the index.
    """
    spot_like = expiries.filter(~pl.col("underlying").is_in(products.VOLATILITY_INDICES)).drop_nulls("forward")
    nearest = spot_like.sort("expiry", maintain_order=True).group_by("underlying", maintain_order=True)
    return nearest.agg(parity_spot=(pl.col("forward") * pl.col("discount")).first())


def _top_strike(contracts: pl.DataFrame, levels: Levels) -> list[pl.Series]:
    """The strike (all expiries, both rights) with the most volume, and its share; null where nothing traded."""
    names, strikes, count = levels.names, levels.strikes, len(levels.names)
    lots = np.nan_to_num(strikes.sums(floats(contracts["volume"])))
    traded = np.flatnonzero(lots > 0)
    row = strikes.firsts()[traded]
    # Strikes are told apart to the thousandth, as in a contract's symbol; the lowest of a name comes first.
    keys = names.numbers()[row] << 32 | np.rint(floats(contracts["strike"])[row] * 1000).astype(np.int64)
    keys, first, place = np.unique(keys, return_index=True, return_inverse=True)
    volume, name = np.bincount(place, lots[traded], minlength=len(keys)), keys >> 32
    most, whole = np.zeros(count), np.bincount(name, volume, minlength=count)
    np.maximum.at(most, name, volume)
    top = np.flatnonzero(volume == most[name])[::-1]
    strike = np.full(count, np.nan)
    # Of several strikes with as much the last one written stays, the lowest.
    strike[name[top]] = floats(contracts["strike"])[row[first[top]]]
    share = np.divide(most, whole, out=np.full(count, np.nan), where=whole > 0)
    return [nullable("top_strike", strike), nullable("top_strike_share", share)]


def _against_history(today: pl.DataFrame, panel: Panel, told: pl.DataFrame | None, session: date) -> pl.DataFrame:
    before = Before.of(panel.underlying_sessions, today, panel.calendar)
    closes = returns.closes(panel.underlying_sessions, told)
    prices = returns.closes(panel.underlying_sessions, told, or_implied=True)
    volatility = returns.volatility(prices, session, panel.calendar)
    joined = today.hstack(
        [*returns.past(closes, today, panel.calendar).drop("underlying"), *_history(today, before, panel.calendar)]
    ).join(volatility, on="underlying", how="left", maintain_order="left")
    return joined.with_columns(
        put_call_volume_change=pl.col("put_call_volume") - pl.col("put_call_volume_prev"),
        spot_change=pl.col("spot") / pl.col("previous_close") - 1,
        spot_change_5=pl.col("spot") / pl.col("_close_5") - 1,
        spot_change_week=pl.col("spot") / pl.col("_close_week") - 1,
        spot_change_ytd=pl.col("spot") / pl.col("_close_ytd") - 1,
        iv30_change=pl.col("iv30") - pl.col("_iv30"),
        iv30_change_week=pl.col("iv30") - pl.col("_iv30_week"),
        skew_change=pl.col("skew_25d") - pl.col("_skew"),
        volume_ratio_5=ratio("volume", "_mean_5"),
        volume_ratio_20=ratio("volume", "_mean_20"),
        call_volume_ratio_20=ratio("call_volume", "_call_mean_20"),
        back_volume_ratio_20=ratio("back_volume", "_back_mean_20"),
        iv_hv_ratio=ratio("iv30", "hv_20"),
    ).drop(
        "_close_5",
        "_close_week",
        "_close_ytd",
        "_iv30",
        "_iv30_week",
        "_skew",
        "_mean_5",
        "_mean_20",
        "_back_mean_20",
        "_call_mean_20",
    )


def _history(today: pl.DataFrame, before: Before, calendar: Calendar) -> list[pl.Series]:
    """How long the trusted history is, its means, what the session and the week before told, and where today lies."""
    calls, iv30, zero = (before.values(name) for name in ("call_volume", "iv30", "zero_dte_share"))
    volume, previous = calls + before.values("put_volume"), before.back == 1
    notional = (before.values("call_oi") + before.values("put_oi")) * before.values("spot")
    now = {name: floats(today[name]) for name in ("iv30", "zero_dte_share", "call_oi", "put_oi", "spot")}
    week_of = {day: returns.week_before(day, calendar) for day in distinct(today["session_date"])}
    weeks = pl.Series([week_of[day] for day in today["session_date"]], dtype=pl.Date).gather(before.number)
    week = (before.rows["session_date"] == weeks).fill_null(value=False).to_numpy()
    ranked = (before.back <= RANK_SESSIONS) & np.isfinite(iv30)
    found = {
        "put_call_volume_prev": before.told(previous, before.values("put_call_volume")),
        "_iv30": before.told(previous, iv30),
        "_skew": before.told(previous, before.values("skew_25d")),
        "_iv30_week": before.told(week, iv30),
        "_mean_5": before.mean_of_last(5, volume),
        "_mean_20": before.mean_of_last(20, volume),
        "_back_mean_20": before.mean_of_last(20, before.values("back_volume")),
        "_call_mean_20": before.mean_of_last(20, calls),
        "iv_rank_252": before.rank(iv30, now["iv30"]),
        "iv_percentile_252": before.percentile(iv30, now["iv30"]),
        "zero_dte_percentile_252": before.percentile(zero, now["zero_dte_share"]),
        "notional_percentile_252": before.percentile(notional, (now["call_oi"] + now["put_oi"]) * now["spot"]),
    }
    return [
        pl.Series("history_sessions", before.count(np.isfinite(volume))),
        pl.Series("iv_sessions", before.count(ranked)),
        *(nullable(name, values) for name, values in found.items()),
    ]
