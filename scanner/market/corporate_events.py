"""Events that chains do not carry: earnings, dividends, splits and market values, from a CSV of the user's.

``events.csv`` has the columns ``underlying,date,kind,value,when``. ``date`` is the day of the announcement, the
ex-dividend date, the first session on the new basis of a split, or the day of a market value. ``value`` is the dividend
or the market value in dollars, or the split's ratio (``7``, ``7:1``, ``1:10``); ``when`` is ``before_open``,
``after_close`` or empty. ``kind`` may be any other word for a day on which something is told - ``deliveries``,
``launch`` - which then has no value.
"""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import polars as pl

from scanner.errors import SourceError
from scanner.market import symbology
from scanner.market.symbology import plain_ticker, ticker

# What the program acts upon; what is spelled nearly like one of them is not taken for news of another kind.
KINDS = ("earnings", "dividend", "split", "market_value")
# Kinds that are no news: what they do to a price is known beforehand.
NO_NEWS = ("dividend", "split", "market_value")
_KIND = re.compile(r"[a-z][a-z0-9 _-]{2,39}")
WHENS = ("before_open", "after_close")
COLUMNS = ("underlying", "date", "kind", "value", "when")
SCHEMA = pl.Schema(
    [("underlying", pl.String), ("date", pl.Date), ("kind", pl.String), ("value", pl.Float64), ("when", pl.String)]
)

Row = tuple[str, date, str, float | None, str | None]


@dataclass(frozen=True)
class Events:
    """The events of a file, sorted by underlying and date, and one sentence for each line that was left out."""

    frame: pl.DataFrame
    problems: tuple[str, ...] = ()


def empty() -> pl.DataFrame:
    """No events."""
    return pl.DataFrame(schema=SCHEMA)


def is_events_header(line: str) -> bool:
    """Whether a file that starts with this line is a table of events."""
    return {"underlying", "date", "kind"} <= set(_names(line.lstrip("\ufeff").split(",")))


def read(path: Path) -> Events:
    """Read ``events.csv``. A line that cannot be understood is left out and named; the rest goes on.

    Raises SourceError where the file as a whole cannot be read.
    """
    if path.exists() and not path.is_file():
        raise SourceError(f"{path}: is a folder, a pipe or a device, not a file", "unreadable_events")
    try:
        with path.open(encoding="utf-8-sig", newline="") as handle:
            lines = list(csv.reader(handle))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise SourceError(f"{path}: cannot be read ({error})", "unreadable_events") from error
    if not lines or not is_events_header(",".join(lines[0])):
        raise SourceError(f"{path}:1: expected the columns {','.join(COLUMNS)}", "unreadable_events")
    rows, problems = [], []
    for number, cells in enumerate(lines[1:], start=2):
        if not any(cell.strip() for cell in cells):
            continue
        try:
            rows.append(_row(dict(zip(_names(lines[0]), (cell.strip() for cell in cells), strict=False))))
        except ValueError as error:
            problems.append(f"{path}:{number}: {error}; the line is left out")
    return Events(_sorted(rows), tuple(problems))


def merged(frames: Iterable[pl.DataFrame]) -> pl.DataFrame:
    """Several tables of events as one; of two that name the same event, the later table's word counts."""
    return (
        pl.concat([empty(), *frames])
        .unique(["underlying", "date", "kind"], keep="last", maintain_order=True)
        .sort("underlying", "date", "kind")
    )


def _sorted(rows: list[Row]) -> pl.DataFrame:
    return merged([pl.DataFrame(rows, schema=SCHEMA, orient="row")])


def _names(cells: Iterable[str]) -> list[str]:
    return [cell.strip().lower() for cell in cells]


def _row(cells: dict[str, str]) -> Row:
    underlying, kind, when = ticker(cells.get("underlying", "")), cells.get("kind", "").lower(), cells.get("when", "")
    if not underlying:
        raise ValueError("no underlying")
    if not symbology.is_name(underlying):
        raise ValueError(f"underlying {underlying!r} is not a symbol such as GOOG or BRK.B")
    near = difflib.get_close_matches(kind, KINDS, n=1, cutoff=0.75)
    if kind not in KINDS and (near or not _KIND.fullmatch(kind)):
        hint = f"did you mean {near[0]}" if near else f"{', '.join(KINDS)} or a word such as launch"
        raise ValueError(f"kind {kind!r} is no kind of event: {hint}?" if near else f"kind {kind!r} is not {hint}")
    if when and when not in WHENS:
        raise ValueError(f"when {when!r} is neither {' nor '.join(WHENS)}, and not empty")
    try:
        day = date.fromisoformat(cells.get("date", ""))
    except ValueError:
        raise ValueError(f"date {cells.get('date', '')!r} is not a date such as 2025-09-05") from None
    return underlying, day, kind, _value(kind, cells.get("value", "")), when or None


def _value(kind: str, text: str) -> float | None:
    """Dollars of a dividend or a company, shares for one of a split, nothing else. Raises ValueError for nonsense."""
    if kind not in NO_NEWS or (kind == "dividend" and not text):
        return None
    try:
        parts = [float(part) for part in text.split(":")]
        value = parts[0] if len(parts) == 1 else parts[0] / parts[1]
    except (ValueError, ZeroDivisionError):
        value = -1.0
    if not 0 < value < float("inf"):
        raise ValueError(f"value {text!r} of a {kind} is not {'a ratio such as 7:1' if kind == 'split' else 'dollars'}")
    return value


def spelled_as(frame: pl.DataFrame | None, names: Iterable[str]) -> pl.DataFrame | None:
    """The events with each underlying spelled as in ``names``: a table's ``BRK.B`` is the ``BRK-B`` of a chain."""
    if frame is None:
        return None
    spelled = {plain_ticker(name): name for name in names}
    told = {name: spelled.get(plain_ticker(name), name) for name in frame["underlying"].unique()}
    return frame.with_columns(pl.col("underlying").replace(told))


def splits(frame: pl.DataFrame) -> Iterator[tuple[str, date, float]]:
    """Underlying, first session on the new basis and ratio of every split."""
    yield from frame.filter(pl.col("kind") == "split").select("underlying", "date", "value").iter_rows()


def dividends(frame: pl.DataFrame | None) -> pl.DataFrame | None:
    """``underlying ex_date amount`` of every dividend whose dollars are known; None where there is none."""
    if frame is None:
        return None
    known = frame.filter((pl.col("kind") == "dividend") & pl.col("value").is_not_null())
    return None if known.is_empty() else known.select("underlying", ex_date="date", amount="value")


def market_values(frame: pl.DataFrame | None, session: date) -> pl.DataFrame:
    """``underlying market_value`` (dollars): of each name the newest that a table of events tells up to a session."""
    known = (empty() if frame is None else frame).filter(
        (pl.col("kind") == "market_value") & (pl.col("date") <= session) & pl.col("value").is_not_null()
    )
    return known.sort("date").group_by("underlying", maintain_order=True).agg(market_value=pl.col("value").last())
