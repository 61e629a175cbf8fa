"""What one scan knows of the past, out of the store, and what it leaves there for later ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING, cast

import polars as pl

from scanner.errors import ScanProblem, StoreError
from scanner.history.panel import Panel
from scanner.market.calendar import Calendar
from scanner.market.chain import distinct
from scanner.metrics import summary

if TYPE_CHECKING:
    from datetime import datetime

    from scanner.pricing import PricedChain
    from scanner.store.store import Store


TAPES_BEFORE = 20
"""Of how many earlier sessions the largest orders are what today's are held against."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What others told of a chain's names: ``closes`` before its session, and what was ``announced`` when it came.

    ``news`` are halts, filings and headlines since the close before, ``off_exchange`` the newest day's volume off the
    exchanges of each name, ``weeks`` the newest week's on alternative trading systems. Each is None where it could not
    be read.
    """

    closes: pl.DataFrame | None = None
    announced: pl.DataFrame | None = None
    news: pl.DataFrame | None = None
    off_exchange: pl.DataFrame | None = None
    weeks: pl.DataFrame | None = None


@dataclass(frozen=True, slots=True)
class Memory:
    """The store as one scan uses it. What cannot be read or stored is a problem; the scan goes on without.

    ``chain`` has its names as the store spells them.
    ``lineages`` tell what was stored of the names whose close the chain saw, when the store was asked; ``beside``
    is what others told of them.
    """

    store: Store | None
    chain: pl.DataFrame
    panel: Panel
    earlier: pl.DataFrame | None = None
    notes: tuple[str, ...] = ()
    problems: tuple[ScanProblem, ...] = ()
    lineages: Mapping[str, str] = field(default_factory=dict)
    beside: Beside = field(default_factory=Beside)

    @classmethod
    def of(cls, store: Store | None, chain: pl.DataFrame, calendar: Calendar) -> Memory:
        """What the store remembers of the names of a chain of one source from before it."""
        chain, misspelled = _spelled_alike(store, chain)
        source, names = chain["source"][0], sorted(distinct(chain["underlying"]))
        if store is None:
            return cls(None, chain, Panel.empty(source, calendar=calendar))
        session = cast("date", chain["session_date"].max())
        beside, unread = _beside(store, session, chain, calendar)
        problems = (*misspelled, *unread, *brought_up_to_date(store, session))
        try:
            closed = summary.closed(chain.filter(_of_session(chain)), calendar)
            lineages = store.lineages(source, session, closed) if len(closed) else {}
            panel = store.history.panel(source, names, session)
            earlier = store.snapshots.earlier(chain)
            notes = tuple(_foreign_history(store, panel, source, names, session))
        except (StoreError, OSError) as error:
            message = f"{error}; judged without history"
            problems = (*problems, ScanProblem("", "store", "not_read", message))
            return cls(store, chain, Panel.empty(source, calendar=calendar), problems=problems, beside=beside)
        return cls(store, chain, panel, earlier, notes, problems, lineages, beside)

    def tape(self) -> tuple[pl.DataFrame | None, pl.DataFrame | None]:
        """The prints of the chain's names in its session, up to its newest quotes, and what earlier tapes tell.

        The latter are ``orders largest_order`` of the contracts on up to :data:`TAPES_BEFORE` sessions' tapes. None
        where there is no tape.
        """
        if self.store is None:
            return None, None
        session = cast("date", self.chain["session_date"].max())
        names = distinct(self.chain["underlying"])
        prints = self.store.tapes.load(session, names, cast("datetime", self.chain["quote_time"].max()))
        if prints.is_empty():
            return None, None
        return prints, self.store.tapes.largest_orders(
            session, prints["underlying"].unique().cast(pl.String), TAPES_BEFORE
        )

    def stock_prints(self) -> tuple[pl.DataFrame | None, pl.DataFrame | None]:
        """The stock prints of the chain's names in its session, up to its newest quotes, and the largest before it.

        None where there are none.
        """
        if self.store is None:
            return None, None
        session, until = self.chain["session_date"].max(), cast("datetime", self.chain["quote_time"].max())
        prints = self.store.stock_prints.load(cast("date", session), distinct(self.chain["underlying"]), until)
        if prints.is_empty():
            return None, None
        return prints, self.store.stock_prints.largest(cast("date", session), TAPES_BEFORE)

    def keep(self, scan_id: str, priced: PricedChain, verdicts: pl.DataFrame, moment: datetime) -> list[ScanProblem]:
        """Store the chains that are not stored yet and, of those whose close was seen, what was measured at a moment.

        What was measured beside another past than the store holds now - another process came between - is not kept,
        nor what was judged as of before its quotes: such sessions are derived when a later one asks for them.
        """
        if self.store is None or self.store.read_only:
            return []
        store, mine = self.store, self.chain.filter(_of_session(self.chain))
        undisturbed: dict[str, str] | None = None

        def write() -> None:
            nonlocal undisturbed
            if undisturbed is None:
                # Asked once: what this scan stores itself disturbs nothing.
                quoted = cast("datetime", self.chain["quote_time"].max())
                undisturbed = self._undisturbed(mine) if moment >= quoted else {}
            store.snapshots.write_unheld(self.chain, scan_id)
            if undisturbed:
                measured = summary.of_session(priced, verdicts, self.panel.calendar).of(pl.Series(list(undisturbed)))
                store.keep_measured(mine, measured)

        try:
            store.settled(write)
        except (StoreError, OSError) as error:
            return [ScanProblem("", "store", "not_stored", str(error))]
        return []

    def _undisturbed(self, chain: pl.DataFrame) -> dict[str, str]:
        """Of the names whose close was seen, those of which the store holds what it held when they were measured."""
        assert self.store is not None
        if not self.lineages:
            return {}
        now = self.store.lineages(self.panel.source, chain["session_date"][0], self.lineages)
        return {name: lineage for name, lineage in self.lineages.items() if now[name] == lineage}


def _beside(
    store: Store, session: date, chain: pl.DataFrame, calendar: Calendar
) -> tuple[Beside, tuple[ScanProblem, ...]]:
    """What others had told of a chain's names when it was received; where that cannot be read, it is a problem.

    Quotes may be a quarter of an hour old when they come. Of a chain that does not say when it came they are all that
    tells a moment.
    """
    names = distinct(chain["underlying"])
    received = cast("datetime", chain.select(pl.coalesce("fetched_at", "quote_time").max()).item())
    before = calendar.session_close(calendar.previous_session(session))
    try:
        return Beside(
            store.closes.before(session, names, store.events),
            store.told_of.events(names, session, received),
            store.told_of.news(names, before, received),
            store.told_of.off_exchange(names, session, received),
            store.told_of.weeks(names, session, received),
        ), ()
    except StoreError as error:
        return Beside(), (ScanProblem("", "store", "not_read", str(error)),)


def _spelled_alike(store: Store | None, chain: pl.DataFrame) -> tuple[pl.DataFrame, tuple[ScanProblem, ...]]:
    """A chain with its names as the store spells them; where it cannot keep a new spelling, that is a problem."""
    try:
        return (chain if store is None else store.spellings.of(chain)), ()
    except StoreError as error:
        return chain, (ScanProblem("", "store", "not_stored", str(error)),)


def _of_session(chain: pl.DataFrame) -> pl.Expr:
    """Whether a row is of the session that a chain's panel is for."""
    return pl.col("session_date") == chain["session_date"].max()


def brought_up_to_date(store: Store, session: date) -> tuple[ScanProblem, ...]:
    """Summarise what is outdated of the sessions before one; what cannot be is a problem.

    So it is after scans that did not see the close, after a killed one, by another calculation version, or where a
    split was told of since. The session itself is not summarised before it is over: nothing asks for it, and its next
    scan would make the summary outdated.
    """
    try:
        if not store.read_only and (plan := store.outdated(session)):
            store.catch_up(plan)
    except (StoreError, OSError) as error:
        return (ScanProblem("", "store", "not_summarised", str(error)),)
    return ()


def _foreign_history(store: Store, panel: Panel, source: str, names: list[str], session: date) -> Iterator[str]:
    """Say what history there is that cannot be used: that of names which this source has served never before."""
    unknown = sorted(set(names) - set(panel.underlyings))
    if not unknown:
        return
    whose = "these names" if len(unknown) == len(names) else ", ".join(unknown)
    for other, count in store.history.other_sources(source, unknown, session).items():
        yield (
            f"the store holds {count} sessions of {whose} from {other}, but volumes of different vendors do not "
            f"compare, so none of them is used: the history of {source} starts now"
        )
