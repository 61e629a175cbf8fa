"""What became of alerts, brought up to date from the sessions that the store holds."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from itertools import groupby
from typing import TYPE_CHECKING

from scanner.app import clock, configuring, opening
from scanner.errors import StoreError

if TYPE_CHECKING:
    import polars as pl

    from scanner.alerts.closes import Closes
    from scanner.alerts.confirmation import ConfirmationReport
    from scanner.alerts.flagged import Flagged
    from scanner.alerts.follow import Followed
    from scanner.alerts.routing import Route
    from scanner.app.configuring import Place
    from scanner.config import Settings
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
    """Follow every alert (or some) through the sessions stored since; returns how many were followed on.

    A position that leaves - below a quarter of what was opened - is owed to the ``routes`` as an event of its alert.
    Raises StoreError where the state cannot be written.
    """
    from scanner.alerts import follow

    newest = {source: max(store.snapshots.sessions(source), default=None) for source in store.snapshots.sources()}
    if not newest:
        return 0
    with state.read() as ledger:
        flagged = ledger.flagged()
        until = ledger.last_followed()
    by_alert: dict[str, list[Flagged]] = {}
    for item in flagged:
        if alert_ids is None or item.alert_id in alert_ids:
            by_alert.setdefault(item.alert_id, []).append(item)
    by_name: dict[tuple[str, str], list[list[Flagged]]] = {}
    for items in by_alert.values():
        source = _source_of(store, items[0], newest)
        if source is not None and _has_more(items, until.get(items[0].alert_id), newest[source]):
            by_name.setdefault((source, items[0].underlying or ""), []).append(items)
    count = 0
    for (source, name), alerts in by_name.items():
        first = min(item.session_date for items in alerts for item in items)
        closes = closes_of(store, source, name, first)
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


def settle(store: Store, state: State, now: datetime, routes: Sequence[Route] = ()) -> list[ConfirmationReport]:
    """Decide what stored sessions can decide of what waits for its open interest, and follow all through them.

    A flagged session is decided by the chains that describe its own close, also where newer ones are there. Raises
    StoreError.
    """
    from scanner.alerts import confirmation, matching
    from scanner.alerts.model import Confirmation

    with state.read() as ledger:
        waiting = ledger.flagged(outcome=Confirmation.pending)
    reports = []
    for source, figures in published(store, waiting):
        panel = store.history.panel(source, figures["underlying"].unique(), store.calendar.session_of(now))
        reports.append(
            confirmation.confirm(
                state,
                figures,
                now,
                matching.matched_by(panel, figures),
                calendar=store.calendar,
                routes=routes,
                only=frozenset(figures.select("underlying", "oi_asof").unique().iter_rows()),
            )
        )
    bring_up_to_date(store, state, now, routes)
    return reports


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


def _source_of(store: Store, item: Flagged, newest: Mapping[str, date | None]) -> str | None:
    """Which of the store's sources the flagged session is of: the first that has a chain of the name then."""
    for source in newest:
        if store.snapshots.chains(source, item.session_date, [item.underlying or ""]):
            return source
    return None


def _has_more(items: Sequence[Flagged], followed: date | None, newest: date | None) -> bool:
    """Whether the store may tell more of an alert than was told when it was last followed."""
    if newest is None or (followed is not None and followed >= newest):
        return False
    expiries = [item.expiry for item in items]
    last = None if None in expiries else max(expiry for expiry in expiries if expiry is not None)
    return followed is None or last is None or followed < last


def closes_of(store: Store, source: str, name: str, first: date) -> Closes | None:
    """One name's closes from a session on, as far as the store holds chains; None where it holds none."""
    from scanner.alerts.closes import Closes

    sessions = [day for day in store.snapshots.sessions(source) if day >= first]
    # The session before tells what was open before, and what others like it were.
    before = [day for day in store.snapshots.sessions(source) if day < first][-1:]
    return Closes.of(_chains(store, source, name, [*before, *sessions]), store.calendar)


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


def published(store: Store, waiting: Sequence[Flagged]) -> list[tuple[str, pl.DataFrame]]:
    """The open interest that the store holds of flagged sessions' closes, of each source that has the sessions."""
    import polars as pl

    wanted = ("underlying", "contract", "simulated", "oi_asof", "open_interest")
    days = sorted({(item.underlying, item.session_date) for item in waiting if item.underlying is not None})
    found = []
    for source in store.snapshots.sources():
        frames = []
        for name, session in days:
            if not store.snapshots.chains(source, session, [name]):
                continue
            for count in range(1, _MORNINGS + 1):
                rows = store.snapshots.newest(source, store.calendar.next_session(session, count), [name])
                rows = rows.filter(pl.col("oi_asof") == session)
                if not rows.is_empty():
                    frames.append(rows.select(wanted))
                    break
        if frames:
            found.append((source, pl.concat(frames)))
    return found


def _may_tell_more(settings: Settings) -> bool:
    """Whether the store has a session that some alert was not followed through yet. Raises StoreError."""
    from scanner.store.snapshots import Snapshots

    with opening.open_state(settings, read_only=True) as state, state.read() as ledger:
        flagged, until = ledger.flagged(), ledger.last_followed()
    snapshots = Snapshots(settings.store.path / "snapshots")
    newest = max((day for source in snapshots.sources() for day in snapshots.sessions(source)), default=None)
    return any(_has_more([item], until.get(item.alert_id), newest) for item in flagged)


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
