"""What all live vendors have in common: symbols in, chains out, whatever goes wrong on the way.

An adapter says how one ticker becomes rows (:meth:`LiveSource.rows`). Here is the rest: several symbols under way at
once and given back in order, the end of the asking where a refusal would only be repeated, the plan of calls where they
are scarce, and the way from rows to a chain.
"""

from __future__ import annotations

import logging
import math
import re
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Any, ClassVar

import polars as pl

from scanner.errors import ScannerError, SourceError
from scanner.market import chain, products, symbology
from scanner.market.calendar import Calendar, new_york_date
from scanner.market.symbology import plain_ticker
from scanner.sources.access import Access, VendorError, credential, parsed, refusal, require_safe
from scanner.sources.base import Answering, Clock, Fetched, Rate, SourceSettings, Vendor, VendorOptions, failed
from scanner.sources.formats import building
from scanner.sources.formats.base import File, Findings, UnreadableError
from scanner.sources.formats.cleaning import clean
from scanner.sources.http import Answer, HttpError, Limits, PoliteClient
from scanner.sources.pace import Pace
from scanner.sources.recording import RecordingClient

log = logging.getLogger(__name__)
# A body that no format can make anything of, and one that none of them foresaw: that is the program's fault.
_UNREADABLE = (UnreadableError, ScannerError, pl.exceptions.PolarsError, pl.exceptions.PanicException)
_UNFORESEEN = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
# After these every further symbol would end the same way.
_ENDS_THE_ASKING = {
    "unauthorised": "the credential was refused",
    "not_entitled": "the plan does not hold it",
    "blocked": "the site refuses to answer",
    "rate_limited": "the site asks for fewer requests",
    "quota_spent": "the day's calls are spent",
    "unreachable": "the site cannot be reached",
}
# Failures that may be of one answer alone; so many symbols in a row are the vendor's.
_OF_THE_VENDOR = frozenset({"timeout", "server_error", "truncated", "malformed", "redirected", "http_error"})
_IN_A_ROW = 5
# Times since 1970 beyond the first are no seconds, beyond the second nothing at all.
_LAST_SECOND, _LAST_MILLISECOND = 1e10, 1e13
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
# Stands for a credential where nothing is asked.
_NO_SECRET = "no credential in a replay"  # noqa: S105


