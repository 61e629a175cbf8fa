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
from scanner.activity.selection import benjamini_hochberg, session_maximum
from scanner.fields import SCOPES, Unit
from scanner.history.known_before import Look, Looks
from scanner.kernels.columns import floats, nullable, run_begins

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
    parts = contracts.group_by("source", "session_date", "underlying", maintain_order=True).agg(
        pl.col("quote_time").max(),
        names=pl.col("contract").filter(pl.col("combined_surprise") >= REMEMBERED),
        surprises=pl.col("combined_surprise").filter(pl.col("combined_surprise") >= REMEMBERED),
    )
    return [
        Look(source, session, name, moment, dict(zip(names, surprises, strict=True)))
        for source, session, name, moment, names, surprises in parts.iter_rows()
    ]


def charged(frames: Mapping[str, pl.DataFrame], looked: Looks, elapsed: float) -> dict[str, pl.DataFrame]:
    """Metric frames with every surprise charged for the looks at the session.

    ``volume_q`` is worked out anew over the largest surprise that each contract had in any scan of the session, so that
    the whole session is one family of the false-discovery rate too.
    """
    usual = 1 if elapsed >= 1.0 else SESSION_LOOKS
    if usual == 1 and not looked.counts:
        return {**frames, "ladder": _with_q(frames["ladder"], frames["contract"])}
    found = {name: _charge(frame, SURPRISES.get(name, ()), looked, usual) for name, frame in frames.items()}
    return {
        **found,
        "contract": _one_family(frames["contract"], found["contract"], looked, usual),
        "ladder": _with_q(found["ladder"], frames["contract"]),
    }


def _with_q(ladders: pl.DataFrame, contracts: pl.DataFrame) -> pl.DataFrame:
    """The ladder frame with its q-values: a run was looked for at every contract, and only the rarest became rows."""
    tests = contracts["combined_surprise"].count()
    q_values = benjamini_hochberg(floats(ladders["ladder_surprise"]), max(tests, ladders.height))
    return ladders.with_columns(nullable("ladder_q", q_values))


def _charge(frame: pl.DataFrame, columns: tuple[str, ...], looked: Looks, usual: int) -> pl.DataFrame:
    there = [name for name in columns if name in frame.columns]
    if not there:
        return frame
    looks = _looks_at(frame, looked, usual)
    return frame.with_columns(_maximum(frame[name], None, looks) for name in there)


def _one_family(alone: pl.DataFrame, charge: pl.DataFrame, looked: Looks, usual: int) -> pl.DataFrame:
    before = alone["contract"].replace_strict(looked.highest, default=None, return_dtype=pl.Float64)
    largest = _maximum(alone["combined_surprise"], before, _looks_at(alone, looked, usual))
    q_values = benjamini_hochberg(floats(largest))
    return charge.with_columns(nullable("volume_q", q_values))


def _looks_at(frame: pl.DataFrame, looked: Looks, usual: int) -> NDArray[np.float64]:
    """The looks that each row is charged for: those there were, this one too, and no fewer than usual."""
    # Rows of a name stand together.
    name = run_begins(frame.select("underlying"))
    seen = [looked.counts.get(underlying, 0) for underlying in frame["underlying"][np.flatnonzero(name)]]
    return np.asarray(np.maximum(np.array(seen, np.float64) + 1.0, usual)[np.cumsum(name) - 1])


def _maximum(surprise: pl.Series, before: pl.Series | None, looks: NDArray[np.float64]) -> pl.Series:
    """:func:`session_maximum` of a column, null where it has no value."""
    earlier = np.full(len(surprise), np.nan) if before is None else floats(before)
    alone = floats(surprise)
    values = session_maximum(alone, earlier, looks)
    return nullable(surprise.name, np.where(np.isnan(alone), np.nan, values))
