"""The early-exercise boundary of American puts, read from a table.

The boundary over the strike depends on a = 2 rate / volatility**2, the ratio of yield to rate, and w = volatility *
sqrt(time left). The table holds, for nodes of ln(a) and of the ratio, the Chebyshev coefficients of H = ln(B / X)**2 in
sqrt(w), where X = min(1, rate / yield) is the boundary's limit at expiry; ``tools/tabulate_boundary.py`` computes it.
Near expiry H is w**2 times a logarithm of w: its coefficients in w fall by the sixth power of their order only, those
sqrt(w) by the tenth. Where the yield is one to two times the rate the boundary leaves its limit in a bend that
twenty of them do not follow closely enough for rho.

Axes. ``wing`` maps the ratio onto [-1, 1], with the change of regime at ratio 1 in the middle and nodes drawn to it:
with m = ratio - 1 below one and 1 - 1/ratio above, wing = sign(m) sqrt(abs(m)). w runs from 0 to ``reach(a)``, which
grows to 8 for small a and keeps rate * time below 0.75 for large.
"""

from __future__ import annotations

import math
from functools import lru_cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

LOG_A = np.linspace(-12.0, 6.5, 75)
WING = np.linspace(-1.0, 1.0, 41)
# One more than a multiple of four, which the greeks' sums take together.
COEFFICIENTS = 33
WIDEST = 8.0
LONGEST = 0.75


def reach(a: float) -> float:
    """The largest w the table knows."""
    return 1.0 / math.sqrt(1.0 / WIDEST**2 + a / (2.0 * LONGEST))


def ratio_at(wing: float) -> float:
    """The ratio of yield to rate at a point of the second axis; its end stands for a ratio of 400."""
    moved = wing * abs(wing)
    return 1.0 + moved if moved <= 0.0 else 1.0 / max(1.0 - moved, 1.0 / 400.0)


@lru_cache(maxsize=1)
def table() -> NDArray[np.float64]:
    """Coefficients, float64, of shape (ln a, wing, order)."""
    with files("scanner.pricing").joinpath("boundary.npz").open("rb") as stream, np.load(stream) as stored:
        return np.ascontiguousarray(stored["coefficients"], dtype=np.float64)
