"""Messages on their way, and what is silenced: kept in the transaction that keeps what they tell of."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from scanner.alerts.routing import LOOKED_AT, Letter
from scanner.alerts.silence import Silence, Subject
from scanner.severity import Severity
from scanner.store.state.tables import OutboxRow, SilenceRow

WAITING, SENDING, SENT, GIVEN_UP = "waiting", "sending", "sent", "given up"
_HOUR = timedelta(hours=1)
# Taken in one round; whatever else is due is taken in the next.
_AT_ONCE = 200


@dataclass(frozen=True, slots=True)
class Message:
    """A message as it is kept. ``again`` says that an earlier attempt may have reached the output already."""

    message_id: str
    output: str
    kind: str
    alert_id: str | None
    document: dict[str, Any]
    created_at: datetime
    due_at: datetime
    attempts: int
    again: bool = False

    @property
    def missed(self) -> bool:
        """Whether the output did not take it, or nothing else, when it was due."""
        return bool(self.document.get("missed"))

    @property
    def key(self) -> str | None:
        """By which key it was last tried; None where it never was."""
        return self.document.get("key")

    @property
    def gathered(self) -> bool:
        """Whether it waits to be sent together with others."""
        return bool(self.document.get("gathered"))

    @property
    def digest(self) -> tuple[str, date] | None:
        """The digest of a day that it is a part of: ``close`` or ``morning``, and which day's."""
        kept = self.document.get("digest")
        return None if kept is None else (kept[0], date.fromisoformat(kept[1]))


@dataclass(frozen=True, slots=True)
class Waiting:
    """How an output does: messages that wait and are overdue, since when, and why the last attempt failed."""

    output: str
    waiting: int
    overdue: int
    oldest: datetime | None
    problem: str | None
    given_up: int = 0


