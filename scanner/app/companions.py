"""What stands beside chains, asked for when a scan needs it and kept: closes, open interest, announcements, news.

All of it is optional. What fails is a note on the scan, and costs it nothing else.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import partial
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, cast

from scanner.app import clock
from scanner.errors import ScannerError, SourceError, StoreError

if TYPE_CHECKING:
    import polars as pl

    from scanner.config import Settings
    from scanner.sources.base import Source, TellsCloses
    from scanner.sources.companions.ats import Week
    from scanner.sources.companions.cache import Cache
    from scanner.store.store import Store

log = logging.getLogger(__name__)
# Closes are asked for so many days back, which is what the smallest plans give.
_DAYS_BACK = 729
# How long a name is not asked for again after a failure, or an answer without the newest close.
_PAUSE = timedelta(minutes=30)
# How long a scan waits for all of it, and failures of a vendor after which it is left alone.
_LONGEST = timedelta(seconds=60)
_ENOUGH = 3
_NAMED = 5
_OF_ALL_NAMES = frozenset(
    {"unauthorised", "not_entitled", "blocked", "rate_limited", "quota_spent", "unreachable", "timeout"}
)
# Announcements: how far ahead they are asked for, how often those of the next sessions, and of how many.
_AHEAD, _SOON, _A_DAY, _OF_THE_NEXT = timedelta(days=21), timedelta(hours=4), timedelta(hours=20), 3
_DARK_POOL_LASTS, _REPORTED_LATE = timedelta(minutes=4), timedelta(minutes=15)
_OF_WHOLE_DAYS, _OF_WHOLE_WEEKS, _A_MONTH = "finra", "finra-ats", timedelta(days=31)
_HALTS_LAST, _HEADLINES_LAST = timedelta(minutes=5), timedelta(minutes=15)
# What each teller of news tells.
KINDS_OF_NEWS = MappingProxyType({"nasdaqtrader": "halt", "sec": "filing", "massive": "headline", "alpaca": "headline"})


def cache_of(settings: Settings) -> Cache:
    """What companions told, beside the store. Raises SourceError where it cannot be opened."""
    from scanner.config.settings import COMPANIONS_FILE
    from scanner.sources.companions.cache import Cache

    return Cache(settings.store.folder / COMPANIONS_FILE)


def with_open_interest(sources: Sequence[Source], settings: Settings) -> list[Source]:
    """The sources, live ones with the clearing house's open interest where the configuration says so."""
    if not settings.companions.open_interest or not any(source.vendor.live for source in sources):
        return list(sources)
    from scanner.sources.companions.occ import ClearingHouse
    from scanner.sources.companions.open_interest import WithOpenInterest

    try:
        cache, house = cache_of(settings), ClearingHouse(settings.for_sources())
    except ScannerError as error:
        log.warning("%s; open interest is the vendors' own", error)
        return list(sources)
    calendar = settings.exchange_calendar
    wrapped: list[Source] = []
    for one in sources:
        wrapped.append(WithOpenInterest(one, house, cache, calendar) if one.vendor.live else one)
    return wrapped


@contextmanager
def kept_meanwhile(
    settings: Settings, symbols: Sequence[str], store: Store | None, now: datetime
) -> Iterator[list[str]]:
    """As :func:`keep`, while the block waits for chains; what is to be said of it is in the list after the block.

    Without a store nothing is asked for. A block that fails is not held up.
    """
    said: list[str] = []
    told = settings.companions
    if store is None or store.read_only or not (told.closes or told.announcements or told.news or told.dark_pool):
        yield said
        return
    answer: Future[tuple[str, ...]] = Future()

    def ask(there: Store) -> None:
        try:
            answer.set_result(keep(settings, symbols, there, now))
        except BaseException as error:  # raised in the thread that waits
            answer.set_exception(error)

    threading.Thread(target=ask, args=(store,), name="companions", daemon=True).start()
    yield said
    said += answer.result()


def keep(settings: Settings, symbols: Sequence[str], store: Store, now: datetime) -> tuple[str, ...]:
    """Ask for what the store lacks of closes, announcements and news; returns what is to be said of it.

    What does not fit a minute is left to the next scan.
    """
    try:
        cache = cache_of(settings)
        try:
            left = clock.countdown(_LONGEST)
            closes = _Closes(settings, store, cache, now, left).kept(symbols)
            return (*closes, *_Beside(settings, store, cache, now, left).kept(symbols))
        finally:
            cache.close()
    except (SourceError, StoreError) as error:
        return (f"companions: {error}",)


