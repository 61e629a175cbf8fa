"""The walk forward: every session is judged by what was known before it, with or without planted events.

Every detector gives one list a session. A budget of alerts is spent from its top; an alert that was on the detector's
list of the session before is the same episode and costs nothing; an alert that names a planted contract is a hit if the
budget reaches down to it, and costs nothing either, so that planted events do not crowd each other out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.detection.injections import Injection
from benchmarks.detection.published import RULES, Session
from benchmarks.detection.recording import Recording
from scanner import activity
from scanner.activity import selection
from scanner.activity.ranking.today import rank

BUDGETS = (5, 20, 50)
OURS = "this score"
DEPTH = 40
NAMED = 5
_DEEPEST = 400
_MULTIPLIER = 100.0

Models = dict[int, activity.VolumeModel]
Rescore = Callable[[pl.DataFrame, activity.VolumeModel], pl.DataFrame]


@dataclass(frozen=True)
class Entry:
    """One alert of a list: its rank (higher is rarer) and the rows of the contracts it names, the lead first."""

    rank: float
    rows: tuple[int, ...]


@dataclass(frozen=True)
class Listed:
    """One detector's list of one session, in order, and which of its entries each budget pays for."""

    session: int
    detector: str
    entries: tuple[Entry, ...]
    paid: dict[int, tuple[int, ...]]
    hits: dict[int, frozenset[int]]


def fit_models(recording: Recording, sessions: range) -> Models:
    """One model a session, fitted on up to 40 sessions before it; none where the history is too short."""
    fitted = {session: activity.fit(recording.panel(session, DEPTH)) for session in sessions}
    return {session: model for session, model in fitted.items() if model is not None}


def score(recording: Recording, session: int, model: activity.VolumeModel) -> pl.DataFrame:
    """A session's chain scored with a model's coefficients and the recording's own past, one row a listed contract."""
    panel = recording.panel(session, DEPTH)
    return activity.score(model.onto(panel), recording.chain(session), panel)


def ranked(recording: Recording, session: int, model: activity.VolumeModel) -> pl.DataFrame:
    """A session's chain scored and ranked among the stories of the model's past."""
    panel = recording.panel(session, DEPTH)
    laid = model.onto(panel)
    scored = activity.score(laid, recording.chain(session), panel)
    premium = pl.col("volume") * pl.col("mid") * _MULTIPLIER
    tagged = scored.with_columns(selection.roll_suspects(scored), premium=premium)
    return rank(tagged, tagged["volume"], panel, laid)


def lists(
    recording: Recording, models: Models, planted: list[Injection], variants: dict[str, Rescore] | None = None
) -> Iterator[Listed]:
    """The lists of every detector, session by session. ``recording`` holds the planted events already.

    ``variants`` are further readings of our own score by name: each takes the scored chain and gives it back with
    another ``combined_surprise``.
    """
    found = {session: ranked(recording, session, model) for session, model in models.items()}
    return lists_of(recording, models, found, planted, variants)


def lists_of(
    recording: Recording,
    models: Models,
    found: Mapping[int, pl.DataFrame],
    planted: list[Injection],
    variants: dict[str, Rescore] | None = None,
) -> Iterator[Listed]:
    """:func:`lists` of sessions that :func:`ranked` has judged."""
    by_detector: dict[str, dict[int, list[Entry]]] = {}
    for session, chain in found.items():
        for detector, entries in _session_lists(recording, session, chain, models[session], variants or {}):
            by_detector.setdefault(detector, {})[session] = entries
    for detector, listed in by_detector.items():
        yield from spend(detector, listed, planted, len(recording.volume))


def spend(
    detector: str, listed: Mapping[int, list[Entry]], planted: Sequence[Injection], rows: int
) -> Iterator[Listed]:
    """Spend every budget on one detector's lists, session by session; ``rows`` is how many contracts there are."""
    owner = np.full(rows, -1)
    for number, injection in enumerate(planted):
        owner[injection.rows] = number
    spans = [range(item.session, item.session + item.lots.shape[1]) for item in planted]
    before: dict[tuple[str, int], set[int]] = {}
    for session, entries in listed.items():
        alive = {number for number, span in enumerate(spans) if session in span}
        named = [tuple(int(owner[row]) for row in entry.rows if int(owner[row]) in alive) for entry in entries]
        yield _spend(session, detector, entries, named, before)


