"""American options: price, implied volatility and greeks, arrays in and arrays out.

Shapes, dtypes and units as in :mod:`scanner.pricing.black`; ``rate`` and ``dividend_yield`` are continuous, per year.
Nothing is raised for a row that cannot be priced: its result is NaN, and :func:`implied_volatility` says why.

With a continuous yield alone (:mod:`scanner.pricing.premium`) prices agree with converged ones of other libraries to
about 1e-6 of the strike, greeks to about 1e-5 of themselves (:mod:`scanner.pricing.american_greeks`). ``dividends`` are
the underlying's known cash dividends, of which those by a contract's expiry count: ``spot`` is then the share's price
with them, and the yield what they leave of the carry (:mod:`scanner.pricing.lattice`). Those prices are right to about
2e-5 of the strike with one dividend and 5e-5 with eight, and take some thousand times as long as a European one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from scanner.pricing import cash_dividends, premium
from scanner.pricing.american_greeks import greek_rows
from scanner.pricing.arrays import Floats, Greeks, Signs, Statuses, empty_greeks
from scanner.pricing.cash_dividends import Dividends
from scanner.pricing.inversion import solve_rows
from scanner.pricing.lattice import LANES
from scanner.pricing.premium import Contracts

__all__ = ["Contracts", "Dividends", "greeks", "implied_volatility", "price"]

# The rows of some contracts, and the years and amounts of the dividends all of them see.
Piece = tuple[NDArray[np.intp], Floats, Floats]


def price(
    sign: Signs,
    spot: Floats,
    strike: Floats,
    years: Floats,
    rate: Floats,
    dividend_yield: Floats,
    volatility: Floats,
    dividends: Dividends | None = None,
) -> Floats:
    """Price of American options, dollars; NaN where an input is NaN, or where dividends take all of the spot."""
    contracts, out = Contracts(sign, spot, strike, years, rate, dividend_yield), np.empty(sign.shape[0])
    if dividends is None:
        premium.price_rows(contracts, volatility, out)
        return out
    _by_piece(contracts, (volatility,), dividends, (out,), premium.price_rows, cash_dividends.price_block)
    return out


def implied_volatility(
    sign: Signs,
    price: Floats,
    spot: Floats,
    strike: Floats,
    years: Floats,
    rate: Floats,
    dividend_yield: Floats,
    dividends: Dividends | None = None,
) -> tuple[Floats, Statuses]:
    """Volatility that gives each price, and a status; NaN wherever the status is not ``SOLVED``."""
    contracts = Contracts(sign, spot, strike, years, rate, dividend_yield)
    out, status = np.empty(sign.shape[0]), np.empty(sign.shape[0], np.int8)
    if dividends is None:
        solve_rows(contracts, price, out, status)
    else:
        _by_piece(contracts, (price,), dividends, (out, status), solve_rows, cash_dividends.solve_block)
    return out, status


def greeks(
    sign: Signs,
    spot: Floats,
    strike: Floats,
    years: Floats,
    rate: Floats,
    dividend_yield: Floats,
    volatility: Floats,
    dividends: Dividends | None = None,
    *,
    whole: bool = True,
) -> Greeks:
    """Delta, gamma, vega, theta and rho; zero gamma, vega, theta and rho where the contract is exercised at once.

    Vega and rho, which cost more than the others together, are NaN where ``whole`` is false; the others are the same.
    """
    contracts, value = Contracts(sign, spot, strike, years, rate, dividend_yield), np.empty(sign.shape[0])
    out = empty_greeks(sign.shape[0])
    if dividends is None:
        greek_rows(contracts, volatility, value, out, whole)
        return out

    def plain(some: Contracts, vols: Floats, *results: Floats) -> None:
        greek_rows(some, vols, results[0], Greeks(*results[1:]), whole)

    def gridded(some: Contracts, vols: Floats, ex_years: Floats, amounts: Floats, *results: Floats) -> None:
        cash_dividends.greek_block(some, vols, ex_years, amounts, results[0], Greeks(*results[1:]))

    _by_piece(contracts, (volatility,), dividends, (value, *out), plain, gridded)
    return out


def _by_piece(
    contracts: Contracts,
    more: tuple[Floats, ...],
    dividends: Dividends,
    out: tuple[NDArray[np.generic], ...],
    plain: Callable[..., None],
    gridded: Callable[..., None],
) -> None:
    """Run one of two kernels over the rows by the dividends they see, and put the results in their places."""
    for rows, ex_years, amounts in _pieces(contracts.years, dividends):
        sign, *floats = contracts
        some = Contracts(sign[rows], *(column[rows] for column in floats))
        results = tuple(np.empty(rows.size, column.dtype) for column in out)
        arguments = (some, *(column[rows] for column in more))
        if amounts.size:
            gridded(*arguments, ex_years, amounts, *results)
        else:
            plain(*arguments, *results)
        for column, found in zip(out, results, strict=True):
            column[rows] = found


def _pieces(years: Floats, dividends: Dividends) -> Iterator[Piece]:
    """The rows by how many dividends go ex before they expire, few enough together for the grid."""
    ahead = dividends.years > 0.0
    ex_years, amounts = dividends.years[ahead], dividends.amounts[ahead]
    counts = np.searchsorted(ex_years, years, side="right")
    counts[~(years > 0.0)] = 0
    for count in np.unique(counts):
        rows = np.flatnonzero(counts == count)
        size = LANES if count else max(rows.size, 1)
        for first in range(0, rows.size, size):
            yield rows[first : first + size], ex_years[:count], amounts[:count]
