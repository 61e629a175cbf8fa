"""Live chains from ThetaData's terminal, which the user runs on this machine: tables that are joined by contract.

Quotes are needed; what the subscription does not hold of the rest (greeks want a larger one) is left out, and said.
Times are New York's without saying so. Open interest is stamped with the morning it was published on and is that of the
close before.
"""

from __future__ import annotations

from datetime import date, datetime

import polars as pl

from scanner.market.calendar import NEW_YORK, Calendar
from scanner.sources.access import VendorError, said
from scanner.sources.base import Clock, SourceSettings
from scanner.sources.formats import columns
from scanner.sources.formats.base import Findings
from scanner.sources.http import Answer
from scanner.sources.live import LiveSource, open_access, written
from scanner.sources.registry import VENDORS

_PERMISSION, _NO_DATA = 471, 472
_CODES = {
    404: ("refused", "the terminal does not know this request: is it version 3?"),
    470: ("refused", "the terminal reports an error"),
    471: ("not_entitled", "the subscription does not hold this"),
    472: ("unknown_symbol", "the terminal has no data of it today; check the spelling"),
    473: ("refused", "the terminal refuses the request"),
    474: ("unreachable", "the terminal is not connected to the vendor; look at its window"),
    475: ("refused", "the terminal cannot read the request"),
    476: ("refused", "the terminal answers 127.0.0.1 and localhost apart: set vendors.thetadata.url to the other one"),
    477: ("incomplete", "the terminal has lost a page"),
    478: ("unreachable", "the terminal's session has ended; start it again"),
    570: ("incomplete", "the terminal refuses so large a request"),
    571: ("unreachable", "the terminal is starting; try again in a minute"),
    572: ("server_error", "the terminal failed"),
}
_KEY = ("symbol", "expiration", "strike", "right")
_QUOTE = ("timestamp", "bid_size", "bid", "ask_size", "ask")
_TRADED = ("timestamp", "close", "volume")
_GREEKS = ("delta", "implied_vol", "underlying_price")


def open_source(settings: SourceSettings, calendar: Calendar, clock: Clock | None) -> ThetaDataSource:
    """The source with a client of its own."""
    access, pace, workers = open_access(VENDORS["thetadata"], settings, clock)
    return ThetaDataSource(access, calendar, pace, workers)