@dataclass
class _Closes:
    """One asking for closes."""

    settings: Settings
    store: Store
    cache: Cache
    now: datetime
    left: Callable[[], float]

    def kept(self, symbols: Sequence[str]) -> Iterator[str]:
        """Ask, keep, and say what failed."""
        from scanner.market import closes as tables
        from scanner.market.symbology import each_once, plain_ticker

        calendar = self.settings.exchange_calendar
        session = calendar.session_of(self.now)
        due = calendar.previous_session(session)
        newest = self.store.closes.newest_by_name()
        wanted = [name for name in each_once(symbols) if newest.get(plain_ticker(name), date.min) < due]
        found, late = [], []
        for vendor in self.settings.companions.closes:
            if not wanted:
                break
            opened, why = self._opened(vendor)
            if opened is None:
                yield f"closes by {vendor}: {why}"
                continue
            failures: list[str] = []
            for name in list(wanted):
                if self.left() <= 0:
                    late.append(name)
                    continue
                if len(failures) >= _ENOUGH:
                    break
                rows, problem, ends = self._asked(opened, vendor, name, session, due)
                if problem:
                    failures += [problem] * (_ENOUGH if ends else 1)
                elif rows:
                    wanted.remove(name)
                    told = tables.table(rows, vendor, self.now)
                    # Whoever is asked today has divided them by every split until today.
                    found.append(told.with_columns(basis=tables.day(session)))
            yield from (f"closes by {vendor}: {problem}" for problem in dict.fromkeys(failures))
        for table in found:
            self.store.keep_closes(table)
        if late:
            names = ", ".join(late[:_NAMED]) + (f" and {len(late) - _NAMED:,} more" if len(late) > _NAMED else "")
            yield f"closes of {names} are left to the next scan: a scan waits a minute for what stands beside chains"

    def _opened(self, vendor: str) -> tuple[TellsCloses | None, str]:
        from scanner.sources.registry import open_source, require_terms

        try:
            require_terms(vendor, self.settings.accept_terms)
            told, calendar = self.settings.for_sources(), self.settings.exchange_calendar
            return cast("TellsCloses", open_source(vendor, told, calendar, clock.right_now)), ""
        except ScannerError as error:
            return None, error.lines[0]

    def _asked(
        self, source: TellsCloses, vendor: str, name: str, session: date, due: date
    ) -> tuple[list[tuple[str, date, float]], str, bool]:
        """The closes of a name up to ``due``; none, with the reason, where they cannot be had.

        Beside it stands whether every other name would end the same way.
        """
        from scanner.market import symbology
        from scanner.sources.companions.cache import Told

        key, ticker = _key("closes", vendor), symbology.ticker(name)
        before = self.cache.get(key, ticker)
        if before is not None and timedelta() <= before.age(self.now) < _PAUSE:
            return [], before.problem, False
        rows, problem, ends = [], "", False
        try:
            given = source.closes(ticker, session - timedelta(days=_DAYS_BACK), due)
            sessions = set(self.settings.exchange_calendar.sessions_between(session - timedelta(days=_DAYS_BACK), due))
            rows = [(ticker, day, close) for day, close in given if day in sessions]
            if not rows:
                problem = f"{ticker}: it has none"
        except SourceError as error:
            problem, ends = f"{ticker}: {error}", error.code in _OF_ALL_NAMES
        self.cache.put(key, ticker, Told(self.now, problem=problem[:500]))
        return rows, problem, ends


