"""Recorded tapes: the project's own columns and two vendors' files, whole, damaged, packed, and to the nanosecond."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime

import polars as pl
import pytest

from scanner import app
from scanner.errors import SourceError
from scanner.sources.tapes import files
from scanner.sources.tapes.files import format_of, is_quotes, is_tape, read_tape

CALL = "AAPL241108C00220000"
# 2024-11-04 14:30:00.471000123 UTC: 09:30 in New York, and no double holds it.
NANOSECONDS = 1_730_730_600_471_000_123
CANONICAL = "contract,time,price,size,exchange,condition,bid,ask,sequence\n"


def codes(tape) -> dict[str, int]:
    return {problem.code: problem.prints for problem in tape.problems}


@pytest.fixture
def write(tmp_path):
    def written(text: str | bytes, name: str = "tape.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return written


@pytest.mark.parametrize(
    "time",
    [
        str(NANOSECONDS),
        "2024-11-04T14:30:00.471000123Z",
        "2024-11-04 14:30:00.471000123",
        "2024-11-04T09:30:00.471000123-05:00",
    ],
)
def test_the_projects_own_tape_reads_every_way_to_write_a_time_to_the_nanosecond(write, time):
    found = read_tape(write(f"{CANONICAL}{CALL},{time},3.9,2,XCBO,auto,3.85,4.05,7\n"))
    assert found.problems == ()
    row = found.prints.row(0, named=True)
    assert found.prints["time"].to_physical().to_list() == [NANOSECONDS]
    assert (row["price"], row["size"], row["exchange"], row["condition"], row["sequence"]) == (
        3.9,
        2,
        "XCBO",
        "auto",
        7,
    )


@pytest.mark.parametrize(
    ("code", "name"), [("I", "auto"), ("i", "mlft"), ("SLAN", "slan"), ("Isoi", "isoi"), ("a", "slan")]
)
def test_conditions_are_letters_in_their_case_or_names_in_any(write, code, name):
    found = read_tape(write(f"{CANONICAL}{CALL},{NANOSECONDS},3.9,2,XCBO,{code},3.85,4.05,7\n"))
    assert found.prints["condition"].to_list() == [name]


def test_a_contract_may_come_in_parts(write):
    text = "underlying,expiry,strike,right,time,price,size\nAAPL,2024-11-08,220,call,2024-11-04T14:30:00Z,3.9,2\n"
    assert read_tape(write(text)).prints["contract"].to_list() == [CALL]


def test_parquet_is_the_same_tape(write, tmp_path):
    first = f"{CALL},{NANOSECONDS},3.9,2,XCBO,auto,3.85,4.05,7\n"
    text = f"{CANONICAL}{first}{CALL},{NANOSECONDS + 1},4,1,XPHL,S,3.85,4.05,8\n"
    by_text = read_tape(write(text)).prints
    by_text.write_parquet(tmp_path / "tape.parquet")
    assert read_tape(tmp_path / "tape.parquet").prints.equals(by_text)


def test_what_cannot_be_read_is_named_and_costs_its_own_print(write):
    rows = [
        f"{CALL},{NANOSECONDS},3.9,2,XCBO,auto,3.85,4.05,1",
        f"{CALL},{NANOSECONDS},dear,2,XCBO,auto,3.85,4.05,2",
        f"{CALL},noon,3.9,2,XCBO,auto,3.85,4.05,3",
        f"{CALL},{NANOSECONDS},3.9,2,XCBO,Z9,3.85,4.05,4",
        f"AAPL,{NANOSECONDS},3.9,2,XCBO,auto,3.85,4.05,5",
        f"{CALL},{NANOSECONDS},3.9",
    ]
    found = read_tape(write(CANONICAL + "\n".join(rows) + "\n"))
    assert found.prints["sequence"].to_list() == [1, 4]
    assert found.prints["condition"].to_list() == ["auto", None]
    assert codes(found) == {
        "no_number": 1, "no_instant": 1, "unknown_condition": 1, "no_contract": 1, "no_time": 1, "no_price": 1,
        "no_size": 1,
    }  # fmt: skip


def test_a_control_character_at_the_end_of_a_number_may_be_a_damaged_digit(write):
    found = read_tape(write(f"{CANONICAL}{CALL},{NANOSECONDS},3.9,2\x0c,XCBO,auto, 3.85 ,4.05\t,1\n"))
    assert found.prints.height == 0
    assert codes(found) == {"no_number": 1, "no_size": 1}


def test_a_packed_tape_that_is_cut_short_gives_what_is_whole_and_says_so(write):
    rows = "".join(
        f"{CALL},{NANOSECONDS + 997 * number},{3 + number % 89 / 100},2,XCBO,auto,3.85,4.05,{number}\n"
        for number in range(20_000)
    )
    packed = gzip.compress((CANONICAL + rows).encode())
    whole = read_tape(write(packed, "whole.csv.gz"))
    cut = read_tape(write(packed[: len(packed) // 2], "cut.csv.gz"))
    assert whole.problems == ()
    assert whole.prints.height == 20_000
    assert 5_000 < cut.prints.height < 15_000
    assert "cut_short" in codes(cut)


def test_a_file_that_is_no_tape_is_refused_by_name(write):
    path = write("a,b\n1,2\n")
    assert not is_tape(path)
    with pytest.raises(SourceError, match="no known tape"):
        read_tape(path)
    assert not is_tape(write(b"\x1f\x8bnot gzip", "broken.gz"))


MASSIVE = "ticker,conditions,correction,exchange,price,sip_timestamp,size\n"


def test_massive_flat_files_are_read_by_their_header_and_marked_cancels_stay_marked(write):
    rows = [
        f"O:{CALL},209,0,302,3.9,{NANOSECONDS},2",
        f"O:{CALL},219,1,303,3.95,{NANOSECONDS + 1},5",
        f'O:{CALL},"232,209",,303,4,{NANOSECONDS + 2},1',
    ]
    found = read_tape(write(MASSIVE + "\n".join(rows) + "\n"))
    assert found.problems == ()
    told = found.prints.select(pl.col("contract", "condition", "exchange").cast(pl.String), "cancelled", "size").rows()
    assert told == [(CALL, "auto", "302", False, 2), (CALL, "isoi", "303", True, 5), (CALL, "mlet", "303", False, 1)]
    assert found.prints["time"].to_physical().to_list() == [NANOSECONDS, NANOSECONDS + 1, NANOSECONDS + 2]
    assert found.prints["source"].unique().to_list() == ["massive"]


def test_a_massive_code_that_is_not_known_is_counted_and_its_print_kept(write):
    found = read_tape(write(f"{MASSIVE}O:{CALL},999,0,302,3.9,{NANOSECONDS},2\n"))
    assert found.prints["condition"].to_list() == [None]
    assert codes(found) == {"unknown_condition": 1}


THETA = (
    "symbol,expiration,strike,right,trade_timestamp,quote_timestamp,sequence,ext_condition1,ext_condition2,ext_condition3,"
    "ext_condition4,condition,size,exchange,price,bid_size,bid_exchange,bid,bid_condition,ask_size,ask_exchange,ask,ask_condition\n"
)


def test_thetadata_prints_come_with_the_quote_beside_them(write):
    times = "2024-11-04T09:30:00.471,2024-11-04T09:30:00.470"
    row = f"AAPL,2024-11-08,220.000,CALL,{times},18902138,255,255,255,255,130,2,22,3.90,14,47,3.90,50,12,47,4.05,50\n"
    found = read_tape(write(THETA + row))
    assert found.problems == ()
    told = found.prints.row(0, named=True)
    assert told["time"] == datetime(2024, 11, 4, 14, 30, 0, 471_000, tzinfo=UTC)
    assert told["quote_time"] == datetime(2024, 11, 4, 14, 30, 0, 470_000, tzinfo=UTC)
    assert (told["contract"], told["condition"], told["exchange"], told["size"]) == (CALL, "mlet", "MCRY", 2)
    assert (told["bid"], told["ask"], told["bid_size"], told["ask_size"], told["sequence"]) == (
        3.9,
        4.05,
        14,
        12,
        18902138,
    )


def test_the_format_is_known_by_the_header(write):
    names = {"c": CANONICAL, "m": MASSIVE, "t": THETA}
    found = {key: format_of(write(text, f"{key}.csv")).name for key, text in names.items()}
    assert found == {"c": "canonical tape", "m": "massive trades", "t": "thetadata trade_quote"}


QUOTES = "ticker,ask_exchange,ask_price,ask_size,bid_exchange,bid_price,bid_size,sequence_number,sip_timestamp\n"


def flat_files(folder, trades: list[str], quotes: list[str]):
    """A day of Massive's flat files as its bucket has them, packed; the path of the trades."""
    for name, text in (("trades_v1", MASSIVE + "\n".join(trades)), ("quotes_v1", QUOTES + "\n".join(quotes))):
        path = folder / "us_options_opra" / name / "2024" / "11" / "2024-11-04.csv.gz"
        path.parent.mkdir(parents=True)
        path.write_bytes(gzip.compress(f"{text}\n".encode()))
    return folder / "us_options_opra" / "trades_v1" / "2024" / "11" / "2024-11-04.csv.gz"


