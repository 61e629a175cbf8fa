"""Expected volume: a regression with a log link, and the over-dispersion of counts around it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanner.kernels.vector_math import exp, inlined, log, scalar

_LOWEST, _HIGHEST = -7.0, 15.0
_MEANS = 85
_COUNTS = 141
_COUNT_STEP = 0.11
_RIDGE, _RIDGE_TO_CENTRE = 0.01, 10.0


@inlined
def mean_at(linear: float) -> float:  # pragma: no cover - compiled
    """The expected count of one row, from the linear part of the regression."""
    return exp(min(max(float(linear), _LOWEST), _HIGHEST))


@scalar
def _means(linear: NDArray[np.float32]) -> NDArray[np.float64]:  # pragma: no cover - compiled
    result = np.empty(len(linear))
    for i in range(len(linear)):
        result[i] = mean_at(linear[i])
    return result


def expected(features: NDArray[np.float32], coefficients: NDArray[np.float64]) -> NDArray[np.float64]:
    """Expected counts, shape (rows,), of a design matrix (rows, features)."""
    return np.asarray(_means(features @ coefficients.astype(np.float32)))


def fit_log_link(
    features: NDArray[np.float32],
    counts: NDArray[np.float64],
    centre: NDArray[np.float64] | None = None,
    iterations: int = 12,
) -> NDArray[np.float64]:
    """Coefficients of a negative-binomial regression with log link, by iteratively reweighted least squares.

    The working dispersion is a constant (k = 0.4): it only sets how much a large count may weigh, and real counts have
    no finite variance. One row's step is bounded for the same reason. With a ``centre`` the coefficients are drawn
    towards it, so that a history in which nothing ever happened to a covariate does not unlearn what it means, and
    start from it; else from least squares of log(1 + count).
    """
    if centre is None:
        penalty, pull = _RIDGE * np.eye(features.shape[1]), np.zeros(features.shape[1])
        squares = (features.T @ features).astype(np.float64) + (1.0 + 1e-4 * len(features)) * penalty
        coefficients = np.linalg.solve(squares, features.T @ (1.2 * np.log1p(counts)).astype(np.float32))
    else:
        penalty, pull, coefficients = _RIDGE_TO_CENTRE * np.eye(features.shape[1]), _RIDGE_TO_CENTRE * centre, centre
    for _ in range(iterations):
        linear = np.clip(features @ coefficients.astype(np.float32), _LOWEST, _HIGHEST).astype(np.float64)
        mean = np.exp(linear)
        weight = (mean / (1.0 + mean / 0.4)).astype(np.float32)
        target = (linear + np.clip((counts - mean) / mean, -1.0, 20.0)).astype(np.float32)
        weighted = features * weight[:, None]
        step = np.linalg.solve((weighted.T @ features).astype(np.float64) + penalty, weighted.T @ target + pull)
        moved = float(np.abs(step - coefficients).max())
        coefficients = step
        if moved < 1e-3:
            break
    return np.asarray(coefficients, np.float64)


@dataclass(frozen=True)
class Dispersion:
    """Negative-binomial size k as a function of the mean: ``log_size`` at ``log_mean``, straight lines between."""

    log_mean: NDArray[np.float64]
    log_size: NDArray[np.float64]

    def size(self, mean: NDArray[np.float64]) -> NDArray[np.float64]:
        """The size k (variance = mean + mean^2 / k) at each mean."""
        return np.asarray(np.exp(np.interp(np.log(mean), self.log_mean, self.log_size)))


def fit_dispersion(mean: NDArray[np.float64], counts: NDArray[np.float64], bins: int = 12) -> Dispersion:
    """Size k by maximum likelihood within bins of the mean.

    The likelihood of k is looked at on a grid, its top between the grid's points by the parabola through three of them;
    for small k it only needs the counts through log-gamma sums. Which rows of a bin are looked at does not depend on
    their order in it: means that differ in the last digit give the same size, not the next one of the grid.
    """
    from scanner.kernels.special import gammaln

    order = np.argsort(mean, kind="stable")
    grid = np.linspace(-6.0, 2.5, 35)
    size = np.exp(grid)
    where, best = [], []
    for rows in np.array_split(order, bins):
        take = np.sort(rows[rows % max(1, len(rows) // 1500) == 0])
        if len(take) < 30:
            continue
        count, centre = counts[take][:, None], mean[take][:, None]
        likelihood = (
            gammaln(count + size)
            - gammaln(size)
            + size * np.log(size / (size + centre))
            + count * np.log(centre / (size + centre))
        ).sum(axis=0)
        where.append(float(np.log(mean[rows]).mean()))
        best.append(_top(grid, likelihood))
    if not where:
        return Dispersion(np.array([0.0]), np.array([-2.0]))
    return Dispersion(np.array(where), _smooth(np.array(best)))


def _top(grid: NDArray[np.float64], values: NDArray[np.float64]) -> float:
    """Where values on an even grid are largest, by the parabola through the largest and its two neighbours."""
    top = int(np.clip(values.argmax(), 1, len(grid) - 2))
    before, here, after = values[top - 1 : top + 2]
    bend = 2.0 * here - before - after
    step = np.clip((after - before) / (2.0 * bend), -1.0, 1.0) if bend > 0 else 0.0
    return float(grid[top] + step * (grid[1] - grid[0]))


def _smooth(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Three-point running mean, so that one odd bin does not bend the ranking."""
    padded = np.concatenate([values[:1], values, values[-1:]])
    return np.asarray((padded[:-2] + padded[1:-1] + padded[2:]) / 3)


