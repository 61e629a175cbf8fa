"""Names to watch out of what people have: lists, exports of charting and trading programs, a broker's positions.

A file is read without being told what it is. A table is one with a heading such as ``Symbol`` among its first lines;
anything else is a list, of one name a line or with commas between them. Exchange prefixes (``NASDAQ:AAPL``) and
section marks (``###Tech``) of charting programs are known, and an option stands for its underlying. Cash, sums,
money-market and mutual funds are no names to watch; what cannot be told is reported, never guessed at.
"""

from __future__ import annotations

import csv
import difflib
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

from scanner.errors import UsageError
from scanner.market import symbology

# Lists that are there without any file. The second holds the funds whose options trade most.
BUILT_IN: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "megacap": ("AAPL", "MSFT", "NVDA", "AMZN", "GOOG", "GOOGL", "META", "TSLA", "AVGO", "BRK.B"),
        "index-etfs": (
            "SPY", "QQQ", "IWM", "DIA", "EEM", "EFA", "FXI", "TLT", "HYG", "GLD", "SLV", "USO", "XLE", "XLF", "XLK",
            "XLV", "XLI", "XLY", "XLP", "XLU", "XLB", "XBI", "SMH", "KRE", "ARKK",
        ),
        "indices": ("SPX", "NDX", "RUT", "VIX", "XSP"),
    }
)  # fmt: skip
LARGEST = 5 * 1024 * 1024
MOST_NAMES = 20_000
_HEADINGS = ("underlying symbol", "underlying", "symbol", "ticker", "instrument", "symbol/cusip", "security", "sym")
_HEADING_LINES = 25
# ``###Tech,NASDAQ:AAPL``: the name of a section, up to the comma.
_SECTION = re.compile(r"###[^,]*")
_PREFIX = re.compile(r"^[A-Z][A-Z0-9_]{1,14}:")
_NAME = re.compile(r"^[$^_]?[A-Z][A-Z0-9]{0,5}(?:[./-][A-Z])?$")
# Schwab's and others' words for an option: the name, a date, a strike and a side.
_OPTION_IN_WORDS = re.compile(r"^([A-Z]{1,6})\s+\d{1,2}/\d{1,2}/\d{2,4}\s+[\d.]+\s+[CP]$")
# An option as thinkorswim and Fidelity write it: the strike as it is, and a dot or a hyphen before all.
_OPTION_SHORT = re.compile(r"^[.\-]{0,2}([A-Z]{1,6})\d{6}[CP][\d.]{1,10}$")
_NO_NAMES = re.compile(r"^(CASH|USD|TOTALS?|ACCOUNT|PENDING|MARGIN|SUBTOTAL|N/A|--|BALANCE)\b")
_FUND = re.compile(r"^[A-Z]{4}X$|\*{1,2}$")


@dataclass(frozen=True, slots=True)
class Universe:
    """The names in a file, each once and in order, and what was left out of it and why, with the line (from 1)."""

    symbols: tuple[str, ...]
    left_out: tuple[str, ...] = ()


def named(text: str, folder: Path = Path()) -> Universe:
    """The names that ``@NAME`` stands for: a built-in list, else a file, from ``folder``.

    Raises UsageError where it cannot be read, or holds none.
    """
    name = text.removeprefix("@").strip()
    if name in BUILT_IN:
        return Universe(BUILT_IN[name])
    path = folder / name
    try:
        path = folder / Path(name).expanduser()
        if path.stat().st_size > LARGEST:
            raise UsageError(f"{path}: larger than the {LARGEST:,} bytes that are read of a list of names")
        return read(path.read_text("utf-8", "replace"))
    except OSError as error:
        there = ", ".join(f"@{built_in}" for built_in in BUILT_IN)
        near = difflib.get_close_matches(name, BUILT_IN, n=1)
        hint = f"; did you mean @{near[0]}?" if near else ""
        said = error.strerror or error
        raise UsageError(f"{path}: cannot be read ({said}){hint}; name a file of symbols, or one of {there}") from error
    except (ValueError, RuntimeError, csv.Error) as error:
        raise UsageError(f"{path}: {error}; expected a list, or a table with a heading `Symbol`") from error


def read(text: str) -> Universe:
    """The names in a text. Raises ValueError where there are none, or far too many."""
    lines = text.lstrip("\ufeff").splitlines()
    table = _table(lines)
    cells = _listed(lines) if table is None else table
    found: list[str] = []
    left_out: list[str] = []
    for line, cell in cells:
        name = _name(cell)
        if name:
            found.append(name)
        elif name is None:
            left_out.append(f"line {line}: {cell[:40]!r} is no name that can be watched")
    symbols = symbology.each_once(found)
    if not symbols:
        raise ValueError("there is no ticker symbol in it")
    if len(symbols) > MOST_NAMES:
        raise ValueError(f"{len(symbols):,} names, of which {MOST_NAMES:,} can be watched at most")
    return Universe(symbols, tuple(left_out))


def _table(lines: list[str]) -> list[tuple[int, str]] | None:
    """The cells under the heading that names symbols; None where there is no such heading."""
    for number, line in enumerate(lines[:_HEADING_LINES], 1):
        mark = "\t" if line.count("\t") > line.count(",") else ","
        fields = [field.strip().strip('"').lower() for field in next(csv.reader([line], delimiter=mark), [])]
        heading = next((name for name in _HEADINGS if name in fields), None)
        if heading is None or len(fields) < 2:
            continue
        place = fields.index(heading)
        rows = csv.reader(lines[number:], delimiter=mark)
        return [(number + at, row[place].strip()) for at, row in enumerate(rows, 1) if len(row) > place and row[place]]
    return None


def _listed(lines: list[str]) -> Iterable[tuple[int, str]]:
    """What stands on each line, or between its commas; a comment ends a line."""
    for number, line in enumerate(lines, 1):
        for cell in re.split(r"[,;\t]", _SECTION.sub("", line).split("#", 1)[0]):
            if cell.strip() and cell.strip().lower() not in _HEADINGS:
                yield number, cell.strip().strip('"')


def _name(cell: str) -> str | None:
    """The name that a cell stands for; empty for cash, sums and funds, None for what cannot be told."""
    text = _PREFIX.sub("", cell.strip().upper())
    if not text or _NO_NAMES.match(text) or _FUND.search(text):
        return ""
    option = _OPTION_IN_WORDS.match(text) or _OPTION_SHORT.match(text)
    if option:
        return symbology.ticker(symbology.underlying_of(option[1]))
    try:
        return symbology.ticker(symbology.underlying_of(symbology.parse_osi(text.lstrip(".-")).root))
    except ValueError:
        written = symbology.ticker(text)
        return written if _NAME.match(written) else None
