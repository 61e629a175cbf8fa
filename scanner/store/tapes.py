"""Tapes that were imported: one zstd Parquet file for each source, session and underlying, and its orders beside it.

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
from scanner.tape.measure import contracts
from scanner.tape.prints import Tape, conform, empty
from scanner.tape.reading import read

log = logging.getLogger(__name__)

_SUFFIX, _SUMMARY_SUFFIX = ".parquet", ".orders"
SUMMARY = pl.Schema({"contract": pl.String(), "orders": pl.Int64(), "largest_order": pl.Int64()})
"""What is kept beside a tape for later sessions to compare with."""


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
                write_parquet(_summary_of(path), contracts(read(Tape(joined))).select(*SUMMARY))
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

    def largest_orders(self, before: date, underlyings: Iterable[str], sessions: int) -> pl.DataFrame:
        """``contract orders largest_order`` of some names on the tapes of so many sessions before one."""
        wanted = {plain_ticker(name) for name in underlyings}
        earlier = [item for item in self.kept() if item.session < before and plain_ticker(item.underlying) in wanted]
        days = sorted({item.session for item in earlier})[-sessions:]
        found = [self._summary(item) for item in earlier if item.session in days]
        return pl.concat(found) if found else pl.DataFrame(schema=SUMMARY)

    def _summary(self, item: KeptTape) -> pl.DataFrame:
        """What the contracts of a tape traded, made anew where it is not there or cannot be read."""
        try:
            return pl.read_parquet(_summary_of(item.path))
        except (OSError, pl.exceptions.PolarsError):
            return contracts(read(Tape(self._read(item.path)))).select(*SUMMARY)

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


def _summary_of(path: Path) -> Path:
    return path.with_suffix(_SUMMARY_SUFFIX)


def _joined(kept: pl.DataFrame, fresh: pl.DataFrame, source: str) -> pl.DataFrame:
    """Both tapes where every print has a number, else the longer one; what is kept counts where they are alike."""
    if kept.is_empty():
        return fresh
    if kept["sequence"].null_count() or fresh["sequence"].null_count():
        return fresh if fresh.height > kept.height else kept
    return conform(pl.concat([kept, fresh]), source=source).prints
