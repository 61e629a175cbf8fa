"""The volume model: what every contract should trade now, and how rare it is to see at least what it does trade."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.metrics.surprise import features
from scanner.metrics.surprise.calibration import Calibration, calibrate, tier_of
from scanner.metrics.surprise.geometry import Places
from scanner.metrics.surprise.history import Layout, Memory, combine, design_of, recall
from scanner.metrics.surprise.regression import (
    TailShape,
    expected,
    fit_dispersion,
    fit_log_link,
    fit_tail_shape,
    interpolate_tail,
    tail_table,
)
from scanner.metrics.surprise.runs import best_runs, both_rights
from scanner.metrics.surprise.scoring import GOOD_SESSIONS, score
from scanner.panel import Panel

_WARM_UP = 5
_BLOCK = 6
_ROWS_A_TAIL = 150_000
_ROWS_A_FIT = 50_000
_LEAST_ROWS = 1_500


@dataclass(frozen=True)
class WindowModel:
    """One window's regression, count tail and calibration."""

    coefficients: NDArray[np.float64]
    tail: NDArray[np.float32]
    shape: TailShape
    calibration: Calibration

    def raw(self, x: NDArray[np.float32], mean: NDArray[np.float64], count: NDArray[np.float64]) -> NDArray[np.float64]:
        """What the count model says of counts, before calibration."""
        return self.shape.bend(x, interpolate_tail(self.tail, mean, count))


@dataclass(frozen=True)
class VolumeModel:
    """A fitted model. ``kind`` is "own" where the coefficients come from this history, "prior" where from the package.

    ``windows`` maps 1, 3, 5 to their models; ``combination`` calibrates the strongest of the three as one
    statement, ``ladder`` the best run of neighbouring strikes that starts at a contract, ``strike`` both
    rights of a strike together.
    ``realised`` is the calibration record: one row per tier and nominal chance.
    """

    windows: dict[int, WindowModel]
    combination: Calibration
    ladder: Calibration
    strike: Calibration
    base: NDArray[np.float32]
    kind: str
    layout: Layout
    memory: Memory
    realised: pl.DataFrame

    @property
    def good_sessions(self) -> NDArray[np.int64]:
        """Sessions of each underlying with a trusted volume, shape (underlyings,)."""
        return np.asarray(self.layout.known.sum(axis=1))

    def onto(self, panel: Panel, events: pl.DataFrame | None = None) -> VolumeModel:
        """The same coefficients and calibration with another panel's past of the same underlyings."""
        layout = Layout.of(panel, events)
        return replace(self, layout=layout, memory=recall(layout, self.base))

    def score(
        self, contracts: pl.DataFrame, panel: Panel, elapsed: float = 1.0, events: pl.DataFrame | None = None
    ) -> pl.DataFrame:
        """Add the surprise columns to a chain sorted by root, expiry, strike and right.

        ``elapsed`` is the share of a whole session's volume that is usual by now. Adds ``volume_expected volume_usual``
        (before it is known how busy the day is) ``volume_multiple volume_surprise volume_surprise_3 volume_surprise_5
        combined_surprise`` (the three windows as one calibrated statement) ``volume_q baseline_kind surprise_reason
        history_sessions volume_avg_5 volume_avg_20 volume_median_20 new_strike``. Null, with the reason, where the
        volume is not known.
        """
        return score(self, contracts, panel, elapsed, events)


def fit(panel: Panel, events: pl.DataFrame | None = None, seed: int = 1) -> VolumeModel | None:
    """Fit the model on past sessions.

    Two folds of blocks of sessions are fitted in turn, each calibrated on the other's sessions, so that every
    calibration rests on sessions that its fit has not seen; the model that scores has the mean of both fits. With too
    little history for that the built-in prior's coefficients and calibration are used. None for an empty panel.
    """
    if not panel.sessions or panel.contracts.is_empty():
        return None
    layout = Layout.of(panel, events)
    base = features.base_table(panel.volume, layout.cell, layout.places.underlying, len(panel.underlyings))
    memory = recall(layout, base)
    folds = _folds(layout.sessions)
    if folds is None or min(_rows_of(layout, fold) for fold in folds) < _LEAST_ROWS:
        return None
    return _fit_folds(layout, memory, folds, np.random.default_rng(seed))


