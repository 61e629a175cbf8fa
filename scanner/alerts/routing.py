"""Who is told of what, and when: from what happened to alerts to the messages that each output is owed.

Pure. A message carries an id made of what it says, so that judging a moment again, or beginning again after a crash,
owes nothing twice. Times of day are New York's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from scanner.alerts.episodes import Event, EventKind
from scanner.alerts.model import Alert, ScanMeta, iso
from scanner.alerts.silence import Silence, silenced
from scanner.market.calendar import NEW_YORK, Calendar, at_new_york
from scanner.severity import Severity

TOLD = frozenset({EventKind.new, EventKind.escalated})
VERDICTS = frozenset({EventKind.confirmed, EventKind.faded, EventKind.gone})
# After the close the scan of it takes its time; in the morning the open interest has to be there.
_AFTER_CLOSE = timedelta(minutes=30)
_IN_THE_MORNING = timedelta(minutes=45)
Hours = tuple[time, time]
# What a digest of a session is owed whatever came up: which names were looked at.
LOOKED_AT = "looked at"


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
            tells = self._digest_day(session, calendar, verdict=verdict)
            moment = max(now, calendar.session_open(tells) + _IN_THE_MORNING)
        return self._after_quiet(moment)

    def digest_of(self, session: date, calendar: Calendar, *, verdict: bool = False) -> tuple[str, date] | None:
        """Which digest of a session tells it - ``close`` or ``morning``, and of which day; None where none does."""
        if not isinstance(self.digest, str):
            return None
        return self.digest, self._digest_day(session, calendar, verdict=verdict)

    def _digest_day(self, session: date, calendar: Calendar, *, verdict: bool) -> date:
        return session if verdict or self.digest != "morning" else calendar.next_session(session)

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
    """A message that an output is owed: what happened to which alert, and when it is to be sent.

    One of the kind :data:`LOOKED_AT` is about no alert: it has a digest say of its session which names were looked at,
    and which (with the reason) were not, also where nothing else is to be told.
    """

    message_id: str
    output: str
    kind: str
    alert: Alert | None
    created_at: datetime
    due_at: datetime
    gathered: bool
    digest: tuple[str, date] | None = None
    names: Mapping[str, str | None] | None = None
    simulated: bool = False

    def document(self) -> dict[str, Any]:
        """What is kept of it: the event and the alert as it stood, or the names; and the digest that it belongs to."""
        kept: dict[str, Any] = {"event": self.kind, "gathered": self.gathered}
        if self.digest is not None:
            kept["digest"] = [self.digest[0], iso(self.digest[1])]
        if self.alert is not None:
            return {**kept, "alert": self.alert.as_dict()}
        return {**kept, "names": dict(self.names or {}), "simulated": self.simulated}


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


def looked_at(
    scan: ScanMeta, left_out: Mapping[str, str], routes: Sequence[Route], now: datetime, calendar: Calendar
) -> list[Letter]:
    """What a scan owes to the digests of its session: which names it looked at, and which it ``left_out``, and why.

    A moment of the past owes none.
    """
    session = scan.session_date
    if session != calendar.session_of(now):
        return []
    names = {**dict.fromkeys(scan.names), **left_out}
    found = []
    for route in routes:
        digest = route.digest_of(session, calendar)
        mine = {name: why for name, why in names.items() if route.names is None or name in route.names}
        if digest is None or not mine:
            continue
        parts = [route.name, LOOKED_AT, *map(str, digest), "simulated" if scan.simulated else ""]
        due = route.due(now, session, calendar)
        found.append(Letter(_id_of(parts), route.name, LOOKED_AT, None, now, due, True, digest, mine, scan.simulated))
    return found


def _letter(event: Event, route: Route, now: datetime, session: date, calendar: Calendar) -> Letter:
    alert = event.alert
    parts = [route.name, alert.alert_id, event.kind.value]
    if event.kind is EventKind.escalated:
        parts += [alert.severity.value, str(alert.stars)]
    if event.kind in VERDICTS:
        parts.append(str(iso(alert.session_date)))
    verdict = event.kind in VERDICTS
    due = route.due(now, session, calendar, verdict=verdict)
    digest = route.digest_of(session, calendar, verdict=verdict)
    return Letter(_id_of(parts), route.name, event.kind.value, alert, now, due, route.digest is not None, digest)


def _id_of(parts: Iterable[str]) -> str:
    return hashlib.blake2b("\n".join(parts).encode(), digest_size=16).hexdigest()
