"""From session summaries to the panel that baselines read."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date

import numpy as np
import polars as pl

from scanner import sessions
from scanner.corporate_actions import Actions
from scanner.panel import Panel
from scanner.store.baseline import Baseline
from scanner.store.summaries import UNDERLYING_ROWS, Summaries

# A year of sessions: what the ranks of the underlying scope (iv_rank_252) look back on.
UNDERLYING_DEPTH = 252
# Underlying rows kept in memory: frames of a few rows each, one for each session and set of names asked for.
_ROWS_KEPT = 5_000


class History:
    """Panels over the summaries of a store. A baseline once built is moved on session by session, not rebuilt.

    Numbers of another ``calculation_version`` are left out of a panel until they are computed again.
    """

    def __init__(self, summaries: Summaries, calculation_version: str, actions: Actions) -> None:
        self._summaries = summaries
        self._version = calculation_version
        self._actions = actions
        self._resident: dict[tuple[str, tuple[str, ...] | None, int], _Resident] = {}
        self._rows: dict[tuple[Hashable, ...], pl.DataFrame] = {}

    def panel(self, source: str, underlyings: Iterable[str] | None, before: date, depth: int = 60) -> Panel:
        """What ``source`` held of some underlyings (None: of all) in the ``depth`` sessions before a date.

        Splits and renames up to ``before`` are applied. Depends on nothing at or after ``before``, so that a replay
        sees what a scan saw.
        """
        names = None if underlyings is None else tuple(sorted(set(underlyings)))
        known = self._sessions(source, before)[-UNDERLYING_DEPTH:]
        rows = [self._underlying_rows(source, session, names, before) for session in known]
        window = [session for session, part in zip(known, rows, strict=True) if part.height][-depth:]
        baseline = self._baseline(source, names, window, before, depth)
        history = pl.concat(rows, how="diagonal_relaxed") if rows else pl.DataFrame(schema=UNDERLYING_ROWS)
        return _assemble(source, baseline, history)

    def _baseline(
        self, source: str, names: tuple[str, ...] | None, window: list[date], before: date, depth: int
    ) -> Baseline:
        stamps = {session: self._summaries.stamp(source, session) for session in window}
        basis = self._actions.between(window[0], before) if window else Actions()
        known = self._resident.get((source, names, depth))
        baseline = known.baseline if known is not None and known.leads_to(stamps, basis) else Baseline(depth)
        for session in window:
            if not baseline.sessions or session > baseline.sessions[-1]:
                baseline.advance(session, self._contract_rows(source, session, names, before))
        self._resident[(source, names, depth)] = _Resident(stamps, basis, baseline)
        return baseline

    def _contract_rows(self, source: str, session: date, names: tuple[str, ...] | None, before: date) -> pl.DataFrame:
        actions = self._actions.between(session, before)
        rows = self._summaries.contracts(source, session, actions.former_names(names))
        other = self._summaries.underlyings(source, session).filter(pl.col("calculation_version") != self._version)[
            "underlying"
        ]
        if len(other):
            current = ~pl.col("underlying").is_in(other.implode())
            rows = rows.with_columns(pl.when(current).then(pl.col("iv", "delta")))
        return actions.restate_contracts(rows)

    def _underlying_rows(self, source: str, session: date, names: tuple[str, ...] | None, before: date) -> pl.DataFrame:
        actions = self._actions.between(session, before)
        key = (source, session, names, actions, self._summaries.stamp(source, session))
        rows = self._rows.get(key)
        if rows is None:
            if len(self._rows) >= _ROWS_KEPT:
                self._rows.clear()
            rows = self._rows[key] = self._restated_rows(source, session, names, actions)
        return rows

    def _restated_rows(
        self, source: str, session: date, names: tuple[str, ...] | None, actions: Actions
    ) -> pl.DataFrame:
        rows = self._summaries.underlyings(source, session, actions.former_names(names))
        metrics = pl.exclude(UNDERLYING_ROWS.names())
        current = pl.col("calculation_version") == self._version
        if not rows.select(current.all()).item():
            rows = rows.with_columns(pl.when(current).then(metrics))
        return actions.restate_underlyings(rows)

    def other_sources(self, source: str, underlyings: Iterable[str], before: date) -> dict[str, int]:
        """How many sessions each other source holds of some underlyings; their volumes never enter this one's panel."""
        names = list(underlyings)
        counts = {}
        for other in self._summaries.sources():
            known = self._sessions(other, before)[-UNDERLYING_DEPTH:]
            held = sum(self._summaries.underlyings(other, session, names).height > 0 for session in known)
            if other != source and held:
                counts[other] = held
        return counts

    def _sessions(self, source: str, before: date) -> list[date]:
        """The summarised sessions before a date; labels on which the exchange was shut hold nothing to remember."""
        return [day for day in self._summaries.sessions(source) if day < before and sessions.is_session(day)]


@dataclass(frozen=True)
class _Resident:
    """A baseline that is kept, with what it was made from."""

    stamps: Mapping[date, tuple[int, int]]
    basis: Actions
    baseline: Baseline

    def leads_to(self, stamps: Mapping[date, tuple[int, int]], basis: Actions) -> bool:
        """Whether it can be moved on to these sessions: all it would still hold is wanted, unchanged, on one basis."""
        held = self.baseline.sessions
        if not stamps or not held or max(stamps) < held[-1] or basis != self.basis:
            return False
        shared = [session for session in held if session >= min(stamps)]
        window_moved = len(shared) < len(held)
        return (
            all(self.stamps.get(session) == stamps.get(session) for session in shared)
            and [session for session in stamps if session <= held[-1]] == shared
            and (not window_moved or len(stamps) == self.baseline.depth)
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
