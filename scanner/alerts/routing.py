"""Who is told of what, and when: from what happened to alerts to the messages that each output is owed.

Pure. A message carries an id made of what it says, so that judging a moment again, or beginning again after a crash,
owes nothing twice. Times of day are New York's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from scanner.alerts.episodes import Event, EventKind
from scanner.alerts.model import Alert, iso
from scanner.alerts.silence import Silence, silenced
from scanner.market.calendar import NEW_YORK, Calendar, at_new_york
from scanner.severity import Severity

TOLD = frozenset({EventKind.new, EventKind.escalated})
VERDICTS = frozenset({EventKind.confirmed, EventKind.faded, EventKind.gone})
# After the close the scan of it takes its time; in the morning the open interest has to be there.
_AFTER_CLOSE = timedelta(minutes=30)
_IN_THE_MORNING = timedelta(minutes=45)
Hours = tuple[time, time]


@dataclass(frozen=True, slots=True)
class Route:
    """What one output is told: alerts of a severity or of so many stars, of some names; at once or gathered.

    ``digest`` is a span, ``close`` (once the session has closed), ``morning`` (once the open interest is there) or None
    (at once); in ``quiet`` hours nothing is sent; ``most_an_hour`` single messages are, the rest is gathered.
    """

    name: str
    min_severity: Severity = Severity.notice
    min_stars: int | None = None
    names: frozenset[str] | None = None
    digest: timedelta | str | None = None
    quiet: Hours | None = None
    most_an_hour: int = 10

    def wants(self, alert: Alert) -> bool:
        """Whether the output is to be told of an alert."""
        if self.names is not None and alert.underlying not in self.names:
            return False
        if self.min_stars is not None:
            return (alert.stars or 0) >= self.min_stars
        return alert.severity.rank >= self.min_severity.rank

    def due(self, now: datetime, session: date, calendar: Calendar, *, verdict: bool = False) -> datetime:
        """When a message of a session that came up now is to be sent; a ``verdict`` is the morning's own news."""
        moment = now
        if isinstance(self.digest, timedelta):
            moment = now + self.digest - (now - datetime(2000, 1, 1, tzinfo=now.tzinfo)) % self.digest
        elif self.digest == "close":
            moment = max(now, calendar.session_close(session) + _AFTER_CLOSE)
        elif self.digest == "morning":
            tells = session if verdict else calendar.next_session(session)
            moment = max(now, calendar.session_open(tells) + _IN_THE_MORNING)
        return self._after_quiet(moment)

    def _after_quiet(self, moment: datetime) -> datetime:
        """The moment itself, or the end of the quiet hours that it lies in."""
        if self.quiet is None:
            return moment
        begins, ends = self.quiet
        clock = moment.astimezone(NEW_YORK)
        over_midnight = begins > ends
        here = clock.time()
        if not (here >= begins or here < ends if over_midnight else begins <= here < ends):
            return moment
        day = clock.date() + timedelta(days=1 if over_midnight and here >= begins else 0)
        return at_new_york(day, ends)


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that an output is owed: what happened to which alert, and when it is to be sent."""

    message_id: str
    output: str
    kind: str
    alert: Alert
    created_at: datetime
    due_at: datetime
    gathered: bool

    def document(self) -> dict[str, Any]:
        """What is kept of it: the event and the alert as it stood."""
        return {"event": self.kind, "gathered": self.gathered, "alert": self.alert.as_dict()}


def letters(
    events: Iterable[Event],
    routes: Sequence[Route],
    silences: Sequence[Silence],
    now: datetime,
    session: date,
    calendar: Calendar,
) -> list[Letter]:
    """The messages that a scan's or a confirmation's events owe to each output."""
    told = [event for event in events if event.kind in TOLD | VERDICTS]
    muted = silenced((event.alert for event in told), silences, now)
    return [
        _letter(event, route, now, session, calendar)
        for event in told
        if event.alert.alert_id not in muted
        for route in routes
        if route.wants(event.alert)
    ]


def _letter(event: Event, route: Route, now: datetime, session: date, calendar: Calendar) -> Letter:
    alert = event.alert
    parts = [route.name, alert.alert_id, event.kind.value]
    if event.kind is EventKind.escalated:
        parts += [alert.severity.value, str(alert.stars)]
    if event.kind in VERDICTS:
        parts.append(str(iso(alert.session_date)))
    message_id = hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()
    due = route.due(now, session, calendar, verdict=event.kind in VERDICTS)
    return Letter(message_id, route.name, event.kind.value, alert, now, due, route.digest is not None)
