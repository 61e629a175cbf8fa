"""Reading a recorded tape, plain or gzip CSV or Parquet, in blocks of bounded size.

A file that is cut short gives what is whole, and that it was cut is said. Nothing is dropped in silence: prints that
cannot be taken are counted by reason.
"""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import polars as pl

from scanner.errors import SourceError
from scanner.sources.tapes import FORMATS
from scanner.sources.tapes.base import TapeFormat
from scanner.tape.prints import Problem, Tape, conform, empty

_BLOCK = 64 << 20
_ROWS = 2_000_000
_GZIP, _PARQUET = b"\x1f\x8b", b"PAR1"


def is_tape(path: Path) -> bool:
    """Whether a file is a recorded tape, by its first line or its columns."""
    try:
        return format_of(path) is not None
    except (OSError, SourceError, UnicodeDecodeError, pl.exceptions.PolarsError, zlib.error):
        return False


def format_of(path: Path) -> TapeFormat | None:
    """The format of a file; None where it is no tape."""
    if _begins(path) == _PARQUET:
        names = list(pl.read_parquet_schema(path))
    else:
        first = next(_unpacked(path, 1 << 16, []), b"").partition(b"\n")[0]
        names = first.decode("utf-8-sig").strip().replace('"', "").split(",")
    header = frozenset(name.strip().lower() for name in names)
    return next((known for known in FORMATS if known.recognises(header)), None)


def read_tape(path: Path) -> Tape:
    """A whole recorded tape. Raises SourceError where the file is none, or cannot be read at all."""
    parts, problems = [], list[Problem]()
    form = format_of(path)
    if form is None:
        raise SourceError(f"{path}: no known tape; `scanner import` says what else it may be", "unknown_format")
    try:
        for block in _blocks(path, problems):
            found, wrong = form.prints(block)
            tape = conform(found, source=form.source)
            parts.append(tape.prints)
            problems += (*wrong, *tape.problems)
    except (OSError, zlib.error, pl.exceptions.PolarsError) as error:
        raise SourceError(f"{path}: cannot be read: {error}", "unreadable_file") from error
    if not parts:
        return Tape(empty(), tuple(added_up(problems)))
    joined = conform(pl.concat(parts), source=form.source) if len(parts) > 1 else Tape(parts[0])
    return Tape(joined.prints, tuple(added_up([*problems, *joined.problems])))


def added_up(problems: Iterable[Problem]) -> Iterator[Problem]:
    """Each reason once, with all the prints it concerns and its first example."""
    found: dict[tuple[str, str], Problem] = {}
    for problem in problems:
        key = (problem.code, problem.reason)
        before = found.get(key)
        count = problem.prints + (before.prints if before else 0)
        found[key] = Problem(problem.code, problem.reason, count, before.example if before else problem.example)
    yield from found.values()


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
    """The bytes of a file, unpacked where it is gzip; a packed file that ends too early is told."""
    with path.open("rb") as handle:
        first = handle.read(size)
        if not first.startswith(_GZIP):
            while first:
                yield first
                first = handle.read(size)
            return
        inflate = zlib.decompressobj(wbits=31)
        while first:
            yield inflate.decompress(first)
            while inflate.eof and inflate.unused_data:
                more, inflate = inflate.unused_data, zlib.decompressobj(wbits=31)
                yield inflate.decompress(more)
            first = handle.read(size)
        if not inflate.eof:
            problems.append(Problem("cut_short", "the packed file ends in the middle; what comes after is missing", 0))
