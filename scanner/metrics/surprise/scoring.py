"""Scoring a chain with a fitted model: what was expected of every contract now, and how rare what it did is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.metrics.selection import benjamini_hochberg, multi_leg_suspects
from scanner.metrics.surprise import features
from scanner.metrics.surprise.calibration import tier_of
from scanner.metrics.surprise.geometry import Places, locate
from scanner.metrics.surprise.history import (
    bounded,
    build_up,
    combine,
    log_open_interest,
    standardised_move,
    window_activity,
)
from scanner.metrics.surprise.regression import expected
from scanner.metrics.surprise.time_of_day import share_of_volume
from scanner.panel import Panel

if TYPE_CHECKING:
    from scanner.metrics.surprise.model import VolumeModel

GOOD_SESSIONS = 10
_PRIOR_VOLUME = 5.0
_NOT_KNOWN = "volume not known"


@dataclass(frozen=True)
class Today:
    """A chain laid out beside the panel: places, what is remembered of each row, and how busy the session is.

    ``rows`` is the panel's dense id or -1; ``states`` (rows, 3, 6) what was known before each window began.
    """

    names: tuple[str, ...]
    places: Places
    rows: NDArray[np.int32]
    day: int
    volume: NDArray[np.float64]
    open_interest: NDArray[np.float64]
    log_spot: NDArray[np.float64]
    volatility: NDArray[np.float64]
    moneyness: NDArray[np.float32]
    log_price: NDArray[np.float32]
    base: NDArray[np.float32]
    predicted: NDArray[np.float32]
    of_name: NDArray[np.float32]
    of_expiry: NDArray[np.float32]
    beside: NDArray[np.float32]
    earnings: NDArray[np.float32]

    @classmethod
    def of(
        cls, model: VolumeModel, contracts: pl.DataFrame, panel: Panel, elapsed: float, events: pl.DataFrame | None
    ) -> Today:
        """Lay out a chain that is sorted by root, expiry, strike and right."""
        known = set(panel.underlyings)
        names = panel.underlyings + tuple(sorted(set(contracts["underlying"].unique()) - known))
        places = Places.of(contracts, names)
        rows = panel.rows_of(contracts)
        day = int(contracts["session_date"].to_physical()[0])
        iv = _numbers(contracts, "iv" if "iv" in contracts.columns else "vendor_iv")
        log_spot, volatility = model.layout.market.today(places, day, _spots(contracts, names), iv)
        moneyness, log_price = np.zeros(len(rows), np.float32), np.zeros(len(rows), np.float32)
        cell = np.zeros(len(rows), np.int16)
        locate(
            places.underlying,
            places.log_strike,
            places.call,
            places.expiry,
            day,
            log_spot,
            volatility,
            moneyness,
            cell,
            log_price,
        )
        base = model.base[np.minimum(places.underlying, len(model.base) - 1), cell]
        now = _remembered(model.memory.states, rows, -1)
        share = share_of_volume(elapsed, places.expiry - day)
        predicted = np.log1p(np.expm1(np.maximum(base + now[:, features.OWN_LONG], 0)) * share)
        volume = _numbers(contracts, "volume")
        of_name, of_expiry, beside, _ = features.activity(
            places.group,
            places.call,
            places.underlying,
            predicted.astype(np.float32),
            np.log1p(volume).astype(np.float32),
            now[:, features.OWN_SHORT],
            len(names),
        )
        return cls(
            names,
            places,
            rows,
            day,
            volume,
            _numbers(contracts, "open_interest"),
            log_spot,
            volatility,
            moneyness,
            log_price,
            base,
            predicted.astype(np.float32),
            of_name,
            of_expiry,
            beside,
            _earnings(names, day, events),
        )

    def design(self, model: VolumeModel, panel: Panel, window: int) -> NDArray[np.float32]:
        """The regression's rows for a window that ends now."""
        sessions = len(panel.sessions)
        anchor = max(sessions - window + 1, 0)
        states = _remembered(model.memory.states, self.rows, anchor)
        at_start = self.open_interest
        if window > 1:
            at_start = _taken(panel.open_interest[:, anchor], self.rows) if anchor < sessions else at_start
        extra = len(self.names) - len(panel.underlyings)
        activity = np.vstack([model.memory.activity, np.zeros((extra, sessions))])
        x = np.empty((len(self.rows), features.COUNT), np.float32)
        features.design(
            np.arange(len(self.rows)),
            x,
            self.base,
            states,
            log_open_interest(at_start, self.open_interest),
            window_activity(self.of_name, activity, self.places.underlying, sessions, window),
            self.of_expiry,
            self._move(model, window),
            self.places.underlying,
            self.places.expiry,
            self.day,
            self.moneyness,
            self.places.call,
            self.earnings,
            self.log_price,
            self.beside,
        )
        return x

    def _move(self, model: VolumeModel, window: int) -> NDArray[np.float64]:
        """Return of every underlying over a window that ends now, in standard deviations."""
        past = model.layout.market.log_spot
        before = np.full(len(self.names), np.nan)
        if past.shape[1] >= window:
            before[: len(past)] = past[:, -window]
        return standardised_move(self.log_spot - before, self.volatility, window)

    def count(self, panel: Panel, window: int) -> NDArray[np.float64]:
        """What a window that ends now is judged by; unknown volume counts as none."""
        earlier = np.full((len(self.rows), window - 1), np.nan, np.float32)
        listed = self.rows >= 0
        recent = panel.volume[:, max(len(panel.sessions) - window + 1, 0) :] if window > 1 else panel.volume[:, :0]
        earlier[listed, : recent.shape[1]] = recent[self.rows[listed]]
        return np.nan_to_num(build_up(earlier, self.volume))


