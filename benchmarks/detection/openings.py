"""Real openings: what the next morning showed to be one large new position, and whether a list had named it.

A contract counts with 5 days or more to live, 5 sessions of history, 1,000 lots or more, at least 50 times its own
five-day mean and 5 times its open interest, where the next morning's open interest rose by .8 to 1.05 of the volume;
the largest of each name and session. Nothing is planted, so that no recipe can be learnt.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import polars as pl

from benchmarks.detection.recording import Recording
from benchmarks.detection.walk import BUDGETS, Listed

_LEAST_LOTS, _TIMES_MEAN, _TIMES_OPEN, _LEAST_DAYS, _LEAST_SESSIONS = 1000, 50, 5, 5, 5
_OPENED = (0.8, 1.05)


def real_openings(recording: Recording, sessions: Sequence[int]) -> dict[int, list[int]]:
    """The rows of the real openings of each session that has a morning after it."""
    result = {}
    for session in sessions:
        if session + 1 >= len(recording.sessions):
            continue
        volume, interest = (field[:, session].astype(float) for field in (recording.volume, recording.open_interest))
        recent = recording.volume[:, max(session - 5, 0) : session]
        mean = np.nan_to_num(recent).sum(axis=1) / np.maximum(np.isfinite(recent).sum(axis=1), 1)
        known = np.isfinite(recording.volume[:, :session]).sum(axis=1) >= _LEAST_SESSIONS
        risen = (recording.open_interest[:, session + 1] - interest) / np.maximum(volume, 1.0)
        opened = (risen >= _OPENED[0]) & (risen <= _OPENED[1])
        large = (volume >= _LEAST_LOTS) & (volume >= _TIMES_MEAN * mean) & (volume >= _TIMES_OPEN * interest)
        rows = np.flatnonzero(large & opened & known & (recording.days_to_expiry(session) >= _LEAST_DAYS))
        names = recording.underlying_numbers[rows]
        result[session] = [int(max(rows[names == name], key=lambda row: volume[row])) for name in np.unique(names)]
    return result


def named(lists: Sequence[Listed], openings: dict[int, list[int]]) -> pl.DataFrame:
    """The share of real openings that each detector named within each budget: ``detector budget openings named``."""
    found: dict[tuple[str, int], list[bool]] = {}
    for item in lists:
        for budget in BUDGETS:
            rows = {row for place in item.paid.get(budget, ()) for row in item.entries[place].rows}
            found.setdefault((item.detector, budget), []).extend(row in rows for row in openings.get(item.session, []))
    table = [(*key, len(hits), float(np.mean(hits)) if hits else None) for key, hits in found.items()]
    schema = {"detector": pl.String, "budget": pl.Int64, "openings": pl.Int64, "named": pl.Float64}
    return pl.DataFrame(table, schema=schema, orient="row")
