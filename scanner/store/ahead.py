"""Summaries of sessions that were made and are not written yet, before those that a store holds.

Who derives sessions side by side with others has those of its own names at hand before all of a session is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

import polars as pl

from scanner.market.symbology import one_spelling
from scanner.metrics.summary import Summary
from scanner.store.summaries import Summaries, in_place, of_names


class Ahead(Summaries):
    """The summaries of a store to be read, with some sessions of one source in place of what it holds of them.

    Whether the store's own files of such a session are written meanwhile changes nothing for the names in it.
    """

    def __init__(self, below: Summaries, source: str, made: Mapping[date, Summary], calculation_version: str) -> None:
        super().__init__(below.folder)
        self._below, self._source = below, source
        version = pl.lit(calculation_version).alias("calculation_version")
        self._made = {day: Summary(one.contracts, one.underlyings.with_columns(version)) for day, one in made.items()}

    def sessions(self, source: str) -> list[date]:
        """Every session that is summarised, written or not, ascending."""
        return sorted({*self._below.sessions(source), *(self._made if source == self._source else ())})

    def contracts(self, source: str, session: date, underlyings: Iterable[str] | None = None) -> pl.DataFrame:
        """One row for each contract of a session, sorted by root, expiry, strike and right."""
        return self._rows(source, session, underlyings)[0]

    def underlyings(self, source: str, session: date, underlyings: Iterable[str] | None = None) -> pl.DataFrame:
        """One row for each underlying of a session."""
        return self._rows(source, session, underlyings)[1]

    def stamp(self, source: str, session: date) -> tuple[int, int]:
        """A value for the session; what is made does not change."""
        is_made = source == self._source and session in self._made
        return (0, session.toordinal()) if is_made else self._below.stamp(source, session)

    def _rows(self, source: str, session: date, underlyings: Iterable[str] | None) -> tuple[pl.DataFrame, pl.DataFrame]:
        names = None if underlyings is None else [one_spelling(name) for name in underlyings]
        made = self._made.get(session) if source == self._source else None
        held = (self._below.contracts(source, session, names), self._below.underlyings(source, session, names))
        if made is None:
            return held
        contracts, rows = in_place(*held, made.contracts, made.underlyings)
        return of_names(contracts, names), of_names(rows, names)