class Outbox:
    """Reads and writes of one transaction that have to do with messages and silences."""

    def __init__(self, session: Session) -> None:
        self._session = session

    # -- messages -------------------------------------------------------------------------------------------------

    def queue(self, letters: Iterable[Letter], most_an_hour: dict[str, int] | None = None) -> None:
        """Keep messages to be sent; one that is there already stays as it is.

        What a digest says of the names that were looked at is of the newest scan of each, as long as it was not tried.
        Of an output's single messages beyond so many an hour the rest is gathered, to be sent when the hour is over.
        """
        for letter in letters:
            row = self._session.get(OutboxRow, letter.message_id)
            if row is not None:
                if letter.names is not None and row.status == WAITING and row.attempts == 0:
                    row.document = {**row.document, "names": {**row.document["names"], **letter.names}}
                continue
            document, due = letter.document(), letter.due_at
            most = (most_an_hour or {}).get(letter.output)
            if most is not None and not letter.gathered:
                first = self._first_of(letter.output, letter.created_at, most)
                if first is not None:
                    document |= {"gathered": True, "storm": True}
                    due = max(due, first + _HOUR)
            self._session.add(
                OutboxRow(
                    message_id=letter.message_id,
                    output=letter.output,
                    kind=letter.kind,
                    alert_id=None if letter.alert is None else letter.alert.alert_id,
                    severity=(Severity.info if letter.alert is None else letter.alert.severity).value,
                    document=document,
                    created_at=letter.created_at,
                    due_at=due,
                    attempts=0,
                    status=WAITING,
                )
            )
            self._session.flush()

    def _first_of(self, output: str, now: datetime, most: int) -> datetime | None:
        """When the hour began in which an output has had its most single messages; None where it has not."""
        rows = self._session.scalars(
            select(OutboxRow)
            .where(OutboxRow.output == output, OutboxRow.created_at > now - _HOUR)
            .order_by(OutboxRow.created_at)
        )
        single = [row.created_at for row in rows if not row.document.get("gathered")]
        return single[0] if len(single) >= most else None

    def claim(self, output: str, now: datetime, claimant: str, dead: Iterable[str]) -> list[Message]:
        """Take an output's messages that are due, oldest first, so that nobody else sends them.

        ``claimant`` names who takes them. What one of the ``dead`` had taken is given again, as ``again``: it may have
        been sent.
        """
        for row in self._session.scalars(
            select(OutboxRow).where(
                OutboxRow.output == output, OutboxRow.status == SENDING, OutboxRow.problem.in_(list(dead))
            )
        ):
            row.status = WAITING
            row.document = {**row.document, "again": True, "missed": True}
        self._session.flush()
        due = (
            select(OutboxRow)
            .where(OutboxRow.output == output, OutboxRow.status == WAITING, OutboxRow.due_at <= now)
            # A digest that has more to tell than is taken at once does not say "nothing" in what is left.
            .order_by((OutboxRow.kind == LOOKED_AT).desc(), OutboxRow.created_at, OutboxRow.message_id)
            .limit(_AT_ONCE)
        )
        taken = []
        for row in self._session.scalars(due):
            row.status, row.settled_at, row.problem = SENDING, now, claimant
            row.attempts += 1
            taken.append(_message(row))
        return taken

    def send_as(self, key: str, message_ids: Sequence[str]) -> None:
        """Note by which key messages are about to be sent."""
        for message_id in message_ids:
            row = self._session.get_one(OutboxRow, message_id)
            row.document = {**row.document, "key": key}

    def claimants(self) -> dict[str, datetime]:
        """Who has taken messages and not settled them, and when it last took some."""
        query = select(OutboxRow.problem, func.max(OutboxRow.settled_at)).where(OutboxRow.status == SENDING)
        rows = self._session.execute(query.group_by(OutboxRow.problem))
        return {name: since for name, since in rows if name is not None and since is not None}

    def settle(self, sent: Sequence[str], now: datetime) -> None:
        """Messages were sent."""
        for message_id in sent:
            row = self._session.get_one(OutboxRow, message_id)
            row.status, row.settled_at, row.problem = SENT, now, None

    def put_back(
        self, failed: Sequence[str], due: datetime, problem: str, *, give_up: bool = False, untried: bool = False
    ) -> None:
        """Messages could not be sent: to be tried again at a moment, or (``give_up``) never again.

        ``untried`` ones were taken and not tried, for others had failed.
        """
        for message_id in failed:
            row = self._session.get_one(OutboxRow, message_id)
            row.status = GIVEN_UP if give_up else WAITING
            row.due_at, row.problem = due, problem[:300]
            row.attempts -= int(untried)
            row.document = {**row.document, "missed": True, **({"key": None} if untried else {})}

    def waiting(self) -> list[Waiting]:
        """How each output does that has messages waiting or given up."""
        rows = self._session.scalars(select(OutboxRow).where(OutboxRow.status.in_((WAITING, SENDING, GIVEN_UP))))
        by_output: dict[str, list[OutboxRow]] = {}
        for row in rows:
            by_output.setdefault(row.output, []).append(row)
        found = []
        for output, items in sorted(by_output.items()):
            left = [row for row in items if row.status != GIVEN_UP]
            overdue = [row for row in left if row.problem is not None and row.status == WAITING]
            problem = next((row.problem for row in overdue if row.problem), None)
            oldest = min((row.created_at for row in overdue), default=None)
            found.append(Waiting(output, len(left), len(overdue), oldest, problem, len(items) - len(left)))
        return found

    def message_ids(self) -> set[str]:
        """The ids of all messages there are, sent or not."""
        return set(self._session.scalars(select(OutboxRow.message_id)))

    def next_due(self) -> datetime | None:
        """When the next message is due."""
        return self._session.scalar(select(func.min(OutboxRow.due_at)).where(OutboxRow.status == WAITING))

    def forget_messages(self, before: datetime) -> int:
        """Remove what was settled before a moment; returns how many."""
        gone = delete(OutboxRow).where(OutboxRow.status.in_((SENT, GIVEN_UP)), OutboxRow.created_at < before)
        return int(getattr(self._session.execute(gone), "rowcount", 0))

    # -- silences -------------------------------------------------------------------------------------------------

    def silences(self) -> list[Silence]:
        """Everything that is silenced, or once was, oldest first."""
        rows = self._session.scalars(select(SilenceRow).order_by(SilenceRow.since, SilenceRow.silence_id))
        return [
            Silence(row.silence_id, row.kind, Subject(row.subject), row.value, row.since, row.until) for row in rows
        ]

    def silence(self, wish: Silence) -> None:
        """Keep a wish for silence, in place of an earlier one of the same kind about the same."""
        self.unsilence(wish.subject, wish.value, wish.kind)
        self._session.add(
            SilenceRow(
                silence_id=wish.silence_id,
                kind=wish.kind,
                subject=wish.subject.value,
                value=wish.value,
                since=wish.since,
                until=wish.until,
            )
        )

    def unsilence(self, subject: Subject, value: str, kind: str | None = None) -> int:
        """Take wishes back; returns how many there were."""
        rows = select(SilenceRow).where(SilenceRow.subject == subject.value, SilenceRow.value == value)
        found = [row for row in self._session.scalars(rows) if kind is None or row.kind == kind]
        for row in found:
            self._session.delete(row)
        self._session.flush()
        return len(found)


def _message(row: OutboxRow) -> Message:
    return Message(
        row.message_id,
        row.output,
        row.kind,
        row.alert_id,
        dict(row.document),
        row.created_at,
        row.due_at,
        row.attempts,
        bool(row.document.get("again")),
    )
