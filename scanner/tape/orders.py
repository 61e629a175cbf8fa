"""Orders out of prints: the fills of one order over several venues put together, and orders that belong together.

*Order*: single-leg prints of one contract on the same side of the middle of its quotes. What took the book is one order
where all of it came within 300 ms of the first fill, no venue comes again after a pause, and it is ten lots or more:
less than that needs no second venue. What was auctioned, crossed or traded on the floor is one order where it has one
venue and instant. A leg of a package is no order of its own
(:mod:`scanner.tape.packages`).

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

if TYPE_CHECKING:
    from numpy.typing import NDArray

from scanner.tape.conditions import Kind, Mechanism, is_of, kind_of, met_by

LONGEST, SHORTEST, REPEAT, AT_ONCE = 300_000_000, 60_000_000, 60_000_000, 1_000_000
"""Nanoseconds: of one order from its first fill to its last, where strangers come fast; until a venue is not met again;
and at once."""

SPREAD_LOTS = 10
SHARES = 100
"""What a contract is taken to stand for where money is told; an adjusted one may stand for something else."""

BLOCK_TIMES, BLOCK_LOTS = 10, 50
CAMPAIGN_ORDERS, CAMPAIGN_PAUSE = 3, 5 * 60 * 1_000_000_000
# The side of the middle that a price is on, as a number in a stream.
_LOWEST_CHANCE_TO_BUY = 0.5


def numbered(prints: pl.DataFrame) -> pl.DataFrame:
    """Cleaned prints with ``buy_chance``, sorted by contract and time within an order's stream, and their ``order``.

    ``order`` is a number from 0 on; null for legs of packages and for what is apart.
    """
    from scanner.tape.grouping import number_orders

    single = (pl.col("use") != "apart") & ~is_of(Kind.multi_leg, Kind.stock_option)
    by_book = met_by(Mechanism.book) | pl.col("condition").is_null()
    # What is told apart within a contract: the side of the middle, and how it traded.
    side = (pl.col("price") * 2 - pl.col("bid") - pl.col("ask")).sign().fill_null(0).cast(pl.Int64) + 1
    way = pl.when(is_of(Kind.sweep)).then(1).when(by_book).then(0).otherwise(pl.col("condition").to_physical() + 2)
    contract = pl.col("contract").to_physical().cast(pl.Int64)
    keyed = prints.with_columns(single=single, stream=(contract * 64 + way) * 3 + side)
    keyed = keyed.sort("stream", maintain_order=True)
    mine = keyed.filter("single")
    venues = mine["exchange"].to_physical().fill_null(0)
    codes = venues.rank("dense").cast(pl.Int64) - 1
    spread = mine.select(by_book | is_of(Kind.sweep)).to_series().to_numpy()
    numbers = number_orders(
        mine["stream"].to_numpy(),
        mine["time"].to_physical().to_numpy(),
        codes.to_numpy(),
        spread,
        *(np.int64(span) for span in (LONGEST, SHORTEST, REPEAT, AT_ONCE)),
    )
    order = np.full(keyed.height, -1, dtype=np.int64)
    order[keyed["single"].to_numpy()] = _small_apart(numbers, mine["size"].to_numpy(), spread)
    return keyed.drop("single", "stream").with_columns(order=pl.Series(order).replace(-1, None))


def _small_apart(numbers: NDArray[np.int64], lots: NDArray[np.int32], spread: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Let fills that come to less than :data:`SPREAD_LOTS` be orders of their own: so little needs no second venue."""
    if not len(numbers):
        return numbers
    total = np.bincount(numbers, weights=lots)
    return np.where(spread & (total[numbers] < SPREAD_LOTS), total.size + np.arange(len(numbers)), numbers)


def orders(prints: pl.DataFrame) -> pl.DataFrame:
    """One row an order, by time: what it was, and what it cost.

    ``prints`` are :func:`numbered`. Columns: ``underlying contract time`` (of its first fill) ``span_ms lots fills
    venues price`` (average) ``premium low high buy_chance condition kind swept usual_lots block``; money is for 100
    shares a contract. ``usual_lots`` is the contract's median order.
    """
    lots = pl.col("size").sum().cast(pl.Int64)
    found = (
        prints.lazy()
        .filter(pl.col("order").is_not_null())
        .with_columns(_money=pl.col("price") * pl.col("size"), _sided=pl.col("buy_chance") * pl.col("size"))
        .group_by("order")
        .agg(
            pl.col("underlying", "contract", "source", "simulated", "session_date").first(),
            pl.col("time").min(),
            _ended=pl.col("time").max(),
            sequence=pl.col("sequence").min(),
            lots=lots,
            fills=pl.len(),
            venues=pl.col("exchange").n_unique(),
            price=pl.col("_money").sum() / pl.col("size").sum(),
            premium=pl.col("_money").sum(),
            low=pl.col("price").min(),
            high=pl.col("price").max(),
            buy_chance=pl.col("_sided").sum() / pl.col("size").sum(),
            condition=pl.col("condition").first(),
        )
        .with_columns(
            premium=pl.col("premium") * SHARES,
            span_ms=(pl.col("_ended") - pl.col("time")).dt.total_nanoseconds() / 1e6,
            kind=kind_of(),
            usual_lots=pl.col("lots").median().over("contract"),
        )
        .with_columns(
            swept=is_of(Kind.sweep) | ((pl.col("venues") > 1) & met_by(Mechanism.book)),
            block=is_block("lots", "usual_lots"),
        )
        .drop("_ended", "order")
        .sort("time", "sequence", "contract")
    )
    return found.collect()


def is_block(lots: str, usual: str) -> pl.Expr:
    """Whether an order is a block, as this module defines it."""
    return pl.col(lots) >= pl.max_horizontal(pl.lit(BLOCK_LOTS), BLOCK_TIMES * pl.col(usual).clip(1))


def campaigns(found: pl.DataFrame) -> pl.DataFrame:
    """Orders that come again and again in one contract on one side: one row a campaign, by time.

    ``found`` are :func:`orders`. Columns: ``underlying contract begins ends orders lots price premium buy_chance``.
    """
    side = (pl.col("buy_chance") - _LOWEST_CHANCE_TO_BUY).sign().cast(pl.Int8)
    pause = pl.col("time").diff().dt.total_nanoseconds() > CAMPAIGN_PAUSE
    sided = found.with_columns(side=side).filter(pl.col("side") != 0).sort("contract", "side", "time")
    fresh = pl.struct("contract", "side") != pl.struct("contract", "side").shift(1)
    return (
        sided.with_columns(campaign=(fresh | pause).fill_null(value=True).cum_sum())
        .group_by("campaign")
        .agg(
            pl.col("underlying", "contract", "usual_lots").first(),
            begins=pl.col("time").min(),
            ends=pl.col("time").max(),
            orders=pl.len(),
            lots=pl.col("lots").sum(),
            price=(pl.col("price") * pl.col("lots")).sum() / pl.col("lots").sum(),
            premium=pl.col("premium").sum(),
            buy_chance=(pl.col("buy_chance") * pl.col("lots")).sum() / pl.col("lots").sum(),
        )
        .filter((pl.col("orders") >= CAMPAIGN_ORDERS) & is_block("lots", "usual_lots"))
        .drop("campaign", "usual_lots")
        .sort("begins", "contract")
    )
