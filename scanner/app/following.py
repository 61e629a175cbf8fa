"""What became of alerts, brought up to date from the sessions that the store holds."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import chain, groupby
from typing import TYPE_CHECKING

from scanner.app import clock, configuring, opening
from scanner.errors import StoreError
from scanner.market.symbology import plain_ticker

if TYPE_CHECKING:
    import polars as pl

    from scanner.alerts.closes import Closes
    from scanner.alerts.flagged import Flagged
    from scanner.alerts.model import ScanMeta
    from scanner.alerts.outcome import Followed
    from scanner.alerts.routing import Route
    from scanner.alerts.verdict import Verdict
    from scanner.app.configuring import Place
    from scanner.config import Settings
    from scanner.market.calendar import Calendar
    from scanner.store.state import State
    from scanner.store.store import Store

log = logging.getLogger(__name__)

# The open interest of a close is in the next session's chain, or in one soon after where that was not fetched.
_MORNINGS = 3
# Names whose chains of all sessions since their first alert are held at once.
_NAMES_AT_ONCE = 32


def bring_up_to_date(
    store: Store,
    state: State,
    now: datetime,
    routes: Sequence[Route] = (),
    alert_ids: frozenset[str] | None = None,
) -> int:
    """Follow every alert (or some) through the closes stored since; returns how many were followed on.

    A session that has not closed yet tells the open interest of the one before, and nothing of its own. A position that
    leaves - below a quarter of what was opened - is owed to the ``routes`` as an event of its alert. Raises StoreError
    where the state cannot be written.
    """
    snapshots = store.snapshots
    reach = {source: _reach(snapshots.sessions(source), store.calendar, now) for source in snapshots.sources()}
    if not reach:
        return 0
    with state.read() as ledger:
        unfinished = {source: ledger.unfinished(each.closed, each.newest) for source, each in reach.items()}
        wanted = set().union(*unfinished.values())
        flagged = ledger.flagged(among=wanted if alert_ids is None else wanted & alert_ids)
    count = 0
    for source, by_name in _unfinished_by_name(store, flagged, unfinished).items():
        first = {name: min(item.session_date for item in chain(*alerts)) for name, alerts in by_name.items()}
        for name, closes in closes_of(store, source, first, now):
            _follow(store, state, by_name[name], closes, routes, now)
            count += len(by_name[name])
    return count


def _unfinished_by_name(
    store: Store, flagged: Iterable[Flagged], unfinished: Mapping[str, Collection[str]]
) -> dict[str, dict[str, list[list[Flagged]]]]:
    """What is flagged, oldest session first, by source, name and alert; as far as an alert is unfinished there."""
    by_alert: dict[str, list[Flagged]] = {}
    for item in flagged:
        by_alert.setdefault(item.alert_id, []).append(item)
    found: dict[str, dict[str, list[list[Flagged]]]] = {}
    for session, begun in groupby(by_alert.values(), lambda items: items[0].session_date):
        held = {source: _names_in(store, source, session) for source in unfinished}
        for items in begun:
            name = items[0].underlying or ""
            # Of several sources the first that has a chain of the name then.
            source = next((source for source, names in held.items() if plain_ticker(name) in names), None)
            if source is not None and items[0].alert_id in unfinished[source]:
                found.setdefault(source, {}).setdefault(name, []).append(items)
    return found


def _follow(
    store: Store,
    state: State,
    alerts: Sequence[Sequence[Flagged]],
    closes: Closes,
    routes: Sequence[Route],
    now: datetime,
) -> None:
    """Keep what became of one name's alerts at its closes."""
    from scanner.alerts import follow

    with state.write() as ledger:
        for items in alerts:
            alert_id, rows = items[0].alert_id, follow.followed(items, closes)
            by_session = {day: list(group) for day, group in groupby(items, lambda item: item.session_date)}
            before = ledger.followed(alert_id)
            ledger.save_followed(alert_id, rows)
            ledger.save_outcomes(alert_id, {day: follow.outcomes(group, closes) for day, group in by_session.items()})
            if before and _leaves(next(iter(by_session.values())), before, rows):
                _tell(ledger, alert_id, routes, now, store)


