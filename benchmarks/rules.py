"""Sixty rules over two million contracts against the same rules in pandas, and the loading of five hundred rules.

    python -m benchmarks rules [--contracts N] [--rules N] [--json]

Both sides get the same frames in memory and must flag the same rows. Ours also finds what cannot be
judged and why, and writes evidence and messages; pandas stops at the flagged rows. Rules are fifteen shapes with
thresholds that vary; volumes are zero-inflated and heavy-tailed like real ones, half a percent of them is not known, and
one contract in two thousand is unusual.
"""

from __future__ import annotations

import argparse
import gc
import json
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import reduce
from operator import and_, or_
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import polars as pl

from scanner import ruleset
from scanner.ruleset.expressions import (
    Arithmetic,
    Both,
    Call,
    Comparison,
    Either,
    FieldReference,
    Flag,
    Membership,
    Negation,
    Negative,
    Number,
    Text,
    Truth,
)
from scanner.ruleset.judge import judge

# ruff: noqa: E501 - a condition reads best on one line
SHAPES = (
    'right == "C" and 1 <= dte <= {days} and volume >= {lots} and volume_surprise >= {rare} and strike_volume_share >= 0.15 and (volume > open_interest or underlying.back_end_surprise < 1)',
    'right == "P" and 1 <= dte <= {days} and volume >= {lots} and volume_surprise >= {rare} and strike_volume_share >= 0.1 and (volume > open_interest or underlying.back_end_surprise < 1)',
    "volume >= {lots} and volume_surprise >= {rare} and volume_multiple >= 5",
    "new_strike and volume >= {lots} and volume_surprise >= {rare}",
    "volume >= {lots} and volume_surprise_5 >= {rare} and oi_change_5 >= 1000 and oi_change_5 / open_interest >= 0.3",
    "volume >= {lots} and iv_excess >= 0.1 and spread_pct <= 0.2 and iv_excess > iv_ask - iv_bid and volume_surprise >= {rare}",
    "premium >= {dollars} and otm_pct >= 0.1 and dte <= {days} and volume_surprise >= {rare}",
    "volume >= {lots} and mid <= 0.1 and dte <= {days} and otm_pct >= 0.05 and volume_surprise >= {rare}",
    "volume >= {lots} and open_interest > 100 and last > 0.1 and volume / open_interest >= 5 and volume_surprise >= {rare}",
    "premium >= {dollars} and volume > open_interest and otm and volume_surprise >= {rare}",
    "volume >= {lots} and abs(iv_change) >= 0.15 and volume_surprise >= {rare}",
    "volume >= {lots} and volume_surprise_3 >= {rare} and volume > 3 * volume_avg_20 and underlying.spot_change > 0.01",
    "volume >= {lots} and abs(delta) <= 0.3 and volume_surprise >= {rare} and not multi_leg_suspect",
    "volume >= {lots} and dte == 0 and volume_surprise >= {rare} and underlying.zero_dte_share >= 0.1",
    "volume >= {lots} and vega * volume >= 10000 and volume_surprise >= {rare} and market.volume_ratio_5 < 1.5",
)
RULE = """\
id: generated-{number}
title: Generated rule {number}
status: stable
scope: contract
severity: notice
why: A rule made for the benchmark, with a sentence of about the length that people write here.
needs: {{history_sessions: 10}}
when:
  all:
{conditions}
for: 1 scan
cooldown: 1 session
identity: [contract]
rank_by: volume_surprise
limit: 10
message: "{{contract}}: {{volume:,}} traded against {{volume_expected:,.0f}} expected ({{volume_multiple:.1f}}x)"
false_positives: [a roll of a known position]
"""


def write_rules(folder: Path, count: int) -> None:
    """Write rules of the fifteen shapes, each with thresholds of its own."""
    for number in range(count):
        step = number // len(SHAPES)
        text = SHAPES[number % len(SHAPES)].format(
            days=7 + 7 * (step % 5),
            lots=300 + 100 * step,
            rare=round(4 + 0.25 * step, 2),
            dollars=250_000 + 50_000 * step,
        )
        conditions = "\n".join(f"    - {part}" for part in text.split(" and ")) if "(" not in text else f"    - {text}"
        (folder / f"generated-{number}.yaml").write_text(RULE.format(number=number, conditions=conditions))


