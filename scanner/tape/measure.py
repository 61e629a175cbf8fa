"""What a tape says of each contract: the fields that no chain has.

Two tables come of a reading, one row a contract each: what its prints add up to, and what its orders do. Lots on a side
are expected ones: a print of ten lots whose customer bought with chance 0.7 is seven bought and three sold. A print of
which nothing is told (chance 0.5) is on no side and counts as ``unsided_lots``.
"""

from __future__ import annotations

import polars as pl

from scanner.tape.conditions import Kind, Mechanism, is_of, met_by
from scanner.tape.orders import largest_campaigns, measured
from scanner.tape.rarity import Reference, surprise
from scanner.tape.reading import Reading
from scanner.tape.side import UNTOLD


def contracts(reading: Reading, reference: Reference | None = None) -> pl.DataFrame:
    """The fields of contracts that traded, one row each, before any multiplier.

    Columns: ``contract`` (compact OSI), those of the field dictionary that are of the tape, and ``money``,
    ``net_money`` in dollars for one share a contract. Compression and extended hours are left out of all of it.
    ``reference`` are the orders of earlier sessions that the largest is held against; None: those of the others here.
    """
    counted = _of_prints(reading.prints)
    orders = measured(reading.prints)
    found = counted.join(_of_orders(orders), on="contract", how="left", maintain_order="left")
    found = found.join(_of_campaigns(largest_campaigns(orders)), on="contract", how="left", maintain_order="left")
    found = found.with_columns(
        pl.col("orders", "block_lots", "sweep_lots", "campaign_lots", "campaign_orders").fill_null(0),
        block_share=pl.col("block_lots").fill_null(0) / pl.col("tape_lots"),
        sweep_share=pl.col("sweep_lots").fill_null(0) / pl.col("tape_lots"),
    )
    rare = surprise(found, Reference.of(found) if reference is None else reference, own=reference is None)
    return found.with_columns(rare).with_columns(pl.col("contract").cast(pl.String))


def _of_prints(prints: pl.DataFrame) -> pl.DataFrame:
    """Sums over a contract's prints. Those that are late count as volume and money."""
    size = pl.col("size").cast(pl.Int64)
    told = pl.col("buy_chance") != UNTOLD
    several = is_of(Kind.multi_leg, Kind.stock_option)
    return (
        prints.lazy()
        .filter(pl.col("use") != "apart")
        .select(
            "contract",
            size=size,
            money=pl.col("price") * size,
            bought=pl.when(told).then(pl.col("buy_chance") * size).otherwise(0.0),
            told=pl.when(told).then(size).otherwise(0),
            net=(2 * pl.col("buy_chance") - 1) * pl.col("price") * size,
            legs=pl.when(several).then(size).otherwise(0),
            auctioned=pl.when(met_by(Mechanism.auction)).then(size).otherwise(0),
            floor=pl.when(met_by(Mechanism.floor)).then(size).otherwise(0),
            one=(size == 1).cast(pl.Int64),
        )
        .group_by("contract")
        .agg(
            prints=pl.len().cast(pl.Int64),
            tape_lots=pl.col("size").sum(),
            money=pl.col("money").sum(),
            net_money=pl.col("net").sum(),
            buy_lots=pl.col("bought").sum(),
            sell_lots=pl.col("told").sum() - pl.col("bought").sum(),
            unsided_lots=pl.col("size").sum() - pl.col("told").sum(),
            one_lot_share=pl.col("one").sum() / pl.len(),
            multi_leg_share=pl.col("legs").sum() / pl.col("size").sum(),
            auction_share=pl.col("auctioned").sum() / pl.col("size").sum(),
            floor_share=pl.col("floor").sum() / pl.col("size").sum(),
        )
        .with_columns(vwap=pl.col("money") / pl.col("tape_lots"))
        # In parts, so that a market's tape is never there several times over.
        .collect(engine="streaming")
    )


def _of_orders(orders: pl.DataFrame) -> pl.DataFrame:
    """What a contract's orders do; legs of packages are none."""
    lots = pl.col("lots")
    return orders.group_by("contract").agg(
        orders=pl.len().cast(pl.Int64),
        largest_order=lots.max().cast(pl.Int64),
        usual_order=pl.col("usual_lots").first(),
        block_lots=lots.filter(pl.col("block")).sum().cast(pl.Int64),
        sweep_lots=lots.filter(pl.col("swept")).sum().cast(pl.Int64),
    )


def _of_campaigns(campaigns: pl.DataFrame) -> pl.DataFrame:
    """The largest campaign in a contract."""
    largest = campaigns.sort("lots", descending=True, maintain_order=True).group_by("contract", maintain_order=True)
    return largest.agg(
        campaign_lots=pl.col("lots").first().cast(pl.Int64), campaign_orders=pl.col("orders").first().cast(pl.Int64)
    )
