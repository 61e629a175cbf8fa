"""What a walk is judged by: recall at a budget, false alarms, and confirmation by the next morning's open interest."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.detection.injections import KINDS, Injection
from benchmarks.detection.recording import Recording
from benchmarks.detection.walk import BUDGETS, Listed
from scanner.activity.tiers import TIER_EDGES
from scanner.metrics.matching import NEIGHBOURS, confirmed, matched_random

_RESAMPLES = 1000
NOMINAL = (1e-2, 1e-3, 1e-4)
DAYS_EDGES = (1, 8, 31, 91)


def recall(listed: Iterable[Listed], planted: list[Injection]) -> pl.DataFrame:
    """One row per detector and injection: ``detector kind session lots`` and, by budget, the delay in sessions.

    ``delay_5`` and so on are the sessions from the injection's first day to its first hit, null where it never was one.
    """
    first: dict[tuple[str, int, int], int] = {}
    detectors: dict[str, None] = {}
    for item in listed:
        detectors[item.detector] = None
        for budget in BUDGETS:
            for number in item.hits[budget]:
                first.setdefault((item.detector, number, budget), item.session - planted[number].session)
    rows = [
        (detector, item.kind, item.session, int(item.lots.sum()), *(first.get((detector, n, b)) for b in BUDGETS))
        for detector in detectors
        for n, item in enumerate(planted)
    ]
    schema = {"detector": pl.String, "kind": pl.String, "session": pl.Int64, "lots": pl.Int64}
    return pl.DataFrame(rows, schema=schema | {f"delay_{b}": pl.Int64 for b in BUDGETS}, orient="row")


def recall_table(outcomes: pl.DataFrame, random: np.random.Generator) -> pl.DataFrame:
    """Recall by detector, kind (and "all", the mean over kinds) and budget, with 95 % intervals over sessions.

    A kind of which nothing was planted has no recall. Sessions are resampled whole. Columns ``detector kind budget
    recall low high delay``.
    """
    sessions = outcomes["session"].unique().sort()
    draws = random.integers(0, len(sessions), (_RESAMPLES, len(sessions)))
    weights = np.stack([np.bincount(draw, minlength=len(sessions)) for draw in draws])
    rows = []
    for (detector,), mine in outcomes.partition_by("detector", as_dict=True, maintain_order=True).items():
        for budget in BUDGETS:
            spread = []
            for kind in (name for name in KINDS if name in mine["kind"]):
                part = mine.filter(pl.col("kind") == kind)
                place = sessions.search_sorted(part["session"])
                found = part[f"delay_{budget}"].is_not_null().to_numpy()
                hits = np.bincount(place.to_numpy(), found, len(sessions))
                count = np.bincount(place.to_numpy(), minlength=len(sessions))
                resampled = (weights @ hits) / np.maximum(weights @ count, 1)
                spread.append((hits.sum() / max(count.sum(), 1), resampled))
                delay = part[f"delay_{budget}"].mean()
                rows.append((detector, kind, budget, *_interval(*spread[-1]), delay))
            mean = float(np.mean([point for point, _ in spread]))
            rows.append((detector, "all", budget, *_interval(mean, np.mean([r for _, r in spread], axis=0)), None))
    names = ["detector", "kind", "budget", "recall", "low", "high", "delay"]
    return pl.DataFrame(rows, schema=names, orient="row", infer_schema_length=None)


def _interval(point: float, resampled: NDArray[np.float64]) -> tuple[float, float, float]:
    low, high = np.quantile(resampled, [0.025, 0.975])
    return float(point), float(low), float(high)


def best_published(table: pl.DataFrame, ours: str, others: tuple[str, ...]) -> pl.DataFrame:
    """Our recall beside the best published rule by kind and budget: ``kind budget recall low high best published
    ratio``."""
    rules = table.filter(pl.col("detector").is_in(others))
    best = rules.sort("recall", descending=True).group_by("kind", "budget", maintain_order=True).first()
    mine = table.filter(pl.col("detector") == ours).select("kind", "budget", "recall", "low", "high")
    joined = mine.join(
        best.select("kind", "budget", pl.col("detector").alias("best"), pl.col("recall").alias("published")),
        on=["kind", "budget"],
        maintain_order="left",
    )
    return joined.with_columns(ratio=pl.when(pl.col("published") > 0).then(pl.col("recall") / pl.col("published")))


def false_alarms(scored: list[pl.DataFrame], column: str, random: np.random.Generator) -> pl.DataFrame:
    """Realised / nominal by group: ``by group nominal rows expected ratio low high``, intervals over whole sessions.

    Groups: all, activity tier (expected volume), days to expiry, name, and session. The data hold real unusual trades
    too, so a ratio of one is not an error rate of zero true alarms: it says how often a stated chance came.
    """
    frame = pl.concat(
        part.select(
            session=pl.col("session_date"),
            name=pl.col("underlying"),
            tier=_band(pl.col("volume_expected"), list(TIER_EDGES)),
            days=_band(pl.col("dte"), list(DAYS_EDGES)),
            surprise=pl.col(column),
        )
        for part in scored
    ).drop_nulls("surprise")
    groups = [
        ("all", pl.lit("all")),
        ("tier", pl.col("tier")),
        ("days", pl.col("days")),
        ("name", pl.col("name")),
        ("session", pl.col("session").cast(pl.String)),
    ]
    rows = []
    for by, key in groups:
        for (group,), part in frame.group_by(key.alias("_group"), maintain_order=True):
            days = part["session"].unique().sort()
            place = days.search_sorted(part["session"]).to_numpy()
            count = np.bincount(place, minlength=len(days))
            draws = random.integers(0, len(days), (_RESAMPLES, len(days)))
            for nominal in NOMINAL:
                hits = np.bincount(place, (part["surprise"] >= -np.log10(nominal)).to_numpy(), len(days))
                resampled = hits[draws].sum(axis=1) / count[draws].sum(axis=1) / nominal
                point = hits.sum() / count.sum() / nominal
                rows.append((by, str(group), nominal, len(part), len(part) * nominal, *_interval(point, resampled)))
    names = ["by", "group", "nominal", "rows", "expected", "ratio", "low", "high"]
    return pl.DataFrame(rows, schema=names, orient="row")


def _band(value: pl.Expr, edges: list[float]) -> pl.Expr:
    """The band a value lies in, in words: "below 2", "2 to 8", "1024 and more"."""
    band = pl.lit(f"below {edges[0]:g}")
    for low, high in pairwise([*edges, None]):
        words = f"{low:g} and more" if high is None else f"{low:g} to {high:g}"
        band = pl.when(value >= low).then(pl.lit(words)).otherwise(band)
    return band


def confirmation(recording: Recording, listed: Iterable[Listed], random: np.random.Generator) -> pl.DataFrame:
    """Share of each detector's alerts that the next morning's open interest confirms, beside matched random contracts.

    The lead contract of every paid alert counts. Columns ``detector budget alerts confirmed low high matched
    matched_low matched_high``; intervals by resampling sessions.
    """
    outcomes: dict[tuple[str, int], list[tuple[float, float, int]]] = {}
    for item in listed:
        if item.session + 1 >= len(recording.sessions):
            continue
        features, label, rows = _matching(recording, item.session)
        for budget in BUDGETS:
            leads = np.array([item.entries[place].rows[0] for place in item.paid[budget]], np.int64)
            chosen = np.searchsorted(rows, leads)
            chosen = chosen[np.isfinite(label[chosen])]
            allowed = np.isfinite(label)
            allowed[chosen] = False
            if not len(chosen) or allowed.sum() < NEIGHBOURS:
                continue
            same = label[matched_random(features, chosen, allowed)].mean(axis=1)
            outcomes.setdefault((item.detector, budget), []).append(
                (float(label[chosen].sum()), float(same.sum()), len(chosen))
            )
    rows_out = []
    for (detector, budget), sums in outcomes.items():
        hits, same, count = np.array(sums).T
        draws = random.integers(0, len(sums), (_RESAMPLES, len(sums)))
        total = count[draws].sum(axis=1)
        mine = _interval(hits.sum() / count.sum(), hits[draws].sum(axis=1) / total)
        matched = _interval(same.sum() / count.sum(), same[draws].sum(axis=1) / total)
        rows_out.append((detector, budget, int(count.sum()), *mine, *matched))
    names = ["detector", "budget", "alerts", "confirmed", "low", "high", "matched", "matched_low", "matched_high"]
    return pl.DataFrame(rows_out, schema=names, orient="row")


def _matching(recording: Recording, session: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """What contracts are matched on, their label, and their rows in the recording, for one session.

    Contracts without volume have no label.
    """
    rows = recording.rows(session)
    volume = recording.volume[rows, session].astype(np.float64)
    interest = recording.open_interest[rows, session].astype(np.float64)
    label = confirmed(volume, interest, recording.open_interest[rows, session + 1].astype(np.float64))
    features = np.column_stack(
        [
            np.log1p(volume),
            np.log1p(np.maximum(recording.days_to_expiry(session)[rows], 0)),
            np.nan_to_num(np.abs(recording.delta[rows, session]), nan=0.5),
            np.log((volume + 1) / (np.nan_to_num(interest) + 1)),
        ]
    )
    return features, label, rows
