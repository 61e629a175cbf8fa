"""Compute the table of early-exercise boundaries that ``scanner/pricing/boundary.npz`` holds.

    python tools/tabulate_boundary.py scanner/pricing/boundary.npz

The boundary B of an American put, over the strike, depends on three numbers: a = 2 rate / volatility**2, the ratio of
yield to rate, and w = volatility * sqrt(time left). With unit volatility and strike, the boundary for one (a, ratio) is
found by the fixed-point iteration of L. Andersen, M. Lake and D. Offengenden, "High-performance American option
pricing" (Journal of Computational Finance 20(1), 2016), on Chebyshev nodes in sqrt(w). What is kept are the Chebyshev
coefficients of H = ln(B / X)**2 with X = min(1, rate / yield), the boundary's limit at expiry; the axes are those of
``scanner.pricing.boundary``. Takes about six minutes.
"""

from __future__ import annotations

import math
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from scanner.kernels.compile import kernel
from scanner.pricing.boundary import COEFFICIENTS, LOG_A, WING, ratio_at, reach
from scanner.pricing.normalised import normal_cdf, normal_pdf

_NODES = 40
# With few points the iteration does not settle for some nodes.
_QUADRATURES = (128, 160, 200, 256)
_ITERATIONS = 400
_TOLERANCE = 1e-9
_SETTLED = 1e-6

Floats = npt.NDArray[np.float64]


@kernel
def _chebyshev(coefficients: Floats, x: float) -> float:
    """A Chebyshev series at x in [-1, 1], by Clenshaw's recurrence."""
    after, next_after = 0.0, 0.0
    for k in range(coefficients.shape[0] - 1, 0, -1):
        after, next_after = coefficients[k] + 2.0 * x * after - next_after, after
    return float(coefficients[0] + x * after - next_after)


@kernel
def _coefficients(values: Floats) -> Floats:
    """Chebyshev coefficients of the polynomial with these values at cos(pi i / n), i = 0..n."""
    n = values.shape[0] - 1
    out = np.zeros(n + 1)
    for k in range(n + 1):
        total = 0.5 * (values[0] + values[n] * math.cos(math.pi * k))
        for i in range(1, n):
            total += values[i] * math.cos(math.pi * i * k / n)
        out[k] = 2.0 * total / n
    out[0] *= 0.5
    out[n] *= 0.5
    return out


@kernel
def solve(a: float, ratio: float, widest: float, abscissas: Floats, weights: Floats) -> tuple[Floats, float]:
    """Values of H at the Chebyshev nodes of sqrt(w) up to that of ``widest``, and the last change of ln B."""
    rate, paid = 0.5 * a, 0.5 * a * ratio
    limit = min(1.0, 1.0 / ratio) if ratio > 0.0 else 1.0
    n = _NODES
    h = np.zeros(n + 1)
    # Start between the limit at expiry and the perpetual boundary.
    b = rate - paid - 0.5
    root = -b - math.sqrt(b * b + 2.0 * rate)
    depth = math.log(limit * (root - 1.0) / root)
    for i in range(n + 1):
        w = widest * (0.5 * (1.0 + math.cos(math.pi * i / n))) ** 2
        h[i] = (max(depth, 1e-8) * (1.0 - math.exp(-w / max(depth, 1e-8)))) ** 2
    # Of the paper's two equations, "B" converges where the rate is the larger, and "A" elsewhere.
    smooth = ratio < 0.99
    change = 1.0
    for _ in range(_ITERATIONS):
        series = _coefficients(h)
        change = 0.0
        fresh = np.zeros(n + 1)
        for i in range(n):
            w = widest * (0.5 * (1.0 + math.cos(math.pi * i / n))) ** 2
            tau = w * w
            log_b = math.log(limit) - math.sqrt(h[i])
            d_plus = (log_b + (rate - paid) * tau) / w + 0.5 * w
            d_minus = d_plus - w
            numerator = normal_cdf(d_minus) if smooth else normal_pdf(d_minus) / w
            denominator = normal_cdf(d_plus) + (0.0 if smooth else normal_pdf(d_plus) / w)
            for j in range(abscissas.shape[0]):
                part = 0.5 * (1.0 + abscissas[j])
                left = tau * part * part
                u = tau - left
                step = weights[j] * tau * part
                at = 2.0 * math.sqrt(math.sqrt(u) / widest) - 1.0
                other = math.log(limit) - math.sqrt(max(_chebyshev(series, at), 0.0))
                s = math.sqrt(left)
                e_plus = (log_b - other + (rate - paid) * left) / s + 0.5 * s
                first = normal_cdf(e_plus - s) if smooth else normal_pdf(e_plus - s) / s
                second = normal_cdf(e_plus) + (0.0 if smooth else normal_pdf(e_plus) / s)
                numerator += step * rate * math.exp(rate * u) * first
                denominator += step * paid * math.exp(paid * u) * second
            if denominator <= 0.0:
                return h, math.nan
            found = -(rate - paid) * tau + math.log(numerator / denominator)
            # Where the yield is the larger, whole steps do not settle at the nodes nearest to expiry.
            found = 0.5 * (found + log_b)
            found = max(min(found, math.log(limit)), math.log(limit) - depth)
            change = max(change, abs(found - log_b))
            fresh[i] = (math.log(limit) - found) ** 2
        h = fresh
        if change < _TOLERANCE:
            break
    return h, change


def settle(a: float, ratio: float) -> tuple[Floats, float]:
    """What :func:`solve` finds with the fewest points of quadrature with which it settles."""
    for points in _QUADRATURES:
        h, change = solve(a, ratio, reach(a), *np.polynomial.legendre.leggauss(points))
        if change < _SETTLED:
            break
    return h, change


def main(path: str) -> None:
    """Solve every node of the two axes and store the coefficients as float32."""
    table = np.empty((LOG_A.size, WING.size, COEFFICIENTS))
    worst = cut = 0.0
    for i, log_a in enumerate(LOG_A):
        a = math.exp(log_a)
        for j, wing in enumerate(WING):
            h, change = settle(a, ratio_at(wing))
            series = _coefficients(h)
            worst, cut = max(worst, change), max(cut, np.abs(series[COEFFICIENTS:]).sum() / max(h.max(), 1e-300))
            table[i, j] = series[:COEFFICIENTS]
    sys.stdout.write(f"largest last change of ln B {worst:.1e}, largest part cut off {cut:.1e}\n")
    np.savez_compressed(Path(path), coefficients=table.astype(np.float32))


if __name__ == "__main__":
    main(sys.argv[1])