def score(
    model: VolumeModel, contracts: pl.DataFrame, panel: Panel, elapsed: float, events: pl.DataFrame | None
) -> pl.DataFrame:
    """Add the surprise columns to a chain; rows and order stay. See :meth:`VolumeModel.score`."""
    if contracts.is_empty():
        return _columns(
            contracts, np.empty(0), np.empty(0), np.empty(0), {1: np.empty(0)}, np.empty(0), np.empty(0, bool)
        )
    today = Today.of(model, contracts, panel, elapsed, events)
    expiring = today.places.expiry - today.day
    mean = np.empty(0)
    tier = np.empty(0, np.int64)
    surprises = {}
    for window, part in model.windows.items():
        window_share = (window - 1 + share_of_volume(elapsed, expiring)) / window
        x = today.design(model, panel, window)
        window_mean = expected(x, part.coefficients) * window_share
        if window == 1:
            mean, tier = window_mean, tier_of(window_mean, expiring)
        raw = part.raw(x, window_mean, today.count(panel, window))
        surprises[window] = part.calibration.apply(raw, tier)
    traded = np.nan_to_num(today.volume)
    combined = model.learned.combination.apply(combine(surprises, traded), tier)
    combined = bounded(combined, surprises, traded)
    good = np.append(model.good_sessions, np.zeros(len(today.names) - len(panel.underlyings), np.int64))
    own = (good[today.places.underlying] >= GOOD_SESSIONS) & (model.kind == "own")
    usual = np.expm1(np.maximum(today.predicted, 0.0)).astype(np.float64)
    scored = _columns(contracts, today.volume, mean, usual, surprises, combined, own)
    return scored.with_columns(_past_volume(panel, today)).with_columns(multi_leg_suspects(scored))


def _columns(
    contracts: pl.DataFrame,
    volume: NDArray[np.float64],
    mean: NDArray[np.float64],
    usual: NDArray[np.float64],
    surprises: dict[int, NDArray[np.float64]],
    combined: NDArray[np.float64],
    own: NDArray[np.bool_],
) -> pl.DataFrame:
    """The scored columns; null with a reason where the volume is not known."""
    judged = np.isfinite(volume)

    def known(values: NDArray[np.float64]) -> pl.Series:
        return pl.Series(np.where(judged, values, np.nan)).fill_nan(None)

    kind = pl.Series(np.where(own, "own", "prior"), dtype=pl.String)
    return contracts.with_columns(
        volume_expected=pl.Series(mean),
        volume_usual=pl.Series(usual),
        volume_multiple=known((volume + _PRIOR_VOLUME) / (mean + _PRIOR_VOLUME)),
        combined_surprise=known(combined),
        volume_q=known(benjamini_hochberg(np.where(judged, combined, np.nan))),
        baseline_kind=pl.when(pl.Series(judged, dtype=pl.Boolean)).then(kind),
        surprise_reason=pl.when(~pl.Series(judged, dtype=pl.Boolean)).then(pl.lit(_NOT_KNOWN)),
        **{f"volume_surprise{'' if window == 1 else f'_{window}'}": known(s) for window, s in surprises.items()},
    )


