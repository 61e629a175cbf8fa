"""Price a chain: forward, implied volatilities, greeks and smile of every contract of every underlying at once.

One pass from the column contract of :mod:`scanner.chain` to the priced chain. Inside, the contracts are plain arrays in
the chain's order and an expiry is a range of rows; nothing loops over expiries in Python.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.special import ndtr

from scanner.chain import SORT_KEY
from scanner.errors import PricingError
from scanner.pricing import american, black, forward, smile
from scanner.pricing.book import CODE, WORDS, Book, Flags, Floats, read
from scanner.pricing.curve import Curve, built_in
from scanner.pricing.parallel import over_rows
from scanner.pricing.status import KERNEL_REASONS, SOLVED

Side = Literal["mid", "bid", "ask"]
Values = Floats | pl.Series

_SIDES: tuple[Side, ...] = ("mid", "bid", "ask")
_THIRTY_DAYS = 30 / 365
# In the money, a volatility that the quotes' width blurs by more than this share of itself tells nothing.
_BLURRED = 0.25
_SOURCES = (None, "own", "twin", "vendor")
_OWN, _TWIN, _VENDOR = 1, 2, 3


@dataclass(frozen=True, slots=True)
class PricedChain:
    """What :func:`price_chain` gives: one row a contract, one an expiry (of a root), one an underlying."""

    contracts: pl.DataFrame
    expiries: pl.DataFrame
    underlyings: pl.DataFrame


@dataclass(slots=True)
class _Market:
    """What the model needs by row besides the contract: the level, the rate and the yield of its expiry."""

    forward: Floats
    discount: Floats
    spot: Floats
    rate: Floats
    dividend_yield: Floats
    exercised: Flags


def price_chain(
    chain: pl.DataFrame,
    curve: Curve | None = None,
    dividends: pl.DataFrame | None = None,
    use_vendor_iv: bool = False,
    sides: Sequence[Side] = _SIDES,
) -> PricedChain:
    """Price every contract of a chain that conforms to :mod:`scanner.chain`.

    ``curve`` discounts (default: the built-in Treasury curve). ``dividends`` (``underlying ex_date amount``, dollars a
    share) are known discrete dividends, whose value leaves the spot; without it the dividends are those the forwards
    imply, as a continuous yield. ``use_vendor_iv`` fills in the vendor's volatility where there is none of our own.
    ``sides`` says which volatilities to compute; the others are null, and that of the mid is always computed.

    ``contracts`` holds the chain's rows in their order with, added: ``dte years mid price_basis spread_pct forward
    discount moneyness moneyness_sd otm otm_pct iv iv_bid iv_ask iv_reason iv_source delta gamma vega theta rho
    iv_excess``. ``mid`` is the last price where a chain without quotes traded in the session (``price_basis`` "last").
    ``iv_source`` is "own", "twin" (an in-the-money contract that took the volatility of the other right) or "vendor".
    ``expiries``: ``underlying root expiry dte years forward discount forward_source parity_residual atm_iv skew_25d
    expected_move_pct term_slope``. ``underlyings``: ``underlying iv30 skew_25d``. Units as in the field dictionary.

    Raises PricingError for an unknown side.
    """
    unknown = set(sides) - set(_SIDES)
    if unknown:
        raise PricingError(f"unknown side {', '.join(sorted(unknown))}; expected some of {', '.join(_SIDES)}")
    if not _is_sorted(chain):
        priced = price_chain(chain.with_row_index("_place").sort(SORT_KEY), curve, dividends, use_vendor_iv, sides)
        contracts = priced.contracts.sort("_place").drop("_place")
        return PricedChain(contracts, priced.expiries, priced.underlyings)
    return _price(chain, read(chain, curve or built_in(), dividends), use_vendor_iv, sides)


def _is_sorted(chain: pl.DataFrame) -> bool:
    """Whether the rows stand by root, expiry, strike and right, each root in one piece."""
    root = chain["root"].rle_id()
    if root.n_unique() != chain["root"].n_unique():
        return False
    steps = np.diff(root.to_numpy()) != 0
    for name in ("expiry", "strike", "right"):
        values = chain[name].to_physical().to_numpy().astype(np.float64)
        change = np.diff(values)
        if (~steps & (change < 0)).any():
            return False
        steps |= change != 0
    return True


def _price(chain: pl.DataFrame, book: Book, use_vendor_iv: bool, sides: Sequence[Side]) -> PricedChain:
    """The stages in their order: forwards, volatilities, greeks, smiles, frames."""
    usable = np.where(book.priceable(), book.price, np.nan)
    forwards = forward.fit(book.known, book.sign, book.strike, usable, book.half_spread)
    market = _market(book, forwards)
    book.reason[book.priceable() & np.isnan(market.forward)] = CODE["no_forward"]
    iv, status = _implied(book, market, book.price, book.priceable())
    greeks = _greeks(book, market, iv)
    source = np.where(np.isnan(iv), 0, _OWN).astype(np.uint8)
    uncertainty = _uncertainty(book, greeks.vega)
    taken = _take_twins(book, market, iv, uncertainty, source)
    for code, reason in KERNEL_REASONS.items():
        book.reason[(status == code) & np.isnan(iv) & book.priceable()] = CODE[reason]
    if use_vendor_iv:
        taken |= _take_vendors(chain, book, iv, source)
    _regreek(book, market, iv, greeks, taken)
    points = np.where(source == _TWIN, np.nan, iv)
    smiles = smile.fit(
        book.known.offsets, book.sign, book.strike, points, uncertainty, forwards.forward, book.known.years
    )
    columns = _prices_frame(chain, book) | _moneyness_frame(chain, book, market, smiles.atm)
    columns["iv"] = iv
    for side, prices in (("bid", book.bid), ("ask", book.ask)):
        rows = book.priceable() & ~book.traded & (prices > 0) if side in sides else np.zeros(iv.shape, np.bool_)
        columns[f"iv_{side}"] = _implied(book, market, prices, rows)[0]
    columns |= {"iv_reason": _words(book.reason, WORDS), "iv_source": _words(source, _SOURCES)}
    columns |= greeks._asdict() | {"iv_excess": iv - smiles.others}
    contracts = chain.with_columns(_column(name, values) for name, values in columns.items())
    return PricedChain(contracts, _expiry_frame(book, forwards, smiles), _underlying_frame(book, smiles))


def _market(book: Book, forwards: forward.Forwards) -> _Market:
    """Spread the expiries' levels over their rows."""
    return _Market(
        forward=book.by_row(forwards.forward),
        discount=book.by_row(book.discount),
        spot=book.by_row(forwards.spot),
        rate=book.by_row(book.known.rate),
        dividend_yield=book.by_row(forwards.dividend_yield),
        exercised=np.repeat(book.known.exercised, np.diff(book.known.offsets)),
    )