@dataclass
class _Beside:
    """One asking for announcements and news."""

    settings: Settings
    store: Store
    cache: Cache
    now: datetime
    left: Callable[[], float]

    def kept(self, symbols: Sequence[str]) -> Iterator[str]:
        """Ask, keep, and say what failed."""
        for name in self.settings.companions.announcements:
            yield from self._tried("announcements", name, self._announcements)
        for name in self.settings.companions.news:
            yield from self._tried("news", name, self._asking(name, symbols))
        whole = {_OF_WHOLE_DAYS: self._off_exchange, _OF_WHOLE_WEEKS: self._weeks}
        for name in self.settings.companions.dark_pool:
            asking = whole.get(name) or partial(self._dark_pool, name)
            yield from self._tried("dark_pool", name, partial(asking, symbols))

    def _off_exchange(self, symbols: Sequence[str]) -> None:
        """The file of the session before, once, and again for names that it was not read for."""
        from scanner.sources.companions.finra import DailyVolume

        calendar, key = self.settings.exchange_calendar, _key("dark_pool", _OF_WHOLE_DAYS)
        day = calendar.previous_session(calendar.session_of(self.now))
        wanted = [name for name in symbols if not self._is_fresh(key, f"{name} {day}", _A_MONTH)]
        if not wanted or self.left() <= 0 or self._is_fresh(key, f"{day}", timedelta()):
            return
        asked = DailyVolume(self.settings.for_sources())
        told = self._noting(key, f"{day}", partial(asked.of, day, wanted))
        for name in wanted:
            self._noting(key, f"{name} {day}", list)
        self.store.keep_off_exchange(_off_exchange(told, self.now))

    def _weeks(self, symbols: Sequence[str]) -> None:
        """The newest week of each tier, until it is published, and again for names that it was not read for."""
        from scanner.sources.companions.ats import PUBLISHED_AFTER, WeeklyVolume, newest_week

        key = _key("dark_pool", _OF_WHOLE_WEEKS)
        today = self.settings.exchange_calendar.session_of(self.now)
        asked = WeeklyVolume(self.settings.for_sources())
        for tier in PUBLISHED_AFTER:
            week = newest_week(tier, today)
            wanted = [name for name in symbols if not self._is_fresh(key, f"{name} {tier} {week}", _A_MONTH)]
            if not wanted or self.left() <= 0 or self._is_fresh(key, f"{tier} {week}", _SOON):
                continue
            told = self._noting(key, f"{tier} {week}", partial(asked.of, tier, week, wanted))
            for name in wanted if told.published else ():
                self._noting(key, f"{name} {tier} {week}", list)
            self.store.keep_weeks(_weeks(told.weeks, self.now))

    def _dark_pool(self, vendor: str, symbols: Sequence[str]) -> None:
        from scanner.sources.companions.dark_pool import DarkPool

        calendar, key = self.settings.exchange_calendar, _key("dark_pool", vendor)
        asked = DarkPool(self.settings.for_sources())
        for name in symbols:
            if self.left() > 0 and not self._is_fresh(key, name, _DARK_POOL_LASTS):
                # Prints are reported up to a while late: those since a little before the last answer are asked again.
                before, opened = self.cache.get(key, name), calendar.session_open(calendar.session_of(self.now))
                since = opened if before is None or before.problem else max(opened, before.asked_at - _REPORTED_LATE)
                tape = self._noting(key, name, partial(asked.of, name, since))
                with self.store.writing():
                    self.store.stock_prints.keep(tape.prints)
                for problem in tape.problems:
                    log.info("%s: %s", vendor, problem)

    def _asking(self, name: str, symbols: Sequence[str]) -> Callable[[], None]:
        """How a teller of news is asked about some names."""
        kind = KINDS_OF_NEWS[name]
        if kind == "halt":
            return self._halts
        return partial(self._filings, symbols) if kind == "filing" else partial(self._headlines, name, symbols)

    def _tried(self, kind: str, name: str, ask: Callable[[], None]) -> Iterator[str]:
        from scanner.sources.registry import require_terms

        try:
            require_terms(name, self.settings.accept_terms)
            ask()
        except ScannerError as error:
            yield f"{kind} by {name}: {error.lines[0] if error.lines else error}"

    def _is_fresh(self, key: str, name: str, lasts: timedelta) -> bool:
        """Whether it was asked for so lately; after a failure it is left alone for a while, whatever it is."""
        before = self.cache.get(key, name)
        return before is not None and timedelta() <= before.age(self.now) < (_PAUSE if before.problem else lasts)

    def _noting(self, key: str, name: str, ask: Callable[[], Any]) -> Any:
        """What is answered, once it is noted when it was asked for, or why there was no answer."""
        from scanner.sources.companions.cache import Told

        try:
            answer = ask()
        except SourceError as error:
            self.cache.put(key, name, Told(self.now, problem=str(error)[:500]))
            raise
        self.cache.put(key, name, Told(self.now))
        return answer

    def _announcements(self) -> None:
        """The calendars of the coming sessions, those of the next ones first and most often."""
        from scanner.sources.companions.nasdaq import KINDS, Calendars

        calendar, key = self.settings.exchange_calendar, _key("announcements", "nasdaq")
        today = calendar.session_of(self.now)
        days = [today, *calendar.sessions_between(today + timedelta(days=1), today + _AHEAD)]
        asked = Calendars(self.settings.for_sources())
        for place, (day, kind) in enumerate((day, kind) for day in days for kind in KINDS):
            lasts = _SOON if place < _OF_THE_NEXT * len(KINDS) else _A_DAY
            if self.left() <= 0:
                return
            if self._is_fresh(key, f"{kind} {day}", lasts):
                continue
            told = self._noting(key, f"{kind} {day}", partial(asked.of, kind, day))
            self.store.keep_announcements(_announced(told, self.now), [(kind, day)], "nasdaq")

    def _halts(self) -> None:
        from scanner.sources.companions.halts import Halts

        key = _key("news", "nasdaqtrader")
        if not self._is_fresh(key, "all", _HALTS_LAST):
            told = self._noting(key, "all", Halts(self.settings.for_sources()).now)
            self.store.keep_news(_news(told, "nasdaqtrader"))

    def _filings(self, symbols: Sequence[str]) -> None:
        from scanner.sources.companions.sec import Filings

        key, asked = _key("news", "sec"), Filings(self.settings.for_sources())
        found = []
        for name in symbols:
            if self.left() > 0 and not self._is_fresh(key, name, _PAUSE):
                found += self._noting(key, name, partial(asked.of, name))
        if found:
            self.store.keep_news(_news(found, "sec"))

    def _headlines(self, vendor: str, symbols: Sequence[str]) -> None:
        from scanner.sources.companions.headlines import Headlines

        calendar, key = self.settings.exchange_calendar, _key("news", vendor)
        since = calendar.session_close(calendar.previous_session(calendar.session_of(self.now)))
        asked, found = Headlines(vendor, self.settings.for_sources()), []
        try:
            for name in symbols:
                if self.left() > 0 and not self._is_fresh(key, name, _HEADLINES_LAST):
                    found += self._noting(key, name, partial(asked.of, name, since))
        finally:
            if found:
                self.store.keep_news(_news(found, vendor))


