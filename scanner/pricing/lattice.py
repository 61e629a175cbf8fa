"""What known cash dividends change in an American price: a finite-difference grid for two contracts at once.

The escrowed model: what diffuses is the spot less the value of the dividends to come, S* = S - PV. Exercise at time t
gives S*(t) + PV(t) - K, so that the contract is an American option on S* with the strike K - PV(t); PV grows at the
rate of interest and falls by the dividend on each ex-date. Calls are exercised on the eve of that, puts after it.

Beside it the same contract with a constant strike runs over the same grid. Its price is known
(:mod:`scanner.pricing.premium`), and the difference of the two has lost most of the grid's error (a control variate: J.
Hull, A. White, "The use of the control variate technique in option pricing", 1988).

The grid: ln S* around today's, Crank and Nicolson's scheme with weights that keep 1 and S* exact, and M. Brennan and E.
Schwartz's direct solution of each step ("The valuation of American put options", Journal of Finance 32(2), 1977): from
the wing out of the money inwards, and back with the exercise value as the floor. Steps grow quadratically with the
distance from the next ex-date, so that its kink does not oscillate (P. Forsyth, K. Vetzal, 2002).
"""

from __future__ import annotations

import math

import numpy as np

from scanner.kernels.vector_math import prefer_wide_vectors, scalar, vectorised
from scanner.pricing.arrays import Floats
from scanner.pricing.premium import LEAST_RATE, Contracts

_NODES = 129
_CENTRE = _NODES // 2
# Deviations from the spot to each end.
_WIDTH = 4.0
# Each stretch between ex-dates has as many steps as the others: a price depends on its own contract alone.
_STEPS, _STEPS_PER_DIVIDEND = 36, 12
# Contracts on the grid together: enough for vectors, few enough for the cache.
LANES = 32

# Rows of the scratch array: weights towards the nodes further out of and in the money, at both ends too; the rest.
_OUT, _IN, _LOWEST, _HIGHEST, _RATE, _HALF_STEP, _SIDE, _STRIKE, _REACHED, _FIXED, _AHEAD = range(11)
_TERMS = 11
# Planes of the grid: S*, the two values, and what the elimination hands to the substitution.
_SPOT, _WITH, _WITHOUT, _PIVOT, _WITH_PART, _WITHOUT_PART = range(6)
_PLANES = 6

# What exercising never reaches.
_NEVER = -1e300


@vectorised
def _eliminate(grid: Floats, terms: Floats) -> None:
    """Express each node by its neighbour further in the money, from the wing inwards."""
    prefer_wide_vectors()
    last, lanes = grid.shape[1] - 1, grid.shape[2]
    for i in range(lanes):
        h = terms[_HALF_STEP, i]
        g = h * terms[_HIGHEST, i]
        own = g + h * terms[_RATE, i]
        inverse = 1.0 / (1.0 + own)
        grid[_PIVOT, last, i] = g * inverse
        for value, part in ((_WITH, _WITH_PART), (_WITHOUT, _WITHOUT_PART)):
            grid[part, last, i] = ((1.0 - own) * grid[value, last, i] + g * grid[value, last - 1, i]) * inverse
    for k in range(last - 1, 0, -1):
        for i in range(lanes):
            h = terms[_HALF_STEP, i]
            a, c = h * terms[_OUT, i], h * terms[_IN, i]
            own = a + c + h * terms[_RATE, i]
            kept = 1.0 - own
            inverse = 1.0 / (1.0 + own - a * grid[_PIVOT, k + 1, i])
            grid[_PIVOT, k, i] = c * inverse
            outer = grid[_WITH, k + 1, i] + grid[_WITH_PART, k + 1, i]
            grid[_WITH_PART, k, i] = (kept * grid[_WITH, k, i] + a * outer + c * grid[_WITH, k - 1, i]) * inverse
            outer = grid[_WITHOUT, k + 1, i] + grid[_WITHOUT_PART, k + 1, i]
            inner = c * grid[_WITHOUT, k - 1, i]
            grid[_WITHOUT_PART, k, i] = (kept * grid[_WITHOUT, k, i] + a * outer + inner) * inverse


@vectorised
def _substitute(grid: Floats, terms: Floats) -> None:
    """The new values, from deep in the money outwards, never below what exercise gives."""
    prefer_wide_vectors()
    nodes, lanes = grid.shape[1], grid.shape[2]
    for i in range(lanes):
        h = terms[_HALF_STEP, i]
        g = h * terms[_LOWEST, i]
        own = g + h * terms[_RATE, i]
        inverse = 1.0 / (1.0 + own - g * grid[_PIVOT, 1, i])
        side, spot = terms[_SIDE, i], grid[_SPOT, 0, i]
        outer = grid[_WITH, 1, i] + grid[_WITH_PART, 1, i]
        held = ((1.0 - own) * grid[_WITH, 0, i] + g * outer) * inverse
        grid[_WITH, 0, i] = max(held, side * (spot - terms[_STRIKE, i]) + terms[_REACHED, i])
        outer = grid[_WITHOUT, 1, i] + grid[_WITHOUT_PART, 1, i]
        held = ((1.0 - own) * grid[_WITHOUT, 0, i] + g * outer) * inverse
        grid[_WITHOUT, 0, i] = max(held, side * (spot - terms[_FIXED, i]) + terms[_REACHED, i])
    for k in range(1, nodes):
        for i in range(lanes):
            side, spot, pivot = terms[_SIDE, i], grid[_SPOT, k, i], grid[_PIVOT, k, i]
            held = pivot * grid[_WITH, k - 1, i] + grid[_WITH_PART, k, i]
            grid[_WITH, k, i] = max(held, side * (spot - terms[_STRIKE, i]) + terms[_REACHED, i])
            held = pivot * grid[_WITHOUT, k - 1, i] + grid[_WITHOUT_PART, k, i]
            grid[_WITHOUT, k, i] = max(held, side * (spot - terms[_FIXED, i]) + terms[_REACHED, i])


