"""Stored sessions judged in order, each seeing only what was known then, and what became of their alerts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import date
from typing import TYPE_CHECKING

from scanner.app import configuring, opening, spreading
from scanner.app.workers import Crew, Spread
from scanner.errors import ScanProblem, StoreError, UsageError

if TYPE_CHECKING:
    from scanner.alerts.entries import Entry
    from scanner.alerts.model import Alert
    from scanner.alerts.verdict import Verdict
    from scanner.app.configuring import Place
    from scanner.app.stored import Scoreboard
    from scanner.config import Settings
    from scanner.outputs.result import ScanResult
    from scanner.outputs.stored import Story
    from scanner.pipeline import Setup
    from scanner.ruleset import Rule
    from scanner.store.state import State
    from scanner.store.store import Store

# So many alerts are told whole; of the others there is the scoreboard.
STORIES = 20
# What is left where those who judge are lost.
_KEPT = "nothing of the replay is kept"


@dataclass(frozen=True, slots=True)
class Became:
    """What became of a replay's alerts, as far as the store's sessions tell, also those after the last one judged.

    ``alerts`` stand as they did at last, the newest and strongest first; ``stories`` are the strongest of them with the
    contracts behind them and every close since; ``board`` is how they all have done, ``entries`` how each has.
    """

    alerts: tuple[Alert, ...]
    stories: tuple[Story, ...]
    board: Scoreboard
    entries: tuple[Entry, ...]


class Replay(Iterator["ScanResult"]):
    """Results to be had one after the other, oldest session first; each is judged when it is asked for.

    ``problems`` are the rules that were left out; ``became`` is there once the last result was had.
    """

    def __init__(self, judging: Judging, problems: Sequence[ScanProblem]) -> None:
        self._results = _judged(judging, self)
        self.problems = tuple(problems)
        self.became: Became | None = None

    def __next__(self) -> ScanResult:
        return next(self._results)


@dataclass(frozen=True, slots=True)
class Judging:
    """What a replay judges: stored sessions of a range (of one source, of some names), by which rules."""

    settings: Settings
    source: str | None
    names: tuple[str, ...] | None
    first: date
    last: date
    rules: Sequence[Rule]
    spread: Spread | None = None

    def last_of(self, store: Store) -> tuple[str, date] | None:
        """The source and session that will be judged last; None where there is none."""
        for source in [self.source] if self.source else reversed(store.snapshots.sources()):
            for session in reversed(store.snapshots.sessions(source)):
                if self.first <= session <= self.last and store.snapshots.chains(source, session, self.names):
                    return source, session
        return None


def replay(
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
) -> Replay:
    """Judge the store's sessions from ``first`` to ``last`` in order, each seeing only what was known then.

    ``symbols`` (or a ``watchlist``) narrows it to some names, ``source`` to what one vendor gave. ``cluster`` is the
    address of a Dask scheduler whose workers judge the sessions, ``workers`` so many processes of this machine that do
    (:mod:`scanner.app.spreading`); the results are the same. The alerts of a replay pass from one session to the next
    and are kept nowhere else. Iterate over what comes back, or ``list(...)`` it: one result a session and source, as of
    :func:`~scanner.app.scanning.scan`, whose ``verdicts`` are what its chains say of earlier alerts; those of the last,
    and ``became``, tell what all later sessions of the store say. Raises ConfigError, RuleError and UsageError at once;
    StoreError, on the way, where there is no store or no chain in it to judge, UsageError and ClusterError where
    workers cannot be asked.
    """
    configured = configuring.settings(settings, store=store, rules=rules)
    begin, end = range_of(first, last)
    names = configuring.symbols_for(symbols, watchlist, configured) if symbols or watchlist else None
    usable, problems = opening.usable_rules(configured, strict=strict)
    spread = Spread.asked(cluster, workers)
    return Replay(Judging(configured, source, names, begin, end, usable, spread), problems)


def range_of(first: str | date, last: str | date) -> tuple[date, date]:
    """The days that ``--from`` and ``--to`` name. Raises UsageError where they are none, or the wrong way round."""
    begin, end = configuring.day_for("--from", first), configuring.day_for("--to", last)
    if begin > end:
        raise UsageError(f"--from {begin} is after --to {end}")
    return begin, end


def _judged(judging: Judging, replay: Replay) -> Iterator[ScanResult]:
    """Each session's result, with what its chains tell of alerts before it; at the last, what all the store tells."""
    from scanner.app import following, preparing

    with ExitStack() as stack:
        crew = None if judging.spread is None else stack.enter_context(Crew(judging.spread, _KEPT))
        kept = opening.open_history(judging.settings)
        last = judging.last_of(kept)
        state = stack.enter_context(opening.forgetful_state())
        setup = preparing.setup(judging.settings, kept, state, judging.rules)
        for result in _results(judging, setup, crew):
            session, known = result.scan.session_date, result.underlyings
            names = None if known is None else known["underlying"]
            verdicts = following.decide(kept, state, result.scan.as_of, names=names, until=session)
            if (result.scan.source, session) == last:
                newest = max(max(kept.snapshots.sessions(source)) for source in kept.snapshots.sources())
                closed = kept.calendar.session_close(kept.calendar.session_on_or_before(newest))
                verdicts += following.settle(kept, state, closed)
                replay.became = _became(state)
            yield _with(result, verdicts)
    if last is None:
        raise StoreError(nothing_to_judge(kept, judging.first, judging.last, judging.names))


