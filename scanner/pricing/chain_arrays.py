"""A chain as plain arrays: which price counts for each contract, how long it lives, and what forbids a volatility."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.kernels.columns import changes, floats, run_begins
from scanner.market import products
from scanner.market.calendar import Calendar
from scanner.pricing.curve import Curve
from scanner.pricing.ex_dates import ahead
from scanner.pricing.forward import Expiries
from scanner.pricing.status import REASONS

Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

_YEAR = 365 * 86_400 * 1e6
_STALE = 3_600 * 1e6
# A trade's price is uncertain by about this share of itself: it may be from any minute of the session.
_UNCERTAIN_TRADE = 0.05
WORDS = (None, *REASONS)
CODE = {word: code for code, word in enumerate(WORDS)}


@dataclass(slots=True)
class ChainArrays:
    """Arrays by row, in the chain's order; from ``expiries`` on, by expiry.

    ``price`` is the mid or, where ``traded``, the last; NaN where there is neither. ``reason`` is a code of ``CODE``,
    0 where a volatility may be looked for. ``on_future`` marks the expiries that are priced off a future,
    ``outlasting`` those with quotes from after the spot, ``stale`` those whose session the curve is too old for.
    """

    sign: NDArray[np.int8]
    strike: Floats
    bid: Floats
    ask: Floats
    price: Floats
    half_spread: Floats
    traded: Flags
    years: Floats
    reason: NDArray[np.uint8]

    expiries: pl.DataFrame
    known: Expiries
    discount: Floats
    on_future: Flags
    outlasting: Flags
    stale: Flags

    def by_row(self, by_expiry: Floats) -> Floats:
        """An array by expiry, repeated for each of its rows."""
        return np.repeat(by_expiry, np.diff(self.known.offsets))

    def priceable(self) -> Flags:
        """Rows where nothing has forbidden a volatility so far."""
        return np.equal(self.reason, 0)


def find_expiries(chain: pl.DataFrame) -> NDArray[np.int64] | None:
    """Row ranges of the expiries: where the root or the date changes; None where the rows are not in order.

    In order means by root, expiry, strike and right, each root in one piece.
    """
    if chain.is_empty():
        return np.zeros(1, np.int64)
    fresh = changes(chain["root"])
    roots = chain["root"][np.concatenate(([0], np.flatnonzero(fresh) + 1))]
    if roots.is_duplicated().any():
        return None
    offsets = None
    expiry, strike, put = chain["expiry"].cast(pl.Int32), chain["strike"], chain["right"] == "P"
    for values in (expiry.to_numpy(), strike.to_numpy(), put.to_numpy()):
        before, after = values[:-1], values[1:]
        if (~fresh & (after < before)).any():
            return None
        fresh |= after != before
        if offsets is None:
            offsets = np.concatenate(([0], np.flatnonzero(fresh) + 1, [chain.height])).astype(np.int64)
    return offsets


def read(
    chain: pl.DataFrame,
    offsets: NDArray[np.int64],
    calendar: Calendar,
    curve: Curve,
    dividends: pl.DataFrame | None,
) -> ChainArrays:
    """Read a sorted chain whose expiries are at ``offsets``."""
    expiries = _expiries(chain, offsets, calendar)
    instant = expiries["instant"].cast(pl.Int64).to_numpy()
    quote_time = chain["quote_time"].cast(pl.Int64).to_numpy()
    counts = np.diff(offsets)
    latest = np.maximum.reduceat(quote_time, offsets[:-1]) if counts.size else quote_time
    expiry_years = (instant - latest) / _YEAR
    rate = _rates(expiries["session_date"], curve, expiry_years)
    spot = floats(expiries["spot"]).copy()
    # An adjusted contract delivers something else than the share, and has no forward of the share's; nor is the index
    # the price of what an option on volatility is priced off.
    on_future = expiries["underlying"].is_in(products.VOLATILITY_INDICES).to_numpy()
    spot[expiries["nonstandard"].to_numpy() | on_future] = np.nan
    ex_dates = ahead(expiries, dividends, expiry_years)
    worth = ex_dates.worth(rate)
    known = Expiries(
        offsets,
        *by_underlying(expiries["underlying"]),
        expiry_years,
        rate,
        spot - worth,
        (expiries["exercise_style"] == "american").to_numpy(),
        ex_dates,
        worth,
    )
    bid, ask = floats(chain["bid"]), floats(chain["ask"])
    price, traded = _prices(chain, bid, ask, known)
    strike = floats(chain["strike"])
    arrays = ChainArrays(
        sign=np.where((chain["right"] == "C").to_numpy(), 1, -1).astype(np.int8),
        strike=np.where(strike > 0, strike, np.nan),
        bid=bid,
        ask=ask,
        price=price,
        half_spread=np.where(traded, _UNCERTAIN_TRADE * price, 0.5 * (ask - bid)),
        traded=traded,
        years=(np.repeat(instant, counts) - quote_time) / _YEAR,
        reason=np.zeros(chain.height, np.uint8),
        expiries=expiries,
        known=known,
        discount=np.exp(-rate * expiry_years),
        on_future=on_future,
        outlasting=_outlasting(expiries, latest, calendar),
        stale=np.isin(expiries["session_date"].to_numpy(), _too_late(expiries["session_date"], curve)),
    )
    opened = {day: calendar.session_open(day) for day in chain["session_date"].unique() if calendar.is_session(day)}
    _forbid(arrays, chain, opened, quote_time, latest)
    return arrays


def _outlasting(expiries: pl.DataFrame, latest: NDArray[np.int64], calendar: Calendar) -> Flags:
    """The expiries whose options trade on when the underlying has closed, and are quoted as of then."""
    names = expiries.select("session_date", "underlying")
    starts = np.flatnonzero(run_begins(names))
    newest = _moments(np.maximum.reduceat(latest, starts) if starts.size else latest)
    outlasting = np.zeros(expiries.height, np.bool_)
    stops = np.append(starts[1:], expiries.height)[: starts.size].tolist()
    for start, stop, (day, name), moment in zip(starts.tolist(), stops, names[starts].iter_rows(), newest, strict=True):
        # Few names are traded on, and none before the close.
        if calendar.quotes_outlast_spot(day, name, moment):
            moments = _moments(latest[start:stop])
            outlasting[start:stop] = [calendar.quotes_outlast_spot(day, name, moment) for moment in moments]
    return outlasting


def _moments(instants: NDArray[np.int64]) -> list[datetime]:
    """Microseconds since 1970 as moments."""
    return pl.Series(instants, dtype=pl.Datetime("us", "UTC")).to_list()


def _expiries(chain: pl.DataFrame, offsets: NDArray[np.int64], calendar: Calendar) -> pl.DataFrame:
    """What an expiry's first row says for all of them, with the instant it is settled at."""
    names = ("underlying", "root", "expiry", "session_date", "spot", "settlement", "exercise_style", "nonstandard")
    heads = chain.select(names)[offsets[:-1]]
    return heads.with_columns(
        dte=(pl.col("expiry") - pl.col("session_date")).dt.total_days().cast(pl.Int32),
        instant=calendar.expiry_instants(heads["expiry"], heads["settlement"]),
    )


