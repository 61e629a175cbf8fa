"""Opening what a scan works with: rules, sources, store and state, each with the configuration's say."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from scanner.errors import RuleError, ScanProblem, StoreError

if TYPE_CHECKING:
    import polars as pl

    from scanner.config import Settings
    from scanner.ruleset import Rule
    from scanner.sources.base import Source
    from scanner.store.state import State
    from scanner.store.store import Store

log = logging.getLogger(__name__)


@dataclass
class Opened:
    """What is open, and what could not be opened; leave the ``with`` block to close it all."""

    store: Store | None = None
    state: State | None = None
    problems: list[ScanProblem] = field(default_factory=list)
    _stack: ExitStack = field(default_factory=ExitStack)

    def __enter__(self) -> Opened:
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()


def open_store(folder: Path, *, read_only: bool = False) -> Store:
    """The store in a folder, with this version's way to summarise. Raises StoreError where it cannot be used."""
    from scanner.pipeline import CALCULATION_VERSION, summarise
    from scanner.store.store import Store

    return Store.open(folder, read_only=read_only, summarise=summarise, calculation_version=CALCULATION_VERSION)


def open_memory(folder: Path) -> Opened:
    """The store and the state in a folder. Raises StoreError where they cannot be used."""
    from scanner.store.state import FILE_NAME, State

    opened = Opened()
    opened.store = opened._stack.enter_context(open_store(folder))
    opened.state = opened._stack.enter_context(State.open(folder / FILE_NAME))
    return opened


def open_memory_if_possible(folder: Path) -> Opened:
    """As :func:`open_memory`; what cannot be opened becomes a problem, and the scan goes on without it."""
    try:
        return open_memory(folder)
    except StoreError as error:
        problem = ScanProblem(
            "", "store", "not_opened", f"{error}; this scan goes on without history, and nothing of it is kept"
        )
        return Opened(problems=[problem])


def store_if_there(folder: Path) -> Store | None:
    """The store in a folder, to be read; None where there is none yet."""
    try:
        return open_store(folder, read_only=True)
    except StoreError as error:
        log.info("%s; shown without history", error)
        return None


def open_sources(settings: Settings) -> list[Source]:
    """The configured sources, in fallback order. Raises TermsError or UsageError before anything is fetched."""
    from scanner.sources.base import open_source, require_terms

    for name in settings.source:
        require_terms(name, settings.accept_terms)
    return [open_source(name, settings) for name in settings.source]


def usable_rules(settings: Settings, *, strict: bool) -> tuple[list[Rule], list[ScanProblem]]:
    """The rules that run, and those left out because they are broken, each named.

    Raises RuleError where none is left, or where one is broken and ``strict``.
    """
    from scanner import resources, ruleset

    loaded = ruleset.load(resources.rule_paths(settings.rules), settings.watchlists)
    if loaded.problems and strict:
        raise RuleError("\n".join(str(problem) for problem in loaded.problems))
    rules = list(loaded.stable())
    if not rules:
        reasons = [str(problem) for problem in loaded.problems] or [
            "no stable rule was found; see `scanner rules list`"
        ]
        raise RuleError("\n".join(["no usable rule, so nothing was scanned:", *reasons]))
    return rules, [ScanProblem("", "rules", "broken_rule", str(problem)) for problem in loaded.problems]


def remember(store: Store, history: Sequence[pl.DataFrame]) -> None:
    """Keep the chains of past sessions of one source, oldest first, and summarise them."""
    for number, chain in enumerate(history):
        store.snapshots.write(chain, f"history-{number}")
    store.catch_up()


@contextmanager
def forgetful_state() -> Iterator[State]:
    """A state of its own for a replay, empty at first and gone afterwards, so that it never meets the live alerts."""
    from scanner.store.state import FILE_NAME, State

    with TemporaryDirectory(prefix="scanner-replay-") as folder, State.open(Path(folder) / FILE_NAME) as state:
        yield state