def _past_volume(panel: Panel, today: Today) -> list[pl.Series]:
    """Plain averages of the contract's own past, null where it has none, and whether it is newly listed."""
    listed = today.rows >= 0
    recent = panel.volume[:, -20:]
    known = np.isfinite(recent)

    def mean(last: int) -> NDArray[np.float64]:
        count = known[:, -last:].sum(axis=1)
        total = np.where(known[:, -last:], recent[:, -last:], 0.0).sum(axis=1)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    def column(name: str, values: NDArray[np.float64]) -> pl.Series:
        return pl.Series(name, _taken(values, today.rows)).fill_nan(None)

    sessions = np.zeros(len(listed), np.int64)
    sessions[listed] = np.isfinite(panel.volume).sum(axis=1)[today.rows[listed]]
    before = np.isfinite(_taken(panel.volume[:, -1], today.rows)) if panel.sessions else np.zeros(len(listed), bool)
    name_before = pl.Series(np.isin(today.places.underlying, today.places.underlying[before]), dtype=pl.Boolean)
    return [
        column("volume_avg_5", mean(5)),
        column("volume_avg_20", mean(20)),
        column("volume_median_20", _median(recent)),
        pl.Series("history_sessions", sessions),
        pl.Series("new_strike", ~before, dtype=pl.Boolean).set(~name_before, None),
    ]


def _median(recent: NDArray[np.float32]) -> NDArray[np.float64]:
    """Median of each row, its NaNs left out; NaN where all are."""
    if not recent.shape[1]:
        return np.full(len(recent), np.nan)
    ordered, count = np.sort(recent, axis=1), np.isfinite(recent).sum(axis=1)
    row, last = np.arange(len(ordered)), np.maximum(count - 1, 0)
    return np.where(count > 0, (ordered[row, last // 2] + ordered[row, (last + 1) // 2]) / 2, np.nan)


def _remembered(states: NDArray[np.float32], rows: NDArray[np.int32], anchor: int) -> NDArray[np.float32]:
    """What was known of each row before a session; nothing of a contract that is not in the panel."""
    result = np.zeros((len(rows), features.STATES), np.float32)
    listed = rows >= 0
    result[listed] = states[rows[listed], anchor]
    return result


def _taken(values: NDArray[np.floating], rows: NDArray[np.int32]) -> NDArray[np.float64]:
    """Values of the panel's rows; NaN for a contract that is not in it."""
    result = np.full(len(rows), np.nan)
    result[rows >= 0] = values[rows[rows >= 0]]
    return result


def _numbers(contracts: pl.DataFrame, column: str) -> NDArray[np.float64]:
    """A numeric column with NaN for null."""
    return contracts[column].cast(pl.Float64).fill_null(np.nan).to_numpy()


def _spots(contracts: pl.DataFrame, names: tuple[str, ...]) -> NDArray[np.float64]:
    """Spot of every name, NaN where the chain does not tell."""
    first = contracts.group_by("underlying").agg(pl.col("spot").drop_nulls().first())
    known = dict(first.drop_nulls().iter_rows())
    return np.array([known.get(name, np.nan) for name in names], np.float64)


def _earnings(names: tuple[str, ...], day: int, events: pl.DataFrame | None) -> NDArray[np.float32]:
    """1 for every name with an earnings date within a day of the session."""
    if events is None or events.is_empty():
        return np.zeros(len(names), np.float32)
    near = events.filter((pl.col("kind") == "earnings") & ((pl.col("date").to_physical() - day).abs() <= 1))
    return np.isin(names, near["underlying"].to_numpy()).astype(np.float32)
