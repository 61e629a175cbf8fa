"""Damage recorded chains of every format at random and read what comes of it.

python tools/fuzz_formats.py --bodies 100000 --seed 1 --processes 2

A finding is an exception that escapes, a body that gives neither a chain nor a reason, a chain that breaks its
contract, more than ten seconds of a processor for one body, or more than a gigabyte of memory. The same seed makes the
same bodies; those that are findings are written to the folder --keep, so that they can be read again.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
import tempfile
import time
import traceback
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import polars as pl

from scanner.market import chain
from scanner.market.calendar import Calendar
from scanner.sources.recorded import read_recorded

CHAINS = Path(__file__).resolve().parents[1] / "tests" / "chains"
LONGEST_SECONDS = 10.0
LARGEST_MEGABYTES = 1024
BODIES = {
    "canonical": ("whole.csv", "quote-times.csv", "sentinels.csv", "quoted-fields.csv"),
    "cboe-json": ("cboe-weekend.json", "cboe-index.json", "cboe-wrong-types.json"),
    "cboe-flat": ("XYZ_chain_20260806_134907.csv", "cboe-daily/ABC/2026-07-22.csv"),
    "cboe-quotedata": ("quotedata-during-the-session.csv", "quotedata-june-2022.csv"),
    "yahoo": ("yahoo-pull_20260324T170035Z.csv", "yahoo-daily/2025-11-24_committed_20251124T2132Z.csv"),
    "schwab": ("schwab.json",),
    "ivolatility": ("ivolatility.csv",),
    "optionsdx": ("xyz_eod_202212.txt",),
    "datashop": ("UnderlyingOptionsEODCalcs_2023-03-15.csv", "UnderlyingOptionsEODQuotes_2022-11-25.csv"),
    "tradier": ("tradier.json",),
    "massive": ("massive.json",),
    "alpaca": ("alpaca.json",),
    "marketdata": ("marketdata.json",),
    "yahoo-json": ("yahoo-v7.json",),
    "alphavantage": ("alphavantage.json",),
    "intrinio": ("intrinio.json",),
    "unusualwhales": ("unusualwhales-20260716T180000Z.json",),
    "historicaloptiondata": (
        "historicaloptiondata-L2.csv",
        "historicaloptiondata-L3.csv",
        "historicaloptiondata-before-2010.csv",
    ),
    "dolthub": ("dolthub.csv", "dolthub.json"),
    "orats": ("orats.csv", "orats-daily.csv", "orats.json"),
    "openbb": ("openbb.csv",),
    "thetadata": ("thetadata-eod.csv", "thetadata-joined.csv", "thetadata.json"),
    "barchart": ("xyz-options-exp-2026-07-24-weekly-show-all-stacked-07-16-2026.csv", "barchart-screener.csv"),
    "tdameritrade": ("tdameritrade.json",),
    "parquet": ("whole.csv", "sentinels.csv", "yahoo-pull_20260324T170035Z.csv", "xyz_eod_202212.txt"),
}
# Values that vendors have been seen to write, and values that no vendor should.
WORDS = (
    *(
        "",
        " ",
        "NaN",
        "null",
        "None",
        "N/A",
        "-",
        "--",
        "inf",
        "-inf",
        "1e308",
        "-1e308",
        "1e12",
        "1e999",
        "-1",
        "-999",
    ),
    *(
        "9999",
        "0",
        "-0",
        "0.0",
        "2147483647",
        "2147483648",
        "9223372036854775808",
        "1" * 400,
        "1,234",
        "1.234,5",
        "1,5",
    ),
    *("30.00%", "٣", "１２", "1_000", "0x10", "true", "[]", "{}", '"', '""', "'", "\\", "\x00", "\x1b[31m", "\ufeff"),
    *("0001-01-01", "1970-01-01", "2033-01-03", "9999-12-31", "0000-00-00", "2026-02-30", "0001-01-01T00:00:00Z"),
    *("9999-12-31T23:59:59-12:00", "2026-08-20T11:30-04:00", "2026-08-20 11:30 EDT", "2026-11-01 01:30:00", "24:00"),
    *("2026-08-20 11:30:00 Mars/Phobos", "2026-08-20T11:30:00+99:99", "13/13/2026", "20 août 2026 à 13:45 UTC−4"),
    *(
        "1787239800",
        "1787239800000000000",
        "-62135596800",
        "1e18",
        "C",
        "X",
        "\n",
        "\r",
        "\r\n",
        ",",
        ",,,,",
        ";",
        "\u2028",
    ),
    *("ABC991231C99999999", "ABC260821C00000000", "O:SPXW260821P06300000", "^SPX", "../../etc", "=1+1", "a" * 5000),
)
JSON_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1e308, -1e308, 10**400, 2**63, 0.1, float("nan"), float("inf"), "", "\ud800", [], {}),
    *([1, 2], {"a": 1}, [[[]]]),
    *WORDS,
)
PARQUET_VALUES: tuple[Callable[[int], pl.Series], ...] = (
    lambda n: pl.Series([None] * n),
    lambda n: pl.Series([[1, 2]] * n),
    lambda n: pl.Series([{"a": 1}] * n),
    lambda n: pl.Series([b"\xff\x00"] * n),
    lambda n: pl.Series([True] * n),
    lambda n: pl.Series([-(2**62)] * n),
    lambda n: pl.Series([float("inf")] * n),
    lambda n: pl.Series([253402300799] * n).cast(pl.Datetime("ms")),
    lambda n: pl.Series([2**31 - 1] * n, dtype=pl.Int32).cast(pl.Date),
    lambda n: pl.Series([10**6] * n).cast(pl.Time),
    lambda n: pl.Series([10**6] * n).cast(pl.Duration("us")),
    lambda n: pl.Series(["C"] * n, dtype=pl.Categorical),
    lambda n: pl.Series(["1.5"] * n).cast(pl.Decimal(38, 10)),
)


@dataclass(frozen=True)
class Finding:
    """A body that was not read as it should be."""

    format: str
    number: int
    what: str
    body: bytes


def body(name: str, number: int, seed: int) -> tuple[str, bytes]:
    """The damaged body of that number: the name its file should have, and its content."""
    chance = random.Random(f"{seed}/{name}/{number}")  # noqa: S311 - to be the same again, not to be secret
    path = CHAINS / chance.choice(BODIES[name])
    content = path.read_bytes()
    if name == "parquet":
        return f"{path.stem}.parquet", _damaged_parquet(path, chance)
    for _ in range(chance.randint(1, 4)):
        if path.suffix == ".json" and chance.random() < 0.6:
            content = _damaged_json(content, chance)
        else:
            content = chance.choice(_DAMAGES)(content, chance)
    if chance.random() < 0.03:
        packed = gzip.compress(content, 1)
        content = packed if chance.random() < 0.5 else _damaged_bytes(packed, chance)
    return path.name, content


def _damaged_bytes(content: bytes, chance: random.Random) -> bytes:
    """A few bytes instead of others."""
    start = chance.randrange(len(content) + 1)
    return content[:start] + chance.randbytes(chance.randrange(8)) + content[start + chance.randrange(8) :]


def _damaged_field(content: bytes, chance: random.Random) -> bytes:
    """One field of one line with something else in it."""
    lines = content.split(b"\n")
    row = chance.randrange(len(lines))
    fields = lines[row].split(b",")
    fields[chance.randrange(len(fields))] = chance.choice(WORDS).encode("utf-8", "replace")
    lines[row] = b",".join(fields)
    return b"\n".join(lines)


def _damaged_column(content: bytes, chance: random.Random) -> bytes:
    """The same field of every line with the same thing in it."""
    word = chance.choice(WORDS).encode("utf-8", "replace")
    place = chance.randrange(30)
    lines = [line.split(b",") for line in content.split(b"\n")]
    for fields in lines[1:]:
        if place < len(fields):
            fields[place] = word
    return b"\n".join(b",".join(fields) for fields in lines)


def _damaged_lines(content: bytes, chance: random.Random) -> bytes:
    """A line twice, left out, cut, or moved."""
    lines = content.split(b"\n")
    row = chance.randrange(len(lines))
    line = lines.pop(row)
    kind = chance.randrange(4)
    if kind == 0:
        lines[row:row] = [line, line]
    elif kind == 1:
        lines.insert(row, line[: chance.randrange(len(line) + 1)])
    elif kind == 2:
        lines.insert(chance.randrange(len(lines) + 1), line)
    return b"\n".join(lines)


def _cut(content: bytes, chance: random.Random) -> bytes:
    return content[: chance.randrange(len(content) + 1)]


_DAMAGES = (*(_damaged_field,) * 5, _damaged_column, _damaged_lines, _damaged_bytes, _cut)


def _damaged_json(content: bytes, chance: random.Random) -> bytes:
    """One value anywhere in the document with something else instead."""
    try:
        document = json.loads(content)
    except ValueError:
        return _damaged_bytes(content, chance)
    places = list(_places(document))
    if places:
        holder, key = chance.choice(places)
        if chance.random() < 0.1:
            del holder[key]
        else:
            holder[key] = chance.choice(JSON_VALUES)
    return json.dumps(document).encode()


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, inner in list(inside):
        yield value, key
        yield from _places(inner)


def _damaged_parquet(path: Path, chance: random.Random) -> bytes:
    """The lines of a CSV as Parquet, with columns of other types, or damaged as a file."""
    with tempfile.TemporaryDirectory() as folder:
        table = pl.read_csv(path, infer_schema=chance.random() < 0.5, truncate_ragged_lines=True)
        for _ in range(chance.randint(0, 3)):
            name = chance.choice(table.columns)
            table = table.with_columns(chance.choice(PARQUET_VALUES)(table.height).alias(name))
        whole = Path(folder) / "whole.parquet"
        table.write_parquet(whole)
        content = whole.read_bytes()
    for _ in range(chance.choice((0, 0, 0, 1, 3))):
        content = chance.choice((_damaged_bytes, _cut))(content, chance)
    return content


def wrong_with(path: Path) -> str:
    """Read a file; what is wrong with how that went, or nothing."""
    started = time.process_time()  # that the machine is busy is no fault of a body
    try:
        recorded = list(read_recorded(path, calendar=Calendar.standard()))
    except BaseException:  # every exception is a finding, and those of Rust are no Exception
        return traceback.format_exc(limit=-6)
    seconds = time.process_time() - started
    if seconds > LONGEST_SECONDS:
        return f"took {seconds:.1f} seconds"
    if not recorded or any(one.chain is None and not one.refusals for one in recorded):
        return "neither a chain nor a reason"
    frames = [one.chain for one in recorded if one.chain is not None]
    return next((what for frame in frames if (what := _breach(frame))), "")


def _breach(frame: pl.DataFrame) -> str:
    """In what a chain breaks its contract, or nothing."""
    if frame.schema != chain.SCHEMA or frame.is_empty():
        return "not the chain's columns, or no row"
    if frame["contract"].n_unique() != frame.height:
        return "a contract twice"
    floats = frame.select(pl.col(pl.Float64))
    if any(floats.select(pl.all().is_nan().any() | pl.all().is_infinite().any()).row(0)):
        return "a number that is none"
    most = {"volume": 2 * 10**7, "bid": 10**6, "ask": 10**6, "spot": 10**6}
    if frame.select(pl.any_horizontal((pl.col(name) > limit).any() for name, limit in most.items())).item():
        return "a number that cannot be"
    return ""


def fuzz(name: str, numbers: range, seed: int) -> list[Finding]:
    """Read the bodies of those numbers; what was found."""
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for number in numbers:
            file_name, content = body(name, number, seed)
            path = Path(folder) / file_name
            path.write_bytes(content)
            what = wrong_with(path)
            path.unlink()
            if _largest_megabytes() > LARGEST_MEGABYTES:
                what = what or "more than a gigabyte of memory"
            if what:
                found.append(Finding(name, number, what, content))
    return found


def _largest_megabytes() -> int:
    """The most memory this program has had at a time; a process's own accounts begin with what its parent had."""
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) // 1024


def main() -> int:
    """Fuzz as the command line says."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bodies", type=int, default=2_000, help="how many of each format")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--format", choices=BODIES, action="append", help="only these; may be repeated")
    parser.add_argument("--keep", type=Path, default=Path("fuzzed"), help="folder that findings are written to")
    asked = parser.parse_args()
    step = max(1, min(500, asked.bodies))
    starts = range(0, asked.bodies, step)
    found: list[Finding] = []
    with ProcessPoolExecutor(asked.processes) as pool:
        for name in asked.format or BODIES:
            started = time.perf_counter()
            parts = [range(start, min(start + step, asked.bodies)) for start in starts]
            here = [
                one for part in pool.map(fuzz, [name] * len(parts), parts, [asked.seed] * len(parts)) for one in part
            ]
            found += here
            spent = time.perf_counter() - started
            sys.stdout.write(f"{name}: {asked.bodies:,} bodies, {len(here):,} findings, {spent:.0f} s\n")
            sys.stdout.flush()
            for one in here:
                asked.keep.mkdir(exist_ok=True)
                (asked.keep / f"{one.format}-{one.number}").write_bytes(one.body)
                sys.stdout.write(f"  {one.format} {one.number}: {one.what}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