def _off_exchange(told: Sequence[tuple[Any, ...]], now: datetime) -> pl.DataFrame:
    import polars as pl

    from scanner.store.told import OFF_EXCHANGE

    return pl.DataFrame([(*row, now) for row in told], schema=OFF_EXCHANGE, orient="row")


def _weeks(told: Sequence[Week], now: datetime) -> pl.DataFrame:
    import polars as pl

    from scanner.store.told import WEEKS

    rows = [(one.underlying, one.week, one.shares, one.trades, now) for one in told]
    return pl.DataFrame(rows, schema=WEEKS, orient="row")


def _announced(told: Sequence[tuple[Any, ...]], now: datetime) -> pl.DataFrame:
    import polars as pl

    from scanner.market import corporate_events
    from scanner.store.told import EVENTS

    frame = pl.DataFrame(list(told), schema=corporate_events.SCHEMA, orient="row")
    return frame.with_columns(source=pl.lit("nasdaq"), known_at=pl.lit(now, EVENTS["known_at"])).unique(
        ["underlying", "date", "kind"], keep="last", maintain_order=True
    )


def _news(told: Sequence[tuple[Any, ...]], source: str) -> pl.DataFrame:
    import polars as pl

    from scanner.store.told import NEWS

    rows = [(name, moment.astimezone(UTC), kind, what, source) for name, moment, kind, what in told]
    return pl.DataFrame(rows, schema=NEWS, orient="row")


