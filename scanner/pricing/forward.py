"""The implied forward of each expiry, from put-call parity over the tight quotes near the money.

Parity itself, less the early-exercise premiums of American pairs, is in :mod:`scanner.pricing.parity`. Premiums depend
on the spot and the yield, so that they and the carry are found in turn. The discount comes from the curve.

Known dividends (``ex_dates``) have left the spot before, and their ex-dates are in those premiums; the yield is what
parity tells beyond them, so that announced dividends and the ones not announced yet are each counted once.

Quotes as wide as the stock is volatile say little, and the forward of three days says nothing about a yearly yield. All
expiries of an underlying therefore share a carry line ``ln(forward / spot) = shift + (rate - yield) x years``: the
``shift`` takes up a spot that was not taken at the quotes' time, and each expiry leans on the line as far as its own
quotes leave room. Where an expiry rests on the line more than on its quotes, ``source`` says so.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanner.kernels.compile import kernel
from scanner.kernels.threads import over_groups
from scanner.pricing import parity as put_call_parity
from scanner.pricing.arrays import Floats, Signs
from scanner.pricing.ex_dates import ExDates
from scanner.pricing.robust import BISQUARE

NONE, PARITY, SPOT = 0, 1, 2

Flags = NDArray[np.bool_]
Offsets = NDArray[np.int64]

# Premiums with the spot as given, then with that of the carry line, and once more with the better one.
_ROUNDS = 3
# Standard deviations, as shares of the spot: how far an expiry may stand off the carry line (dividends come in lumps,
# rates and borrowing fees have a term structure), at once and per year.
_OFF_LINE, _OFF_LINE_PER_YEAR = 0.001, 0.01
# What is believed of the line before any quote is seen: the spot is of the quotes' time, and the yield is moderate.
_SHIFT_GIVEN_SPOT, _SHIFT_WITHOUT = 0.002, 0.1
_DOUBTFUL = 1.5
_USUAL_YIELD, _LARGEST_YIELD = 0.03, 1.0
# How far the yield to one expiry differs from the line's.
_YIELD_BY_EXPIRY = 0.02
_LEAST_SHIFT = 0.0005


class Expiries(NamedTuple):
    """What the fit must know of each expiry: arrays of one length, in the rows' order.

    ``offsets`` (one more) are the row ranges; ``underlying_order`` the expiries by underlying, whose ranges in it are
    ``underlying_offsets``. ``spot`` is NaN where unknown or of no use, and less the value of known dividends, which is
    ``worth``.
    """

    offsets: Offsets
    underlying_order: NDArray[np.int64]
    underlying_offsets: Offsets
    years: Floats
    rate: Floats
    spot: Floats
    exercised: Flags
    ex_dates: ExDates
    worth: Floats


class Forwards(NamedTuple):
    """By expiry: forward, the spot and yield that go with it, source code, parity residual (misfit / forward)."""

    forward: Floats
    spot: Floats
    dividend_yield: Floats
    source: NDArray[np.int8]
    residual: Floats


@kernel
def _widened(believed: float, found: float, variance: float) -> float:
    """A belief's standard deviation, the wider the more clearly what was found contradicts it."""
    doubt = abs(found) / (_DOUBTFUL * math.hypot(believed, math.sqrt(variance)))
    return believed * max(1.0, doubt * doubt)


@kernel
def _carry_line(
    members: NDArray[np.int64], level: Floats, noise: Floats, years: Floats, believed: float
) -> tuple[float, float]:
    """Shift and slope of ``level = shift + slope x years``, robust against single expiries.

    The slope is believed to be moderate beforehand, the shift to be within ``believed`` of zero; a belief gives way
    where the expiries together contradict it. They are asked without it first.
    """
    shift, slope = 0.0, 0.0
    shift_deviation, slope_deviation = _SHIFT_WITHOUT, _LARGEST_YIELD
    for step in range(5):
        a, b, c = 1.0 / shift_deviation**2, 0.0, 1.0 / slope_deviation**2
        u, v = 0.0, 0.0
        for i in range(members.shape[0]):
            t = years[members[i]]
            if math.isnan(level[i]):
                continue
            weight = 1.0 / noise[i] ** 2
            if step > 0:
                distance = (level[i] - shift - slope * t) / (BISQUARE * noise[i])
                weight *= 1.0 / (1.0 + distance * distance)
            a += weight
            b += weight * t
            c += weight * t * t
            u += weight * level[i]
            v += weight * t * level[i]
        determinant = a * c - b * b
        shift, slope = (c * u - b * v) / determinant, (a * v - b * u) / determinant
        if step == 0:
            shift_deviation = min(_widened(believed, shift, c / determinant), _SHIFT_WITHOUT)
            slope_deviation = min(_widened(_USUAL_YIELD, slope, a / determinant), _LARGEST_YIELD)
    return shift, slope


