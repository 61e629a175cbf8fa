"""The walk forward: every session is judged by what was known before it, with and without planted events."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.evaluate.injections import Injection
from scanner.evaluate.published import RULES, Session
from scanner.evaluate.tape import Tape
from scanner.metrics import ladder, selection, surprise

BUDGETS = (5, 20, 50)
OURS = "this score"
_NO_ALERT = -1.0


@dataclass(frozen=True)
class Judged:
    """One judged session: row numbers of the tape, the scored chain, and the list of alerts."""

    session: int
    rows: NDArray[np.int64]
    scored: pl.DataFrame
    alerts: pl.DataFrame


def fit_models(tape: Tape, sessions: range, depth: int = 60) -> dict[int, surprise.VolumeModel]:
    """One model a session, fitted on the sessions before it."""
    models = {}
    for session in sessions:
        model = surprise.fit(tape.panel(session, depth))
        if model is not None:
            models[session] = model
    return models


def judge(tape: Tape, session: int, model: surprise.VolumeModel, depth: int = 60) -> Judged:
    """Score one session of a tape with the coefficients of ``model`` and the tape's own past."""
    panel = tape.panel(session, depth)
    scored = model.onto(panel).score(tape.chain(session), panel)
    alerts = selection.consolidate(scored, ladder.find(scored, model.ladder))
    return Judged(session, tape.rows(session), scored, alerts)


def published_session(tape: Tape, session: int) -> Session:
    """What the published rules see of a session."""
    rows = tape.rows(session)
    name = tape.underlying_numbers[rows]
    spot = _last_known(tape.spot, session)[name]
    call = (tape.contracts["right"][rows] == "C").to_numpy()
    distance = tape.contracts["strike"][rows].to_numpy() / spot - 1
    return Session(
        volume=tape.volume[rows, session].astype(np.float64),
        open_interest=np.nan_to_num(tape.open_interest[rows, session]).astype(np.float64),
        price=tape.price[rows, session].astype(np.float64),
        days=tape.days_to_expiry(session)[rows],
        otm_pct=np.where(call, distance, -distance),
        call=call,
        underlying=name,
        past=tape.volume[rows, max(session - 90, 0) : session],
    )


def _last_known(spot: NDArray[np.float64], session: int) -> NDArray[np.float64]:
    """Spot of every underlying at a session, else the last one known before it."""
    past = spot[:, : session + 1]
    known = np.isfinite(past)
    last = past.shape[1] - 1 - np.argmax(known[:, ::-1], axis=1)
    return np.where(known.any(axis=1), past[np.arange(len(past)), last], np.nan)


def ranks(
    tape: Tape, injections: list[Injection], models: dict[int, surprise.VolumeModel]
) -> Iterator[tuple[str, int, int, int]]:
    """For every detector, injection and session it is alive in: (detector, injection number, session, rank).

    ``tape`` holds the injections already. The rank counts the alerts of the session that stand above the injection's
    best one, those of other injections left out; an injection that no alert names has none and does not appear.
    """
    owner = np.full(len(tape.volume), -1)
    for number, injection in enumerate(injections):
        owner[injection.rows] = number
    first = {number: injection.session for number, injection in enumerate(injections)}
    last = {n: i.session + i.lots.shape[1] - 1 for n, i in enumerate(injections)}
    for session, model in models.items():
        alive = [n for n in first if first[n] <= session <= last[n]]
        rows = tape.rows(session)
        mine = np.where(np.isin(owner[rows], alive), owner[rows], -1)
        judged = judge(tape, session, model)
        for number, rank in _our_ranks(judged, mine):
            yield OURS, number, session, rank
        seen = published_session(tape, session)
        for name, rule in RULES.items():
            for number, rank in _rule_ranks(np.nan_to_num(rule(seen)), mine):
                yield name, number, session, rank


def _our_ranks(judged: Judged, owner: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Rank of the best alert that names a contract of each injection."""
    owners = dict(zip(judged.scored["contract"], owner, strict=True))
    best: dict[int, int] = {}
    natural = 0
    for members in judged.alerts["members"]:
        planted = {owners[contract] for contract in members} - {-1}
        for number in planted:
            best.setdefault(int(number), natural)
        natural += not planted
    return list(best.items())


def _rule_ranks(score: NDArray[np.float64], owner: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Rank of each injection's best contract among the contracts without one; ties count against it."""
    natural = np.sort(score[owner == -1])
    planted = np.flatnonzero((owner >= 0) & (score > 0))
    best: dict[int, int] = {}
    for row in planted:
        rank = len(natural) - int(np.searchsorted(natural, score[row], side="left"))
        number = int(owner[row])
        best[number] = min(rank, best.get(number, rank))
    return list(best.items())
