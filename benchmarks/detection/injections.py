"""What a detector should find, written into real history: blocks, drips, ladders and openings of new strikes.

Sizes are log-uniform between 50 and 5,000 lots in all, places uniform over the contracts listed in the session with at
least one day to live (for a drip: listed and alive on all five days; for a new strike: first listed that day, without
open interest). Volume is added to what was really traded. Places may be limited to contracts with some open interest:
the fewer dead contracts among them, the harder events are to find, for every detector.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.detection.tape import Tape

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
    tape: Tape, sessions: range, per_session: int, random: np.random.Generator, least_open_interest: int = 0
) -> tuple[NDArray[np.float32], list[Injection]]:
    """The tape's volume with ``per_session`` injections of every kind in every session, no contract used twice.

    All but new strikes go to contracts with at least ``least_open_interest``.
    """
    volume = tape.volume.copy()
    used = np.zeros(len(volume), bool)
    planted = []
    for session in sessions:
        for kind in KINDS:
            for _ in range(per_session):
                injection = _one(tape, kind, session, used, random, least_open_interest)
                if injection is None:
                    continue
                used[injection.rows] = True
                span = slice(session, session + injection.lots.shape[1])
                volume[injection.rows, span] += injection.lots.astype(np.float32)
                planted.append(injection)
    return volume, planted


def _one(
    tape: Tape, kind: str, session: int, used: NDArray[np.bool_], random: np.random.Generator, least: int
) -> Injection | None:
    """Draw one injection; None where the session has no place for it."""
    span = DRIP_SESSIONS if kind == "drip" else 1
    if session + span > len(tape.sessions):
        return None
    places = np.flatnonzero(_possible(tape, kind, session, span, least) & ~used)
    total = int(np.exp(random.uniform(np.log(SMALLEST), np.log(LARGEST))))
    for _ in range(20):
        if not len(places):
            return None
        row = int(random.choice(places))
        rows = _ladder(tape, row, session) if kind == "ladder" else np.array([row])
        if rows is not None and not used[rows].any():
            shares = random.dirichlet(np.full(len(rows) * span, 4.0))
            lots = random.multinomial(total, shares).reshape(len(rows), span)
            return Injection(kind, session, rows, lots)
    return None


def _possible(tape: Tape, kind: str, session: int, span: int, least: int) -> NDArray[np.bool_]:
    """The contracts that a kind may start in."""
    days = tape.days_to_expiry(session)
    listed = np.isfinite(tape.volume[:, session : session + span]).all(axis=1) & (days >= 1)
    if kind != "new strike":
        return np.asarray(listed & (np.nan_to_num(tape.open_interest[:, session]) >= least))
    name = tape.underlying_numbers
    traded_before = np.zeros(len(tape.underlyings), bool)
    before = np.isfinite(tape.volume[:, max(session - 1, 0)])
    traded_before[np.unique(name[before])] = session > 0
    fresh = ~np.isfinite(tape.volume[:, :session]).any(axis=1) & (np.nan_to_num(tape.open_interest[:, session]) == 0)
    return np.asarray(listed & fresh & traded_before[name])


def _ladder(tape: Tape, row: int, session: int) -> NDArray[np.int64] | None:
    """The contract and the next two listed strikes above it, of the same root, expiry and right."""
    rows = [row]
    candidate = row + 1
    key = ("root", "expiry", "right")
    mine = tape.contracts.select(key).row(row)
    while candidate < len(tape.volume) and len(rows) < _LADDER_STRIKES and candidate < row + 12:
        if tape.contracts.select(key).row(candidate) == mine and np.isfinite(tape.volume[candidate, session]):
            rows.append(candidate)
        candidate += 1
    return np.array(rows) if len(rows) == _LADDER_STRIKES else None
