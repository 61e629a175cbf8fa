"""Stock prints that were imported or asked for: one zstd Parquet file for each source, session and name.

Prints that have numbers are joined with those kept before; others take their place where they are more.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from datetime import date, datetime
from pathlib import Path

import polars as pl

from scanner.errors import StoreError
from scanner.market.symbology import plain_ticker
from scanner.store.files import folder_name, from_folder_name, write_parquet
from scanner.tape.off_exchange import SCHEMA, conform, measure

log = logging.getLogger(__name__)

_SUFFIX = ".parquet"
LARGEST = pl.Schema({"underlying": pl.String(), "session_date": pl.Date(), "dark_pool_largest": pl.Int64()})
"""What earlier sessions are compared by."""


class StockPrints:
    """The stock prints of a store, below ``folder/<source>/<session>/<name>.parquet``. Writing needs its lock."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def keep(self, prints: pl.DataFrame) -> int:
        """Keep prints of :data:`scanner.tape.off_exchange.SCHEMA`; returns how many are new. Raises StoreError."""
        fresh = 0
        key = ("source", "session_date", "underlying")
        for (source, session, name), part in prints.partition_by(key, as_dict=True, maintain_order=True).items():
            path = self._folder / folder_name(str(source)) / f"{session}" / f"{folder_name(str(name))}{_SUFFIX}"
            kept = self._read(path) if path.exists() else pl.DataFrame(schema=SCHEMA)
            if kept["sequence"].null_count() or part["sequence"].null_count():
                joined = part if part.height > kept.height else kept
            else:
                joined = conform(pl.concat([kept, part]), source=str(source)).prints
            if joined.height > kept.height:
                write_parquet(path, joined)
                fresh += joined.height - kept.height
        return fresh

    def load(self, session: date, names: Iterable[str], until: datetime) -> pl.DataFrame:
        """The prints of some names, spelled as asked for, in a session up to a moment; of several sources the most."""
        spelled = {plain_ticker(name): name for name in names}
        found: dict[str, pl.DataFrame] = {}
        for path in sorted(self._folder.glob(f"*/{session}/*{_SUFFIX}")):
            name = spelled.get(plain_ticker(from_folder_name(path.stem)))
            if name is None:
                continue
            try:
                shown = self._read(path).filter(pl.col("time") <= until)
            except StoreError as error:
                log.warning("left out: %s", error)
                continue
            if shown.height > (found[name].height if name in found else 0):
                found[name] = shown.with_columns(underlying=pl.lit(name))
        return pl.concat(found.values()) if found else pl.DataFrame(schema=SCHEMA)

    def largest(self, before: date, sessions: int) -> pl.DataFrame:
        """``underlying session_date dark_pool_largest`` of the last sessions before one that anything is kept of."""
        paths = [
            (date.fromisoformat(path.parent.name), path)
            for path in sorted(self._folder.glob(f"*/*/*{_SUFFIX}"))
            if path.parent.name < before.isoformat()
        ]
        days = sorted({day for day, _ in paths})[-sessions:]
        rows: dict[tuple[str, date], int | None] = {}
        for day, path in paths:
            if day in days:
                for name, largest in self._largest_of(path).iter_rows():
                    rows[name, day] = max(filter(None, (largest, rows.get((name, day)))), default=None)
        return pl.DataFrame([(*key, value) for key, value in rows.items()], schema=LARGEST, orient="row")

    def _largest_of(self, path: Path) -> pl.DataFrame:
        try:
            whole = measure(self._read(path), pl.DataFrame(schema=LARGEST))
        except StoreError as error:
            log.warning("left out: %s", error)
            return pl.DataFrame(schema={"underlying": pl.String, "dark_pool_largest": pl.Int64})
        return whole.select("underlying", "dark_pool_largest")

    def _read(self, path: Path) -> pl.DataFrame:
        try:
            return pl.read_parquet(path)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise StoreError(f"{path}: stock prints that cannot be read back ({error}); import them again") from error
