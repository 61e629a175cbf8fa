"""The tape's fields beside a chain's: what a contract's prints and orders say, and sums over calls and puts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import polars as pl

from scanner.fields import Rows, tape
from scanner.fields.columns import column_dtype
from scanner.kernels.groups import Groups
from scanner.market.chain import distinct
from scanner.metrics.arithmetic import is_call
from scanner.tape.measure import contracts as measured_contracts
from scanner.tape.prints import Tape
from scanner.tape.rarity import Reference
from scanner.tape.reading import read

if TYPE_CHECKING:
    from scanner.fields import Field

NOT_THERE = "no tape of the session; `scanner import` takes one"
_FIELDS: Mapping[str, Field] = {field.name: field for field in tape.of_contracts(Rows("contract"))}
_FLOWS: Mapping[str, Field] = {field.name: field for field in tape.flows(Rows("underlying"))}
_COUNTS = ("prints", "orders", "block_lots", "sweep_lots", "campaign_lots", "campaign_orders", "unsided_lots")
NAMES = frozenset({*_FIELDS, *_FLOWS})
"""The fields that only a tape gives."""

# A tape with less or more than this of a chain's volume is told of: it was cut short, or is of another moment.
_LEAST, _MOST = 0.9, 1.1
_NET = "_net_lots"


def beside(contracts: pl.DataFrame, prints: pl.DataFrame | None, before: pl.DataFrame | None) -> pl.DataFrame:
    """Contracts with the tape's fields; ``premium`` is exact where there is a tape.

    ``prints`` obey :mod:`scanner.tape.prints`, up to the moment of the chain; ``before`` has ``orders largest_order``
    of contracts on the tapes of earlier sessions. Names without a tape have null everywhere, contracts that did
    not trade on one have none of each.
    """
    if prints is None or prints.is_empty():
        nothing = [pl.lit(None, column_dtype(field)).alias(name) for name, field in _FIELDS.items()]
        return contracts.with_columns(*nothing, pl.lit(None, pl.Float64).alias(_NET))
    reference = None if before is None or before.is_empty() else Reference.of(before)
    found = measured_contracts(read(Tape(prints)), reference)
    names = prints["underlying"].unique().cast(pl.String)
    joined = contracts.join(found, on="contract", how="left", maintain_order="left")
    taped, standard = pl.col("underlying").is_in(names.implode()), ~pl.col("nonstandard")
    lots = pl.col("buy_lots", "sell_lots")
    joined = joined.with_columns(
        pl.when(taped).then(pl.col(*_COUNTS).fill_null(0)).cast(pl.Int64),
        pl.when(taped).then(lots.fill_null(0.0)),
        net_premium=pl.when(taped & standard).then(pl.col("net_money").fill_null(0.0) * pl.col("multiplier")),
        premium=pl.when(taped & standard & pl.col("volume").is_not_null())
        .then(pl.col("money").fill_null(0.0) * pl.col("multiplier"))
        .otherwise("premium"),
    )
    joined = joined.with_columns((pl.col("buy_lots") - pl.col("sell_lots")).alias(_NET))
    return joined.drop("tape_lots", "money", "net_money")


def flows(contracts: pl.DataFrame, groups: Groups) -> pl.DataFrame:
    """``net_call_premium net_put_premium net_delta`` by a key; null where no contract has a tape.

    ``groups`` are the standard contracts by that key.
    """
    if contracts["net_premium"].null_count() == contracts[_NET].null_count() == contracts.height:
        return groups.keys.with_columns(pl.lit(None, column_dtype(field)).alias(name) for name, field in _FLOWS.items())
    needed = ("right", "nonstandard", "net_premium", _NET, "delta", "multiplier")
    standard = contracts.select(needed).filter(~pl.col("nonstandard"))
    net, calls = standard["net_premium"], is_call(standard)
    return groups.keys.with_columns(
        groups.known_sums(net, calls).alias("net_call_premium"),
        groups.known_sums(net, ~calls).alias("net_put_premium"),
        groups.known_sums(standard[_NET] * standard["delta"] * standard["multiplier"]).alias("net_delta"),
    )


def without(contracts: pl.DataFrame) -> pl.DataFrame:
    """Why the tape's fields are missing of names without one (underlying, field, reason)."""
    taped = contracts.select("underlying", "prints").filter(pl.col("prints").is_not_null())["underlying"]
    names = sorted(set(distinct(contracts["underlying"])) - set(distinct(taped)))
    columns = pl.DataFrame({"field": [*_FIELDS, *_FLOWS]})
    bare = pl.DataFrame({"underlying": names}, schema={"underlying": pl.String})
    return bare.join(columns, how="cross").with_columns(reason=pl.lit(NOT_THERE))


def told(contracts: pl.DataFrame, prints: pl.DataFrame | None) -> Iterator[str]:
    """What to know of a tape beside the chain: contracts that the chain does not list, and another volume than its."""
    if prints is None or prints.is_empty():
        return
    lots = prints.group_by(pl.col("underlying", "contract").cast(pl.String)).agg(pl.col("size").cast(pl.Int64).sum())
    unlisted = lots.join(contracts.select("contract"), on="contract", how="anti")
    if unlisted.height:
        those = "a contract" if unlisted.height == 1 else f"{unlisted.height:,} contracts"
        yield (
            f"tape: {unlisted['size'].sum():,} lots are of {those} that the chain does not list, "
            f"such as {unlisted['contract'].sort()[0]}"
        )
    volume = contracts.group_by("underlying").agg(pl.col("volume").sum())
    beside_chain = volume.join(lots.group_by("underlying").agg(pl.col("size").sum()), on="underlying").sort(
        "underlying"
    )
    for name, chain, tape_lots in beside_chain.iter_rows():
        if chain and not _LEAST <= tape_lots / chain <= _MOST:
            yield f"{name}: the tape has {tape_lots:,} lots, the chain {chain:,}; its fields are of the tape alone"
