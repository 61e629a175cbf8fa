"""What a session leaves for later ones beside its alerts: looks, calibration records, and what the schedule did."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Text, and_, bindparam, cast, delete, insert, select
from sqlalchemy.orm import Session

from scanner.activity.record import Calibration
from scanner.history.known_before import Look
from scanner.store.state.tables import CalibrationRow, JobRow, JobRunRow, LookRow
from scanner.store.state.tables import Table as RowTable

if TYPE_CHECKING:
    import polars as pl

_LOOK = ("source", "underlying", "session_date", "quote_time")
_LEVEL = ("source", "session_date", "channel", "nominal")


@dataclass(frozen=True, slots=True)
class Job:
    """What a scheduled job last did."""

    name: str
    started_at: datetime
    finished_at: datetime | None = None
    outcome: str | None = None
    message: str | None = None


@dataclass(frozen=True, slots=True)
class JobRun:
    """One run of a scheduled job.

    ``outcome`` is ``running``, ``done``, ``partly`` (something was left out), ``failed``, ``too late``, ``abandoned``
    (told to stop) or ``killed`` (never ended); ``message`` says why. ``figures`` hold what a scan looked at and found.
    """

    name: str
    task: str
    due_at: datetime
    started_at: datetime
    finished_at: datetime | None = None
    outcome: str = "running"
    message: str | None = None
    figures: Mapping[str, Any] = field(default_factory=dict)
    run_id: int | None = None


class Records:
    """Reads and writes of one transaction that have nothing to do with single alerts."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def looks(self, chains: pl.DataFrame) -> list[Look]:
        """The earlier scans of some chains' sessions: those whose quotes are older than the chain's own.

        ``chains`` has one row an underlying: source, underlying, session_date, quote_time.
        """
        moments = {
            (source, session, name): moment for source, name, session, moment in chains.select(_LOOK).iter_rows()
        }
        if not moments:
            return []
        days, newest = {session for _, session, _ in moments}, max(moments.values())
        # Plain columns, and the surprises as they are written: a market scanned all day has looked at every name two
        # dozen times, and one long text is read in a fraction of the time that thousands of short ones take.
        told_of = (LookRow.source, LookRow.session_date, LookRow.underlying, LookRow.quote_time)
        rows = self._session.execute(
            select(*told_of, cast(LookRow.surprises, Text))
            .where(LookRow.session_date.in_(days), LookRow.quote_time < newest)
            .order_by(LookRow.quote_time, LookRow.underlying)
        )
        earlier = [
            ((source, session, name, moment), written)
            for source, session, name, moment, written in rows
            if (own := moments.get((source, session, name))) and moment < own
        ]
        told = json.loads(f"[{','.join(written for _, written in earlier)}]")
        return [
            Look(source, session, name, moment, seen)
            for ((source, session, name, moment), _), seen in zip(earlier, told, strict=True)
        ]

    def save_looks(self, looks: Iterable[Look]) -> None:
        """Remember scans for the later ones of their session."""
        key = ("source", "session_date", "underlying", "quote_time")
        self._replace(LookRow, key, [values_of(look) for look in looks])

    def _replace(self, table: type[RowTable], key: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
        """Store rows in the place of those of the same key; what the session holds in memory is not looked at."""
        if not rows:
            return
        same = and_(*(getattr(table, name) == bindparam(f"_{name}") for name in key))
        keys = [{f"_{name}": row[name] for name in key} for row in rows]
        self._session.connection().execute(delete(table).where(same), keys)
        self._insert(table, rows)

    def _insert(self, table: type[RowTable], rows: Sequence[Mapping[str, Any]]) -> None:
        """Store new rows, as plain statements: there may be thousands, and nobody changes them by hand.

        An insert of no rows would be an insert of one row of defaults.
        """
        if rows:
            self._session.flush()
            self._session.connection().execute(insert(table), list(rows))

    def save_calibration(self, records: Iterable[Calibration]) -> None:
        """Store how often nominal chances were really met; of two scans of a session, what the one of more rows saw."""
        rows = list(records)
        if not rows:
            return
        days = {record.session_date for record in rows}
        key = [getattr(CalibrationRow, name) for name in _LEVEL]
        stored = self._session.execute(select(*key, CalibrationRow.count).where(CalibrationRow.session_date.in_(days)))
        most = {tuple(level): count for *level, count in stored}
        kept: dict[tuple[Any, ...], Calibration] = {}
        for record in rows:
            level = tuple(getattr(record, name) for name in _LEVEL)
            if record.count >= most.get(level, 0):
                kept[level], most[level] = record, record.count
        self._replace(CalibrationRow, _LEVEL, [values_of(record) for record in kept.values()])

    def calibration(self, source: str | None = None, since: date | None = None) -> list[Calibration]:
        """Stored calibration records, oldest session first."""
        # Plain columns: there are hundreds of every session, and nobody changes them by hand.
        columns = (getattr(CalibrationRow, name) for name in Calibration.__dataclass_fields__)
        query = select(*columns).order_by(CalibrationRow.session_date, CalibrationRow.channel, CalibrationRow.nominal)
        if source is not None:
            query = query.where(CalibrationRow.source == source)
        if since is not None:
            query = query.where(CalibrationRow.session_date >= since)
        return [Calibration(*row) for row in self._session.execute(query)]

    def save_job(self, job: Job) -> None:
        """Store what a scheduled job did."""
        self._session.merge(JobRow(**values_of(job)))

    def jobs(self) -> list[Job]:
        """What every scheduled job last did, by name."""
        rows = self._session.scalars(select(JobRow).order_by(JobRow.name))
        return [Job(row.name, row.started_at, row.finished_at, row.outcome, row.message) for row in rows]

    def save_job_run(self, run: JobRun) -> int:
        """Store a run, or what became of it where it has an id; returns its id."""
        row = self._session.merge(JobRunRow(**values_of(run)))
        self._session.flush()
        return row.run_id

    def job_runs(self, *, name: str | None = None, limit: int = 100) -> list[JobRun]:
        """Runs of scheduled jobs, the newest first."""
        query = select(JobRunRow).order_by(JobRunRow.started_at.desc(), JobRunRow.run_id.desc()).limit(limit)
        if name is not None:
            query = query.where(JobRunRow.name == name)
        names = JobRun.__dataclass_fields__
        return [JobRun(**{name: getattr(row, name) for name in names}) for row in self._session.scalars(query)]

    def close_job_runs(self, outcome: str = "killed", among: Collection[str] | None = None) -> int:
        """Give runs that never ended an outcome, for whoever ran them is gone. Returns how many there were.

        ``among`` are the jobs whose runs they may be; None: those of any job.
        """
        query = select(JobRunRow).where(JobRunRow.outcome == "running")
        if among is not None:
            query = query.where(JobRunRow.name.in_(among))
        found = self._session.scalars(query).all()
        for row in found:
            row.outcome = outcome
        return len(found)


def values_of(item: Any) -> dict[str, Any]:
    """The fields of a record as the columns of its row."""
    return {name: getattr(item, name) for name in item.__dataclass_fields__}
