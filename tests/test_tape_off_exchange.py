"""Stock prints off the exchanges: read, kept, measured by hand, and told beside a name."""

from __future__ import annotations

import gzip
from datetime import UTC, date, datetime, timedelta
from math import log10

import polars as pl
import pytest

from scanner import app
from scanner.errors import SourceError
from scanner.sources.tapes.files import is_stock_prints, is_tape, read_stock_prints
from scanner.store.stock_prints import StockPrints
from scanner.tape.off_exchange import SCHEMA, conform, measure

NANOSECONDS = 1_730_730_600_471_000_123
DAY = date(2024, 11, 4)
BEFORE = pl.DataFrame(schema={"underlying": pl.String, "session_date": pl.Date, "dark_pool_largest": pl.Int64})


def prints(*rows: dict) -> pl.DataFrame:
    usual = {"underlying": "AAPL", "price": 220.0, "size": 100, "off_exchange": True, "time": NANOSECONDS}
    return conform(pl.DataFrame([{**usual, **row} for row in rows]), source="here").prints


def test_volume_share_and_the_largest_regular_print_are_summed_by_name():
    found = measure(
        prints(
            {"size": 500}, {"size": 9_000, "regular": False}, {"size": 700}, {"size": 40_000, "cancelled": True},
            {"size": 4_800, "off_exchange": False}, {"underlying": "KO", "size": 30},
        ),
        BEFORE,
    )  # fmt: skip
    told = {row["underlying"]: row for row in found.iter_rows(named=True)}
    assert (told["AAPL"]["dark_pool_volume"], told["AAPL"]["dark_pool_largest"]) == (10_200, 700)
    assert told["AAPL"]["dark_pool_share"] == pytest.approx(10_200 / 15_000)
    # Nothing on an exchange stands beside it, so there is no whole to be a share of.
    assert (told["KO"]["dark_pool_volume"], told["KO"]["dark_pool_share"]) == (30, None)
    assert told["AAPL"]["dark_pool_surprise"] is None


def test_the_surprise_is_a_rank_among_sessions_each_in_terms_of_the_names_usual_one():
    sizes = {"AAPL": [100, 110, 120, 130, 140, 150, 160, 170, 180, 1_000], "KO": [7] * 10}
    rows = [
        (name, DAY - timedelta(days=back + 1), size) for name, known in sizes.items() for back, size in enumerate(known)
    ]
    before = pl.DataFrame(rows, schema=BEFORE.schema, orient="row")
    found = measure(prints({"size": 2_900}, {"underlying": "KO", "size": 7}, {"underlying": "NEW"}), before)
    told = dict(found.select("underlying", "dark_pool_surprise").iter_rows())
    # AAPL's usual is 145, so today's is 20 times it: none of 20 sessions had as much. All of them had KO's one time,
    # but for five of AAPL's that were smaller than the median of its others.
    assert told["AAPL"] == pytest.approx(log10(21))
    assert told["KO"] == pytest.approx(-log10((1 + 15) / 21))
    assert told["NEW"] is None
    few = measure(prints({"size": 2_900}), before.filter(pl.col("underlying") == "AAPL"))
    assert few["dark_pool_surprise"].to_list() == [None]


def test_what_cannot_be_a_stock_print_is_refused_and_counted():
    frame = pl.DataFrame(
        {
            "underlying": ["AAPL", "", "AAPL", "AAPL", "AAPL", "AAPL"],
            "time": [NANOSECONDS, NANOSECONDS, None, NANOSECONDS, NANOSECONDS, NANOSECONDS],
            "price": [1.0, 1.0, 1.0, 0.0, 1.0, 1.0],
            "size": [1, 1, 1, 1, 1, 1],
            "off_exchange": [True, True, True, True, None, True],
            "sequence": [1, 2, 3, 4, 5, 1],
        }
    )
    tape = conform(frame, source="here")
    assert tape.prints.height == 1
    codes = {problem.code: problem.prints for problem in tape.problems}
    assert codes == {"no_name": 1, "no_time": 1, "no_price": 1, "no_venue": 1, "duplicate": 1}
    with pytest.raises(SourceError, match="columns missing: off_exchange"):
        conform(frame.drop("off_exchange"), source="here")


