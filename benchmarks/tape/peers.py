"""The same fields as one would write them with polars, and with pandas."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

if TYPE_CHECKING:
    import pandas as pd

_LEGS = ["mlet", "mlat", "mlct", "mlft", "mesl", "masl", "mfsl"]
_APART = ["cbmo", "mctp", "exht"]
_GAP = 300_000_000


def with_polars(path: Path) -> int:
    """Sides by when and then, orders by the gaps within a sorted group, sums by group_by."""
    prints = pl.read_parquet(path).filter(~pl.col("condition").is_in(_APART) & ~pl.col("cancelled"))
    middle = (pl.col("bid") + pl.col("ask")) / 2
    told = ~pl.col("condition").is_in([*_LEGS, "late", "slft", "slcn"])
    chance = pl.when(told & (pl.col("price") > middle)).then(0.62).when(told & (pl.col("price") < middle)).then(0.38)
    prints = prints.with_columns(side=(pl.col("price") - middle).sign(), chance=chance.otherwise(0.5))
    single = prints.filter(~pl.col("condition").is_in(_LEGS)).sort("contract", "side", "time")
    gap = pl.col("time").diff().over("contract", "side").dt.total_nanoseconds()
    single = single.with_columns(order=((gap > _GAP).fill_null(value=True).cum_sum()).over("contract", "side"))
    orders = single.group_by("contract", "side", "order").agg(
        lots=pl.col("size").sum(), venues=pl.col("exchange").n_unique(), swept=(pl.col("condition") == "isoi").any()
    )
    usual = pl.col("lots").median().over("contract")
    orders = orders.with_columns(block=pl.col("lots") >= pl.max_horizontal(pl.lit(50), 10 * usual))
    of_orders = orders.group_by("contract").agg(
        orders=pl.len(),
        largest=pl.col("lots").max(),
        block_lots=pl.col("lots").filter("block").sum(),
        sweep_lots=pl.col("lots").filter(pl.col("swept") | (pl.col("venues") > 1)).sum(),
    )
    size, money = pl.col("size"), pl.col("size") * pl.col("price")
    of_prints = prints.group_by("contract").agg(
        prints=pl.len(),
        lots=size.sum(),
        money=money.sum(),
        net=((2 * pl.col("chance") - 1) * money).sum(),
        bought=(pl.col("chance") * size).sum(),
        legs=size.filter(pl.col("condition").is_in(_LEGS)).sum(),
        auctioned=size.filter(pl.col("condition") == "slan").sum(),
        floor=size.filter(pl.col("condition") == "slft").sum(),
        one=(size == 1).mean(),
    )
    return of_prints.join(of_orders, on="contract", how="left").height


def with_pandas(path: Path) -> int:
    """The same in pandas, with a column for each sum and one grouping of them all."""
    import numpy as np
    import pandas as pd

    prints = pd.read_parquet(path)
    prints = prints[~prints["condition"].isin(_APART) & ~prints["cancelled"]].copy()
    above = np.sign(prints["price"] - (prints["bid"] + prints["ask"]) / 2).fillna(0)
    legs, size = prints["condition"].isin(_LEGS), prints["size"]
    told = ~legs & ~prints["condition"].isin(["late", "slft", "slcn"])
    chance, money = 0.5 + 0.12 * above * told, size * prints["price"]
    counted = prints[["contract"]].assign(
        prints=1, lots=size, money=money, net=(2 * chance - 1) * money, bought=chance * size, legs=size * legs,
        auctioned=size * (prints["condition"] == "slan"), floor=size * (prints["condition"] == "slft"), one=size == 1,
    )  # fmt: skip
    of_prints = counted.groupby("contract", observed=True).sum()
    of_prints["one"] /= of_prints["prints"]
    return len(of_prints.join(_of_orders(prints.assign(above=above)[~legs])))


def _of_orders(prints: pd.DataFrame) -> pd.DataFrame:
    """Sums of orders by contract: prints in order, cut where a gap is wide or another contract or side begins."""
    import numpy as np
    import pandas as pd

    prints = prints.sort_values(["contract", "above", "time"])
    apart = prints["time"].diff() > pd.Timedelta(_GAP)
    apart |= (prints["contract"] != prints["contract"].shift()) | (prints["above"] != prints["above"].shift())
    swept = prints["condition"] == "isoi"
    grouped = prints.assign(order=apart.cumsum(), swept=swept).groupby(["contract", "order"], observed=True)
    orders = grouped.agg(lots=("size", "sum"), venues=("exchange", "nunique"), swept=("swept", "any")).reset_index()
    usual = orders.groupby("contract", observed=True)["lots"].transform("median")
    blocks = orders["lots"].where(orders["lots"] >= np.maximum(50, 10 * usual), 0)
    sweeps = orders["lots"].where(orders["swept"] | (orders["venues"] > 1), 0)
    summed = orders.assign(orders=1, block_lots=blocks, sweep_lots=sweeps).groupby("contract", observed=True)
    return summed.agg(
        orders=("orders", "sum"), largest=("lots", "max"), block_lots=("block_lots", "sum"),
        sweep_lots=("sweep_lots", "sum"),
    )  # fmt: skip
