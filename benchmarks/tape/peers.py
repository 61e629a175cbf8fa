"""The same fields as one would first write them: with polars, and with pandas and a loop over contracts for orders."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl

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
    """The same in pandas, orders contract by contract."""
    import pandas as pd

    prints = pd.read_parquet(path)
    prints = prints.astype({"contract": str, "condition": str, "exchange": str})
    prints = prints[~prints["condition"].isin(_APART) & ~prints["cancelled"]].copy()
    middle = (prints["bid"] + prints["ask"]) / 2
    told = ~prints["condition"].isin([*_LEGS, "late", "slft", "slcn"])
    prints["chance"] = 0.5
    prints.loc[told & (prints["price"] > middle), "chance"] = 0.62
    prints.loc[told & (prints["price"] < middle), "chance"] = 0.38
    prints["above"] = (prints["price"] > middle).astype(int) - (prints["price"] < middle).astype(int)
    prints["money"] = prints["price"] * prints["size"]
    rows = [_of_contract(name, group) for name, group in prints.groupby("contract")]
    return len(pd.DataFrame(rows))


def _of_contract(name: str, group: Any) -> dict[str, Any]:
    lots, largest, blocks, sweeps = [], 0, 0, 0
    single = group[~group["condition"].isin(_LEGS)]
    for _, side in single.groupby("above"):
        order = (side["time"].astype("int64").diff() > _GAP).cumsum()
        found = side.groupby(order).agg(lots=("size", "sum"), venues=("exchange", "nunique"))
        lots += found["lots"].tolist()
        sweeps += int(found.loc[found["venues"] > 1, "lots"].sum())
    if lots:
        usual = sorted(lots)[len(lots) // 2]
        largest = max(lots)
        blocks = sum(lot for lot in lots if lot >= max(50, 10 * usual))
    return {
        "contract": name, "prints": len(group), "lots": group["size"].sum(), "money": group["money"].sum(),
        "net": ((2 * group["chance"] - 1) * group["money"]).sum(), "orders": len(lots), "largest": largest,
        "block_lots": blocks, "sweep_lots": sweeps, "bought": (group["chance"] * group["size"]).sum(),
        "auctioned": group.loc[group["condition"] == "slan", "size"].sum(), "one": (group["size"] == 1).mean(),
    }  # fmt: skip
