"""Runs of neighbouring strikes: how unusual the best run that starts at each contract is.

Every run of two to five strikes of one right is looked at. Its evidence is Fisher's: the sum of the natural-log
surprises of its contracts, whose chance would be a gamma law were they independent. They are not, so that the raw
surprise made here is calibrated on past sessions like everything else.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from scanner.kernels.compile import kernel

MEMBER = 1.0
# Runs are calibrated by days to expiry: neighbours move together in the weeks that trade most, and stand out beyond.
MATURITY_EDGES = np.array([8, 31, 120])
MATURITIES = len(MATURITY_EDGES) + 1


@kernel
def best_runs(
    surprise: NDArray[np.float64], group: NDArray[np.int32], call: NDArray[np.bool_]
) -> tuple[NDArray[np.float64], NDArray[np.int64]]:  # pragma: no cover - compiled
    """Raw surprise of the best run that starts at each row, and the run's last row (-1 where there is none).

    Rows are sorted by root, expiry, strike and right. A run counts only with at least two contracts of a chance below
    one in ten, its first and its last among them.
    """
    rows = len(surprise)
    best = np.zeros(rows)
    last = np.full(rows, -1, np.int64)
    for i in range(rows):
        if not surprise[i] >= MEMBER:
            continue
        evidence, length, j = surprise[i] * 2.302585093, 1, i + 1
        while j < rows and group[j] == group[i] and length < 5:
            if call[j] == call[i]:
                length += 1
                if surprise[j] > 0:
                    evidence += surprise[j] * 2.302585093
                if surprise[j] >= MEMBER:
                    term, total = 1.0, 1.0
                    for k in range(1, length):
                        term *= evidence / k
                        total += term
                    raw = (evidence - np.log(total)) / 2.302585093
                    if raw > best[i]:
                        best[i], last[i] = raw, j
            j += 1
    return best, last


def maturity_of(days: NDArray[np.integer]) -> NDArray[np.int64]:
    """The band of days to expiry that a run's calibration is read in, from 0 for the nearest."""
    return np.asarray(np.sum([days >= edge for edge in MATURITY_EDGES], axis=0, dtype=np.int64))


def both_rights(surprise: NDArray[np.float64], strike: NDArray[np.integer]) -> NDArray[np.float64]:
    """Raw surprise of the call and the put of each strike together, by the same law as a run of two.

    ``strike`` numbers the strikes of the rows from 0, without gaps; the result has one value a strike. A strike with
    one listed right has that right's surprise.
    """
    total = np.bincount(strike, np.maximum(surprise, 0.0))
    evidence = total * np.log(10.0)
    pair = (evidence - np.log1p(evidence)) / np.log(10.0)
    return np.asarray(np.where(np.bincount(strike) > 1, pair, total))
