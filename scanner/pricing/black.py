"""European options on a forward: price, implied volatility and greeks (Black 1976), arrays in and arrays out.

Every array is one-dimensional, contiguous, of one length and float64; ``sign`` is int8, +1 for a call and -1 for a
put. Nothing is raised for a row that cannot be priced: its result is NaN, and :func:`implied_volatility` says why in a
status code of :mod:`scanner.pricing.status`. The kernels hold no lock (``nogil``), so that threads may share the work.

Units: prices, forwards and strikes in dollars, years ACT/365, discount a factor, volatility a decimal fraction per
square root of a year; vega per volatility point, theta per calendar day, rho per point of the interest rate.

The kernels are :mod:`scanner.pricing.black_volatility` and :mod:`scanner.pricing.black_greeks`.
"""

from __future__ import annotations

import math

import numpy as np

from scanner.kernels.vector_math import scalar
from scanner.pricing.arrays import (
    Floats,
    Greeks,
    Options,
    Signs,
    Statuses,
    empty_greeks,
    part_of_greeks,
    part_of_options,
)
from scanner.pricing.black_greeks import greek_block
from scanner.pricing.black_volatility import solve_block
from scanner.pricing.normalised import undiscounted_price

__all__ = ["Greeks", "greeks", "implied_volatility", "price", "volatility_and_greeks"]

# Rows taken through all passes together, so that they stay in the first-level cache.
_BLOCK = 1024


@scalar
def _solve_rows(options: Options, price: Floats, out: Floats, status: Statuses) -> None:
    for first in range(0, out.shape[0], _BLOCK):
        last = min(first + _BLOCK, out.shape[0])
        solve_block(part_of_options(options, first, last), price[first:last], out[first:last], status[first:last])


@scalar
def _both_rows(options: Options, price: Floats, spot: Floats, out: Floats, status: Statuses, greeks: Greeks) -> None:
    for first in range(0, out.shape[0], _BLOCK):
        last = min(first + _BLOCK, out.shape[0])
        some = part_of_options(options, first, last)
        solve_block(some, price[first:last], out[first:last], status[first:last])
        greek_block(some, spot[first:last], out[first:last], part_of_greeks(greeks, first, last))


@scalar
def _price_rows(options: Options, volatility: Floats, out: Floats) -> None:
    sign, forward, strike, years, discount = options
    for row in range(out.shape[0]):
        out[row] = math.nan
        if forward[row] > 0.0 and strike[row] > 0.0 and volatility[row] >= 0.0:
            deviation = volatility[row] * math.sqrt(max(years[row], 0.0))
            out[row] = discount[row] * undiscounted_price(float(sign[row]), forward[row], strike[row], deviation)


def price(sign: Signs, forward: Floats, strike: Floats, years: Floats, discount: Floats, volatility: Floats) -> Floats:
    """Price of European options, dollars; NaN where an input is NaN. Accurate in the far wings too."""
    out = np.empty(sign.shape[0])
    _price_rows(Options(sign, forward, strike, years, discount), volatility, out)
    return out


def implied_volatility(
    sign: Signs,
    price: Floats,
    forward: Floats,
    strike: Floats,
    years: Floats,
    discount: Floats,
) -> tuple[Floats, Statuses]:
    """Volatility that gives each price, and a status; NaN wherever the status is not ``SOLVED``.

    The contract is folded to its out-of-the-money leg by put-call parity first, so that a call and a put of the same
    strike with consistent prices give the same number. The error is about 1e-13 of the volatility, plus what the
    rounding of the price itself costs: 2e-16 * max(forward, strike) / vega.
    """
    out, status = np.empty(sign.shape[0]), np.empty(sign.shape[0], np.int8)
    _solve_rows(Options(sign, forward, strike, years, discount), price, out, status)
    return out, status


def greeks(
    sign: Signs,
    spot: Floats,
    forward: Floats,
    strike: Floats,
    years: Floats,
    discount: Floats,
    volatility: Floats,
) -> Greeks:
    """Delta, gamma, vega, theta and rho with rate and yield as implied by ``discount`` and ``forward / spot``."""
    out = empty_greeks(sign.shape[0])
    greek_block(Options(sign, forward, strike, years, discount), spot, volatility, out)
    return out


def volatility_and_greeks(
    sign: Signs,
    price: Floats,
    spot: Floats,
    forward: Floats,
    strike: Floats,
    years: Floats,
    discount: Floats,
) -> tuple[Floats, Statuses, Floats, Floats, Floats, Floats, Floats]:
    """:func:`implied_volatility` and :func:`greeks` in one pass: volatility, status and the five greeks."""
    out, status = np.empty(sign.shape[0]), np.empty(sign.shape[0], np.int8)
    values = empty_greeks(sign.shape[0])
    _both_rows(Options(sign, forward, strike, years, discount), price, spot, out, status, values)
    return out, status, *values
