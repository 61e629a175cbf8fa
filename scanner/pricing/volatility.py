"""From prices to volatilities and greeks, row by row: a contract's own volatility, its twin's, or the vendor's."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.kernels.columns import floats
from scanner.kernels.compile import kernel
from scanner.kernels.threads import over_groups, over_rows, over_spans
from scanner.pricing import american, black
from scanner.pricing.arrays import Greeks, Signs, Statuses
from scanner.pricing.chain_arrays import CODE, ChainArrays, Flags, Floats
from scanner.pricing.forward import Forwards, Offsets
from scanner.pricing.normalised import normal_pdf
from scanner.pricing.status import KERNEL_REASONS, SOLVED

SOURCES = (None, "own", "twin", "vendor")
OWN, TWIN, VENDOR = 1, 2, 3

Codes = NDArray[np.uint8]

# In the money, a volatility that the quotes' width blurs by more than this share of itself tells nothing.
_BLURRED = 0.25
# An option worth no more above what exercise gives than this share of its quotes' half width is as good as exercised.
_EXERCISED = 0.1
_UNIDENTIFIABLE = CODE["unidentifiable"]


@dataclass(slots=True)
class Market:
    """What the models need by row besides the contract, from its expiry: level, rate and yield.

    ``spot`` is, for American contracts, what exercise gives or takes: with the value of known dividends. ``early`` and
    ``late`` are the row ranges of the American contracts without known dividends and of the European ones; ``paying``
    those of the American expiries with some, and these.
    """

    forward: Floats
    discount: Floats
    spot: Floats
    rate: Floats
    dividend_yield: Floats
    early: Sequence[tuple[int, int]]
    late: Sequence[tuple[int, int]]
    paying: Sequence[tuple[int, int, american.Dividends]]

    @classmethod
    def of(cls, arrays: ChainArrays, forwards: Forwards) -> Market:
        """Spread the expiries' values over their rows."""
        exercised, offsets = arrays.known.exercised, arrays.known.offsets
        paying = exercised & (np.diff(arrays.known.ex_dates.offsets) > 0)
        return cls(
            forward=arrays.by_row(forwards.forward),
            discount=arrays.by_row(arrays.discount),
            spot=arrays.by_row(_exercise_level(arrays, forwards)),
            rate=arrays.by_row(arrays.known.rate),
            dividend_yield=arrays.by_row(forwards.dividend_yield),
            early=_runs(exercised & ~paying, offsets),
            late=_runs(~exercised, offsets),
            paying=[
                (int(offsets[group]), int(offsets[group + 1]), arrays.known.ex_dates.of(group))
                for group in np.flatnonzero(paying).tolist()
            ],
        )


@dataclass(slots=True)
class Found:
    """By row: volatility (NaN: none), where it is from, and half the quotes' width as a volatility."""

    iv: Floats
    source: Codes
    uncertainty: Floats


