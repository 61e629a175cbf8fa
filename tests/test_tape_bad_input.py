"""Whatever is wrong with a tape is named and counted, one kind at a time, and costs nothing but itself."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest

from scanner import app
from scanner.metrics import tape as beside
from scanner.outputs.tape import TapeView

CALL = "KO250613C00065000"
HEADER = "contract,time,price,size,exchange,condition,bid,ask,bid_size,ask_size,quote_time,sequence\n"
AT = 1_749_823_200_000_000_000
"""14:00 UTC on 13 June 2025, in ns."""


def row(number: int, **changed: object) -> str:
    """One print of a tape, a second after the one before it, with a quote from just before it."""
    time = AT + number * 10**9
    usual = {
        "contract": CALL, "time": time, "price": 1.5, "size": 12, "exchange": "XCBO", "condition": "auto", "bid": 1.4,
        "ask": 1.5, "bid_size": 9, "ask_size": 40, "quote_time": time - 1_000, "sequence": number,
    }  # fmt: skip
    return ",".join(str(value) for value in (usual | changed).values()) + "\n"


def seen(folder: Path, *rows: str) -> TapeView:
    path = folder / "tape.csv"
    path.write_text(HEADER + "".join(rows))
    return app.tape("KO", path=path)


def told(view: TapeView) -> dict[str, int]:
    return {problem.code: problem.prints for problem in view.problems}


def test_a_sound_tape_has_no_problem(tmp_path):
    view = seen(tmp_path, row(1), row(2))
    assert told(view) == {}
    assert view.orders["lots"].to_list() == [12, 12]


@pytest.mark.parametrize(
    ("code", "changed"),
    [
        ("no_condition", {"condition": "zz"}),
        ("far_from_quote", {"price": 99.0}),
        ("far_from_quote", {"price": 0.01}),
        ("quote_not_before", {"quote_time": AT + 2 * 10**9 + 5_000}),
        ("crossed", {"bid": 1.9}),
        ("no_quote", {"bid": "", "ask": ""}),
        ("late", {"condition": "late"}),
        ("expired", {"contract": "KO250606C00065000"}),
    ],
)  # fmt: skip
def test_a_print_that_misleads_is_named_counted_and_stays(tmp_path, code, changed):
    view = seen(tmp_path, row(1), row(2, **changed))
    assert told(view)[code] == 1
    assert view.prints.height == 2
    assert view.reading.prints["size"].sum() == 24
    chances = dict(view.reading.prints.select("sequence", "buy_chance").iter_rows())
    assert chances[1] > 0.5
    # Nothing is told of a side by what cannot be believed; an expired contract's quotes are as good as any.
    assert (chances[2] == 0.5) == (code not in ("no_condition", "expired"))


def test_an_unsorted_tape_is_put_in_order(tmp_path):
    view = seen(tmp_path, row(3), row(1), row(2))
    assert told(view) == {"unsorted": 2}
    assert view.prints["sequence"].to_list() == [1, 2, 3]


def test_a_sequence_that_comes_twice_counts_once_and_equal_prints_without_one_are_separate_fills(tmp_path):
    twice = seen(tmp_path, row(1), row(1), row(2))
    assert told(twice) == {"duplicate": 1}
    assert twice.prints.height == 2
    alike = seen(tmp_path, row(1, sequence=""), row(1, sequence=""))
    assert told(alike) == {}
    assert alike.prints.height == 2


def test_a_code_that_nobody_knows_is_named_with_an_example(tmp_path):
    view = seen(tmp_path, row(1, condition="WXYZ"))
    (unknown,) = [problem for problem in view.problems if problem.code == "unknown_condition"]
    assert (unknown.prints, "WXYZ" in str(unknown)) == (1, True)


def test_a_tape_cut_short_gives_what_is_whole(tmp_path):
    packed = gzip.compress((HEADER + "".join(row(number) for number in range(3_000))).encode())
    path = tmp_path / "tape.csv.gz"
    path.write_bytes(packed[:-400])
    view = app.tape("KO", path=path)
    assert 1_000 < view.prints.height < 3_000
    assert "cut_short" in told(view)


def test_contracts_that_the_chain_does_not_list_are_counted_beside_it(tmp_path):
    prints = seen(tmp_path, row(1), row(2, contract="KO250620C00066000"), row(3, contract="KO250620C00066000")).prints
    chain = pl.DataFrame({"underlying": ["KO"], "contract": [CALL], "volume": [12]})
    said = list(beside.told(chain, prints))
    assert said[0].startswith("tape: 24 lots are of a contract that the chain does not list, such as KO250620C00066000")
    assert said[1] == "KO: the tape has 36 lots, the chain 12; its fields are of the tape alone"


def test_a_cancel_undoes_what_it_cancels_and_one_of_nothing_is_said(tmp_path):
    undone = seen(tmp_path, row(1), row(2), row(3, condition="canc", price=1.5))
    assert told(undone) == {"cancelled": 1}
    assert undone.reading.prints["sequence"].to_list() == [1]
    nothing = seen(tmp_path, row(1), row(2, condition="canc", price=1.45))
    assert told(nothing) == {"cancel_of_nothing": 1}
    assert nothing.reading.prints["sequence"].to_list() == [1]


def test_instants_keep_their_nanoseconds(tmp_path):
    view = seen(tmp_path, row(1, time=AT + 123, quote_time=AT + 122))
    assert view.prints["time"].to_physical().to_list() == [AT + 123]
    assert (view.session, view.prints["time"][0].replace(microsecond=0)) == (
        date(2025, 6, 13), datetime(2025, 6, 13, 14, tzinfo=UTC),
    )  # fmt: skip