def _implied(book: Book, market: _Market, price: Floats, wanted: Flags) -> tuple[Floats, NDArray[np.int8]]:
    """Implied volatilities of the wanted rows by their exercise style; NaN elsewhere."""
    iv, status = np.full(price.shape, np.nan), np.full(price.shape, SOLVED, np.int8)
    early = (book.sign, price, market.spot, book.strike, book.years, market.rate, market.dividend_yield)
    late = (book.sign, price, market.forward, book.strike, book.years, market.discount)
    _fill((iv, status), american.implied_volatility, wanted & market.exercised, early)
    _fill((iv, status), black.implied_volatility, wanted & ~market.exercised, late)
    return iv, status


def _greeks(book: Book, market: _Market, iv: Floats) -> black.Greeks:
    """Greeks of the rows with a volatility; NaN elsewhere."""
    greeks = black.Greeks(*(np.full(iv.shape, np.nan) for _ in black.Greeks._fields))
    _regreek(book, market, iv, greeks, ~np.isnan(iv))
    return greeks


def _regreek(book: Book, market: _Market, iv: Floats, greeks: black.Greeks, wanted: Flags) -> None:
    """Compute the greeks of some rows, in place."""
    early = (book.sign, market.spot, book.strike, book.years, market.rate, market.dividend_yield, iv)
    late = (book.sign, market.spot, market.forward, book.strike, book.years, market.discount, iv)
    _fill(greeks, american.greeks, wanted & market.exercised, early)
    _fill(greeks, black.greeks, wanted & ~market.exercised, late)