def _runs(holds: Flags, offsets: Offsets) -> list[tuple[int, int]]:
    """Row ranges of the runs of expiries for which something holds."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], holds.astype(np.int8), [0]))))
    return [(int(offsets[first]), int(offsets[last])) for first, last in zip(edges[::2], edges[1::2], strict=True)]


def find(arrays: ChainArrays, market: Market, forwards: Forwards) -> Found:
    """Volatilities of the mids; in the money, of the twin where the contract's own quotes do not tell.

    Sets the reasons of ``arrays`` where there is none.
    """
    arrays.reason[arrays.priceable() & np.isnan(market.forward)] = CODE["no_forward"]
    iv, status = of_prices(arrays, market, np.where(arrays.priceable(), arrays.price, np.nan))
    found = Found(iv, np.empty(iv.shape, np.uint8), np.empty(iv.shape))
    level, offsets, doubtful = _exercise_level(arrays, forwards), arrays.known.offsets, np.zeros(iv.shape, np.bool_)
    exercised = arrays.known.exercised & (np.diff(arrays.known.ex_dates.offsets) == 0)
    quotes = (arrays.sign, arrays.strike, arrays.price, arrays.half_spread)
    discounted = (forwards.forward, level, arrays.known.years, arrays.discount)
    over_groups(_blur, offsets, *discounted, *quotes, exercised, iv, found.source, found.uncertainty, doubtful)
    _blur_without_end(arrays, market, found, np.flatnonzero(doubtful))
    pivot = pivots(arrays, forwards)
    over_groups(_take_twins, offsets, level, pivot, *quotes, arrays.reason, iv, found.source, found.uncertainty)
    missing = np.isnan(iv) & arrays.priceable()
    for code, reason in KERNEL_REASONS.items():
        arrays.reason[missing & (status == code)] = CODE[reason]
    return found


def pivots(arrays: ChainArrays, forwards: Forwards) -> Floats:
    """The level that parts in from out of the money: the forward or, where it can be exercised at once, the spot."""
    return np.where(arrays.known.exercised, _exercise_level(arrays, forwards), forwards.forward)


def _exercise_level(arrays: ChainArrays, forwards: Forwards) -> Floats:
    """The share's price where it can be exercised at once, and that of the diffusion, or the future, elsewhere."""
    elsewhere = np.where(arrays.on_future, forwards.forward, forwards.spot)
    return np.where(arrays.known.exercised, forwards.spot + arrays.known.worth, elsewhere)


def of_quotes(arrays: ChainArrays, market: Market, quotes: Floats) -> Floats:
    """Volatilities of the bids or of the asks, where the mid may be priced too."""
    return of_prices(arrays, market, np.where(arrays.priceable() & ~arrays.traded & (quotes > 0), quotes, np.nan))[0]


def take_vendors(arrays: ChainArrays, found: Found, vendor_iv: pl.Series) -> None:
    """Fill in the vendor's volatilities where there is none of our own; never for what is not priced at all."""
    vendors = floats(vendor_iv)
    refused = np.isin(arrays.reason, [CODE["nonstandard"], CODE["expired"]])
    taking = np.isnan(found.iv) & (vendors > 0) & ~refused
    found.iv[taking] = vendors[taking]
    found.source[taking] = VENDOR
    arrays.reason[taking] = CODE["vendor"]


def greeks(arrays: ChainArrays, market: Market, iv: Floats, *, whole: bool = True) -> Greeks:
    """Greeks of the rows with a volatility; NaN elsewhere.

    Unless the ``whole`` of them is asked for, vega and rho of American contracts are left NaN, which cost most.
    """
    out = Greeks(*(np.empty(iv.shape) for _ in Greeks._fields))
    early = (arrays.sign, market.spot, arrays.strike, arrays.years, market.rate, market.dividend_yield, iv)
    late = (arrays.sign, market.spot, market.forward, arrays.strike, arrays.years, market.discount, iv)
    over_rows(out, partial(american.greeks, whole=whole), early, market.early)
    over_spans(out, american.greeks, early, market.paying)
    over_rows(out, black.greeks, late, market.late)
    return out


def more_greeks(arrays: ChainArrays, market: Market, iv: Floats, asked: Flags) -> tuple[Floats, Floats]:
    """Vega and rho that :func:`greeks` left out, of the rows ``asked``; NaN in all others."""
    vega, rho = np.full(iv.shape, math.nan), np.full(iv.shape, math.nan)
    left_out = np.zeros(iv.shape, np.bool_)
    for start, stop in market.early:
        left_out[start:stop] = True
    rows = np.flatnonzero(left_out & asked)
    every = (market.spot, arrays.strike, arrays.years, market.rate, market.dividend_yield, iv)
    spot, strike, years, rate, dividend_yield, some = (column[rows] for column in every)
    found = american.greeks(arrays.sign[rows], spot, strike, years, rate, dividend_yield, some)
    vega[rows], rho[rows] = found.vega, found.rho
    return vega, rho


