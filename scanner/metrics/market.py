"""The market scope: all scanned underlyings together, and split into index products and single names."""

from __future__ import annotations

import polars as pl

from scanner.history.past import beside_today
from scanner.market.calendar import Calendar
from scanner.market.products import INDEX_UNDERLYINGS
from scanner.metrics.arithmetic import known_sum, ratio
from scanner.metrics.underlying import mean_of_last, remembered

# Funds on a whole index trade as index products do; a short list, because a chain does not say what its name is.
INDEX_FUNDS = frozenset({"SPY", "QQQ", "IWM", "DIA", "VOO", "IVV", "VXX", "UVXY", "SQQQ", "TQQQ"})
_SUMMED = (
    "call_volume",
    "put_volume",
    "call_oi",
    "put_oi",
    "call_premium",
    "put_premium",
    "volume",
    "near_volume",
    "zero_dte_volume",
)
_NOTIONALS = ("notional_oi", "notional_expiring")


def measure(underlyings: pl.DataFrame, past: pl.DataFrame, calendar: Calendar) -> pl.DataFrame:
    """Three rows: ``all``, ``index`` and ``single``. ``past`` is the panel's ``underlying_sessions``.

    Names whose chain is of an older session than the others' are left out. Comparisons with the past use only sessions
    in which every underlying of the segment was seen, so that a name that is added or missing does not pass for a
    change; changes are null unless the exchange's previous session is such a one.
    """
    frames = []
    underlyings = underlyings.filter(pl.col("session_date") == pl.col("session_date").max())
    past = beside_today(remembered(past), underlyings, calendar)
    is_index = pl.col("underlying").is_in(sorted(INDEX_UNDERLYINGS | INDEX_FUNDS))
    for segment, chosen in (("all", pl.lit(value=True)), ("index", is_index), ("single", ~is_index)):
        members = underlyings.filter(chosen)
        frames.append(_segment(segment, members, past.filter(chosen)))
    return pl.concat(frames)


def _segment(segment: str, members: pl.DataFrame, past: pl.DataFrame) -> pl.DataFrame:
    of_value = known_sum(pl.col("notional_oi").filter(pl.col("market_value").is_not_null()))
    today = members.select(
        *(known_sum(pl.col(name)).alias(name) for name in (*_SUMMED, *_NOTIONALS)),
        notional_value_share=ratio(
            of_value, known_sum(pl.col("market_value").filter(pl.col("notional_oi").is_not_null()))
        ),
    ).with_columns(_ratios())
    names = members.filter(pl.col("volume").is_not_null())["underlying"]
    complete = (
        past.filter(pl.col("underlying").is_in(names.implode()))
        .drop_nulls(["call_volume", "put_volume"])
        .group_by("back")
        .agg(pl.col("underlying").n_unique(), pl.col("call_volume").sum(), pl.col("put_volume").sum())
        .filter(pl.col("underlying") == names.len())
    )
    volume = pl.col("call_volume") + pl.col("put_volume")
    before = complete.select(
        previous=ratio("put_volume", "call_volume").filter(pl.col("back") == 1).first(),
        mean_5=mean_of_last(5, volume),
        mean_20=mean_of_last(20, volume),
    )
    previous, *means = before.row(0)
    return today.select(
        segment=pl.lit(segment),
        underlyings=pl.lit(names.len(), dtype=pl.Int64),
        **{name: pl.col(name) for name in (*_SUMMED, "put_call_volume")},
        put_call_volume_prev=pl.lit(previous, dtype=pl.Float64),
        put_call_volume_change=pl.col("put_call_volume") - pl.lit(previous, dtype=pl.Float64),
        put_call_oi=pl.col("put_call_oi"),
        put_call_premium=pl.col("put_call_premium"),
        near_dated_share=ratio(pl.col("near_volume").fill_null(0), "volume"),
        zero_dte_share=ratio(pl.col("zero_dte_volume").fill_null(0), "volume"),
        volume_ratio_5=ratio(pl.col("volume"), pl.lit(means[0], dtype=pl.Float64)),
        volume_ratio_20=ratio(pl.col("volume"), pl.lit(means[1], dtype=pl.Float64)),
        **{name: pl.col(name) for name in (*_NOTIONALS, "notional_value_share")},
    )


def _ratios() -> list[pl.Expr]:
    return [
        ratio("put_volume", "call_volume").alias("put_call_volume"),
        ratio("put_oi", "call_oi").alias("put_call_oi"),
        ratio("put_premium", "call_premium").alias("put_call_premium"),
    ]
