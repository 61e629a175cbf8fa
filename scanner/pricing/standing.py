"""Where each contract stands: to the forward, to the spot, between bid and ask, and to the smile of the others."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from scanner.kernels.columns import floats
from scanner.kernels.compile import kernel
from scanner.kernels.threads import over_groups
from scanner.pricing.arrays import Floats, Signs
from scanner.pricing.chain_arrays import ChainArrays, Flags
from scanner.pricing.forward import Forwards, Offsets
from scanner.pricing.smile import Smiles


class Standing(NamedTuple):
    """Arrays by row, NaN where unknown; the names are those of the field dictionary. ``otm`` 1 or 0, 2 unknown."""

    forward: Floats
    discount: Floats
    moneyness: Floats
    moneyness_sd: Floats
    otm_pct: Floats
    spread_pct: Floats
    iv_excess: Floats
    otm: NDArray[np.uint8]


@kernel
def _stand_groups(
    first: int,
    last: int,
    offsets: Offsets,
    level: Floats,
    factor: Floats,
    told_spot: Floats,
    atm: Floats,
    years: Floats,
    sign: Signs,
    strike: Floats,
    price: Floats,
    half_spread: Floats,
    traded: Flags,
    iv: Floats,
    others: Floats,
    forward: Floats,
    discount: Floats,
    moneyness: Floats,
    moneyness_sd: Floats,
    otm_pct: Floats,
    spread_pct: Floats,
    iv_excess: Floats,
    otm: NDArray[np.uint8],
) -> None:
    for group in range(first, last):
        known = level[group] > 0.0
        deviation = atm[group] * math.sqrt(years[group]) if years[group] > 0.0 else math.nan
        for row in range(offsets[group], offsets[group + 1]):
            distance = math.log(strike[row] / level[group]) if known else math.nan
            forward[row] = level[group] if known else math.nan
            discount[row] = factor[group] if known else math.nan
            moneyness[row] = distance
            moneyness_sd[row] = distance / deviation
            spot = told_spot[group]
            otm_pct[row] = sign[row] * (strike[row] - spot) / spot if spot > 0.0 else math.nan
            quoted = price[row] > 0.0 and not traded[row]
            spread_pct[row] = 2.0 * half_spread[row] / price[row] if quoted else math.nan
            iv_excess[row] = iv[row] - others[row]
            otm[row] = (1 if sign[row] * distance > 0.0 else 0) if known else 2


def stand(arrays: ChainArrays, forwards: Forwards, smiles: Smiles, iv: Floats) -> Standing:
    """Every contract's standing, in one pass."""
    rows = arrays.sign.shape[0]
    forward, discount, moneyness, moneyness_sd, otm_pct, spread_pct, iv_excess = (np.empty(rows) for _ in range(7))
    otm = np.empty(rows, np.uint8)
    out = Standing(forward, discount, moneyness, moneyness_sd, otm_pct, spread_pct, iv_excess, otm)
    by_expiry = (forwards.forward, arrays.discount, _level(arrays, forwards), smiles.atm, arrays.known.years)
    by_row = (arrays.sign, arrays.strike, arrays.price, arrays.half_spread, arrays.traded, iv, smiles.others)
    over_groups(_stand_groups, arrays.known.offsets, *by_expiry, *by_row, *out)
    return out


def _level(arrays: ChainArrays, forwards: Forwards) -> Floats:
    """What ``otm_pct`` is measured from: the spot of the quotes' moment, or the future that options are priced off.

    It is the spot told, but for quotes that outlast it the one they imply; for adjusted contracts there is none.
    """
    told = floats(arrays.expiries["spot"]).copy()
    told[arrays.expiries["nonstandard"].to_numpy()] = np.nan
    implied = np.where(np.isnan(forwards.spot), told, forwards.spot + arrays.known.worth)
    return np.where(arrays.on_future, forwards.forward, np.where(arrays.outlasting, implied, told))
