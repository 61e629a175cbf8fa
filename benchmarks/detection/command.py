"""What a user is told, beside every published rule at the same budget of alerts, and how often it is nothing.

    python -m benchmarks detection [--quick] [--data DIR] [--intraday DIR] [--daily DIR] [--symbols A,B] [--sessions N]
        [--rounds N] [--decoys N] [--only PART] [--store DIR] [--seed N] [--parts] [--json]

Imports recorded chains and replays them: the alerts of the product's own path at the shipped configuration, each
counted for the contracts that it names. Beside them stand the score's inner list and the published rules, walked
forward over the same sessions by the same models. Printed are how many alerts a session has and how often each stated
rarity came; the recall of planted blocks, drips, ladders and new-strike openings, in uniform and in harder places, and
where the others were lost; how many real openings were named; the share of alerts that the next morning's open interest
confirms; false alarms of the chances, by name, by time of day, and of names on the built-in prior; decoys; and, with
``--parts``, what each part of the score gives. Deterministic from the seed. ``--quick`` judges six sessions, to see
that everything still works; its figures say nothing. ``--store`` keeps what was imported and fitted for the next run,
which takes a model again only where the chains and the code that fits are the same; ``--only`` prints a part: what is
``told``, ``decoys``, by ``time`` of day, or of names on the ``prior``.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

import scanner
from benchmarks.detection import decoys, injections, measures, on_the_prior, openings, product, walk
from benchmarks.detection.ablations import ABLATIONS
from benchmarks.detection.intraday import by_time_of_day
from benchmarks.detection.published import RULES
from benchmarks.detection.recording import Recording
from scanner.alerts.model import Alert, Status
from scanner.app import configuring, opening

LEAST_HISTORY = 12
PLANTED = 8
QUICK = 6
PRODUCT = "what is told"
SURPRISES = ("combined_surprise", "volume_surprise", "volume_surprise_3", "volume_surprise_5")
STATED = (0.05, 0.2, 1.0, 5.0, 20.0)
# So many that planted events do not crowd each other out: the list is judged at the budgets of walk.BUDGETS.
ROOM = 150
PARTS = ("told", "decoys", "time", "prior")


def main(arguments: list[str]) -> int:
    """Run the benchmark; 2 where the data cannot be read or are too short."""
    options = _parse(arguments)
    started = time.perf_counter()
    try:
        recording = Recording.read(options.data, tuple(options.symbols.split(",")) if options.symbols else None)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    judged = _judged_sessions(recording, QUICK if options.quick else options.sessions)
    settings = configuring.built_in()
    rules, _ = opening.usable_rules(settings, strict=True)
    with product.imported(options.data, rules, settings, tuple(recording.underlyings), options.store) as told:
        fitted = {session: told.model(recording.sessions[session]) for session in judged}
        models = {session: model for session, model in fitted.items() if model.kind == "own"}
        if not models:
            print(f"{options.data}: no session has {LEAST_HISTORY} trusted sessions before it", file=sys.stderr)
            return 2
        result: dict[str, object] = run(recording, models, told, options) if "told" in options.only else {}
        if "decoys" in options.only:
            changed, random = list(models)[:: options.decoys], np.random.default_rng(options.seed)
            result["decoys"] = decoys.judge_decoys(recording, told, changed, random).to_dicts()
    if "time" in options.only and options.intraday.is_dir() and not options.quick:
        result["false alarms by time of day"] = by_time_of_day(options.intraday).to_dicts()
    if "prior" in options.only and options.daily.is_dir() and not options.quick:
        folders = sorted(folder for folder in options.daily.iterdir() if folder.is_dir())
        result["false alarms of the built-in prior"] = on_the_prior.by_name(folders).to_dicts()
    result["about"] = _about(recording, models, options) | {"seconds": round(time.perf_counter() - started, 1)}
    print(json.dumps(result, indent=1, default=str) if options.json else _text(result))
    return 0


def _parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks detection")
    default = Path(os.environ.get("SCANNER_REAL_DATA", Path(__file__).parents[2] / "shared" / "data"))
    parser.add_argument("--data", type=Path, default=default / "eod-volume-oi", help="folder of recorded chains")
    parser.add_argument(
        "--intraday", type=Path, default=default / "cboe-chain-intraday", help="folder of chains of several times a day"
    )
    parser.add_argument(
        "--daily", type=Path, default=default / "cboe-chain-daily", help="a folder of recorded chains for each name"
    )
    parser.add_argument("--symbols", default="", help="only these underlyings, separated by commas")
    parser.add_argument("--sessions", type=int, default=10, help="how many of the last sessions to judge")
    parser.add_argument(
        "--rounds", type=int, default=1, help="rounds of injections in each kind of place, 32 a session"
    )
    parser.add_argument("--decoys", type=int, default=2, help="every so many sessions are changed into decoys")
    parser.add_argument("--only", choices=PARTS, action="append", help="a part of the tables; may be repeated")
    parser.add_argument("--store", type=Path, help="a folder that keeps chains and models for the next run")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="six sessions only")
    parser.add_argument("--parts", action="store_true", help="what each part of the score gives, too")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args(arguments)
    options.only = options.only or list(PARTS)
    return options


def _judged_sessions(recording: Recording, count: int) -> range:
    """The last sessions, each with enough trusted sessions of every name before it."""
    known, names = np.isfinite(recording.volume), recording.underlying_numbers
    enough = [
        int(np.flatnonzero(known[names == name].any(axis=0))[:LEAST_HISTORY][-1]) + 1
        for name in range(len(recording.underlyings))
    ]
    return range(max(*enough, len(recording.sessions) - count), len(recording.sessions))


def run(
    recording: Recording, models: walk.Models, told: product.Product, options: argparse.Namespace
) -> dict[str, object]:
    """Every table of the benchmark, as lists of rows."""
    random = np.random.default_rng(options.seed)
    own = (walk.OURS, *ABLATIONS) if options.parts else (walk.OURS,)
    days = [recording.sessions[session] for session in models]
    natural = list(told.tell(days))
    clean = {session: walk.ranked(recording, session, model) for session, model in models.items()}
    lists = [*_told_lists(recording, models, natural, []), *walk.lists_of(recording, models, clean, [])]
    tables: dict[str, object] = {
        "alerts a session": _alerts_a_session(natural),
        "stated and realised": _stated(natural),
    }
    for where, harder in (("uniform places", False), ("harder places", True)):
        outcomes, where_lost = [], Counter[str]()
        for _ in range(options.rounds):
            changed, planted = injections.plant(
                recording, range(min(models), max(models) + 1), PLANTED, random, harder=harder
            )
            seen = list(_roomy(told).tell(days, product.lots_of(recording, planted)))
            variants = ABLATIONS if options.parts and not harder else {}
            found = [
                *_told_lists(recording, models, seen, planted),
                *walk.lists(changed, models, planted, variants),
            ]
            outcomes.append(measures.recall(found, planted))
            where_lost += _where_lost(recording, models, seen, planted)
        recall = measures.recall_table(pl.concat(outcomes), random)
        for detector in (PRODUCT, *own[:1]):
            best = measures.best_published(recall, detector, tuple(RULES))
            tables[f"{detector}, {where}, beside the best published rule"] = best.to_dicts()
        tables[f"where planted events stood, {where}, budget {walk.BUDGETS[1]}"] = [
            {"where": name, "events": count} for name, count in where_lost.most_common()
        ]
        tables[f"each rule, {where}"] = _by_rule(recording, told, natural, seen, planted)
        tables[f"recall, {where}"] = recall.to_dicts()
    alarms = [
        measures.false_alarms(list(clean.values()), column, random).with_columns(score=pl.lit(column))
        for column in SURPRISES
    ]
    return tables | {
        "real openings named": openings.named(lists, openings.real_openings(recording, list(models))).to_dicts(),
        "confirmed next morning": measures.confirmation(recording, lists, random).to_dicts(),
        "false alarms": pl.concat(alarms).to_dicts(),
    }


def _roomy(told: product.Product) -> product.Product:
    """The same with room for more alerts than the budgets judged."""
    alerts = told.settings.alerts.model_copy(update={"budget_per_session": ROOM})
    return replace(told, settings=told.settings.model_copy(update={"alerts": alerts}))


def _told_lists(
    recording: Recording, models: walk.Models, seen: list[product.Told], planted: list[injections.Injection]
) -> list[walk.Listed]:
    """What was told as lists that budgets are spent on."""
    numbers = dict(zip(recording.contracts["contract"], range(recording.contracts.height), strict=True))
    of_session = {told.session: product.entries(told, numbers) for told in seen}
    listed = {session: of_session.get(recording.sessions[session], []) for session in models}
    return list(walk.spend(PRODUCT, listed, planted, len(recording.volume)))


def _where_lost(
    recording: Recording, models: walk.Models, seen: list[product.Told], planted: list[injections.Injection]
) -> Counter[str]:
    """Where planted events stood in the session that served them best."""
    told = {item.session: item for item in seen}
    counts = Counter[str]()
    for item in planted:
        contracts = [recording.contracts["contract"][int(row)] for row in item.rows]
        span = range(item.session, item.session + item.lots.shape[1])
        days = [told[recording.sessions[number]] for number in span if recording.sessions[number] in told]
        if days:
            places = [product.lost(day, contracts, walk.BUDGETS[1]) for day in days]
            counts[min(places, key=_order)] += 1
    return counts


def _by_rule(
    recording: Recording,
    told: product.Product,
    natural: list[product.Told],
    seen: list[product.Told],
    planted: list[injections.Injection],
) -> list[dict[str, object]]:
    """What each rule finds and tells in a session, and the share of planted events of each kind that it finds.

    ``not judged`` are rows a session for which a value was missing; ``day`` is the session of a drip in which it is
    found first, counted from 1.
    """
    day_of = {day.session: day for day in seen}
    found: dict[str, dict[str, list[int]]] = {}
    count = Counter(item.kind for item in planted)
    for item in planted:
        contracts = {recording.contracts["contract"][int(row)] for row in item.rows}
        first: dict[str, int] = {}
        for day in range(item.lots.shape[1]):
            then = day_of.get(recording.sessions[item.session + day])
            for rule_id in () if then is None else _finding(then, contracts):
                first.setdefault(rule_id, day + 1)
        for rule_id, day in first.items():
            found.setdefault(rule_id, {}).setdefault(item.kind, []).append(day)
    findings = Counter(alert.rule_id for day in natural for alert in (*day.alerts, *_held(day)))
    alerts = Counter(alert.rule_id for day in natural for alert in day.alerts if alert.status is Status.new)
    unjudged = sum((Counter(day.unjudged) for day in natural), Counter())
    return [
        {
            "rule": rule_id,
            "findings": findings[rule_id] / len(natural),
            "told": alerts[rule_id] / len(natural),
            "not judged": unjudged[rule_id] / len(natural),
            **{kind: len(found.get(rule_id, {}).get(kind, ())) / max(count[kind], 1) for kind in injections.KINDS},
            "day": float(np.mean(found.get(rule_id, {}).get("drip", [np.nan]))),
        }
        for rule_id in sorted({rule.id for rule in told.rules} | findings.keys() | found.keys())
    ]


def _held(told: product.Told) -> list[Alert]:
    return [item.alert for item in told.held_back]


def _finding(told: product.Told, contracts: set[str]) -> set[str]:
    """The rules that found one of some contracts themselves, or named it as what did it."""
    return {
        alert.rule_id
        for alert in (*told.alerts, *_held(told))
        if (alert.contract in contracts if alert.contract else not contracts.isdisjoint(product.named(alert)))
    }


def _order(place: str) -> int:
    """How near a planted event came to being told."""
    steps = ("found", "rank", "held back", "story", "no family", "score", "not judged")
    return next(number for number, step in enumerate(steps) if place.startswith(step))


def _alerts_a_session(natural: list[product.Told]) -> list[dict[str, object]]:
    """What a user gets: new alerts of each session, and those that go on, by severity."""
    return [
        {
            "session": told.session,
            "new": sum(alert.status is Status.new for alert in told.alerts),
            "ongoing": sum(alert.status is not Status.new for alert in told.alerts),
            **{level: sum(alert.severity == level for alert in told.alerts) for level in ("high", "notice", "info")},
            "held back": len(told.held_back),
        }
        for told in natural
    ]


def _stated(natural: list[product.Told]) -> list[dict[str, object]]:
    """How many stories a session were stated to be as rare, and how many came."""
    rows = []
    for rate in STATED:
        came = [told.ranked.filter(pl.col("once_in_sessions") >= 1.0 / rate)["story"].n_unique() for told in natural]
        rows.append({"stated a session": rate, "once in sessions": 1.0 / rate, "came a session": float(np.mean(came))})
    return rows


def _about(recording: Recording, models: walk.Models, options: argparse.Namespace) -> dict[str, object]:
    listed = [len(recording.rows(session)) for session in models]
    return {
        "version": scanner.__version__,
        "data": options.data.name,
        "underlyings": list(recording.underlyings),
        "sessions": f"{recording.sessions[min(models)]} to {recording.sessions[max(models)]}, {len(models)}",
        "contracts a session": int(np.mean(listed)),
        "universe": "every listed contract; planted in any with a day or more to live, or where people trade",
        "rounds": options.rounds,
        "seed": options.seed,
        "excluded": list(recording.excluded),
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
            if name == "about" or not rows:
                continue
            frame = pl.DataFrame(rows, infer_schema_length=None)
            if name.startswith("recall"):
                frame = frame.filter(pl.col("kind") == "all").pivot(on="budget", index="detector", values="recall")
            if name == "false alarms":
                frame = frame.filter(
                    (pl.col("by") == "all") | ((pl.col("score") == SURPRISES[0]) & (pl.col("by") != "session"))
                )
            parts.append(f"{name}\n{frame}")
    return "\n\n".join(parts)
