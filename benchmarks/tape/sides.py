"""How often the stated side is the customer's, how well the chances hold, and what the classical rules do."""

from __future__ import annotations

import argparse
import importlib.util
from collections.abc import Iterator

import polars as pl

from benchmarks.tape.simulated import NAMES, SEED, tapes
from scanner.tape.side import UNTOLD

# Rules of the literature, by what they look at; `best` is the consolidated quote.
_CLASSICAL = {
    "quote rule": [("quote", "best")],
    "trade size, then quote rule": [("trade_size", "best"), ("quote", "best")],
    "trade size, quote rule, depth": [("trade_size", "best"), ("quote", "best"), ("depth", "best")],
}


def run(given: argparse.Namespace) -> None:
    """Print accuracy, calibration and coverage."""
    del given
    known = pl.concat(reading.prints.join(truth, on="sequence") for reading, truth in tapes())
    known = known.filter(pl.col("use") == "all")
    print(f"{known.height:,} simulated prints of {', '.join(NAMES)}, seed {SEED}; customers are known")
    told = known.filter(pl.col("buy_chance") != UNTOLD)
    print(f"told: {told.height / known.height:.1%} of prints, {told['size'].sum() / known['size'].sum():.1%} of lots")
    for who in ("customer", "aggressor"):
        right = (told["buy_chance"] > UNTOLD) == (told[who].cast(pl.String) == "buy")
        print(f"right on the {who}: {right.mean():.1%} of what is told")
    print("\nstated  realised  prints")
    likelier = pl.max_horizontal("buy_chance", 1 - pl.col("buy_chance")).round(2)
    right = (pl.col("buy_chance") > UNTOLD) == (pl.col("customer").cast(pl.String) == "buy")
    table = told.group_by(stated=likelier).agg(right.mean().alias("realised"), pl.len()).sort("stated")
    for stated, realised, count in table.iter_rows():
        print(f"{stated:6.2f}  {realised:8.3f}  {count:,}")
    for line in _classical(known):
        print(line)


def _classical(known: pl.DataFrame) -> Iterator[str]:
    """The same prints by the package of the classical rules; what a rule leaves open counts as half right."""
    if importlib.util.find_spec("tclf") is None:
        yield "\ntclf is not there: `pip install tclf` in an environment of its own"
        return
    from tclf.classical_classifier import ClassicalClassifier

    names = {"price": "trade_price", "size": "trade_size", "bid": "bid_best", "ask": "ask_best"}
    names |= {"bid_size": "bid_size_best", "ask_size": "ask_size_best"}
    table = known.select(pl.col(*names).cast(pl.Float64)).rename(names)
    bought = (known["customer"].cast(pl.String) == "buy").to_numpy()
    yield "\nof all prints, what is not told counted as half right:"
    ours = known.select((pl.col("buy_chance") > UNTOLD).cast(pl.Float64), open=pl.col("buy_chance") == UNTOLD)
    says, is_open = ours["buy_chance"].to_numpy(), ours["open"].to_numpy()
    yield f"{'this project':32} {((says == bought) * ~is_open + 0.5 * is_open).mean():.1%}"
    for name, layers in _CLASSICAL.items():
        rules = ClassicalClassifier(layers=layers, features=table.columns, strategy="const")
        found = rules.fit(table.to_numpy()).predict(table.to_numpy())
        right = ((found > 0) == bought) * (found != 0) + 0.5 * (found == 0)
        yield f"{'tclf: ' + name:32} {right.mean():.1%}"