def market(contracts: int, seed: int = 7) -> dict[str, pl.DataFrame]:
    """Metric frames of a whole market, from a seed: 69 % of the contracts do not trade, the others are heavy-tailed."""
    random = np.random.default_rng(seed)
    names = np.array([f"N{index:04d}" for index in range(5_500)])
    whose = np.sort(random.integers(0, names.size, contracts))
    traded = random.random(contracts) > 0.69
    volume = np.where(traded, np.floor(random.pareto(1.5, contracts) * 12) + 1, 0)
    interest = np.floor(random.pareto(1.2, contracts) * 80)
    surprise = np.where(traded, random.exponential(1 / np.log(10), contracts), 0.05)
    unusual = random.choice(contracts, contracts // 2_000, replace=False)
    volume[unusual] = np.floor(random.uniform(300, 20_000, unusual.size))
    surprise[unusual] = random.uniform(3, 9, unusual.size)
    unquoted = random.random(contracts) < 0.2
    untrusted = whose % 200 == 0
    iv = np.where(unquoted, np.nan, np.exp(random.normal(-1, 0.5, contracts)))
    mid = np.where(unquoted, np.nan, np.exp(random.normal(0.5, 1.5, contracts)))
    dte = random.choice([0, 1, 2, 7, 14, 21, 45, 90, 180, 365], contracts)

    def noise(scale: float) -> np.ndarray[Any, Any]:
        return np.where(unquoted, np.nan, random.normal(0, scale, contracts))

    base = np.datetime64("2026-07-24")
    frame = pl.DataFrame(
        {
            "underlying": names[whose],
            "root": names[whose],
            "contract": np.char.add("C", np.arange(contracts).astype("U8")),
            "expiry": (base + dte).astype("datetime64[D]"),
            "strike": np.round(random.uniform(5, 500, contracts), 1),
            "dte": dte.astype(np.int32),
            "volume": volume.astype(np.int64),
            "open_interest": interest.astype(np.int64),
            "volume_surprise": surprise,
            "volume_surprise_3": random.exponential(0.45, contracts),
            "volume_surprise_5": random.exponential(0.45, contracts),
            "volume_q": random.random(contracts),
            "volume_expected": random.exponential(20, contracts),
            "volume_multiple": random.exponential(1.5, contracts),
            "volume_avg_20": random.exponential(20, contracts),
            "oi_change_5": np.round(random.normal(0, 300, contracts)).astype(np.int64),
            "strike_volume_share": random.random(contracts) ** 4,
            "premium": volume * mid * 100,
            "spot": random.uniform(5, 500, contracts),
            "mid": mid,
            "last": mid,
            "spread_pct": np.abs(noise(0.3)),
            "iv": iv,
            "iv_bid": iv * 0.97,
            "iv_ask": iv * 1.03,
            "iv_change": noise(0.05),
            "iv_excess": noise(0.04),
            "delta": np.clip(noise(0.4), -1, 1),
            "vega": np.abs(noise(0.2)),
            "otm_pct": noise(0.2),
            "otm": random.random(contracts) > 0.5,
            "new_strike": random.random(contracts) < 0.01,
            "multi_leg_suspect": random.random(contracts) < 0.1,
        }
    ).with_columns(
        pl.Series("right", np.where(random.random(contracts) > 0.5, "C", "P")).cast(pl.Enum(["C", "P"])),
        pl.col(pl.Float64).fill_nan(None),
        volume=pl.when(~pl.Series(untrusted)).then(pl.col("volume")),
    )
    underlyings = pl.DataFrame(
        {
            "underlying": names,
            "history_sessions": np.full(names.size, 30),
            "back_end_surprise": random.exponential(0.45, names.size),
            "spot_change": random.normal(0, 0.02, names.size),
            "zero_dte_share": random.random(names.size) ** 3,
        }
    )
    everything = pl.DataFrame({"segment": ["all"], "volume_ratio_5": [1.1]})
    return {"contract": frame.rechunk(), "underlying": underlyings, "market": everything}


class Pandas:
    """The same rules by pandas: one vectorised mask a rule, as a careful user of pandas would write it."""

    def __init__(self, frames: dict[str, pl.DataFrame]) -> None:
        self.contracts = frames["contract"].to_pandas()
        self.wider = {name: frames[name].to_pandas() for name in ("underlying", "market")}

    def flagged(self, rules: Sequence[ruleset.Rule]) -> list[pd.DataFrame]:
        """The flagged rows of each rule."""
        wide = sorted({use.column for rule in rules for use in rule.fields if use.qualifier == "underlying"})
        names = [name.removeprefix("underlying.") for name in wide]
        right = self.wider["underlying"][["underlying", *names]].set_index("underlying")
        right.columns = pd.Index(wide)
        frame = self.contracts.join(right, on="underlying")
        return [frame[self._mask(rule.condition, frame)] for rule in rules]

    def _mask(self, node: Any, frame: pd.DataFrame) -> Any:
        match node:
            case Number() | Text() | Truth():
                return node.value
            case FieldReference(qualifier="market"):
                return self.wider["market"][node.field.name].iloc[0]
            case FieldReference():
                return frame[node.column]
            case Flag():
                return self._mask(node.operand, frame).astype(bool)
            case Negative():
                return -self._mask(node.operand, frame)
            case Call(function="abs"):
                return self._mask(node.arguments[0], frame).abs()
            case Arithmetic():
                return _OPERATIONS[node.sign](self._mask(node.left, frame), self._mask(node.right, frame))
            case Comparison():
                sides = [self._mask(operand, frame) for operand in node.operands]
                pairs = zip(node.signs, sides, sides[1:], strict=False)
                return reduce(and_, (_OPERATIONS[sign](left, right) for sign, left, right in pairs))
            case Membership():
                return self._mask(node.operand, frame).isin([option.value for option in node.options])
            case Both():
                return reduce(and_, (self._mask(part, frame) for part in node.parts))
            case Either():
                return reduce(or_, (self._mask(part, frame) for part in node.parts))
            case Negation():
                return ~self._mask(node.part, frame)
        raise TypeError(type(node).__name__)


_OPERATIONS: dict[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b.where(b != 0) if hasattr(b, "where") else a / b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def best_of(times: int, run: Callable[[], Any]) -> tuple[float, Any]:
    """The shortest of several runs, in seconds, and what the last one returned."""
    shortest, result = float("inf"), None
    for _ in range(times):
        gc.collect()
        started = time.perf_counter()
        result = run()
        shortest = min(shortest, time.perf_counter() - started)
    return shortest, result


def main(argv: Sequence[str]) -> None:
    """Run both comparisons and print them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks rules", description=__doc__)
    parser.add_argument("--contracts", type=int, default=2_000_000)
    parser.add_argument("--rules", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        many, some = Path(folder, "many"), Path(folder, "some")
        many.mkdir()
        some.mkdir()
        write_rules(many, 500)
        write_rules(some, options.rules)
        loading, loaded = best_of(3, lambda: ruleset.load([many]))
        rules = ruleset.load([some]).rules
    frames = market(options.contracts)
    ours, judgement = best_of(5, lambda: judge(rules, frames))
    pandas = Pandas(frames)
    theirs, flagged = best_of(3, lambda: pandas.flagged(rules))
    same = judgement.findings.height == sum(map(len, flagged)) and set(judgement.findings["contract"]) == {
        contract for part in flagged for contract in part["contract"]
    }
    figures = {
        "contracts": options.contracts,
        "rules": len(rules),
        "findings": judgement.findings.height,
        "not_judged": int(judgement.not_judged["count"].sum()),
        "same_rows_as_pandas": same,
        "judge_seconds": round(ours, 3),
        "pandas_seconds": round(theirs, 3),
        "ratio_to_pandas": round(theirs / ours, 1),
        "load_500_rules_seconds": round(loading, 3),
        "loaded_rules": len(loaded.rules),
    }
    if options.json:
        print(json.dumps(figures))
        return
    for name, figure in figures.items():
        print(
            f"{name.replace('_', ' '):<24}{figure:>12,}"
            if not isinstance(figure, bool)
            else f"{name:<24}{figure!s:>12}"
        )
