"""What others told the store of names: events announced, and what happened, each with the moment it was known."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path

import polars as pl

from scanner.market import corporate_events
from scanner.market.symbology import plain_ticker
from scanner.store.files import ToldTable

EVENTS_FILE, NEWS_FILE = "told_events.parquet", "told_news.parquet"
OFF_EXCHANGE_FILE, WEEKS_FILE = "told_off_exchange.parquet", "told_weeks.parquet"
_HEADLINES_KEPT = timedelta(days=31)
_INSTANT = pl.Datetime("us", "UTC")
EVENTS = pl.Schema({**corporate_events.SCHEMA, "source": pl.String(), "known_at": _INSTANT})
NEWS = pl.Schema(
    {
        "underlying": pl.String(),
        "at": _INSTANT,
        "kind": pl.String(),
        "what": pl.String(),
        "source": pl.String(),
    }
)

OFF_EXCHANGE = pl.Schema(
    {
        "underlying": pl.String(),
        "session_date": pl.Date(),
        "shares": pl.Float64(),
        "short_shares": pl.Float64(),
        "known_at": _INSTANT,
    }
)
WEEKS = pl.Schema(
    {"underlying": pl.String(), "week": pl.Date(), "shares": pl.Int64(), "trades": pl.Int64(), "known_at": _INSTANT}
)


class ToldOf:
    """Tables of a store: events by the day they are on, news by the moment it came, volumes off the exchanges by day,
    those on alternative trading systems by week.

    Writing needs the store's lock.
    """

    def __init__(self, folder: Path) -> None:
        self._events = ToldTable(folder / EVENTS_FILE, EVENTS)
        self._news = ToldTable(folder / NEWS_FILE, NEWS)
        self._off_exchange = ToldTable(folder / OFF_EXCHANGE_FILE, OFF_EXCHANGE)
        self._weeks = ToldTable(folder / WEEKS_FILE, WEEKS)

    def keep_events(self, told: pl.DataFrame, covered: Iterable[tuple[str, date]], source: str) -> None:
        """Put what a source told of some kinds and days in the place of what it told of them before.

        What it tells again has been known since it told it first.
        """
        held = self._events.table
        days = pl.DataFrame(list(covered), schema={"kind": pl.String, "date": pl.Date}, orient="row")
        of_days = held.filter(pl.col("source") == source).join(days, on=["kind", "date"], how="semi")
        others = held.join(of_days, on=["source", "kind", "date"], how="anti")
        same = ["underlying", "date", "kind", "value", "when", "source"]
        first = of_days.select(*same, _first="known_at")
        fresh = told.join(first, on=same, how="left", nulls_equal=True, maintain_order="left").with_columns(
            known_at=pl.coalesce("_first", "known_at")
        )
        table = pl.concat([others, fresh.select(EVENTS.names()).cast(EVENTS)]).sort("underlying", "date", "kind")
        if not table.equals(held):
            self._events.write(table)

    def events(self, names: Sequence[str], session: date, moment: datetime) -> pl.DataFrame:
        """The events of some names, spelled as asked for, that were known at a moment of a session.

        What lay ahead was known if it had been told by then; what is past has happened, whoever told of it when.
        """
        held = _of(self._events.table, names)
        known = (pl.col("known_at") <= moment) | (pl.col("date") < session)
        return held.filter(known).select(corporate_events.SCHEMA.names())

    def splits(self) -> pl.DataFrame:
        """The splits among all events, which act from their day on."""
        held = self._events.table
        return held.filter(pl.col("kind") == "split").select(corporate_events.SCHEMA.names())

    def keep_news(self, told: pl.DataFrame) -> None:
        """Add news; what is known already is not kept twice, and headlines for a month.

        Of one moment a name has one halt and one filing, whose words may be mended, and any number of headlines.
        """
        held = self._news.table
        headline = pl.col("kind") == "headline"
        table = (
            pl.concat([held, told.cast(NEWS)])
            .filter(~headline | (pl.col("at") > pl.col("at").max() - _HEADLINES_KEPT))
            .with_columns(_words=pl.when(headline).then("what"))
            .unique(["underlying", "at", "kind", "_words"], keep="last")
            .drop("_words")
            .sort("at", "underlying", "what")
        )
        if not table.equals(held):
            self._news.write(table)

    def keep_off_exchange(self, told: pl.DataFrame) -> None:
        """Add days' volumes off the exchanges, columns of :data:`OFF_EXCHANGE`; what was known first counts."""
        _add(self._off_exchange, told.cast(OFF_EXCHANGE), "session_date")

    def keep_weeks(self, told: pl.DataFrame) -> None:
        """Add weeks' volumes on alternative trading systems, columns of :data:`WEEKS`; what was known first counts."""
        _add(self._weeks, told.cast(WEEKS), "week")

    def off_exchange(self, names: Sequence[str], session: date, moment: datetime) -> pl.DataFrame:
        """``underlying session_date shares short_shares``, of each name the newest day known before a session."""
        return _newest(_of(self._off_exchange.table, names), "session_date", session, moment)

    def weeks(self, names: Sequence[str], session: date, moment: datetime) -> pl.DataFrame:
        """``underlying week shares trades``, of each name the newest week known before a session."""
        return _newest(_of(self._weeks.table, names), "week", session, moment)

    def news(self, names: Sequence[str], after: datetime, moment: datetime) -> pl.DataFrame:
        """``underlying at kind what source`` of some names, spelled as asked for, after a moment and up to another."""
        held = _of(self._news.table, names)
        return held.filter((pl.col("at") > after) & (pl.col("at") <= moment)).sort("at")


def _add(place: ToldTable, told: pl.DataFrame, when: str) -> None:
    held = place.table
    table = pl.concat([held, told]).unique(["underlying", when], keep="first", maintain_order=True)
    table = table.sort(when, "underlying")
    if not table.equals(held):
        place.write(table)


def _newest(held: pl.DataFrame, when: str, session: date, moment: datetime) -> pl.DataFrame:
    """Of each name the newest row of before a session, as far as it was known at a moment."""
    if held.is_empty():
        return held.drop("known_at")
    known = held.filter((pl.col(when) < session) & (pl.col("known_at") <= moment))
    return known.sort(when).unique("underlying", keep="last").drop("known_at")


def _of(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    if frame.is_empty():
        return frame
    spelled = {plain_ticker(name): name for name in names}
    told = {name: spelled[plain_ticker(name)] for name in frame["underlying"].unique() if plain_ticker(name) in spelled}
    kept = frame.filter(pl.col("underlying").is_in(list(told)))
    return kept.with_columns(pl.col("underlying").replace(told))
