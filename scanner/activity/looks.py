"""Repeated scans of one session as one family: scanning more often does not alarm more often.

The scans of a session look at the same growing counts, and each of them is a chance to be surprised. What is stated is
therefore the chance that *any* scan of the session shows as much: every surprise is charged for the looks
(:func:`scanner.activity.selection.session_maximum`). A scan while the session is under way is charged for all the scans
that a session scanned every 15 minutes has, from the first of them: were the first one free, the later ones could only
add to the chance that it has already spent. A session that is looked at once, at its close, is charged nothing.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner import fields
from scanner.activity.selection import benjamini_hochberg, charge_of, session_maximum
from scanner.fields import SCOPES, Unit
from scanner.history.known_before import Look, Looks
from scanner.kernels.columns import floats, nullable, numbered, placed, run_starts
from scanner.kernels.groups import Groups

# Every 15 minutes from 9:45 to 16:00 New York time, and once after the close.
SESSION_LOOKS = 27
# Contracts that were rarer than this in a scan are remembered for the later ones of the session.
REMEMBERED = 2.0
# What is charged, by scope.
SURPRISES = {
    scope: tuple(name for name, field in fields.of(scope).items() if field.unit is Unit.surprise) for scope in SCOPES
}


def look_at(contracts: pl.DataFrame) -> list[Look]:
    """What a scan leaves for the later ones of its session: one look for each underlying of a scored chain."""
    chains = Groups.of(contracts, ("source", "session_date", "underlying"))
    rare = np.flatnonzero(floats(contracts["combined_surprise"]) >= REMEMBERED)
    stood_out: list[dict[str, float]] = [{} for _ in range(len(chains))]
    found = contracts.select("contract", "combined_surprise")[rare]
    for number, (contract, surprise) in zip(chains.numbers()[rare].tolist(), found.iter_rows(), strict=True):
        stood_out[number][contract] = surprise
    moments = chains.latest(contracts["quote_time"])
    return [
        Look(source, session, name, moment, seen)
        for (source, session, name), moment, seen in zip(chains.keys.iter_rows(), moments, stood_out, strict=True)
    ]


def charged(frames: Mapping[str, pl.DataFrame], looked: Looks, elapsed: float) -> dict[str, pl.DataFrame]:
    """Metric frames with every surprise charged for the looks at the session.

    ``volume_q`` is worked out anew over the largest surprise that each contract had in any scan of the session, so that
    the whole session is one family of the false-discovery rate too.
    """
    usual = 1 if elapsed >= 1.0 else SESSION_LOOKS
    if usual == 1 and not looked.counts:
        return {**frames, "ladder": _with_q(frames["ladder"], frames["contract"])}
    found = {}
    for scope, frame in frames.items():
        there = [name for name in SURPRISES.get(scope, ()) if name in frame.columns]
        if there:
            charge = _charges(frame, looked, usual)
            columns = [nullable(name, session_maximum(floats(frame[name]), charge)) for name in there]
            if scope == "contract":
                columns.append(_one_family(frame, looked, charge))
            found[scope] = placed(frame, columns)
    return {**frames, **found, "ladder": _with_q(found["ladder"], frames["contract"])}


def _with_q(ladders: pl.DataFrame, contracts: pl.DataFrame) -> pl.DataFrame:
    """The ladder frame with its q-values: a run was looked for at every contract, and only the rarest became rows."""
    tests = contracts["combined_surprise"].count()
    q_values = benjamini_hochberg(floats(ladders["ladder_surprise"]), max(tests, ladders.height))
    return ladders.with_columns(nullable("ladder_q", q_values))


def _one_family(alone: pl.DataFrame, looked: Looks, charge: NDArray[np.float64]) -> pl.Series:
    """``volume_q`` over the largest surprise that each contract had in any scan of the session."""
    largest = floats(alone["combined_surprise"]).copy()
    # Few contracts stood out before: of a whole market no others are looked up.
    seen = alone["contract"].is_in(list(looked.highest)).arg_true()
    before = [looked.highest[contract] for contract in alone["contract"].gather(seen)]
    # What has no surprise now is judged by none.
    largest[seen] = np.maximum(largest[seen], before)
    return nullable("volume_q", benjamini_hochberg(session_maximum(largest, charge)))


def _charges(frame: pl.DataFrame, looked: Looks, usual: int) -> NDArray[np.float64]:
    """What each row is charged for the looks there were, this one too, and no fewer than usual."""
    # Rows of a name stand together.
    first = run_starts(frame["underlying"])
    seen = [looked.counts.get(underlying, 0) for underlying in frame["underlying"][first]]
    charge = charge_of(np.maximum(np.array(seen, np.float64) + 1.0, usual))
    return charge[numbered(first, frame.height)]
