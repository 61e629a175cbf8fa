"""The morning after: what the published open interest says of the alerts that wait for it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from scanner.app import clock, configuring, opening
from scanner.errors import ScanProblem

if TYPE_CHECKING:
    from scanner.app.configuring import Place
    from scanner.config import Settings
    from scanner.sources.base import Source


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What a confirmation run has to say, and what failed in it."""

    sentences: tuple[str, ...]
    problems: tuple[ScanProblem, ...] = ()


def confirm(
    symbols: str | Sequence[str] = (),
    *,
    settings: Settings | Place | None = None,
    source: str | Sequence[str] | None = None,
    path: Place | None = None,
    watchlist: str | None = None,
    store: Place | None = None,
    accept_terms: Sequence[str] = (),
) -> Confirmed:
    """Look at the open interest published by now and decide the alerts it can decide: confirmed, faded, unconfirmable.

    Nothing is fetched where nothing waits. Arguments are as in :func:`~scanner.app.scanning.scan`. Raises StoreError
    where the store cannot be written, and what opening a source raises.
    """
    configured = configuring.settings(settings, store=store, source=source, path=path, accept_terms=accept_terms)
    names = configuring.symbols_for(symbols, watchlist, configured)
    return confirm_once(configured, opening.open_sources(configured), names)


def confirm_once(settings: Settings, sources: Sequence[Source], symbols: tuple[str, ...]) -> Confirmed:
    """:func:`confirm` with sources that are open; with nothing to fetch where nothing waits, a job may run all day."""
    from scanner.alerts import confirmation, matching
    from scanner.alerts.model import Confirmation
    from scanner.app import following
    from scanner.market.symbology import plain_ticker
    from scanner.outputs import sentence
    from scanner.sources.receiving import Request, receive
    from scanner.store.recall import brought_up_to_date

    now = clock.right_now()
    with opening.open_memory(settings) as memory:
        assert memory.state is not None
        assert memory.store is not None
        calendar = settings.exchange_calendar
        settled = following.settle(memory.store, memory.state, now, settings.routes)
        sentences = [sentence.verdict(verdict) for verdict in settled]
        with memory.state.read() as ledger:
            waiting = {plain_ticker(item.underlying or "") for item in ledger.flagged(outcome=Confirmation.pending)}
        wanted = tuple(symbol for symbol in symbols if plain_ticker(symbol) in waiting)
        if not wanted:
            return Confirmed((*sentences, "nothing waits for its open interest"))
        received = receive(sources, Request(wanted, None, now, "confirm"))
        if received.chain is None:
            return Confirmed(tuple(sentences), tuple(received.problems))
        source, session = received.chain["source"][0], calendar.session_of(now)
        behind = brought_up_to_date(memory.store, session)
        panel = memory.store.history.panel(source, received.chain["underlying"].unique(), session)
        matched = matching.matched_by(panel, received.chain)
        report = confirmation.confirm(
            memory.state, received.chain, now, matched, calendar=calendar, routes=settings.routes
        )
    sentences += [sentence.verdict(verdict) for verdict in report.verdicts]
    return Confirmed((*sentences, f"{report.waiting} flagged sessions still wait"), (*received.problems, *behind))
