"""Tapes that were imported: one zstd Parquet file for each source, session and underlying.

A tape that is imported again changes nothing, and one that is longer than what is kept takes its place: a day's tape
cut short gives way to the whole one. Where all prints of both have a sequence they are joined instead.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

import polars as pl

from scanner.errors import StoreError
from scanner.market.symbology import plain_ticker
from scanner.store.files import folder_name, from_folder_name, write_parquet
from scanner.tape.prints import conform, empty

log = logging.getLogger(__name__)

_SUFFIX = ".parquet"


@dataclass(frozen=True, slots=True)
class KeptTape:
    """The tape of one name and session, as it is kept."""

    source: str
    session: date
    underlying: str
    path: Path


class Tapes:
    """The tapes of a store, below ``folder/<source>/<session>/<underlying>.parquet``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, prints: pl.DataFrame) -> int:
        """Keep prints that obey the contract of a tape; returns how many are new. Raises StoreError."""
        fresh = 0
        key = ("source", "session_date", "underlying")
        for (source, session, name), part in prints.partition_by(key, as_dict=True, maintain_order=True).items():
            path = self.folder / folder_name(str(source)) / f"{session}" / f"{folder_name(str(name))}{_SUFFIX}"
            kept = self._read(path) if path.exists() else empty()
            joined = _joined(kept, part, str(source))
            if joined.height > kept.height:
                write_parquet(path, joined)
                fresh += joined.height - kept.height
        return fresh

    def kept(self, session: date | None = None) -> list[KeptTape]:
        """What is kept, of a session or of all, oldest session first."""
        pattern = f"*/{'*' if session is None else session.isoformat()}/*{_SUFFIX}"
        found = [
            KeptTape(
                from_folder_name(path.parent.parent.name),
                date.fromisoformat(path.parent.name),
                from_folder_name(path.stem),
                path,
            )
            for path in self.folder.glob(pattern)
        ]
        return sorted(found, key=lambda item: (item.session, item.underlying, item.source))

    def load(self, session: date, underlyings: Iterable[str], until: datetime | None = None) -> pl.DataFrame:
        """The prints of some names in a session (up to a moment), by time; empty where there are none.

        Of a name that several sources have a tape of, the longest counts; a damaged file is logged and left out.
        """
        wanted = {plain_ticker(name) for name in underlyings}
        longest: dict[str, pl.DataFrame] = {}
        for name, prints in self._of(session, wanted):
            shown = prints if until is None else prints.filter(pl.col("time") <= until)
            if shown.height > longest.get(name, empty()).height:
                longest[name] = shown
        if not longest:
            return empty()
        return pl.concat(longest.values()).sort("time", "sequence", maintain_order=True, nulls_last=True)

    def sessions_before(self, session: date, underlying: str, count: int) -> list[date]:
        """The newest sessions before one of which a name's tape is kept, oldest first."""
        name = plain_ticker(underlying)
        days = {
            item.session for item in self.kept() if item.session < session and plain_ticker(item.underlying) == name
        }
        return sorted(days)[-count:]

    def _of(self, session: date, wanted: set[str]) -> Iterator[tuple[str, pl.DataFrame]]:
        for item in self.kept(session):
            name = plain_ticker(item.underlying)
            if name in wanted:
                try:
                    yield name, self._read(item.path)
                except StoreError as error:
                    log.warning("left out: %s", error)

    def _read(self, path: Path) -> pl.DataFrame:
        try:
            return pl.read_parquet(path)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise StoreError(f"{path}: a tape that cannot be read back ({error}); import it again") from error


def _joined(kept: pl.DataFrame, fresh: pl.DataFrame, source: str) -> pl.DataFrame:
    """Both tapes where every print has a number, else the longer one; what is kept counts where they are alike."""
    if kept.is_empty():
        return fresh
    if kept["sequence"].null_count() or fresh["sequence"].null_count():
        return fresh if fresh.height > kept.height else kept
    return conform(pl.concat([kept, fresh]), source=source).prints
