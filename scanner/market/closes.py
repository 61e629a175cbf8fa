"""Daily closes of underlyings: what the price of a stock did, told by whoever has it and not by chains.

A table of closes has one row for each name and session. Whoever downloads closes gets them divided by every split until
the day of the download, and whoever wrote them down day by day gets them as they were: ``basis`` is the last day whose
splits are in a close, so that both can be restated on the basis of the session that is judged.
"""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from types import MappingProxyType

import polars as pl

from scanner.errors import SourceError
from scanner.market import corporate_events, symbology
from scanner.market.calendar import Calendar
from scanner.market.symbology import plain_ticker, ticker

SCHEMA = pl.Schema(
    [
        ("underlying", pl.String),
        ("session_date", pl.Date),
        ("close", pl.Float64),
        ("basis", pl.Date),
        ("source", pl.String),
        ("known_at", pl.Datetime("us", "UTC")),
    ]
)
KEY = ("underlying", "session_date")
# What files call the columns, in the order of preference. A close less dividends is no price that anybody paid.
_HEADINGS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "underlying": ("underlying", "symbol", "ticker", "<ticker>"),
        "date": ("session_date", "date", "day", "<date>", "timestamp", "time"),
        "close": ("close", "close/last", "<close>", "closing price"),
    }
)
_NO_CLOSES = re.compile(r"strike|expir|option|put_?call|call_?put|\bbid\b|\bask\b|current_price", re.IGNORECASE)
_AMERICAN = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4})$")
_NAME_IN_FILE = re.compile(r"[A-Za-z]{1,6}(?:[.-][A-Za-z])?(?=$|[_ -]|\.)")
# Of the problems of one file so many are told, one line each.
_TOLD = 20


@dataclass(frozen=True)
class Closes:
    """The closes of a file, sorted by name and session, and one sentence for each line that was left out."""

    frame: pl.DataFrame
    problems: tuple[str, ...] = ()


def empty() -> pl.DataFrame:
    """No closes."""
    return pl.DataFrame(schema=SCHEMA)


def is_closes_header(line: str) -> bool:
    """Whether a file that starts with this line is of closes: dates and closes, and nothing of options or quotes."""
    names = _cells(line)
    return _column(names, "date") is not None and _column(names, "close") is not None and not _NO_CLOSES.search(line)


def read(path: Path, calendar: Calendar, known_at: datetime) -> Closes:
    """Read a CSV of closes: ``underlying,date,close``, or a download of one name, which is then the file's name.

    Dates are ISO 8601 (a time after them is not looked at), ``20261130`` or ``11/30/2026``. A line that cannot be
    understood is left out and named. Raises SourceError where the file as a whole cannot be read.
    """
    if path.exists() and not path.is_file():
        raise SourceError(f"{path}: is a folder, a pipe or a device, not a file", "unreadable_closes")
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            lines = list(csv.reader(handle))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path}: cannot be read ({error})", "unreadable_closes") from error
    heading = [cell.strip().lower() for cell in lines[0]] if lines else []
    if not heading or not is_closes_header(",".join(heading)):
        raise SourceError(f"{path}:1: expected the columns underlying,date,close", "unreadable_closes")
    places = {name: _column(heading, name) for name in _HEADINGS}
    of_file = _name_of(path) if places["underlying"] is None else ""
    if places["underlying"] is None and not of_file:
        raise SourceError(
            f"{path}: has no column `underlying` and a name that is no ticker; call it after its ticker, such as "
            "AAPL.csv",
            "unreadable_closes",
        )
    rows: list[tuple[str, date, float]] = []
    problems = []
    for number, cells in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in cells):
            continue
        try:
            rows.append(_row(cells, places, of_file, calendar))
        except ValueError as error:
            problems.append(f"{path}:{number}: {error}; the line is left out")
    if len(problems) > _TOLD:
        problems = [*problems[:_TOLD], f"{path}: {len(problems) - _TOLD:,} more lines are left out"]
    found = table(rows, path.name, known_at)
    if found.height < len(set(rows)):
        raise SourceError(f"{path}: holds several prices of one day, so they are no daily closes", "unreadable_closes")
    return Closes(found, tuple(problems))


def table(rows: Iterable[tuple[str, date, float]], source: str, known_at: datetime) -> pl.DataFrame:
    """Names, sessions and closes as a table; each name is on the basis of its last session until more is known."""
    frame = pl.DataFrame(list(rows), schema=["underlying", "session_date", "close"], orient="row").cast(
        {name: SCHEMA[name] for name in ("underlying", "session_date", "close")}
    )
    return (
        frame.unique(KEY, keep="last", maintain_order=True)
        .sort(KEY)
        .with_columns(
            basis=pl.col("session_date").max().over("underlying"),
            source=pl.lit(source),
            known_at=pl.lit(known_at, SCHEMA["known_at"]),
        )
        .cast(SCHEMA)
    )


