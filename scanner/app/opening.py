"""Opening what a scan works with: rules, sources, store and state, each with the configuration's say."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from scanner.app import clock, companions, configuring
from scanner.errors import RuleError, ScanProblem, SourceError, StoreError, UsageError
from scanner.object_prefix import ObjectPrefix

if TYPE_CHECKING:
    from datetime import date, datetime

    import polars as pl

    from scanner.config import Settings
    from scanner.frames import Frame
    from scanner.ruleset import Rule
    from scanner.sources.base import Gives, Source
    from scanner.sources.receiving import Received, Request
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


def open_store(settings: Settings, *, read_only: bool = False) -> Store:
    """The configured store, told how the configuration has chains priced and which events it names.

    Raises StoreError where it cannot be used, ConfigError where the events cannot be read, PricingError where the curve
    cannot.
    """
    from scanner.app import preparing
    from scanner.store.store import Store

    return Store.open(
        settings.store.path,
        calendar=settings.exchange_calendar,
        read_only=read_only,
        pricing=preparing.pricing(settings),
        told=preparing.events_table(settings),
    )


def open_history(settings: Settings, before: date | None = None) -> Store:
    """The configured store to be read, once all in it (before a session) is summarised as it would be now.

    What no scan saw the close of, what was stored before a split was known or by another calculation version is
    summarised anew; where the store cannot be written, that is said and the store is read as it is. Raises as
    :func:`open_store` does.
    """
    store = open_store(settings, read_only=True)
    if store.outdated(before):
        try:
            writable = open_store(settings)
            writable.catch_up(writable.outdated(before))
        except StoreError as error:
            log.warning("%s; sessions that are to be summarised anew are judged as they are", error)
        store = open_store(settings, read_only=True)
    return store


def open_state(settings: Settings, *, read_only: bool = False) -> State:
    """The state that the configuration names: the file beside the store, else a database.

    Raises StoreError where it cannot be used, or (``read_only``) is not there yet.
    """
    from scanner.store.state import FILE_NAME, State

    store = settings.store
    if isinstance(store.path, ObjectPrefix) and settings.state is None and not (store.folder / FILE_NAME).exists():
        said = "%s: alerts are remembered on this machine alone, in %s; `state: postgresql://...` shares them, too"
        log.warning(said, store.path, store.folder)
    return State.open(configuring.state_place(settings), read_only=read_only)


def open_memory(settings: Settings) -> Opened:
    """The configured store and the state beside it. Raises as :func:`open_store` does."""
    opened = Opened()
    opened.store = open_store(settings)
    opened.state = opened._stack.enter_context(open_state(settings))
    return opened


def open_memory_if_possible(settings: Settings) -> Opened:
    """As :func:`open_memory`; what cannot be opened becomes a problem, and the scan goes on without it.

    A store that can be read but not written still lends its history, and one beside a damaged state is still filled.
    """
    opened = Opened()

    def note(error: StoreError, what: str) -> None:
        message = f"{str(error).rstrip('.')}; this scan goes on {what}"
        opened.problems.append(ScanProblem("", "store", "not_opened", message))

    try:
        opened.store = open_store(settings)
    except StoreError as error:
        opened.store = store_if_there(settings)
        note(error, f"{'' if opened.store else 'without history, and '}with nothing of it kept")
        return opened
    try:
        opened.state = opened._stack.enter_context(open_state(settings))
    except StoreError as error:
        note(error, "without remembering its alerts")
    return opened


def store_if_there(settings: Settings, before: date | None = None) -> Store | None:
    """The configured store, to be read as by :func:`open_history`; None where there is none yet."""
    try:
        return open_history(settings, before)
    except StoreError as error:
        log.info("%s; shown without history", error)
        return None


def memory_if_there(settings: Settings, before: date) -> Opened:
    """The configured store, of which the sessions before one are asked for, and the state beside it, to be read.

    What is not there is left out.
    """
    opened = Opened()
    opened.store = store_if_there(settings, before)
    if opened.store is not None:
        with suppress(StoreError):
            opened.state = opened._stack.enter_context(open_state(settings, read_only=True))
    return opened


def chain_of(
    settings: Settings, request: Request, *, named_source: bool, handed_in: Frame | None = None
) -> tuple[Received, datetime]:
    """The chain to look at: what the store kept up to a past moment, where that is asked for, else what sources give.

    Beside it stands the moment that it is judged as of. ``named_source`` tells that the caller says where from, and
    ``handed_in`` is a chain the caller has; then the store is not asked. Raises as :func:`sources_for` does, and
    SourceError where there is no chain.
    """
    from scanner.sources import receiving

    from_store = not named_source and handed_in is None
    if request.as_of is not None and from_store:
        stored = stored_chain(settings, request.symbols, request.as_of)
        if stored is not None:
            return receiving.Received(stored), request.as_of
    try:
        sources = sources_for(settings, request.as_of, handed_in)
    except UsageError as error:
        stored = newest_stored(settings, request.symbols, request.now) if from_store else None
        if stored is None:
            raise
        log.warning("Shown as the store has it, session %s: %s", stored["session_date"][0], error.lines[0])
        return receiving.Received(stored), receiving.newest_quotes(stored)
    received, moment = receiving.receive_as_of(sources, request, settings.exchange_calendar)
    if received.chain is None:
        said = "; ".join(problem.message for problem in received.problems)
        raise SourceError(said or f"{', '.join(request.symbols)}: no chain")
    return received, moment


def newest_stored(settings: Settings, symbols: Sequence[str], now: datetime) -> pl.DataFrame | None:
    """The newest quotes that the store has of some names, of whatever session up to now; None where it has none."""
    store = store_if_there(settings)
    if store is None:
        return None
    kept = store.snapshots
    days = {day for source in kept.sources() for day in kept.sessions(source) if day <= now.date()}
    for day in sorted(days, reverse=True):
        found = [chain for source in kept.sources() if not (chain := kept.newest(source, day, symbols)).is_empty()]
        if found:
            return found[0]
    return None


def stored_chain(settings: Settings, symbols: Sequence[str] | None, as_of: datetime) -> pl.DataFrame | None:
    """The newest quotes of one session that the store kept at a past moment, of the source that has the newest.

    Without ``symbols`` those of every name.
    """
    from scanner.sources.receiving import newest_quotes

    session = settings.exchange_calendar.session_of(as_of)
    store = store_if_there(settings, session)
    if store is None:
        return None
    kept = store.snapshots
    found = [kept.newest(source, session, symbols, as_of) for source in kept.sources()]
    return max((chain for chain in found if not chain.is_empty()), key=newest_quotes, default=None)


def open_sources(settings: Settings, as_of: datetime | None = None, record_to: Path | None = None) -> list[Source]:
    """The configured sources, in fallback order. Raises TermsError or UsageError before anything is fetched.

    ``record_to`` is a folder that vendors' verbatim bodies are kept in.

    A live source has no past: with ``as_of`` it would be judged as what it is not.
    """
    from scanner.sources.base import ClosedSource, MissingKeyError
    from scanner.sources.registry import open_source, require_terms, vendor_of

    live = [name for name in settings.source if vendor_of(name).live]
    if as_of is not None and live:
        raise UsageError(
            f"--as-of: {live[0]} has the chains of now alone; take recorded ones (--source files --path PATH), or "
            "a session that the store holds (`scanner store info`, `scanner replay`)"
        )
    if record_to is not None and not live:
        raise UsageError(
            f"--record: keeps what live vendors send, and {', '.join(settings.source)} is none; name one by --source"
        )
    for name in settings.source:
        require_terms(name, settings.accept_terms)
    calendar, told = settings.exchange_calendar, settings.for_sources(record_to)
    opened: list[Source] = []
    for name in settings.source:
        try:
            opened.append(open_source(name, told, calendar, clock.right_now))
        except (MissingKeyError, SourceError) as error:
            # In a fallback order a vendor without its credential, or that cannot be reached, costs itself alone.
            if len(settings.source) == 1:
                raise
            code = error.code if isinstance(error, SourceError) else "no_credential"
            opened.append(ClosedSource(vendor_of(name), code, str(error)))
    if all(isinstance(source, ClosedSource) for source in opened):
        raise UsageError(*(source.why for source in opened if isinstance(source, ClosedSource)))
    return companions.with_open_interest(opened, settings)


def source_that_gives(settings: Settings, wanted: Gives, what: str, otherwise: str = "") -> Source:
    """The first configured source, asked for something else than chains; ``what`` that is in words.

    ``otherwise`` says how else it may be had. Raises UsageError where the source has none of it, TermsError and what
    opening it raises.
    """
    from scanner.sources.registry import VENDORS, open_source, require_terms, vendor_of

    vendor = vendor_of(settings.source[0])
    if wanted not in vendor.gives:
        there = ", ".join(sorted(one.name for one in VENDORS.values() if wanted in one.gives and one.live))
        others = f"; and {otherwise}" if otherwise else " (--source NAME)"
        raise UsageError(f"{vendor.name} gives no {what}; those that do: {there}{others}")
    require_terms(vendor.name, settings.accept_terms)
    return open_source(vendor.name, settings.for_sources(), settings.exchange_calendar, clock.right_now)


def sources_for(
    settings: Settings, as_of: datetime | None, handed_in: Frame | None, record_to: Path | None = None
) -> list[Source]:
    """The chain that a caller hands in as the one source, else the configured ones. Raises as both ways do.

    ChainError says what is wrong with a frame that is no chain.
    """
    if handed_in is None:
        return open_sources(settings, as_of, record_to)
    from scanner.sources.frames import FrameSource, chain_from

    calendar = settings.exchange_calendar
    return [FrameSource(chain_from(handed_in, calendar), calendar)]


def usable_rules(settings: Settings, *, strict: bool) -> tuple[list[Rule], list[ScanProblem]]:
    """The rules that run, and those left out because they are broken, each named.

    Raises RuleError where none is left, or where one is broken and ``strict``.
    """
    from scanner import ruleset, shipped

    loaded = ruleset.load(shipped.rule_paths(settings.rules), settings.watchlists)
    if loaded.problems and strict:
        raise RuleError(*map(str, loaded.problems))
    rules = list(loaded.stable())
    if not rules:
        reasons = [str(problem) for problem in loaded.problems] or [
            "no stable rule was found; see `scanner rules list`"
        ]
        raise RuleError("no usable rule, so nothing was scanned:", *reasons)
    return rules, [ScanProblem("", "rules", "broken_rule", str(problem)) for problem in loaded.problems]


@contextmanager
def temporary_memory() -> Iterator[Opened]:
    """A store and state by the built-in configuration, empty at first and gone afterwards."""
    with TemporaryDirectory(prefix="scanner-") as folder, open_memory(configuring.built_in(store=folder)) as memory:
        yield memory


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
