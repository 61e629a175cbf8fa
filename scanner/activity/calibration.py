"""From a model's tail to real frequencies: split-conformal by activity tier, with a generalised-Pareto tail beyond.

A raw surprise is what the count model says. Held-out sessions tell how often such a raw surprise really comes; the map
between the two is kept per tier as a few knots. Beyond the last count that the held-out sessions can vouch for, the
exceedances of the raw surprise follow a generalised-Pareto law whose shape is drawn towards that of all tiers.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanner.activity import tiers as named
from scanner.kernels.compile import kernel
from scanner.kernels.vector_math import scalar

TIER_EDGES, MONTH_EDGES = np.array(named.TIER_EDGES), np.array(named.MONTH_EDGES)
WEEK_EDGES, EXPIRING_EDGES = np.array(named.WEEK_EDGES), np.array(named.EXPIRING_EDGES)
_MONTH = len(TIER_EDGES) + 1
_WEEK = _MONTH + len(MONTH_EDGES) + 1
_EXPIRING = _WEEK + len(WEEK_EDGES) + 1
_EVE = _EXPIRING + len(EXPIRING_EDGES) + 1
TIERS = _EVE + len(WEEK_EDGES) + 1
KNOTS = 28
_PART = 7
_LEVELS = np.array(
    [0.5, 0.3, 0.2, 0.1, 0.05, 0.03, 0.02, 0.01, 0.005, 0.003, 0.002, 0.001, 0.0005, 0.0003, 0.0002, 0.0001]
)
_BEYOND = np.array([0.3, 0.6, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 7.0, 10.0])
_SMALLEST_COUNT = 20
_THIN_TIER = 400
HIGHEST = 20.0
# A name's own frequencies are counted at 1 in 300: they matter not at all at 1 in 10, twice as much at 1 in 10,000.
OWN_FROM, OWN_AT, _OWN_MOST = 1.0, 2.5, 0.5
# So many days on which a name shows what is so rare are worth as much as what all names together say.
OWN_DAYS = 20
_USUAL_SHAPE, _USUAL_WEIGHT = 0.1, 300.0


@kernel
def tier_at(mean: float, days: int) -> int:  # pragma: no cover - compiled
    """Activity tier by expected volume; those in their last month, week or day and the day before have their own."""
    if days <= 0:
        return _EXPIRING + _above(EXPIRING_EDGES, mean)
    if days == 1:
        return _EVE + _above(WEEK_EDGES, mean)
    if days <= 7:
        return _WEEK + _above(WEEK_EDGES, mean)
    return _MONTH + _above(MONTH_EDGES, mean) if days <= 30 else _above(TIER_EDGES, mean)


@kernel
def _above(edges: NDArray[np.float64], value: float) -> int:  # pragma: no cover - compiled
    count = 0
    for edge in edges:
        count += 1 if value >= edge else 0
    return count


@kernel
def tier_of(mean: NDArray[np.float64], days: NDArray[np.int64]) -> NDArray[np.int64]:  # pragma: no cover - compiled
    """:func:`tier_at` for every row."""
    result = np.empty(len(mean), np.int64)
    for i in range(len(mean)):
        result[i] = tier_at(mean[i], days[i])
    return result


@scalar
def calibrated_at(
    raw: NDArray[np.float64], calibrated: NDArray[np.float64], which: int, tier: int, value: float
) -> float:  # pragma: no cover - compiled
    """The calibrated surprise of a raw one by the knots of map ``which``, shape (maps, tiers, KNOTS).

    0 stays 0; beyond the last knot its value holds. Whole arrays and positions are handed on, here and in the other
    functions of one row, because a view of a row costs more than the arithmetic.
    """
    part = 0
    for edge in range(_PART, KNOTS, _PART):  # comparing with many is quicker than branches that are surprises
        part += 1 if raw[which, tier, edge - 1] < value else 0
    low = part * _PART
    for knot in range(part * _PART, (part + 1) * _PART):
        low += 1 if raw[which, tier, knot] < value else 0
    low = min(max(low, 1), KNOTS - 1)
    left, right = raw[which, tier, low - 1], raw[which, tier, low]
    below, above = calibrated[which, tier, low - 1], calibrated[which, tier, low]
    result = below + min(max((value - left) / (right - left), 0.0), 1.0) * (above - below)
    return float(result if value > 0 else 0.0)


@scalar
def of_name_at(surprise: float, decades: float) -> float:  # pragma: no cover - compiled
    """A calibrated surprise as it is in a name whose 1 in 300 comes 10 ** decades times as often as stated."""
    share = min(max((surprise - OWN_FROM) / (OWN_AT - OWN_FROM), 0.0), 2.0)
    return surprise - decades * share


@kernel
def of_names(
    surprise: NDArray[np.float64], name: NDArray[np.int64], decades: NDArray[np.float64]
) -> NDArray[np.float64]:  # pragma: no cover - compiled
    """:func:`of_name_at` for every row."""
    result = np.empty(len(surprise))
    for i in range(len(surprise)):
        result[i] = of_name_at(surprise[i], decades[name[i]])
    return result


def own_frequencies(
    surprise: NDArray[np.float64], cluster: NDArray[np.int64], rows: NDArray[np.int64]
) -> NDArray[np.float64]:
    """How much more often than stated 1 in 300 came in each name, in decades, shape (names,), half a one at most.

    ``surprise`` are the calibrated surprises of held-out contract-days of all names, where there is any; ``cluster``
    numbers the session and name of each, the name being its remainder by the number of names. ``rows`` (names,) counts
    all contract-days, those without a surprise too. The contracts of a name on one day are one witness, so
    a name counts as the days on which it shows such a chance, and is drawn towards what all names say with the weight
    of twenty; one that shows none counts as many days as all names would have shown in its place.
    """
    names, rare = len(rows), cluster[surprise >= OWN_AT]
    came, due = np.bincount(rare % names, minlength=names), rows * 10.0**-OWN_AT
    days = np.bincount(np.unique(rare) % names, minlength=names)
    of_all = days.sum() / max(came.sum(), 1)
    each = np.where(came > 0, days / np.maximum(came, 1), of_all)
    ratio = (came * each + OWN_DAYS) / (due * each + OWN_DAYS)
    return np.asarray(np.clip(np.log10(ratio), -_OWN_MOST, _OWN_MOST))


@kernel
def _apply(
    knots: NDArray[np.float64], calibrated: NDArray[np.float64], raw: NDArray[np.float64], tier: NDArray[np.int64]
) -> NDArray[np.float64]:  # pragma: no cover - compiled
    result = np.empty(len(raw))
    for i in range(len(raw)):
        result[i] = calibrated_at(knots, calibrated, 0, tier[i], raw[i])
    return result


@dataclass(frozen=True)
class Calibration:
    """Knots of the map raw surprise -> calibrated surprise, shape (tiers, KNOTS) each, both ascending.

    ``rows`` says how many held-out contract-days stand behind each tier.
    """

    raw: NDArray[np.float64]
    calibrated: NDArray[np.float64]
    rows: NDArray[np.int64]

    def apply(self, raw: NDArray[np.float64], tier: NDArray[np.int64]) -> NDArray[np.float64]:
        """Calibrated surprise of each raw one in its tier."""
        return np.asarray(_apply(self.raw[None], self.calibrated[None], raw, tier))


def apart(cluster: NDArray[np.int64], names: int, window: int) -> NDArray[np.int64]:
    """Witnesses of what looks back over so many sessions: those that share most of them are one.

    ``cluster`` is session * ``names`` + name.
    """
    return np.asarray(cluster // names // window * names + cluster % names)


def calibrate(
    raw: NDArray[np.float64], tier: NDArray[np.int64], cluster: NDArray[np.int64], rows: NDArray[np.int64]
) -> Calibration:
    """Learn the map from raw surprises of held-out contract-days.

    Those of a raw surprise of 0 may be left out of the arrays: ``rows`` (tiers,) counts them, too. ``cluster`` numbers
    the session and underlying of every row, or, where a surprise looks back over several sessions, so many sessions and
    the underlying: what one name shows on one day, or in days that share most of what they show, are no independent
    witnesses. A tier with fewer than 400 rows uses the map of all tiers together.
    """
    pooled_tail = _tail(raw, cluster, int(rows.sum()), shape=_USUAL_SHAPE, weight=_USUAL_WEIGHT)
    everything = _knots(raw, int(rows.sum()), pooled_tail)
    by_tier = np.argsort(tier.astype(np.int16), kind="stable")
    bounds = np.cumsum(np.append(0, np.bincount(tier, minlength=len(rows))))
    knots_raw, knots_calibrated = np.empty((len(rows), KNOTS)), np.empty((len(rows), KNOTS))
    for number, count in enumerate(rows.tolist()):
        knots = everything
        if count >= _THIN_TIER:
            mine = by_tier[bounds[number] : bounds[number + 1]]
            own = raw[mine]
            knots = _knots(own, count, _tail(own, cluster[mine], count, shape=pooled_tail.shape, weight=100.0))
        knots_raw[number], knots_calibrated[number] = knots
    return Calibration(knots_raw, knots_calibrated, rows)


@dataclass(frozen=True)
class _Tail:
    """Exceedances over ``start``, which a share ``chance`` of the rows pass: generalised Pareto(shape, scale)."""

    start: float
    chance: float
    shape: float
    scale: float


def _tail(raw: NDArray[np.float64], cluster: NDArray[np.int64], count: int, shape: float, weight: float) -> _Tail:
    """Fit the tail by probability-weighted moments (Hosking and Wallis 1987), the shape shrunk towards a given one.

    ``count`` are all rows, those of 0 that are left out of ``raw`` too. What is wanted is the chance of the next
    exceedance, not the law that fits the past ones best. For exponential exceedances whose scale was learnt from n of
    them that chance is a generalised Pareto law of shape 1 / n; so the shape is raised by one over the number of names
    and days that the exceedances come from, and their share by one more of those than were seen.
    """
    if count == 0:
        return _Tail(0.0, 1.0, 0.0, 1.0)
    exceeding = int(np.clip(0.004 * count, min(60, max(count // 10, 1)), 2000))
    wanted = min(exceeding + 1, count)
    top = np.argpartition(raw, len(raw) - wanted)[len(raw) - wanted :] if wanted < len(raw) else np.arange(len(raw))
    top = top[np.argsort(raw[top], kind="stable")]
    largest = np.concatenate([np.zeros(wanted - len(top)), raw[top]])
    start = float(largest[0])
    excess = largest[1:] - start
    if len(excess) < 10 or excess.mean() <= 0:
        return _Tail(start, max(exceeding, 1) / count, shape, 1.0)
    mean = float(excess.mean())
    falling = 1.0 - (np.arange(1, len(excess) + 1) - 0.35) / len(excess)
    first = float((falling * excess).mean())
    estimate = 2.0 - mean / (mean - 2.0 * first) if mean > 2.0 * first else 0.0
    blended = (len(excess) * estimate + weight * shape) / (len(excess) + weight)
    blended = float(np.clip(blended, -0.15, 0.35))
    witnesses = len(np.unique(cluster[top[raw[top] > start]]))
    chance = exceeding / count * (1.0 + 1.0 / witnesses)
    return _Tail(start, chance, blended + 1.0 / witnesses, mean * (1.0 - blended))


def _knots(raw: NDArray[np.float64], count: int, tail: _Tail) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Empirical quantiles while at least 20 of ``count`` rows stand beyond them, then the fitted tail."""
    levels = _LEVELS[(max(count, 1) * _LEVELS >= _SMALLEST_COUNT) & (tail.chance < _LEVELS)]
    # Before the first of them come the rows of 0 that are left out.
    place = np.minimum((count * (1.0 - levels)).astype(np.int64), count - 1) - (count - len(raw))
    empirical = np.append(np.sort(raw), 0.0)[np.maximum(place, -1)]
    beyond = tail.start + _quantile_of_excess(tail, _BEYOND)
    x = np.concatenate([[0.0], empirical, [tail.start], beyond])
    y = np.concatenate([[0.0], -np.log10(levels), [-np.log10(tail.chance)], -np.log10(tail.chance) + _BEYOND])
    x = np.maximum.accumulate(x)
    without_volume = x <= 0
    y[0] = y[without_volume].max()
    keep = np.concatenate([[True], np.diff(x) > 1e-9])
    x, y = x[keep], np.minimum(y[keep], HIGHEST)
    pad = KNOTS - len(x)
    return (
        np.concatenate([x, x[-1] + 1e-6 * np.arange(1, pad + 1)]),
        np.concatenate([y, np.full(pad, y[-1])]),
    )


def _quantile_of_excess(tail: _Tail, decades: NDArray[np.float64]) -> NDArray[np.float64]:
    """The excess that is passed with chance 10 ** -decades once the tail's start is passed."""
    chance = 10.0**-decades
    if abs(tail.shape) < 1e-6:
        return np.asarray(-tail.scale * np.log(chance))
    return np.asarray(tail.scale / tail.shape * (chance**-tail.shape - 1.0))