def tail_table(dispersion: Dispersion) -> NDArray[np.float32]:
    """-log10 P(N >= count) of the negative binomial on a grid of log mean x log(1 + count), for interpolation.

    Shape (_MEANS, _COUNTS). The incomplete beta function is continuous in the count, so that straight lines between
    the grid's counts are close to its value at whole ones.
    """
    from scanner.kernels.special import betainc

    log_mean = np.linspace(_LOWEST, _HIGHEST, _MEANS)
    mean = np.exp(log_mean)[:, None]
    size = dispersion.size(mean)
    count = np.expm1(_COUNT_STEP * np.arange(_COUNTS))[None, :]
    chance = betainc(np.maximum(count, 1e-12), size, mean / (mean + size))
    chance[:, 0] = 1.0
    return np.asarray(-np.log10(np.maximum(chance, 1e-290)), np.float32)


@inlined
def tail_place(mean: float, count: float) -> tuple[float, float]:  # pragma: no cover - compiled
    """Where a mean and a count stand in a :func:`tail_table`: row and column, with fractions; beyond it, its edge."""
    row = (log(mean) - _LOWEST) / (_HIGHEST - _LOWEST) * (_MEANS - 1)
    column = log(1.0 + count) / _COUNT_STEP
    return min(max(row, 0.0), _MEANS - 1.001), min(max(column, 0.0), _COUNTS - 1.001)


@inlined
def tail_read(tables: NDArray[np.float32], which: int, row: float, column: float) -> float:  # pragma: no cover
    """Read one of several :func:`tail_table` at a place, bilinear."""
    i, j = np.uint32(row), np.uint32(column)
    a, b = row - i, column - j
    upper = tables[which, i, j] * (1 - b) + tables[which, i, j + np.uint32(1)] * b
    lower = tables[which, i + np.uint32(1), j] * (1 - b) + tables[which, i + np.uint32(1), j + np.uint32(1)] * b
    return float(upper * (1 - a) + lower * a)


def interpolate_tail(
    table: NDArray[np.float32], mean: NDArray[np.float64], count: NDArray[np.float64]
) -> NDArray[np.float64]:
    """:func:`tail_table` read, bilinear, at the mean and count of every row."""
    return np.asarray(_tails(table[None], mean, count))


@scalar
def _tails(
    tables: NDArray[np.float32], mean: NDArray[np.float64], count: NDArray[np.float64]
) -> NDArray[np.float64]:  # pragma: no cover - compiled
    result = np.empty(len(mean))
    for i in range(len(mean)):
        row, column = tail_place(mean[i], count[i])
        result[i] = tail_read(tables, 0, row, column)
    return result


