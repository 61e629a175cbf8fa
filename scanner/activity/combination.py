"""One, three and five sessions as one statement.

The strongest window counts in full, each charged for its share of the family; the others add a little of theirs, so
that a build-up that shows in all of them is rarer than one that shows in one. What comes out is calibrated like any
other raw surprise, and then kept between two bounds that hold without calibration.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanner.kernels.compile import kernel

# Charges in decades of the windows of one, three and five sessions: shares 0.7, 0.12 and 0.18 of the family.
CHARGES = np.log10([0.7, 0.12, 0.18])
_AGREEMENT = 0.07
_MOST_ADDED = 0.5


@kernel
def combine_at(one: float, three: float, five: float) -> float:  # pragma: no cover - compiled
    """The statistic of three calibrated surprises; not yet a chance."""
    first, second, third = max(one + CHARGES[0], 0.0), max(three + CHARGES[1], 0.0), max(five + CHARGES[2], 0.0)
    strongest = max(first, second, third)
    return float(strongest + _AGREEMENT * (first + second + third - strongest))


@kernel
def bounded_at(combined: float, one: float, three: float, five: float) -> float:  # pragma: no cover - compiled
    """A calibrated combination between Bonferroni's (valid however the windows hang together) and what agreement adds.

    At least the strongest window after its charge, at most half a decade rarer than the rarest window.
    """
    least = max(one + CHARGES[0], three + CHARGES[1], five + CHARGES[2], 0.0)
    return float(min(max(combined, least), max(one, three, five) + _MOST_ADDED))


@kernel
def combine(
    windows: NDArray[np.float64], today: NDArray[np.float64]
) -> NDArray[np.float64]:  # pragma: no cover - compiled
    """:func:`combine_at` of (3, rows) surprises; 0 for a contract that has not traded today."""
    result = np.zeros(windows.shape[1])
    for i in range(len(result)):
        if today[i] > 0:
            result[i] = combine_at(windows[0, i], windows[1, i], windows[2, i])
    return result


@kernel
def bounded(
    combined: NDArray[np.float64], windows: NDArray[np.float64], today: NDArray[np.float64]
) -> NDArray[np.float64]:  # pragma: no cover - compiled
    """:func:`bounded_at` of every row; 0 for a contract that has not traded today."""
    result = np.zeros(len(combined))
    for i in range(len(result)):
        if today[i] > 0:
            result[i] = bounded_at(combined[i], windows[0, i], windows[1, i], windows[2, i])
    return result