def _fill(
    out: tuple[NDArray[Any], ...],
    function: Callable[..., tuple[NDArray[Any], ...]],
    wanted: Flags,
    arguments: tuple[NDArray[Any], ...],
) -> None:
    """Write a function of some rows into the result arrays, in place; the other rows stay as they are."""
    rows = np.flatnonzero(wanted)
    if rows.size:
        results = over_rows(function, *(array[rows] for array in arguments))
        for kept, computed in zip(out, results, strict=True):
            kept[rows] = computed


def _uncertainty(book: Book, vega: Floats) -> Floats:
    """Half the quotes' width as a volatility; infinite where the price does not depend on it."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(vega > 0, book.half_spread / (vega / black.PER_POINT), np.where(np.isnan(vega), np.nan, np.inf))


def _take_twins(book: Book, market: _Market, iv: Floats, uncertainty: Floats, source: NDArray[np.uint8]) -> Flags:
    """Give in-the-money contracts whose quotes do not tell their volatility that of the other right, in place.

    Those are contracts without a solution though the ask is above the intrinsic value, and solved ones that the
    quotes' width blurs more than it blurs the twin.
    """
    twin = _twins(book)
    has_twin = (twin >= 0) & (source[twin] == _OWN)
    inside = book.sign * (book.strike - market.forward) < 0
    intrinsic = np.maximum(book.sign * (market.spot - book.strike), 0.0)
    unsolved = np.isnan(iv) & (book.price + book.half_spread >= intrinsic)
    blurred = (uncertainty > _BLURRED * iv) & (uncertainty > uncertainty[twin])
    taking: Flags = book.priceable() & inside & has_twin & (unsolved | blurred)
    iv[taking] = iv[twin[taking]]
    source[taking] = _TWIN
    return taking


def _twins(book: Book) -> NDArray[np.int64]:
    """Row of the same strike's other right, -1 where it is not listed."""
    rows = book.sign.shape[0]
    twin = np.full(rows, -1)
    pair = (book.strike[:-1] == book.strike[1:]) & (book.sign[:-1] > 0) & (book.sign[1:] < 0)
    inner = book.known.offsets[1:-1]
    pair[inner - 1] = False
    calls = np.flatnonzero(pair)
    twin[calls], twin[calls + 1] = calls + 1, calls
    return twin


def _take_vendors(chain: pl.DataFrame, book: Book, iv: Floats, source: NDArray[np.uint8]) -> Flags:
    """Fill in the vendor's volatilities where there is none of our own, in place; never for what is not priced."""
    vendors = chain["vendor_iv"].fill_null(np.nan).to_numpy()
    refused = np.isin(book.reason, [CODE["nonstandard"], CODE["expired"]])
    taking = np.isnan(iv) & (vendors > 0) & ~refused
    iv[taking] = vendors[taking]
    source[taking] = _VENDOR
    book.reason[taking] = CODE["vendor"]
    return taking


def _prices_frame(chain: pl.DataFrame, book: Book) -> dict[str, Values]:
    """Calendar and price columns."""
    basis = np.where(book.traded, 2, np.where(np.isnan(book.price), 0, 1)).astype(np.uint8)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.where(book.traded, np.nan, 2.0 * book.half_spread / book.price)
    return {
        "dte": (chain["expiry"] - chain["session_date"]).dt.total_days().cast(pl.Int32),
        "years": book.years,
        "mid": book.price,
        "price_basis": _words(basis, (None, "mid", "last")),
        "spread_pct": spread,
    }


