"""What one scan knows of the past, out of the store, and what it leaves there for later ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING, cast

import polars as pl

from scanner.errors import ScanProblem, StoreError
from scanner.history.panel import Panel
from scanner.market.calendar import Calendar

if TYPE_CHECKING:
    from scanner.store.store import Store


@dataclass(frozen=True, slots=True)
class Memory:
    """The store as one scan uses it. What cannot be read or stored is a problem; the scan goes on without."""

    store: Store | None
    chain: pl.DataFrame
    panel: Panel
    earlier: pl.DataFrame | None = None
    notes: tuple[str, ...] = ()
    problems: tuple[ScanProblem, ...] = ()

    @classmethod
    def of(cls, store: Store | None, chain: pl.DataFrame, calendar: Calendar) -> Memory:
        """What the store remembers of a chain's names from before it.

        One source's volumes never meet another's: where several sources served a scan, the history is that of the one
        which served most names, and the names of the others have none.
        """
        (source, names), *others = _served(chain)
        if store is None:
            return cls(None, chain, Panel.empty(source, calendar=calendar))
        session = cast("date", chain["session_date"].max())
        problems = _brought_up_to_date(store)
        try:
            panel = store.history.panel(source, names, session)
            earlier = store.snapshots.earlier(chain.filter(pl.col("source") == source))
            notes = (*_foreign_history(store, panel, source, names, session), *_without_history(source, others))
        except (StoreError, OSError) as error:
            message = f"{error}; judged without history"
            problems += (ScanProblem("", "store", "not_read", message),)
            return cls(store, chain, Panel.empty(source, calendar=calendar), problems=problems)
        return cls(store, chain, panel, earlier, notes, problems)

    def keep(self, scan_id: str) -> list[ScanProblem]:
        """Store what is not stored yet, and summarise it."""
        if self.store is None or self.store.read_only:
            return []
        try:
            with self.store.writing():
                kept = self.store.snapshots
                parts = [part for part in self.chain.partition_by("underlying") if not kept.holds(part)]
                if parts:
                    fresh = pl.concat(parts)
                    kept.write(fresh, scan_id)
                    self.store.catch_up(self._due(fresh))
        except StoreError as error:
            return [ScanProblem("", "store", "not_stored", str(error))]
        return []

    def _due(self, fresh: pl.DataFrame) -> dict[str, dict[date, list[str]]] | None:
        """What to summarise once a chain is stored: that chain, as all else was when the scan began; else everything.

        A chain of an older session makes the later ones outdated.
        """
        assert self.store is not None
        plan = _sessions_of(fresh)
        newest = all(
            session >= max(self.store.snapshots.sessions(source)) for source, days in plan.items() for session in days
        )
        return plan if newest and not self.problems else None


def _sessions_of(chain: pl.DataFrame) -> dict[str, dict[date, list[str]]]:
    """The names of a chain by source and session: a plan to summarise them."""
    plan: dict[str, dict[date, list[str]]] = {}
    grouped = chain.group_by("source", "session_date", maintain_order=True).agg(pl.col("underlying").unique())
    for source, session, names in grouped.iter_rows():
        plan.setdefault(source, {})[session] = names
    return plan


def _brought_up_to_date(store: Store) -> tuple[ScanProblem, ...]:
    """Summarise what a killed scan, another calculation version or a split told of since has left outdated."""
    try:
        if not store.read_only and store.outdated():
            store.catch_up()
    except (StoreError, OSError) as error:
        return (ScanProblem("", "store", "not_summarised", str(error)),)
    return ()


def _served(chain: pl.DataFrame) -> list[tuple[str, list[str]]]:
    """Each source of a chain with the names it served, the one with most names first."""
    by_source = chain.group_by("source").agg(pl.col("underlying").unique().sort())
    return sorted(by_source.iter_rows(), key=lambda served: (-len(served[1]), served[0]))


def _without_history(source: str, others: Sequence[tuple[str, list[str]]]) -> Iterator[str]:
    for other, names in others:
        yield (
            f"{', '.join(names)}: from {other}, whose volumes do not compare with those of {source}; judged without "
            "history in this scan"
        )


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