MASSIVE = (
    "ticker,conditions,correction,exchange,id,participant_timestamp,price,sequence_number,sip_timestamp,size,tape,"
    "trf_id,trf_timestamp\n"
)
ROWS = [
    f'AAPL,"12,37",0,4,1,{NANOSECONDS},220.5,11,{NANOSECONDS},300,3,202,{NANOSECONDS}',
    f"AAPL,,0,4,2,{NANOSECONDS},220.5,12,{NANOSECONDS},900,3,201,{NANOSECONDS}",
    f"AAPL,,0,11,3,{NANOSECONDS},220.5,13,{NANOSECONDS},800,3,0,0",
    f"AAPL,,1,203,4,{NANOSECONDS},220.5,14,{NANOSECONDS},70,3,,0",
    f"AAPL,,0,4,5,{NANOSECONDS},220.5,15,{NANOSECONDS},60,3,,0",
]


def test_massive_stock_trades_tell_the_facility_in_either_way(tmp_path):
    path = tmp_path / "2024-11-04.csv.gz"
    path.write_bytes(gzip.compress((MASSIVE + "\n".join(ROWS) + "\n").encode()))
    assert is_stock_prints(path)
    assert not is_tape(path)
    tape = read_stock_prints(path)
    told = tape.prints.select("size", "off_exchange", "regular", "cancelled").rows()
    assert told == [
        (300, True, False, False), (900, True, True, False), (800, False, True, False), (70, True, True, True),
        (60, False, True, False),
    ]  # fmt: skip
    assert tape.prints["time"].to_physical().to_list() == [NANOSECONDS] * 5


def test_unusual_whales_dark_pool_prints_are_of_the_trade_and_not_of_its_report(tmp_path):
    path = tmp_path / "darkpool.csv"
    path.write_text(
        "ticker,executed_at,trf_executed_at,price,size,market_center,sale_cond_codes,ext_hour_sold_codes,tracking_id,canceled\n"
        "AAPL,2024-11-04T14:30:09Z,2024-11-04T14:30:01Z,220.5,900,L,,,71,false\n"
        "AAPL,2024-11-04T14:30:10Z,,220.5,5000,2,average_price_trade,,72,false\n"
        "AAPL,2024-11-04T21:30:10Z,,220.5,6000,2,,extended_hours_trade,73,true\n"
    )
    told = read_stock_prints(path).prints.select("time", "size", "regular", "cancelled").rows()
    assert told == [
        (datetime(2024, 11, 4, 14, 30, 1, tzinfo=UTC), 900, True, False),
        (datetime(2024, 11, 4, 14, 30, 10, tzinfo=UTC), 5000, False, False),
        (datetime(2024, 11, 4, 21, 30, 10, tzinfo=UTC), 6000, False, True),
    ]


def test_prints_are_kept_once_and_known_up_to_a_moment(tmp_path):
    kept = StockPrints(tmp_path)
    numbered = prints({"sequence": 1}, {"sequence": 2, "time": NANOSECONDS + 60_000_000_000, "size": 700})
    assert kept.keep(numbered.head(1)) == 1
    assert kept.keep(numbered) == 1
    assert kept.keep(numbered) == 0
    until = datetime.fromtimestamp(NANOSECONDS // 10**9 + 1, UTC)
    assert kept.load(DAY, ["AAPL"], until).height == 1
    assert kept.load(DAY, ["AAPL"], until + timedelta(minutes=2)).equals(numbered)
    assert kept.load(DAY, ["KO"], until).schema == SCHEMA
    assert kept.largest(DAY + timedelta(days=1), 20).rows() == [("AAPL", DAY, 700)]
    assert kept.largest(DAY, 20).is_empty()


def test_imported_stock_prints_are_fields_of_their_name_and_without_them_the_reason_is_told(tmp_path):
    name, session = "KO", date(2025, 6, 13)
    lines = [
        f"{name},{(datetime(2025, 6, 13, 14, tzinfo=UTC) - timedelta(days=back)).isoformat()},60.5,{size},true"
        for back, size in ((0, 90_000), (0, 400), (1, 700))
    ]
    file = tmp_path / "prints.csv"
    file.write_text("symbol,time,price,size,off_exchange\n" + "\n".join(lines) + "\n")
    report = app.import_chains(file, store=tmp_path / "store")
    assert (report.prints, report.refused) == (3, [])
    asked = {"source": "simulated", "as_of": f"{session}T12:00:00-04:00"}
    scanned = app.scan([name, "XOM"], store=tmp_path / "store", **asked).underlyings
    told = scanned.select("underlying", "dark_pool_volume", "dark_pool_largest").sort("underlying")
    assert told.rows() == [(name, 90_400, 90_000), ("XOM", None, None)]
