"""Bytes into tables: plain or gzip, text in blocks of whole lines, Parquet in batches, JSON in one piece.

Nothing here knows a vendor. Memory is bounded by the block, whatever the size of the file.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import stat
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import polars as pl

from scanner.sources.formats import times
from scanner.sources.formats.base import Findings, UnreadableError

BLOCK_BYTES = 8 * 1024 * 1024
BATCH_ROWS = 500_000
# A whole market at one moment is read in one piece.
WHOLE_ROWS = 3_000_000
# The largest chains there are take some 40 MB of JSON and two million values; read, a value takes a hundred bytes.
LARGEST_JSON = 64 * 1024 * 1024
MOST_JSON_VALUES = 3_000_000
LONGEST_LINE = 4 * 1024 * 1024
_JSON_START = re.compile(rb"\{|\[\s*[\[\]{\"\d-]")
_HEAD_BYTES = 64 * 1024
_ARCHIVES = {b"PK\x03\x04": "zip", b"7z\xbc\xaf": "7-Zip", b"\x28\xb5\x2f\xfd": "Zstandard", b"BZh": "bzip2"}


@dataclass(frozen=True, slots=True)
class Head:
    """The beginning of a file, unpacked: enough to tell what it is."""

    kind: str  # "text", "json" or "parquet"
    lines: tuple[str, ...] = ()


def head(path: Path) -> Head:
    """Look at the beginning of a file. Raises UnreadableError where it is empty, packed otherwise, or a web page."""
    start = _whole(path, lambda stream: stream.read(_HEAD_BYTES))
    if start.startswith(b"PAR1"):
        if _is_packed(path):
            raise UnreadableError("a Parquet file inside gzip; unpack it first")
        return Head("parquet")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UnreadableError("text in UTF-16; save it as UTF-8")
    for magic, kind in _ARCHIVES.items():
        if start.startswith(magic):
            raise UnreadableError(f"a {kind} archive; unpack it first (gzip is read as it is)")
    text = start.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not text:
        raise UnreadableError("the file is empty")
    if _JSON_START.match(text):
        return Head("json")
    if text[:1] == b"<":
        raise UnreadableError("a web page or XML, not a chain; fetch it again")
    if b"\x00" in text.split(b"\n", 1)[0]:
        raise UnreadableError("neither text, JSON nor Parquet")
    lines = start.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").split("\n")
    if "\r" in lines[0].rstrip("\r"):
        raise UnreadableError("its lines end in carriage returns alone; save it with ordinary line ends")
    return Head("text", tuple(line.rstrip("\r") for line in lines))


def document(path: Path) -> Any:
    """A JSON file's content; ``NaN`` and ``Infinity``, which JSON does not have, are read as null."""
    content = _whole(path, lambda stream: stream.read(LARGEST_JSON + 1))
    if len(content) > LARGEST_JSON:
        raise UnreadableError(f"larger than the {LARGEST_JSON:,} bytes that are read of one JSON document")
    return parse_json(content)


def parse_json(content: bytes) -> Any:
    """A JSON body's content. Raises UnreadableError with the line where it stops making sense."""
    values = content.count(b",") + content.count(b"[") + content.count(b"{")
    if values > MOST_JSON_VALUES:
        raise UnreadableError(f"JSON of {values:,} values, where a chain has no more than {MOST_JSON_VALUES:,}")
    try:
        return json.loads(content, parse_constant=lambda _: None)
    except json.JSONDecodeError as error:
        if content.lstrip()[:1] == b"<":
            raise UnreadableError("a web page or XML, not JSON") from error
        short = "not JSON" if content.rstrip().endswith((b"}", b"]")) else "JSON that was cut short"
        raise UnreadableError(f"{short}: {error.msg} (character {error.pos})", error.lineno) from error
    except RecursionError as error:
        raise UnreadableError("JSON, but nested more deeply than any chain") from error
    except (UnicodeDecodeError, ValueError) as error:
        raise UnreadableError(f"not JSON: {type(error).__name__}") from error


def text_blocks(path: Path, names: Sequence[str], header_line: int, findings: Findings) -> Iterator[pl.DataFrame]:
    """The lines below the header, in blocks: columns ``names`` as text, and ``line``.

    A line with more or fewer fields than the header is refused. Raises UnreadableError where the file breaks off.
    """
    with _open(path) as stream:
        for _ in range(header_line):
            stream.readline()
        line = header_line + 1
        rest = b""
        while True:
            more = _guarded(stream, BLOCK_BYTES)
            last = len(more) < BLOCK_BYTES
            block = rest + more
            cut = len(block) if last else _last_line_end(block)
            rest = block[cut:]
            if len(rest) > LONGEST_LINE:
                raise UnreadableError(
                    f"a line longer than {LONGEST_LINE:,} bytes, or a quotation that does not end", line
                )
            if cut:
                yield _table(block[:cut], names, line, findings)
                line += block.count(b"\n", 0, cut)
            if last:
                return


def _last_line_end(block: bytes) -> int:
    """Where the last whole line ends; a line end inside quotes is none."""
    cut = block.rfind(b"\n") + 1
    quotes = block.count(b'"', 0, cut)
    while cut and quotes % 2:
        end = cut
        cut = block.rfind(b"\n", 0, end - 1) + 1
        quotes -= block.count(b'"', cut, end)
    return cut


