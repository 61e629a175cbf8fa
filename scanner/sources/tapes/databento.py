"""Databento's files (DBN, packed with Zstandard or not): schemas ``trades``, ``tbbo`` and ``tcbbo``.

They are read by the vendor's own library (extra ``databento``), which is imported when a file is one. Prices are whole
billionths of a dollar, the largest integers mean that there is none, and instruments are numbers that the file's head
names; a file that was asked for by parent symbols names them in a file of definitions beside it. ``ts_event`` is the
consolidated tape's own time. No condition is told.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl

from scanner.errors import SourceError
from scanner.tape.prints import NANOSECONDS, Problem, Tape, conform, empty

_PLAIN, _PACKED = b"DBN", b"\x28\xb5\x2f\xfd"
_READ = 1 << 20
_ROWS = 200_000
_BILLIONTHS, _NO_PRICE = 1e-9, 2**63 - 1
_SCHEMAS = ("tcbbo", "tbbo", "trades")
_SIDES = {"A": "sell", "B": "buy"}
_ALL_VENUES = 30
_VENUES = {
    20: "AMXO", 21: "XBOX", 22: "XCBO", 23: "EMLD", 24: "EDGO", 25: "GMNI", 26: "XISX", 27: "MCRY", 28: "XMIO",
    29: "ARCO", 31: "MPRL", 32: "XNDQ", 33: "XBXO", 34: "C2OX", 35: "XPHL", 36: "BATO", 37: "MXOP",
}  # fmt: skip
_COLUMNS = pl.Schema(
    {
        "contract": pl.String(), "time": NANOSECONDS, "price": pl.Float64(), "size": pl.Int64(),
        "exchange": pl.String(), "told_side": pl.String(), "bid": pl.Float64(), "ask": pl.Float64(),
        "bid_size": pl.Int64(), "ask_size": pl.Int64(),
    }
)  # fmt: skip
_Instruments = dict[int, list[tuple[date, date, str]]]


def is_dbn(path: Path) -> bool:
    """Whether a file is one of these, by how it begins and, where it is packed, by its name."""
    with path.open("rb") as handle:
        begins = handle.read(4)
    return begins.startswith(_PLAIN) or (begins == _PACKED and ".dbn" in path.name.lower())


def read(path: Path) -> Tape:
    """The prints of a file. Raises SourceError where the library is missing, or the file holds no prints."""
    instruments: _Instruments = defaultdict(list)
    for other in _definitions(path):
        _learn_definitions(other, instruments)
    parts, problems = [], list[Problem]()
    rows: list[tuple[Any, ...]] = []
    for record in _records(path, problems):
        kind = type(record).__name__
        if kind == "Metadata":
            _learn(record, instruments)
            problems += _about(str(record.schema or ""), path)
        elif getattr(record, "action", None) == "T":
            rows.append(_row(record, instruments))
        if len(rows) >= _ROWS:
            parts.append(_tape(rows, problems))
            rows = []
    if rows:
        parts.append(_tape(rows, problems))
    if not parts:
        return Tape(empty(), tuple(problems))
    joined = conform(pl.concat(parts), source="databento")
    return Tape(joined.prints, (*problems, *joined.problems))


def _records(path: Path, problems: list[Problem]) -> Iterator[Any]:
    """The records of a file, read in blocks; one that is cut short gives what is whole, and that is told."""
    try:
        from databento_dbn import Compression, DBNDecoder, DBNError
    except ImportError as error:
        raise SourceError(
            f"{path}: reading it needs the vendor's library: pip install 'options-unusual-activity-scanner[databento]'",
            "missing_library",
        ) from error
    with path.open("rb") as handle:
        packed = handle.read(len(_PACKED)) == _PACKED
        handle.seek(0)
        decoder = DBNDecoder(compression=Compression.from_str("zstd" if packed else "none"))
        try:
            while block := handle.read(_READ):
                decoder.write(block)
                yield from decoder.decode()
        except DBNError as error:
            raise SourceError(f"{path}: cannot be read: {error}", "unreadable_file") from error
        if decoder.buffer():
            problems.append(Problem("cut_short", "the file ends in the middle; what comes after is missing", 0))


def _about(schema: str, path: Path) -> Iterator[Problem]:
    if schema not in _SCHEMAS:
        raise SourceError(f"{path}: holds {schema or 'no one schema'}, and no prints; take trades or tcbbo", "no_tape")
    if schema == "tbbo":
        yield Problem("venue_quotes", "the quotes are those of the print's own venue; tcbbo has the best of all", 0)


def _learn(metadata: Any, instruments: _Instruments) -> None:
    for symbol, intervals in metadata.mappings.items():
        for told in intervals:
            number = str(told["symbol"])
            if number.isdecimal():
                instruments[int(number)].append((told["start_date"], told["end_date"], symbol))


def _definitions(path: Path) -> list[Path]:
    """The file of definitions beside a file of prints, where it stands under the name that says so."""
    names = (path.with_name(path.name.replace(f".{schema}.", ".definition.")) for schema in _SCHEMAS)
    return [name for name in names if name != path and name.is_file()]


def _learn_definitions(path: Path, instruments: _Instruments) -> None:
    for record in _records(path, []):
        if type(record).__name__.startswith("InstrumentDefMsg"):
            instruments[record.instrument_id].append((date.min, date.max, record.raw_symbol))


def _row(record: Any, instruments: _Instruments) -> tuple[Any, ...]:
    level = record.levels[0] if hasattr(record, "levels") else None
    venue = int(record.publisher_id)
    return (
        _symbol(record, instruments),
        record.ts_event,
        _price(record.price),
        record.size,
        None if venue == _ALL_VENUES else _VENUES.get(venue, str(venue)),
        _SIDES.get(str(record.side)),
        None if level is None else _price(level.bid_px),
        None if level is None else _price(level.ask_px),
        None if level is None else level.bid_sz,
        None if level is None else level.ask_sz,
    )


def _price(billionths: int) -> float | None:
    return None if billionths == _NO_PRICE else round(billionths * _BILLIONTHS, 9)


def _symbol(record: Any, instruments: _Instruments) -> str | None:
    """The contract of a record: the name that its number had on its day."""
    known = instruments.get(record.instrument_id, ())
    if len(known) == 1:
        return known[0][2]
    day = record.pretty_ts_event.date()
    return next((symbol for start, end, symbol in known if start <= day < end), None)


def _tape(rows: list[tuple[Any, ...]], problems: list[Problem]) -> pl.DataFrame:
    """Prints without a number: the tape's own runs by venue and channel."""
    types = {**_COLUMNS, "time": pl.Int64()}
    frame = pl.DataFrame(rows, schema=types, orient="row").with_columns(pl.col("time").cast(NANOSECONDS))
    tape = conform(frame, source="databento")
    problems += tape.problems
    return tape.prints
