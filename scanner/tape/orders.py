"""Orders out of prints: the fills of one order over several venues put together, and orders that belong together.

*Order*: single-leg prints of one contract on the same side of the middle of its quotes. What took the book is one order
where all of it came within 300 ms of the first fill (the second within 250), what has another price came at the heels
of the fill before, no venue comes again after a pause, and it is ten lots or more: less than that needs no second
venue. What was auctioned, crossed or traded on the floor is one order where it has one venue and instant. A leg of a
package is no order of its own (:mod:`scanner.tape.packages`).

*Sweep*: an order that took the book on two venues or more, or is marked as an intermarket sweep by the exchange.

*Block*: an order of at least ten times the contract's usual order (the median of its orders on this tape, at least one
lot), of 50 lots or more. The threshold stands beside every block.

*Campaign*: three orders or more in one contract on one side, none more than five minutes after the one before, that
come to at least a block together.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from scanner.tape.conditions import CONDITIONS, Kind, Mechanism, coded, is_of, kind_of, met_by
from scanner.tape.definitions import (
    AT_ONCE,
    BLOCK_LOTS,
    BLOCK_TIMES,
    CAMPAIGN_ORDERS,
    CAMPAIGN_PAUSE,
    LONGEST,
    OF_TWO,
    REPEAT,
    SHARES,
    SHORTEST,
    SPREAD_LOTS,
)
from scanner.tape.prints import array
from scanner.tape.side import UNTOLD

if TYPE_CHECKING:
    from numpy.typing import NDArray


_BOOK, _SWEPT, _LEG = 0, 1, 255
"""How a print traded, by number: from the book, as a sweep, otherwise (between), as a leg of a package."""


def numbered(prints: pl.DataFrame) -> pl.DataFrame:
    """Cleaned prints, sorted by time, with the number of the ``order`` of each, from 0 on.

    Null for legs of packages and for what is apart. Rows keep their order.
    """
    from scanner.tape.grouping import by_stream, number_orders, streams

    if prints.is_empty():
        return prints.with_columns(order=pl.lit(None, pl.Int32))
    rank, spread = _ways(prints["condition"])
    contract = prints["contract"].to_physical()
    stream = streams(
        contract.to_numpy(),
        int(contract.min()),  # type: ignore[arg-type] # there are prints
        rank,
        len(spread),
        prints["use"].to_physical().to_numpy(),
        array(prints["price"]),
        array(prints["bid"]),
        array(prints["ask"]),
    )
    time, size = array(prints["time"]), array(prints["size"])
    begins, fills = by_stream(stream, int(stream.max()) + 1, time, size, _venues(prints))
    spans = np.array([LONGEST, OF_TWO, SHORTEST, REPEAT, AT_ONCE])
    order = number_orders(prints.height, begins, fills, spread, array(prints["price"]), spans, SPREAD_LOTS)
    numbers = pl.Series("order", order)
    return prints.with_columns(numbers.set(numbers < 0, None))


def _ways(condition: pl.Series) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
    """How each print traded, by number, -1 for legs of packages; and which of these ways take the book."""
    table = np.full(256, _BOOK, np.uint8)
    for code, known in enumerate(CONDITIONS):
        if known.kind in (Kind.multi_leg, Kind.stock_option):
            table[code] = _LEG
        elif known.kind is Kind.sweep:
            table[code] = _SWEPT
        elif known.mechanism is not Mechanism.book:
            table[code] = _SWEPT + 1 + code
    way = coded(condition, table)
    # Those alone that are met: each makes three streams of every contract.
    met = np.flatnonzero(np.bincount(way, minlength=256)[:_LEG])
    rank = np.full(256, -1, np.int8)
    rank[met] = np.arange(len(met))
    return rank[way], met <= _SWEPT


def _venues(prints: pl.DataFrame) -> NDArray[np.uint8]:
    """Venues as numbers below 64; those that are not told are one.

    A category's own number tells what else was read before, and two that are far apart may be alike when cut to 64.
    """
    from scanner.tape.grouping import VENUES

    code = prints["exchange"].to_physical()
    met = code.unique().drop_nulls().sort().to_numpy()
    table = np.zeros(int(met[-1]) + 1 if len(met) else 1, np.uint8)
    table[met] = np.arange(len(met)) % (VENUES - 1)
    number = table[code.fill_null(0).to_numpy()]
    return np.where(code.is_null().to_numpy(), np.uint8(VENUES - 1), number) if code.null_count() else number


def added_up(
    prints: pl.DataFrame,
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.uint8], NDArray[np.float64]]:
    """The first row, lots, venues and lots expected to be bought of each order, contract by contract."""
    from scanner.tape.grouping import add_up

    order, count = _numbers(prints)
    return add_up(order, count, prints["size"].to_numpy(), prints["buy_chance"].to_numpy(), _venues(prints))


def _numbers(prints: pl.DataFrame) -> tuple[NDArray[np.int32], int]:
    """The number of the order of each print, -1 for none, and how many orders there are."""
    order = prints["order"].fill_null(-1).to_numpy()
    return order, 1 + int(order.max(initial=-1))


def measured(prints: pl.DataFrame) -> pl.DataFrame:
    """One row an order, by its number: what is needed of all of them.

    ``prints`` are :func:`numbered`. Columns: ``first`` (the row of its first fill) ``contract time lots venues money
    sided condition usual_lots swept block``; ``money`` is for one share a contract and ``sided`` the lots expected to
    be bought.
    """
    from scanner.tape.grouping import spent

    order, count = _numbers(prints)
    orders = pl.DataFrame(dict(zip(("first", "lots", "venues", "sided"), added_up(prints), strict=True))).with_columns(
        money=pl.Series(spent(order, count, prints["size"].to_numpy(), prints["price"].to_numpy()))
    )
    return (
        orders.hstack(prints.select("contract", "time", "condition")[orders["first"]])
        .with_columns(usual_lots=pl.col("lots").median().over("contract"))
        .with_columns(
            swept=is_of(Kind.sweep) | ((pl.col("venues") > 1) & met_by(Mechanism.book)),
            block=is_block("lots", "usual_lots"),
        )
    )


def orders(prints: pl.DataFrame) -> pl.DataFrame:
    """One row an order, by time, with everything that is told of it.

    ``prints`` are :func:`numbered`. Columns: ``source simulated session_date underlying contract time`` (of its first
    fill) ``sequence span_ms lots fills venues price`` (average) ``premium low high buy_chance condition kind swept
    usual_lots block``; money is for 100 shares a contract. ``usual_lots`` is the contract's median order.
    """
    whole = prints.filter(pl.col("order").is_not_null()).group_by("order").agg(
        fills=pl.len(),
        span=pl.col("time").max() - pl.col("time").min(),
        low=pl.col("price").min(),
        high=pl.col("price").max(),
    )  # fmt: skip
    names = ("source", "simulated", "session_date", "underlying", "sequence")
    found = measured(prints).hstack(whole.sort("order").drop("order")).sort("first")
    return found.hstack(prints.select(names)[found["first"]]).select(
        "source", "simulated", "session_date", "underlying", "contract", "time", "sequence",
        "fills", "low", "high", "condition", "usual_lots", "swept", "block",
        pl.col("lots", "venues").cast(pl.Int64),
        span_ms=pl.col("span").dt.total_nanoseconds() / 1e6,
        price=pl.col("money") / pl.col("lots"),
        premium=pl.col("money") * SHARES,
        buy_chance=pl.col("sided") / pl.col("lots"),
        kind=kind_of(),
    )  # fmt: skip


def is_block(lots: str, usual: str) -> pl.Expr:
    """Whether an order is a block, as this module defines it."""
    return pl.col(lots) >= pl.max_horizontal(pl.lit(BLOCK_LOTS), BLOCK_TIMES * pl.col(usual).clip(1))


def campaigns(found: pl.DataFrame) -> pl.DataFrame:
    """Orders that come again and again in one contract on one side: one row a campaign, by time.

    ``found`` are :func:`orders`. Columns: ``underlying contract begins ends orders lots price premium buy_chance``.
    """
    return _campaigns(
        found.with_columns(money=pl.col("price") * pl.col("lots"), sided=pl.col("buy_chance") * pl.col("lots"))
    ).select(
        pl.col("contract").cast(pl.String).replace_strict(_names(found), return_dtype=pl.String).alias("underlying"),
        "contract", "begins", "ends", "orders", "lots",
        price=pl.col("money") / pl.col("lots"),
        premium=pl.col("money") * SHARES,
        buy_chance=pl.col("sided") / pl.col("lots"),
    )  # fmt: skip


def _campaigns(found: pl.DataFrame) -> pl.DataFrame:
    """Campaigns among orders with ``contract time lots usual_lots money sided``, by time."""
    side = (pl.col("sided") - UNTOLD * pl.col("lots")).sign().cast(pl.Int8)
    pause = pl.col("time").diff().dt.total_nanoseconds() > CAMPAIGN_PAUSE
    threshold = pl.max_horizontal(pl.lit(BLOCK_LOTS), BLOCK_TIMES * pl.col("usual_lots").clip(1))
    sided = (
        found.lazy()
        .select("contract", "time", "lots", "usual_lots", "money", "sided", side=side)
        # Few contracts have so many lots on one side that a campaign may be among them.
        .filter((pl.col("side") != 0) & (pl.col("lots").sum().over("contract") >= threshold))
        .collect()
        .sort(pl.col("contract").to_physical(), "side", "time", maintain_order=True)
    )
    fresh = (pl.col("contract").to_physical().diff() != 0) | (pl.col("side").diff() != 0)
    return (
        sided.with_columns(campaign=(fresh | pause).fill_null(value=True).cum_sum())
        .group_by("campaign")
        .agg(
            pl.col("contract", "usual_lots").first(),
            pl.col("lots", "money", "sided").sum(),
            begins=pl.col("time").min(),
            ends=pl.col("time").max(),
            orders=pl.len(),
        )
        .filter((pl.col("orders") >= CAMPAIGN_ORDERS) & is_block("lots", "usual_lots"))
        .sort("begins", "campaign")
    )


def _names(found: pl.DataFrame) -> dict[str, str]:
    """The underlying of each contract."""
    pairs = found.select(pl.col("contract", "underlying").cast(pl.String)).unique("contract")
    return dict(pairs.iter_rows())
