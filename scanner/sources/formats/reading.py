"""Bytes into tables: plain or gzip, text in blocks of whole lines, Parquet in batches, JSON in one piece.

Nothing here knows a vendor. Memory is bounded by the block, whatever the size of the file.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import math
import re
import stat
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
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
_NOT_BLANK = re.compile(r"\S")
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
    return parse_json(_json_of(path))


def documents(path: Path) -> Iterator[tuple[int, Any]]:
    """The JSON documents of a file, one after the other, each with the line it begins on.

    Pulls are appended to a file as they are, a line each, or as the entries of a list. Raises UnreadableError.
    """
    content = _json_of(path)
    try:
        whole = parse_json(content)
    except UnreadableError:
        yield from _appended(content)
        return
    entries = (
        whole if isinstance(whole, list) and whole and all(isinstance(entry, dict) for entry in whole) else [whole]
    )
    yield from ((1, entry) for entry in entries)


def _appended(content: bytes) -> Iterator[tuple[int, Any]]:
    """Documents that stand one after the other. Raises UnreadableError, after those before it, where one is none."""
    text = content.decode("utf-8-sig", "surrogateescape")
    decoder = json.JSONDecoder(parse_constant=lambda _: None)
    place = 0
    while found := _NOT_BLANK.search(text, place):
        begun = found.start()
        try:
            _, place = decoder.raw_decode(text, begun)
        except (ValueError, RecursionError):
            place = len(text)
        line = text.count("\n", 0, begun)
        try:
            yield line + 1, parse_json(text[begun:place].rstrip().encode("utf-8", "surrogateescape"))
        except UnreadableError as error:
            raise UnreadableError(error.reason, line + (error.line or 1)) from error


def _json_of(path: Path) -> bytes:
    content = _whole(path, lambda stream: stream.read(LARGEST_JSON + 1))
    if len(content) > LARGEST_JSON:
        raise UnreadableError(f"larger than the {LARGEST_JSON:,} bytes that are read of one JSON document")
    return content


def last_line(path: Path) -> str:
    """The last line of a text file that is not blank."""
    lines = _whole(path, lambda stream: stream.read()).rstrip().rsplit(b"\n", 1)
    return lines[-1].decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Section:
    """A table in a text file: its bytes below its header, the number of its first line, and the lines above its header.

    ``end`` is None where it reaches to the end of the file.
    """

    line: int
    begin: int
    end: int | None = None
    preamble: tuple[str, ...] = ()


def sections(path: Path, header_line: int) -> list[Section]:
    """The tables of a text file: one, or one for each time its header comes again, as in pulls that were appended."""
    with _open(path) as stream:
        top = [stream.readline() for _ in range(header_line)]
        header = top[-1].removeprefix(b"\xef\xbb\xbf").strip()
        found = [Section(header_line + 1, sum(map(len, top)), None, _shown(top[:-1]))]
        line, place = header_line + 1, found[0].begin
        above: list[bytes] = []
        # Line by line only where the header comes again; most files are looked through in blocks.
        rest = b""
        while more := _guarded(stream, BLOCK_BYTES):
            block = rest + more
            cut = block.rfind(b"\n") + 1
            block, rest = block[:cut], block[cut:]
            if header not in block:
                line, place, above = line + block.count(b"\n"), place + len(block), []
                continue
            for one in (part + b"\n" for part in block[:-1].split(b"\n")):
                if one.strip() == header:
                    before = above[len(above) - (header_line - 1) :] if header_line > 1 else []
                    found[-1] = replace(found[-1], end=place - sum(map(len, before)))
                    found.append(Section(line + 1, place + len(one), None, _shown(before)))
                above = [*above, one][-header_line:]
                line, place = line + 1, place + len(one)
    return found


def _shown(lines: list[bytes]) -> tuple[str, ...]:
    return tuple(line.decode("utf-8", "replace").removeprefix("\ufeff").rstrip("\r\n") for line in lines)


def parse_json(content: bytes) -> Any:
    """A JSON body's content. Raises UnreadableError with the line where it stops making sense.

    Of a name that comes twice in one object with different values neither is taken for its value: a text of both is,
    which is no number, no date and no list, and is reported by who reads it.
    """
    if holds_too_much(content):
        values = f"JSON of {_values(content):,} values"
        raise UnreadableError(f"{values}, where a chain has no more than {MOST_JSON_VALUES:,}")
    try:
        return json.loads(content, parse_constant=lambda _: None, object_pairs_hook=_of_pairs)
    except json.JSONDecodeError as error:
        if content.lstrip()[:1] == b"<":
            raise UnreadableError("a web page or XML, not JSON") from error
        short = "not JSON" if content.rstrip().endswith((b"}", b"]")) else "JSON that was cut short"
        raise UnreadableError(f"{short}: {error.msg} (character {error.pos})", error.lineno) from error
    except RecursionError as error:
        raise UnreadableError("JSON, but nested more deeply than any chain") from error
    except (UnicodeDecodeError, ValueError) as error:
        raise UnreadableError(f"not JSON: {type(error).__name__}") from error


def _of_pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    named = dict(pairs)
    if len(named) < len(pairs):
        others = {name: value for name, value in pairs if value != named[name]}
        named |= {name: f"{_in_short(other)} and {_in_short(named[name])}" for name, other in others.items()}
    return named


def _in_short(value: Any) -> str:
    return "..." if isinstance(value, dict | list) else f"{value!s:.20}"


def holds_too_much(content: bytes) -> bool:
    """Whether a JSON body holds more values than any chain."""
    return _values(content) > MOST_JSON_VALUES


def _values(content: bytes) -> int:
    return content.count(b",") + content.count(b"[") + content.count(b"{")


def text_blocks(
    path: Path, names: Sequence[str], section: Section, findings: Findings, footer: str = ""
) -> Iterator[pl.DataFrame]:
    """The lines of a table, in blocks: columns ``names`` as text, and ``line``.

    A line with more or fewer fields than the header is refused; one that begins with ``footer`` is none of the table.
    Raises UnreadableError where the file breaks off.
    """
    with _open(path) as stream:
        with _damage_told():
            stream.seek(section.begin)
        line, left = section.line, math.inf if section.end is None else section.end - section.begin
        rest = b""
        while True:
            more = _guarded(stream, int(min(BLOCK_BYTES, left)))
            left -= len(more)
            last = len(more) < BLOCK_BYTES
            block = rest + (_without(more, footer) if footer else more)
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


def _without(block: bytes, footer: str) -> bytes:
    """A block whose lines of a footer are blank. Such files are small: a footer never lies across two blocks."""
    return re.sub(rb'(?mi)^"?' + re.escape(footer.encode()) + rb"[^\n]*", b"", block)


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
    with _damage_told():
        return bytes(read(stream) if read else stream.read(size))


@contextmanager
def _damage_told() -> Iterator[None]:
    """Raises UnreadableError for a file that cannot be read to its end, or unpacked."""
    try:
        yield
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
