"""What a tape says of each contract: the fields that no chain has.

Two tables come of a reading, one row a contract each: what its prints add up to, and what its orders do. Lots on a side
are expected ones: a print of ten lots whose customer bought with chance 0.7 is seven bought and three sold. A print of
which nothing is told (chance 0.5) is on no side and counts as ``unsided_lots``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from scanner.kernels.columns import nullable
from scanner.tape import sums
from scanner.tape.conditions import Kind, Mechanism, marked
from scanner.tape.definitions import BLOCK_LOTS, BLOCK_TIMES, CAMPAIGN_ORDERS, CAMPAIGN_PAUSE
from scanner.tape.orders import added_up
from scanner.tape.rarity import Reference, surprise
from scanner.tape.reading import Reading

if TYPE_CHECKING:
    from numpy.typing import NDArray

_LIMITS = np.array([BLOCK_LOTS, BLOCK_TIMES, CAMPAIGN_ORDERS, CAMPAIGN_PAUSE])
_MARKS = {
    sums.LEGS: lambda condition: condition.kind in (Kind.multi_leg, Kind.stock_option),
    sums.AUCTION: lambda condition: condition.mechanism is Mechanism.auction,
    sums.FLOOR: lambda condition: condition.mechanism is Mechanism.floor,
    sums.BOOK: lambda condition: condition.mechanism is Mechanism.book,
    sums.SWEEP: lambda condition: condition.kind is Kind.sweep,
}


def contracts(reading: Reading, reference: Reference | None = None) -> pl.DataFrame:
    """The fields of contracts that traded, one row each, before any multiplier.

    Columns: ``contract`` (compact OSI), those of the field dictionary that are of the tape, and ``money``,
    ``net_money`` in dollars for one share a contract. Compression and extended hours are left out of all of it.
    ``reference`` are the orders of earlier sessions that the largest is held against; None: those of the others here.
    """
    prints = reading.prints
    contract = prints["contract"].to_physical()
    numbers = (contract - contract.min()).cast(pl.Int32).to_numpy()
    count = 1 + int(numbers.max(initial=-1))
    marks = marked(prints["condition"], _MARKS, unknown=0)
    found = _of_prints(prints, numbers, count, marks).hstack(_of_orders(prints, numbers, count, marks))
    found = found.filter(pl.col("first") >= 0)
    names = prints["contract"][found["first"]].cast(pl.String)
    found = (
        found.select(names.alias("contract"), pl.exclude("first")).with_columns(**_shares()).select(pl.exclude("^_.*$"))
    )
    rare = surprise(found, Reference.of(found) if reference is None else reference, own=reference is None)
    return found.with_columns(rare)


def _of_prints(prints: pl.DataFrame, numbers: NDArray[np.int32], count: int, marks: NDArray[np.uint8]) -> pl.DataFrame:
    """Sums over the prints of each contract. Those that are late count as volume and money."""
    whole, parts = sums.of_prints(
        numbers,
        count,
        (prints["use"] == "apart").to_numpy(),
        prints["size"].to_numpy(),
        prints["price"].to_numpy(),
        prints["buy_chance"].to_numpy(),
        marks,
    )
    columns = ("first", "prints", "tape_lots", "_told", "_legs", "_auctioned", "_floor", "_ones")
    return pl.DataFrame(
        {
            **dict(zip(columns, whole, strict=True)),
            **dict(zip(("money", "net_money", "buy_lots"), parts, strict=True)),
        }
    )


def _of_orders(prints: pl.DataFrame, numbers: NDArray[np.int32], count: int, marks: NDArray[np.uint8]) -> pl.DataFrame:
    """What the orders of each contract do; legs of packages are none."""
    first, lots, venues, sided = added_up(prints)
    time = prints["time"].to_physical().to_numpy()
    whole, usual = sums.of_orders(numbers, count, time, first, lots, venues, sided, marks, _LIMITS)
    columns = ("orders", "largest_order", "block_lots", "sweep_lots", "campaign_lots", "campaign_orders")
    return pl.DataFrame(dict(zip(columns, whole, strict=True))).with_columns(
        largest_order=pl.when(pl.col("orders") > 0).then("largest_order"), usual_order=nullable("usual_order", usual)
    )


def _shares() -> dict[str, pl.Expr]:
    """What follows of the sums; those of which no field is made begin with an underscore, and end here."""
    lots = pl.col("tape_lots")
    return {
        "sell_lots": pl.col("_told") - pl.col("buy_lots"),
        "unsided_lots": lots - pl.col("_told"),
        "one_lot_share": pl.col("_ones") / pl.col("prints"),
        "multi_leg_share": pl.col("_legs") / lots,
        "auction_share": pl.col("_auctioned") / lots,
        "floor_share": pl.col("_floor") / lots,
        "block_share": pl.col("block_lots") / lots,
        "sweep_share": pl.col("sweep_lots") / lots,
        "vwap": pl.col("money") / lots,
    }
