"""An import's files read, and its sessions summarised, by many processes; what is written is written by who asked.

Reading a file rests on nothing else, but for parts of chains whose session other files tell: those are left to whoever
asked. A summary of a session rests on those of the same names before it; so names are split, and a session of some
names is a task that is given what came out of the ones before it.
"""

from __future__ import annotations

import platform
import uuid
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from scanner.app import workers
from scanner.errors import ClusterError
from scanner.history.panel import CONTRACT_SCHEMA
from scanner.metrics.summary import Summary
from scanner.quality.counts import FURTHEST_BACK
from scanner.sources import recorded
from scanner.store.derive import Made

if TYPE_CHECKING:
    from scanner.app.workers import Crew
    from scanner.config import Settings
    from scanner.market.calendar import Calendar
    from scanner.sources.formats.base import RecordedChain
    from scanner.store.store import Store

# A larger file is read by whoever asked, a part at a time: what a worker gives back comes in one piece.
_LARGEST_FILE = 64 * 2**20
# Contracts of a session below which splitting its names costs more than it saves.
_WORTH_SPLITTING = 10_000
# Sessions that are summarised ahead of the one that is written.
_AHEAD = 4
# What chains of later sessions are compared with.
_COMPARED = (*CONTRACT_SCHEMA, "volume", "open_interest")


# -- files ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reading:
    """Files read by a crew: a :data:`scanner.sources.recorded.Reader`. ``now`` is the clock's time."""

    crew: Crew
    calendar: Calendar
    now: datetime

    def __call__(self, paths: list[Path]) -> Iterator[tuple[Path, list[RecordedChain] | None]]:
        """What each file gives; None of one that is to be read here."""
        for path, read in self.crew.in_order(paths, self._submit):
            yield path, None if read is None else [_called(path, one) for one in read]

    def _submit(self, path: Path) -> Any | None:
        seen = recorded.appearance(path)
        if seen[0] is None or seen[0][0] > _LARGEST_FILE:
            return None
        return self.crew.submit(f"read {path}", _read, path.absolute(), seen, self.calendar, self.now)


def _called(path: Path, read: RecordedChain) -> RecordedChain:
    """What was read, of the file as it is called here."""
    return replace(read, path=path, refusals=tuple(replace(refusal, path=str(path)) for refusal in read.refusals))


def _read(path: Path, seen: tuple[Any, ...], calendar: Calendar, now: datetime) -> list[RecordedChain] | None:
    """Read one file, in whatever process this is. Raises ClusterError where another one lies here."""
    if recorded.appearance(path) != seen:
        raise ClusterError(
            f"a worker on {platform.node()} does not see {path} as it is where the import was begun; have the files, "
            "and what lies beside them, in one folder that all see by the same path, or import with --workers N"
        )
    return recorded.read_alone(path, calendar, now, together=True)


# -- sessions ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Told:
    """How a task opens the store; ``run`` names the one summarising that it is a part of."""

    settings: Settings
    run: str = field(default_factory=lambda: uuid.uuid4().hex)


@dataclass(frozen=True, slots=True)
class Summarising:
    """Sessions summarised by a crew: a :data:`scanner.store.store.Maker`."""

    crew: Crew
    settings: Settings
    store: Store

    def __call__(self, source: str, stale: Mapping[date, list[str]]) -> Iterator[Made] | None:
        """The summaries of sessions of a source, in their order; None where they are made sooner here."""
        groups = self._groups(source, stale)
        return None if len(groups) < 2 else self._made(source, stale, groups)

    def _groups(self, source: str, stale: Mapping[date, list[str]]) -> list[frozenset[str]]:
        """The names to be summarised, in as many groups as there are hands, each with about as many contracts."""
        rows = Counter[str]()
        for session in stale:
            for item in self.store.snapshots.chains(source, session):
                rows[item.underlying] += item.rows
        names = {name for listed in stale.values() for name in listed}
        whole = sum(rows[name] for name in names)
        count = whole // (len(stale) * _WORTH_SPLITTING)
        if count < 2:
            return []
        count = min(count, self.crew.threads)
        groups: list[set[str]] = [set() for _ in range(count)]
        before = 0
        for family in self.store.families(names):
            groups[min(before * count // whole, count - 1)].update(family)
            before += sum(rows[name] for name in family)
        return [frozenset(group) for group in groups if group]

    def _made(self, source: str, stale: Mapping[date, list[str]], groups: Sequence[frozenset[str]]) -> Iterator[Made]:
        told = _Told(self.settings)
        # Of each group the sessions that later ones are compared with: summaries, or tasks that are not done yet.
        before: list[dict[date, Any]] = [{} for _ in groups]
        waiting: deque[tuple[date, dict[int, Any]]] = deque()
        for session, names in stale.items():
            since = self.store.compared_since(source, names, session, stale)
            tasks = {}
            for number, group in enumerate(groups):
                mine = [name for name in names if name in group]
                if mine:
                    known = {day: one for day, one in before[number].items() if day >= since}
                    task = self.crew.submit(
                        f"summarised session {session}", _make, told, source, session, mine, since, known
                    )
                    tasks[number] = before[number][session] = task
                    before[number] = dict(list(before[number].items())[-FURTHEST_BACK:])
            waiting.append((session, tasks))
            if len(waiting) > _AHEAD:
                yield from self._joined(*waiting.popleft(), before)
        while waiting:
            yield from self._joined(*waiting.popleft(), before)

    def _joined(self, session: date, tasks: dict[int, Any], before: list[dict[date, Any]]) -> Iterator[Made]:
        """What the groups gave of a session, as if one had made it."""
        parts: list[Made] = []
        for number, task in tasks.items():
            made = self.crew.result(task)
            if session in before[number]:
                before[number][session] = None if made is None else _compared(made.summary)
            parts += [] if made is None else [made]
        if parts:
            # Columns that some names lack stand where those that have them have them.
            rows = sorted((part.summary.underlyings for part in parts), key=lambda frame: -frame.width)
            yield Made(
                session,
                Summary(
                    pl.concat([part.summary.contracts for part in parts], how="vertical_relaxed"),
                    pl.concat(rows, how="diagonal_relaxed"),
                ),
                tuple(sorted((one for part in parts for one in part.derived), key=lambda one: one.underlying)),
                frozenset().union(*(part.left_out for part in parts)),
            )


def _compared(summary: Summary) -> Summary:
    """Of a summary what later sessions are compared with."""
    return Summary(summary.contracts.select(_COMPARED), summary.underlyings)


def _make(
    told: _Told,
    source: str,
    session: date,
    names: list[str],
    since: date,
    before: Mapping[date, Made | Summary | None],
) -> Made | None:
    """Summarise one session of some names, in whatever process this is."""
    store = workers.kept(told.run, lambda: workers.read_store(told.settings))
    summaries = {day: one.summary if isinstance(one, Made) else one for day, one in before.items() if one is not None}
    return store.made(source, session, names, since, summaries)