def by_underlying(underlying: pl.Series) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The expiries in the order of their underlyings, and the underlyings' ranges in it."""
    order = underlying.arg_sort().to_numpy().astype(np.int64)
    runs = underlying.gather(order).rle().struct.field("len").to_numpy()
    return order, np.concatenate(([0], np.cumsum(runs))).astype(np.int64)


def _rates(session_date: pl.Series, curve: Curve, years: Floats) -> Floats:
    """Continuous rates from the curve of each expiry's session; NaN where the expiry has passed."""
    rates = np.full(years.shape, np.nan)
    for session in session_date.unique():
        live = (session_date == session).to_numpy() & (years > 0)
        rates[live] = curve.rates(session, years[live])
    return rates


def _too_late(session_date: pl.Series, curve: Curve) -> NDArray[np.datetime64]:
    """The sessions for which a curve is too old."""
    return pl.Series([day for day in session_date.unique() if curve.is_stale(day)], dtype=pl.Date).to_numpy()


def _prices(chain: pl.DataFrame, bid: Floats, ask: Floats, known: Expiries) -> tuple[Floats, Flags]:
    """The mid of two-sided quotes; in chains that hold no quote at all, the last price of what traded that session."""
    quoted = (bid >= 0) & (ask > 0)
    price, traded = np.where(quoted & (bid <= ask), 0.5 * (bid + ask), np.nan), np.zeros(quoted.shape, np.bool_)
    silent = ~_of_underlyings(np.logical_or, np.logical_or.reduceat(quoted, known.offsets[:-1]), known)
    if not silent.any():
        return price, traded
    last = floats(chain["last"])
    volume = chain["volume"].fill_null(0).to_numpy()
    traded = np.repeat(silent, np.diff(known.offsets)) & (volume > 0) & (last > 0)
    return np.where(traded, last, price), traded


def _of_underlyings(over: np.ufunc, by_expiry: NDArray[Any], known: Expiries) -> NDArray[Any]:
    """What a function of all expiries of an underlying tells, for each of them."""
    result = np.empty_like(by_expiry)
    told = over.reduceat(by_expiry[known.underlying_order], known.underlying_offsets[:-1])
    result[known.underlying_order] = np.repeat(told, np.diff(known.underlying_offsets))
    return result


def _forbid(
    arrays: ChainArrays,
    chain: pl.DataFrame,
    opened: Mapping[date, datetime],
    quote_time: NDArray[np.int64],
    latest: NDArray[np.int64],
) -> None:
    """Set the reasons that need no model; of several the first named here is told."""
    by_session = arrays.expiries["session_date"].replace_strict(
        opened, default=None, return_dtype=pl.Datetime("us", "UTC")
    )
    opening = by_session.to_physical().fill_null(0).to_numpy()
    newest = _of_underlyings(np.maximum, latest, arrays.known)
    since = np.maximum(opening, newest - int(_STALE))
    crossed = arrays.bid > arrays.ask
    conditions = {
        "nonstandard": chain["nonstandard"].to_numpy() | np.isnan(arrays.strike),
        "expired": arrays.years <= 0,
        "no_quote": np.isnan(arrays.price) & ~crossed,
        "crossed": crossed,
        "no_bid": ~arrays.traded & (arrays.bid <= 0),
        "stale": quote_time < np.repeat(since, np.diff(arrays.known.offsets)),
    }
    for reason, holds in reversed(conditions.items()):
        arrays.reason[holds] = CODE[reason]
