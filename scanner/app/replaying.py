"""Stored sessions judged in order, each seeing only what was known then."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

from scanner.app import configuring, opening
from scanner.errors import ScanProblem, StoreError, UsageError

if TYPE_CHECKING:
    from scanner.app.configuring import Place
    from scanner.config import Settings
    from scanner.outputs.result import ScanResult
    from scanner.ruleset import Rule
    from scanner.store.store import Store


@dataclass(frozen=True, slots=True)
class Replay(Iterator["ScanResult"]):
    """Results to be had one after the other, oldest session first; each is judged when it is asked for.

    ``problems`` are the rules that were left out.
    """

    results: Iterator[ScanResult]
    problems: tuple[ScanProblem, ...]

    def __next__(self) -> ScanResult:
        return next(self.results)


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
) -> Replay:
    """Judge the store's sessions from ``first`` to ``last`` in order, each seeing only what was known then.

    ``symbols`` (or a ``watchlist``) narrows it to some names, ``source`` to what one vendor gave. The alerts of a
    replay pass from one session to the next and are kept nowhere else. Iterate over what comes back, or ``list(...)``
    it: one result a session and source, as of :func:`~scanner.app.scanning.scan`. Raises ConfigError, RuleError
    and UsageError at once; StoreError, on the way, where there is no store or no chain in it to judge.
    """
    configured = configuring.settings(settings, store=store, rules=rules)
    begin, end = range_of(first, last)
    names = configuring.symbols_for(symbols, watchlist, configured) if symbols or watchlist else None
    usable, problems = opening.usable_rules(configured, strict=strict)
    return Replay(_judged(configured, source, names, begin, end, usable), tuple(problems))


def range_of(first: str | date, last: str | date) -> tuple[date, date]:
    """The days that ``--from`` and ``--to`` name. Raises UsageError where they are none, or the wrong way round."""
    begin, end = configuring.day_for("--from", first), configuring.day_for("--to", last)
    if begin > end:
        raise UsageError(f"--from {begin} is after --to {end}")
    return begin, end


def _judged(
    settings: Settings,
    source: str | None,
    names: tuple[str, ...] | None,
    begin: date,
    end: date,
    rules: Sequence[Rule],
) -> Iterator[ScanResult]:
    from scanner import pipeline
    from scanner.app import preparing

    kept, judged = opening.open_history(settings, before=end), 0
    with opening.forgetful_state() as state:
        setup = preparing.setup(settings, kept, state, rules)
        for result in pipeline.replay(setup, source, names, begin, end):
            judged += 1
            yield result
    if not judged:
        raise StoreError(nothing_to_judge(kept, begin, end, names))


def nothing_to_judge(store: Store, begin: date, end: date, names: tuple[str, ...] | None) -> str:
    """Say that there is no chain to judge, and whether there once was."""
    sessions = {day for source in store.summaries.sources() for day in store.summaries.sessions(source)}
    pruned = sum(begin <= day <= end for day in sessions)
    why = f" ({pruned:,} are remembered as history, but their chains are pruned)" if pruned and names is None else ""
    whose = f" of {', '.join(names)}" if names else ""
    return (
        f"{store.path} holds no chain from {begin} to {end}{whose}{why}; see `scanner store info`, or import with "
        "`scanner import`"
    )
