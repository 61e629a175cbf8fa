"""The discount a European chain itself tells, where the Treasury curve is older than its quotes.

For European options ``C - P = discount x (forward - strike)`` at every strike, so that the slope over the strikes is
the discount, whatever the dividends: what traders call a box. Where the quotes are tight enough to tell the rate, the
curve is shifted by what they tell; the underlying's other European expiries take the shift of their neighbours.
American options do not tell it: what early exercise is worth slopes over the strikes as well, by as much as a
percentage point of rate is worth, and depends on single dividends.
"""

from __future__ import annotations

from itertools import pairwise

import numpy as np

from scanner.pricing.chain_arrays import ChainArrays, Flags, Floats

_LEAST_PAIRS = 8
# Neighbouring quotes lean the same way: more than this many pairs do not make the slope surer.
_INDEPENDENT = 8
# Mids scatter around the line by less than the quotes are wide, but no less than by this share of the width (squared).
_LEAST_SCATTER = 0.04
# The rate is believed where its standard error is below this, and where it is within this of the curve's.
_KNOWN, _LARGEST_SHIFT = 0.002, 0.10
_ROUNDS = 4


def adjust(arrays: ChainArrays) -> Flags:
    """Take the discounts that European expiries tell, in place, where the curve is stale; returns which expiries."""
    known = arrays.known
    told, shift = np.zeros(known.years.shape, np.bool_), np.full(known.years.shape, np.nan)
    asked = arrays.stale & ~known.exercised & ~np.isnan(known.rate)
    usable = arrays.priceable() & ~arrays.traded & (arrays.price > 0)
    for group in np.flatnonzero(asked).tolist():
        row = np.arange(known.offsets[group], known.offsets[group + 1] - 1)
        paired = (arrays.sign[row] > 0) & (arrays.sign[row + 1] < 0) & (arrays.strike[row] == arrays.strike[row + 1])
        row = row[paired & usable[row] & usable[row + 1]]
        if row.size < _LEAST_PAIRS:
            continue
        width = arrays.half_spread[row] + arrays.half_spread[row + 1] + 1e-6 * arrays.strike[row]
        discount, error = _box(arrays.strike[row], arrays.price[row] - arrays.price[row + 1], width)
        if not discount > 0.0:
            continue
        rate = -np.log(discount) / known.years[group]
        uncertain = error / (discount * known.years[group])
        if uncertain < _KNOWN and abs(rate - known.rate[group]) < _LARGEST_SHIFT:
            shift[group] = rate - known.rate[group]
    for start, stop in pairwise(known.underlying_offsets.tolist()):
        members = known.underlying_order[start:stop]
        telling = members[~np.isnan(shift[members])]
        if telling.size:
            telling = telling[np.argsort(known.years[telling])]
            members = members[asked[members]]
            known.rate[members] += np.interp(known.years[members], known.years[telling], shift[telling])
            arrays.discount[members] = np.exp(-known.rate[members] * known.years[members])
            told[members] = True
    return told


def _box(strike: Floats, difference: Floats, width: Floats) -> tuple[float, float]:
    """Minus the slope of ``C - P`` over the strikes, and its standard error; wild quotes lose their weight."""
    weight = width**-2.0
    slope = variance = np.nan
    for _ in range(_ROUNDS):
        total = weight.sum()
        x, y = strike - weight @ strike / total, difference - weight @ difference / total
        leverage = weight @ x**2
        if not leverage > 0.0:
            return np.nan, np.inf
        slope = weight @ (x * y) / leverage
        off = np.abs(y - slope * x) / width
        scatter = max(weight @ (y - slope * x) ** 2 / (weight @ width**2), _LEAST_SCATTER)
        variance = scatter * max(strike.size / _INDEPENDENT, 1.0) / leverage
        # Parity holds to within the quotes: what is off by more is no quote of this market.
        weight = width**-2.0 / (1.0 + off**4)
    return float(-slope), float(np.sqrt(variance))
