"""Databento's files, written by the vendor's own library and read again."""

from __future__ import annotations

import sys
from datetime import date
from types import SimpleNamespace

import databento_dbn as dbn
import polars as pl
import pytest

from scanner.errors import SourceError
from scanner.sources.tapes.files import is_tape, read_tape

CALL, PADDED = "AAPL241108C00220000", "AAPL  241108C00220000"
NANOSECONDS = 1_730_730_600_471_000_123
UNKNOWN = 2**63 - 1


def head(schema: str, *named: tuple[str, int, date, date]) -> bytes:
    mappings = [
        SimpleNamespace(
            raw_symbol=symbol, intervals=[SimpleNamespace(start_date=start, end_date=end, symbol=str(number))]
        )
        for symbol, number, start, end in named
    ]
    return bytes(
        dbn.Metadata(
            dataset="OPRA.PILLAR", start=0, stype_in=dbn.SType.RAW_SYMBOL, stype_out=dbn.SType.INSTRUMENT_ID,
            schema=dbn.Schema.from_str(schema), symbols=[symbol for symbol, *_ in named], mappings=mappings,
        )
    )  # fmt: skip


def trade(number: int, later: int = 0, *, price: int = 3_900_000_000, side: str = "N", venue: int = 22) -> bytes:
    return bytes(
        dbn.TradeMsg(
            publisher_id=venue, instrument_id=number, ts_event=NANOSECONDS + later, price=price, size=2,
            action=dbn.Action.TRADE, side=dbn.Side.from_str(side), depth=0, ts_recv=NANOSECONDS + later + 200,
            sequence=7,
        )
    )  # fmt: skip


NAMED = (PADDED, 16783963, date(2024, 11, 4), date(2024, 11, 5))


@pytest.fixture
def write(tmp_path):
    def written(*parts: bytes, name: str = "opra.trades.dbn"):
        path = tmp_path / name
        path.write_bytes(b"".join(parts))
        return path

    return written


def test_trades_are_read_to_the_nanosecond_and_a_side_is_told_where_the_file_tells_it(write):
    path = write(head("trades", NAMED), trade(16783963), trade(16783963, 5, side="B"), trade(16783963, 9, side="A"))
    assert is_tape(path)
    found = read_tape(path)
    assert found.problems == ()
    told = found.prints.select(pl.col("contract", "told_side", "exchange").cast(pl.String), "price", "size", "bid")
    rest = ("XCBO", 3.9, 2, None)
    assert told.rows() == [(CALL, None, *rest), (CALL, "buy", *rest), (CALL, "sell", *rest)]
    assert found.prints["time"].to_physical().to_list() == [NANOSECONDS, NANOSECONDS + 5, NANOSECONDS + 9]


def test_tcbbo_has_the_best_quotes_beside_each_print_and_the_largest_integer_is_none(write):
    def record(bid: int, ask: int) -> bytes:
        level = dbn.ConsolidatedBidAskPair(bid_px=bid, ask_px=ask, bid_sz=5, ask_sz=51, bid_pb=37, ask_pb=61)
        return bytes(
            dbn.CMBP1Msg(
                rtype=dbn.RType.TCBBO, publisher_id=30, instrument_id=16783963, ts_event=NANOSECONDS,
                price=3_900_000_000, size=2, action=dbn.Action.TRADE, side=dbn.Side.NONE, ts_recv=NANOSECONDS + 1,
                levels=level,
            )
        )  # fmt: skip

    found = read_tape(write(head("tcbbo", NAMED), record(3_850_000_000, 4_050_000_000), record(UNKNOWN, UNKNOWN)))
    told = found.prints.select("bid", "ask", "bid_size", "ask_size", pl.col("exchange").cast(pl.String))
    assert told.rows() == [(3.85, 4.05, 5, 51, None), (None, None, 5, 51, None)]


def test_a_number_means_the_contract_that_it_had_on_its_day_and_one_without_a_name_is_counted(write):
    earlier = ("AAPL  241108P00220000", 16783963, date(2024, 11, 1), date(2024, 11, 4))
    found = read_tape(write(head("trades", earlier, NAMED), trade(16783963), trade(99)))
    assert found.prints["contract"].to_list() == [CALL]
    assert [(problem.code, problem.prints) for problem in found.problems] == [("no_contract", 1)]


def test_a_file_that_is_cut_short_gives_what_is_whole_and_says_so(write):
    found = read_tape(write(head("trades", NAMED), trade(16783963), trade(16783963, 5)[:20]))
    assert found.prints.height == 1
    assert [problem.code for problem in found.problems] == ["cut_short"]


def test_a_schema_without_prints_and_a_missing_library_are_said(write, monkeypatch):
    with pytest.raises(SourceError, match="holds statistics, and no prints"):
        read_tape(write(head("statistics", NAMED)))
    monkeypatch.setitem(sys.modules, "databento_dbn", None)
    with pytest.raises(SourceError, match=r"scanner\[databento\]"):
        read_tape(write(head("trades", NAMED)))
