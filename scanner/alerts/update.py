"""One scan's findings meet what was known before: new, updated and closed alerts, what was held back, what happened."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from scanner.alerts.behind import contracts_of, flagged_contracts
from scanner.alerts.drafts import drafts
from scanner.alerts.episodes import Draft, Episode, Event, Sighting, advance, hold, is_over
from scanner.alerts.identity import Key
from scanner.alerts.keeping import Keeper, Kept
from scanner.alerts.model import Alert, HeldBack, NotJudged, ScanMeta
from scanner.alerts.routing import Route, letters
from scanner.alerts.selection import NO_FLOOR, Floor, Reason, Standing, Weight, admit, large_enough, passing, weighed
from scanner.alerts.silence import Silence, silenced
from scanner.alerts.stories import gather
from scanner.alerts.surroundings import Frames
from scanner.alerts.terms import RuleBook, RuleTerms
from scanner.errors import ScanProblem, StoreError
from scanner.kernels.groups import Groups
from scanner.market.calendar import Calendar
from scanner.ruleset.model import Cooldown


@dataclass(frozen=True, slots=True)
class AlertUpdate:
    """What one scan did to the alerts.

    ``alerts`` are those this scan raised, updated or closed, strongest first; ``held_back`` the findings that became
    none; ``events`` one thing that happened to each alert; ``silenced`` the ids of the alerts that somebody does not
    want to hear of, ``repeated`` of those of which an earlier scan of the same moment told the same; ``problems`` say
    what could not be kept.
    """

    alerts: tuple[Alert, ...]
    held_back: tuple[HeldBack, ...]
    events: tuple[Event, ...]
    silenced: frozenset[str] = frozenset()
    repeated: frozenset[str] = frozenset()
    problems: tuple[ScanProblem, ...] = ()

    @property
    def held_back_counts(self) -> dict[str, int]:
        """How many findings were held back for each reason."""
        return dict(Counter(item.reason for item in self.held_back))


@dataclass(frozen=True, slots=True)
class Policy:
    """How many new alerts a session may raise, and how large and how rare they must be."""

    budget: int
    floor: Floor = NO_FLOOR
    false_discovery_rate: float | None = None


@dataclass(frozen=True, slots=True)
class Known:
    """What was known before a scan: open episodes (and those of the session already closed), and sightings."""

    episodes: Sequence[Episode] = ()
    sightings: Sequence[Sighting] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """What is known after a scan, as far as it changed."""

    update: AlertUpdate
    episodes: tuple[Episode, ...]
    sightings: tuple[Sighting, ...]
    forgotten: tuple[Key, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class Prepared:
    """One scan's findings before any earlier alert is looked at: small, and fit to go from one process to another.

    ``rows`` counts what was judged, by scope and underlying; ``left_out`` is what could not be; ``contracts`` are those
    of the drafts' names, as far as alerts are followed by them.
    """

    drafts: Sequence[Draft]
    rows: Mapping[str, Mapping[str | None, int]]
    left_out: tuple[NotJudged, ...]
    contracts: pl.DataFrame | None


def prepare(
    findings: pl.DataFrame,
    rules: Sequence[RuleTerms],
    scan: ScanMeta,
    frames: Frames,
    *,
    calendar: Calendar,
    cooldown: int = 1,
    not_judged: Iterable[NotJudged] = (),
) -> Prepared:
    """Make drafts of alerts of a scan's findings. Pure; ``findings`` and ``frames`` are as in ``drafts``.

    ``calendar`` counts sessions, ``cooldown`` is for how many an identity may stay silent where its rule does not say.
    """
    made = drafts(findings, RuleBook(rules, Cooldown(cooldown, "session"), calendar), scan, frames)
    rows = {scope: _rows_by_underlying(frame) for scope, frame in frames.items()}
    contracts = contracts_of((draft.alert.underlying for draft in made), frames.get("contract"))
    return Prepared(tuple(made), rows, tuple(not_judged), contracts)


def update(
    prepared: Prepared,
    rules: Sequence[RuleTerms],
    state: Keeper | None,
    scan: ScanMeta,
    *,
    calendar: Calendar,
    budget: int,
    floor: Floor = NO_FLOOR,
    false_discovery_rate: float | None = None,
    cooldown: int = 1,
    routes: Sequence[Route] = (),
) -> AlertUpdate:
    """Turn a scan's findings into alerts and store what happened, in one transaction.

    ``budget`` is how many new alerts a session may raise, ``floor`` how large they must be, ``false_discovery_rate`` by
    which they must stand out among all that was looked at (None: they need not); ``calendar`` and ``cooldown`` are
    those of :func:`prepare`. Without a ``state`` nothing is remembered and every finding is new.
    What happened is owed to each of the ``routes`` that wants it, and queued in the same transaction. Judging a moment
    again gives the same alerts, not more of them. Where the state fails (a full disk, another writer
    that does not end) the alerts are told all the same, and the problem with them.
    """
    book = RuleBook(rules, Cooldown(cooldown, "session"), calendar)
    policy = Policy(budget, floor, false_discovery_rate)
    judged = Judged(book, prepared)

    def step(known: Known) -> Step:
        return decide(prepared.drafts, book, known, scan, judged=judged, policy=policy)

    if state is None:
        return step(Known()).update
    known = Known()

    def keep(ledger: Kept) -> tuple[Step, frozenset[str], list[Silence]]:
        nonlocal known
        known = Known(ledger.episodes(scan.as_of, scan.session_date, scan.simulated), ledger.sightings(scan.simulated))
        taken = step(known)
        events = {(event.alert.alert_id, event.kind.value) for event in taken.update.events}
        repeated = events & ledger.happened_at(scan.as_of, (alert_id for alert_id, _ in events))
        ledger.save_episodes(taken.episodes, taken.update.events, scan.as_of, scan.id)
        ledger.replace_sightings(taken.forgotten, taken.sightings)
        ledger.flag(flagged_contracts(taken.update.events, prepared.contracts, scan))
        ledger.save_left_out(scan.id, taken.update.held_back, prepared.left_out)
        wishes = ledger.silences()
        owed = letters(taken.update.events, routes, wishes, scan.started_at, scan.session_date, calendar)
        ledger.queue(owed, {route.name: route.most_an_hour for route in routes})
        return taken, frozenset(alert_id for alert_id, _ in repeated), wishes

    try:
        taken, repeated, wishes = state.settled(keep)
    except StoreError as error:
        problem = ScanProblem("", "store", "not_stored", f"{error} The alerts of this scan are told, but not kept.")
        return replace(step(known).update, problems=(problem,))
    muted = silenced(taken.update.alerts, wishes, scan.started_at)
    return replace(taken.update, silenced=muted, repeated=repeated)


def decide(
    made: Sequence[Draft],
    book: RuleBook,
    known: Known,
    scan: ScanMeta,
    *,
    judged: Judged,
    policy: Policy,
) -> Step:
    """The pure heart of :func:`update`: drafts and what was known give what is known now."""
    open_keys = frozenset(
        episode.key
        for episode in known.episodes
        if not episode.closed and not is_over(episode, scan.as_of, scan.session_date, book)
    )
    told = gather(made, open_keys, known.episodes, judged.names)
    large, small = large_enough(told.kept, policy.floor)
    rare, common = passing(large, policy.false_discovery_rate)
    held, waiting, sightings = hold(known.sightings, rare, open_keys, scan.as_of, book)
    standing = [item for item in _standing(known.episodes, scan) if item.key not in told.displaced]
    admitted = admit(held, open_keys, standing, policy.budget, book.limits())
    episodes, events = advance(
        known.episodes,
        admitted.accepted,
        scan.as_of,
        scan.session_date,
        book=book,
        judged=judged.episode,
        displaced=admitted.displaced | told.displaced,
    )
    held_back = _once_each(
        [
            *told.held_back,
            *((draft, Reason.size) for draft in small),
            *((draft, Reason.false_discovery_rate) for draft in common),
            *((draft, Reason.not_yet_held) for draft in waiting),
            *admitted.held_back,
        ]
    )
    alerts = sorted((event.alert for event in events), key=lambda alert: alert.strength, reverse=True)
    remembered = {sighting.key for sighting in sightings}
    forgotten = tuple(
        sighting.key for sighting in known.sightings if sighting.key not in remembered and judged.sighting(sighting)
    )
    return Step(AlertUpdate(tuple(alerts), held_back, tuple(events)), tuple(episodes), tuple(sightings), forgotten)


def _standing(episodes: Iterable[Episode], scan: ScanMeta) -> list[Standing]:
    """The alerts that this session has raised so far, apart from those that lost their place."""
    return [
        Standing(episode.key, _weight(episode), displaceable=not episode.closed)
        for episode in episodes
        if episode.started == scan.session_date and not episode.displaced
    ]


def _weight(episode: Episode) -> Weight:
    once = episode.alert.once_in_sessions
    calibrated = not episode.alert.evidence.get("uncalibrated", False)
    return weighed(None if once is None else 1.0 / once, episode.peak_severity, calibrated=calibrated)


def _once_each(held_back: Iterable[tuple[Draft, Reason]]) -> tuple[HeldBack, ...]:
    """What was held back, each finding once and by the last reason: a story that is told under the alert which told it
    before may be held back itself, and so may that rule's own finding, as a part of it."""
    found = {draft.key: HeldBack(draft.alert, draft.key.identity, reason.value) for draft, reason in held_back}
    return tuple(found.values())