def _table(block: bytes, names: Sequence[str], first_line: int, findings: Findings) -> pl.DataFrame:
    """A block of lines as text columns."""
    if b'"' in block:
        return _quoted_table(block, names, first_line, findings)
    count = block.count(b"\n") + (not block.endswith(b"\n"))
    if block.count(b",") == count * (len(names) - 1):
        try:
            table = _parsed(block, names)
        except pl.exceptions.ComputeError:
            return _uneven_table(block, names, first_line, findings)
        if table.height == count:
            return table.with_columns(line=pl.int_range(first_line, first_line + count, dtype=pl.Int64))
    return _uneven_table(block, names, first_line, findings)


def _parsed(block: bytes, names: Sequence[str]) -> pl.DataFrame:
    schema = dict.fromkeys(names, pl.String)
    if not block:
        return pl.DataFrame(schema=schema)
    return pl.read_csv(block, has_header=False, schema=schema, quote_char=None, encoding="utf8-lossy")


def _uneven_table(block: bytes, names: Sequence[str], first_line: int, findings: Findings) -> pl.DataFrame:
    """Line by line, for blocks in which some lines have more or fewer fields than the header."""
    commas = len(names) - 1
    good, numbers = [], []
    for number, line in enumerate(block.splitlines(), first_line):
        if line.count(b",") == commas:
            good.append(line)
            numbers.append(number)
        elif line.strip():
            _refuse_line(findings, number, line.count(b",") + 1, len(names))
    return _parsed(b"\n".join(good), names).with_columns(line=pl.Series(numbers, dtype=pl.Int64))


def _quoted_table(block: bytes, names: Sequence[str], first_line: int, findings: Findings) -> pl.DataFrame:
    """The careful way, for blocks in which fields are quoted and may hold commas and line ends."""
    reader = csv.reader(io.StringIO(block.decode("utf-8", "replace"), newline=""))
    fields, numbers = [], []
    line = first_line
    try:
        for row in reader:
            if len(row) == len(names):
                fields.append(row)
                numbers.append(line)
            elif any(value.strip() for value in row):
                _refuse_line(findings, line, len(row), len(names))
            line = first_line + reader.line_num
    except csv.Error as error:
        raise UnreadableError(f"not CSV: {error}", line) from error
    columns = list(zip(*fields, strict=True)) if fields else [()] * len(names)
    table = {name: pl.Series(column, dtype=pl.String) for name, column in zip(names, columns, strict=True)}
    return pl.DataFrame(table).with_columns(line=pl.Series(numbers, dtype=pl.Int64))


def _refuse_line(findings: Findings, line: int, found: int, expected: int) -> None:
    findings.add(f"{found} fields where the header has {expected}; row refused", line)


def parquet_columns(path: Path) -> tuple[str, ...]:
    """The column names of a Parquet file. Raises UnreadableError where it is damaged."""
    import pyarrow.parquet

    try:
        return tuple(pyarrow.parquet.read_schema(path).names)
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise UnreadableError(f"a damaged Parquet file ({_one_line(error)})") from error


def parquet_batches(path: Path, names: Sequence[str], *, typed: bool) -> Iterator[pl.DataFrame]:
    """A Parquet file, a large one in batches, its columns named ``names``, with ``line`` counting its rows from 1.

    Without ``typed`` every column is text, as in a CSV; what no text stands for is null then.
    """
    import pyarrow.parquet

    first = 1
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            whole = file.metadata.num_rows <= WHOLE_ROWS
            for batch in file.iter_batches(WHOLE_ROWS if whole else BATCH_ROWS):
                batch.validate(full=True)  # text that is none would end the process, not the reading
                table = pl.DataFrame(batch.rename_columns(list(names)))
                if not typed:
                    table = table.with_columns(times.as_text(column) for column in table)
                yield table.with_columns(line=pl.int_range(first, first + table.height, dtype=pl.Int64))
                first += table.height
    except (OSError, ValueError, pyarrow.ArrowException) as error:
        raise UnreadableError(f"a damaged Parquet file ({_one_line(error)})", first) from error


def _whole(path: Path, read: Any) -> bytes:
    with _open(path) as stream:
        return _guarded(stream, -1, read)


def _guarded(stream: BinaryIO | gzip.GzipFile, size: int, read: Any = None) -> bytes:
    try:
        return bytes(read(stream) if read else stream.read(size))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise UnreadableError(f"the gzip file is damaged or cut short ({_one_line(error)})") from error
    except OSError as error:
        raise UnreadableError(f"cannot be read ({error.strerror or error})") from error


def _open(path: Path) -> BinaryIO | gzip.GzipFile:
    """A file's content, unpacked. What is no ordinary file is not even opened: a pipe would be waited for."""
    try:
        kind = path.stat().st_mode
        if not stat.S_ISREG(kind):
            raise UnreadableError(f"{_kind(kind)}, not a file; copy what comes out of it to a file first")
        stream = path.open("rb")
        packed = stream.read(2) == b"\x1f\x8b"
        stream.seek(0)
    except OSError as error:
        raise UnreadableError(f"cannot be read ({error.strerror or error})") from error
    return gzip.GzipFile(fileobj=stream) if packed else stream


def _kind(mode: int) -> str:
    names = {stat.S_ISFIFO: "a pipe", stat.S_ISSOCK: "a socket", stat.S_ISDIR: "a folder"}
    return next((name for is_kind, name in names.items() if is_kind(mode)), "a device")


def _is_packed(path: Path) -> bool:
    with _open(path) as stream:
        return isinstance(stream, gzip.GzipFile)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
