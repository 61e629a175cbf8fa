"""What is written to and read from the state, inside one transaction."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from sqlalchemy import bindparam, case, delete, func, null, or_, select, update

from scanner.alerts.episodes import Episode, Event, Sighting
from scanner.alerts.flagged import Decided, Flagged
from scanner.alerts.identity import Key
from scanner.alerts.model import Alert, Confirmation, HeldBack, NotJudged, ScanMeta, Status, iso
from scanner.errors import ScanProblem
from scanner.severity import Severity
from scanner.store.state.following import Following
from scanner.store.state.outbox import Outbox
from scanner.store.state.records import Records, values_of
from scanner.store.state.tables import (
    AlertRow,
    AlertUpdateRow,
    CalibrationRow,
    FlaggedRow,
    FollowedRow,
    HeldBackRow,
    JobRunRow,
    LookRow,
    NotJudgedRow,
    OutcomeRow,
    RunRow,
    SightingRow,
)

# A statement takes so many parameters and no more.
_AT_ONCE = 1_000
_FLAGGED = ("alert_id", "session_date", "contract")


@dataclass(frozen=True, slots=True)
class Update:
    """One step of an alert's history."""

    seen_at: datetime
    event: str
    alert: Alert


class Ledger(Records, Outbox, Following):
    """Reads and writes of one transaction; made by ``State.read`` and ``State.write``."""

    # -- episodes -------------------------------------------------------------------------------------------------

    def episodes(self, before: datetime, session_date: date, simulated: bool) -> list[Episode]:
        """Every episode as it was known strictly before a moment: those open then, and those begun in the session.

        Judging a moment a second time therefore starts from the same knowledge, and gives the same alerts.
        """
        newest = (
            select(AlertUpdateRow.alert_id, func.max(AlertUpdateRow.seen_at).label("seen_at"))
            .join(AlertRow, AlertRow.alert_id == AlertUpdateRow.alert_id)
            .where(AlertUpdateRow.seen_at < before, AlertRow.simulated == simulated)
            .where(
                or_(
                    AlertRow.status != Status.closed,
                    AlertRow.updated_at >= before,
                    AlertRow.first_session == session_date,
                )
            )
            .group_by(AlertUpdateRow.alert_id)
            .subquery()
        )
        rows = self._session.execute(
            select(AlertRow, AlertUpdateRow)
            .join(newest, newest.c.alert_id == AlertRow.alert_id)
            .join(
                AlertUpdateRow,
                (AlertUpdateRow.alert_id == newest.c.alert_id) & (AlertUpdateRow.seen_at == newest.c.seen_at),
            )
            .order_by(AlertRow.alert_id)
        )
        episodes = [_episode(alert, update) for alert, update in rows]
        return [episode for episode in episodes if not episode.closed or episode.started == session_date]

    def save_episodes(self, episodes: Iterable[Episode], events: Iterable[Event], seen_at: datetime, run: str) -> None:
        """Store changed episodes: one update each, and the alert as it now stands (never an older view of it)."""
        kinds = {event.alert.alert_id: event.kind.value for event in events}
        changed = {episode.alert.alert_id: episode for episode in episodes}
        alerts, updates = self._held(list(changed), seen_at)
        for alert_id, episode in changed.items():
            standing = alerts.get(alert_id)
            if standing is None:
                self._session.add(_alert_row(episode, seen_at))
            elif standing.updated_at <= seen_at:
                self._session.merge(_alert_row(episode, seen_at))
        # An update refers to its alert.
        self._session.flush()
        for alert_id, episode in changed.items():
            row = AlertUpdateRow(
                alert_id=alert_id,
                seen_at=seen_at,
                run_id=run,
                event=kinds[alert_id],
                episode=_episode_document(episode),
                document=episode.alert.as_dict(),
            )
            self._session.merge(row) if alert_id in updates else self._session.add(row)

    def _held(
        self, alert_ids: Sequence[str], seen_at: datetime
    ) -> tuple[dict[str, AlertRow], dict[str, AlertUpdateRow]]:
        """What is stored of some alerts, and of what happened to them at a moment, by alert."""
        alerts: dict[str, AlertRow] = {}
        updates: dict[str, AlertUpdateRow] = {}
        for some in _some_at_once(alert_ids):
            found = self._session.scalars(select(AlertRow).where(AlertRow.alert_id.in_(some)))
            alerts |= {row.alert_id: row for row in found}
            happened = select(AlertUpdateRow).where(
                AlertUpdateRow.alert_id.in_(some), AlertUpdateRow.seen_at == seen_at
            )
            updates |= {row.alert_id: row for row in self._session.scalars(happened)}
        return alerts, updates

    def happened_at(self, moment: datetime, alert_ids: Iterable[str]) -> set[tuple[str, str]]:
        """What has been kept of some alerts as of a moment: their ids, each with what happened."""
        query = select(AlertUpdateRow.alert_id, AlertUpdateRow.event).where(
            AlertUpdateRow.seen_at == moment, AlertUpdateRow.alert_id.in_(list(alert_ids))
        )
        return {(alert_id, event) for alert_id, event in self._session.execute(query)}

    def sightings(self, simulated: bool) -> list[Sighting]:
        """Findings that have not yet held long enough."""
        rows = self._session.scalars(select(SightingRow).where(SightingRow.simulated == simulated))
        return [
            Sighting(Key(row.rule_id, row.identity, row.simulated), row.underlying, row.since, row.last_seen, row.scans)
            for row in rows
        ]

    def replace_sightings(self, gone: Iterable[Key], remembered: Iterable[Sighting]) -> None:
        """Forget some sightings and remember others."""
        for key in gone:
            row = self._session.get(SightingRow, (key.rule_id, key.identity, key.simulated))
            if row is not None:
                self._session.delete(row)
        for sighting in remembered:
            self._session.merge(
                SightingRow(
                    rule_id=sighting.key.rule_id,
                    identity=sighting.key.identity,
                    simulated=sighting.key.simulated,
                    underlying=sighting.underlying,
                    since=sighting.since,
                    last_seen=sighting.last_seen,
                    scans=sighting.scans,
                )
            )

    # -- alerts ---------------------------------------------------------------------------------------------------

    def alerts(
        self, *, min_severity: Severity = Severity.info, newest_sessions: int | None = None, limit: int | None = None
    ) -> list[Alert]:
        """Stored alerts, newest session first, strongest first within it; of the newest sessions that have any."""
        wanted = AlertRow.severity.in_(_from(min_severity))
        sessions = self._session.scalars(
            select(AlertRow.session_date).where(wanted).distinct().order_by(AlertRow.session_date.desc())
        )
        found: list[Alert] = []
        for session_date in sessions.all()[:newest_sessions]:
            rows = self._session.scalars(select(AlertRow.document).where(wanted, AlertRow.session_date == session_date))
            of_session = [Alert.from_dict(document) for document in rows]
            found += sorted(of_session, key=lambda alert: (alert.strength, alert.alert_id), reverse=True)
            if limit is not None and len(found) >= limit:
                break
        return found[:limit]

    def session_alerts(self, session: date, simulated: bool) -> list[Alert]:
        """The alerts whose newest update lies in a session, of the real or the simulated market."""
        rows = self._session.scalars(
            select(AlertRow)
            .where(AlertRow.session_date == session, AlertRow.simulated == simulated)
            .order_by(AlertRow.alert_id)
        )
        return [Alert.from_dict(row.document) for row in rows]

    def known_subjects(self) -> tuple[set[str], set[str]]:
        """The rules and the names that stored alerts are of."""
        rules = self._session.scalars(select(AlertRow.rule_id).distinct())
        names = self._session.scalars(select(AlertRow.underlying).distinct())
        return set(rules), {name for name in names if name is not None}

    def newest_session(self) -> date | None:
        """The newest session that was scanned."""
        return self._session.scalar(select(func.max(RunRow.session_date)))

    def count_alerts(self, *, first_session: date | None = None, min_severity: Severity = Severity.info) -> int:
        """How many alerts there are, or a session has raised."""
        query = select(func.count()).select_from(AlertRow).where(AlertRow.severity.in_(_from(min_severity)))
        if first_session is not None:
            query = query.where(AlertRow.first_session == first_session)
        return self._session.scalar(query) or 0

    def alert(self, alert_id: str) -> Alert | None:
        """One alert as it stands now; the id may be shortened as long as it stays unique."""
        rows = self._session.scalars(
            select(AlertRow).where(AlertRow.alert_id.startswith(alert_id, autoescape=True)).limit(2)
        ).all()
        return Alert.from_dict(rows[0].document) if len(rows) == 1 else None

    def standing(self, alert_ids: Iterable[str]) -> dict[str, Alert]:
        """Some alerts as they stand now, by id; without those that there are none of."""
        columns = select(AlertRow.alert_id, AlertRow.document)
        return {
            alert_id: Alert.from_dict(document)
            for some in _some_at_once(alert_ids)
            for alert_id, document in self._session.execute(columns.where(AlertRow.alert_id.in_(some)))
        }

    def updates(self, alert_id: str) -> list[Update]:
        """Everything that happened to an alert, oldest first."""
        rows = self._session.scalars(
            select(AlertUpdateRow).where(AlertUpdateRow.alert_id == alert_id).order_by(AlertUpdateRow.seen_at)
        )
        return [Update(row.seen_at, row.event, Alert.from_dict(row.document)) for row in rows]

    # -- runs -----------------------------------------------------------------------------------------------------

    def save_run(
        self,
        scan: ScanMeta,
        problems: Sequence[ScanProblem],
        held_back: Mapping[str, int],
        notes: Sequence[str] = (),
    ) -> None:
        """Store one scan: what it was, what was left out, how much was held back for which reason, what it noted."""
        self._session.merge(
            RunRow(
                run_id=scan.id,
                as_of=scan.as_of,
                session_date=scan.session_date,
                source=scan.source,
                simulated=scan.simulated,
                document={**scan.as_dict(), "notes": list(notes), "names": list(scan.names)},
                problems=[
                    {"symbol": item.symbol, "stage": item.stage, "code": item.code, "message": item.message}
                    for item in problems
                ],
                held_back=dict(held_back),
            )
        )

    def runs(self, limit: int = 100) -> list[dict[str, Any]]:
        """The newest runs first: each the document's ``scan`` object, with errors, held_back, notes and names."""
        rows = self._session.scalars(select(RunRow).order_by(RunRow.as_of.desc()).limit(limit))
        return [{**row.document, "errors": row.problems, "held_back": row.held_back} for row in rows]

    def save_left_out(self, run: str, held_back: Iterable[HeldBack], not_judged: Iterable[NotJudged]) -> None:
        """Store what did not become an alert in a run, and what could not be judged.

        The evidence is kept of the newest scan of a name in a session: a market looked at all day would fill the state
        with it.
        """
        self._session.execute(delete(HeldBackRow).where(HeldBackRow.run_id == run))
        self._session.execute(delete(NotJudgedRow).where(NotJudgedRow.run_id == run))
        found = list(held_back)
        sessions = {item.alert.session_date for item in found}
        names = {item.alert.underlying for item in found}
        earlier = select(RunRow.run_id).where(RunRow.session_date.in_(sessions), RunRow.run_id != run)
        again = HeldBackRow.underlying.in_(names) | HeldBackRow.underlying.is_(None)
        self._session.execute(update(HeldBackRow).where(HeldBackRow.run_id.in_(earlier), again).values(document=null()))
        held = [
            {
                "run_id": run,
                "rule_id": item.alert.rule_id,
                "identity": item.identity,
                "underlying": item.alert.underlying,
                "severity": item.alert.severity.value,
                "score": item.alert.score,
                "reason": item.reason,
                "message": item.alert.message,
                "document": item.alert.as_dict(),
            }
            for item in found
        ]
        unknown = [
            {
                "run_id": run,
                "rule_id": item.rule_id,
                "underlying": item.underlying,
                "reasons": list(item.reasons),
                "count": item.count,
            }
            for item in not_judged
        ]
        self._insert(HeldBackRow, held)
        self._insert(NotJudgedRow, unknown)

    def held_back(self, run: str) -> list[dict[str, Any]]:
        """What a run held back: rule_id, identity, underlying, severity, score, reason, message, document (None: of a
        state that kept none yet, or of an earlier scan of its session)."""
        rows = self._session.scalars(select(HeldBackRow).where(HeldBackRow.run_id == run))
        names = ("rule_id", "identity", "underlying", "severity", "score", "reason", "message", "document")
        return [{name: getattr(row, name) for name in names} for row in rows]

    def not_judged(self, run: str) -> list[NotJudged]:
        """What a run could not judge."""
        rows = self._session.scalars(
            select(NotJudgedRow).where(NotJudgedRow.run_id == run).order_by(NotJudgedRow.row_id)
        )
        return [NotJudged(row.rule_id, row.underlying, tuple(row.reasons), row.count) for row in rows]

    # -- confirmation ---------------------------------------------------------------------------------------------

    def flag(self, flagged: Iterable[Flagged]) -> None:
        """Remember the contracts behind alerts; what has been decided about one already stays as it is."""
        rows = {(item.alert_id, item.session_date, item.contract): values_of(item) for item in flagged}
        key = [getattr(FlaggedRow, name) for name in _FLAGGED]
        decided = select(*key).where(
            FlaggedRow.alert_id.in_({alert_id for alert_id, _, _ in rows}), FlaggedRow.outcome != Confirmation.pending
        )
        for known in self._session.execute(decided):
            rows.pop(tuple(known), None)
        self._replace(FlaggedRow, _FLAGGED, list(rows.values()))

    def decide(self, flagged: Iterable[Flagged]) -> None:
        """Store what became of flagged contracts."""
        self._replace(FlaggedRow, _FLAGGED, [values_of(item) for item in flagged])

    def flagged(
        self,
        *,
        outcome: str | None = None,
        alert_id: str | None = None,
        among: Collection[str] | None = None,
        before: date | None = None,
    ) -> list[Flagged]:
        """The contracts behind alerts, oldest session first, by outcome, alert(s), or session before a date."""
        names = Flagged.__dataclass_fields__
        # Plain columns: there may be tens of thousands, and nobody changes them by hand.
        query = select(*(getattr(FlaggedRow, name) for name in names)).order_by(
            FlaggedRow.session_date, FlaggedRow.alert_id, FlaggedRow.contract
        )
        if outcome is not None:
            query = query.where(FlaggedRow.outcome == outcome)
        if alert_id is not None:
            query = query.where(FlaggedRow.alert_id == alert_id)
        if before is not None:
            query = query.where(FlaggedRow.session_date < before)
        if among is None:
            return [Flagged(*row) for row in self._session.execute(query)]
        found = [
            Flagged(*row)
            for some in _some_at_once(among)
            for row in self._session.execute(query.where(FlaggedRow.alert_id.in_(some)))
        ]
        return sorted(found, key=lambda item: (item.session_date, item.alert_id, item.contract))

    def decided(self) -> list[Decided]:
        """What was decided of every alert in each session it was flagged in, or that nothing was."""
        columns = [getattr(FlaggedRow, name) for name in Decided._fields]
        query = select(*columns).distinct().order_by(FlaggedRow.session_date, FlaggedRow.alert_id)
        return [Decided(*row) for row in self._session.execute(query)]

    def confirm(self, confirmed: Iterable[tuple[Alert, str]], seen_at: datetime) -> None:
        """Store what the open interest said at a moment about alerts, each with its event, as one more update of it.

        Of several about one alert the last is kept.
        """
        told = {alert.alert_id: (alert.as_dict(), event) for alert, event in confirmed}
        episodes: dict[str, dict[str, Any]] = {}
        columns = select(AlertUpdateRow.alert_id, AlertUpdateRow.episode).order_by(AlertUpdateRow.seen_at)
        for some in _some_at_once(told):
            episodes |= dict(self._session.execute(columns.where(AlertUpdateRow.alert_id.in_(some))).all())
        updates = [
            {"alert_id": alert_id, "seen_at": seen_at, "run_id": None, "event": event, "episode": episodes[alert_id],
             "document": document}
            for alert_id, (document, event) in told.items()
        ]  # fmt: skip
        self._replace(AlertUpdateRow, ("alert_id", "seen_at"), updates)
        if updates:
            newest = case((AlertRow.updated_at < seen_at, seen_at), else_=AlertRow.updated_at)
            changed = update(AlertRow).where(AlertRow.alert_id == bindparam("_alert_id"))
            rows = [{"_alert_id": row["alert_id"], "_document": row["document"]} for row in updates]
            self._session.connection().execute(
                changed.values(document=bindparam("_document", type_=AlertRow.document.type), updated_at=newest), rows
            )

    # -- retention ------------------------------------------------------------------------------------------------

    def prune(self, before: date, records_before: date | None = None) -> dict[str, int]:
        """Remove alerts with all that hangs on them, and runs with what they left out, of sessions before a date.

        ``records_before`` is that of what only serves the scans of its days: what was left out, looks, the schedule's
        runs, messages that were sent. Returns how many of each.
        """
        records = before if records_before is None else max(before, records_before)
        old_runs = select(RunRow.run_id).where(RunRow.session_date < records)
        old_alerts = select(AlertRow.alert_id).where(AlertRow.session_date < before)
        moment = datetime(records.year, records.month, records.day, tzinfo=UTC)
        removed: dict[str, int] = {}
        for name, statement in {
            "held_back": delete(HeldBackRow).where(HeldBackRow.run_id.in_(old_runs)),
            "not_judged": delete(NotJudgedRow).where(NotJudgedRow.run_id.in_(old_runs)),
            "runs": delete(RunRow).where(RunRow.session_date < before),
            "followed": delete(FollowedRow).where(FollowedRow.alert_id.in_(old_alerts)),
            "outcomes": delete(OutcomeRow).where(OutcomeRow.alert_id.in_(old_alerts)),
            "flagged": delete(FlaggedRow).where(FlaggedRow.alert_id.in_(old_alerts)),
            "alert_updates": delete(AlertUpdateRow).where(AlertUpdateRow.alert_id.in_(old_alerts)),
            "alerts": delete(AlertRow).where(AlertRow.session_date < before),
            "looks": delete(LookRow).where(LookRow.session_date < records),
            "job_runs": delete(JobRunRow).where(JobRunRow.started_at < moment),
            "calibration": delete(CalibrationRow).where(CalibrationRow.session_date < before),
        }.items():
            result = self._session.execute(statement, execution_options={"synchronize_session": False})
            removed[name] = int(getattr(result, "rowcount", 0))
        removed["outbox"] = self.forget_messages(moment)
        return removed