def day(session: date) -> pl.Expr:
    """A day as a column."""
    return pl.lit(session, pl.Date)


def undivided(frame: pl.DataFrame, events: pl.DataFrame | None) -> pl.DataFrame:
    """The same where a known split shows in the closes as a step of its size: those before it were not divided by it.

    Their ``basis`` ends before the split then.
    """
    for name, effective, ratio in _splits(frame, events):
        closes = frame.filter(pl.col("underlying") == name)
        before, after = (
            closes.filter(pl.col("session_date") < effective)["close"].tail(1),
            closes.filter(pl.col("session_date") >= effective)["close"].head(1),
        )
        if not len(before) or not len(after):
            continue
        step = math.log(before[0] / after[0])
        if abs(step - math.log(ratio)) < abs(step):
            earlier = (pl.col("underlying") == name) & (pl.col("session_date") < effective)
            last = pl.min_horizontal("basis", pl.lit(effective).dt.offset_by("-1d"))
            frame = frame.with_columns(basis=pl.when(earlier).then(last).otherwise("basis"))
    return frame


def before(
    frame: pl.DataFrame, session: date, names: Sequence[str], events: pl.DataFrame | None = None
) -> pl.DataFrame:
    """``underlying session_date close``: of some names, what closed before a session, on that session's basis.

    Names are spelled as asked for. Nothing of the session itself or of a later one is in it: a split after the session
    is taken out of a close that was divided by it.
    """
    spelled = {plain_ticker(name): name for name in names}
    told = {name: spelled[plain_ticker(name)] for name in frame["underlying"].unique() if plain_ticker(name) in spelled}
    known = frame.filter((pl.col("session_date") < session) & pl.col("underlying").is_in(list(told)))
    known = known.with_columns(pl.col("underlying").replace(told))
    close = pl.col("close")
    for name, effective, ratio in _splits(known, events):
        of_name, basis = pl.col("underlying") == name, pl.col("basis")
        if effective <= session:
            close = pl.when(of_name & (basis < effective)).then(close / ratio).otherwise(close)
        else:
            close = pl.when(of_name & (basis >= effective)).then(close * ratio).otherwise(close)
    return known.select("underlying", "session_date", close.alias("close")).sort(KEY)


def _splits(frame: pl.DataFrame, events: pl.DataFrame | None) -> list[tuple[str, date, float]]:
    """The splits of the names of a frame, spelled as there, oldest first."""
    spelled = corporate_events.spelled_as(events, frame["underlying"].unique())
    if spelled is None:
        return []
    names = set(frame["underlying"].unique())
    return sorted((one for one in corporate_events.splits(spelled) if one[0] in names), key=lambda one: one[1])


def _cells(line: str) -> list[str]:
    return [cell.strip().strip('"').lower() for cell in line.lstrip("\ufeff").split(",")]


def _column(names: Sequence[str], wanted: str) -> int | None:
    return next((names.index(name) for name in _HEADINGS[wanted] if name in names), None)


def _name_of(path: Path) -> str:
    found = _NAME_IN_FILE.match(path.name)
    return ticker(found[0]) if found else ""


def _row(
    cells: Sequence[str], places: Mapping[str, int | None], of_file: str, calendar: Calendar
) -> tuple[str, date, float]:
    def cell(name: str) -> str:
        place = places[name]
        return cells[place].strip() if place is not None and place < len(cells) else ""

    underlying = of_file or ticker(cell("underlying").removesuffix(".US"))
    if not symbology.is_name(underlying):
        raise ValueError(f"underlying {underlying!r} is not a symbol such as GOOG or BRK.B")
    day = _day(cell("date"))
    if not calendar.is_session(day):
        raise ValueError(f"{day} is no session of the exchange")
    text = cell("close").replace("$", "").replace(",", "")
    try:
        close = float(text)
    except ValueError:
        close = math.nan
    if not 0 < close < math.inf:
        raise ValueError(f"close {cell('close')!r} is not a price")
    return underlying, day, close


def _day(text: str) -> date:
    """A date as files write it. Raises ValueError."""
    american = _AMERICAN.match(text)
    try:
        if american is not None:
            month, day, year = map(int, american.groups())
            return date(year, month, day)
        return date.fromisoformat(text[:10] if "-" in text else text[:8])
    except ValueError:
        raise ValueError(f"date {text!r} is not a date such as 2026-11-30 or 11/30/2026") from None