def _results(judging: Judging, setup: Setup, crew: Crew | None) -> Iterator[ScanResult]:
    """The sessions' results, all of them of this process, or judged by workers and concluded here in their order."""
    from scanner import pipeline

    if crew is None:
        yield from pipeline.replay(setup, judging.source, judging.names, judging.first, judging.last)
        return
    assert setup.store is not None
    told = spreading.Told(judging.settings, judging.rules, judging.names)
    sessions = pipeline.sessions_to_replay(setup.store, judging.source, judging.first, judging.last)
    for said in spreading.stated(crew, told, sessions):
        yield pipeline.concluded(said, setup)


def _with(result: ScanResult, verdicts: Sequence[Verdict]) -> ScanResult:
    """A result with verdicts, also on its own alerts where one of them is decided."""
    decided = {verdict.alert.alert_id: verdict.outcome for verdict in verdicts}
    alerts = [alert.changed(confirmation=decided.get(alert.alert_id, alert.confirmation)) for alert in result.alerts]
    return replace(result, alerts=tuple(alerts), verdicts=tuple(verdicts))


def _became(state: State) -> Became:
    from scanner.alerts import verdict
    from scanner.alerts.entries import entries
    from scanner.alerts.scoreboard import board, read
    from scanner.app.stored import Scoreboard
    from scanner.outputs.stored import Story

    with state.read() as ledger:
        alerts = ledger.alerts()
        strongest = sorted(alerts, key=lambda alert: alert.strength, reverse=True)[:STORIES]
        stories = [
            Story(
                alert,
                (),
                tuple(ledger.flagged(alert_id=alert.alert_id)),
                rows=tuple(ledger.followed(alert.alert_id)),
            )
            for alert in strongest
        ]
        outcomes = ledger.outcomes()
        scores = Scoreboard(verdict.scoreboard(ledger.decided()), board(ledger.told(), read(outcomes)))
        told = entries(alerts, ledger.flagged(), outcomes)
    return Became(tuple(alerts), tuple(stories), scores, told)


def nothing_to_judge(store: Store, begin: date, end: date, names: tuple[str, ...] | None) -> str:
    """Say that there is no chain to judge, and whether there once was."""
    sessions = {day for source in store.summaries.sources() for day in store.summaries.sessions(source)}
    pruned = sum(begin <= day <= end for day in sessions)
    why = f" ({pruned:,} are remembered as history, but their chains are pruned)" if pruned and names is None else ""
    whose = f" of {', '.join(names)}" if names else ""
    return (
        f"{store.place} holds no chain from {begin} to {end}{whose}{why}; see `scanner store info`, or import with "
        "`scanner import`"
    )