def _folds(sessions: int) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Alternate blocks of sessions after the warm-up; None where there are not two of them."""
    usable = np.arange(max(_WARM_UP, sessions // 4), sessions)
    if len(usable) < GOOD_SESSIONS - _WARM_UP:
        return None
    block = _BLOCK if len(usable) >= 2 * _BLOCK else max(len(usable) // 2, 1)
    even = np.arange(len(usable)) // block % 2 == 0
    return usable[even], usable[~even]


_Fit = tuple[NDArray[np.float64], NDArray[np.float32], TailShape]


def _rows_of(layout: Layout, fold: NDArray[np.int64]) -> int:
    """Contract-days of a fold that can be learnt from."""
    return sum(
        int((np.isfinite(layout.panel.volume[:, session]) & layout.seasoned(int(session), _WARM_UP)).sum())
        for session in fold
    )


@dataclass
class _HeldOut:
    """Held-out contract-days of one fold."""

    raw: dict[int, list[NDArray[np.float64]]]
    mean: list[NDArray[np.float64]]
    days: list[NDArray[np.int64]]
    rows: list[NDArray[np.int64]]
    today: list[NDArray[np.float64]]


def _fit_folds(
    layout: Layout,
    memory: Memory,
    folds: tuple[NDArray[np.int64], NDArray[np.int64]],
    random: np.random.Generator,
) -> VolumeModel:
    fitted: list[dict[int, _Fit]] = []
    held = _HeldOut({w: [] for w in features.WINDOWS}, [], [], [], [])
    for train, test in (folds, folds[::-1]):
        known = layout.panel.volume[:, np.sort(train)]
        base = features.base_table(
            known, layout.cell[:, np.sort(train)], layout.places.underlying, len(layout.panel.underlyings)
        )
        past = recall(layout, base)
        fits = {window: _fit_window(layout, past, train, window, random) for window in features.WINDOWS}
        fitted.append(fits)
        for session in test:
            _hold_out(layout, past, fits, int(session), held)
    mean, days, today = np.concatenate(held.mean), np.concatenate(held.days), np.concatenate(held.today)
    tier = tier_of(mean, days)
    windows = {}
    surprises = {}
    for window in features.WINDOWS:
        raw = np.concatenate(held.raw[window])
        calibration = calibrate(raw, tier)
        surprises[window] = calibration.apply(raw, tier)
        windows[window] = WindowModel(*_mean_of([fold[window] for fold in fitted]), calibration)
    combined = combine(surprises, today)
    combination = calibrate(combined, tier)
    combined = combination.apply(combined, tier)
    ladder, strike = _neighbour_calibrations(layout.places, held.rows, combined, surprises[1])
    realised = record(combined, tier)
    return VolumeModel(windows, combination, ladder, strike, memory.base, "own", layout, memory, realised)


def _neighbour_calibrations(
    places: Places, rows: list[NDArray[np.int64]], combined: NDArray[np.float64], single: NDArray[np.float64]
) -> tuple[Calibration, Calibration]:
    """How often runs of strikes, and strikes of both rights, look like this in the held-out sessions."""
    runs, strikes, begin = [], [], 0
    for mine in rows:
        part = slice(begin, begin + len(mine))
        runs.append(best_runs(combined[part], places.group[mine], places.call[mine])[0])
        strikes.append(both_rights(single[part], places.strike_numbers(mine)))
        begin += len(mine)
    ladder, strike = np.concatenate(runs), np.concatenate(strikes)
    one_tier = np.zeros(max(len(ladder), len(strike)), np.int64)
    return (
        calibrate(ladder, one_tier[: len(ladder)], tiers=1),
        calibrate(strike, one_tier[: len(strike)], tiers=1),
    )


def _fit_window(
    layout: Layout, memory: Memory, train: NDArray[np.int64], window: int, random: np.random.Generator
) -> _Fit:
    """Coefficients, count tail and its shape of one window from the given sessions."""
    share = min(1.0, _ROWS_A_TAIL / max(int(np.isfinite(layout.panel.volume[:, train]).sum()), 1))
    x, y = [], []
    for session in train:
        target = layout.target(int(session), window)
        usable = np.isfinite(target) & layout.seasoned(int(session), _WARM_UP)
        rows = np.flatnonzero(usable & (random.random(len(target)) < share))
        x.append(design_of(layout, memory, int(session), window, rows))
        y.append(target[rows])
    matrix, counts = np.concatenate(x), np.concatenate(y)
    every = max(len(matrix) // _ROWS_A_FIT, 1)
    coefficients = fit_log_link(matrix[::every], counts[::every])
    mean = expected(matrix, coefficients)
    tail = tail_table(fit_dispersion(mean, counts))
    return coefficients, tail, fit_tail_shape(matrix, interpolate_tail(tail, mean, counts))


def _mean_of(fits: list[_Fit]) -> _Fit:
    """The fits of the folds averaged."""
    return (
        np.mean([fit[0] for fit in fits], axis=0),
        np.mean([fit[1] for fit in fits], axis=0),
        TailShape(
            np.mean([fit[2].start for fit in fits], axis=0), np.mean([fit[2].coefficients for fit in fits], axis=0)
        ),
    )


def _hold_out(
    layout: Layout,
    memory: Memory,
    fits: dict[int, _Fit],
    session: int,
    held: _HeldOut,
) -> None:
    """Score a held-out session and keep what calibration needs."""
    today = layout.panel.volume[:, session].astype(np.float64)
    rows = np.flatnonzero(np.isfinite(today) & layout.seasoned(session, _WARM_UP))
    for window in features.WINDOWS:
        coefficients, tail, shape = fits[window]
        x = design_of(layout, memory, session, window, rows)
        mean = expected(x, coefficients)
        raw = interpolate_tail(tail, mean, layout.target(session, window)[rows])
        held.raw[window].append(shape.bend(x, raw))
        if window == 1:
            held.mean.append(mean)
    held.days.append((layout.places.expiry[rows] - layout.market.day[session]).astype(np.int64))
    held.rows.append(rows)
    held.today.append(today[rows])


def record(surprise: NDArray[np.float64], tier: NDArray[np.int64]) -> pl.DataFrame:
    """Nominal against realised: ``tier nominal rows flagged realised``, tier -1 for all."""
    rows = []
    for number in (-1, *np.unique(tier)):
        mine = surprise if number == -1 else surprise[tier == number]
        for nominal in (1e-2, 1e-3, 1e-4):
            flagged = int((mine >= -np.log10(nominal)).sum())
            rows.append((int(number), nominal, len(mine), flagged, flagged / len(mine)))
    schema = {"tier": pl.Int64, "nominal": pl.Float64, "rows": pl.Int64, "flagged": pl.Int64, "realised": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")
