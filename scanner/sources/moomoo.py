"""Live chains from moomoo's OpenD, which the user runs on this machine, through the vendor's own Python package.

The package (extra ``moomoo``) is imported when this source is opened. OpenD lists contracts in spans of thirty days of
expiries, ten calls in half a minute, and quotes them four hundred at a time. It says of no number from which day it is
but when a contract was last updated; volatilities are percent, times New York's without saying so, and what is missing
is the text ``N/A``.
"""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

import polars as pl

from scanner.errors import SourceError, UsageError
from scanner.market.calendar import NEW_YORK, Calendar, new_york_date
from scanner.market.vendor_ranks import RankedBy, Ranking
from scanner.sources.access import Access, VendorError
from scanner.sources.base import Clock, Rate, SourceSettings
from scanner.sources.formats import columns, json_objects
from scanner.sources.formats.base import Findings
from scanner.sources.live import LiveSource, is_day, is_index, is_ticker, open_access
from scanner.sources.moomoo_ranks import ORDERS, ranking
from scanner.sources.opend import OpenD, OpenDClient
from scanner.sources.pace import Pace
from scanner.sources.registry import VENDORS
from scanner.sources.tapes.base import as_table, tape_of
from scanner.sources.tapes.moomoo import KEYS, MoomooEvents
from scanner.tape.prints import Problem, Tape

_PACKAGES = ("moomoo", "futu")
_PORT = 11111
_CODE = re.compile(r"US\.([A-Z0-9.]{1,8}?)(\d{6}[CP])(\d{1,8})")
_SPAN = timedelta(days=29)
_QUOTES_A_CALL = 400
# OpenD takes fewer questions for lists of contracts than for quotes.
_LISTS = Rate(10, 30.0)
_CONNECT_SECONDS = 3.0
_MOST_PAGES = 400
_RANKS_A_PAGE = 200
_EVENTS = MoomooEvents()
_OURS = {
    "symbol": "symbol",
    "bid_price": "bid",
    "ask_price": "ask",
    "bid_vol": "bid_size",
    "ask_vol": "ask_size",
    "last_price": "last",
    "volume": "volume",
    "option_open_interest": "open_interest",
    "option_implied_volatility": "volatility",
    "option_delta": "vendor_delta",
    "option_contract_size": "multiplier",
    "update_time": "updated",
}
_MISSING = frozenset({"N/A", ""})
# What OpenD says when it does not answer, by the words in it.
_REFUSALS = (
    (("frequen", "too many"), "rate_limited", "asks for fewer calls; wait half a minute"),
    (
        ("permission", "authority", "right", "subscri"),
        "not_entitled",
        "does not give this to the account; look at its right to US option quotes in the vendor's app",
    ),
    (("unknown stock", "no such", "not found", "invalid code", "wrong stock"), "unknown_symbol", "does not know it"),
    (("log in", "login", "not logged"), "unauthorised", "is not logged in; log in to OpenD"),
    (("disconnect", "timeout", "time out", "not connected"), "unreachable", "does not answer; is OpenD running?"),
    (
        ("protocol", "proto id", "not support", "unsupported"),
        "not_supported",
        "may be too old for this; install a newer OpenD",
    ),
)


def open_source(settings: SourceSettings, calendar: Calendar, clock: Clock | None) -> MoomooSource:
    """The source, connected to OpenD. Raises UsageError without the package, SourceError where OpenD does not run."""
    lists = None if settings.replay is not None else Pace("moomoo lists", _LISTS, settings.pace_file)
    address = settings.vendor_options("moomoo").url or VENDORS["moomoo"].site

    def client(quotes: Pace) -> OpenDClient:
        package = _package()
        return OpenDClient(package, _connected(package, address), quotes, lists, time.sleep)

    access, pace, workers = open_access(VENDORS["moomoo"], settings, clock, client)
    return MoomooSource(access, calendar, pace, workers)


def _connected(package: Any, site: str) -> OpenD:
    """A connection to OpenD at ``http://HOST:PORT``."""
    parts = urlsplit(site)
    host, port = parts.hostname or "127.0.0.1", parts.port or _PORT
    try:
        # The package itself waits for OpenD for ever.
        socket.create_connection((host, port), timeout=_CONNECT_SECONDS).close()
    except OSError as error:
        raise SourceError(
            f"moomoo: nothing answers at {host}:{port} ({error.strerror or error}); start OpenD and log in, or set "
            "vendors.moomoo.url",
            "unreachable",
        ) from error
    package.SysConfig.set_all_thread_daemon(True)
    context: OpenD = package.OpenQuoteContext(host=host, port=port)
    return context