def _alert_row(episode: Episode, seen_at: datetime) -> AlertRow:
    alert = episode.alert
    return AlertRow(
        alert_id=alert.alert_id,
        rule_id=alert.rule_id,
        identity=episode.key.identity,
        simulated=episode.key.simulated,
        underlying=alert.underlying,
        severity=alert.severity.value,
        status=alert.status.value,
        session_date=alert.session_date,
        first_session=episode.started,
        first_seen=alert.first_seen,
        last_seen=alert.last_seen,
        updated_at=seen_at,
        document=alert.as_dict(),
    )


def _episode_document(episode: Episode) -> dict[str, Any]:
    return {
        "started": iso(episode.started),
        "ordinal": episode.ordinal,
        "peak_severity": episode.peak_severity.value,
        "peak_stars": episode.peak_stars,
        "displaced": episode.displaced,
    }


def _episode(alert: AlertRow, update: AlertUpdateRow) -> Episode:
    kept = update.episode
    return Episode(
        key=Key(alert.rule_id, alert.identity, alert.simulated),
        started=date.fromisoformat(kept["started"]),
        ordinal=kept["ordinal"],
        alert=Alert.from_dict(update.document),
        peak_severity=Severity(kept["peak_severity"]),
        peak_stars=kept["peak_stars"],
        displaced=kept["displaced"],
    )


def _some_at_once(ids: Iterable[str]) -> Iterator[list[str]]:
    """Ids, as many at a time as a statement takes."""
    every = sorted(ids)
    for first in range(0, len(every), _AT_ONCE):
        yield every[first : first + _AT_ONCE]


def _from(severity: Severity) -> list[str]:
    """That severity and those above it."""
    return [each.value for each in Severity if each.rank >= severity.rank]
