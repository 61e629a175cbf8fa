"""Price a chain: forward, implied volatilities, greeks and smile of every contract of every underlying at once.

One pass from the column contract of :mod:`scanner.market.chain` to the priced chain. Inside, the contracts are plain
arrays in the chain's order and an expiry is a range of rows; nothing loops over expiries in Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.errors import PricingError
from scanner.kernels.columns import finite, floats, integers, placed
from scanner.market import corporate_events as event_tables
from scanner.market.calendar import Calendar
from scanner.market.chain import SORT_KEY
from scanner.pricing import forward, implied_rate, smile, volatility
from scanner.pricing.chain_arrays import WORDS, ChainArrays, Flags, Floats, find_expiries, read
from scanner.pricing.curve import Curve, built_in
from scanner.pricing.standing import Standing, stand

Side = Literal["mid", "bid", "ask"]
Values = Floats | pl.Series

_SIDES: tuple[Side, ...] = ("mid", "bid", "ask")
_THIRTY_DAYS, _NINETY_DAYS = 30 / 365, 90 / 365


# What few ask for, and of few contracts.
COSTLY = ("iv_bid", "iv_ask", "vega", "rho")


@dataclass(frozen=True, slots=True)
class Later:
    """What it takes to find the columns of ``COSTLY`` later, of the contracts they are asked of."""

    arrays: ChainArrays
    market: volatility.Market
    iv: Floats

    def columns(self, contracts: pl.DataFrame, asked: pl.Series) -> list[pl.Series]:
        """The costly columns of a priced chain's rows; null in those that are not ``asked`` (Boolean)."""
        rows = asked.to_numpy()
        known = contracts.select(pl.when(asked).then(pl.col("vega", "rho")))
        more = volatility.more_greeks(self.arrays, self.market, self.iv, rows)
        greeks = [known[name].zip_with(known[name].is_not_null(), _column(name, values))
                  for name, values in zip(("vega", "rho"), more, strict=True)]  # fmt: skip
        sides = zip(("iv_bid", "iv_ask"), (self.arrays.bid, self.arrays.ask), strict=True)
        return [*(_column(name, self._of(np.where(rows, prices, np.nan))) for name, prices in sides), *greeks]

    def _of(self, prices: Floats) -> Values:
        if not np.isfinite(prices).any():
            return _nothing(len(prices))
        return volatility.of_quotes(self.arrays, self.market, prices)


@dataclass(frozen=True, slots=True)
class PricedChain:
    """What :func:`price_chain` gives: one row a contract, one an expiry (of a root), one an underlying.

    ``later`` finds the columns of ``COSTLY``, where those were not all asked for when the chain was priced.
    """

    contracts: pl.DataFrame
    expiries: pl.DataFrame
    underlyings: pl.DataFrame
    later: Later | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Pricing:
    """How chains are priced: by which curve (default: the built-in one), and whether a vendor's volatility stands in.

    Handed to whoever prices - the scan, and the store where it summarises sessions anew - so that all have one number.
    """

    curve: Curve | None = None
    use_vendor_iv: bool = False

    def price(
        self,
        chain: pl.DataFrame,
        calendar: Calendar,
        events: pl.DataFrame | None = None,
        sides: Sequence[Side] = _SIDES,
    ) -> PricedChain:
        """Price a chain, as :func:`price_chain` does, knowing the dividends of a table of corporate events."""
        dividends = event_tables.dividends(event_tables.spelled_as(events, chain["underlying"].unique()))
        return price_chain(chain, self.curve, dividends, self.use_vendor_iv, sides, calendar=calendar)