@kernel
def _lean_on_carry(
    first: int,
    last: int,
    underlying_offsets: Offsets,
    underlying_order: NDArray[np.int64],
    years: Floats,
    rate: Floats,
    given_spot: Floats,
    parity: Floats,
    error: Floats,
    forward: Floats,
    spot: Floats,
    dividend_yield: Floats,
    source: NDArray[np.int8],
    line_spot: Floats,
) -> None:
    """Combine each expiry's parity forward with the carry line through all expiries of the underlying."""
    for underlying in range(first, last):
        members = underlying_order[underlying_offsets[underlying] : underlying_offsets[underlying + 1]]
        # Without a spot the nearest parity forward stands for it, and its price is taken to be little known.
        stand_in = math.nan
        nearest = math.inf
        for group in members:
            if parity[group] > 0.0 and years[group] < nearest:
                nearest, stand_in = years[group], parity[group] * math.exp(-rate[group] * years[group])
        level, noise = np.full(members.shape[0], math.nan), np.ones(members.shape[0])
        known = False
        for i, group in enumerate(members):
            known = known or given_spot[group] > 0.0
            base = given_spot[group] if given_spot[group] > 0.0 else stand_in
            if parity[group] > 0.0 and base > 0.0 and years[group] > 0.0:
                level[i] = math.log(parity[group] / base) - rate[group] * years[group]
                noise[i] = math.hypot(error[group] / parity[group], _OFF_LINE + _OFF_LINE_PER_YEAR * years[group])
        shift, slope = _carry_line(members, level, noise, years, _SHIFT_GIVEN_SPOT if known else _SHIFT_WITHOUT)
        for i, group in enumerate(members):
            t, r = years[group], rate[group]
            base = given_spot[group] if given_spot[group] > 0.0 else stand_in
            forward[group], spot[group], dividend_yield[group], source[group] = math.nan, math.nan, math.nan, NONE
            line_spot[group] = base * math.exp(shift)
            if not (t > 0.0 and base > 0.0):
                continue
            on_line = shift + slope * t
            if math.isnan(level[i]):
                if given_spot[group] > 0.0:
                    forward[group], source[group] = base * math.exp(on_line + r * t), SPOT
                    spot[group], dividend_yield[group] = base * math.exp(shift), -slope
                continue
            own = error[group] / parity[group]
            off = level[i] - on_line
            # An expiry further off the line than its quotes' width allows for has a reason of its own to be there.
            freedom = max((_OFF_LINE + _OFF_LINE_PER_YEAR * t) ** 2, off * off - own * own)
            share = freedom / (freedom + own * own)
            reached = on_line + share * off
            forward[group] = base * math.exp(reached + r * t)
            source[group] = PARITY if share >= 0.5 else SPOT
            blur = math.hypot(own, _LEAST_SHIFT) / t
            trust = _YIELD_BY_EXPIRY**2 / (_YIELD_BY_EXPIRY**2 + blur * blur)
            dividend_yield[group] = -slope - trust * (reached - on_line) / t
            spot[group] = forward[group] * math.exp((dividend_yield[group] - r) * t)


def fit(expiries: Expiries, sign: Signs, strike: Floats, price: Floats, half_spread: Floats) -> Forwards:
    """Forward of every expiry at once.

    Rows are sorted by expiry, strike and right, call first. By row: ``sign``, ``strike``, ``price`` (NaN where it must
    not be used) and ``half_spread``, dollars.
    """
    offsets, order, underlying_offsets, years, rate, spot, exercised, ex_dates, worth = expiries
    groups = years.shape[0]
    chosen, premium = np.zeros(sign.shape, np.bool_), np.zeros(sign.shape)
    found = put_call_parity.Parity(*np.full((4, groups), np.nan))
    line_spot = spot.copy()
    out = Forwards(np.empty(groups), np.empty(groups), np.empty(groups), np.empty(groups, np.int8), found.residual)
    terms = put_call_parity.Terms(years, rate, exercised, worth, line_spot, np.zeros(groups, np.int8))
    over_groups(put_call_parity.choose_pairs, offsets, sign, strike, price, half_spread, terms, chosen)
    for turn in range(_ROUNDS if exercised.any() else 1):
        if turn == 1:
            pairs = (sign, strike, price, terms, out.dividend_yield, chosen, found)
            over_groups(put_call_parity.choose_again, offsets, *pairs)
        if turn < 2:
            calls = np.flatnonzero(chosen)
            quotes = put_call_parity.Quotes(calls, np.searchsorted(calls, offsets), strike, price, half_spread)
        put_call_parity.find(offsets, quotes, terms, ex_dates, premium, found)
        carried = (out.forward, out.spot, out.dividend_yield, out.source, line_spot)
        over_groups(_lean_on_carry, underlying_offsets, order, years, rate, spot, found.forward, found.error, *carried)
    return out
