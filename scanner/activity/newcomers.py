"""Expiries that begin nearer than any that a root began before: what is usual of them is told by their neighbours.

Exchanges list a week's expiry a month or more ahead, when hardly anybody trades it, and that is what the regression has
learnt of contracts without a past. A first expiry on a Monday begins within days of its end, among contracts that trade
all the time: nothing like it was ever learnt from. Each of its contracts is therefore taken for one whose past is that
of its neighbour, the contract of the same right at the nearest strike of the nearest expiry. Once a root has begun such
expiries in the past that is remembered, they are judged by what was learnt of them, as all others are.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.kernels.columns import run_numbers

if TYPE_CHECKING:
    from scanner.activity.history import Recent
    from scanner.history.panel import Panel

_EXPIRY = ["root", "expiry"]


def with_neighbours(
    rows: NDArray[np.int32], contracts: pl.DataFrame, panel: Panel, recent: Recent
) -> tuple[NDArray[np.int32], Recent]:
    """The panel's row of every contract, and the past by row, with rows for those that have their neighbour's.

    Of what they traded lately nothing is known: a neighbour's volume is no part of a build-up.
    """
    unknown = rows < 0
    if not unknown.any() or not panel.sessions:
        return rows, recent
    # Most new contracts are strikes of an expiry that is known; few chains have one of which nothing is.
    expiry = run_numbers(contracts.select(_EXPIRY))
    whole = unknown & (np.bincount(expiry, weights=~unknown)[expiry] == 0)
    if not whole.any():
        return rows, recent
    placed = contracts.select(*_EXPIRY, "strike", "right", "session_date", _row=pl.Series(rows)).with_row_index(
        "_place"
    )
    fresh = placed.filter(pl.Series(whole)).join(panel.contracts, on=_EXPIRY, how="anti", maintain_order="left")
    if fresh.is_empty():
        return rows, recent
    found = _neighbours(_nearer_than_ever(fresh, panel), placed.filter(pl.Series(~unknown)))
    if found.is_empty():
        return rows, recent
    place, neighbour = found["_place"].to_numpy(), found["_neighbour"].to_numpy()
    known = len(recent.volume) - 1
    moved = rows.copy()
    moved[place] = known + np.arange(len(place), dtype=np.int32)
    past = np.concatenate([recent.past[:, :-1], recent.past[:, neighbour], recent.past[:, -1:]], axis=1)
    untraded = np.repeat(recent.volume[-1:], len(place), axis=0)
    volume = np.concatenate([recent.volume[:-1], untraded, recent.volume[-1:]])
    return moved, replace(recent, past=past, volume=volume)


def _nearer_than_ever(fresh: pl.DataFrame, panel: Panel) -> pl.DataFrame:
    """The contracts whose expiry ends sooner after its beginning than any of the root that the panel saw begin."""
    days = (pl.col("expiry") - pl.col("session_date")).dt.total_days()
    roots = panel.contracts.with_row_index("_row").filter(pl.col("root").is_in(fresh["root"].unique().implode()))
    first = np.isfinite(panel.volume[roots["_row"].to_numpy()]).argmax(axis=1)
    began = roots.select(*_EXPIRY, _first=pl.Series(first)).group_by(_EXPIRY).agg(pl.col("_first").min())
    sessions = pl.DataFrame({"_first": range(len(panel.sessions)), "session_date": panel.sessions})
    # Those of the first session were there before it.
    seen = began.filter(pl.col("_first") > 0).join(sessions, on="_first").with_columns(days=days)
    nearest = seen.group_by("root").agg(pl.col("days").min().alias("_nearest"))
    return fresh.join(nearest, on="root", how="left", maintain_order="left").filter(
        pl.col("_nearest").is_null() | (days < pl.col("_nearest"))
    )


def _neighbours(fresh: pl.DataFrame, known: pl.DataFrame) -> pl.DataFrame:
    """``_place _neighbour``: the row of the neighbour of each contract that has one."""
    expiries = known.select("root", _beside="expiry").unique()
    apart = (pl.col("_beside") - pl.col("expiry")).dt.total_days().abs()
    nearest = (
        fresh.select(_EXPIRY)
        .unique()
        .join(expiries, on="root")
        .sort(apart, "_beside")
        .unique(_EXPIRY, keep="first", maintain_order=True)
    )
    beside = known.select("root", "right", "strike", _beside="expiry", _neighbour="_row").sort("strike")
    return (
        fresh.join(nearest, on=_EXPIRY)
        .sort("strike")
        .join_asof(beside, on="strike", by=["root", "right", "_beside"], strategy="nearest", check_sortedness=False)
        .drop_nulls("_neighbour")
        .select("_place", "_neighbour")
    )