class Judged:
    """Whether a scan could have found something again: its rule ran, its underlying was there, its rows were judged."""

    def __init__(self, book: RuleBook, prepared: Prepared) -> None:
        self._book = book
        self._rows = prepared.rows
        self._left_out = {(item.rule_id, item.underlying): item.count for item in prepared.left_out}

    @property
    def names(self) -> int:
        """How many underlyings the scan judged."""
        return len(self._rows.get("underlying", {}))

    def episode(self, episode: Episode) -> bool:
        """Whether this scan judged an episode's rule on all or part of its underlying."""
        alert = episode.alert
        return self._was_judged(alert.rule_id, alert.scope, alert.underlying)

    def sighting(self, sighting: Sighting) -> bool:
        """Whether this scan judged the underlying of a sighting."""
        return self._was_judged(sighting.key.rule_id, "underlying", sighting.underlying)

    def _was_judged(self, rule_id: str, scope: str, underlying: str | None) -> bool:
        if rule_id not in self._book:
            return False
        rows = self._rows.get(scope, {})
        here = sum(rows.values()) if underlying is None else rows.get(underlying, 0)
        return here > self._left_out.get((rule_id, underlying), 0)


def _rows_by_underlying(frame: pl.DataFrame) -> Mapping[str | None, int]:
    if "underlying" not in frame.columns:
        return {None: frame.height}
    names = Groups.of(frame, ("underlying",))
    return dict(zip(names.keys["underlying"], names.sizes().tolist(), strict=True))
