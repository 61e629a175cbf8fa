"""The tables of the state: runs, alerts with every update, what was held back or not judged, confirmations, jobs.

One declaration for SQLite and PostgreSQL. Instants are stored in UTC. ``document`` columns hold the stable JSON of
``--format json`` (an alert, a scan); what is queried stands beside them in columns of its own.
"""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any, ClassVar

from sqlalchemy import JSON, DateTime, Dialect, Double, ForeignKey, Index, String, TypeDecorator
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

# Another one means another step in ``migrations``, so that what older versions left can still be used.
SCHEMA_VERSION = 4


class Instant(TypeDecorator[datetime]):
    """A timezone-aware moment, kept in UTC also where the database knows no time zones (SQLite)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """To UTC; a naive time is a mistake and raises ValueError."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Back as an aware UTC time."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Table(DeclarativeBase):
    """Base of every table."""

    type_annotation_map: ClassVar[dict[Any, Any]] = {
        datetime: Instant(),
        float: Double(),
        dict[str, Any]: JSON(),
        list[Any]: JSON(),
    }


class MetaRow(Table):
    """Facts about the database itself, such as ``schema_version``."""

    __tablename__ = "meta"
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[str]


class RunRow(Table):
    """One scan: when, of what, how it ended, and what was left out."""

    __tablename__ = "runs"
    run_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    as_of: Mapped[datetime] = mapped_column(index=True)
    session_date: Mapped[date] = mapped_column(index=True)
    source: Mapped[str] = mapped_column(String(64))
    simulated: Mapped[bool]
    document: Mapped[dict[str, Any]]
    problems: Mapped[list[Any]]
    held_back: Mapped[dict[str, Any]]


class AlertRow(Table):
    """An alert as it stands now."""

    __tablename__ = "alerts"
    alert_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    rule_id: Mapped[str] = mapped_column(String(128), index=True)
    identity: Mapped[str] = mapped_column(String(256))
    simulated: Mapped[bool]
    underlying: Mapped[str | None] = mapped_column(String(32), index=True)
    severity: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    session_date: Mapped[date] = mapped_column(index=True)
    first_session: Mapped[date] = mapped_column(index=True)
    first_seen: Mapped[datetime] = mapped_column(index=True)
    last_seen: Mapped[datetime] = mapped_column(index=True)
    updated_at: Mapped[datetime] = mapped_column(index=True)
    document: Mapped[dict[str, Any]]


class AlertUpdateRow(Table):
    """Every update an alert ever had; the newest one before a moment is what was known then."""

    __tablename__ = "alert_updates"
    alert_id: Mapped[str] = mapped_column(ForeignKey("alerts.alert_id", ondelete="CASCADE"), primary_key=True)
    seen_at: Mapped[datetime] = mapped_column(primary_key=True)
    run_id: Mapped[str | None] = mapped_column(String(64))
    event: Mapped[str] = mapped_column(String(16))
    episode: Mapped[dict[str, Any]]
    document: Mapped[dict[str, Any]]


class SightingRow(Table):
    """A finding that has not yet held for as many scans as its rule asks."""

    __tablename__ = "sightings"
    rule_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    identity: Mapped[str] = mapped_column(String(256), primary_key=True)
    simulated: Mapped[bool] = mapped_column(primary_key=True)
    underlying: Mapped[str | None] = mapped_column(String(32))
    since: Mapped[datetime]
    last_seen: Mapped[datetime]
    scans: Mapped[int]


class HeldBackRow(Table):
    """A finding that did not become an alert, and why; the newest scan of a session keeps the whole of it."""

    __tablename__ = "held_back"
    run_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    rule_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    identity: Mapped[str] = mapped_column(String(256), primary_key=True)
    underlying: Mapped[str | None] = mapped_column(String(32))
    severity: Mapped[str] = mapped_column(String(16))
    score: Mapped[float | None]
    reason: Mapped[str] = mapped_column(String(32))
    message: Mapped[str]
    document: Mapped[dict[str, Any] | None]


class NotJudgedRow(Table):
    """A rule that could not be decided for some rows of an underlying in one run."""

    __tablename__ = "not_judged"
    row_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    run_id: Mapped[str] = mapped_column(String(64), index=True)
    rule_id: Mapped[str] = mapped_column(String(128))
    underlying: Mapped[str | None] = mapped_column(String(32))
    reasons: Mapped[list[Any]]
    count: Mapped[int]


