"""Summaries of sessions that were made and are not written yet, before those that a store holds.

Who derives sessions side by side with others has those of its own names at hand before all of a session is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date

import polars as pl

from scanner.metrics.kept import CONTRACT_ROWS
from scanner.metrics.summary import Summary
from scanner.store.summaries import UNDERLYING_ROWS, Summaries, in_place, of_names


class Ahead(Summaries):
    """The summaries of a store to be read, with some sessions of one source in place of what it holds of them.

    Whether the store's own files of such a session are written meanwhile changes nothing for the names in it.
    """

    def __init__(self, below: Summaries, source: str, made: Mapping[date, Summary], calculation_version: str) -> None:
        super().__init__(below.folder)
        self._below, self._source = below, source
        version = pl.lit(calculation_version).alias("calculation_version")
        nothing = pl.DataFrame(schema=CONTRACT_ROWS), pl.DataFrame(schema=UNDERLYING_ROWS)
        self._made = {
            day: in_place(*nothing, one.contracts, one.underlyings.with_columns(version)) for day, one in made.items()
        }

    def sessions(self, source: str) -> list[date]:
        """Every session that is summarised, written or not, ascending."""
        return sorted({*self._below.sessions(source), *(self._made if source == self._source else ())})

    def contracts(self, source: str, session: date, underlyings: Iterable[str] | None = None) -> pl.DataFrame:
        """One row for each contract of a session, sorted by root, expiry, strike and right."""
        names = None if underlyings is None else list(underlyings)
        made = self._at(source, session)
        if made is None:
            return self._below.contracts(source, session, names)
        others = self._others(source, session, names)
        if others.is_empty():
            return of_names(made[0], names)
        # Contract rows are many: they are read only where a name in question has some.
        held = self._below.contracts(source, session, others["underlying"])
        return of_names(in_place(held, others, *made)[0], names)

    def underlyings(self, source: str, session: date, underlyings: Iterable[str] | None = None) -> pl.DataFrame:
        """One row for each underlying of a session."""
        names = None if underlyings is None else list(underlyings)
        made = self._at(source, session)
        if made is None:
            return self._below.underlyings(source, session, names)
        others = self._others(source, session, names)
        rows = made[1] if others.is_empty() else in_place(made[0].clear(), others, *made)[1]
        return of_names(rows, names)

    def stamp(self, source: str, session: date) -> tuple[int, int]:
        """A value for the session; what is made does not change."""
        is_made = self._at(source, session) is not None
        return (0, session.toordinal()) if is_made else self._below.stamp(source, session)

    def _at(self, source: str, session: date) -> tuple[pl.DataFrame, pl.DataFrame] | None:
        """The contract and the underlying rows that were made of a session."""
        return self._made.get(session) if source == self._source else None

    def _others(self, source: str, session: date, names: list[str] | None) -> pl.DataFrame:
        """What the store holds of the names in question that were not made."""
        made = self._made[session][1]["underlying"]
        return self._below.underlyings(source, session, names).filter(~pl.col("underlying").is_in(made.to_list()))
