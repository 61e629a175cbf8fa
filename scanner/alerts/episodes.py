"""Episodes: many scans of one story become one alert that is updated.

Pure: what was known before, what was found now and the moment give what is known after and what happened. An episode
begins when a finding has held for as many scans as its rule asks; it goes on while the same identity is found again
within the rule's cooldown, so scanning more often never makes more alerts; it closes once a scan that judged it finds
nothing and the cooldown has passed, or when its contract has expired. Nothing closes for lack of data.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from enum import StrEnum
from typing import Any

from scanner.alerts.identity import Key, alert_id
from scanner.alerts.model import Alert, Status
from scanner.alerts.story import Story
from scanner.alerts.terms import RuleBook, Silence
from scanner.market.calendar import Calendar
from scanner.severity import Severity


class EventKind(StrEnum):
    """What happened to an episode in one scan."""

    new = "new"
    ongoing = "ongoing"
    escalated = "escalated"
    displaced = "displaced"
    closed = "closed"
    confirmed = "confirmed"
    faded = "faded"
    unconfirmable = "unconfirmable"
    gone = "gone"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to one alert."""

    kind: EventKind
    alert: Alert


@dataclass(frozen=True, slots=True)
class Episode:
    """One story: its alert, the session it began in, and the strongest it has been.

    ``displaced`` says that it closed because a stronger finding took its place in the session's budget.
    """

    key: Key
    started: date
    ordinal: int
    alert: Alert
    peak_severity: Severity
    peak_stars: int | None
    displaced: bool = False

    @property
    def closed(self) -> bool:
        """Whether the story is over."""
        return self.alert.status is Status.closed


@dataclass(frozen=True, slots=True)
class Sighting:
    """A finding on its way to becoming an episode: how many scans in a row it has held."""

    key: Key
    underlying: str | None
    since: datetime
    last_seen: datetime
    scans: int


@dataclass(frozen=True, slots=True)
class Draft:
    """A finding as the alert it would make; its id, status and first sighting are settled by the episode.

    ``rate`` is how many stories a session are as rare on this watchlist (None: not known), ``rank`` what its rule ranks
    by, ``ruled`` the severity its rule names. ``story`` is what it is told with, ``roll`` says that it may be a leg of
    a rolled position (see :mod:`scanner.alerts.stories`).
    """

    key: Key
    alert: Alert
    calibrated: bool = False
    q_value: float | None = None
    rank: float | None = None
    rate: float | None = None
    ruled: Severity = Severity.notice
    story: Story | None = None
    roll: bool = False

    def changed(self, **values: Any) -> Draft:
        """A copy with some fields replaced."""
        return replace(self, **values)


def hold(
    sightings: Iterable[Sighting],
    drafts: Sequence[Draft],
    open_keys: frozenset[Key],
    now: datetime,
    book: RuleBook,
) -> tuple[list[Draft], list[Draft], list[Sighting]]:
    """Apply each rule's ``for``: which findings have held long enough, which have not, and what to remember.

    A finding whose episode is already open has held before. Judging the same moment twice counts it once, and where a
    whole session went by without a scan, what was seen before it counts no more.
    """
    known = {sighting.key: sighting for sighting in sightings}
    held: list[Draft] = []
    waiting: list[Draft] = []
    remembered: list[Sighting] = []
    for draft in drafts:
        needed = book.rule(draft.key.rule_id, draft.alert.underlying).hold_scans
        if needed <= 1 or draft.key in open_keys:
            held.append(draft)
            continue
        before = known.get(draft.key)
        if before is None or before.since > now or not _in_a_row(before.last_seen, now, book.calendar):
            sighting = Sighting(draft.key, draft.alert.underlying, now, now, 1)
        elif now > before.last_seen:
            sighting = Sighting(draft.key, draft.alert.underlying, before.since, now, before.scans + 1)
        else:
            sighting = before
        remembered.append(sighting)
        (held if sighting.scans >= needed else waiting).append(draft)
    return held, waiting, remembered


