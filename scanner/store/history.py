"""From session summaries to the panel that baselines read."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.history.baseline import Baseline, Column, gather
from scanner.history.contract_ids import Ids
from scanner.history.panel import FIELDS, Matrix, Panel
from scanner.market.calendar import Calendar
from scanner.market.corporate_actions import Actions
from scanner.market.symbology import one_spelling
from scanner.quality import counts
from scanner.store.resident import BaselineFiles, Kept
from scanner.store.summaries import UNDERLYING_ROWS, Summaries

# A year of sessions: what the ranks of the underlying scope (iv_rank_252) look back on.
UNDERLYING_DEPTH = 252
# Sessions of contracts in a panel unless told otherwise.
DEPTH = 60
# Baselines in memory, each of another set of names.
_RESIDENTS = 4
# Fewer sessions than this are read as fast as a kept baseline.
_WORTH_KEEPING = 5
# Underlying rows kept in memory: frames of a few rows each, one for each session and set of names asked for.
_ROWS_KEPT = 5_000


class History:
    """Panels over the summaries of a store. A baseline once built is moved on session by session, not rebuilt.

    Numbers of another ``calculation_version`` are left out of a panel until they are computed again.
    """

    def __init__(
        self,
        summaries: Summaries,
        calculation_version: str,
        actions: Actions,
        calendar: Calendar,
        files: BaselineFiles | None = None,
    ) -> None:
        self._files = files
        self._calendar = calendar
        self._summaries = summaries
        self._version = calculation_version
        self._actions = actions
        self._resident: dict[tuple[str, tuple[str, ...] | None, int], _Resident] = {}
        self._rows: dict[tuple[Hashable, ...], pl.DataFrame] = {}

    def carry_on(self, other: History | None) -> None:
        """Have what another one of the same summaries holds in memory, of which each is asked whether it still stands.

        From here on both hold the same: they are used by one at a time.
        """
        if other is not None and other._made_by == self._made_by:
            self._resident, self._rows = other._resident, other._rows

    @property
    def _made_by(self) -> tuple[Hashable, ...]:
        return self._summaries.folder, self._version, self._calendar.fingerprint

    def panel(
        self, source: str, underlyings: Iterable[str] | None, before: date, depth: int = DEPTH, remember: bool = True
    ) -> Panel:
        """What ``source`` held of some underlyings (None: of all) in the ``depth`` sessions before a date.

        Splits and renames up to ``before`` are applied. Depends on nothing at or after ``before``, so that a replay
        sees what a scan saw. ``remember`` keeps the baseline on disk for the next process.
        """
        names = None if underlyings is None else tuple(sorted(set(underlyings)))
        known = self._sessions(source, before)[-UNDERLYING_DEPTH:]
        return self._panel(source, names, known, before, depth, remember=remember)

    def recent(self, source: str, underlyings: Iterable[str], before: date, since: date | None = None) -> Panel:
        """The newest sessions alone, all that the quality gate looks at: a long import holds no more than these.

        Where the whole panel of these names is in memory already, it is that. ``since`` leaves out older sessions.
        """
        names = tuple(sorted(set(underlyings)))
        if since is None and (source, names, DEPTH) in self._resident:
            return self.panel(source, names, before, remember=False)
        known = self._sessions(source, before)[-counts.FURTHEST_BACK :]
        known = known if since is None else [session for session in known if session >= since]
        return self._panel(source, names, known, before, counts.LOOK_BACK, remember=False)

    def compared_since(
        self, source: str, underlyings: Iterable[str], before: date, planned: Mapping[date, Iterable[str]]
    ) -> date:
        """The oldest session in what :meth:`recent` gives of some names once what is planned is summarised.

        Which sessions a name is compared with rests on the names it is judged with. Who judges some of them says by
        this that they are to be judged as all of them would.
        """
        names = tuple(sorted(set(underlyings)))
        ahead = (session for session in planned if session < before and self._calendar.is_session(session))
        known = sorted({*self._sessions(source, before), *ahead})[-counts.FURTHEST_BACK :]

        def holds(session: date) -> bool:
            former = self._actions.between(session, before, names).former_names(names) or ()
            is_planned = not {one_spelling(name) for name in former}.isdisjoint(planned.get(session, ()))
            return is_planned or self._underlying_rows(source, session, names, before).height > 0

        return next(iter([session for session in known if holds(session)][-counts.LOOK_BACK :]), before)

    def _panel(
        self,
        source: str,
        names: tuple[str, ...] | None,
        known: list[date],
        before: date,
        depth: int,
        *,
        remember: bool,
    ) -> Panel:
        rows = [self._underlying_rows(source, session, names, before) for session in known]
        window = [session for session, part in zip(known, rows, strict=True) if part.height][-depth:]
        resident = self._resident_for(source, names, window, before, depth, remember=remember)
        if resident.panel is None or not _same(resident.rows, rows):
            resident.rows = rows
            stamps = [self._summaries.stamp(source, session) for session in known]
            made_by = (self._version, self._calendar.fingerprint)
            told = (source, names, depth, *made_by, str(resident.basis), window, stamps)
            resident.panel = _assemble(source, resident.baseline, rows, self._calendar, repr(told))
        return resident.panel

    def _resident_for(
        self,
        source: str,
        names: tuple[str, ...] | None,
        window: list[date],
        before: date,
        depth: int,
        *,
        remember: bool,
    ) -> _Resident:
        stamps = {session: self._summaries.stamp(source, session) for session in window}
        basis = self._actions.between(window[0], before, names) if window else Actions()
        kept = Kept(source, names, depth, f"{self._version} {basis}")
        files = self._files if remember and len(window) >= _WORTH_KEEPING else None
        known = self._resident.get((source, names, depth))
        if known is None and files is not None:
            loaded = files.load(kept)
            known = None if loaded is None else _Resident(loaded[0], basis, loaded[1])
        if known is not None and known.stamps == stamps and known.basis == basis:
            return self._keep((source, names, depth), known)
        baseline = known.baseline if known is not None and known.leads_to(stamps, basis) else Baseline(depth)
        for session in window:
            if not baseline.columns or session > baseline.columns[-1].session:
                baseline.advance(session, self._contract_rows(source, session, names, before))
        if files is not None:
            files.save(kept, stamps, baseline)
        return self._keep((source, names, depth), _Resident(stamps, basis, baseline))

    def _keep(self, key: tuple[str, tuple[str, ...] | None, int], resident: _Resident) -> _Resident:
        """Hold on to a baseline, and let go of those that were asked for longest ago."""
        self._resident.pop(key, None)
        self._resident[key] = resident
        while len(self._resident) > _RESIDENTS:
            del self._resident[next(iter(self._resident))]
        return resident

    def _contract_rows(self, source: str, session: date, names: tuple[str, ...] | None, before: date) -> pl.DataFrame:
        actions = self._actions.between(session, before, names)
        rows = self._summaries.contracts(source, session, actions.former_names(names))
        other = self._summaries.underlyings(source, session).filter(pl.col("calculation_version") != self._version)[
            "underlying"
        ]
        if len(other):
            current = ~pl.col("underlying").is_in(other.implode())
            rows = rows.with_columns(pl.when(current).then(pl.col("iv", "delta")))
        return actions.restate_contracts(rows)

    def _underlying_rows(self, source: str, session: date, names: tuple[str, ...] | None, before: date) -> pl.DataFrame:
        actions = self._actions.between(session, before, names)
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
        if not (rows["calculation_version"] == self._version).all():
            current = pl.col("calculation_version") == self._version
            rows = rows.with_columns(pl.when(current).then(pl.exclude(UNDERLYING_ROWS.names())))
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
        return [day for day in self._summaries.sessions(source) if day < before and self._calendar.is_session(day)]


def _same(one: list[pl.DataFrame], other: list[pl.DataFrame]) -> bool:
    """Whether two lists hold the very same frames; those kept in memory are not copied."""
    return len(one) == len(other) and all(a is b for a, b in zip(one, other, strict=True))


@dataclass
class _Resident:
    """A baseline that is kept, with what it was made from, and the panel last made of it."""

    stamps: Mapping[date, tuple[int, int]]
    basis: Actions
    baseline: Baseline
    rows: list[pl.DataFrame] = field(default_factory=list)
    panel: Panel | None = None

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


class ResidentPanel(Panel):
    """A panel over a baseline: a matrix is gathered when it is first looked at, for few readers need them all."""

    def __init__(self, columns: tuple[Column, ...], ids: Ids, **known: Any) -> None:
        for name, value in {"_columns": columns, "_ids": ids, **known}.items():
            object.__setattr__(self, name, value)

    def _spread(self, held: NDArray[np.intp], known: dict[str, Any]) -> Panel:
        """As in the base class; nothing is gathered for it."""
        nothing = np.empty((len(FIELDS), 0), np.float32)
        columns = [Column(session, nothing) for session in known["sessions"]]
        for place, column in zip(held, self.__dict__["_columns"], strict=True):
            columns[place] = column
        return ResidentPanel(tuple(columns), self.__dict__["_ids"], **known)

    def __getattr__(self, name: str) -> Matrix:
        """Gather a field. Called only for what is not there yet."""
        if name not in FIELDS:
            raise AttributeError(name)
        matrix = gather(self.__dict__["_columns"], name, self.__dict__["_ids"])
        object.__setattr__(self, name, matrix)
        return matrix


def _assemble(
    source: str, baseline: Baseline, parts: list[pl.DataFrame], calendar: Calendar, fingerprint: str
) -> Panel:
    rows = pl.concat(parts, how="diagonal_relaxed") if parts else pl.DataFrame(schema=UNDERLYING_ROWS)
    window = baseline.sessions
    underlyings = tuple(sorted(set(rows["underlying"])))
    placed = rows.filter(pl.col("session_date").is_in(list(window)))
    line = np.searchsorted(np.array(underlyings, dtype=object), placed["underlying"].to_list())
    column = np.searchsorted(np.array(window, dtype="datetime64[D]"), placed["session_date"].to_numpy())
    spot = np.full((len(underlyings), len(window)), np.nan)
    # Where the source gave no price of the underlying, the one that put-call parity implied.
    known = [pl.col(name) for name in ("spot", "parity_spot") if name in placed.columns]
    spot[line, column] = placed.select(pl.coalesce(known).cast(pl.Float64)).to_series().to_numpy()
    oi_asof = np.full((len(underlyings), len(window)), "NaT", "datetime64[D]")
    oi_asof[line, column] = placed["oi_asof"].to_numpy()
    ids = baseline.listed()
    return ResidentPanel(
        baseline.columns,
        ids,
        source=source,
        sessions=window,
        contracts=baseline.index.contracts[ids],
        underlyings=underlyings,
        spot=spot,
        oi_asof=oi_asof,
        calendar=calendar,
        underlying_sessions=rows.sort("session_date", "underlying"),
        fingerprint=fingerprint,
    )