def price_chain(
    chain: pl.DataFrame,
    curve: Curve | None = None,
    dividends: pl.DataFrame | None = None,
    use_vendor_iv: bool = False,
    sides: Sequence[Side] = _SIDES,
    *,
    calendar: Calendar,
) -> PricedChain:
    """Price every contract of a chain that conforms to :mod:`scanner.market.chain`.

    ``curve`` discounts (default: the built-in Treasury curve); ``calendar`` tells when contracts are settled.
    ``dividends`` (``underlying ex_date amount``, dollars a share) are known discrete dividends: their value leaves the
    spot, and American contracts may be exercised before each ex-date. What they leave of the carry that the forwards
    tell - dividends not announced yet, the cost of borrowing the share - is a continuous yield, of either sign; without
    ``dividends`` all of it is. ``use_vendor_iv`` fills in the vendor's volatility where there is none of our own.
    ``sides`` says which volatilities to compute; the others are null, and that of the mid is always computed. Unless
    all are asked for, vega and rho of American contracts are left null too; ``later`` finds what was left.

    ``contracts`` holds the chain's rows in their order with, added: ``dte years mid price_basis spread_pct forward
    discount moneyness moneyness_sd otm otm_pct iv iv_bid iv_ask iv_reason iv_source delta gamma vega theta rho
    iv_excess``. ``mid`` is the last price where a chain without quotes traded in the session (``price_basis`` "last").
    ``iv_source`` is "own", "twin" (an in-the-money contract that took the volatility of the other right) or "vendor".
    ``expiries``: ``underlying root expiry dte years forward discount discount_source forward_source parity_residual
    atm_iv skew_25d expected_move_pct term_slope``; ``discount_source`` is "curve", or "chain" where the curve is
    too old and European calls and puts tell the discount. ``underlyings``: ``underlying iv30 skew_25d
    term_slope``. Units as in the field dictionary.

    Raises PricingError for an unknown side.
    """
    unknown = set(sides) - set(_SIDES)
    if unknown:
        raise PricingError(f"unknown side {', '.join(sorted(unknown))}; expected some of {', '.join(_SIDES)}")
    offsets = find_expiries(chain)
    if offsets is None:
        ordered = chain.with_row_index("_place").sort(SORT_KEY)
        priced = price_chain(ordered, curve, dividends, use_vendor_iv, sides, calendar=calendar)
        contracts = priced.contracts.sort("_place").drop("_place")
        return PricedChain(contracts, priced.expiries, priced.underlyings)
    return _price(chain, read(chain, offsets, calendar, curve or built_in(), dividends), use_vendor_iv, sides)


def _price(chain: pl.DataFrame, arrays: ChainArrays, use_vendor_iv: bool, sides: Sequence[Side]) -> PricedChain:
    """The stages in their order: forwards, volatilities, smiles, greeks, frames."""
    told = implied_rate.adjust(arrays)
    usable = np.where(arrays.priceable(), arrays.price, np.nan)
    forwards = forward.fit(arrays.known, arrays.sign, arrays.strike, usable, arrays.half_spread)
    market = volatility.Market.of(arrays, forwards)
    found = volatility.find(arrays, market, forwards)
    if use_vendor_iv:
        volatility.take_vendors(arrays, found, chain["vendor_iv"])
    points = np.where(found.source == volatility.TWIN, np.nan, found.iv)
    by_expiry = (forwards.forward, volatility.pivots(arrays, forwards), arrays.known.years)
    smiles = smile.fit(arrays.known.offsets, arrays.sign, arrays.strike, points, found.uncertainty, *by_expiry)
    columns = _price_columns(chain, arrays) | {"iv": found.iv}
    for side, prices in (("bid", arrays.bid), ("ask", arrays.ask)):
        asked = side in sides
        columns[f"iv_{side}"] = volatility.of_quotes(arrays, market, prices) if asked else _nothing(chain.height)
    columns |= {
        "iv_reason": _words(arrays.reason, WORDS),
        "iv_source": _words(found.source, volatility.SOURCES),
    }
    whole = set(_SIDES) <= set(sides)
    columns |= volatility.greeks(arrays, market, found.iv, whole=whole)._asdict()
    columns |= _standing_columns(stand(arrays, forwards, smiles, found.iv))
    contracts = placed(chain, (_column(name, values) for name, values in columns.items()))
    later = None if whole else Later(arrays, market, found.iv)
    frames = _expiry_frame(arrays, forwards, smiles, told), _underlying_frame(arrays, smiles)
    return PricedChain(contracts, *frames, later)


