"""How far totals lie from what is usual, held against how far those of past sessions lay: what the past alone gives.

The distance log(1 + volume) - log(1 + usual) is centred on the entity's own exponentially weighted mean and scaled by
the spread of totals of its size; the tail is Student's t with four degrees of freedom until 300 past distances are
there to calibrate it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from scanner.activity.calibration import HIGHEST, Calibration, calibrate
from scanner.activity.totals import Totals

Floats = NDArray[np.float64]

# Distances of a total before its own usual one is known, so many sessions, tell nothing of its spread; and of fewer in
# a size no spread is told.
LEAST_KNOWN = 5
_HALF_LIFE = 0.5 ** (1 / 6)
_DEGREES_OF_FREEDOM = 4.0
_ENOUGH_FOR_TAIL = 300
_BOUND = 2.5


@dataclass(frozen=True)
class Distances:
    """What the past totals of all entities say together.

    ``centre`` (entities,) is each one's usual distance as of today; ``edges`` part the totals by size, and ``spreads``
    is one for each part; ``tail`` calibrates Student's law, None where too little is known.
    """

    centre: Floats
    edges: Floats
    spreads: Floats
    tail: Calibration | None

    @classmethod
    def of(cls, totals: Totals) -> Self:
        """The distances of some totals, shape (entities, sessions)."""
        volume, usual = totals
        distance = np.log1p(volume) - np.log1p(usual)
        centre = _running_centre(distance)
        residual = distance - centre[:, :-1]
        residual[:, : min(LEAST_KNOWN, residual.shape[1])] = np.nan
        known = np.isfinite(residual)
        edges, spreads = _spread_by_size(residual[known], usual[known])
        past = residual[known] / spreads[np.searchsorted(edges, usual[known])]
        return cls(centre[:, -1].copy(), edges, spreads, _tail(past))

    def surprise(self, today: Floats, today_usual: Floats, entity: NDArray[np.integer]) -> Floats:
        """Upper-tail surprise of today's totals; ``entity`` is the row of each, -1 for one without a past."""
        centre = np.zeros(len(entity))
        centre[entity >= 0] = self.centre[entity[entity >= 0]]
        now = np.log1p(today) - np.log1p(today_usual) - centre
        standardised = now / self.spreads[np.searchsorted(self.edges, today_usual)]
        raw = student_surprise(standardised)
        if self.tail is not None:
            raw = np.interp(raw, self.tail.raw[0], self.tail.calibrated[0])
        return np.where(np.isfinite(standardised), np.minimum(raw, HIGHEST), np.nan)


def student_surprise(standardised: Floats) -> Floats:
    """-log10 P(T >= x) for Student's t with four degrees of freedom."""
    from scanner.kernels.special import stdtr

    return np.asarray(-np.log10(np.maximum(stdtr(_DEGREES_OF_FREEDOM, -standardised), 1e-300)))


def _running_centre(distance: Floats) -> Floats:
    """Exponentially weighted mean before each session and before today, shape (entities, sessions + 1), shrunk to 0.

    One session moves it by a bounded amount: an outlier does not become the new normal.
    """
    total = np.zeros(len(distance))
    weight = np.zeros(len(distance))
    result = np.empty((len(distance), distance.shape[1] + 1))
    for session in range(distance.shape[1]):
        centre = total / (weight + 1.0)
        result[:, session] = centre
        known = np.isfinite(distance[:, session])
        bounded = np.clip(distance[:, session], centre - _BOUND, centre + _BOUND)
        total = np.where(known, total * _HALF_LIFE + bounded, total)
        weight = np.where(known, weight * _HALF_LIFE + 1.0, weight)
    result[:, -1] = total / (weight + 1.0)
    return result


def _spread_by_size(residual: Floats, usual: Floats) -> tuple[Floats, Floats]:
    """Edges of size and the spread of residuals between them, a robust one (interquartile), never below 0.1."""
    groups = int(np.clip(len(residual) // 200, 1, 8))
    edges = np.quantile(usual, np.arange(1, groups) / groups) if groups > 1 else np.empty(0)
    place = np.searchsorted(edges, usual)
    spreads = np.full(groups, 0.6)
    for number in range(groups):
        mine = residual[place == number]
        if len(mine) >= LEAST_KNOWN:
            spreads[number] = max((np.quantile(mine, 0.75) - np.quantile(mine, 0.25)) / 1.35, 0.1)
    return edges, spreads


def _tail(past: Floats) -> Calibration | None:
    """What calibrates the law on past standardised distances; None where they are few."""
    if len(past) < _ENOUGH_FOR_TAIL:
        return None
    one_tier = np.zeros(len(past), np.int64)
    return calibrate(student_surprise(past), one_tier, np.arange(len(past)), rows=np.array([len(past)]))