def settle(
    store: Store, state: State, now: datetime, routes: Sequence[Route] = (), names: Iterable[str] | None = None
) -> list[Verdict]:
    """:func:`decide` what stored sessions can decide, and follow all alerts through them. Raises StoreError."""
    verdicts = decide(store, state, now, routes, names)
    bring_up_to_date(store, state, now, routes)
    return verdicts


def decide(
    store: Store,
    state: State,
    now: datetime,
    routes: Sequence[Route] = (),
    names: Iterable[str] | None = None,
    until: date | None = None,
) -> list[Verdict]:
    """Decide what stored sessions (``until`` one) can decide of what waits for its open interest.

    A flagged session is decided by the chains that describe its own close, also where newer ones are there. ``names``
    are those whose panel is at hand. Raises StoreError.
    """
    from scanner.alerts import confirmation, matching
    from scanner.alerts.model import Confirmation

    with state.read() as ledger:
        waiting = ledger.flagged(outcome=Confirmation.pending)
    verdicts: list[Verdict] = []
    for source, figures in published(store, waiting, until):
        wanted = figures["underlying"].unique() if names is None else names
        panel = store.history.panel(source, wanted, store.calendar.session_of(now))
        report = confirmation.confirm(
            state,
            figures,
            now,
            matching.matched_by(panel, figures),
            calendar=store.calendar,
            routes=routes,
            only=frozenset(figures.select("underlying", "oi_asof").unique().iter_rows()),
        )
        verdicts += report.verdicts
    return verdicts


def after_scan(
    store: Store, state: State, scan: ScanMeta, names: Iterable[str], routes: Sequence[Route] = ()
) -> list[Verdict]:
    """What the first scan of a session, and the first after its close, tells of earlier alerts; of others nothing.

    Only those bring an open interest or a close that was not known. Call it before the scan itself is remembered.
    Raises StoreError.
    """
    with state.read() as ledger:
        last = next(iter(ledger.runs(limit=1)), None)
    closed = store.calendar.session_close(scan.session_date)
    if last is not None and last["session_date"] == scan.session_date.isoformat():
        before = datetime.fromisoformat(last["as_of"])
        if not before < closed <= scan.as_of:
            return []
    return settle(store, state, scan.as_of, routes, names)


def _tell(ledger: object, alert_id: str, routes: Sequence[Route], now: datetime, store: Store) -> None:
    from scanner.alerts.episodes import Event, EventKind
    from scanner.alerts.routing import letters
    from scanner.store.state import Ledger

    assert isinstance(ledger, Ledger)
    alert = ledger.standing([alert_id]).get(alert_id)
    if alert is None:
        return
    session = store.calendar.session_of(now)
    owed = letters([Event(EventKind.gone, alert)], routes, ledger.silences(), now, session, store.calendar)
    ledger.queue(owed, {route.name: route.most_an_hour for route in routes})


def _leaves(flagged: Sequence[Flagged], before: Sequence[Followed], now: Sequence[Followed]) -> bool:
    """Whether a position was there when it was last followed, and is gone now."""
    from scanner.outputs.following import mornings

    last, newest = mornings(flagged, before), mornings(flagged, now)
    return bool(last and newest) and newest[-1].state == "gone" and all(item.state != "gone" for item in last)


def _names_in(store: Store, source: str, session: date) -> frozenset[str]:
    """The names that the store holds a chain of in a session, as they are compared."""
    return frozenset(plain_ticker(item.underlying) for item in store.snapshots.chains(source, session))


@dataclass(frozen=True, slots=True)
class _Reach:
    """How far the chains of a source reach: the newest session that has closed, and the newest of all."""

    closed: date | None
    newest: date | None


def _reach(sessions: Iterable[date], calendar: Calendar, now: datetime) -> _Reach:
    session, stored = calendar.session_of(now), sorted(sessions)
    last = session if calendar.session_close(session) <= now else calendar.previous_session(session)
    closed = [day for day in stored if day <= last]
    return _Reach(closed[-1] if closed else None, stored[-1] if stored else None)