class LiveSource(ABC):
    """A vendor that is asked now. ``chains`` obeys :class:`scanner.sources.base.Source`."""

    name: ClassVar[str]

    def __init__(self, access: Access, calendar: Calendar, pace: Pace | None = None, workers: int = 1) -> None:
        self.access = access
        self.calendar = calendar
        self.pace = pace
        self._workers = workers
        delay = access.options.delay
        self.vendor = access.vendor if delay is None else replace(access.vendor, delay=delay)

    @abstractmethod
    def rows(self, ticker: str, now: datetime, findings: Findings) -> pl.DataFrame:
        """The rows of one underlying, as a format gives them. Raises VendorError, HttpError, UnreadableError.

        ``ticker`` is as :func:`scanner.market.symbology.ticker` writes it.
        """

    def refused(self, answer: Answer) -> VendorError:
        """What an answer without success means."""
        return refusal(self.access, answer)

    def headers(self) -> dict[str, str]:
        """What is sent with every request."""
        return {}

    def ask(self, path: str, final: frozenset[int] = frozenset(), site: str | None = None, **query: object) -> Answer:
        """The answer of a path; statuses other than success and those in ``final`` raise. Raises HttpError too."""
        answer = self.access.get(path, query, self.headers(), site=site, final=final)
        if 200 <= answer.status < 300 or answer.status in final:
            return answer
        raise self.refused(answer)

    def ask_json(self, path: str, site: str | None = None, **query: object) -> Any:
        """The document of a path. Raises as :meth:`ask` does, and where it is no JSON."""
        return parsed(self.ask(path, frozenset(), site, **query))

    def file(self, ticker: str) -> File:
        """A body as formats know it."""
        return File(Path(plain_ticker(ticker)), self.calendar)

    def chains(self, symbols: Iterable[str], now: datetime) -> Iterator[Fetched]:
        """One answer for each symbol, in order; the next ones are fetched while this one is looked at."""
        wanted = list(symbols)
        asked = self._planned(wanted)
        run = _Run()
        if self._workers == 1:
            yield from (self._judged(run, symbol, now) for symbol in wanted[:asked])
        else:
            yield from self._overlapping(run, wanted[:asked], now)
        for symbol in wanted[asked:]:
            yield failed(symbol, "not_asked", f"{symbol}: {self._left_out(asked)}")

    def _overlapping(self, run: _Run, symbols: list[str], now: datetime) -> Iterator[Fetched]:
        """As many symbols under way as there are workers, and a few answers ahead of whoever takes them.

        The threads keep no program from ending: one that is interrupted does not wait for what is under way.
        """
        tasks: SimpleQueue[tuple[Future[Fetched], str] | None] = SimpleQueue()

        def work() -> None:
            while (task := tasks.get()) is not None:
                answer, symbol = task
                try:
                    answer.set_result(self._judged(run, symbol, now))
                except BaseException as error:
                    answer.set_exception(error)

        for number in range(self._workers):
            threading.Thread(target=work, name=f"{self.vendor.name} {number}", daemon=True).start()
        waiting: deque[Future[Fetched]] = deque()
        try:
            for symbol in symbols:
                waiting.append(Future())
                tasks.put((waiting[-1], symbol))
                if len(waiting) > 2 * self._workers:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            run.end("the scan was ended")
            for _ in range(self._workers):
                tasks.put(None)

    def _judged(self, run: _Run, symbol: str, now: datetime) -> Fetched:
        """One symbol's answer, unless an earlier one ended the asking."""
        if run.ended:
            return failed(symbol, "not_asked", f"{symbol}: not asked for, because {run.ended}")
        fetched = self._one(symbol, now)
        run.saw(fetched, self.vendor)
        return fetched

    def _one(self, symbol: str, now: datetime) -> Fetched:
        ticker = symbology.ticker(symbol)
        if not is_ticker(ticker):
            return failed(symbol, "unknown_symbol", f"{symbol!r} is not a ticker symbol")
        findings = Findings(symbol)
        if isinstance(self.access.client, RecordingClient):
            self.access.client.about(symbol, now)
        try:
            rows = self.rows(ticker, now, findings)
            return self._chain(symbol, rows, now, findings)
        except HttpError as error:
            return self._failed(symbol, error.code, str(error))
        except VendorError as error:
            return self._failed(symbol, error.code, str(error))
        except _UNREADABLE as error:
            said = " ".join(str(error).split())[:300]
            return self._failed(symbol, "unreadable", f"{self.vendor.name}'s answer cannot be understood: {said}")
        except _UNFORESEEN as error:
            log.debug("%s: %s", symbol, self.vendor.name, exc_info=error)
            return self._failed(
                symbol,
                "program_fault",
                f"the program failed over {self.vendor.name}'s answer ({type(error).__name__}); please report it, with "
                "what `--record DIR` keeps",
            )

    def _failed(self, symbol: str, code: str, message: str) -> Fetched:
        return failed(symbol, code, self.access.hide(f"{symbol}: {message}"))

    def _chain(self, symbol: str, rows: pl.DataFrame, now: datetime, findings: Findings) -> Fetched:
        fetched = chain_from_rows(symbol, rows, self.vendor, self.calendar, now, findings)
        warned = (self.vendor.warns,) if self.vendor.warns and fetched.chain is not None else ()
        return replace(fetched, notes=tuple(map(self.access.hide, (*fetched.notes, *warned))))

    def _planned(self, symbols: list[str]) -> int:
        """How many of the symbols, from the first, are asked for: as many as the calls of one scan allow."""
        if self.pace is None:
            return len(symbols)
        try:
            calls = self.pace.within(self.access.options.longest_scan.total_seconds())
        except HttpError as error:
            log.warning("%s", error)
            return len(symbols)
        each = max(1, self.vendor.calls_a_chain)
        return len(symbols) if len(symbols) * each <= calls else min(len(symbols), max(1, calls // each))

    def _left_out(self, asked: int) -> str:
        minutes = self.access.options.longest_scan.total_seconds() / 60
        name, each = self.vendor.name, self.vendor.calls_a_chain
        return (
            f"left out of the plan: a chain of {name} takes about {each} calls, and the calls of {minutes:g} minutes "
            f"reach for the first {asked}; put the most important names first, or set vendors.{name}.longest_scan or "
            f"vendors.{name}.calls_per_minute to what your plan allows"
        )


class _Run:
    """One asking of many symbols: whether it goes on."""

    def __init__(self) -> None:
        self.ended = ""
        self._in_a_row = 0
        self._lock = threading.Lock()

    def end(self, why: str) -> None:
        """Ask for nothing more."""
        self.ended = self.ended or why

    def saw(self, fetched: Fetched, vendor: Vendor) -> None:
        """Take an answer in; it may end the asking."""
        code = fetched.error.code if fetched.error is not None else ""
        with self._lock:
            self._in_a_row = self._in_a_row + 1 if code in _OF_THE_VENDOR else 0
            if code in _ENDS_THE_ASKING:
                self.end(_ENDS_THE_ASKING[code])
            elif self._in_a_row >= _IN_A_ROW:
                self.end(f"{vendor.name} failed {_IN_A_ROW} times in a row")


def chain_from_rows(
    symbol: str, rows: pl.DataFrame, vendor: Vendor, calendar: Calendar, now: datetime, findings: Findings
) -> Fetched:
    """The chain of one symbol from a format's rows, or why there is none."""
    rows = _not_from_tomorrow(building.keyed(clean(rows, findings, calendar)), now, findings)
    about = chain.distinct(rows["underlying"])
    if any(plain_ticker(name) != plain_ticker(symbol) for name in about):
        raise UnreadableError(f"it is about {', '.join(sorted(about)[:5])}")
    rows = _of_its_own(rows, symbol, findings)
    asked = pl.lit(now)
    # Of a vendor that names the session, the moment of asking says nothing of the chain's.
    seen = pl.col("seen_at").fill_null(asked) if rows["session_date"].null_count() else pl.col("seen_at")
    rows = rows.with_columns(fetched_at=asked, seen_at=seen)
    built = building.build(rows, building.Payload(vendor.name, calendar, vendor.delay, now=now), findings)
    refusals = tuple(str(refusal) for refusal in findings.take())
    if built.chain is None:
        said = "; ".join(refusals) or "empty"
        return failed(symbol, "empty_chain", f"{symbol}: {vendor.name}'s answer holds no contract ({said})")
    return Fetched(symbol, built.chain, notes=(*refusals, *built.notes))


def _of_its_own(rows: pl.DataFrame, symbol: str, findings: Findings) -> pl.DataFrame:
    """Without contracts of roots that are another name's, as in a page that belongs to an answer about that one."""
    name = plain_ticker(symbol)
    others = [root for root in chain.distinct(rows["root"]) if plain_ticker(symbology.underlying_of(root)) != name]
    if not others:
        return rows
    strange = rows["root"].is_in(others)
    line, count = rows["line"].filter(strange)[0], int(strange.sum())
    findings.add(f"root {min(others)} is none of {name}'s; row refused", line, count)
    return rows.filter(~strange)


def _not_from_tomorrow(rows: pl.DataFrame, now: datetime, findings: Findings) -> pl.DataFrame:
    """Without a time of the quotes that has not come yet: the vendor's clock, or one number, is wrong."""
    stated = rows["quote_time"][0] if rows.height else None
    if stated is None or not building.still_to_come(stated, now):
        return rows
    findings.add(f"its quotes' time, {stated:%Y-%m-%d %H:%M} UTC, has not come yet; not believed", None, 0)
    return rows.with_columns(quote_time=pl.lit(None, dtype=chain.INSTANT))


def daily_closes(entries: object, when: str, close: str) -> list[tuple[date, float]]:
    """Days and closes out of a vendor's entries; ``when`` and ``close`` are its keys.

    A day is ISO text, or the seconds or milliseconds since 1970 of its beginning in New York. Raises VendorError where
    that is not what they are.
    """
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise VendorError("its daily closes are no list of days", "unreadable")
    return [
        (_day_of(entry.get(when)), _close_of(entry.get(close))) for entry in entries if entry.get(close) is not None
    ]


def _day_of(told: object) -> date:
    if isinstance(told, str) and is_day(told[:10]):
        return date.fromisoformat(told[:10])
    if isinstance(told, int | float) and not isinstance(told, bool) and 0 < told < _LAST_MILLISECOND:
        return new_york_date(datetime.fromtimestamp(told / 1000 if told > _LAST_SECOND else told, UTC))
    raise VendorError("a day of its daily closes is no date", "unreadable")


def _close_of(told: object) -> float:
    if isinstance(told, int | float) and not isinstance(told, bool) and 0 < told < math.inf:
        return float(told)
    raise VendorError("a close of its daily closes is no price", "unreadable")


def is_ticker(ticker: str) -> bool:
    """Whether a text may be asked for: letters and digits, a class behind a dot."""
    stem, _, share_class = ticker.partition(".")
    sound = stem.isascii() and stem.isalnum() and stem == stem.upper() and len(stem) <= 8
    return sound and (not share_class or (share_class.isalpha() and share_class.isascii() and len(share_class) <= 2))


def is_day(text: object) -> bool:
    """Whether a vendor's word is a date that may stand in an address, such as ``2026-12-18``."""
    if not isinstance(text, str) or not _DAY.fullmatch(text):
        return False
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def is_index(ticker: str) -> bool:
    """Whether a ticker is an index's."""
    return bool(products.index_roots(ticker))


def written(ticker: str, *, index: str = "{}", share_class: str = ".") -> str:
    """A ticker in a vendor's spelling: ``index`` is the pattern of an index, ``share_class`` the mark of a class."""
    if is_index(ticker):
        return index.format(ticker)
    return ticker.replace(".", share_class)


def open_access(
    vendor: Vendor,
    settings: SourceSettings,
    clock: Clock | None,
    client_of: Callable[[Pace], Answering] | None = None,
    **limits: Any,
) -> tuple[Access, Pace | None, int]:
    """The way to a vendor by the user's settings, with its pace and how many symbols may be under way.

    ``client_of`` makes what asks a vendor that is none on the network; ``limits`` are those of the client for others.
    Raises MissingKeyError and UsageError, SourceError where a file cannot be written.
    """
    options = settings.vendor_options(vendor.name)
    if settings.replay is not None:
        no_secrets = dict.fromkeys(vendor.keys[0] if vendor.keys else (), _NO_SECRET)
        return Access(vendor, settings.replay, options, no_secrets), None, 1
    require_safe(vendor, options)
    secrets = credential(vendor)
    at_once = options.at_once or vendor.at_once
    pace = _pace(vendor.name, rate_of(vendor, options), settings.pace_file)
    client = PoliteClient(Limits(at_once=at_once, **limits), pace=pace) if client_of is None else client_of(pace)
    if settings.record_to is None or clock is None:
        return Access(vendor, client, options, secrets), pace, _symbols_at_once(at_once)
    recorder = RecordingClient(client, settings.record_to, vendor.name, options, secrets.values(), clock)
    return Access(vendor, recorder, options, secrets), pace, _symbols_at_once(at_once)


def _symbols_at_once(requests: int) -> int:
    """Of how many symbols requests may be under way, or answers be read, where so many requests may be.

    With one more than requests, four of 50 ms each wait for whoever reads the answer before. But whoever waits already
    when a vendor refuses still asks, so that where one request is allowed no more than one waits.
    """
    return requests + max(1, requests - 1)


def _pace(name: str, rate: Rate, file: Path | None) -> Pace:
    """A vendor's pace, for this run alone where its file cannot be written."""
    try:
        return Pace(name, rate, file)
    except SourceError as error:
        log.warning("%s; it is kept for this run alone", error)
        return Pace(name, rate)


def rate_of(vendor: Vendor, options: VendorOptions) -> Rate:
    """What the vendor allows, by the user's plan where that is told."""
    rate = vendor.rate
    if options.calls_per_minute is not None:
        rate = replace(rate, calls=options.calls_per_minute, seconds=60.0)
    return rate if options.calls_per_day is None else replace(rate, a_day=options.calls_per_day)
