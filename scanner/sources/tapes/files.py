"""Reading a recorded tape, plain or gzip CSV or Parquet, in blocks of bounded size.

A file that is cut short gives what is whole, and that it was cut is said. Nothing is dropped in silence: prints that
cannot be taken are counted by reason. A vendor's file of quotes beside its file of prints is read along with it.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from pathlib import Path

import polars as pl

from scanner.errors import SourceError
from scanner.sources.tapes import FORMATS, QUOTE_FORMATS, STOCK_FORMATS, databento
from scanner.sources.tapes.base import QuoteFormat, TapeFormat, added_up, tape_of
from scanner.tape.prints import Problem, Tape
from scanner.tape.quotes import QuotesBeside

_BLOCK = 64 << 20
_READ = 1 << 20
_ROWS = 2_000_000
_GZIP, _PARQUET = b"\x1f\x8b", b"PAR1"
_UNREADABLE = (OSError, zlib.error, UnicodeDecodeError, pl.exceptions.PolarsError)


def is_tape(path: Path) -> bool:
    """Whether a file is a recorded tape, by its first line or its columns."""
    try:
        return databento.is_dbn(path) or format_of(path) is not None
    except (*_UNREADABLE, SourceError):
        return False


def is_quotes(path: Path) -> bool:
    """Whether a file holds quotes alone, which go beside a tape's prints."""
    try:
        return _quotes_of(path) is not None
    except (*_UNREADABLE, SourceError):
        return False


def is_stock_prints(path: Path) -> bool:
    """Whether a file is a table of stock prints, by its first line or its columns."""
    try:
        return any(known.recognises(_header(path)) for known in STOCK_FORMATS)
    except (*_UNREADABLE, SourceError):
        return False


def format_of(path: Path) -> TapeFormat | None:
    """The format of a table of prints; None where it is none."""
    header = _header(path)
    if any(known.recognises(header) for known in STOCK_FORMATS):
        return None
    return next((known for known in FORMATS if known.recognises(header)), None)


def _quotes_of(path: Path) -> QuoteFormat | None:
    header = _header(path)
    return next((known for known in QUOTE_FORMATS if known.recognises(header)), None)


def _header(path: Path) -> frozenset[str]:
    if _begins(path) == _PARQUET:
        names = list(pl.read_parquet_schema(path))
    else:
        first = next(_unpacked(path, 1 << 16, []), b"").partition(b"\n")[0]
        names = first.decode("utf-8-sig").strip().replace('"', "").split(",")
    return frozenset(name.strip().lower() for name in names)


def read_tape(path: Path, quotes: Path | None = None) -> Tape:
    """A whole recorded tape. Raises SourceError where the file is none, or cannot be read at all.

    ``quotes`` is a file of quotes to stand beside the prints; None: the one that stands where the vendor puts it, if
    it is there.
    """
    try:
        tape = databento.read(path) if databento.is_dbn(path) else _of_table(path)
    except _UNREADABLE as error:
        raise SourceError(f"{path}: cannot be read: {error}", "unreadable_file") from error
    beside = quotes or quotes_beside(path)
    return tape if beside is None or tape.prints.is_empty() else _with_quotes(tape, beside)


def read_stock_prints(path: Path) -> Tape:
    """The stock prints of a file, obeying :mod:`scanner.tape.off_exchange`. Raises SourceError where it is none."""
    try:
        header = _header(path)
        form = next((known for known in STOCK_FORMATS if known.recognises(header)), None)
        if form is None:
            raise SourceError(f"{path}: no known table of stock prints", "unknown_format")
        problems = list[Problem]()
        return tape_of(form, _blocks(path, problems), problems)
    except _UNREADABLE as error:
        raise SourceError(f"{path}: cannot be read: {error}", "unreadable_file") from error


def quotes_beside(path: Path) -> Path | None:
    """The file of quotes of a file of prints, as vendors name it; None where there is none."""
    for given, other in (("trades", "quotes"), ("Trades", "Quotes")):
        found = Path(str(path.parent).replace(given, other)) / path.name.replace(given, other)
        if found != path and found.is_file() and is_quotes(found):
            return found
    return None


def _of_table(path: Path) -> Tape:
    form = format_of(path)
    if form is None:
        raise SourceError(f"{path}: no known tape; `scanner import` says what else it may be", "unknown_format")
    problems = list[Problem]()
    return tape_of(form, _blocks(path, problems), problems)


def _with_quotes(tape: Tape, path: Path) -> Tape:
    """The tape with the quotes of a file, read in blocks. Raises SourceError where it is none."""
    problems = list[Problem]()
    try:
        form = _quotes_of(path)
        if form is None:
            raise SourceError(f"{path}: no known file of quotes", "unknown_format")
        beside = QuotesBeside(tape.prints)
        for block in _blocks(path, problems):
            quotes, wrong = form.quotes(block)
            beside.take(quotes)
            problems += wrong
    except _UNREADABLE as error:
        raise SourceError(f"{path}: cannot be read: {error}", "unreadable_file") from error
    return Tape(beside.prints(), (*tape.problems, *added_up(problems)))


def _begins(path: Path) -> bytes:
    with path.open("rb") as handle:
        return handle.read(4)


def _blocks(path: Path, problems: list[Problem]) -> Iterator[pl.DataFrame]:
    if _begins(path) == _PARQUET:
        yield from _of_parquet(path)
    else:
        yield from _of_csv(path, problems)


def _of_parquet(path: Path) -> Iterator[pl.DataFrame]:
    whole = pl.scan_parquet(path)
    height = whole.select(pl.len()).collect().item()
    for start in range(0, max(height, 1), _ROWS):
        block = whole.slice(start, _ROWS).collect()
        yield block.rename({name: name.strip().lower() for name in block.columns})


def _of_csv(path: Path, problems: list[Problem]) -> Iterator[pl.DataFrame]:
    """Blocks of whole lines, every column as text. A last line that does not end is taken for what it is."""
    header, left = b"", b""
    for data in _unpacked(path, _BLOCK, problems):
        whole, line_end, rest = (left + data).rpartition(b"\n")
        left = rest
        if not line_end:
            continue
        if not header:
            header, _, whole = whole.removeprefix(b"\xef\xbb\xbf").partition(b"\n")
        if whole.strip():
            yield _parsed(header + b"\n" + whole)
    if left.strip() and header:
        yield _parsed(header + b"\n" + left)


def _parsed(text: bytes) -> pl.DataFrame:
    block = pl.read_csv(io.BytesIO(text), infer_schema=False, truncate_ragged_lines=True, encoding="utf8-lossy")
    return block.rename({name: name.strip().lower() for name in block.columns})


def _unpacked(path: Path, size: int, problems: list[Problem]) -> Iterator[bytes]:
    """The bytes of a file in pieces of ``size`` at most, unpacked where it is gzip.

    A packed file that ends too early is told.
    """
    with path.open("rb") as handle:
        packed = handle.read(len(_GZIP)) == _GZIP
        handle.seek(0)
        yield from _inflated(handle, size, problems) if packed else iter(lambda: handle.read(size), b"")


def _inflated(handle: io.BufferedReader, size: int, problems: list[Problem]) -> Iterator[bytes]:
    inflate = zlib.decompressobj(wbits=31)
    given = handle.read(_READ)
    while given:
        if inflate.eof:
            inflate = zlib.decompressobj(wbits=31)
        yield inflate.decompress(given, size)
        given = inflate.unused_data or inflate.unconsumed_tail or handle.read(_READ)
    yield inflate.flush()
    if not inflate.eof:
        problems.append(Problem("cut_short", "the packed file ends in the middle; what comes after is missing", 0))
