"""What a detector should find, written into real history: blocks, drips, ladders and openings of new strikes.

Sizes are log-uniform between 50 and 5,000 lots in all, places uniform over the contracts listed in the session with at
least one day to live (for a drip: listed and alive on all five days; for a new strike: first listed that day, without
open interest). Volume is added to what was really traded, and to the open interest of the mornings after. *Harder*
places are where people trade: |delta| from .03 to .6, 5 to 200 days to live, half of them weighted by what the
contracts traded lately. The fewer dead contracts among the places, the harder events are to find, for every detector.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection.recording import Recording

KINDS = ("block", "drip", "ladder", "new strike")
SMALLEST, LARGEST = 50, 5000
DRIP_SESSIONS = 5
_LADDER_STRIKES = 3


@dataclass(frozen=True)
class Injection:
    """One planted event: ``lots`` (rows, sessions) added to ``rows`` from ``session`` on."""

    kind: str
    session: int
    rows: NDArray[np.int64]
    lots: NDArray[np.int64]


def plant(
    recording: Recording, sessions: range, per_session: int, random: np.random.Generator, *, harder: bool = False
) -> tuple[Recording, list[Injection]]:
    """The recording with ``per_session`` injections of every kind in every session, no contract used twice."""
    volume, opened = recording.volume.copy(), recording.open_interest.copy()
    used = np.zeros(len(volume), bool)
    planted = []
    for session in sessions:
        for kind in KINDS:
            for _ in range(per_session):
                injection = _one(recording, kind, session, used, random, harder=harder)
                if injection is None:
                    continue
                used[injection.rows] = True
                span = slice(session, session + injection.lots.shape[1])
                volume[injection.rows, span] += injection.lots.astype(np.float32)
                for day in range(injection.lots.shape[1]):
                    opened[injection.rows, session + day + 1 :] += injection.lots[:, day, None].astype(np.float32)
                planted.append(injection)
    return replace(recording, volume=volume, open_interest=opened), planted


def _one(
    recording: Recording, kind: str, session: int, used: NDArray[np.bool_], random: np.random.Generator, *, harder: bool
) -> Injection | None:
    """Draw one injection; None where the session has no place for it."""
    span = DRIP_SESSIONS if kind == "drip" else 1
    if session + span > len(recording.sessions):
        return None
    possible = _possible(recording, kind, session, span) & ~used
    places = np.flatnonzero(possible & _traded(recording, session) if harder else possible)
    weights = _weights(recording, places, session) if harder and random.random() < 0.5 else None
    total = int(np.exp(random.uniform(np.log(SMALLEST), np.log(LARGEST))))
    for _ in range(20):
        if not len(places):
            return None
        row = int(random.choice(places, p=weights))
        rows = _ladder(recording, row, session) if kind == "ladder" else np.array([row])
        if rows is not None and not used[rows].any():
            shares = random.dirichlet(np.full(len(rows) * span, 4.0))
            lots = random.multinomial(total, shares).reshape(len(rows), span)
            return Injection(kind, session, rows, lots)
    return None


def _traded(recording: Recording, session: int) -> NDArray[np.bool_]:
    """Where people trade: neither deep in the money nor hopeless, for weeks to months."""
    depth, days = np.abs(recording.delta[:, session]), recording.days_to_expiry(session)
    return np.asarray((depth >= 0.03) & (depth <= 0.6) & (days >= 5) & (days <= 200))


def _weights(recording: Recording, places: NDArray[np.int64], session: int) -> NDArray[np.float64] | None:
    """Chances of places by what they traded in the five sessions before; None where there are none."""
    recent = np.nan_to_num(recording.volume[places, max(session - 5, 0) : session]).mean(axis=1)
    weights = np.sqrt(recent + 1.0)
    return weights / weights.sum() if len(places) else None


def _possible(recording: Recording, kind: str, session: int, span: int) -> NDArray[np.bool_]:
    """The contracts that a kind may start in."""
    days = recording.days_to_expiry(session)
    listed = np.isfinite(recording.volume[:, session : session + span]).all(axis=1) & (days >= 1)
    if kind != "new strike":
        return np.asarray(listed)
    name = recording.underlying_numbers
    traded_before = np.zeros(len(recording.underlyings), bool)
    before = np.isfinite(recording.volume[:, max(session - 1, 0)])
    traded_before[np.unique(name[before])] = session > 0
    fresh = ~np.isfinite(recording.volume[:, :session]).any(axis=1) & (
        np.nan_to_num(recording.open_interest[:, session]) == 0
    )
    return np.asarray(listed & fresh & traded_before[name])


def _ladder(recording: Recording, row: int, session: int) -> NDArray[np.int64] | None:
    """The contract and the next two listed strikes above it, of the same root, expiry and right."""
    rows = [row]
    candidate = row + 1
    key = ("root", "expiry", "right")
    mine = recording.contracts.select(key).row(row)
    while candidate < len(recording.volume) and len(rows) < _LADDER_STRIKES and candidate < row + 12:
        if recording.contracts.select(key).row(candidate) == mine and np.isfinite(recording.volume[candidate, session]):
            rows.append(candidate)
        candidate += 1
    return np.array(rows) if len(rows) == _LADDER_STRIKES else None