def held_in_words(settings: Settings, kind: str, name: str) -> tuple[str, tuple[tuple[str, object], ...]]:
    """What is held of a companion and how old it is, in words and as plain facts."""
    from scanner.config.settings import COMPANIONS_FILE

    found = None
    if (settings.store.folder / COMPANIONS_FILE).exists():
        try:
            cache = cache_of(settings)
        except SourceError as error:
            return str(error), ()
        found = cache.held(_key(kind, name))
        cache.close()
    if found is None:
        return "not asked yet", (("names", 0),)
    minutes = (clock.right_now() - found.newest).total_seconds() / 60
    oldest = (clock.right_now() - found.oldest).total_seconds() / 60
    word = "question" if kind in ("announcements", "news") else "name"
    names = f"{found.names:,} {word}{'' if found.names == 1 else 's'}"
    says = f"{names}, asked {_ago(minutes)}" + (f", some of them {_ago(oldest)}" if oldest - minutes > 1 else "")
    failed = f"; {found.failed:,} failed, such as: {found.problem}" if found.failed else ""
    facts = (("names", found.names), ("failed", found.failed), ("minutes_old", round(minutes, 1)))
    return says + failed, facts


def _ago(minutes: float) -> str:
    if minutes < 100:
        return f"{minutes:,.0f} minutes ago"
    return f"{minutes / 60:,.0f} hours ago" if minutes < 48 * 60 else f"{minutes / 1440:,.0f} days ago"


def tried(settings: Settings, kind: str, name: str, symbol: str) -> ScannerError | None:
    """Ask a companion for one name, keeping nothing of it; what is wrong, where something is."""
    from scanner.market import symbology
    from scanner.sources.registry import require_terms

    session = settings.exchange_calendar.session_of(clock.right_now())
    try:
        require_terms(name, settings.accept_terms)
        _TELLERS[kind](settings, name, symbology.ticker(symbol), session)
    except ScannerError as error:
        return error
    return None


def _tell_closes(settings: Settings, name: str, ticker: str, session: date) -> None:
    from scanner.sources.registry import open_source

    source = open_source(name, settings.for_sources(), settings.exchange_calendar, clock.right_now)
    cast("TellsCloses", source).closes(ticker, session - timedelta(days=10), session)


def _tell_open_interest(settings: Settings, name: str, ticker: str, session: date) -> None:
    from scanner.sources.companions.occ import ClearingHouse

    del name, session
    ClearingHouse(settings.for_sources()).body(ticker)


def _tell_announcements(settings: Settings, name: str, ticker: str, session: date) -> None:
    from scanner.sources.companions.nasdaq import Calendars

    del name, ticker
    Calendars(settings.for_sources()).of("earnings", session)


def _tell_news(settings: Settings, name: str, ticker: str, session: date) -> None:
    from scanner.sources.companions.halts import Halts
    from scanner.sources.companions.headlines import Headlines
    from scanner.sources.companions.sec import Filings

    told, calendar = settings.for_sources(), settings.exchange_calendar
    ask: dict[str, Callable[[], object]] = {
        "halt": lambda: Halts(told).now(),
        "filing": lambda: Filings(told).of(ticker),
        "headline": lambda: Headlines(name, told).of(
            ticker, calendar.session_close(calendar.previous_session(session))
        ),
    }
    ask[KINDS_OF_NEWS[name]]()


def _tell_dark_pool(settings: Settings, name: str, ticker: str, session: date) -> None:
    from scanner.sources.companions.ats import WeeklyVolume, newest_week
    from scanner.sources.companions.dark_pool import DarkPool
    from scanner.sources.companions.finra import DailyVolume

    if name == _OF_WHOLE_WEEKS:
        WeeklyVolume(settings.for_sources()).of("T1", newest_week("T1", session), [ticker])
        return
    if name == _OF_WHOLE_DAYS:
        DailyVolume(settings.for_sources()).of(settings.exchange_calendar.previous_session(session), [ticker])
        return
    DarkPool(settings.for_sources()).of(ticker, clock.right_now() - _DARK_POOL_LASTS)


# Of each kind of what stands beside chains, how a vendor is asked for a little of it.
_TELLERS: Mapping[str, Callable[[Settings, str, str, date], None]] = MappingProxyType(
    {
        "closes": _tell_closes,
        "open_interest": _tell_open_interest,
        "announcements": _tell_announcements,
        "news": _tell_news,
        "dark_pool": _tell_dark_pool,
    }
)


def _key(kind: str, name: str) -> str:
    """Under which name a companion's answers are kept."""
    return name if kind == "open_interest" else f"{kind} by {name}"
