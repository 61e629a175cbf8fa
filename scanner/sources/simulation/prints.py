"""From orders to prints: venues, moments, prices inside the quotes, conditions, and a little dirt.

A large order that takes the book is filled on two to twelve venues within a quarter of a second, a third of them marked
as intermarket sweeps. Auctions improve the price, legs of a package may trade anywhere in or just outside their quotes.
A quoted size tells something of the customer, as it does on real tapes: what takes a customer's resting order often
takes all that is quoted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl

from scanner.sources.simulation.draws import Floats
from scanner.sources.simulation.orders import KINDS, Flags, Ints, Orders
from scanner.sources.simulation.quotes import tick
from scanner.tape.prints import NANOSECONDS, SIDES

# Venues and their shares of volume, roughly as published.
_VENUES = {
    "XCBO": 25, "XPHL": 15, "XISX": 12, "BATO": 10, "ARCO": 9, "AMXO": 8, "XNDQ": 7, "XMIO": 7, "EMLD": 5, "GMNI": 3,
    "XBOX": 3, "MPRL": 3, "C2OX": 2, "EDGO": 2, "MCRY": 2, "SPHR": 2, "XBXO": 1, "MXOP": 1,
}  # fmt: skip
_NAMES = np.array(list(_VENUES))
_SHARES = np.cumsum(np.array(list(_VENUES.values()), dtype=float) / sum(_VENUES.values()))
_SPREAD_OVER_VENUES, _SPREAD_FROM, _MOST_VENUES = 0.6, 15, 12
_JITTER, _LONGEST = 45e6, 250e6  # nanoseconds
_SWEEPS = 1 / 3
_LEGS_APART = 200_000  # nanoseconds
# How often a fill takes all that is quoted: of a customer's resting order, and of anybody else's.
_WHOLE_RESTING, _WHOLE_OTHER, _DEPTH_TELLS = 0.55, 0.15, 0.64
_CANCELLED = 5e-5
_BOOK, _AUCTION, _PACKAGE = (KINDS.index(name) for name in ("book", "auction", "package"))
_CODES = np.array(["auto", "slan", "mlet", "slcn", "slft", "late", "cbmo"])


@dataclass(frozen=True)
class Quotes:
    """The quotes that stand when each order comes, one row an order: dollars, contracts, and since when (ns)."""

    bid: Floats
    ask: Floats
    bid_size: Ints
    ask_size: Ints
    since: Ints
    spot: Floats
    penny: Flags


def fill(rng: np.random.Generator, orders: Orders, comes: Ints, quotes: Quotes) -> pl.DataFrame:
    """Prints of some orders, sorted by time: the columns of a tape that orders tell, and the truth behind each.

    ``comes`` is when each order came (ns since 1970). Beside ``contract`` (its row) and the columns of a tape there are
    ``aggressor``, ``customer`` (``buy`` or ``sell``), ``order`` and ``package`` (numbers; null: none).
    """
    count, swept = _fan_out(rng, orders)
    parent = np.repeat(np.arange(len(count)), count)
    number = np.arange(len(parent)) - np.repeat(np.cumsum(count) - count, count)
    size = _shares(rng, orders.size, count, parent, number)
    time = comes[parent] + _delay(rng, orders, parent, number)
    bid_size, ask_size = _quoted_sizes(rng, orders, quotes, count)
    frame = pl.DataFrame(
        {
            "contract": orders.contract[parent],
            "time": time,
            "price": _price(rng, orders, quotes)[parent],
            "size": size,
            "exchange": _venues(rng, orders, parent, number),
            "condition": _conditions(rng, orders, swept)[parent],
            "bid": quotes.bid[parent],
            "ask": quotes.ask[parent],
            "bid_size": bid_size[parent],
            "ask_size": ask_size[parent],
            "quote_time": quotes.since[parent],
            "underlying_price": quotes.spot[parent],
            "aggressor": _words(orders.aggressor[parent]),
            "customer": _words(orders.customer[parent]),
            "order": parent,
            "package": pl.Series(orders.package[parent]).replace(-1, None),
        }
    )
    frame = _with_cancels(rng, frame).sort("time", maintain_order=True)
    return frame.with_columns(pl.col("time", "quote_time").cast(NANOSECONDS))


def _fan_out(rng: np.random.Generator, orders: Orders) -> tuple[Ints, Flags]:
    """On how many venues each order is filled, and whether it is sent as an intermarket sweep."""
    wide = (orders.kind == _BOOK) & (orders.size >= _SPREAD_FROM) & (rng.random(len(orders.size)) < _SPREAD_OVER_VENUES)
    venues = 2 + np.minimum(rng.geometric(0.25, len(orders.size)) - 1, _MOST_VENUES - 2)
    count = np.where(wide, np.minimum(venues, orders.size), 1)
    alone = (orders.kind == _BOOK) & ~wide & (rng.random(len(count)) < 0.01)
    return count, alone | (wide & (rng.random(len(count)) < _SWEEPS))


def _shares(rng: np.random.Generator, size: Ints, count: Ints, parent: Ints, number: Ints) -> Ints:
    """The size of each fill: every venue at least one lot, together the order's size."""
    spare = (size - count)[parent]
    weight = rng.exponential(size=len(parent))
    total = np.bincount(parent, weights=weight, minlength=len(size))
    share = np.floor(spare * weight / total[parent]).astype(np.int64)
    left = size - count - np.bincount(parent, weights=share, minlength=len(size)).astype(np.int64)
    return 1 + share + np.where(number == 0, left[parent], 0)