OTHER = "AAPL241108P00220000"
PRINTED = [
    f"O:{CALL},209,0,302,4.05,{NANOSECONDS},2",
    f"O:{OTHER},209,0,302,1.2,{NANOSECONDS + 10},1",
    f"O:{CALL},209,0,302,4.1,{NANOSECONDS + 500},3",
]
# A quote of the print's own instant and one after it are not what it met; the other contract's are its own.
QUOTED = [
    f"O:{CALL},302,4.05,11,302,3.85,7,1,{NANOSECONDS - 1}",
    f"O:{CALL},302,9.05,99,302,8.85,99,2,{NANOSECONDS}",
    f"O:{CALL},302,4.15,12,302,4.0,8,3,{NANOSECONDS + 499}",
    f"O:{OTHER},302,7.1,1,302,7.0,1,4,{NANOSECONDS + 400}",
    f"O:AAPL241108C00999000,302,7.1,1,302,7.0,1,5,{NANOSECONDS}",
]


@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("block", [64 << 20, 170])
def test_massive_prints_get_the_last_quote_strictly_before_them_however_the_quotes_come(
    tmp_path, monkeypatch, block, shuffled
):
    monkeypatch.setattr(files, "_BLOCK", block)
    found = read_tape(flat_files(tmp_path, PRINTED, QUOTED[::-1] if shuffled else QUOTED))
    assert found.problems == ()
    told = found.prints.select("price", "bid", "ask", "bid_size", "ask_size", pl.col("quote_time").to_physical())
    assert told.rows() == [
        (4.05, 3.85, 4.05, 7, 11, NANOSECONDS - 1),
        (1.2, None, None, None, None, None),
        (4.1, 4.0, 4.15, 8, 12, NANOSECONDS + 499),
    ]


