"""Learning the volume model from past sessions, every calibration on contract-days its own fit has not seen."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.activity import features, prior
from scanner.activity.calibration import Calibration, apart, calibrate, of_names, own_frequencies
from scanner.activity.combination import bounded, combine
from scanner.activity.held_out import HeldOut, Pool, WindowFit, hold_out
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
from scanner.activity.rehearsal import Rehearsed, rehearse
from scanner.activity.runs import MATURITIES, best_runs, both_rights, maturity_of
from scanner.activity.scoring import GOOD_SESSIONS
from scanner.history.panel import Panel
from scanner.kernels.threads import one_thread_of_blas

_WARM_UP = 5
_BLOCK = 6
_ROWS_A_TAIL = 150_000
_ROWS_A_FIT = 40_000
_LEAST_ROWS = 1_500
# What a whole market brings in eight sessions: more tell a calibration nothing that it could state.
MOST_CONTRACT_DAYS = 16_000_000
_LEAST_SESSIONS = 8

# Which contracts of a session belong to one of the two halves: (session, half) -> (contracts,).
Split = Callable[[int, int], NDArray[np.bool_]]


def fit(panel: Panel, events: pl.DataFrame | None = None, seed: int = 1, most: int = MOST_CONTRACT_DAYS) -> VolumeModel:
    """The model for the session after a panel.

    Blocks of sessions are dealt to two halves; each half is fitted and calibrated on the other, so that every
    calibration rests on sessions that its fit has not seen, and the model that scores has the mean of both fits. With
    fewer than ten sessions, or too few contracts, what came with the package is used instead (``kind`` is "prior").
    Of a list so long that its sessions have more than ``most`` contract-days together only the newest are learnt from.
    """
    layout = Layout.of(panel, events)
    names = len(panel.underlyings)
    halves = _halves(_learnt_from(layout, most))
    if halves is None or min(_rows_of(layout, half) for half in halves) < _LEAST_ROWS:
        learned, pooled = prior.load()
        base = np.repeat(pooled[None, :], names + 1, axis=0)
        return VolumeModel.over(layout, learned, "prior", base)

    nothing = np.zeros(len(panel.contracts), bool)

    def split(session: int, half: int) -> NDArray[np.bool_]:
        return layout.seasoned(session, _WARM_UP) if session in halves[half] else nothing

    places = layout.places
    bases = []
    for half in halves:
        known = np.sort(half)
        bases.append(features.base_table(panel.volume[:, known], layout.cell[:, known], places.underlying, names))
    learned, sessions = rehearsed(layout, bases, split, np.random.default_rng(seed), prior.load()[0])
    base = features.base_table(panel.volume, layout.cell, places.underlying, names)
    past = rehearse(layout, sessions, learned.opening)
    return VolumeModel.over(layout.alone(), learned, "own", base, past)


def _learnt_from(layout: Layout, most: int) -> NDArray[np.int64]:
    """The sessions after the warm-up, of a long list the newest of them; none with fewer than ten sessions."""
    if layout.sessions < GOOD_SESSIONS:
        return np.empty(0, np.int64)
    usable = np.arange(max(_WARM_UP, layout.sessions // 4), layout.sessions)
    known = np.array([np.count_nonzero(np.isfinite(layout.panel.volume[:, session])) for session in usable])
    bounded = int(np.count_nonzero(np.cumsum(known[::-1]) <= most))
    return usable[-max(bounded, _LEAST_SESSIONS) :]


def _halves(usable: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]] | None:
    """Alternate blocks of the sessions learnt from; None where there are none."""
    if not len(usable):
        return None
    block = _BLOCK if len(usable) >= 2 * _BLOCK else max(len(usable) // 2, 1)
    even = np.arange(len(usable)) // block % 2 == 0
    return usable[even], usable[~even]


def _rows_of(layout: Layout, half: NDArray[np.int64]) -> int:
    """Contract-days of a half that can be learnt from."""
    return sum(
        int((np.isfinite(layout.panel.volume[:, session]) & layout.seasoned(int(session), _WARM_UP)).sum())
        for session in half
    )


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
    asked = (session for session in range(layout.sessions) if split(session, 0).any() or split(session, 1).any())
    first = next(asked, 0)
    halves = [_half(layout, base, split, half, first, random, centres) for half, base in enumerate(bases)]
    fitted, held = [fits for fits, _ in halves], [part for _, scored in halves for part in scored]
    pool = Pool.of(layout, held)
    names, tier = len(layout.panel.underlyings), pool.tier
    own = np.empty((len(features.WINDOWS) + 1, names))
    windows, surprises = {}, np.empty_like(pool.raw)
    for number, window in enumerate(features.WINDOWS):
        calibration = calibrate(pool.raw[number], tier, apart(pool.cluster, names, window), rows=pool.of_tier)
        surprises[number] = calibration.apply(pool.raw[number], tier)
        windows[window] = WindowModel(*_mean_of([fits[window] for fits in fitted]), calibration)
    together = combine(surprises, pool.today)
    combination = calibrate(together, tier, apart(pool.cluster, names, max(features.WINDOWS)), rows=pool.of_tier)
    combined = bounded(combination.apply(together, tier), surprises, pool.today)
    for number, stated in enumerate((*surprises, combined)):
        own[number] = own_frequencies(stated, pool.cluster, pool.of_name)
        stated[:] = of_names(stated, pool.name, own[number])
    ladder, strike = _neighbour_calibrations(layout, held, pool, combined, surprises[0])
    # Session by session: of a whole market the arrays of one alone are a tenth of a gigabyte.
    sessions = [
        Rehearsed.of(layout, part.scored(surprises[:, mine], combined[mine]))
        for part, mine in sorted(zip(held, pool.parts, strict=True), key=lambda both: both[0].session)
    ]
    opening = fit_opening((part.traded, part.risen) for part in sessions)
    if opening is None:
        opening = _same_chance() if before is None else before.opening
    learned = Learned(windows, combination, ladder, strike, opening, own, record(combined, tier, pool.of_tier))
    return learned, sessions


def _half(
    layout: Layout,
    base: NDArray[np.float32],
    split: Split,
    half: int,
    first: int,
    random: np.random.Generator,
    centres: Mapping[int, NDArray[np.float64]],
) -> tuple[dict[int, WindowFit], list[HeldOut]]:
    """What one half teaches of every window, and the other half scored by it; ``first`` is the earliest session."""
    past = States.of(layout, base, first)
    fits = {
        window: _fit_window(layout, past, split, half, window, random, centres.get(window))
        for window in features.WINDOWS
    }
    scored = (hold_out(layout, past, fits, session, split(session, 1 - half)) for session in range(layout.sessions))
    return fits, [part for part in scored if part is not None]


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
) -> WindowFit:
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
    return WindowFit(coefficients, tail, fit_tail_shape(matrix, interpolate_tail(tail, mean, counts)))


def _mean_of(fits: list[WindowFit]) -> WindowFit:
    """The fits of the halves averaged."""
    coefficients, tails, shapes = zip(*fits, strict=True)
    start = np.mean([shape.start for shape in shapes], axis=0)
    bend = np.mean([shape.coefficients for shape in shapes], axis=0)
    return WindowFit(np.mean(coefficients, axis=0), np.mean(tails, axis=0), TailShape(start, bend))


def _neighbour_calibrations(
    layout: Layout, held: Sequence[HeldOut], pool: Pool, combined: NDArray[np.float64], single: NDArray[np.float64]
) -> tuple[Calibration, Calibration]:
    """How often runs of strikes, and strikes of both rights, look like this in the held-out sessions."""
    places, names = layout.places, len(layout.panel.underlyings)
    runs, maturities, of_runs, strikes, of_strikes = [], [], [], [], []
    of_maturity, every = np.zeros(MATURITIES, np.int64), 0
    for part, mine in zip(held, pool.parts, strict=True):
        rows = part.rows
        cluster = part.clusters(layout)
        maturity = maturity_of(places.expiry[rows] - int(layout.market.day[part.session]))
        of_maturity += np.bincount(maturity, minlength=MATURITIES)
        found = best_runs(part.among_all(combined[mine]), places.group[rows], places.call[rows])[0]
        begins = np.flatnonzero(found > 0)
        runs.append(found[begins])
        maturities.append(maturity[begins])
        of_runs.append(cluster[begins])
        number = places.strike_numbers(rows)
        both = both_rights(part.among_all(single[mine]), number)
        every += len(both)
        rare = np.flatnonzero(both > 0)
        strikes.append(both[rare])
        of_strikes.append(cluster[np.searchsorted(number, rare)])
    of_one = np.concatenate(strikes)
    return (
        calibrate(
            np.concatenate(runs),
            np.concatenate(maturities),
            apart(np.concatenate(of_runs), names, max(features.WINDOWS)),
            rows=of_maturity,
        ),
        calibrate(of_one, np.zeros(len(of_one), np.int64), np.concatenate(of_strikes), rows=np.array([every])),
    )


def record(surprise: NDArray[np.float64], tier: NDArray[np.int64], rows: NDArray[np.int64]) -> pl.DataFrame:
    """Nominal against realised: ``tier nominal rows flagged realised``, tier -1 for all.

    ``rows`` (tiers,) counts all contract-days, those without any surprise too.
    """
    told = []
    for number in (-1, *np.flatnonzero(rows).tolist()):
        mine, count = (surprise, rows.sum()) if number == -1 else (surprise[tier == number], rows[number])
        for nominal in (1e-2, 1e-3, 1e-4):
            flagged = int((mine >= -np.log10(nominal)).sum())
            told.append((number, nominal, int(count), flagged, flagged / int(count)))
    schema = {"tier": pl.Int64, "nominal": pl.Float64, "rows": pl.Int64, "flagged": pl.Int64, "realised": pl.Float64}
    return pl.DataFrame(told, schema=schema, orient="row")