def _delay(rng: np.random.Generator, orders: Orders, parent: Ints, number: Ints) -> Ints:
    """How long before the order's moment each fill came: the last one at it, legs within microseconds."""
    jitter = np.minimum(rng.exponential(_JITTER, len(parent)), _LONGEST).astype(np.int64)
    legs = rng.integers(0, _LEGS_APART, len(parent))
    return -np.where(number == 0, np.where(orders.kind[parent] == _PACKAGE, legs, 0), jitter)


def _venues(rng: np.random.Generator, orders: Orders, parent: Ints, number: Ints) -> pl.Series:
    """Where each fill was: the fills of one order on different venues, the legs of a package on one."""
    first = np.searchsorted(_SHARES, rng.random(len(orders.size)))
    legs = np.flatnonzero(orders.package >= 0)
    first[legs] = np.searchsorted(_SHARES, rng.random(len(orders.size)))[orders.package[legs]]
    # Steps that share no factor with the number of venues never meet one twice.
    step = rng.choice(np.array([1, 5, 7, 11, 13, 17]), len(orders.size))
    return pl.Series(_NAMES[(first[parent] + number * step[parent]) % len(_NAMES)])


def _conditions(rng: np.random.Generator, orders: Orders, swept: Flags) -> Floats:
    names = _CODES[orders.kind].astype("U4")
    names[swept] = "isoi"
    draws = rng.random(len(orders.size))
    legs = np.flatnonzero(orders.package >= 0)
    draws[legs] = draws[orders.package[legs]]
    names[(orders.package >= 0) & (draws > 0.54)] = "mlat"
    names[(orders.package >= 0) & (draws > 0.996)] = "mlft"
    return names


def _price(rng: np.random.Generator, orders: Orders, quotes: Quotes) -> Floats:
    """A price on the tick: at the quote or inside it, by how the order traded and which side it was on."""
    middle, half = (quotes.bid + quotes.ask) / 2, (quotes.ask - quotes.bid) / 2
    count = len(orders.size)
    draws, inside = rng.random(count), rng.random(count)
    book = orders.aggressor * np.where(draws < 0.82, 1.0, np.where(draws < 0.9, 0.0, inside))
    # An auction improves the price, mostly to somewhere between the middle and the customer's side.
    towards = orders.customer * np.where(rng.random(count) < 0.67, 1, -1)
    auction = towards * np.where(draws < 0.35, 1.0, np.where(draws < 0.5, 0.0, inside))
    anywhere = 2.2 * inside - 1.1
    place = np.select([orders.kind == _BOOK, orders.kind == _AUCTION], [book, auction], anywhere)
    step = np.where(orders.kind == _BOOK, tick(middle, quotes.penny), 0.01)
    price = np.round(np.round((middle + place * half) / step) * step, 2)
    price = np.where((orders.kind == _BOOK) | (orders.kind == _AUCTION), np.clip(price, quotes.bid, quotes.ask), price)
    return np.maximum(price, 0.01)


def _quoted_sizes(rng: np.random.Generator, orders: Orders, quotes: Quotes, count: Ints) -> tuple[Ints, Ints]:
    """Sizes at the quotes before each order, which tell something of who it was that traded."""
    bid, ask = quotes.bid_size.copy(), quotes.ask_size.copy()
    often = np.where(orders.customer != orders.aggressor, _WHOLE_RESTING, _WHOLE_OTHER)
    whole = (orders.kind == _BOOK) & (count == 1) & (rng.random(len(bid)) < often)
    ask = np.where(whole & (orders.aggressor > 0), orders.size, ask)
    bid = np.where(whole & (orders.aggressor < 0), orders.size, bid)
    # More offered than wanted: customers then rather buy in the middle.
    tells = (orders.kind <= _AUCTION) & (rng.random(len(bid)) < 2 * _DEPTH_TELLS - 1) & ~whole
    turned = tells & ((ask - bid) * orders.customer < 0)
    return np.where(turned, ask, bid), np.where(turned, bid, ask)


def _with_cancels(rng: np.random.Generator, frame: pl.DataFrame) -> pl.DataFrame:
    """Add a few prints that are cancelled within a minute, and what cancels them."""
    wrong = frame.filter(pl.Series(rng.random(frame.height) < _CANCELLED)).with_columns(price=pl.col("price") + 0.05)
    wait = pl.Series(rng.integers(1_000_000_000, 60_000_000_000, wrong.height), dtype=pl.Int64)
    cancels = wrong.with_columns(time=pl.col("time") + wait, condition=pl.lit("canc"))
    nobody = [pl.lit(None, frame.schema[name]).alias(name) for name in ("order", "package")]
    return pl.concat([frame, wrong.with_columns(nobody), cancels.with_columns(nobody)])


def _words(sides: Ints) -> pl.Series:
    return pl.Series(np.where(sides > 0, "buy", "sell")).cast(SIDES)
