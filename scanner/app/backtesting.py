"""Stored sessions replayed, and what became of every alert that would have been raised, by one configuration or two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from scanner.app import configuring
from scanner.app.replaying import replay

if TYPE_CHECKING:
    from scanner.alerts.comparison import Difference
    from scanner.alerts.entries import Entry
    from scanner.alerts.model import Alert
    from scanner.app.configuring import Place
    from scanner.app.stored import Scoreboard
    from scanner.config import Settings
    from scanner.errors import ScanProblem


@dataclass(frozen=True, slots=True)
class Backtest:
    """The sessions that were judged, the alerts they raised as they stood at last, and how those have done.

    ``entries`` is the ledger: each alert in each session it was told in, and what became of it. ``simulated`` tells
    that some of the sessions never took place; ``problems`` are the rules that were left out.
    """

    sessions: tuple[date, ...]
    alerts: tuple[Alert, ...]
    board: Scoreboard
    entries: tuple[Entry, ...] = ()
    simulated: bool = False
    problems: tuple[ScanProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two backtests over the ``sessions`` that both judged, by what is ``called`` so.

    ``differences`` are the first's measures less the second's, paired by session; ``alone`` what only the one, and only
    the other, told.
    """

    called: tuple[str, str]
    both: tuple[Backtest, Backtest]
    sessions: tuple[date, ...]
    differences: tuple[Difference, ...]
    alone: tuple[tuple[Entry, ...], tuple[Entry, ...]]

    @property
    def problems(self) -> tuple[ScanProblem, ...]:
        """The rules that were left out of one or both, each once."""
        return tuple(dict.fromkeys(problem for each in self.both for problem in each.problems))


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
    cluster: str | None = None,
    workers: int | None = None,
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
        cluster=cluster,
        workers=workers,
    )
    sessions, simulated = [], False
    for result in replayed:
        sessions.append(result.scan.session_date)
        simulated |= result.scan.simulated
        judged(result.scan.session_date)
    became = replayed.became
    assert became is not None
    return Backtest(
        tuple(sessions), became.alerts, became.board, became.entries, simulated=simulated, problems=replayed.problems
    )


def compare(
    first: str | date,
    last: str | date,
    symbols: str | Sequence[str] = (),
    *,
    against: Settings | Place,
    settings: Settings | Place | None = None,
    source: str | None = None,
    watchlist: str | None = None,
    rules: Sequence[Place] = (),
    store: Place | None = None,
    strict: bool = False,
    cluster: str | None = None,
    workers: int | None = None,
    judged: Callable[[date], object] = lambda session: None,
    called: tuple[str, str] = ("first", "second"),
) -> Comparison:
    """:func:`backtest` by ``settings`` and by those of ``against``, over the same store, source and names.

    ``rules``, ``store`` and ``watchlist`` are of the first; the second judges by the rules of its own configuration
    what the first's store holds of the same names. ``called`` names the two where they are told apart. Raises what
    ``backtest`` raises, ConfigError also where the second configuration is wrong.
    """
    from scanner.alerts import comparison

    mine = configuring.settings(settings, store=store, rules=rules)
    theirs = configuring.settings(against).model_copy(update={"store": mine.store})
    names = configuring.symbols_for(symbols, watchlist, mine) if symbols or watchlist else ()
    one, other = (
        backtest(
            first,
            last,
            names,
            settings=each,
            source=source,
            strict=strict,
            cluster=cluster,
            workers=workers,
            judged=judged,
        )
        for each in (mine, theirs)
    )
    sessions = tuple(sorted({*one.sessions} & {*other.sessions}))
    here, there = ([entry for entry in each.entries if entry.session_date in sessions] for each in (one, other))
    return Comparison(
        called,
        (one, other),
        sessions,
        tuple(comparison.compared(here, there, sessions)),
        (comparison.alone(here, there), comparison.alone(there, here)),
    )
