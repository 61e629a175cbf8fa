"""``python -m benchmarks.scan.peers pandas|polars MARKET``: what a competent person would write by hand.

Quality counts, Black-Scholes volatility and greeks, the ratio of each volume to its past, put/call and twelve rules,
over the very files that a scan reads; with pandas and py_vollib_vectorized, or with polars and polars-vol. No surprise
is calibrated, no forward fitted, nothing is remembered. Scans in this process and prints one JSON object.
"""

from __future__ import annotations

import json
import sys
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks.scan.generated import MOMENTS, Folder
from benchmarks.scan.stopwatch import Stopwatch, peak_megabytes

RATE = 0.043
CONTRACT = ["underlying", "expiry", "strike", "right"]


def with_pandas() -> tuple[Callable[[list[Path]], Any], Callable[[Path, Any], int]]:
    """How a baseline is made of the files of past sessions, and how a moment's file is scanned beside it."""
    import pandas as pd
    import py_vollib_vectorized as vollib

    def baseline(files: list[Path]) -> Any:
        past = pd.concat([pd.read_parquet(file, columns=[*CONTRACT, "volume", "open_interest"]) for file in files])
        by_contract = past.groupby(CONTRACT, observed=True, sort=False)
        mine = by_contract.agg(mean=("volume", "mean"), std=("volume", "std"), before=("open_interest", "last"))
        of_name = past.groupby("underlying", observed=True)["volume"].sum().div(len(files)).rename("name_mean")
        return mine.reset_index(), of_name.reset_index()

    def trusted(rows: Any) -> Any:
        two_sided = (rows.bid > 0) & (rows.ask > 0)
        rows["two"], rows["crossed"] = two_sided, two_sided & (rows.bid > rows.ask)
        rows["zero"] = (rows.bid <= 0) & (rows.ask <= 0)
        counts = rows.groupby("underlying", observed=True).agg(
            two=("two", "sum"), crossed=("crossed", "sum"), zero=("zero", "sum"), all=("two", "size")
        )
        bad = counts.index[(counts.crossed > 0.05 * counts.two) | (counts.zero > 0.95 * counts["all"])]
        return rows[~rows.underlying.isin(bad)].reset_index(drop=True)

    def priced(rows: Any) -> Any:
        rows["mid"] = np.where((rows.bid > 0) & (rows.ask >= rows.bid), (rows.bid + rows.ask) / 2, np.nan)
        days = (pd.to_datetime(rows.expiry) - pd.to_datetime(rows.session_date)).dt.days
        rows["years"] = days / 365 + 1 / 8760
        flag = np.where(rows.right == "C", "c", "p")
        given = rows.spot.to_numpy(), rows.strike.to_numpy(), rows.years.to_numpy(), RATE
        model = "black_scholes_merton"
        rows["iv"] = vollib.vectorized_implied_volatility(
            rows.mid.to_numpy(), *given, flag, q=0.0, on_error="ignore", model=model, return_as="numpy"
        )
        greeks = vollib.get_all_greeks(
            flag, *given, np.nan_to_num(rows.iv.to_numpy(), nan=0.3), 0.0, model=model, return_as="dict"
        )
        return rows.assign(**{name: greeks[name] for name in ("delta", "gamma", "theta", "vega")})

    def scan(file: Path, known: Any) -> int:
        rows = priced(trusted(pd.read_parquet(file))).merge(known[0], on=CONTRACT, how="left")
        call = rows.right == "C"
        rows["calls"], rows["puts"] = rows.volume.where(call, 0), rows.volume.where(~call, 0)
        names = rows.groupby("underlying", observed=True).agg(
            name_volume=("volume", "sum"), calls=("calls", "sum"), puts=("puts", "sum")
        )
        names = names.reset_index().merge(known[1], on="underlying", how="left")
        names["put_call"] = names.puts / (names.calls + 1)
        names["name_ratio"] = names.name_volume / (names.name_mean + 1)
        keys = ["underlying", "expiry", "right"]
        rows["of_expiry"] = rows.groupby(keys, observed=True).volume.transform("sum")
        told = names[["underlying", "name_volume", "put_call", "name_ratio"]]
        rows = rows.merge(told, on="underlying", how="left")
        z = (rows.volume - rows["mean"]) / (rows["std"] + 1)
        out = np.where(call, rows.strike / rows.spot - 1, 1 - rows.strike / rows.spot)
        return int(np.logical_or.reduce(twelve_rules(rows, z, call, out, rows["mean"].isna())).sum())

    return baseline, scan


