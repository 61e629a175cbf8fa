"""Chance beside skill: would contracts like the flagged ones have been confirmed as often?

The label of the next morning is easier to pass for some contracts than for others. Each flagged contract is therefore
set beside the contracts of the same underlying and session most like it in volume, days to expiry, |delta| and
volume/OI, and the share of those whose open interest rose by half of their volume is kept with the verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from functools import cache

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.alerts.confirmation import MatchedRandom, Published
from scanner.alerts.flagged import Flagged
from scanner.history.panel import Panel
from scanner.metrics.matching import confirmed, matched_random


def matched_by(panel: Panel, open_interest: pl.DataFrame) -> MatchedRandom:
    """The share of matched contracts that were confirmed, for flagged sessions that a panel remembers.

    ``open_interest`` holds the published figures, as :func:`scanner.alerts.confirmation.confirm` takes them. None where
    the session is not in the panel, its open interest does not describe the close before it, or too few contracts have
    a figure on both sides.
    """
    published = Published(open_interest)

    # Many alerts are of one name and session.
    @cache
    def of(session: date, name: str | None) -> tuple[pl.Series, NDArray[np.float64], NDArray[np.float64]] | None:
        if session not in panel.sessions or name not in panel.underlyings:
            return None
        column = panel.sessions.index(session)
        asof = panel.oi_asof[panel.underlyings.index(name), column]
        if asof != np.datetime64(panel.calendar.previous_session(session), "D"):
            return None
        alive = (pl.col("underlying") == name) & (pl.col("expiry") > session)
        of_name = panel.contracts.with_row_index("_row").filter(alive)
        return of_name["contract"], *_features(panel, of_name, column, published)

    def share(group: Sequence[Flagged]) -> float | None:
        known = of(group[0].session_date, group[0].underlying)
        if known is None:
            return None
        contracts, features, label = known
        mine = contracts.is_in([item.contract for item in group]).to_numpy()
        chosen = np.flatnonzero(mine & np.isfinite(label))
        if not len(chosen):
            return None
        try:
            like = matched_random(features, chosen, np.isfinite(label) & ~mine)
        except ValueError:
            return None
        return float(label[like].mean())

    return share


def _features(
    panel: Panel, contracts: pl.DataFrame, column: int, published: Published
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What contracts are matched on, and whether each was confirmed (1, 0, NaN where that is not known)."""
    rows, session = contracts["_row"].to_numpy(), panel.sessions[column]
    volume = panel.volume[rows, column].astype(np.float64)
    before = panel.open_interest[rows, column].astype(np.float64)
    after = [published.at_close(name, session) for name in contracts["contract"]]
    label = confirmed(volume, before, np.array(after, dtype=np.float64))
    days = contracts.select((pl.col("expiry") - pl.lit(session)).dt.total_days()).to_series().to_numpy()
    features = np.column_stack(
        [
            np.log1p(np.nan_to_num(volume)),
            np.log1p(days),
            np.nan_to_num(np.abs(panel.delta[rows, column].astype(np.float64)), nan=0.5),
            np.log((np.nan_to_num(volume) + 1) / (np.nan_to_num(before) + 1)),
        ]
    )
    return features, label
