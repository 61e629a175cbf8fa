"""What is priced for events of a user's table, and what the price did over those that are over."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import TYPE_CHECKING

from scanner.app import configuring, opening
from scanner.errors import StoreError, UsageError

if TYPE_CHECKING:
    import polars as pl

    from scanner.app.configuring import Place
    from scanner.config import Settings
    from scanner.metrics.event_moves import Priced
    from scanner.outputs.moves import Held, Moves
    from scanner.pipeline import Setup
    from scanner.store.store import Store


def moves(
    symbols: str | Sequence[str] = (),
    *,
    kind: str | None = None,
    as_of: str | date | None = None,
    settings: Settings | Place | None = None,
    watchlist: str | None = None,
    store: Place | None = None,
) -> Moves:
    """What options price for each coming event, and what was priced and came of the last eight, from the store alone.

    Of all names that the store holds in its newest session (or in that of ``as_of``), or of some; ``kind`` takes the
    events of one kind, such as ``earnings``. What was priced is told by the chain of the evening before, what came by
    daily closes (``scanner import``), else by the prices that chains had. Raises StoreError where the store has no
    chain, UsageError for a name that it does not have.
    """
    from scanner.app import preparing
    from scanner.market.symbology import plain_ticker
    from scanner.outputs.moves import Moves, NameMoves

    configured = configuring.settings(settings, store=store)
    names = configuring.symbols_for(symbols, watchlist, configured) if symbols or watchlist else ()
    instant = configuring.instant_for(as_of, configured.exchange_calendar)
    until = None if instant is None else configured.exchange_calendar.session_of(instant)
    opened = opening.open_history(configured, until)
    session, chain = _newest(opened, until)
    there = {plain_ticker(name): name for name in chain["underlying"].unique().sort()}
    missing = [name for name in names if plain_ticker(name) not in there]
    if missing and not watchlist:
        raise UsageError(
            f"{', '.join(missing)}: no chain of {session} is stored; there are {', '.join(there.values())}"
        )
    wanted = [there[plain] for name in names if (plain := plain_ticker(name)) in there] or list(there.values())
    setup = preparing.setup(configured, opened, None)
    events = _spelled(opened.events, wanted, kind)
    found = []
    for name in wanted:
        own = events.filter(underlying=name)
        ahead = _coming(own, chain.filter(underlying=name), session, setup)
        past = tuple(past_events(opened, name, own, session, setup))
        if ahead or past:
            found.append(NameMoves(name, ahead, past))
    return Moves(session, kind, tuple(found), bool(chain["simulated"].any()))


def _newest(store: Store, until: date | None) -> tuple[date, pl.DataFrame]:
    """The newest session of the store up to a day, and its chains of the source that has most of them."""
    kept = store.snapshots
    days = {day for source in kept.sources() for day in kept.sessions(source) if until is None or day <= until}
    if not days:
        raise StoreError(f"{store.place} holds no chain yet; `scanner scan` or `scanner import` brings some")
    session = max(days)
    chains = [kept.newest(source, session) for source in kept.sources()]
    return session, max(chains, key=lambda chain: chain["underlying"].n_unique())


def _spelled(events: pl.DataFrame, names: Sequence[str], kind: str | None) -> pl.DataFrame:
    from scanner.market import corporate_events

    known = corporate_events.spelled_as(events, names)
    assert known is not None
    return known if kind is None else known.filter(kind=kind.lower())


def _coming(events: pl.DataFrame, chain: pl.DataFrame, session: date, setup: Setup) -> tuple[Priced, ...]:
    """The events ahead of a chain, each with what is priced for it; nothing is priced anew where there are none."""
    from scanner import pipeline
    from scanner.metrics import event_moves, exposures
    from scanner.sources.receiving import newest_quotes

    ahead = event_moves.coming(events, session)
    if ahead.is_empty() or chain.is_empty():
        return ()
    frames = pipeline.look(chain, newest_quotes(chain), setup).frames
    convention = exposures.Convention.calls_long_puts_short
    held = exposures.live(frames["contract"], frames["expiry"], setup.calendar, convention)
    return tuple(event_moves.priced(ahead, exposures.by_expiry(held, frames["expiry"])))


def past_events(store: Store, name: str, events: pl.DataFrame, session: date, setup: Setup) -> Iterator[Held]:
    """The last eight events that are over with what was priced the evening before, and older ones by their moves."""
    from scanner.metrics import event_moves
    from scanner.outputs.moves import RECENT, Held

    closes = closes_of(store, name, session)
    for number, event in enumerate(event_moves.realised(events, closes, session, setup.calendar)):
        implied = None
        if number < RECENT and event.session_before is not None:
            before = event.session_before
            chains = (store.snapshots.newest(source, before, [name]) for source in store.snapshots.sources())
            chain = next((chain for chain in chains if not chain.is_empty()), None)
            own = events.filter(date=event.day, kind=event.kind)
            told = () if chain is None else _coming(own, chain, before, setup)
            implied = told[0].mean_absolute if told else None
        yield Held(event.kind, event.day, implied, event.move, event.reason)


def closes_of(store: Store, name: str, session: date) -> pl.DataFrame:
    """``session_date close`` of a name up to a session: the closes kept, and where there is none the chains' prices."""
    import polars as pl

    after = store.calendar.next_session(session)
    kept = store.closes.before(after, [name], store.events).select("session_date", "close")
    frames = [kept]
    for source in store.summaries.sources():
        rows = store.history.panel(source, [name], after).underlying_sessions.filter(underlying=name)
        if not rows.is_empty():
            frames.append(rows.select("session_date", close="spot").drop_nulls())
    # What was kept comes first, and its word counts.
    return pl.concat(frames).unique("session_date", keep="first", maintain_order=True).sort("session_date")