def _price_columns(chain: pl.DataFrame, arrays: ChainArrays) -> dict[str, Values]:
    """Calendar and price columns."""
    basis = np.where(arrays.traded, 2, ~np.isnan(arrays.price)).astype(np.uint8)
    return {
        "dte": (chain["expiry"] - chain["session_date"]).dt.total_days().cast(pl.Int32),
        "years": np.maximum(arrays.years, 0.0),
        "mid": arrays.price,
        "price_basis": _words(basis, (None, "mid", "last")),
    }


def _standing_columns(standing: Standing) -> dict[str, Values]:
    """The columns of the standing, in the order of the field dictionary; 0 and 1 become booleans."""
    columns: dict[str, Values] = standing._asdict()
    flags = pl.Series(standing.otm)
    columns["otm"] = (flags == 1).set(flags == 2, None)
    return columns


def _expiry_frame(arrays: ChainArrays, forwards: forward.Forwards, smiles: smile.Smiles, told: Flags) -> pl.DataFrame:
    """One row an expiry."""
    known = ~np.isnan(forwards.forward)
    discount = np.where(known, arrays.discount, np.nan)
    values: dict[str, Values] = {
        "years": np.maximum(arrays.known.years, 0.0),
        "forward": forwards.forward,
        "discount": discount,
        "discount_source": _words(np.where(known, 1 + told, 0), (None, "curve", "chain")),
        "forward_source": _words(forwards.source, (None, "parity", "spot")),
        "parity_residual": forwards.residual,
        "atm_iv": smiles.atm,
        "skew_25d": smiles.put_25 - smiles.call_25,
        "expected_move_pct": discount * smiles.straddle,
    }
    frame = arrays.expiries.select("underlying", "root", "expiry", "dte").with_columns(
        _column(name, column) for name, column in values.items()
    )
    return frame.with_columns(finite("term_slope", _term_slope(frame, arrays.known)))


def _term_slope(expiries: pl.DataFrame, known: forward.Expiries) -> Floats:
    """The next later expiry's ATM volatility minus this one's, within the underlying; the mean of those of one day."""
    name, atm = np.empty(expiries.height, np.int64), floats(expiries["atm_iv"])
    name[known.underlying_order] = np.repeat(
        np.arange(known.underlying_offsets.size - 1), np.diff(known.underlying_offsets)
    )
    # Names and days as one number, in the order of both.
    key = (name << 32) + integers(expiries["expiry"])
    told = np.flatnonzero(~np.isnan(atm))
    told = told[np.argsort(key[told], kind="stable")]
    days, first, count = np.unique(key[told], return_index=True, return_counts=True)
    mean = np.append(np.add.reduceat(atm[told], first) / count if told.size else atm[told], np.nan)
    after = np.searchsorted(days, key, side="right")
    of_name = np.append(days >> 32, -1)[after] == name
    return np.where(of_name, mean[after], np.nan) - atm


def _underlying_frame(arrays: ChainArrays, smiles: smile.Smiles) -> pl.DataFrame:
    """One row an underlying: its volatility and skew at thirty days, and how much further away it is higher."""
    order, offsets = arrays.known.underlying_order, arrays.known.underlying_offsets
    at_thirty = {
        name: smile.at_maturity(offsets, arrays.known.years[order], values[order], _THIRTY_DAYS)
        for name, values in (("atm", smiles.atm), ("put", smiles.put_25), ("call", smiles.call_25))
    }
    at_ninety = smile.at_maturity(offsets, arrays.known.years[order], smiles.atm[order], _NINETY_DAYS)
    return pl.DataFrame(
        [
            arrays.expiries["underlying"].gather(order[offsets[:-1]]),
            _column("iv30", at_thirty["atm"]),
            _column("skew_25d", at_thirty["put"] - at_thirty["call"]),
            _column("term_slope", at_ninety - at_thirty["atm"]),
        ]
    )


def _nothing(rows: int) -> pl.Series:
    """A column of nulls."""
    return pl.repeat(None, rows, dtype=pl.Float64, eager=True)


def _words(codes: NDArray[np.integer], words: Sequence[str | None]) -> pl.Series:
    """Codes as words."""
    return pl.Series(words, dtype=pl.String).gather(codes.astype(np.uint32))


def _column(name: str, values: Values) -> pl.Series:
    """A named column; NaN leaves the kernels as null."""
    return values.alias(name) if isinstance(values, pl.Series) else finite(name, values)
