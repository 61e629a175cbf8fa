"""The contract scope: what each option series does today, beside what it did before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, cast

import numpy as np
import polars as pl

from scanner.history import past
from scanner.history.panel import taken
from scanner.history.same_session import gathered, rows_in
from scanner.kernels.columns import among, floats, nullable, numbered, run_starts
from scanner.kernels.groups import Groups
from scanner.market.chain import distinct
from scanner.market.levels import NAME
from scanner.metrics.arithmetic import is_call, quotient, ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scanner.history.panel import Panel

_CLOSES_BACK = 5


def measure(
    contracts: pl.DataFrame,
    panel: Panel,
    now: datetime,
    earlier: pl.DataFrame | None = None,
    names: Groups | None = None,
) -> pl.DataFrame:
    """Add the contract-scope fields that need no model.

    ``contracts`` is a priced chain; ``earlier`` the last snapshot of the same session (``contract volume``), where
    there was one; ``names`` are the contracts by name, where they are known. Changes are against the exchange's own
    sessions before, so that a gap in the history is a null and not a comparison with an older day. Returns the same
    rows in the same order.
    """
    names = names or Groups.of(contracts, NAME)
    rows = panel.rows_of(contracts)
    changes = [
        _iv_change(contracts, panel, rows),
        *_oi_changes(contracts, panel, rows, names, {"oi_change": 1, "oi_change_5": _CLOSES_BACK}),
        _interval(contracts, earlier),
        _share_of_side(contracts),
    ]
    return contracts.hstack(changes).with_columns(
        volume_oi=ratio("volume", "open_interest"),
        premium=premium(),
        delta_volume=pl.col("volume") * pl.col("delta") * pl.col("multiplier"),
        quote_age_minutes=(pl.lit(now) - pl.col("quote_time")).dt.total_seconds() / 60,
        last_trade_age_minutes=(pl.col("quote_time") - pl.col("last_trade_time")).dt.total_seconds().clip(0) / 60,
    )


def premium() -> pl.Expr:
    """Dollars that the session's volume is worth; null where a contract delivers something else than its multiplier."""
    return pl.when(~pl.col("nonstandard")).then(pl.col("volume") * pl.col("mid") * pl.col("multiplier"))


def _share_of_side(contracts: pl.DataFrame) -> pl.Series:
    """The share of each volume in that of all of its root, expiry and right."""
    side = 2 * Groups.of(contracts, ("root", "expiry")).numbers() + is_call(contracts)
    # Lots are whole numbers: their sum is the same in any order.
    total = np.bincount(side, np.nan_to_num(floats(contracts["volume"])))
    return quotient(contracts["volume"], pl.Series(total[side])).alias("strike_volume_share")


def _interval(contracts: pl.DataFrame, earlier: pl.DataFrame | None) -> pl.Series:
    """Contracts traded since the earlier snapshot; a contract listed since then started from nothing."""
    if earlier is None or earlier.is_empty():
        return pl.Series("volume_interval", [None] * contracts.height, dtype=pl.Int64)
    rows = rows_in(earlier, contracts)
    since = contracts["volume"] - gathered(earlier["volume"], rows).set(pl.Series(rows < 0), 0)
    seen = among(contracts["underlying"], pl.Series(distinct(earlier["underlying"]), dtype=pl.String))
    return since.set(pl.Series(~seen), None).alias("volume_interval")


def _iv_change(contracts: pl.DataFrame, panel: Panel, rows: NDArray[np.int32]) -> pl.Series:
    """``iv`` minus that of the previous session."""
    sessions = contracts["session_date"]
    starts = run_starts(sessions)
    before = [past.previous(session, panel.calendar) for session in sessions[starts]]
    columns = [panel.sessions.index(session) if session in panel.sessions else -1 for session in before]
    column = columns[0] if len(columns) == 1 else np.array(columns, np.int64)[numbered(starts, len(sessions))]
    then = taken(panel.iv, rows, column).astype(np.float64)
    return (contracts["iv"] - nullable("", then)).alias("iv_change")


def _oi_changes(
    contracts: pl.DataFrame,
    panel: Panel,
    rows: NDArray[np.int32],
    names: Groups,
    closes_back: Mapping[str, int],
) -> list[pl.Series]:
    """Open interest now minus that at closes so many sessions of the exchange earlier; null if not known."""
    asof = names.keys.with_columns(names.first_known(contracts["oi_asof"]))
    number, now = names.numbers(), floats(contracts["open_interest"])
    changes = []
    for name, back in closes_back.items():
        before = taken(panel.open_interest, rows, _shown_at(asof, panel, back)[number]).astype(np.float64)
        changes.append(nullable(name, now - before).cast(pl.Int64))
    return changes


def _shown_at(asof: pl.DataFrame, panel: Panel, closes_back: int) -> NDArray[np.int64]:
    """The newest past session that shows the close so many before each name's own (``oi_asof``); -1 if none."""
    names = panel.underlying_rows(asof["underlying"])
    columns = np.full(asof.height, -1)
    for (newest,), held in asof.with_row_index("name").drop_nulls().group_by("oi_asof"):
        earlier = panel.calendar.sessions_before(cast("date", newest), closes_back)
        mine = held["name"].to_numpy()
        mine = mine[names[mine] >= 0]
        if len(earlier) == closes_back and panel.sessions and mine.size:
            shows = panel.oi_asof[names[mine]] == np.datetime64(earlier[0], "D")
            last = shows.shape[1] - 1 - shows[:, ::-1].argmax(axis=1)
            columns[mine] = np.where(shows.any(axis=1), last, -1)
    return columns