def closes_of(store: Store, source: str, first: Mapping[str, date], now: datetime) -> Iterator[tuple[str, Closes]]:
    """Names' closes, each from a session of its own on, as far as there are any and the store holds chains of it."""
    from scanner.alerts.closes import Closes

    stored = store.snapshots.sessions(source)
    # The session before tells what was open before, and what others like it were.
    begin = {name: max((day for day in stored if day < session), default=session) for name, session in first.items()}
    names = list(first)
    for place in range(0, len(names), _NAMES_AT_ONCE):
        some = {name: begin[name] for name in names[place : place + _NAMES_AT_ONCE]}
        chains = _chains(store, source, some, [day for day in stored if day >= min(some.values())])
        for name in some:
            known = Closes.of(chains[name], store.calendar)
            if known is not None:
                yield name, known.until(store.calendar, now)


def _chains(
    store: Store, source: str, begin: Mapping[str, date], sessions: Iterable[date]
) -> dict[str, list[pl.DataFrame]]:
    """Names' chains of some sessions, oldest first, each name's from a session of its own on."""
    import polars as pl

    from scanner.alerts.closes import COLUMNS
    from scanner.market import chain

    nothing = chain.empty().with_columns(iv=pl.lit(None, pl.Float64), delta=pl.lit(None, pl.Float64)).select(COLUMNS)
    found = {name: [nothing] for name in begin}
    spelled = {plain_ticker(name): name for name in begin}
    for session in sessions:
        rows = store.snapshots.newest(source, session, [name for name in begin if begin[name] <= session])
        priced = store.summaries.contracts(source, session, begin).select("contract", "iv", "delta")
        bare = rows.drop("iv", "delta", strict=False)
        told = bare.join(priced, on="contract", how="left", maintain_order="left").select("underlying", *COLUMNS)
        for (name,), mine in told.partition_by("underlying", as_dict=True, include_key=False).items():
            found[spelled[plain_ticker(name)]].append(mine)
    return found


def published(store: Store, waiting: Sequence[Flagged], until: date | None = None) -> list[tuple[str, pl.DataFrame]]:
    """The open interest that the store holds of flagged sessions' closes, of each source that has the sessions.

    Chains of sessions after ``until`` are not looked at.
    """
    import polars as pl

    wanted: dict[date, set[str]] = {}
    for item in waiting:
        if item.underlying is not None:
            wanted.setdefault(item.session_date, set()).add(item.underlying)
    found = []
    for source in store.snapshots.sources():
        frames = [
            rows
            for session, names in sorted(wanted.items())
            for rows in _published(store, source, session, names, until)
        ]
        if frames:
            found.append((source, pl.concat(frames)))
    return found


def _published(
    store: Store, source: str, session: date, names: Iterable[str], until: date | None
) -> Iterator[pl.DataFrame]:
    """The open interest of names at the close of a session, of each name what the first morning that tells it says."""
    import polars as pl

    held = _names_in(store, source, session)
    left = {plain_ticker(name) for name in names} & held
    for count in range(1, _MORNINGS + 1):
        morning = store.calendar.next_session(session, count)
        if not left or (until is not None and morning > until):
            return
        rows = store.snapshots.newest(source, morning, left).filter(pl.col("oi_asof") == session)
        if not rows.is_empty():
            yield rows.select("underlying", "contract", "simulated", "oi_asof", "open_interest")
        left -= {plain_ticker(name) for name in rows["underlying"].unique()}


def _may_tell_more(settings: Settings) -> bool:
    """Whether the store has a session that some alert was not followed through yet. Raises StoreError."""
    from scanner.store.holdings import Held

    snapshots = Held.of(settings.store.path).snapshots
    days = [day for source in snapshots.sources() for day in snapshots.sessions(source)]
    reach = _reach(days, settings.exchange_calendar, clock.right_now())
    with opening.open_state(settings, read_only=True) as state, state.read() as ledger:
        return bool(ledger.unfinished(reach.closed, reach.newest))


def refresh(settings: Settings | Place | None, store: Place | None, alert_ids: frozenset[str] | None = None) -> None:
    """Follow alerts as far as the store can tell; where it can only be read, what is kept stays as it is."""
    configured = configuring.settings(settings, store=store)
    try:
        if not _may_tell_more(configured):
            return
        kept = opening.open_store(configured, read_only=True)
        with opening.open_state(configured) as state:
            bring_up_to_date(kept, state, clock.right_now(), alert_ids=alert_ids)
    except StoreError as error:
        log.debug("what became of alerts is told as it was kept: %s", error)
