"""What a store holds, by source: read from its files alone, without what sessions are derived by."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from scanner.object_prefix import ObjectPrefix
from scanner.store import layout
from scanner.store.snapshots import Snapshots
from scanner.store.summaries import Summaries

SET_ASIDE = "set-aside"
SOURCE_COLUMNS = (
    "source",
    "simulated",
    "underlyings",
    "sessions",
    "first",
    "last",
    "chains",
    "contract_rows",
    "untrusted",
    "calculation_versions",
)


class Holds(Protocol):
    """A store, as far as what it holds can be told by its files."""

    @property
    def place(self) -> Path | ObjectPrefix:
        """Where it is, as a person names it."""
        ...

    @property
    def path(self) -> Path:
        """The folder on this machine that its files are in."""
        ...

    @property
    def snapshots(self) -> Snapshots:
        """The chains."""
        ...

    @property
    def summaries(self) -> Summaries:
        """What is kept of their sessions."""
        ...


@dataclass(frozen=True, slots=True)
class Held:
    """The files of a store, to be read."""

    place: Path | ObjectPrefix
    path: Path
    snapshots: Snapshots
    summaries: Summaries

    @classmethod
    def of(cls, place: Path | ObjectPrefix) -> Held:
        """Those in a folder, or below a prefix in a bucket. Raises StoreError where there is no store."""
        path, _ = layout.taken(place, read_only=True)
        return cls(place, path, Snapshots(path / "snapshots"), Summaries(path / "summaries"))


@dataclass(frozen=True, slots=True)
class SourceInfo:
    """What a store holds of one source."""

    source: str
    simulated: bool
    underlyings: int
    sessions: int
    first: date
    last: date
    chains: int
    contract_rows: int
    untrusted: int
    calculation_versions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Info:
    """What a store holds, and how much disk it takes; ``folder`` is where the files of ``path`` lie on this machine."""

    path: Path | ObjectPrefix
    folder: Path
    sources: tuple[SourceInfo, ...]
    snapshot_bytes: int
    summary_bytes: int
    set_aside: int


def info(store: Holds) -> Info:
    """What the store holds."""
    sources = tuple(
        _source_info(store, source) for source in sorted({*store.snapshots.sources(), *store.summaries.sources()})
    )
    return Info(
        store.place,
        store.path,
        sources,
        _bytes_below(store.snapshots.folder),
        _bytes_below(store.summaries.folder),
        sum(1 for path in (store.path / SET_ASIDE).rglob("*") if path.is_file()),
    )


def as_document(found: Info) -> dict[str, Any]:
    """The same as plain data, dates as ISO text."""
    sources = [
        asdict(item)
        | {
            "first": item.first.isoformat(),
            "last": item.last.isoformat(),
            "calculation_versions": " ".join(item.calculation_versions),
        }
        for item in found.sources
    ]
    return asdict(found) | {"path": str(found.path), "folder": str(found.folder), "sources": sources}


def _source_info(store: Holds, source: str) -> SourceInfo:
    held = sorted({*store.snapshots.sessions(source), *store.summaries.sessions(source)})
    chains = [item for session in store.snapshots.sessions(source) for item in store.snapshots.chains(source, session)]
    rows = [store.summaries.underlyings(source, session) for session in store.summaries.sessions(source)]
    names = {item.underlying for item in chains}.union(*(part["underlying"].to_list() for part in rows))
    versions = {version for part in rows for version in part["calculation_version"]}
    return SourceInfo(
        source=source,
        simulated=any(bool(part["simulated"].any()) for part in rows),
        underlyings=len(names),
        sessions=len(held),
        first=held[0],
        last=held[-1],
        chains=len(chains),
        contract_rows=sum(item.rows for item in chains),
        untrusted=sum(int((part["verdicts"].list.len() > 0).sum()) for part in rows),
        calculation_versions=tuple(sorted(versions)),
    )


def _bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
