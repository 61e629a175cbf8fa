"""Tables of ThetaData's terminal as people keep them: end of day, quotes, greeks, or those joined to one.

Times are New York's without saying so. A report of the end of the day (``created``) has the closing quotes of its day,
and the trade in ``last_trade``. 0 stands for what is absent, a price of the underlying included. Open interest is that
of the close before the morning it is stamped with; a table that has it alone has no prices and is no chain. But beside
a table of quotes (``XYZ-quote.csv``) those of its name but for that word (``XYZ-open_interest.csv``) are read, too.

Version 2 of the terminal, which people have answers of, told times as a date and milliseconds of New York's day,
strikes in thousandths, and the names of its columns once, in a header.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from scanner.market.calendar import NEW_YORK
from scanner.sources.formats import columns, json_objects, moments
from scanner.sources.formats.base import File, Findings, JsonFormat, TextFormat, UnreadableError, unknown_columns

_OURS = {
    "symbol": "root",
    "expiration": "expiry",
    "strike": "strike",
    "right": "right",
    "bid": "bid",
    "ask": "ask",
    "bid_size": "bid_size",
    "ask_size": "ask_size",
    "volume": "volume",
    "open_interest": "open_interest",
    "implied_vol": "vendor_iv",
    "delta": "vendor_delta",
    "underlying_price": "spot",
}
_KEY = ("symbol", "expiration", "strike", "right")
_CONTRACT = frozenset(_KEY)
_NOT_READ = frozenset(
    {
        *("open", "high", "low", "count", "vwap", "bid_exchange", "bid_condition", "ask_exchange", "ask_condition"),
        *("theta", "vega", "rho", "epsilon", "lambda", "gamma", "vanna", "charm", "vomma", "veta", "vera", "speed"),
        *("zomma", "color", "ultima", "d1", "d2", "dual_delta", "dual_gamma", "iv_error", "underlying_timestamp"),
    }
)
_TIMES = frozenset({"timestamp", "created", "last_trade", "close"})
# The terminal's tables apart: what each has that the one of quotes lacks, by our names.
_APART = {
    "ohlc": {"close": "last", "volume": "volume", "timestamp": "volume_day"},
    "open_interest": {"open_interest": "open_interest", "timestamp": "oi_asof"},
    "first_order": {"implied_vol": "vendor_iv", "delta": "vendor_delta", "underlying_price": "spot"},
}
_QUOTE = "quote"
_A_DAY = 24 * 60 * 60 * 1000
_LACKING = {"volume": "no volume", "open_interest": "no open interest"}


class ThetaData(TextFormat):
    """``symbol,expiration,strike,right,...`` with bids and asks, and ``created`` or ``timestamp``."""

    name = "ThetaData CSV"
    source = "thetadata"

    def recognises(self, header: frozenset[str]) -> bool:
        """A contract's four columns, a time, and something that the terminal has of it."""
        parts = {"bid", "open_interest", "close"} & header
        return header >= _CONTRACT and bool({"timestamp", "created"} & header) and bool(parts)

    def remarks(self, names: Sequence[str]) -> tuple[str, ...]:
        """What the table lacks and others of the terminal's have."""
        lacking = [what for name, what in _LACKING.items() if name not in names]
        beside = (f"this table of the terminal's, by itself, has {' and '.join(lacking)}",) if lacking else ()
        return (*unknown_columns(names, {*_OURS, *_NOT_READ, *_TIMES}), *beside)

    def rows(self, block: pl.DataFrame, file: File, findings: Findings) -> pl.DataFrame:
        """One row a contract, of a day or of a moment, with what the tables beside it say."""
        rows = _rows(block, findings)
        for name, ours in _APART.items():
            rows = _joined(rows, block, name, ours, file, findings)
        return rows


class ThetaDataJson(JsonFormat):
    """``{"response": [{"contract": {"symbol": ...}, "data": [{...}]}]}``."""

    name = "ThetaData JSON"
    source = "thetadata"

    def recognises(self, document: Any) -> bool:
        """Answers by contract."""
        answers = document.get("response") if isinstance(document, dict) else None
        first = answers[0] if isinstance(answers, list) and answers else None
        return isinstance(first, dict) and isinstance(first.get("contract"), dict)

    def rows(self, document: Any, file: File, findings: Findings) -> pl.DataFrame:
        """One row for each entry of a contract's data. Raises UnreadableError where it tells of no contract."""
        old = _Version2.of(document.get("header"), findings) if "header" in document else None
        entries: list[Any] = []
        for answer in document["response"]:
            contract, data = (
                (answer.get(name) for name in ("contract", "data" if old is None else "ticks"))
                if isinstance(answer, Mapping)
                else (0, 0)
            )
            if not isinstance(contract, Mapping) or not isinstance(data, list):
                entries.append(answer if not isinstance(answer, Mapping) else None)
                continue
            told = ({**entry, **contract} if isinstance(entry, Mapping) else entry for entry in data)
            entries += told if old is None else (old.entry(contract, tick) for tick in data)
        there = {str(name).lower() for entry in entries if isinstance(entry, Mapping) for name in entry}
        for note in unknown_columns(sorted(there), {*_OURS, *_NOT_READ, *_TIMES}):
            findings.add(note, None, 0)
        names = {name: name for name in (*_OURS, *sorted(_TIMES)) if name in there}
        missing = sorted(_CONTRACT - set(names))
        if missing:
            raise UnreadableError(f"no {', '.join(missing)} in it")
        return _rows(json_objects.rows_of(entries, names, findings), findings)


