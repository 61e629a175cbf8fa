"""American options before known cash dividends: price, implied volatility and greeks.

The model and its grid, for at most ``LANES`` contracts at once, are those of :mod:`scanner.pricing.lattice`; a contract
without a dividend before its expiry is that of :mod:`scanner.pricing.premium`. The dividend yield is what the known
dividends leave of the carry, and may be of either sign.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanner.kernels.vector_math import scalar
from scanner.pricing import inversion
from scanner.pricing.american_greeks import greek_rows
from scanner.pricing.arrays import DAYS_PER_YEAR, PER_POINT, Floats, Greeks, Statuses
from scanner.pricing.inversion import (
    BEFORE,
    FLOOR,
    HIGH,
    LOW,
    MAX_STEPS,
    NOTHING,
    PRICE,
    RATE,
    ROUNDING,
    SPOT,
    STATES,
    STRIKE,
    TRIED,
    YEARS,
    YIELD,
    Rows,
)
from scanner.pricing.lattice import differences, usual_spacing
from scanner.pricing.premium import Contracts, price_rows

_VOLATILITY_BUMP, _RATE_BUMP = 0.01, 1e-3


class Dividends(NamedTuple):
    """An underlying's known cash dividends: years from the quotes to each ex-date, ascending, and dollars a share."""

    years: Floats
    amounts: Floats

    def worth(self, years: Floats, rate: Floats) -> Floats:
        """Value today of the dividends by each of some expiries, dollars."""
        paid = (self.years > 0.0) & (self.years <= np.asarray(years)[:, np.newaxis])
        return np.asarray((paid * self.amounts * np.exp(-np.outer(rate, self.years))).sum(axis=1), dtype=np.float64)


@scalar
def least(
    sign: float, spot: float, strike: float, years: float, rate: float, q: float, ex_years: Floats, amounts: Floats
) -> float:
    """The least a contract is worth: exercised at the best moment, at no volatility. ``spot`` is that of the diffusion.

    Between ex-dates the value of exercising is S* exp(-q t) + PV - K exp(-r t), or its negative, whose best moment is
    an end of the stretch or where q S* exp(-q t) = r K exp(-r t).
    """
    best, ahead = 0.0, 0.0
    turn = math.nan
    if rate != q and rate * q > 0.0:
        turn = math.log(rate * strike / (q * spot)) / (rate - q)
    end = years
    for stretch in range(ex_years.shape[0], -1, -1):
        begin = ex_years[stretch - 1] if stretch > 0 else 0.0
        inside = min(max(turn, begin), end) if not math.isnan(turn) else begin
        for at in (begin, inside, end):
            best = max(best, sign * (spot * math.exp(-q * at) + ahead - strike * math.exp(-rate * at)))
        if stretch > 0:
            ahead += amounts[stretch - 1] * math.exp(-rate * begin)
            end = begin
    return max(best, sign * (spot + ahead - strike))


@scalar
def _less_worth(contracts: Contracts, ex_years: Floats, amounts: Floats, spot: Floats, moved: Floats) -> None:
    """The spot of the diffusion, and its derivative by the rate."""
    for row in range(spot.shape[0]):
        spot[row], moved[row] = contracts.spot[row], 0.0
        for j in range(ex_years.shape[0]):
            worth = amounts[j] * math.exp(-contracts.rate[row] * ex_years[j])
            spot[row] -= worth
            moved[row] += ex_years[j] * worth


@scalar
def _at_spot(contracts: Contracts, spot: Floats) -> Contracts:
    """The contracts with another spot."""
    return Contracts(contracts.sign, spot, contracts.strike, contracts.years, contracts.rate, contracts.dividend_yield)


@scalar
def values(contracts: Contracts, volatility: Floats, ex_years: Floats, amounts: Floats, out: Floats) -> None:
    """Prices of at most a grid of contracts, by the spot of the diffusion; not below what exercising gives."""
    gap = np.empty((4, out.shape[0]))
    price_rows(contracts, volatility, out)
    spacing = usual_spacing(contracts.years, volatility)
    differences(contracts, volatility, spacing, ex_years, amounts, gap)
    for row in range(out.shape[0]):
        terms = (contracts.strike[row], contracts.years[row], contracts.rate[row], contracts.dividend_yield[row])
        floor = least(float(contracts.sign[row]), contracts.spot[row], *terms, ex_years, amounts)
        out[row] = max(out[row] + gap[0, row], floor)