@inlined
def bend_at(first: float, second: float, start: float, end: float, raw: float) -> float:  # pragma: no cover - compiled
    """A raw surprise through a row's own two chances, given as the linear parts of their logistic regressions."""
    low = max(_surprise_of(first), 0.05)
    high = max(_surprise_of(second), low + 0.25)
    below, beyond = raw * low / start, low + (raw - start) * (high - low) / (end - start)
    return float(below if raw < start else beyond)


@inlined
def _surprise_of(linear: float) -> float:  # pragma: no cover - compiled
    """-log10 of a logistic regression's chance, the chance kept between one in 1.2 million and 95 %."""
    bounded = min(max(float(linear), -14.0), 3.0)
    return log(1.0 + exp(-bounded)) / 2.302585092994046


@scalar
def _bend(
    linear: NDArray[np.float32], start: NDArray[np.float64], raw: NDArray[np.float64]
) -> NDArray[np.float64]:  # pragma: no cover - compiled
    result = np.empty(len(raw))
    for i in range(len(raw)):
        result[i] = bend_at(linear[i, 0], linear[i, 1], start[0], start[1], raw[i])
    return result


TAIL_SHARES = (0.03, 0.004)


@dataclass(frozen=True)
class TailShape:
    """How the tail depends on more than the mean: the chance of passing two raw surprises, as logistic regressions.

    ``start`` (2,) are the raw surprises that 3 % and 0.4 % of all contract-days pass; ``coefficients`` (2, features)
    give each contract-day's own chance of passing them.
    """

    start: NDArray[np.float64]
    coefficients: NDArray[np.float64]

    def bend(self, features: NDArray[np.float32], raw: NDArray[np.float64]) -> NDArray[np.float64]:
        """The raw surprise with each contract-day's own tail: straight lines through its two chances and on."""
        return np.asarray(_bend(features @ self.coefficients.T.astype(np.float32), self.start, raw))


def fit_tail_shape(features: NDArray[np.float32], raw: NDArray[np.float64]) -> TailShape:
    """Fit :class:`TailShape` to raw surprises of the contract-days of a design matrix."""
    start = np.maximum(np.quantile(raw, [1 - share for share in TAIL_SHARES]), [0.05, 0.1])
    start[1] = max(start[1], start[0] + 0.05)
    return TailShape(start, np.stack([fit_logistic(features, raw >= level) for level in start]))


def fit_logistic(
    features: NDArray[np.float32], event: NDArray[np.bool_], ridge: float = 2.0, iterations: int = 12
) -> NDArray[np.float64]:
    """Coefficients of a ridge logistic regression of rare events, by Newton's method.

    All events and at most 12 others for each (at least 5,000) are used; the constant, first and not penalised, is set
    right for the others left out.
    """
    events, others = np.flatnonzero(event), np.flatnonzero(~event)
    keep = max(12 * len(events), 5000)
    step = max(len(others) // keep, 1)
    x = features[np.concatenate([events, others[::step]])]
    y = np.concatenate([np.ones(len(events)), np.zeros(len(others[::step]))])
    penalty = ridge * np.eye(features.shape[1])
    penalty[0, 0] = 1e-6
    coefficients = np.zeros(features.shape[1])
    coefficients[0] = np.log((len(events) + 0.5) / (len(y) - len(events) + 0.5))
    for _ in range(iterations):
        chance = 1 / (1 + np.exp(-np.clip(x @ coefficients.astype(np.float32), -30, 30).astype(np.float64)))
        weight = (chance * (1 - chance)).astype(np.float32)
        gradient = x.T @ (y - chance).astype(np.float32) - penalty @ coefficients
        move = np.linalg.solve(((x * weight[:, None]).T @ x).astype(np.float64) + penalty, gradient)
        coefficients = coefficients + np.clip(move, -2.0, 2.0)
        if np.abs(move).max() < 1e-3:
            break
    coefficients[0] -= np.log(step)
    return coefficients
