"""Learning the volume model from past sessions, every calibration on contract-days its own fit has not seen."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.activity import features, prior
from scanner.activity.calibration import Calibration, apart, calibrate, of_names, own_frequencies, tier_of
from scanner.activity.combination import bounded, combine
from scanner.activity.geometry import Places
from scanner.activity.history import Layout, States, design_of
from scanner.activity.model import Learned, VolumeModel, WindowModel
from scanner.activity.opening import FEATURES as OPENING_FEATURES
from scanner.activity.opening import fit_opening
from scanner.activity.ranking.keys import TYPICAL_OPENING
from scanner.activity.regression import (
    TailShape,
    expected,
    fit_dispersion,
    fit_log_link,
    fit_tail_shape,
    interpolate_tail,
    tail_table,
)
from scanner.activity.rehearsal import Rehearsed, Scored, rehearse
from scanner.activity.runs import MATURITIES, best_runs, both_rights, maturity_of
from scanner.activity.scoring import GOOD_SESSIONS
from scanner.history.panel import Panel
from scanner.kernels.threads import one_thread_of_blas

_WARM_UP = 5
_BLOCK = 6
_ROWS_A_TAIL = 150_000
_ROWS_A_FIT = 40_000
_LEAST_ROWS = 1_500

# Which contracts of a session belong to one of the two halves: (session, half) -> (contracts,).
Split = Callable[[int, int], NDArray[np.bool_]]
_Fit = tuple[NDArray[np.float64], NDArray[np.float32], TailShape]


def fit(panel: Panel, events: pl.DataFrame | None = None, seed: int = 1) -> VolumeModel:
    """The model for the session after a panel.

    Blocks of sessions are dealt to two halves; each half is fitted and calibrated on the other, so that every
    calibration rests on sessions that its fit has not seen, and the model that scores has the mean of both fits. With
    fewer than ten sessions, or too few contracts, what came with the package is used instead (``kind`` is "prior").
    """
    layout = Layout.of(panel, events)
    names = len(panel.underlyings)
    halves = _halves(layout.sessions)
    if halves is None or min(_rows_of(layout, half) for half in halves) < _LEAST_ROWS:
        learned, pooled = prior.load()
        base = np.repeat(pooled[None, :], names + 1, axis=0)
        return VolumeModel.over(layout, learned, "prior", base)

    def split(session: int, half: int) -> NDArray[np.bool_]:
        mine = session in halves[half]
        return layout.seasoned(session, _WARM_UP) & mine

    places = layout.places
    bases = []
    for half in halves:
        known = np.sort(half)
        bases.append(features.base_table(panel.volume[:, known], layout.cell[:, known], places.underlying, names))
    learned, sessions = rehearsed(layout, bases, split, np.random.default_rng(seed), prior.load()[0])
    base = features.base_table(panel.volume, layout.cell, places.underlying, names)
    past = rehearse(layout, sessions, learned.opening)
    return VolumeModel.over(layout.alone(), learned, "own", base, past)


def _halves(sessions: int) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Alternate blocks of sessions after the warm-up; None with fewer than ten sessions."""
    if sessions < GOOD_SESSIONS:
        return None
    usable = np.arange(max(_WARM_UP, sessions // 4), sessions)
    block = _BLOCK if len(usable) >= 2 * _BLOCK else max(len(usable) // 2, 1)
    even = np.arange(len(usable)) // block % 2 == 0
    return usable[even], usable[~even]


def _rows_of(layout: Layout, half: NDArray[np.int64]) -> int:
    """Contract-days of a half that can be learnt from."""
    return sum(
        int((np.isfinite(layout.panel.volume[:, session]) & layout.seasoned(int(session), _WARM_UP)).sum())
        for session in half
    )


@dataclass
class _HeldOut:
    """What calibration needs of held-out contract-days, one array a session."""

    raw: dict[int, list[NDArray[np.float64]]] = field(default_factory=lambda: {w: [] for w in features.WINDOWS})
    mean: list[NDArray[np.float64]] = field(default_factory=list)
    days: list[NDArray[np.int64]] = field(default_factory=list)
    cluster: list[NDArray[np.int64]] = field(default_factory=list)
    rows: list[NDArray[np.int64]] = field(default_factory=list)
    today: list[NDArray[np.float64]] = field(default_factory=list)
    expected: list[NDArray[np.float64]] = field(default_factory=list)
    session: list[int] = field(default_factory=list)

    def scored(self, surprises: NDArray[np.float64], combined: NDArray[np.float64]) -> list[Scored]:
        """The same by session, with the calibrated surprises of all rows (windows, rows)."""
        ends = np.cumsum([len(rows) for rows in self.rows])
        parts = [slice(int(end) - len(rows), int(end)) for end, rows in zip(ends, self.rows, strict=True)]
        return [
            Scored(session, rows, surprises[:, part], combined[part], expected)
            for session, rows, part, expected in zip(self.session, self.rows, parts, self.expected, strict=True)
        ]


def learn(
    layout: Layout,
    bases: list[NDArray[np.float32]],
    split: Split,
    random: np.random.Generator,
    before: Learned | None = None,
) -> Learned:
    """Fit each half, with its own base table, and calibrate it on the other.

    ``before`` is what the fits are drawn towards, and what stands where the history is too short for one.
    """
    return rehearsed(layout, bases, split, random, before)[0]


@one_thread_of_blas()
def rehearsed(
    layout: Layout,
    bases: list[NDArray[np.float32]],
    split: Split,
    random: np.random.Generator,
    before: Learned | None = None,
) -> tuple[Learned, list[Rehearsed]]:
    """:func:`learn`, and every held-out session, in order, as scored by the half that has not seen it."""
    centres = {} if before is None else {window: part.coefficients for window, part in before.windows.items()}
    fitted, held = [], _HeldOut()
    for half in (0, 1):
        past = States.of(layout, bases[half])
        fits = {
            window: _fit_window(layout, past, split, half, window, random, centres.get(window))
            for window in features.WINDOWS
        }
        fitted.append(fits)
        for session in range(layout.sessions):
            _hold_out(layout, past, fits, session, split(session, 1 - half), held)
    tier = tier_of(np.concatenate(held.mean), np.concatenate(held.days))
    cluster = np.concatenate(held.cluster)
    names = len(layout.panel.underlyings)
    name, own = cluster % names, np.empty((len(features.WINDOWS) + 1, names))
    windows, surprises = {}, np.empty((len(features.WINDOWS), len(tier)))
    for number, window in enumerate(features.WINDOWS):
        raw = np.concatenate(held.raw[window])
        calibration = calibrate(raw, tier, apart(cluster, names, window))
        surprises[number] = calibration.apply(raw, tier)
        windows[window] = WindowModel(*_mean_of([fits[window] for fits in fitted]), calibration)
    today = np.concatenate(held.today)
    together = combine(surprises, today)
    combination = calibrate(together, tier, apart(cluster, names, max(features.WINDOWS)))
    combined = bounded(combination.apply(together, tier), surprises, today)
    for number, stated in enumerate((*surprises, combined)):
        own[number] = own_frequencies(stated, cluster, names)
        stated[:] = of_names(stated, name, own[number])
    ladder, strike = _neighbour_calibrations(layout.places, held, combined, surprises[0], names)
    ordered = sorted(held.scored(surprises, combined), key=lambda part: part.session)
    sessions = [Rehearsed.of(layout, part) for part in ordered]
    opening = fit_opening((part.traded, part.risen) for part in sessions)
    if opening is None:
        opening = _same_chance() if before is None else before.opening
    learned = Learned(windows, combination, ladder, strike, opening, own, record(combined, tier))
    return learned, sessions


def _same_chance() -> NDArray[np.float64]:
    """Coefficients that give every volume the typical chance of opening."""
    return np.append(np.log(TYPICAL_OPENING / (1.0 - TYPICAL_OPENING)), np.zeros(OPENING_FEATURES - 1))


def _fit_window(
    layout: Layout,
    past: States,
    split: Split,
    half: int,
    window: int,
    random: np.random.Generator,
    centre: NDArray[np.float64] | None,
) -> _Fit:
    """Coefficients, count tail and its shape of one window from one half."""
    usable = [np.isfinite(layout.panel.volume[:, s]) & split(s, half) for s in range(layout.sessions)]
    share = min(1.0, _ROWS_A_TAIL / max(sum(int(rows.sum()) for rows in usable), 1))
    x, y = [], []
    for session, rows in enumerate(usable):
        chosen = np.flatnonzero(rows & (random.random(len(rows)) < share))
        if len(chosen):
            x.append(design_of(layout, past, session, window, chosen))
            y.append(layout.target(session, window)[chosen])
    matrix, counts = np.concatenate(x), np.concatenate(y)
    every = max(len(matrix) // _ROWS_A_FIT, 1)
    coefficients = fit_log_link(matrix[::every], counts[::every], centre)
    busier = features.times_busier(matrix, coefficients)
    mean, counts = expected(matrix, coefficients) / busier, counts / busier
    tail = tail_table(fit_dispersion(mean, counts))
    return coefficients, tail, fit_tail_shape(matrix, interpolate_tail(tail, mean, counts))


def _mean_of(fits: list[_Fit]) -> _Fit:
    """The fits of the halves averaged."""
    coefficients, tails, shapes = zip(*fits, strict=True)
    start = np.mean([shape.start for shape in shapes], axis=0)
    bend = np.mean([shape.coefficients for shape in shapes], axis=0)
    return np.mean(coefficients, axis=0), np.mean(tails, axis=0), TailShape(start, bend)


def _hold_out(
    layout: Layout,
    past: States,
    fits: dict[int, _Fit],
    session: int,
    mine: NDArray[np.bool_],
    held: _HeldOut,
) -> None:
    """Score held-out contracts of a session and keep what calibration needs."""
    today = layout.panel.volume[:, session].astype(np.float64)
    rows = np.flatnonzero(np.isfinite(today) & mine)
    if not len(rows):
        return
    for window in features.WINDOWS:
        coefficients, tail, shape = fits[window]
        x = design_of(layout, past, session, window, rows)
        busier = features.times_busier(x, coefficients)
        mean = expected(x, coefficients) / busier
        raw = interpolate_tail(tail, mean, layout.target(session, window)[rows] / busier)
        held.raw[window].append(shape.bend(x, raw))
        if window == 1:
            held.mean.append(mean)
            held.expected.append(mean * busier)
    held.days.append((layout.places.expiry[rows] - layout.market.day[session]).astype(np.int64))
    name = layout.places.underlying[rows].astype(np.int64)
    held.cluster.append(session * len(layout.panel.underlyings) + name)
    held.rows.append(rows)
    held.session.append(session)
    held.today.append(today[rows])


def _neighbour_calibrations(
    places: Places, held: _HeldOut, combined: NDArray[np.float64], single: NDArray[np.float64], names: int
) -> tuple[Calibration, Calibration]:
    """How often runs of strikes, and strikes of both rights, look like this in the held-out sessions."""
    runs, strikes, of_strikes, begin = [], [], [], 0
    for mine, cluster in zip(held.rows, held.cluster, strict=True):
        part = slice(begin, begin + len(mine))
        runs.append(best_runs(combined[part], places.group[mine], places.call[mine])[0])
        number = places.strike_numbers(mine)
        strikes.append(both_rights(single[part], number))
        of_strikes.append(cluster[np.unique(number, return_index=True)[1]])
        begin += len(mine)
    ladder, strike = np.concatenate(runs), np.concatenate(strikes)
    maturity = maturity_of(np.concatenate(held.days))
    return (
        calibrate(ladder, maturity, apart(np.concatenate(held.cluster), names, max(features.WINDOWS)), MATURITIES),
        calibrate(strike, np.zeros(len(strike), np.int64), np.concatenate(of_strikes), tiers=1),
    )


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