def of_prices(arrays: ChainArrays, market: Market, price: Floats) -> tuple[Floats, Statuses]:
    """Volatility and status of each price by the contract's exercise style; NaN where the price is."""
    iv, status = np.empty(price.shape), np.full(price.shape, SOLVED, np.int8)
    early = (arrays.sign, price, market.spot, arrays.strike, arrays.years, market.rate, market.dividend_yield)
    late = (arrays.sign, price, market.forward, arrays.strike, arrays.years, market.discount)
    over_rows((iv, status), american.implied_volatility, early, market.early)
    over_spans((iv, status), american.implied_volatility, early, market.paying)
    over_rows((iv, status), black.implied_volatility, late, market.late)
    return iv, status


@kernel
def _blur(
    first: int,
    last: int,
    offsets: Offsets,
    forward: Floats,
    spot: Floats,
    years: Floats,
    discount: Floats,
    sign: Signs,
    strike: Floats,
    price: Floats,
    half_spread: Floats,
    exercised: Flags,
    iv: Floats,
    source: Codes,
    uncertainty: Floats,
    doubtful: Flags,
) -> None:
    """How far the quotes' width blurs each volatility, by the European vega.

    ``doubtful`` are those whose quotes reach down to what exercise gives.
    """
    for group in range(first, last):
        level, t = forward[group], years[group]
        for row in range(offsets[group], offsets[group + 1]):
            source[row], uncertainty[row] = 0, math.nan
            if iv[row] > 0.0:
                deviation = iv[row] * math.sqrt(t)
                d1 = math.log(level / strike[row]) / deviation + 0.5 * deviation
                vega = discount[group] * level * normal_pdf(d1) * math.sqrt(t)
                source[row], uncertainty[row] = OWN, half_spread[row] / max(vega, 1e-300)
                exercise = sign[row] * (spot[group] - strike[row])
                doubtful[row] = exercised[group] and exercise > 0.0 and price[row] - half_spread[row] <= exercise


def _blur_without_end(arrays: ChainArrays, market: Market, found: Found, rows: NDArray[np.int64]) -> None:
    """Of some American contracts, those that are exercised at half their volatility tell none of their own."""
    every = (market.spot, arrays.strike, arrays.years, market.rate, market.dividend_yield)
    sign, (spot, strike, years, rate, dividend_yield) = arrays.sign[rows], (column[rows] for column in every)
    held = american.price(sign, spot, strike, years, rate, dividend_yield, 0.5 * found.iv[rows])
    exercised = held <= sign * (spot - strike) + _EXERCISED * arrays.half_spread[rows]
    found.uncertainty[rows[exercised]] = math.inf


@kernel
def _take_twins(
    first: int,
    last: int,
    offsets: Offsets,
    spot: Floats,
    pivot: Floats,
    sign: Signs,
    strike: Floats,
    price: Floats,
    half_spread: Floats,
    reason: Codes,
    iv: Floats,
    source: Codes,
    uncertainty: Floats,
) -> None:
    """In-the-money rows that the quotes' width blurs too far take their twin's volatility, or have none.

    Those are contracts without a solution though the ask is above the intrinsic value, solved ones blurred by more than
    a quarter of themselves and by more than the twin, and those that are blurred without end.
    """
    for group in range(first, last):
        start, stop = offsets[group], offsets[group + 1]
        for call in range(start, stop - 1):
            put = call + 1
            if strike[call] == pivot[group] or strike[call] != strike[put] or sign[call] < 0 or sign[put] > 0:
                continue
            inner, outer = (call, put) if strike[call] < pivot[group] else (put, call)
            if source[outer] != OWN or reason[inner] != 0:
                continue
            intrinsic = sign[inner] * (spot[group] - strike[inner])
            unsolved = math.isnan(iv[inner]) and price[inner] + half_spread[inner] >= intrinsic
            blurred = uncertainty[inner] > max(_BLURRED * iv[inner], uncertainty[outer])
            if unsolved or blurred:
                iv[inner], source[inner], uncertainty[inner] = iv[outer], TWIN, math.nan
        for row in range(start, stop):
            if source[row] == OWN and math.isinf(uncertainty[row]):
                iv[row], source[row], uncertainty[row], reason[row] = math.nan, 0, math.nan, _UNIDENTIFIABLE
