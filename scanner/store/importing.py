"""Taking recorded chains into the store: first everything is stored as it came, then each session is judged in order.

The order of the files does not matter, nor whether they were imported before: a chain whose content is already stored
is passed over, and every session from the earliest new one on is derived anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Protocol

import polars as pl

from scanner.store.derive import Derived
from scanner.store.snapshots import fingerprint
from scanner.store.store import Store


class Recorded(Protocol):
    """A chain out of a file, or what was refused instead."""

    @property
    def path(self) -> Path:
        """The file."""
        ...

    @property
    def chain(self) -> pl.DataFrame | None:
        """The chain, None where nothing could be taken."""
        ...

    @property
    def refusals(self) -> tuple[object, ...]:
        """What was left out, each a sentence with its place."""
        ...


@dataclass
class ImportReport:
    """What an import did: chains newly stored, chains already there, what was refused, and what became of sessions."""

    stored: int = 0
    known: int = 0
    rows: int = 0
    refused: list[str] = field(default_factory=list)
    refused_files: set[Path] = field(default_factory=set)
    derived: list[Derived] = field(default_factory=list)

    @property
    def not_judgeable(self) -> list[Derived]:
        """The sessions that are not trusted in some part."""
        return [item for item in self.derived if item.verdicts.height]


def import_chains(
    store: Store,
    recorded: Iterable[Recorded],
    on_chain: Callable[[Recorded], object] = lambda item: None,
    on_session: Callable[[Derived], object] = lambda derived: None,
) -> ImportReport:
    """Store recorded chains and derive the sessions they touch. The callbacks tell how far it has come."""
    report = ImportReport()
    touched: dict[str, dict[str, date]] = {}
    for item in recorded:
        report.refused += [str(refusal) for refusal in item.refusals]
        if item.chain is None:
            report.refused_files.add(item.path)
        else:
            _take(store, item.chain, report, touched)
        on_chain(item)
    for source, first in touched.items():
        report.derived += store.derive_from(source, first, on_session)
    return report


def _take(store: Store, chain: pl.DataFrame, report: ImportReport, touched: dict[str, dict[str, date]]) -> None:
    digest = fingerprint(chain)
    source, session, underlying = chain.select("source", "session_date", "underlying").row(0)
    listed = store.snapshots.chains(source, session, [underlying])
    if any(item.fingerprint == digest and item.quote_time == chain["quote_time"][0] for item in listed):
        report.known += 1
        return
    store.snapshots.write(chain, f"import-{underlying}-{chain['quote_time'][0]:%Y%m%dT%H%M%SZ}-{digest[:12]}")
    report.stored += 1
    report.rows += chain.height
    first = touched.setdefault(source, {})
    first[underlying] = min(session, first.get(underlying, session))