@scalar
def price_block(contracts: Contracts, volatility: Floats, ex_years: Floats, amounts: Floats, out: Floats) -> None:
    """Prices of at most a grid of contracts; NaN where an input is missing or of no use."""
    rows = out.shape[0]
    spot, moved = np.empty(rows), np.empty(rows)
    _less_worth(contracts, ex_years, amounts, spot, moved)
    values(_at_spot(contracts, spot), volatility, ex_years, amounts, out)
    for row in range(rows):
        if not (spot[row] > 0.0 and contracts.strike[row] > 0.0 and volatility[row] > 0.0):
            out[row] = math.nan


@scalar
def _begin(
    contracts: Contracts,
    price: Floats,
    ex_years: Floats,
    amounts: Floats,
    work: Floats,
    side: NDArray[np.int8],
    origin: Rows,
    floors: Floats,
) -> int:
    """Lay out what can have a volatility for the search; how many. ``contracts`` by the spot of the diffusion."""
    sign, spot, strike, years, rate, dividend_yield = contracts
    count = 0
    for row in range(price.shape[0]):
        floors[row] = math.nan
        if not (spot[row] > 0.0 and strike[row] > 0.0 and math.isfinite(price[row] + rate[row] + dividend_yield[row])):
            continue
        terms = (float(sign[row]), spot[row], strike[row], years[row], rate[row], dividend_yield[row])
        floors[row] = least(*terms, ex_years, amounts)
        if price[row] <= floors[row] + ROUNDING * max(spot[row], strike[row]):
            continue
        work[PRICE, count], work[SPOT, count], work[STRIKE, count] = price[row], spot[row], strike[row]
        work[YEARS, count], work[RATE, count], work[YIELD, count] = years[row], rate[row], dividend_yield[row]
        work[FLOOR, count] = floors[row]
        side[count], origin[count] = sign[row], row
        count += 1
    return count


@scalar
def _first_two(side: NDArray[np.int8], work: Floats, ex_years: Floats, amounts: Floats) -> None:
    """The volatility without dividends, and the one without the difference they make there: mostly all but found."""
    rows = side.shape[0]
    contracts = inversion.of_work(side, work)
    found, code, value = np.empty(rows), np.empty(rows, np.int8), np.empty(rows)
    inversion.solve_rows(contracts, work[PRICE], found, code)
    for row in range(rows):
        work[BEFORE, row] = min(max(found[row], 0.01), 3.0) if found[row] > 0.0 else 0.3
    values(contracts, work[BEFORE], ex_years, amounts, value)
    plain = np.empty(rows)
    price_rows(contracts, work[BEFORE], plain)
    inversion.solve_rows(contracts, work[PRICE] - (value - plain), found, code)
    inversion.to_gaps(work, value)
    for row in range(rows):
        before = work[BEFORE, row]
        inside = found[row] > 0.0 and (found[row] < before) == (value[row] > 0.0) and value[row] > NOTHING
        nearby = 0.8 * before if value[row] > 0.0 else 1.25 * before
        work[TRIED, row] = min(max(found[row], 0.5 * before), 2.0 * before) if inside else nearby
        work[inversion.GAP, row] = value[row]
        work[HIGH if value[row] > 0.0 else LOW, row] = before


