"""Recorded option prints of a vendor: read as they are, and the nearer quote told as the vendor tells it."""

from __future__ import annotations

import ast
from pathlib import Path

import polars as pl
import pytest

from scanner.sources.tapes.files import read_tape
from scanner.tape.cleaning import clean
from scanner.tape.prints import Tape, conform
from scanner.tape.reading import read
from scanner.tape.side import cases

pytestmark = pytest.mark.realdata


@pytest.fixture
def tesla(real_data: Path) -> pl.DataFrame:
    """17 prints of TSLA with their best quotes, from a stream's log; ``tag`` is the vendor's word for the side."""
    lines = (real_data / "flow-alerts" / "demo_optiontrades_20250516_131951.txt").read_text().splitlines()
    rows = [ast.literal_eval(line.split("|", 2)[2]) for line in lines if "'executed_at'" in line]
    return pl.DataFrame(
        [
            {
                "contract": row["option_symbol"],
                "time": row["executed_at"] * 1_000_000,
                "price": float(row["price"]),
                "size": row["size"],
                "exchange": row["exchange"],
                "condition": row["trade_code"],
                "bid": float(row["nbbo_bid"]),
                "ask": float(row["nbbo_ask"]),
                "sequence": number,
                "tag": next(tag for tag in row["tags"] if tag.endswith("_side")),
            }
            for number, row in enumerate(rows)
        ]
    )


def test_the_nearer_quote_is_the_vendors_side_wherever_a_side_can_be_told(tesla):
    tape = conform(tesla.drop("tag"), source="test")
    assert tape.problems == ()
    kept = clean(tape.prints).prints
    told = kept.hstack(cases(kept)).join(tesla.select("sequence", "tag"), on="sequence")
    sides = {"ask_side": 1, "bid_side": -1, "mid_side": 0}
    single = told.filter(~pl.col("condition").cast(pl.String).str.starts_with("ml"))
    assert (told.height, single.height) == (17, 13)
    assert single["direction"].to_list() == [sides[tag] for tag in single["tag"]]


def test_legs_are_on_no_side_and_come_together_as_packages(tesla):
    reading = read(conform(tesla.drop("tag"), source="test"))
    legs = reading.prints.filter(pl.col("condition").cast(pl.String).str.starts_with("ml"))
    assert legs["buy_chance"].to_list() == [0.5] * 4
    # Four legs of one auction: the same millisecond, venue and size.
    assert reading.packages["legs"].to_list() == [4]


def test_a_vendors_full_tape_is_read_and_its_cancels_and_conditions_are_known(real_data, tmp_path):
    recorded = pl.read_csv(real_data / "tape" / "uw-fulltape-prints-2026-05.tsv", separator="\t", infer_schema=False)
    file = tmp_path / "tape.csv"
    recorded.with_columns(upstream_condition_detail=pl.lit("auto"), canceled=pl.lit("false")).write_csv(file)
    tape = read_tape(file)
    assert tape.prints.height == recorded.height == 100
    assert [problem.code for problem in tape.problems] in ([], ["unsorted"])
    assert tape.prints["size"].sum() == recorded["size"].cast(pl.Int64).sum()
    at = read(Tape(tape.prints)).prints
    on = pl.col("price")
    # Counted of the same file: 16 at the bid, 15 at the ask, 13 in the middle, 55 elsewhere inside and 1 outside.
    counts = at.select(
        bid=((on == pl.col("bid")) & (pl.col("bid") < pl.col("ask"))).sum(),
        ask=((on == pl.col("ask")) & (pl.col("bid") < pl.col("ask"))).sum(),
        outside=((on > pl.col("ask")) | (on < pl.col("bid"))).sum(),
    ).row(0)
    assert counts == (16, 15, 1)


def test_recorded_prints_of_a_file_of_databento_are_read_with_and_without_the_quotes_beside_them(real_data):
    # As the vendor's own library prints them.
    trades = read_tape(real_data / "tape" / "opra-aapl-20250220.trades.dbn.zst").prints
    assert trades["time"].to_physical().to_list() == [
        1740061800817657088, 1740061801631777024, 1740061801644682240, 1740061801745517312,
    ]  # fmt: skip
    told = trades.select("price", "size", pl.col("exchange", "contract").cast(pl.String)).rows()
    call = "AAPL250221C00250000"
    assert told == [
        (0.24, 1, "EMLD", call), (0.2, 2, "XISX", call), (0.19, 1, "XISX", call), (0.19, 4, "MXOP", call),
    ]  # fmt: skip
    beside = read_tape(real_data / "tape" / "opra-aapl-20250220.tbbo.dbn.zst")
    assert beside.prints.select("bid", "ask", "bid_size", "ask_size").row(1) == (0.18, 0.22, 3, 3)
    assert [problem.code for problem in beside.problems] == ["venue_quotes"]