@scalar
def _lay_out(contracts: Contracts, volatility: Floats, spacing: Floats, grid: Floats, terms: Floats) -> None:
    """Nodes, weights and the values at expiry. ``spot`` is that of the diffusion, S*."""
    for i in range(volatility.shape[0]):
        side, dx = float(contracts.sign[i]), spacing[i]
        rate, paid, strike = contracts.rate[i], contracts.dividend_yield[i], contracts.strike[i]
        grown, shrunk = math.exp(dx), math.exp(-dx)
        total = (volatility[i] / dx) ** 2
        up = (rate - paid + total * (1.0 - shrunk)) / (grown - shrunk)
        terms[_OUT, i], terms[_IN, i] = (total - up, up) if side > 0.0 else (up, total - up)
        step = shrunk if side > 0.0 else grown
        # At the ends the value is linear in the spot.
        terms[_LOWEST, i], terms[_HIGHEST, i] = (rate - paid) / (step - 1.0), (rate - paid) / (1.0 / step - 1.0)
        terms[_RATE, i], terms[_SIDE, i], terms[_FIXED, i], terms[_AHEAD, i] = rate, side, strike, 0.0
        carried = paid if side > 0.0 else rate
        terms[_REACHED, i] = 0.0 if carried > LEAST_RATE else _NEVER
        for k in range(_NODES):
            spot = contracts.spot[i] * math.exp(side * dx * (_CENTRE - k))
            value = max(side * (spot - strike), 0.0)
            grid[_SPOT, k, i], grid[_WITH, k, i], grid[_WITHOUT, k, i] = spot, value, value


@scalar
def differences(
    contracts: Contracts,
    volatility: Floats,
    spacing: Floats,
    ex_years: Floats,
    amounts: Floats,
    out: Floats,
) -> None:
    """Value with known dividends less that without, and its slope and bend in ln S*, into the three rows of ``out``.

    ``contracts.spot`` is S*. All dividends go ex by each contract's expiry, ascending. ``spacing`` is the distance of
    nodes, :func:`usual_spacing` or, for differences between neighbouring volatilities, that of the middle one. Rows 3
    of ``out``: 1 where the contract is exercised at once, else 0.
    """
    lanes, count = volatility.shape[0], ex_years.shape[0]
    grid, terms = np.empty((_PLANES, _NODES, lanes)), np.empty((_TERMS, lanes))
    _lay_out(contracts, volatility, spacing, grid, terms)
    steps = (_STEPS + _STEPS_PER_DIVIDEND * count) // (count + 1)
    for stretch in range(count, -1, -1):
        begin = ex_years[stretch - 1] if stretch > 0 else 0.0
        for step in range(steps):
            share = (2.0 * step + 1.0) / (steps * steps)
            for i in range(lanes):
                end = ex_years[stretch] if stretch < count else contracts.years[i]
                elapsed = share * (end - begin)
                terms[_HALF_STEP, i] = 0.5 * elapsed
                terms[_AHEAD, i] *= math.exp(-contracts.rate[i] * elapsed)
                terms[_STRIKE, i] = contracts.strike[i] - terms[_AHEAD, i]
            _eliminate(grid, terms)
            _substitute(grid, terms)
        if stretch > 0:
            _go_ex(contracts, amounts[stretch - 1], grid, terms)
    _read(contracts, spacing, grid, terms, out)


@scalar
def _go_ex(contracts: Contracts, amount: float, grid: Floats, terms: Floats) -> None:
    """From just after an ex-date to its eve, on which calls may be exercised with the dividend."""
    for i in range(grid.shape[2]):
        terms[_AHEAD, i] += amount
        if contracts.sign[i] < 0:
            continue
        strike = contracts.strike[i] - terms[_AHEAD, i]
        for k in range(_NODES):
            grid[_WITH, k, i] = max(grid[_WITH, k, i], grid[_SPOT, k, i] - strike)


@scalar
def _read(contracts: Contracts, spacing: Floats, grid: Floats, terms: Floats, out: Floats) -> None:
    """The difference in the middle of the grid, with five-point formulae for its slope and bend."""
    m = _CENTRE
    for i in range(grid.shape[2]):
        outward = -1.0 if contracts.sign[i] > 0 else 1.0
        gap = grid[_WITH, m - 2 : m + 3, i] - grid[_WITHOUT, m - 2 : m + 3, i]
        dx = spacing[i]
        out[0, i] = gap[2]
        out[1, i] = outward * (gap[0] - 8.0 * gap[1] + 8.0 * gap[3] - gap[4]) / (12.0 * dx)
        out[2, i] = (-gap[0] + 16.0 * gap[1] - 30.0 * gap[2] + 16.0 * gap[3] - gap[4]) / (12.0 * dx * dx)
        now = terms[_SIDE, i] * (contracts.spot[i] + terms[_AHEAD, i] - contracts.strike[i])
        out[3, i] = 1.0 if terms[_REACHED, i] == 0.0 and grid[_WITH, m, i] <= now else 0.0


@scalar
def usual_spacing(years: Floats, volatility: Floats) -> Floats:
    """The distance of nodes, in ln S*."""
    return _WIDTH / _CENTRE * volatility * np.sqrt(years)
