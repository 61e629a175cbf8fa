"""Names without a history of their own: what the built-in prior says of them, and how often that came.

The prior was learnt from stocks. What it cannot judge - contracts on their last day, and names that expire every day,
which index funds are - it must say so, instead of alarming more often than stated.
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from benchmarks.detection.measures import NOMINAL
from benchmarks.detection.recording import Recording
from benchmarks.detection.walk import DEPTH
from scanner import activity


def by_name(folders: list[Path]) -> pl.DataFrame:
    """Realised / nominal of every name while it is judged by the prior: the first sessions of each folder's recording.

    Columns ``name sessions contracts judged nominal flagged ratio``; ``judged`` is the share of the contracts that is
    judged at all, ``ratio`` null where none is. Names without two recorded sessions are left out.
    """
    rows = []
    for folder in folders:
        recording = Recording.read(folder)
        judged = [_scored(recording, number) for number in range(1, len(recording.sessions))]
        known = [part for part in judged if part is not None]
        for (name,), mine in pl.concat(known).partition_by("underlying", as_dict=True).items() if known else ():
            surprise = mine["combined_surprise"].drop_nulls()
            for nominal in NOMINAL:
                flagged = int((10.0**-surprise <= nominal).sum())
                ratio = flagged / len(surprise) / nominal if len(surprise) else None
                share, sessions = len(surprise) / mine.height, mine["session_date"].n_unique()
                rows.append((name, sessions, mine.height, share, nominal, flagged, ratio))
    schema = ["name", "sessions", "contracts", "judged", "nominal", "flagged", "ratio"]
    return pl.DataFrame(rows, schema=schema, orient="row", infer_schema_length=None)


def _scored(recording: Recording, number: int) -> pl.DataFrame | None:
    """A session's contracts as the prior judges them; None once the names have a model of their own."""
    panel = recording.panel(number, DEPTH)
    model = activity.fit(panel)
    if model.kind != "prior" or not len(panel.contracts):
        return None
    return activity.score(model, recording.chain(number), panel).select(
        "underlying", "session_date", "combined_surprise"
    )