class ThetaDataSource(LiveSource):
    """Chains of stocks, ETFs and indices, by root: an index's weekly series have a symbol of their own."""

    def refused(self, answer: Answer) -> VendorError:
        """The terminal's own status codes."""
        code, words = _CODES.get(answer.status, ("http_error", "the terminal answers"))
        return VendorError(f"{words} (HTTP {answer.status}: {said(answer)})", code)

    def rows(self, ticker: str, now: datetime, findings: Findings) -> pl.DataFrame:
        """Quotes, with volume, open interest and greeks beside them."""
        symbols = self._symbols(ticker)
        parts = [self._of_symbol(symbol, findings) for symbol in symbols]
        found = [part for part in parts if part is not None]
        if not found:
            raise self.refused(Answer(_NO_DATA, b"", {}))
        rows = pl.concat(found, how="diagonal").with_row_index("line", 1).with_columns(pl.col("line").cast(pl.Int64))
        names = ("quoted", "bar_time", "oi_time")
        rows = columns.instants(rows, NEW_YORK.key, findings, *names)
        newest = rows["quoted"].max()
        published = pl.col("oi_time").dt.convert_time_zone(NEW_YORK.key).dt.date()
        return rows.with_columns(
            underlying=pl.lit(ticker),
            root=pl.col("root"),
            quote_time=pl.lit(newest, dtype=rows.schema["quoted"]),
            volume_day=pl.col("bar_time").dt.convert_time_zone(NEW_YORK.key).dt.date(),
            oi_asof=published.map_elements(self._session_before, return_dtype=pl.Date),
        ).drop("quoted", "bar_time", "oi_time")

    def _symbols(self, ticker: str) -> list[str]:
        from scanner.market import products

        roots = [item.root for item in products.index_roots(ticker)]
        return roots or [written(ticker, share_class=".")]

    def _session_before(self, day: date) -> date | None:
        try:
            return self.calendar.previous_session(day)
        except ValueError:
            return None

    def _of_symbol(self, symbol: str, findings: Findings) -> pl.DataFrame | None:
        """The joined tables of one symbol; None where it has no quotes."""
        quotes = self._table("quote", symbol, _QUOTE, findings, needed=True)
        if quotes is None:
            return None
        rows = quotes.rename({"timestamp": "quoted"})
        bars = self._table("ohlc", symbol, _TRADED, findings)
        interest = self._table("open_interest", symbol, ("timestamp", "open_interest"), findings)
        greeks = self._table("greeks/first_order", symbol, _GREEKS, findings)
        rows = _joined(rows, bars, {"timestamp": "bar_time", "close": "last", "volume": "volume"})
        rows = _joined(rows, interest, {"timestamp": "oi_time", "open_interest": "open_interest"})
        ours = {"delta": "vendor_delta", "implied_vol": "vendor_iv", "underlying_price": "spot"}
        rows = _joined(rows, greeks, ours)
        return rows.rename({"expiration": "expiry", "symbol": "root"})

    def _table(
        self, name: str, symbol: str, wanted: tuple[str, ...], findings: Findings, *, needed: bool = False
    ) -> pl.DataFrame | None:
        """One of the terminal's tables as text, a row a contract; None where it has no data of the symbol."""
        path = f"/v3/option/snapshot/{name}"
        answer = self.ask(path, final=frozenset({_PERMISSION, _NO_DATA}), symbol=symbol, expiration="*", format="csv")
        if answer.status == _PERMISSION and needed:
            raise self.refused(answer)
        if answer.status in (_PERMISSION, _NO_DATA):
            if not needed:
                findings.add(f"no {name} of {symbol} (HTTP {answer.status}: {said(answer)[:80]})", None, 0)
            return None
        table = _table_of(answer.body, (*_KEY, *wanted), name)
        others = table.filter((pl.col("symbol") != symbol).fill_null(value=True)).height
        if others:
            findings.add(f"{others:,} rows of {name} are about another symbol than {symbol}; left out", None, others)
        table = table.filter(pl.col("symbol") == symbol)
        doubled = table.select(_KEY).is_duplicated()
        if doubled.any():
            what = f"{doubled.sum():,} rows of {name} of {symbol} contradict others of their contract; left out"
            findings.add(what, None, int(doubled.sum()))
        return table.filter(~doubled)


def _table_of(body: bytes, wanted: tuple[str, ...], name: str) -> pl.DataFrame:
    """A CSV's wanted columns as text, no row twice. Raises VendorError where it is none, or not whole."""
    fields = {line.count(b",") for line in body.splitlines() if line.strip()}
    if len(fields) != 1 or b'"' in body:
        raise VendorError(f"the terminal's table of {name} has lines of different lengths", "unreadable")
    if b"'" in body:  # people's mark between thousands, which no terminal writes: 97'500 is a damaged 97.500
        raise VendorError(f"the terminal's table of {name} holds an apostrophe", "unreadable")
    try:
        table = pl.read_csv(body, infer_schema=False, encoding="utf8-lossy")
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
        raise VendorError(f"the terminal's table of {name} cannot be read", "unreadable") from error
    missing = [column for column in wanted if column not in table.columns]
    if missing:
        raise VendorError(f"the terminal's table of {name} lacks {', '.join(missing)}", "unreadable")
    return table.select(wanted).unique(maintain_order=True)


def _joined(rows: pl.DataFrame, other: pl.DataFrame | None, names: dict[str, str]) -> pl.DataFrame:
    """The rows with another table's columns, by our names; null where there is none."""
    if other is None:
        return rows.with_columns(pl.lit(None, dtype=pl.String).alias(ours) for ours in names.values())
    return rows.join(other.rename(names), on=_KEY, how="left", maintain_order="left")
