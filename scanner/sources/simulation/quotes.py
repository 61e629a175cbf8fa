"""What each contract is quoted at: a volatility surface, fair values, spreads and ticks.

The surface has a term structure (volatility reverts to its level with a half-life of two months), a downward skew and
a smile in standardised moneyness, so it moves with the spot. Fair values are Black's for European options and those of
:mod:`scanner.pricing.american` for American ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.kernels.special import ndtr
from scanner.pricing import american
from scanner.sources.simulation.draws import Floats, Keys, Purpose, normal, uniform

_REVERSION = 4.0
_SKEW, _INDEX_SKEW, _SMILE = -0.035, -0.085, 0.022


@dataclass(frozen=True)
class Terms:
    """What is needed to price some contracts, one row each.

    ``years`` ACT/365 to the expiry instant; ``volatility`` instantaneous and ``level`` long-run, annual; ``width``
    scales the spread; ``penny`` quotes in cents at every price; ``european`` and ``index`` say the style and the skew.
    """

    spot: Floats
    strike: Floats
    years: Floats
    is_call: NDArray[np.bool_]
    european: NDArray[np.bool_]
    index: NDArray[np.bool_]
    penny: NDArray[np.bool_]
    width: Floats
    dividend_yield: Floats
    volatility: Floats
    level: Floats
    rate: float


def surface(terms: Terms) -> Floats:
    """Implied volatility of each contract, decimal."""
    years = np.maximum(terms.years, 1e-6)
    weight = -np.expm1(-_REVERSION * years) / (_REVERSION * years)
    at_the_money = np.sqrt(terms.level**2 + (terms.volatility**2 - terms.level**2) * weight)
    forward = terms.spot * np.exp((terms.rate - terms.dividend_yield) * terms.years)
    deviation = np.log(terms.strike / forward) / (at_the_money * np.sqrt(years))
    bounded = 4 * np.tanh(deviation / 4)
    skew = np.where(terms.index, _INDEX_SKEW, _SKEW)
    return np.asarray(at_the_money * (1 + skew * bounded + _SMILE * bounded**2))


def fair(terms: Terms, volatility: Floats) -> tuple[Floats, Floats]:
    """Fair value in dollars and (European) delta of each contract."""
    discount = np.exp(-terms.rate * terms.years)
    carry = np.exp(-terms.dividend_yield * terms.years)
    total = np.maximum(volatility * np.sqrt(np.maximum(terms.years, 0.0)), 1e-9)
    upper = (np.log(terms.spot * carry / (terms.strike * discount))) / total + total / 2
    sign = np.where(terms.is_call, 1.0, -1.0)
    held = sign * (terms.spot * carry * ndtr(sign * upper) - terms.strike * discount * ndtr(sign * (upper - total)))
    held = np.maximum(held, 0.0)
    early = np.flatnonzero(~terms.european & (terms.years > 0))
    held[early] = american.price(
        sign[early].astype(np.int8),
        terms.spot[early],
        terms.strike[early],
        terms.years[early],
        np.full(len(early), terms.rate),
        terms.dividend_yield[early],
        volatility[early],
    )
    return held, sign * carry * ndtr(sign * upper)


def tick(price: Floats, penny: NDArray[np.bool_]) -> Floats:
    """The smallest price step in dollars at a price: a cent below 3 dollars (or always), else five."""
    return np.where(penny | (price < 3), 0.01, 0.05)


def quote(terms: Terms, cells: Keys, traded: NDArray[np.bool_]) -> dict[str, pl.Series]:
    """Columns of the chain: bid, ask and their sizes, the last price where there was a trade, and the true surface.

    A bid below one tick is no bid (0). ``vendor_iv`` is the volatility the contract was priced with.
    """
    volatility = surface(terms)
    value, delta = fair(terms, volatility)
    ragged = np.exp(0.3 * normal(cells, Purpose.SPREAD))
    half = terms.width * ragged * (0.008 + 0.006 * value + 0.0002 * terms.spot * np.abs(delta))
    low, high = tick(value - half, terms.penny), tick(value + half, terms.penny)
    bid = _cents(np.maximum(np.floor((value - half) / low + 1e-9) * low, 0.0))
    ask = _cents(np.maximum(np.ceil((value + half) / high - 1e-9) * high, bid + low))
    living = terms.years > 0
    return {
        "bid": pl.Series(bid),
        "ask": pl.Series(ask),
        "bid_size": pl.Series(np.where(bid > 0, _size(cells, Purpose.BID_SIZE, terms.width), 0)),
        "ask_size": pl.Series(_size(cells, Purpose.ASK_SIZE, terms.width)),
        "last": pl.Series(np.where(traded, _last(cells, bid, ask, terms.penny), np.nan)),
        "vendor_iv": pl.Series(np.where(living, np.round(volatility, 4), np.nan)),
        "vendor_delta": pl.Series(np.where(living, np.round(delta, 4), np.nan)),
    }


def _size(cells: Keys, purpose: Purpose, width: Floats) -> NDArray[np.int64]:
    return np.ceil(60 / width * np.exp(1.1 * normal(cells, purpose))).astype(np.int64)


def _last(cells: Keys, bid: Floats, ask: Floats, penny: NDArray[np.bool_]) -> Floats:
    """A traded price somewhere between bid and ask, on the tick, at least one cent."""
    step = tick(bid, penny)
    inside = np.round((bid + (ask - bid) * uniform(cells, Purpose.LAST_PRICE)) / step) * step
    return np.asarray(np.clip(_cents(inside), np.maximum(bid, 0.01), ask))


def _cents(price: Floats) -> Floats:
    return np.asarray(np.round(price, 2), dtype=np.float64)