def _session_lists(
    recording: Recording,
    session: int,
    found: pl.DataFrame,
    model: activity.VolumeModel,
    variants: dict[str, Rescore],
) -> Iterator[tuple[str, list[Entry]]]:
    """Each detector's entries of a session, best first."""
    rows = recording.rows(session)
    numbers = dict(zip(found["contract"], rows.tolist(), strict=True))
    ordered = {OURS: raised(found)}
    ordered |= {name: raised(rescore(found, model), "combined_surprise") for name, rescore in variants.items()}
    for name, alerts in ordered.items():
        yield (
            name,
            [
                Entry(rank, tuple(numbers[contract] for contract in members))
                for rank, members in alerts.select("rank", "members").head(_DEEPEST).iter_rows()
            ],
        )
    seen = published_session(recording, session)
    for name, rule in RULES.items():
        values = np.nan_to_num(rule(seen))
        order = np.argsort(-values, kind="stable")[:_DEEPEST]
        yield name, [Entry(float(values[i]), (int(rows[i]),)) for i in order if values[i] > 0]


def raised(found: pl.DataFrame, by: str = "once_in_sessions") -> pl.DataFrame:
    """The stories of a ranked chain, the rarest first: ``rank lead members``, of the latter five."""
    strongest = pl.col("contract").sort_by(by, descending=True, maintain_order=True)
    return (
        found.filter(pl.col("story").is_not_null())
        .group_by("story", maintain_order=True)
        .agg(rank=pl.col(by).max(), lead=strongest.first(), members=strongest.head(NAMED))
        .sort("rank", descending=True, nulls_last=True, maintain_order=True)
    )


def _spend(
    session: int,
    detector: str,
    entries: list[Entry],
    named: list[tuple[int, ...]],
    before: dict[tuple[str, int], set[int]],
) -> Listed:
    """Spend every budget from the top of a list; ``before`` holds and gets what each list named, by budget."""
    paid, hits = {}, {}
    for budget in BUDGETS:
        old = before.get((detector, budget), set())
        chosen: list[int] = []
        found: set[int] = set()
        now: set[int] = set()
        for place, entry in enumerate(entries):
            if len(chosen) == budget:
                break
            now.update(entry.rows)
            if named[place]:
                found.update(named[place])
            elif old.isdisjoint(entry.rows):
                chosen.append(place)
        before[detector, budget] = now
        paid[budget], hits[budget] = tuple(chosen), frozenset(found)
    return Listed(session, detector, tuple(entries), paid, hits)


def published_session(recording: Recording, session: int) -> Session:
    """What the published rules see of a session."""
    rows = recording.rows(session)
    name = recording.underlying_numbers[rows]
    spot = _last_known(recording.spot, session)[name]
    call = (recording.contracts["right"][rows] == "C").to_numpy()
    distance = recording.contracts["strike"][rows].to_numpy() / spot - 1
    return Session(
        volume=recording.volume[rows, session].astype(np.float64),
        open_interest=np.nan_to_num(recording.open_interest[rows, session]).astype(np.float64),
        price=recording.price[rows, session].astype(np.float64),
        days=recording.days_to_expiry(session)[rows],
        otm_pct=np.where(call, distance, -distance),
        call=call,
        underlying=name,
        past=recording.volume[rows, max(session - 90, 0) : session],
    )


def _last_known(spot: NDArray[np.float64], session: int) -> NDArray[np.float64]:
    """Spot of every underlying at a session, else the last one known before it."""
    past = spot[:, : session + 1]
    known = np.isfinite(past)
    last = past.shape[1] - 1 - np.argmax(known[:, ::-1], axis=1)
    return np.where(known.any(axis=1), past[np.arange(len(past)), last], np.nan)