def _package() -> Any:
    for name in _PACKAGES:
        try:
            return import_module(name)
        except ImportError:
            continue
    raise UsageError(
        "source moomoo: the vendor's package is not installed; pip install 'options-unusual-activity-scanner[moomoo]', "
        "or take another source"
    )


class MoomooSource(LiveSource):
    """Chains of stocks and ETFs; class shares are written with a dot."""

    def __init__(self, access: Access, calendar: Calendar, pace: Pace | None = None, workers: int = 1) -> None:
        super().__init__(access, calendar, pace, workers)
        self._listed: dict[str, tuple[date, list[str]]] = {}

    def rows(self, ticker: str, now: datetime, findings: Findings) -> pl.DataFrame:
        """Every contract that is listed, quoted in parts, and the price of the underlying beside the first of them."""
        if is_index(ticker):
            raise VendorError("moomoo: indices are not asked for; take another source for them", "unknown_symbol")
        underlying = f"US.{ticker}"
        quotes: dict[str, dict[str, Any]] = {}
        codes = self._contracts(underlying, new_york_date(now))
        for part in _parts([underlying, *codes], _QUOTES_A_CALL):
            for row in self._asked("get_market_snapshot", codes=",".join(part)):
                quotes[str(row.get("code"))] = row
        missing = [code for code in codes if code not in quotes]
        if missing:
            raise VendorError(f"it quotes {len(missing):,} of {len(codes):,} contracts not at all", "incomplete")
        spot = json_objects.prices(quotes.get(underlying, {}), ("last_price",), findings)["last_price"] or None
        entries = [{**_told(quotes[code]), "symbol": _symbol(code)} for code in codes]
        rows = json_objects.rows_of(entries, _OURS, findings)
        rows = columns.instants(rows, NEW_YORK.key, findings, "updated")
        rows = columns.numbers(rows, findings, "volatility")
        newest = rows["updated"].max()
        return rows.with_columns(
            underlying=pl.lit(ticker),
            spot=pl.lit(spot, dtype=pl.Float64),
            vendor_iv=pl.when(pl.col("volatility") > 0).then(pl.col("volatility") / 100),
            last=pl.when(pl.col("last").cast(pl.Float64, strict=False) > 0).then("last"),
            quote_time=pl.lit(newest, dtype=rows.schema["updated"]),
            # A contract that was not updated since shows the volume of the day it was.
            volume_day=pl.col("updated").dt.convert_time_zone(NEW_YORK.key).dt.date(),
        ).drop("updated", "volatility")

    def _contracts(self, underlying: str, today: date) -> list[str]:
        """The codes of all contracts, in the order of their expiries; they are listed for a day."""
        held = self._listed.get(underlying)
        if held is not None and held[0] == today:
            return held[1]
        found = [str(row.get("strike_time"))[:10] for row in self._asked("get_option_expiration_date", code=underlying)]
        if not found:
            raise VendorError("moomoo has no options of it; check the spelling", "unknown_symbol")
        if not all(map(is_day, found)):
            raise VendorError("its list of expiries is none of dates", "unreadable")
        codes: dict[str, None] = {}
        for first, last in _spans(sorted({date.fromisoformat(day) for day in found})):
            listed = self._asked("get_option_chain", code=underlying, start=str(first), end=str(last))
            codes |= dict.fromkeys(str(row.get("code")) for row in listed)
        if not codes:
            raise VendorError("moomoo lists expiries of it and no option", "empty_chain")
        self._listed[underlying] = today, list(codes)
        return self._listed[underlying][1]

    def flagged(self, ticker: str, first: datetime, last: datetime) -> Tape:
        """As :class:`scanner.sources.base.TellsFlagged`; small prints never appear."""
        problems: list[Problem] = []
        pages = self._events(ticker, first, last)
        tape = tape_of(_EVENTS, (as_table(page, KEYS, problems) for page in pages), problems)
        return Tape(tape.prints.filter(pl.col("time").is_between(first, last)), tape.problems)

    def _events(self, ticker: str, first: datetime, last: datetime) -> Iterator[list[dict[str, Any]]]:
        """Every page of what is flagged. Raises as :meth:`_pages` does."""
        market = "US_INDEX" if is_index(ticker) else "US_SECURITY"
        span = {"first": f"{first.timestamp():.0f}", "last": f"{last.timestamp():.0f}"}
        asked = {"market": market, "owner": _owner(ticker), **span}
        return (_rows(page) for page in self._pages("get_option_event", "events", asked))

    def ranks(self, by: RankedBy, tickers: Sequence[str], day: date | None, most: int, *, indices: bool) -> Ranking:
        """As :class:`scanner.sources.base.TellsRanks`."""
        strange = [ticker for ticker in tickers if not is_ticker(ticker)]
        if strange:
            raise VendorError(f"{columns.quoted(strange[0])} is not a ticker symbol", "unknown_symbol")
        asked = {
            "market": "US_INDEX" if indices else "US_SECURITY",
            "by": ORDERS[by],
            "count": str(min(most, _RANKS_A_PAGE)),
            **({"day": str(day)} if day else {}),
            **({"owners": ",".join(map(_owner, tickers))} if tickers else {}),
        }
        entries: list[dict[str, Any]] = []
        there_are: int | None = None
        for page in self._pages("get_option_rank", "ranked contracts", asked, most):
            entries += _rows(page)
            there_are = _count_of(page)
        return ranking(entries[:most], by, tickers, day, there_are)

    def _pages(
        self, method: str, what: str, asked: Mapping[str, str], most: int | None = None
    ) -> Iterator[dict[str, Any]]:
        """The pages of an answer until there are so many rows (None: all of them).

        Raises VendorError where they do not end, or end before all that is said to be there.
        """
        page: dict[str, str] = {}
        seen, count = set[str](), 0
        while True:
            document = self._document(method, **asked, **page)
            count += len(_rows(document))
            yield document
            following = document.get("next_page")
            if not following or (most is not None and count >= most):
                break
            if not isinstance(following, str) or following in seen or len(seen) >= _MOST_PAGES:
                raise VendorError("its pages do not end: what is there would be a part of it", "incomplete")
            seen.add(following)
            page = {"page": following}
        stated = _count_of(document)
        if stated is not None and count < (stated if most is None else min(stated, most)):
            raise VendorError(f"it gives {count:,} of {stated:,} {what}", "incomplete")

    def _asked(self, method: str, **named: str) -> list[dict[str, Any]]:
        """The rows of an answer. Raises VendorError in OpenD's own words."""
        return _rows(self._document(method, **named))

    def _document(self, method: str, **named: str) -> dict[str, Any]:
        document = self.ask_json(f"/{method}", **named)
        if not isinstance(document, dict):
            raise VendorError("the package's answer is none of a status and a table", "unreadable")
        if document.get("status") != 0:
            raise _refused(str(document.get("said")))
        return document


