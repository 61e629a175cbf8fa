"""The contract scope: what each option series does today, beside what it did before."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import TYPE_CHECKING, cast

import numpy as np
import polars as pl

from scanner.history import past
from scanner.history.same_session import gathered, rows_in
from scanner.kernels.columns import floats, nullable
from scanner.kernels.groups import Groups
from scanner.metrics.arithmetic import ratio

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from scanner.history.panel import Panel

_CLOSES_BACK = 5


def measure(contracts: pl.DataFrame, panel: Panel, now: datetime, earlier: pl.DataFrame | None = None) -> pl.DataFrame:
    """Add the contract-scope fields that need no model.

    ``contracts`` is a priced chain; ``earlier`` the last snapshot of the same session (``contract volume``), where
    there was one. Changes are against the exchange's own sessions before, so that a gap in the history is a null and
    not a comparison with an older day. Returns the same rows in the same order.
    """
    rows = panel.rows_of(contracts)
    changes = pl.DataFrame(
        {
            "iv_change": _iv_change(contracts, panel, rows),
            **_oi_changes(contracts, panel, rows, {"oi_change": 1, "oi_change_5": _CLOSES_BACK}),
        }
    )
    return contracts.hstack(changes).with_columns(
        _interval(contracts, earlier),
        volume_oi=ratio("volume", "open_interest"),
        premium=premium(),
        delta_volume=pl.col("volume") * pl.col("delta") * pl.col("multiplier"),
        quote_age_minutes=(pl.lit(now) - pl.col("quote_time")).dt.total_seconds() / 60,
        last_trade_age_minutes=(pl.col("quote_time") - pl.col("last_trade_time")).dt.total_seconds().clip(0) / 60,
        strike_volume_share=ratio(pl.col("volume"), pl.col("volume").sum().over("root", "expiry", "right")),
    )


def premium() -> pl.Expr:
    """Dollars that the session's volume is worth; null where a contract delivers something else than its multiplier."""
    return pl.when(~pl.col("nonstandard")).then(pl.col("volume") * pl.col("mid") * pl.col("multiplier"))


def _interval(contracts: pl.DataFrame, earlier: pl.DataFrame | None) -> pl.Series:
    """Contracts traded since the earlier snapshot; a contract listed since then started from nothing."""
    if earlier is None or earlier.is_empty():
        return pl.Series("volume_interval", [None] * contracts.height, dtype=pl.Int64)
    rows = rows_in(earlier, contracts)
    before = gathered(earlier["volume"], rows).set(pl.Series(rows < 0), 0)
    seen = pl.col("underlying").is_in(earlier["underlying"].unique().implode())
    since = contracts.select(pl.when(seen).then(pl.col("volume") - before))
    return since.to_series().alias("volume_interval")


def _gather(matrix: NDArray[np.float32], rows: NDArray[np.int32], column: int) -> NDArray[np.float64]:
    """One past session's value per chain row; NaN where the contract was not in the panel."""
    values = np.full(rows.shape[0], np.nan)
    known = rows >= 0
    values[known] = matrix[rows[known], column]
    return values


def _iv_change(contracts: pl.DataFrame, panel: Panel, rows: NDArray[np.int32]) -> pl.Series:
    """``iv`` minus that of the previous session."""
    before = np.full(contracts.height, np.nan)
    for session in contracts["session_date"].unique():
        previous = past.previous(session, panel.calendar)
        if previous in panel.sessions:
            mine = (contracts["session_date"] == session).to_numpy()
            before[mine] = _gather(panel.iv, rows[mine], panel.sessions.index(previous))
    return contracts["iv"] - nullable("", before)


def _oi_changes(
    contracts: pl.DataFrame, panel: Panel, rows: NDArray[np.int32], closes_back: Mapping[str, int]
) -> dict[str, pl.Series]:
    """Open interest now minus that at closes so many sessions of the exchange earlier; null if not known."""
    names = Groups.of(contracts, ("underlying",))
    asof = names.keys.with_columns(names.first_known(contracts["oi_asof"]))
    number, now = names.numbers(), floats(contracts["open_interest"])
    changes = {}
    for name, back in closes_back.items():
        columns = _shown_at(asof, panel, back)[number]
        known = (rows >= 0) & (columns >= 0)
        before = np.full(contracts.height, np.nan)
        before[known] = panel.open_interest[rows[known], columns[known]]
        changes[name] = nullable(name, now - before).cast(pl.Int64)
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
