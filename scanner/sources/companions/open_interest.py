"""Chains with the clearing house's open interest, where their vendor's is older or is not dated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any, cast

import polars as pl

from scanner import wording
from scanner.errors import SourceError
from scanner.market.calendar import Calendar
from scanner.market.chain import RIGHT
from scanner.market.symbology import plain_ticker
from scanner.sources.base import Fetched, Source, Vendor
from scanner.sources.companions.cache import Cache, Told
from scanner.sources.companions.occ import ClearingHouse, of_close, series
from scanner.sources.failures import HttpError

_KEY = ["root", "expiry", "strike", "right"]
# How long a name is not asked for again after a failure, or an answer that nobody can date.
_PAUSE = timedelta(minutes=30)
# Failures after which no further name is asked for in a scan.
_ENOUGH = 3
_OF_ALL_NAMES = frozenset({"not_entitled", "rate_limited", "unreachable", "timeout"})


class WithOpenInterest:
    """A source whose chains hold the clearing house's open interest of the close before their session."""

    def __init__(self, source: Source, house: ClearingHouse, cache: Cache, calendar: Calendar) -> None:
        self.source, self._house, self._cache, self._calendar = source, house, cache, calendar
        self.vendor: Vendor = source.vendor

    @property
    def pace(self) -> Any:
        """That of the chains' vendor, where it keeps one."""
        return getattr(self.source, "pace", None)

    def chains(self, symbols: Iterable[str], now: datetime) -> Iterator[Fetched]:
        """As the source gives them; a clearing house that fails costs a chain nothing of what its vendor gave."""
        failures = 0
        for fetched in self.source.chains(symbols, now):
            if fetched.chain is None or failures >= _ENOUGH:
                yield fetched
                continue
            try:
                yield self._with_newer(fetched, now)
            except (HttpError, SourceError) as error:
                failures += _ENOUGH if error.code in _OF_ALL_NAMES else 1
                yield replace(fetched, notes=(*fetched.notes, f"open interest is {self.vendor.name}'s own: {error}"))

    def _with_newer(self, fetched: Fetched, now: datetime) -> Fetched:
        assert fetched.chain is not None
        name, session = fetched.chain.select("underlying", "session_date").row(0)
        due = self._calendar.previous_session(session)
        given = cast("date | None", fetched.chain["oi_asof"].max())
        if self.vendor.dates_open_interest and given is not None and given >= due:
            return fetched
        told = self._told(name, due, now)
        if told is None:
            return fetched
        own = f"{self.vendor.name} does not say of which close its own is"
        if given is not None and given < due:
            own = f"{self.vendor.name} has that of {wording.day(given, session)}"
        # The same for every name, so that it is said once a scan.
        note = f"open interest is that of {wording.day(due, session)} by occ; {own}"
        return replace(fetched, chain=_replaced(fetched.chain, series(told.body), due), notes=(*fetched.notes, note))

    def _told(self, name: str, due: date, now: datetime) -> Told | None:
        """What the clearing house tells of the close ``due``: what is kept, else what it answers now."""
        key = plain_ticker(name)
        kept = self._cache.get("occ", key)
        if kept is not None and kept.body and not kept.problem and of_close(kept.asked_at, self._calendar) == due:
            return kept
        if of_close(now, self._calendar) != due or (kept is not None and timedelta() <= kept.age(now) < _PAUSE):
            return None
        try:
            told = Told(now, self._house.body(key))
        except (HttpError, SourceError) as error:
            self._cache.put("occ", key, Told(now, problem=str(error)[:500]))
            raise
        self._cache.put("occ", key, told)
        return told


def _replaced(chain: pl.DataFrame, told: pl.DataFrame, close: date) -> pl.DataFrame:
    """A chain with the open interest of the series.

    A contract that the clearing house did not list at that close had none open: where its vendor says otherwise, it is
    not known.
    """
    listed = told.with_columns(pl.col("right").cast(RIGHT)).rename({"open_interest": "_told"})
    joined = chain.join(listed, on=_KEY, how="left", maintain_order="left")
    unlisted = pl.when(pl.col("open_interest") == 0).then(0)
    known = pl.coalesce("_told", unlisted).cast(chain.schema["open_interest"])
    dated = pl.when(pl.col("open_interest").is_not_null()).then(pl.lit(close))
    return joined.with_columns(open_interest=known).with_columns(oi_asof=dated).drop("_told")