@scalar
def solve_block(
    contracts: Contracts, price: Floats, ex_years: Floats, amounts: Floats, out: Floats, status: Statuses
) -> None:
    """Volatilities and statuses of at most a grid of contracts."""
    rows = price.shape[0]
    spot, floors, gaps = np.empty(rows), np.empty(rows), np.empty(rows)
    _less_worth(contracts, ex_years, amounts, spot, gaps)
    scratch, sides, origin = np.empty((STATES, rows)), np.empty(rows, np.int8), np.empty(rows, np.int64)
    active = _begin(_at_spot(contracts, spot), price, ex_years, amounts, scratch, sides, origin, floors)
    work, side = np.ascontiguousarray(scratch[:, :active]), sides[:active]
    out[:] = math.nan
    if active > 0:
        inversion.begin(side, work)
        _first_two(side, work, ex_years, amounts)
    for _ in range(MAX_STEPS):
        if active == 0:
            break
        now = slice(0, active)
        values(inversion.of_work(side[now], work[:, now]), work[TRIED, :active], ex_years, amounts, gaps[now])
        inversion.to_gaps(work, gaps[now])
        active = inversion.settle(side, work, origin, gaps[now], out)
    for row in range(active):
        out[origin[row]] = work[TRIED, row]
    for row in range(rows):
        sign, quoted, strike = float(contracts.sign[row]), contracts.spot[row], contracts.strike[row]
        terms = (contracts.years[row], contracts.rate[row], contracts.dividend_yield[row])
        alive = quoted if spot[row] > 0.0 else math.nan
        out[row], status[row] = inversion.judge(price[row], floors[row], sign, alive, strike, *terms, out[row])


@scalar
def greek_block(
    contracts: Contracts, volatility: Floats, ex_years: Floats, amounts: Floats, price: Floats, greeks: Greeks
) -> None:
    """Greeks of at most a grid of contracts: those without dividends, and differences of the grid.

    ``price`` is room for the values. Theta is the pricing equation's, less what the dividends' value grows by.
    """
    rows = volatility.shape[0]
    spot, moved = np.empty(rows), np.empty(rows)
    _less_worth(contracts, ex_years, amounts, spot, moved)
    here = _at_spot(contracts, spot)
    greek_rows(here, volatility, price, greeks, True)
    spacing = usual_spacing(contracts.years, volatility)
    gap, up, down = np.empty((4, rows)), np.empty((4, rows)), np.empty((4, rows))
    differences(here, volatility, spacing, ex_years, amounts, gap)
    differences(here, volatility * (1.0 + _VOLATILITY_BUMP), spacing, ex_years, amounts, up)
    differences(here, volatility * (1.0 - _VOLATILITY_BUMP), spacing, ex_years, amounts, down)
    for row in range(rows):
        slope = (up[0, row] - down[0, row]) / (2.0 * _VOLATILITY_BUMP * volatility[row])
        greeks.vega[row] = max(greeks.vega[row] + slope * PER_POINT, 0.0)
        greeks.rho[row] += greeks.delta[row] * moved[row] * PER_POINT
    for side, shift in ((up, _RATE_BUMP), (down, -_RATE_BUMP)):
        bumped = Contracts(
            contracts.sign,
            spot + shift * moved,
            contracts.strike,
            contracts.years,
            contracts.rate + shift,
            contracts.dividend_yield,
        )
        differences(bumped, volatility, spacing, ex_years, amounts, side)
    for row in range(rows):
        s, r, q = spot[row], contracts.rate[row], contracts.dividend_yield[row]
        price[row] += gap[0, row]
        greeks.rho[row] += (up[0, row] - down[0, row]) / (2.0 * _RATE_BUMP) * PER_POINT
        greeks.delta[row] = min(max(greeks.delta[row] + gap[1, row] / s, -1.0), 1.0)
        greeks.gamma[row] = max(greeks.gamma[row] + (gap[2, row] - gap[1, row]) / (s * s), 0.0)
        drift = r * contracts.spot[row] - q * s
        bend = 0.5 * (volatility[row] * s) ** 2 * greeks.gamma[row]
        greeks.theta[row] = (r * price[row] - drift * greeks.delta[row] - bend) / DAYS_PER_YEAR
        if gap[3, row] > 0.0:
            greeks.delta[row] = float(contracts.sign[row])
            greeks.gamma[row] = greeks.vega[row] = greeks.theta[row] = greeks.rho[row] = 0.0
        if not (s > 0.0 and contracts.years[row] > 0.0 and volatility[row] > 0.0):
            greeks.delta[row] = greeks.gamma[row] = greeks.vega[row] = math.nan
            greeks.theta[row] = greeks.rho[row] = math.nan
