"""Stored sessions replayed, and what became of every alert that would have been raised."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from scanner.app.replaying import replay

if TYPE_CHECKING:
    from scanner.alerts.model import Alert
    from scanner.app.configuring import Place
    from scanner.app.stored import Scoreboard
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
    replayed = replay(
        first,
        last,
        symbols,
        settings=settings,
        source=source,
        watchlist=watchlist,
        rules=rules,
        store=store,
        strict=strict,
    )
    sessions = []
    for result in replayed:
        sessions.append(result.scan.session_date)
        judged(result.scan.session_date)
    assert replayed.became is not None
    return Backtest(tuple(sessions), replayed.became.alerts, replayed.became.board, replayed.problems)