def _moneyness_frame(chain: pl.DataFrame, book: Book, market: _Market, atm: Floats) -> dict[str, Values]:
    """Where the strike stands to the forward and the spot."""
    with np.errstate(divide="ignore", invalid="ignore"):
        moneyness = np.log(book.strike / market.forward)
        deviations = moneyness / book.by_row(atm * np.sqrt(book.known.years))
        spot = chain["spot"].fill_null(np.nan).to_numpy()
        distance = book.sign * (book.strike - spot) / spot
    beyond = pl.Series(book.sign * (book.strike - market.forward) > 0)
    unknown = pl.Series(np.isnan(market.forward))
    return {
        "forward": market.forward,
        "discount": np.where(np.isnan(market.forward), np.nan, market.discount),
        "moneyness": moneyness,
        "moneyness_sd": deviations,
        "otm": pl.select(pl.when(~unknown).then(beyond)).to_series(),
        "otm_pct": distance,
    }


def _expiry_frame(book: Book, forwards: forward.Forwards, smiles: smile.Smiles) -> pl.DataFrame:
    """One row an expiry."""
    known = ~np.isnan(forwards.forward)
    discount = np.where(known, book.discount, np.nan)
    with np.errstate(invalid="ignore"):
        half_deviation = 0.5 * smiles.atm * np.sqrt(book.known.years)
    # A straddle struck at the forward costs discount x forward x 2 (2 N(deviation / 2) - 1).
    straddle = discount * 2.0 * (2.0 * ndtr(half_deviation) - 1.0)
    values: dict[str, Values] = {
        "years": book.known.years,
        "forward": forwards.forward,
        "discount": discount,
        "forward_source": _words(forwards.source, (None, "parity", "spot")),
        "parity_residual": forwards.residual,
        "atm_iv": smiles.atm,
        "skew_25d": smiles.put_25 - smiles.call_25,
        "expected_move_pct": straddle,
    }
    frame = book.expiries.select("underlying", "root", "expiry", "dte").with_columns(
        _column(name, column) for name, column in values.items()
    )
    return frame.with_columns(term_slope=_term_slope(frame))


def _term_slope(expiries: pl.DataFrame) -> pl.Series:
    """The next later expiry's ATM volatility minus this one's, within the underlying."""
    known = (
        expiries.filter(pl.col("atm_iv").is_not_null())
        .group_by("underlying", "expiry")
        .agg(later=pl.col("atm_iv").mean())
        .sort("expiry")
        .with_columns(after=pl.col("expiry") - pl.duration(days=1))
        .drop("expiry")
        .sort("after")
    )
    keyed = expiries.with_row_index("_row").select("_row", "underlying", "expiry", "atm_iv").sort("expiry")
    joined = keyed.join_asof(
        known, left_on="expiry", right_on="after", by="underlying", strategy="forward", check_sortedness=False
    )
    return joined.sort("_row").select(term_slope=pl.col("later") - pl.col("atm_iv"))["term_slope"]


def _underlying_frame(book: Book, smiles: smile.Smiles) -> pl.DataFrame:
    """One row an underlying: its volatility and skew at thirty days."""
    order, offsets = book.known.underlying_order, book.known.underlying_offsets
    at_thirty = {
        name: smile.at_maturity(offsets, book.known.years[order], values[order], _THIRTY_DAYS)
        for name, values in (("atm", smiles.atm), ("put", smiles.put_25), ("call", smiles.call_25))
    }
    return pl.DataFrame(
        [
            book.expiries["underlying"].gather(order[offsets[:-1]]),
            _column("iv30", at_thirty["atm"]),
            _column("skew_25d", at_thirty["put"] - at_thirty["call"]),
        ]
    )


def _words(codes: NDArray[np.integer], words: Sequence[str | None]) -> pl.Series:
    """Codes as words."""
    return pl.Series(words, dtype=pl.String).gather(codes.astype(np.uint32))


def _column(name: str, values: Values) -> pl.Series:
    """A named column; NaN leaves the kernels as null."""
    if isinstance(values, pl.Series):
        return values.alias(name)
    series = pl.Series(name, values, dtype=pl.Float64)
    return series.set(~series.is_finite(), None)