def _owner(ticker: str) -> str:
    """An underlying as OpenD writes it: of an index a dot before its name."""
    return f"US.{'.' if is_index(ticker) else ''}{ticker}"


def _count_of(document: dict[str, Any]) -> int | None:
    """How many rows there are on all pages together, where that is said."""
    stated = document.get("all_count")
    return stated if isinstance(stated, int) and not isinstance(stated, bool) else None


def _rows(document: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of an answer. Raises VendorError where they are no table."""
    rows = document.get("rows")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise VendorError("the package's answer is no table", "unreadable")
    return rows


def _refused(said: str) -> VendorError:
    """What an answer without success means."""
    words = ascii(" ".join(said.split())[:200])[1:-1]
    for marks, code, meaning in _REFUSALS:
        if any(mark in said.lower() for mark in marks):
            return VendorError(f"moomoo's OpenD {meaning} ({words})", code)
    return VendorError(f"moomoo's OpenD answers without success ({words})", "refused")


def _symbol(code: str) -> str:
    """``US.AAPL270115P200000`` as other vendors write it; as it is where it cannot be read."""
    found = _CODE.fullmatch(code)
    return code if found is None else f"{found[1].replace('.', '')}{found[2]}{found[3].zfill(8)}"


def _told(row: dict[str, Any]) -> dict[str, Any]:
    """A row without what stands for nothing."""
    return {name: None if isinstance(value, str) and value in _MISSING else value for name, value in row.items()}


def _spans(days: Sequence[date]) -> Iterator[tuple[date, date]]:
    """Spans of at most thirty days that hold all of the days."""
    begin = 0
    for place, day in enumerate(days):
        if day - days[begin] > _SPAN:
            yield days[begin], days[place - 1]
            begin = place
    yield days[begin], days[-1]


def _parts(codes: list[str], size: int) -> Iterator[list[str]]:
    return (codes[start : start + size] for start in range(0, len(codes), size))