def _joined(
    rows: pl.DataFrame, block: pl.DataFrame, name: str, ours: Mapping[str, str], file: File, findings: Findings
) -> pl.DataFrame:
    """The rows with a table apart, where it lies beside that of quotes and they do not say the same themselves.

    Open interest is of the session before the day it is stamped with, a volume of that day.
    """
    there = file.beside(file.path.name.replace(_QUOTE, name)) if _QUOTE in file.path.name else None
    if there is None or set(ours.values()) & set(rows.columns):
        return rows
    try:
        table = pl.read_csv(there, infer_schema=False, encoding="utf8-lossy").select(*_KEY, *ours)
    except (OSError, pl.exceptions.PolarsError) as error:
        findings.add(f"{there.name} beside it cannot be read ({type(error).__name__}); left out", None, 0)
        return rows
    table = table.unique(_KEY, keep="last", maintain_order=True).rename(dict(ours))
    joined = block.select("line", *_KEY).join(table, on=_KEY, how="left", maintain_order="left").drop(_KEY)
    rows = rows.join(joined, on="line", how="left", maintain_order="left")
    stamped = ours.get("timestamp")
    if stamped is None:
        return rows
    rows = columns.instants(rows, NEW_YORK.key, findings, stamped)
    day = pl.col(stamped).dt.convert_time_zone(NEW_YORK.key).dt.date()
    if stamped == "oi_asof":
        days = rows.select(day).to_series()
        before = {one: _session_before(one, file) for one in days.unique().drop_nulls()}
        return rows.with_columns(days.replace_strict(before, default=None, return_dtype=pl.Date).alias(stamped))
    return rows.with_columns(day.alias(stamped))


def _session_before(day: date, file: File) -> date | None:
    try:
        return file.calendar.previous_session(day)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class _Version2:
    """What an answer of the terminal's version 2 says of its columns: their names, in the order of every tick."""

    names: tuple[str, ...]

    @classmethod
    def of(cls, header: Any, findings: Findings) -> _Version2:
        """Its header. Raises UnreadableError where that names no columns; a page of several is noted to be one."""
        names = header.get("format") if isinstance(header, Mapping) else None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise UnreadableError("an answer of version 2 of the terminal without the names of its columns")
        if str(header.get("next_page") or "null") != "null":
            findings.add("one page of several: the contracts of the others are not in it", None, 0)
        return cls(tuple(names))

    def entry(self, contract: Mapping[str, Any], tick: Any) -> Any:
        """A tick as version 3 tells it; what is none, or of another length, as it is."""
        if not isinstance(tick, list) or len(tick) != len(self.names):
            return tick if not isinstance(tick, Mapping) else None
        told = dict(zip(self.names, tick, strict=True))
        moment, strike = _moment(told.pop("date", None), told.pop("ms_of_day", None)), contract.get("strike")
        return {
            **told,
            "timestamp": moment,
            "symbol": contract.get("root"),
            "expiration": str(contract.get("expiration")),
            "strike": strike / 1000 if isinstance(strike, int) and not isinstance(strike, bool) else strike,
            "right": contract.get("right"),
        }


def _moment(day: Any, milliseconds: Any) -> str | None:
    """A date such as 20241104 and the milliseconds of that day as ISO 8601; null where they are none."""
    if not isinstance(milliseconds, int) or isinstance(milliseconds, bool) or not 0 <= milliseconds < _A_DAY:
        return None
    try:
        begins = datetime.strptime(str(day), "%Y%m%d")  # noqa: DTZ007 - New York's, as all of the terminal's times
    except ValueError:
        return None
    return (begins + timedelta(milliseconds=milliseconds)).isoformat()


def _rows(block: pl.DataFrame, findings: Findings) -> pl.DataFrame:
    present = set(block.columns)
    if not {"bid", "ask"} <= present:
        raise UnreadableError(
            "a table of the terminal's without quotes; join it to the one of quotes, by contract, or name both alike "
            "(XYZ-quote.csv, XYZ-ohlc.csv)",
            1,
        )
    rows = block.select("line", *(pl.col(theirs).alias(ours) for theirs, ours in _OURS.items() if theirs in present))
    rows = rows.with_columns(underlying=pl.lit(None, dtype=pl.String))
    if {"vendor_iv", "vendor_delta"} <= set(rows.columns):
        rows = columns.numbers(rows, findings, "vendor_iv", "vendor_delta")
        rows = rows.with_columns(vendor_delta=pl.when(pl.col("vendor_iv") > 0).then("vendor_delta"))
    if "created" in present:
        rows = rows.with_columns(
            block["created"].str.slice(0, len("2026-08-20")).alias("session_date"),
            last_trade_time=block["last_trade"] if "last_trade" in present else pl.lit(None, dtype=pl.String),
            last=block["close"] if "close" in present else pl.lit(None, dtype=pl.String),
        )
        return columns.instants(rows, NEW_YORK.key, findings, "last_trade_time")
    if "timestamp" not in present:
        raise UnreadableError("a table of the terminal's without a time (timestamp or created)", 1)
    rows = columns.moments(rows.with_columns(quote_time=block["timestamp"]), NEW_YORK.key, findings, "quote_time")
    return moments.of_a_chain(rows)
