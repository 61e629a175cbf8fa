"""Stored sessions replayed, and what became of every alert that would have been raised."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import TYPE_CHECKING

from scanner.app import configuring, following, opening
from scanner.app.replaying import nothing_to_judge, range_of
from scanner.app.stored import Scoreboard
from scanner.errors import StoreError

if TYPE_CHECKING:
    from scanner.alerts.model import Alert
    from scanner.app.configuring import Place
    from scanner.config import Settings
    from scanner.errors import ScanProblem


@dataclass(frozen=True, slots=True)
class Backtest:
    """The sessions that were judged, the alerts they raised as they stood at last, and how those have done.

    ``problems`` are the rules that were left out.
    """

    sessions: tuple[date, ...]
    alerts: tuple[Alert, ...]
    board: Scoreboard
    problems: tuple[ScanProblem, ...] = ()


def backtest(
    first: str | date,
    last: str | date,
    symbols: str | Sequence[str] = (),
    *,
    settings: Settings | Place | None = None,
    source: str | None = None,
    watchlist: str | None = None,
    rules: Sequence[Place] = (),
    store: Place | None = None,
    strict: bool = False,
    judged: Callable[[date], object] = lambda session: None,
) -> Backtest:
    """Judge the store's sessions from ``first`` to ``last``, each by what was known then, and follow every alert.

    Later sessions of the store tell what became of them. ``judged`` is called after each session; the other arguments
    are those of :func:`~scanner.app.replaying.replay`. Live alerts are not touched. Raises what ``replay`` raises.
    """
    from scanner import pipeline
    from scanner.alerts import confirmation
    from scanner.alerts.scoreboard import board
    from scanner.app import preparing

    configured = configuring.settings(settings, store=store, rules=rules)
    begin, end = range_of(first, last)
    names = configuring.symbols_for(symbols, watchlist, configured) if symbols or watchlist else None
    usable, problems = opening.usable_rules(configured, strict=strict)
    kept, sessions = opening.open_history(configured), []
    with opening.forgetful_state() as state:
        setup = preparing.setup(configured, kept, state, usable)
        for result in pipeline.replay(setup, source, names, begin, end):
            sessions.append(result.scan.session_date)
            judged(result.scan.session_date)
        if not sessions:
            raise StoreError(nothing_to_judge(kept, begin, end, names))
        newest = max(max(kept.snapshots.sessions(one)) for one in kept.snapshots.sources())
        following.settle(kept, state, kept.calendar.session_close(newest) + timedelta(hours=1))
        with state.read() as ledger:
            scores = Scoreboard(confirmation.scoreboard(ledger.flagged()), board(ledger.told(), ledger.outcomes()))
            return Backtest(tuple(sessions), tuple(ledger.alerts()), scores, tuple(problems))
