"""The one pass over a chain that gives every contract its expectation and its surprises.

Everything it calls is what fitting calls too; here it runs row by row, without a matrix in between, because a scan of
the whole market has two million rows.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanner.compiled import kernel
from scanner.metrics.surprise.calibration import calibrated_at, tier_at
from scanner.metrics.surprise.combination import bounded_at, combine_at
from scanner.metrics.surprise.features import COUNT, EXPIRY_ACTIVITY, UNDERLYING_ACTIVITY, fill, times_busier_at
from scanner.metrics.surprise.history import build_up_at
from scanner.metrics.surprise.regression import bend_at, mean_at, tail_at


@kernel(fastmath={"reassoc", "contract"})
def _dot(x: NDArray[np.float32], y: NDArray[np.float32], window: int, part: int) -> float:  # pragma: no cover
    """The sum of products with ``y[window, part]``, in whatever order is fastest."""
    total = np.float32(0.0)
    for k in range(COUNT):
        total += x[k] * y[window, part, k]
    return float(total)


@kernel
def judge(
    volume: NDArray[np.float64],
    recent: NDArray[np.float32],
    states: NDArray[np.float32],
    log_open_interest: NDArray[np.float32],
    open_interest: NDArray[np.float64],
    base: NDArray[np.float32],
    of_name: NDArray[np.float32],
    earlier_activity: NDArray[np.float64],
    of_expiry: NDArray[np.float32],
    beside: NDArray[np.float32],
    move: NDArray[np.float64],
    underlying: NDArray[np.int32],
    expiry: NDArray[np.int32],
    day: int,
    moneyness: NDArray[np.float32],
    call: NDArray[np.bool_],
    earnings: NDArray[np.float32],
    log_price: NDArray[np.float32],
    windows: NDArray[np.int64],
    coefficients: NDArray[np.float32],
    tails: NDArray[np.float32],
    starts: NDArray[np.float64],
    shapes: NDArray[np.float32],
    knots: NDArray[np.float64],
    calibrated: NDArray[np.float64],
    mean: NDArray[np.float64],
    surprises: NDArray[np.float64],
) -> None:  # pragma: no cover - compiled
    """Fill ``mean`` (rows,) and ``surprises`` (4, rows): one, three and five sessions, and the combination.

    Shapes, with w the three windows: ``recent`` (rows, 4) the volumes of the sessions before, newest last; ``states``
    (rows, w, states); ``log_open_interest`` (rows, w) as each window began (NaN: ``open_interest`` of now stands in);
    ``earlier_activity`` and ``move`` (w, underlyings); ``coefficients`` (w, 1, features); ``tails`` (w, means, counts);
    ``starts`` (w, 2); ``shapes`` (w, 2, features); ``knots`` and ``calibrated`` (w + 1, tiers, knots).
    """
    x = np.empty(COUNT, np.float32)
    found = np.zeros(3)
    for i in range(len(volume)):
        name, days = underlying[i], expiry[i] - day
        traded = volume[i] > 0
        tier = 0
        interest_now = np.log1p(open_interest[i])
        for w in range(3):
            found[w] = 0.0
            count = build_up_at(recent, i, windows[w], volume[i])
            if w > 0 and not count > 0:
                continue
            activity = (of_name[i] + earlier_activity[w, name]) / windows[w]
            interest = log_open_interest[i, w]
            if not np.isfinite(interest):
                interest = interest_now
            fill(
                x,
                base[i],
                states,
                i,
                w,
                interest,
                activity,
                of_expiry[i],
                move[w, name],
                days,
                moneyness[i],
                call[i],
                earnings[name],
                log_price[i],
                beside[i],
            )
            expected = mean_at(_dot(x, coefficients, w, 0))
            busier = times_busier_at(
                coefficients[w, 0, UNDERLYING_ACTIVITY] * x[UNDERLYING_ACTIVITY]
                + coefficients[w, 0, EXPIRY_ACTIVITY] * x[EXPIRY_ACTIVITY]
            )
            if w == 0:
                mean[i] = expected
                tier = tier_at(expected / busier, days)
            if count > 0:
                first, second = _dot(x, shapes, w, 0), _dot(x, shapes, w, 1)
                rare = tail_at(tails, w, expected / busier, count / busier)
                raw = bend_at(first, second, starts[w, 0], starts[w, 1], rare)
                found[w] = calibrated_at(knots, calibrated, w, tier, raw)
        surprises[0, i], surprises[1, i], surprises[2, i] = found[0], found[1], found[2]
        surprises[3, i] = 0.0
        if traded:
            together = combine_at(found[0], found[1], found[2])
            combined = calibrated_at(knots, calibrated, 3, tier, together)
            surprises[3, i] = bounded_at(combined, found[0], found[1], found[2])