def with_polars() -> tuple[Callable[[list[Path]], Any], Callable[[Path, Any], int]]:
    """The same with polars' streaming engine and polars-vol."""
    import polars_vol

    def baseline(files: list[Path]) -> Any:
        past = pl.scan_parquet(files).select(*CONTRACT, "volume", "open_interest")
        mine = past.group_by(CONTRACT).agg(
            mean=pl.col("volume").mean(), std=pl.col("volume").std(), before=pl.col("open_interest").last()
        )
        of_name = past.group_by("underlying").agg(name_mean=pl.col("volume").sum() / len(files))
        return mine.collect(engine="streaming"), of_name.collect(engine="streaming")

    def trusted(rows: pl.LazyFrame) -> pl.LazyFrame:
        bid, ask = pl.col("bid"), pl.col("ask")
        two_sided = (bid > 0) & (ask > 0)
        counts = rows.group_by("underlying").agg(
            two=two_sided.sum(),
            crossed=(two_sided & (bid > ask)).sum(),
            zero=((bid <= 0) & (ask <= 0)).sum(),
            all=pl.len(),
        )
        bad = (pl.col("crossed") > 0.05 * pl.col("two")) | (pl.col("zero") > 0.95 * pl.col("all"))
        return rows.join(counts.filter(bad).select("underlying"), on="underlying", how="anti")

    def priced(rows: pl.LazyFrame) -> pl.LazyFrame:
        bid, ask = pl.col("bid"), pl.col("ask")
        rows = rows.with_columns(
            mid=pl.when((bid > 0) & (ask >= bid)).then((bid + ask) / 2),
            years=(pl.col("expiry") - pl.col("session_date")).dt.total_days() / 365 + 1 / 8760,
            rate=pl.lit(RATE),
            call=pl.col("right") == "C",
        )
        solved = polars_vol.iv_and_greeks("mid", "strike", "spot", "years", "rate", "call", method="halley")
        return rows.with_columns(solved=solved).unnest("solved").rename({"implied_vol": "iv"})

    def scan(file: Path, known: Any) -> int:
        rows = priced(trusted(pl.scan_parquet(file))).join(known[0].lazy(), on=CONTRACT, how="left")
        call, volume = pl.col("call"), pl.col("volume")
        names = rows.group_by("underlying").agg(
            name_volume=volume.sum(), put_call=volume.filter(~call).sum() / (volume.filter(call).sum() + 1)
        )
        names = names.join(known[1].lazy(), on="underlying", how="left")
        names = names.with_columns(name_ratio=pl.col("name_volume") / (pl.col("name_mean") + 1)).drop("name_mean")
        rows = rows.join(names, on="underlying", how="left").with_columns(
            of_expiry=volume.sum().over("underlying", "expiry", "right"),
            z=(volume - pl.col("mean")) / (pl.col("std") + 1),
            out=pl.when(call)
            .then(pl.col("strike") / pl.col("spot") - 1)
            .otherwise(1 - pl.col("strike") / pl.col("spot")),
        )
        columns = {name: pl.col(name) for name in rows.collect_schema().names()}
        found = twelve_rules(_Columns(columns), pl.col("z"), call, pl.col("out"), pl.col("mean").is_null())
        return rows.filter(pl.any_horizontal(found)).collect(engine="streaming").height

    return baseline, scan


class _Columns:
    """Expressions by name, as a frame of pandas gives its columns."""

    def __init__(self, columns: dict[str, pl.Expr]) -> None:
        self.__dict__.update(columns)


def twelve_rules(rows: Any, z: Any, call: Any, out: Any, new: Any) -> list[Any]:
    """Conditions over the contracts, such as a hand-made scanner has, for either library."""
    volume, interest, days = rows.volume, rows.open_interest, rows.years * 365
    opened = interest - rows.before
    return [
        (volume > 100) & (z > 8),
        (volume > 5 * interest) & (interest > 100),
        call & (volume > 200) & (volume / rows.of_expiry > 0.15) & (z > 5),
        (~call) & (volume > 200) & (volume / rows.of_expiry > 0.1) & (z > 5),
        new & (volume > 200),
        (volume * rows.mid * 100 > 250_000) & (out > 0.1) & (days < 21) & (z > 4),
        (rows.mid < 0.1) & (volume > 500) & (out > 0.05) & (days < 14) & (z > 4),
        (opened > 1000) & (opened > 0.3 * interest),
        (volume > 50) & (rows.iv > 1.0) & (z > 6),
        (rows.put_call > 3) & (volume > 0.2 * rows.name_volume) & (z > 4),
        (rows.delta.abs() < 0.3) & (volume > 500) & (z > 6),
        (rows.name_ratio > 3) & (volume > 0.3 * rows.name_volume) & (z > 4),
    ]


PEERS = {"pandas": with_pandas, "polars": with_polars}


def main(arguments: list[str]) -> int:
    """Scan the later moments of a market, each with the baseline ready; the baseline is made once and told apart."""
    who, market = arguments[0], Folder(Path(arguments[1]))
    warnings.filterwarnings("ignore")
    baseline, scan = PEERS[who]()
    watch = Stopwatch()
    with watch("baseline"):
        known = baseline(sorted(market.history.glob("*.parquet")))
    scans = []
    for number in range(MOMENTS):
        round_ = Stopwatch()
        with round_("scan"):
            flagged = scan(next(market.moment(number).glob("*.parquet")), known)
        scans.append({"flagged": flagged, **round_.as_dict()})
    # The first round compiles and fills caches.
    print(json.dumps({"baseline": watch.as_dict(), "scans": scans[1:], "peak_megabytes": peak_megabytes()}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
