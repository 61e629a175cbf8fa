"""The market scope: all scanned underlyings together, and split into index products and single names."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

import numpy as np
import polars as pl

from scanner.fields.columns import schema
from scanner.market.calendar import Calendar
from scanner.market.products import INDEX_UNDERLYINGS
from scanner.metrics.before import MEANS, Before

if TYPE_CHECKING:
    from numpy.typing import NDArray

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
    underlyings = underlyings.filter(pl.col("session_date") == pl.col("session_date").max())
    before = Before.of(past, underlyings, calendar)
    is_index = underlyings["underlying"].is_in(list(INDEX_UNDERLYINGS | INDEX_FUNDS))
    segments = {"all": underlyings["underlying"].is_not_null(), "index": is_index, "single": ~is_index}
    rows = [{"segment": name, **_segment(underlyings, chosen, before)} for name, chosen in segments.items()]
    return pl.DataFrame(rows, schema=schema("market"))


def _segment(underlyings: pl.DataFrame, chosen: pl.Series, before: Before) -> dict[str, float | None]:
    members = underlyings.filter(chosen)
    sums = {name: _known_sum(members[name]) for name in (*_SUMMED, *_NOTIONALS)}
    valued = members["notional_oi"].is_not_null() & members["market_value"].is_not_null()
    of_value, value = (_known_sum(members[name].filter(valued)) for name in ("notional_oi", "market_value"))
    seen = chosen & underlyings["volume"].is_not_null()
    previous, *means = _past(before, seen.to_numpy())
    put_call = _ratio(sums["put_volume"], sums["call_volume"])
    return {
        "underlyings": int(seen.to_numpy().sum()),
        **sums,
        "put_call_volume": put_call,
        "put_call_volume_prev": previous,
        "put_call_volume_change": None if put_call is None or previous is None else put_call - previous,
        "put_call_oi": _ratio(sums["put_oi"], sums["call_oi"]),
        "put_call_premium": _ratio(sums["put_premium"], sums["call_premium"]),
        "near_dated_share": _ratio(sums["near_volume"] or 0, sums["volume"]),
        "zero_dte_share": _ratio(sums["zero_dte_volume"] or 0, sums["volume"]),
        "volume_ratio_5": _ratio(sums["volume"], means[0]),
        "volume_ratio_20": _ratio(sums["volume"], means[1]),
        "notional_value_share": _ratio(of_value, value),
    }


def _past(before: Before, members: NDArray[np.bool_]) -> tuple[float | None, ...]:
    """Puts for a call of the session before, and the mean volumes of 5 and 20, of sessions that saw all ``members``."""
    calls, puts = before.values("call_volume"), before.values("put_volume")
    known = members[before.number] & np.isfinite(calls) & np.isfinite(puts)
    back, sessions = before.back[known], int(before.back.max(initial=1)) + 1
    # A name may have been seen twice by sessions that lie as far back: a holiday's label and the day after it.
    names = np.unique(back * before.names + before.number[known]) // max(before.names, 1)
    complete = (np.bincount(names, minlength=sessions) == members.sum()) & members.any()
    # Lots are whole numbers: their sum is the same in any order.
    call, put = (np.bincount(back, lots[known], minlength=sessions) for lots in (calls, puts))
    means = []
    for count, least in MEANS.items():
        last = np.flatnonzero(complete[: count + 1])
        means.append(float((call + put)[last].sum() / len(last)) if len(last) >= least else None)
    return _ratio(float(put[1]), float(call[1])) if complete[1] else None, *means


def _known_sum(values: pl.Series) -> float | None:
    """The sum of what is known; None, not 0, where nothing is."""
    return cast("float", values.sum()) if values.count() else None


def _ratio(numerator: float | None, denominator: float | None) -> float | None:
    """One number over another; None where either is missing, or the denominator is 0."""
    return numerator / denominator if numerator is not None and denominator else None
