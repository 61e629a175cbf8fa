"""Where a contract stands: its place in moneyness, time and right, the only thing a contract without a past has.

Moneyness is standardised here with one at-the-money volatility per underlying and session, taken from the chain's own
volatilities where there are any, else from the spot's past, so that a chain without any volatility has its place too.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.history.panel import Panel
from scanner.kernels.columns import integers
from scanner.kernels.compile import kernel
from scanner.kernels.threads import in_pieces
from scanner.kernels.vector_math import exp, inlined, log, scalar, vectorised
from scanner.pricing.premium import tail

MONEYNESS_EDGES = np.array([-3.0, -2.0, -1.25, -0.75, -0.35, -0.1, 0.1, 0.35, 0.75, 1.25, 2.0, 3.0])
DAYS_EDGES = np.array([1, 2, 3, 5, 8, 15, 29, 61, 121, 251])
DAYS_CELLS = len(DAYS_EDGES) + 1
_DAYS_CELL = np.searchsorted(DAYS_EDGES, np.arange(DAYS_EDGES[-1] + 1), side="right")
CELLS = (len(MONEYNESS_EDGES) + 1) * DAYS_CELLS * 2
_SESSIONS_A_YEAR = 252.0
_UNKNOWN_VOLATILITY = 0.4
_NEAR_THE_MONEY = 0.08
_MATURITY = (7, 60)
_NEAR_DELTA, _LEAST_DELTAS = 0.25, 6


@dataclass(frozen=True)
class Places:
    """Fixed coordinates of the rows of a frame that is sorted by root, expiry, strike and right.

    Shape (rows,): ``underlying`` index into the names given, ``log_strike``, ``call``, ``expiry`` in days since 1970,
    ``group`` number of the (root, expiry) the row is in; rows of a group are neighbours.
    """

    underlying: NDArray[np.int32]
    log_strike: NDArray[np.float64]
    call: NDArray[np.bool_]
    expiry: NDArray[np.int32]
    group: NDArray[np.int32]

    @classmethod
    def of(cls, contracts: pl.DataFrame, underlyings: tuple[str, ...]) -> Places:
        """Coordinates of a frame with ``underlying root expiry strike right``; an unknown underlying is -1."""
        numbered = dict(zip(underlyings, range(len(underlyings)), strict=True))
        names = integers(contracts["underlying"].replace_strict(numbered, default=-1, return_dtype=pl.Int32))
        expiry, strike = integers(contracts["expiry"]), contracts["strike"].to_numpy(writable=True)
        call = (contracts["right"] == "C").to_numpy()
        return cls(names, np.log(np.maximum(strike, 1e-3)), call, expiry, groups_of(names, expiry, strike))

    def strike_numbers(self, rows: NDArray[np.int64] | slice = slice(None)) -> NDArray[np.int64]:
        """Numbers from 0, ascending, of the (root, expiry, strike) that each of the given rows belongs to."""
        group, strike = self.group[rows], self.log_strike[rows]
        return np.cumsum((np.diff(group, prepend=-1) != 0) | (np.diff(strike, prepend=-np.inf) != 0)) - 1


@kernel
def groups_of(
    underlying: NDArray[np.int32], expiry: NDArray[np.int32], strike: NDArray[np.float64]
) -> NDArray[np.int32]:  # pragma: no cover - compiled
    """Number of the (root, expiry) of every row of a frame sorted by root, expiry and strike.

    A new one begins where the underlying or the expiry changes, and where the strike falls (another root).
    """
    result = np.zeros(len(strike), np.int32)
    for i in range(1, len(strike)):
        begins = underlying[i] != underlying[i - 1] or expiry[i] != expiry[i - 1] or strike[i] < strike[i - 1]
        result[i] = result[i - 1] + (1 if begins else 0)
    return result


@dataclass(frozen=True)
class Market:
    """What the underlyings did, per underlying and session: log spot and at-the-money volatility, gaps carried forward.

    ``day`` holds the sessions in days since 1970. Spot is NaN only before the first known one; ``told`` says where it
    is a session's own.
    """

    day: NDArray[np.int32]
    log_spot: NDArray[np.float64]
    told: NDArray[np.bool_]
    volatility: NDArray[np.float64]

    @classmethod
    def of(cls, panel: Panel, places: Places) -> Market:
        """The past of every underlying of a panel."""
        day = np.array(panel.sessions, "datetime64[D]").astype(np.int32)
        spot = panel.spot.copy()
        for session in np.flatnonzero(np.isnan(spot).any(axis=0)).tolist():
            spot[:, session] = fill_spot(
                spot[:, session],
                places.underlying,
                places.log_strike,
                places.call,
                panel.iv[:, session],
                panel.delta[:, session],
                places.expiry - day[session],
            )
        told = np.log(np.where(spot > 0, spot, np.nan))
        log_spot = carry_forward(told)
        volatility = np.full(log_spot.shape, np.nan)
        for session in range(len(day)):
            volatility[:, session] = at_the_money(
                places.underlying,
                places.log_strike,
                panel.iv[:, session].astype(np.float64),
                np.ascontiguousarray(log_spot[:, session]),
                places.expiry - day[session],
            )
        realised = _realised_volatility(told)
        return cls(day, log_spot, np.isfinite(told), fill_volatility(volatility, realised))

    def spot_of(self, session: int) -> NDArray[np.float64]:
        """The log spot of a session, NaN where it is not that session's own: no move can be taken from it."""
        return np.where(self.told[:, session], self.log_spot[:, session], np.nan)

    def today(
        self,
        underlying: NDArray[np.int32],
        log_strike: NDArray[np.float64],
        days: NDArray[np.int32],
        parts: Sequence[slice],
        spot: NDArray[np.float64],
        iv: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Log spot and volatility of every underlying now; what today does not tell is carried over from the past.

        The names of ``spot`` begin with those of the past; those after them are new. ``parts`` of the rows have every
        underlying in one of them alone.
        """
        last_spot, last_volatility = np.full(len(spot), np.nan), np.full(len(spot), _UNKNOWN_VOLATILITY)
        if len(self.day):
            last_spot[: len(self.log_spot)] = self.log_spot[:, -1]
            last_volatility[: len(self.log_spot)] = self.volatility[:, -1]
        log_spot = np.log(np.where(spot > 0, spot, np.nan))
        log_spot = np.where(np.isnan(log_spot), last_spot, log_spot)
        volatility = last_volatility.copy()

        def look(part: slice) -> None:
            told = at_the_money(underlying[part], log_strike[part], iv[part], log_spot, days[part])
            known = np.isfinite(told)
            volatility[known] = told[known]

        in_pieces(look, parts)
        return log_spot, volatility


def carry_forward(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Replace every NaN by the last known value of its row."""
    known = np.where(np.isnan(values), 0, np.arange(values.shape[1]))
    return np.take_along_axis(values, np.maximum.accumulate(known, axis=1), axis=1) if values.size else values


def fill_spot(
    spot: NDArray[np.float64],
    underlying: NDArray[np.int32],
    log_strike: NDArray[np.float64],
    call: NDArray[np.bool_],
    iv: NDArray[np.floating],
    delta: NDArray[np.floating],
    days: NDArray[np.int32],
) -> NDArray[np.float64]:
    """Spots (names,), those that are missing filled by what the chain's own deltas tell; NaN where they do not.

    A delta and a volatility say how far the forward is from the strike (Black's d1); the median over the contracts near
    the money, up to two months out, is taken for the spot. What interest and dividends make of it in that time is less
    than the distance between two strikes, where yesterday's price may be many strikes away.
    """
    rows = np.flatnonzero((days >= 1) & (days <= _MATURITY[1]) & (underlying >= 0))
    rows = rows[np.isnan(spot)[underlying[rows]]]
    if not rows.size:
        return spot
    from scanner.kernels.special import ndtri

    call_delta = np.where(call[rows], delta[rows], 1.0 + delta[rows])
    near = (np.abs(call_delta - 0.5) < _NEAR_DELTA) & (iv[rows] > 0)
    rows, call_delta = rows[near], call_delta[near]
    deviation = np.asarray(iv[rows], np.float64) * np.sqrt(days[rows] / 365.0)
    told = log_strike[rows] + ndtri(call_delta) * deviation - deviation**2 / 2
    order = np.lexsort((told, underlying[rows]))
    name, first, count = np.unique(underlying[rows][order], return_index=True, return_counts=True)
    middle = told[order][first + count // 2]
    enough = count >= _LEAST_DELTAS
    result = spot.copy()
    result[name[enough]] = np.exp(middle[enough])
    return result


def at_the_money(
    underlying: NDArray[np.int32],
    log_strike: NDArray[np.float64],
    iv: NDArray[np.float64],
    log_spot: NDArray[np.float64],
    days: NDArray[np.int32],
) -> NDArray[np.float64]:
    """Median volatility per underlying of the contracts near the money, one week to two months out; NaN where none."""
    near = np.flatnonzero((days >= _MATURITY[0]) & (days <= _MATURITY[1]) & (underlying >= 0) & (iv > 0))
    near = near[np.abs(log_strike[near] - log_spot[underlying[near]]) < _NEAR_THE_MONEY]
    near = near[np.lexsort((iv[near], underlying[near]))]
    name, first, count = np.unique(underlying[near], return_index=True, return_counts=True)
    result = np.full(len(log_spot), np.nan)
    result[name] = iv[near[first + count // 2]]
    return result


def _realised_volatility(log_spot: NDArray[np.float64]) -> NDArray[np.float64]:
    """Yearly volatility of the spot's past sessions, one number per underlying; NaN with fewer than five returns."""
    moves = np.diff(log_spot, axis=1)
    known = np.isfinite(moves)
    count = known.sum(axis=1)
    total = np.where(known, moves**2, 0.0).sum(axis=1)
    return np.where(count >= 5, np.sqrt(total / np.maximum(count, 1) * _SESSIONS_A_YEAR), np.nan)


def fill_volatility(volatility: NDArray[np.float64], otherwise: NDArray[np.float64]) -> NDArray[np.float64]:
    """Carry volatilities forward; before the first, the first; a name without any has its realised one."""
    if not volatility.size:
        return volatility
    backward = carry_forward(carry_forward(volatility)[:, ::-1])[:, ::-1]
    fallback = np.where(np.isfinite(otherwise) & (otherwise > 0.01), otherwise, _UNKNOWN_VOLATILITY)
    return np.where(np.isfinite(backward), backward, fallback[:, None])


@kernel
def cell_of(moneyness: float, days: int, call: bool) -> int:  # pragma: no cover - compiled
    """Number of the bucket of right, out-of-the-money distance in standard deviations, and days to expiry."""
    column = 0
    for edge in MONEYNESS_EDGES:  # comparing with all is quicker than a search whose every branch is a surprise
        column += 1 if moneyness >= edge else 0
    row = int(_DAYS_CELL[min(max(days, 0), len(_DAYS_CELL) - 1)])
    return (column * DAYS_CELLS + row) * 2 + (1 if call else 0)


@inlined
def standardise(
    log_strike: float, log_spot: float, volatility: float, days: float, call: bool
) -> float:  # pragma: no cover
    """Distance from the money in standard deviations, positive out of the money; 0 where the spot is not known."""
    distance = (log_strike - log_spot) / (volatility * math.sqrt(max(days, 0.5) / 365.0))
    bounded = min(max(distance, -8.0), 8.0)
    known = bounded if abs(distance) < np.inf else 0.0
    return known if call else -known


@inlined
def model_price(
    log_strike: float, log_spot: float, volatility: float, days: float, call: bool
) -> float:  # pragma: no cover
    """Log of Black's undiscounted price at the one volatility, at least two cents; 0 where the spot is not known.

    How many lots are much depends on what one costs. The model price stands in for a quote, which many chains lack.
    """
    deviation = volatility * math.sqrt(max(days, 0.5) / 365.0)
    upper = (log_spot - log_strike) / deviation + deviation / 2
    sign = 1.0 if call else -1.0
    spot, strike = exp(min(max(log_spot, -700.0), 700.0)), exp(min(max(log_strike, -700.0), 700.0))
    price = sign * (spot * tail(-sign * upper) - strike * tail(sign * (deviation - upper)))
    return log(max(price, 0.02)) if abs(log_spot) < np.inf else 0.0


_BLOCK = 256


@scalar
def locate(
    underlying: NDArray[np.int32],
    log_strike: NDArray[np.float64],
    call: NDArray[np.bool_],
    expiry: NDArray[np.int32],
    day: int,
    log_spot: NDArray[np.float64],
    volatility: NDArray[np.float64],
    moneyness: NDArray[np.float32],
    cell: NDArray[np.int16],
    log_price: NDArray[np.float32],
) -> None:  # pragma: no cover - compiled
    """Fill the standardised moneyness, the bucket and the log of the model price of every row for one session.

    The price takes most of the time; where ``log_price`` is empty it is not asked for.
    """
    priced = len(log_price) > 0
    spots, volatilities, days = np.empty(_BLOCK), np.empty(_BLOCK), np.empty(_BLOCK)
    distance, price = np.empty(_BLOCK), np.empty(_BLOCK)
    for first in range(0, len(underlying), _BLOCK):
        last = min(first + _BLOCK, len(underlying))
        size = last - first
        for k in range(size):
            name = underlying[first + k]
            spots[k] = log_spot[name] if name >= 0 else np.nan
            volatilities[k] = volatility[name] if name >= 0 else np.nan
            days[k] = expiry[first + k] - day
        _stand(log_strike[first:last], spots, volatilities, days, call[first:last], distance)
        if priced:
            _worth(log_strike[first:last], spots, volatilities, days, call[first:last], price)
        for k in range(size):
            i = first + k
            moneyness[i] = distance[k]
            if priced:
                log_price[i] = price[k]
            cell[i] = cell_of(distance[k], expiry[i] - day, call[i])


@vectorised
def _stand(
    log_strike: NDArray[np.float64],
    log_spot: NDArray[np.float64],
    volatility: NDArray[np.float64],
    days: NDArray[np.float64],
    call: NDArray[np.bool_],
    distance: NDArray[np.float64],
) -> None:  # pragma: no cover - compiled
    """The standardised distance of a block of rows."""
    for k in range(len(log_strike)):
        distance[k] = standardise(log_strike[k], log_spot[k], volatility[k], days[k], call[k])


@vectorised
def _worth(
    log_strike: NDArray[np.float64],
    log_spot: NDArray[np.float64],
    volatility: NDArray[np.float64],
    days: NDArray[np.float64],
    call: NDArray[np.bool_],
    price: NDArray[np.float64],
) -> None:  # pragma: no cover - compiled
    """The log of the model price of a block of rows."""
    for k in range(len(log_strike)):
        price[k] = model_price(log_strike[k], log_spot[k], volatility[k], days[k], call[k])
