"""What became of alerts, brought up to date from the sessions that the store holds."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from typing import TYPE_CHECKING

from scanner.app import clock, configuring, opening
from scanner.errors import StoreError

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
    from scanner.alerts import follow

    snapshots = store.snapshots
    reach = {source: _reach(snapshots.sessions(source), store.calendar, now) for source in snapshots.sources()}
    if not reach:
        return 0
    with state.read() as ledger:
        unfinished = {source: ledger.unfinished(each.closed, each.newest) for source, each in reach.items()}
        wanted = set().union(*unfinished.values())
        flagged = ledger.flagged(among=wanted if alert_ids is None else wanted & alert_ids)
    by_alert: dict[str, list[Flagged]] = {}
    for item in flagged:
        by_alert.setdefault(item.alert_id, []).append(item)
    by_name: dict[tuple[str, str], list[list[Flagged]]] = {}
    for alert_id, items in by_alert.items():
        source = _source_of(store, items[0], reach)
        if source is not None and alert_id in unfinished[source]:
            by_name.setdefault((source, items[0].underlying or ""), []).append(items)
    count = 0
    for (source, name), alerts in by_name.items():
        first = min(item.session_date for items in alerts for item in items)
        closes = closes_of(store, source, name, first, now)
        if closes is None:
            continue
        for items in alerts:
            rows = follow.followed(items, closes)
            by_session = [list(group) for _, group in groupby(items, lambda item: item.session_date)]
            outcomes = {group[0].session_date: follow.outcomes(group, closes) for group in by_session}
            with state.write() as ledger:
                before = ledger.followed(items[0].alert_id)
                ledger.save_followed(items[0].alert_id, rows)
                for session, found in outcomes.items():
                    ledger.save_outcomes(items[0].alert_id, session, found)
                if before and _leaves(by_session[0], before, rows):
                    _tell(ledger, items[0].alert_id, routes, now, store)
            count += 1
    return count


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
    alert = ledger.alert(alert_id)
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


def _source_of(store: Store, item: Flagged, sources: Iterable[str]) -> str | None:
    """Which of the store's sources the flagged session is of: the first that has a chain of the name then."""
    for source in sources:
        if store.snapshots.chains(source, item.session_date, [item.underlying or ""]):
            return source
    return None


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


def closes_of(store: Store, source: str, name: str, first: date, now: datetime) -> Closes | None:
    """One name's closes from a session on, as far as there are any and the store holds chains; None where of none."""
    from scanner.alerts.closes import Closes

    sessions = [day for day in store.snapshots.sessions(source) if day >= first]
    # The session before tells what was open before, and what others like it were.
    before = [day for day in store.snapshots.sessions(source) if day < first][-1:]
    known = Closes.of(_chains(store, source, name, [*before, *sessions]), store.calendar)
    return None if known is None else known.until(store.calendar, now)


def _chains(store: Store, source: str, name: str, sessions: Iterable[date]) -> Iterator[pl.DataFrame]:
    import polars as pl

    from scanner.alerts.closes import COLUMNS
    from scanner.market import chain

    yield chain.empty().with_columns(iv=pl.lit(None, pl.Float64), delta=pl.lit(None, pl.Float64)).select(COLUMNS)
    for session in sessions:
        rows = store.snapshots.newest(source, session, [name])
        if rows.is_empty():
            continue
        priced = store.summaries.contracts(source, session, [name]).select("contract", "iv", "delta")
        bare = rows.drop("iv", "delta", strict=False)
        yield bare.join(priced, on="contract", how="left", maintain_order="left").select(COLUMNS)


def published(store: Store, waiting: Sequence[Flagged], until: date | None = None) -> list[tuple[str, pl.DataFrame]]:
    """The open interest that the store holds of flagged sessions' closes, of each source that has the sessions.

    Chains of sessions after ``until`` are not looked at.
    """
    import polars as pl

    wanted = ("underlying", "contract", "simulated", "oi_asof", "open_interest")
    days = sorted({(item.underlying, item.session_date) for item in waiting if item.underlying is not None})
    found = []
    for source in store.snapshots.sources():
        frames = []
        for name, session in days:
            if not store.snapshots.chains(source, session, [name]):
                continue
            mornings = (store.calendar.next_session(session, count) for count in range(1, _MORNINGS + 1))
            for morning in mornings:
                if until is not None and morning > until:
                    break
                rows = store.snapshots.newest(source, morning, [name])
                rows = rows.filter(pl.col("oi_asof") == session)
                if not rows.is_empty():
                    frames.append(rows.select(wanted))
                    break
        if frames:
            found.append((source, pl.concat(frames)))
    return found


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
