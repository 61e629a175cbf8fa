"""How well unusual volume is found, beside every published rule at the same budget of alerts, and how often it is not.

    python -m benchmarks detection [--data DIR] [--intraday DIR] [--symbols A,B] [--sessions N] [--rounds N] [--seed N]
        [--json]

Walks forward over recorded sessions: each is judged by a model fitted on up to 40 sessions before it. Printed are
realised against nominal false alarms, by time of day too where there are several chains a session; the recall of
injected blocks, drips, ladders and new-strike openings, among all listed contracts and among those with 100 or more
open; decoys; the share of alerts that the next morning's open interest confirms; and what each part of the score gives.
Deterministic from the seed.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

import scanner
from benchmarks.detection import decoys, injections, measures, walk
from benchmarks.detection.ablations import ABLATIONS
from benchmarks.detection.intraday import by_time_of_day
from benchmarks.detection.published import RULES
from benchmarks.detection.tape import Tape

LEAST_HISTORY = 12
HELD = 100
PLANTED = 4
SURPRISES = ("combined_surprise", "volume_surprise", "volume_surprise_3", "volume_surprise_5")


def main(arguments: list[str]) -> int:
    """Run the benchmark; 2 where the data cannot be read or are too short."""
    options = _parse(arguments)
    started = time.perf_counter()
    try:
        tape = Tape.read(options.data, tuple(options.symbols.split(",")) if options.symbols else None)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    judged = _judged_sessions(tape, options.sessions)
    models = walk.fit_models(tape, judged)
    models = {session: model for session, model in models.items() if model.kind == "own"}
    if not models:
        print(f"{options.data}: no session has {LEAST_HISTORY} trusted sessions before it", file=sys.stderr)
        return 2
    result = run(tape, models, options.rounds, options.seed)
    if options.intraday.is_dir():
        result["false alarms by time of day"] = by_time_of_day(options.intraday).to_dicts()
    result["about"] = _about(tape, models, options) | {"seconds": round(time.perf_counter() - started, 1)}
    print(json.dumps(result, indent=1, default=str) if options.json else _text(result))
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks detection")
    default = Path(os.environ.get("SCANNER_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=default / "eod-volume-oi", help="folder of recorded chains")
    parser.add_argument(
        "--intraday", type=Path, default=default / "cboe-chain-intraday", help="folder of chains of several times a day"
    )
    parser.add_argument("--symbols", default="", help="only these underlyings, separated by commas")
    parser.add_argument("--sessions", type=int, default=20, help="how many of the last sessions to judge")
    parser.add_argument("--rounds", type=int, default=4, help="rounds of injections, each 16 a session")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args(arguments)


def _judged_sessions(tape: Tape, count: int) -> range:
    """The last sessions, each with enough trusted sessions of every name before it."""
    enough = [
        int(np.flatnonzero(np.isfinite(tape.volume[tape.underlying_numbers == name]).any(axis=0))[:LEAST_HISTORY][-1])
        + 1
        for name in range(len(tape.underlyings))
    ]
    return range(max(min(enough), len(tape.sessions) - count), len(tape.sessions))


def run(tape: Tape, models: walk.Models, rounds: int, seed: int) -> dict[str, object]:
    """Every table of the benchmark, as lists of rows."""
    random = np.random.default_rng(seed)
    clean = [walk.score(tape, session, model) for session, model in models.items()]
    recall = _recall(tape, models, rounds, random, 0, ABLATIONS)
    held = _recall(tape, models, rounds, random, HELD, {})
    alarms = [measures.false_alarms(clean, column, random).with_columns(score=pl.lit(column)) for column in SURPRISES]
    ablated = [
        measures.false_alarms(
            [change(part, models[s]) for s, part in zip(models, clean, strict=True)], SURPRISES[0], random
        )
        .filter(pl.col("by") == "all")
        .with_columns(score=pl.lit(name))
        for name, change in ABLATIONS.items()
    ]
    natural = walk.lists(tape, models, [])
    return {
        "beside the best published rule": measures.best_published(recall, walk.OURS, tuple(RULES)).to_dicts(),
        f"the same, open interest {HELD} or more": measures.best_published(held, walk.OURS, tuple(RULES)).to_dicts(),
        "recall": recall.to_dicts(),
        "false alarms": pl.concat(alarms).to_dicts(),
        "false alarms without parts": pl.concat(ablated).to_dicts(),
        "confirmed next morning": measures.confirmation(tape, natural, random).to_dicts(),
        "decoys": decoys.judge_decoys(tape, models, random).to_dicts(),
    }


def _recall(
    tape: Tape,
    models: walk.Models,
    rounds: int,
    random: np.random.Generator,
    least_open_interest: int,
    variants: dict[str, walk.Rescore],
) -> pl.DataFrame:
    """The recall table of some rounds of injections."""
    outcomes = []
    for _ in range(rounds):
        volume, planted = injections.plant(
            tape, range(min(models), max(models) + 1), PLANTED, random, least_open_interest
        )
        lists = walk.lists(tape.with_volume(volume), models, planted, variants)
        outcomes.append(measures.recall(lists, planted))
    return measures.recall_table(pl.concat(outcomes), random)


def _about(tape: Tape, models: walk.Models, options: argparse.Namespace) -> dict[str, object]:
    listed = [len(tape.rows(session)) for session in models]
    return {
        "version": scanner.__version__,
        "data": options.data.name,
        "underlyings": list(tape.underlyings),
        "sessions": f"{tape.sessions[min(models)]} to {tape.sessions[max(models)]}, {len(models)}",
        "contracts a session": int(np.mean(listed)),
        "universe": "every listed contract; injections into any with a day or more to live",
        "rounds": options.rounds,
        "seed": options.seed,
        "excluded": list(tape.excluded),
    }


def _text(result: dict[str, object]) -> str:
    """The tables for a reader; per-session and per-kind rows are in --json."""
    parts = ["\n".join(f"{name}: {value}" for name, value in result["about"].items())]
    with pl.Config(
        tbl_rows=-1,
        tbl_cols=-1,
        tbl_hide_dataframe_shape=True,
        tbl_hide_column_data_types=True,
        float_precision=3,
        tbl_width_chars=160,
    ):
        for name, rows in result.items():
            if name == "about":
                continue
            frame = pl.DataFrame(rows, infer_schema_length=None)
            if name == "recall":
                frame = frame.filter(pl.col("kind") == "all").pivot(on="budget", index="detector", values="recall")
            if name == "false alarms":
                frame = frame.filter(
                    (pl.col("by") == "all") | ((pl.col("score") == SURPRISES[0]) & (pl.col("by") != "session"))
                )
            parts.append(f"{name}\n{frame}")
    return "\n\n".join(parts)