def test_quotes_beside_many_prints_are_those_that_a_join_of_polars_finds(tmp_path):
    import numpy as np

    rng = np.random.default_rng(3)
    names = [f"AAPL241108C{strike:08d}" for strike in range(200_000, 206_000, 1_000)]
    trades = sorted((int(NANOSECONDS + rng.integers(0, 5_000)), str(rng.choice(names))) for _ in range(800))
    quotes = [(int(NANOSECONDS + rng.integers(0, 5_000)), str(rng.choice(names)), n) for n in range(5_000)]
    path = flat_files(
        tmp_path,
        [f"O:{name},209,0,302,1,{time},1" for time, name in trades],
        [f"O:{name},1,{number + 2},1,1,{number + 1},1,{number},{time}" for time, name, number in quotes],
    )
    found = read_tape(path).prints.select(pl.col("contract").cast(pl.String), pl.col("time").to_physical(), "bid")
    beside = pl.DataFrame(quotes, schema=["time", "contract", "bid"], orient="row").sort("time", maintain_order=True)
    joined = found.drop("bid").join_asof(
        beside, on="time", by="contract", strategy="backward", allow_exact_matches=False, check_sortedness=False
    )
    assert found["bid"].to_list() == [None if bid is None else bid + 1 for bid in joined["bid"]]


def test_quotes_that_stand_beside_a_tape_come_with_it_into_the_store_and_alone_they_are_refused(tmp_path):
    path = flat_files(tmp_path / "bucket", PRINTED, QUOTED)
    report = app.import_chains(tmp_path / "bucket", store=tmp_path / "store")
    assert report.prints == 3
    assert report.refused == []
    assert app.tape("AAPL", store=tmp_path / "store").prints["bid"].to_list() == [3.85, None, 4.0]
    path.unlink()
    alone = app.import_chains(tmp_path / "bucket", store=tmp_path / "other")
    assert ["holds quotes alone" in line for line in alone.refused] == [True]


def test_quotes_can_be_named_and_what_is_no_file_of_quotes_is_refused(write):
    tape = write(f"{MASSIVE}{PRINTED[0]}\n")
    quotes = write(f"{QUOTES}{QUOTED[0]}\nO:{CALL},302,dear,11,302,3.9,7,1,{NANOSECONDS - 1}\n", "q.csv")
    assert is_quotes(quotes)
    found = read_tape(tape, quotes)
    assert found.prints.select("bid", "ask").rows() == [(3.9, None)]
    assert codes(found) == {"no_number": 1}
    with pytest.raises(SourceError, match="no known file of quotes"):
        read_tape(tape, tape)
