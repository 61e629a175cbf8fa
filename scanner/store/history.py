"""From session summaries to the panel that baselines read."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import numpy as np
import polars as pl

from scanner import sessions
from scanner.panel import Panel
from scanner.store.baseline import Baseline
from scanner.store.summaries import Summaries

# A year of sessions: what the ranks of the underlying scope (iv_rank_252) look back on.
UNDERLYING_DEPTH = 252


class History:
    """Panels over the summaries of a store. A baseline once built is moved on session by session, not rebuilt."""

    def __init__(self, summaries: Summaries) -> None:
        self._summaries = summaries
        self._resident: dict[tuple[str, tuple[str, ...] | None, int], tuple[dict[date, tuple[int, int]], Baseline]] = {}

    def panel(self, source: str, underlyings: Iterable[str] | None, before: date, depth: int = 60) -> Panel:
        """What ``source`` held of some underlyings (None: of all) in the ``depth`` sessions before a date.

        Depends on nothing at or after ``before``, so that a replay sees what a scan saw.
        """
        names = None if underlyings is None else tuple(sorted(set(underlyings)))
        known = self._sessions(source, before)
        rows = self._summaries.history(source, known[-UNDERLYING_DEPTH:], names)
        held = set(rows["session_date"])
        window = [day for day in known if day in held][-depth:]
        baseline = self._baseline(source, names, window, depth)
        return _assemble(source, baseline, rows)

    def _baseline(self, source: str, names: tuple[str, ...] | None, window: list[date], depth: int) -> Baseline:
        stamps = {session: self._summaries.stamp(source, session) for session in window}
        known = self._resident.get((source, names, depth))
        fits = known is not None and _continues(*known, stamps)
        baseline = known[1] if known is not None and fits else Baseline(depth)
        for session in window:
            if not baseline.sessions or session > baseline.sessions[-1]:
                baseline.advance(session, self._summaries.contracts(source, session, names))
        self._resident[(source, names, depth)] = (stamps, baseline)
        return baseline

    def other_sources(self, source: str, underlyings: Iterable[str], before: date) -> dict[str, int]:
        """How many sessions each other source holds of some underlyings; their volumes never enter this one's panel."""
        names = list(underlyings)
        counts = {}
        for other in self._summaries.sources():
            known = self._sessions(other, before)[-UNDERLYING_DEPTH:]
            held = self._summaries.history(other, known, names)["session_date"].n_unique()
            if other != source and held:
                counts[other] = held
        return counts

    def _sessions(self, source: str, before: date) -> list[date]:
        """The summarised sessions before a date; labels on which the exchange was shut hold nothing to remember."""
        return [day for day in self._summaries.sessions(source) if day < before and sessions.is_session(day)]


def _continues(old: dict[date, tuple[int, int]], baseline: Baseline, new: dict[date, tuple[int, int]]) -> bool:
    """Whether a resident baseline can be moved on to new sessions: all it holds is still wanted and unchanged."""
    if not new or not baseline.sessions or max(new) < baseline.sessions[-1]:
        return False
    shared = [session for session in baseline.sessions if session >= min(new)]
    return (
        all(old.get(session) == new.get(session) for session in shared)
        and [session for session in new if session <= baseline.sessions[-1]] == shared
        and (len(shared) == len(baseline.sessions) or len(new) == baseline.depth)
    )


def _assemble(source: str, baseline: Baseline, rows: pl.DataFrame) -> Panel:
    window = baseline.sessions
    underlyings = tuple(sorted(set(rows["underlying"])))
    placed = rows.filter(pl.col("session_date").is_in(list(window)))
    line = np.searchsorted(np.array(underlyings, dtype=object), placed["underlying"].to_list())
    column = np.searchsorted(np.array(window, dtype="datetime64[D]"), placed["session_date"].to_numpy())
    spot = np.full((len(underlyings), len(window)), np.nan)
    spot[line, column] = placed["spot"].to_numpy()
    oi_asof = np.full((len(underlyings), len(window)), "NaT", "datetime64[D]")
    oi_asof[line, column] = placed["oi_asof"].to_numpy()
    return Panel(
        source=source,
        sessions=window,
        contracts=baseline.contracts,
        volume=baseline.view("volume"),
        open_interest=baseline.view("open_interest"),
        iv=baseline.view("iv"),
        delta=baseline.view("delta"),
        mid=baseline.view("mid"),
        underlyings=underlyings,
        spot=spot,
        oi_asof=oi_asof,
        underlying_sessions=rows.sort("session_date", "underlying"),
    )
