"""Figures of a name over its past sessions, each as a scan of that session would have had it.

Most figures that stand beside a session's own - changes, means, ranks, realised volatility - are not kept: they come
out of what is. A frame here is of one name, with a row for every session of the exchange, oldest first, null where
nothing is known; a step of one row is a step of one session.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import polars as pl

from scanner import fields
from scanner.fields.model import Field, OnSplit, Rows, Unit
from scanner.kernels.columns import floats
from scanner.metrics.arithmetic import ratio

_YEAR, _RANK_LEAST, _TRADING_DAYS = 252, 60, 252
_LEAST = {5: 4, 20: 15}
_MEANS = (20, 50, 200)
_row = Rows("underlying")
# What only a series has: a scan does not ask for it.
EXTRA: Mapping[str, Field] = MappingProxyType(
    {
        f"close_to_mean_{count}": _row.part(
            f"close_to_mean_{count}",
            f"close / its mean of the last {count} sessions, this one among them, - 1",
            "one of them is not known",
            low=-1,
            title=f"from the {count}-session mean",
        )
        for count in _MEANS
    }
)
# What classes of one company's shares have together: sums, and the ratios of sums.
_RATIOS: Mapping[str, tuple[str, str]] = MappingProxyType(
    {
        "put_call_volume": ("put_volume", "call_volume"),
        "put_call_oi": ("put_oi", "call_oi"),
        "put_call_premium": ("put_premium", "call_premium"),
        "near_dated_share": ("near_volume", "volume"),
        "zero_dte_share": ("zero_dte_volume", "volume"),
    }
)


def with_derived(sessions: pl.DataFrame) -> pl.DataFrame:
    """Remembered sessions with ``close`` beside them -> the same with every figure that follows from them."""
    spot, iv30, skew = pl.col("close"), pl.col("iv30"), pl.col("skew_25d")
    put_call = pl.col("put_call_volume")
    returns = (spot / spot.shift(1)).log()
    before = iv30.shift(1)
    low, high = (getattr(before, f"rolling_{end}")(_YEAR, min_samples=_RANK_LEAST) for end in ("min", "max"))
    week = _week_before(sessions)
    notional = (pl.col("call_oi") + pl.col("put_oi")) * spot
    made = sessions.with_columns(
        previous_close=spot.shift(1),
        spot_change=spot / spot.shift(1) - 1,
        spot_change_5=spot / spot.shift(5) - 1,
        spot_change_week=spot / week["close"] - 1,
        iv30_change_week=iv30 - week["iv30"],
        put_call_volume_prev=put_call.shift(1),
        put_call_volume_change=put_call - put_call.shift(1),
        iv30_change=iv30 - before,
        skew_change=skew - skew.shift(1),
        volume_ratio_5=_against("volume", 5),
        volume_ratio_20=_against("volume", 20),
        call_volume_ratio_20=_against("call_volume", 20),
        back_volume_ratio_20=_against("back_volume", 20),
        hv_20=returns.shift(1).rolling_std(20, min_samples=_LEAST[20]) * _TRADING_DAYS**0.5,
        iv_sessions=before.is_not_null().cast(pl.Int64).rolling_sum(_YEAR, min_samples=1).fill_null(0),
        iv_rank_252=pl.when(high > low).then(((iv30 - low) / (high - low)).clip(0, 1)),
        _notional=notional,
        **{f"close_to_mean_{count}": spot / spot.rolling_mean(count) - 1 for count in _MEANS},
    )
    return made.with_columns(
        iv_hv_ratio=ratio("iv30", "hv_20"),
        iv_percentile_252=_percentile(made["iv30"]),
        zero_dte_percentile_252=_percentile(made["zero_dte_share"]),
        notional_percentile_252=_percentile(made["_notional"]),
    ).drop("_notional")


def _week_before(sessions: pl.DataFrame) -> pl.DataFrame:
    """``close iv30`` of seven days before each session, or of the session before that day where it was none."""
    before = sessions.select("session_date", "close", "iv30")
    at = sessions.select(_at=pl.col("session_date") - pl.duration(days=7))
    return at.join_asof(before, left_on="_at", right_on="session_date", strategy="backward")


def _against(name: str, count: int) -> pl.Expr:
    """A volume over the mean of the sessions before it; null where too few of them are known."""
    mean = pl.col(name).cast(pl.Float64).shift(1).rolling_mean(count, min_samples=_LEAST[count])
    return pl.when(mean > 0).then(pl.col(name) / mean)


def _percentile(values: pl.Series) -> pl.Series:
    """The share of the last sessions with less; null where fewer than sixty of them are known."""
    known = floats(values)
    found: list[float | None] = []
    for place, now in enumerate(known):
        past = known[max(place - _YEAR, 0) : place]
        past = past[np.isfinite(past)]
        found.append(float((past < now).mean()) if len(past) >= _RANK_LEAST and np.isfinite(now) else None)
    return pl.Series(found, dtype=pl.Float64)


def can_be_added(field: Field) -> bool:
    """Whether a figure of several share classes together is anything: a sum, or a ratio of sums."""
    of_sums = field.name in _RATIOS
    return of_sums or field.unit is Unit.contracts or (field.unit is Unit.dollars and field.on_split is OnSplit.none)


def together(rows: pl.DataFrame, name: str) -> pl.DataFrame:
    """Remembered rows of several share classes as one row a session: sums, null where one of them is not known."""
    count = rows["underlying"].n_unique()
    kept = fields.of("underlying").values()
    names = {field.name for field in kept if field.remembered and can_be_added(field) and field.name not in _RATIOS}
    summed = rows.group_by("session_date").agg(
        pl.when(pl.col(part).count() == count).then(pl.col(part).sum()).alias(part) for part in sorted(names)
    )
    ratios = {made: ratio(above, below) for made, (above, below) in _RATIOS.items()}
    return summed.with_columns(underlying=pl.lit(name), **ratios).sort("session_date")