class FlaggedRow(Table):
    """A contract behind an alert in one session, and what the next morning's open interest said about it."""

    __tablename__ = "flagged"
    alert_id: Mapped[str] = mapped_column(ForeignKey("alerts.alert_id", ondelete="CASCADE"), primary_key=True)
    session_date: Mapped[date] = mapped_column(primary_key=True)
    contract: Mapped[str] = mapped_column(String(32), primary_key=True)
    rule_id: Mapped[str] = mapped_column(String(128), index=True)
    underlying: Mapped[str | None] = mapped_column(String(32))
    simulated: Mapped[bool]
    expiry: Mapped[date | None]
    flagged_at: Mapped[datetime]
    volume: Mapped[int | None]
    open_interest: Mapped[int | None]
    oi_asof: Mapped[date | None]
    outcome: Mapped[str] = mapped_column(String(16), index=True)
    opened: Mapped[int | None]
    decided_at: Mapped[datetime | None]
    matched_share: Mapped[float | None]


class LookRow(Table):
    """One scan of an underlying: when its quotes were of, and the contracts that stood out, with their surprise."""

    __tablename__ = "looks"
    source: Mapped[str] = mapped_column(String(64), primary_key=True)
    session_date: Mapped[date] = mapped_column(primary_key=True, index=True)
    underlying: Mapped[str] = mapped_column(String(32), primary_key=True)
    quote_time: Mapped[datetime] = mapped_column(primary_key=True)
    surprises: Mapped[dict[str, Any]]


class CalibrationRow(Table):
    """How often a nominal chance was really met in one session, for one channel and one source."""

    __tablename__ = "calibration"
    source: Mapped[str] = mapped_column(String(64), primary_key=True)
    session_date: Mapped[date] = mapped_column(primary_key=True)
    channel: Mapped[str] = mapped_column(String(64), primary_key=True)
    nominal: Mapped[float] = mapped_column(primary_key=True)
    realised: Mapped[float | None]
    count: Mapped[int]
    calculation_version: Mapped[str] = mapped_column(String(64))


class JobRow(Table):
    """What the schedule last did."""

    __tablename__ = "jobs"
    name: Mapped[str] = mapped_column(String(128), primary_key=True)
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(32))
    message: Mapped[str | None]


class JobRunRow(Table):
    """One run of a scheduled job, also one that failed, came too late or never ended."""

    __tablename__ = "job_runs"
    run_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    name: Mapped[str] = mapped_column(String(128), index=True)
    task: Mapped[str] = mapped_column(String(16))
    due_at: Mapped[datetime]
    started_at: Mapped[datetime] = mapped_column(index=True)
    finished_at: Mapped[datetime | None]
    outcome: Mapped[str] = mapped_column(String(16))
    message: Mapped[str | None]
    figures: Mapped[dict[str, Any]]


class SilenceRow(Table):
    """What somebody has seen (``ack``) or does not want to hear of (``mute``), and until when."""

    __tablename__ = "silences"
    silence_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    kind: Mapped[str] = mapped_column(String(8))
    subject: Mapped[str] = mapped_column(String(16))
    value: Mapped[str] = mapped_column(String(256))
    since: Mapped[datetime]
    until: Mapped[datetime | None]


class OutboxRow(Table):
    """A message on its way to one output. Its id is made of what it says, so that nothing is queued twice."""

    __tablename__ = "outbox"
    message_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    output: Mapped[str] = mapped_column(String(64), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    alert_id: Mapped[str | None] = mapped_column(String(32))
    severity: Mapped[str] = mapped_column(String(16))
    document: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]
    due_at: Mapped[datetime] = mapped_column(index=True)
    attempts: Mapped[int]
    status: Mapped[str] = mapped_column(String(16), index=True)
    settled_at: Mapped[datetime | None]
    problem: Mapped[str | None]


class FollowedRow(Table):
    """A contract behind an alert at the close of one session: what was open, what it cost, where the stock stood."""

    __tablename__ = "followed"
    alert_id: Mapped[str] = mapped_column(ForeignKey("alerts.alert_id", ondelete="CASCADE"), primary_key=True)
    contract: Mapped[str] = mapped_column(String(32), primary_key=True)
    session_date: Mapped[date] = mapped_column(primary_key=True)
    open_interest: Mapped[int | None]
    bid: Mapped[float | None]
    ask: Mapped[float | None]
    last: Mapped[float | None]
    iv: Mapped[float | None]
    spot: Mapped[float | None]


class OutcomeRow(Table):
    """What became of an alert's flagged session after so many sessions, beside contracts that were like it."""

    __tablename__ = "outcomes"
    alert_id: Mapped[str] = mapped_column(ForeignKey("alerts.alert_id", ondelete="CASCADE"), primary_key=True)
    session_date: Mapped[date] = mapped_column(primary_key=True)
    horizon: Mapped[int] = mapped_column(primary_key=True)
    figures: Mapped[dict[str, Any]]
    matched: Mapped[list[Any]]


Index("alerts_key", AlertRow.rule_id, AlertRow.identity, AlertRow.simulated)