def _in_a_row(earlier: datetime, now: datetime, calendar: Calendar) -> bool:
    """Whether no session lies between two moments' own."""
    return len(calendar.sessions_between(calendar.session_of(earlier), calendar.session_of(now))) <= 2


def advance(
    previous: Iterable[Episode],
    found: Sequence[Draft],
    now: datetime,
    session: date,
    *,
    book: RuleBook,
    judged: Callable[[Episode], bool],
    displaced: frozenset[Key] = frozenset(),
) -> tuple[list[Episode], list[Event]]:
    """Carry every episode one scan further.

    ``previous`` holds the open episodes and those of this session already closed; ``found`` what this scan raises, one
    draft a key; ``judged`` says whether this scan could have found an episode again; ``displaced`` lose their place.
    Returns every episode that changed, and one event for each change; an episode followed by a new one of the same key
    gives two.
    """
    changed: list[Episode] = []
    events: list[Event] = []
    drafts = {draft.key: draft for draft in found}
    ordinals: dict[Key, int] = {}
    open_by_key: dict[Key, Episode] = {}
    for episode in previous:
        if episode.started == session:
            ordinals[episode.key] = max(ordinals.get(episode.key, 0), episode.ordinal + 1)
        if not episode.closed:
            open_by_key[episode.key] = episode

    def record(episode: Episode, kind: EventKind) -> None:
        changed.append(episode)
        events.append(Event(kind, episode.alert))

    for key, episode in open_by_key.items():
        over = is_over(episode, now, session, book)
        if key in displaced:
            record(replace(_closed(episode), displaced=True), EventKind.displaced)
        elif over and (key in drafts or judged(episode)):
            record(_closed(episode), EventKind.closed)
        elif key in drafts:
            record(*_again(episode, drafts.pop(key), now))
    for key, draft in drafts.items():
        record(_begin(draft, now, session, ordinals.get(key, 0)), EventKind.new)
    return changed, events


def _closed(episode: Episode) -> Episode:
    return replace(episode, alert=episode.alert.changed(status=Status.closed))


def is_over(episode: Episode, now: datetime, session: date, book: RuleBook) -> bool:
    """Whether an episode has been silent for longer than its cooldown, or its contract has expired."""
    alert = episode.alert
    expired = alert.expiry is not None and alert.expiry < session
    cooldown = book.cooldown(alert.rule_id, alert.underlying)
    return expired or _silent_longer_than(cooldown, alert, session, now, book.calendar)


def _silent_longer_than(cooldown: Silence, alert: Alert, session: date, now: datetime, calendar: Calendar) -> bool:
    if cooldown.unit == "session":
        return len(calendar.sessions_between(alert.session_date, session)) - 1 > cooldown.count
    return now - alert.last_seen > timedelta(minutes=cooldown.count)


def _begin(draft: Draft, now: datetime, session: date, ordinal: int) -> Episode:
    alert = draft.alert.changed(
        alert_id=alert_id(draft.key, session, ordinal), status=Status.new, first_seen=now, last_seen=now
    )
    return Episode(draft.key, session, ordinal, alert, alert.severity, alert.stars)


def _again(episode: Episode, draft: Draft, now: datetime) -> tuple[Episode, EventKind]:
    """The same story seen once more: stronger than ever (escalated), or simply still there."""
    before, fresh = episode.alert, draft.alert
    escalated = fresh.severity.rank > episode.peak_severity.rank or (fresh.stars or 0) > (episode.peak_stars or 0)
    kind = EventKind.escalated if escalated else EventKind.ongoing
    alert = fresh.changed(
        alert_id=before.alert_id,
        status=Status.escalated if escalated else Status.ongoing,
        first_seen=before.first_seen,
        last_seen=now,
        confirmation=before.confirmation,
    )
    stronger = replace(
        episode,
        alert=alert,
        peak_severity=max(episode.peak_severity, fresh.severity, key=lambda severity: severity.rank),
        peak_stars=max(episode.peak_stars or 0, fresh.stars) if fresh.stars is not None else episode.peak_stars,
    )
    return stronger, kind
