"""The daily closes that a store keeps: one table of all names, for each the newest word of whoever told it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path

import polars as pl

from scanner.market import closes
from scanner.market.symbology import plain_ticker
from scanner.store.files import ToldTable

FILE_NAME = "closes.parquet"


class KeptCloses:
    """The table of closes of a store."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._told = ToldTable(path, closes.SCHEMA)

    @property
    def table(self) -> pl.DataFrame:
        """All of it, in the columns of :data:`scanner.market.closes.SCHEMA`; empty where nothing is kept.

        Raises StoreError where the file is damaged.
        """
        return self._told.table

    def keep(self, told: pl.DataFrame, events: pl.DataFrame | None = None) -> None:
        """Add closes; of two for one name and session the new one counts. Needs the store's lock.

        What a source tells again takes the place of all it told of the name before: it is on one basis.
        """
        if told.is_empty():
            return
        fresh = closes.undivided(told, events)
        again = self.table.join(fresh.select("underlying", "source").unique(), on=["underlying", "source"], how="anti")
        merged = pl.concat([again, fresh]).unique(closes.KEY, keep="last", maintain_order=True).sort(closes.KEY)
        self._told.write(merged)

    def before(self, session: date, names: Sequence[str], events: pl.DataFrame | None = None) -> pl.DataFrame:
        """``underlying session_date close`` of some names before a session, on its basis."""
        return closes.before(self.table, session, names, events)

    def newest_by_name(self) -> dict[str, date]:
        """The newest session of which a close is kept, by name as it is compared (``BRKB``)."""
        newest = self.table.group_by("underlying").agg(pl.col("session_date").max())
        return {plain_ticker(name): day for name, day in newest.iter_rows()}
