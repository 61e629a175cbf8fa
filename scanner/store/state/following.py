"""What became of flagged contracts, kept with their alerts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

from sqlalchemy import String, and_, case, cast, delete, exists, false, func, insert, null, or_, select
from sqlalchemy.orm import Session

from scanner.alerts.board import Told, Written
from scanner.alerts.outcome import Followed, Outcome
from scanner.store.state.tables import AlertRow, FlaggedRow, FollowedRow, OutcomeRow


class Following:
    """Reads and writes of one transaction that have to do with what became of alerts."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def save_followed(self, alert_id: str, rows: Iterable[Followed]) -> None:
        """Put what is known of an alert's contracts in place of what was."""
        self._session.execute(delete(FollowedRow).where(FollowedRow.alert_id == alert_id))
        values = [{name: getattr(row, name) for name in row.__dataclass_fields__} for row in rows]
        if values:
            self._session.connection().execute(insert(FollowedRow), values)

    def save_outcomes(self, alert_id: str, outcomes: Mapping[date, Iterable[Outcome]]) -> None:
        """Put what became of an alert's flagged sessions in place of what was known of them."""
        mine = OutcomeRow.alert_id == alert_id
        self._session.execute(delete(OutcomeRow).where(mine, OutcomeRow.session_date.in_(outcomes)))
        values = [
            {
                "alert_id": item.alert_id,
                "session_date": item.session_date,
                "horizon": item.horizon,
                "figures": item.figures,
                "matched": list(item.matched),
            }
            for found in outcomes.values()
            for item in found
        ]
        if values:
            self._session.connection().execute(insert(OutcomeRow), values)

    def followed(self, alert_id: str) -> list[Followed]:
        """An alert's contracts at each close, oldest session first."""
        columns = (getattr(FollowedRow, name) for name in Followed.__dataclass_fields__)
        query = select(*columns).where(FollowedRow.alert_id == alert_id)
        rows = self._session.execute(query.order_by(FollowedRow.session_date, FollowedRow.contract))
        return [Followed(*row) for row in rows]

    def unfinished(self, closed: date | None, newest: date | None) -> set[str]:
        """The alerts that may be followed on by sessions of which ``closed`` is the last that has, ``newest`` of all.

        Those that nothing is known of yet; and those with a contract that lives on, or whose expiry is not known, where
        another session has closed, or may tell the open interest of the close that was followed last.
        """
        if newest is None:
            return set()
        follows = select(FollowedRow.alert_id, func.max(FollowedRow.session_date).label("session"))
        until = follows.group_by(FollowedRow.alert_id).subquery()
        unknown = func.count() - func.count(FlaggedRow.expiry)
        ends = select(
            FlaggedRow.alert_id, case((unknown > 0, null()), else_=func.max(FlaggedRow.expiry)).label("expiry")
        )
        last = ends.group_by(FlaggedRow.alert_id).subquery()
        untold = exists().where(
            FollowedRow.alert_id == until.c.alert_id,
            FollowedRow.session_date == until.c.session,
            FollowedRow.open_interest.is_(None),
        )
        another = false() if closed is None else until.c.session < closed
        lives = or_(last.c.expiry.is_(None), until.c.session < last.c.expiry)
        on = and_(lives, or_(another, and_(until.c.session < newest, untold)))
        wanted = on if closed is None else or_(until.c.session.is_(None), on)
        query = select(last.c.alert_id).outerjoin(until, until.c.alert_id == last.c.alert_id).where(wanted)
        return set(self._session.scalars(query))

    def outcomes(self) -> list[Written]:
        """What became of every alert, oldest session first, as :func:`scanner.alerts.scoreboard.read` takes it."""
        columns = (
            OutcomeRow.alert_id,
            OutcomeRow.session_date,
            OutcomeRow.horizon,
            cast(OutcomeRow.figures, String),
            cast(OutcomeRow.matched, String),
        )
        rows = self._session.execute(select(*columns).order_by(OutcomeRow.session_date, OutcomeRow.alert_id))
        return [Written(*row) for row in rows]

    def told(self) -> list[Told]:
        """Every alert there is, as the scoreboard counts them."""
        stars = AlertRow.document["stars"].as_integer()
        rows = self._session.execute(select(AlertRow.alert_id, AlertRow.rule_id, stars, AlertRow.underlying))
        return [Told(*row) for row in rows]
