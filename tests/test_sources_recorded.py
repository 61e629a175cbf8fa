"""Recorded chains: what is taken, what is refused, and with which words."""

from __future__ import annotations

import gzip
import json
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from standard import read_recorded

from scanner.market import chain
from scanner.sources import recorded as reader
from scanner.sources.formats import reading
from scanner.sources.formats.base import RecordedChain
from scanner.sources.recorded import recorded_files

CHAINS = Path(__file__).parent / "chains"
HEADER = "session_date,underlying,expiry,strike,right,bid,ask,volume,open_interest"
ROW = "2025-09-04,ABC,2025-09-12,235,C,1.5,1.6,10,100"


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


def read(path: Path | str) -> list[RecordedChain]:
    return list(read_recorded(CHAINS / path))


def only(path: Path | str) -> pl.DataFrame:
    """The single chain of a path out of which everything was taken."""
    (recorded,) = read(path)
    assert recorded.refusals == ()
    assert recorded.chain is not None
    assert recorded.chain.schema == chain.SCHEMA
    return recorded.chain


def refused(recorded: list[RecordedChain]) -> list[tuple[int | None, str, int]]:
    return [(refusal.line, refusal.reason, refusal.rows) for one in recorded for refusal in one.refusals]


def column(frame: pl.DataFrame, name: str) -> dict[str, object]:
    """One column by contract."""
    return dict(zip(frame["contract"], frame[name], strict=True))


def write(folder: Path, *rows: str, header: str = HEADER, name: str = "chain.csv") -> Path:
    path = folder / name
    path.write_text("\n".join([header, *rows]) + "\n", "utf-8")
    return path


# Sessions and moments


def test_each_session_of_a_file_is_a_chain_of_its_own() -> None:
    first, second = read("whole.csv")
    assert first.chain is not None
    assert second.chain is not None
    assert first.format == second.format == "canonical"
    assert column(first.chain, "volume") == {"ABC250912C00235000": 900, "ABC250912P00235000": 80}
    assert column(second.chain, "volume") == {"ABC250912C00235000": 48210, "ABC250912P00235000": 75}


def test_a_label_without_a_time_means_the_close_and_the_open_interest_of_the_close_before() -> None:
    _, second = read("whole.csv")
    assert second.chain is not None
    row = second.chain.row(0, named=True)
    assert row["session_date"] == date(2025, 9, 4)
    assert row["quote_time"] == utc(2025, 9, 4, 20, 0)
    assert row["oi_asof"] == date(2025, 9, 3)
    assert (row["source"], row["simulated"], row["fetched_at"], row["spot"]) == ("canonical", False, None, None)


def test_a_label_on_a_holiday_is_kept_for_the_quality_gate_to_judge(tmp_path: Path) -> None:
    (recorded,) = read_recorded(
        write(tmp_path, ROW.replace("2025-09-04", "2026-05-25").replace("2025-09-12", "2026-06-19"))
    )
    assert recorded.chain is not None
    row = recorded.chain.row(0, named=True)
    assert row["session_date"] == date(2026, 5, 25)
    assert row["quote_time"] == utc(2026, 5, 25, 20, 0)
    assert row["oi_asof"] == date(2026, 5, 22)


def test_a_half_days_close_is_at_one(tmp_path: Path) -> None:
    (recorded,) = read_recorded(
        write(tmp_path, ROW.replace("2025-09-04", "2025-11-28").replace("2025-09-12", "2025-12-19"))
    )
    assert recorded.chain is not None
    assert recorded.chain["quote_time"][0] == utc(2025, 11, 28, 18, 0)


def test_quote_times_make_several_chains_of_one_session() -> None:
    recorded = read("quote-times.csv")
    moments = [one.chain["quote_time"][0] for one in recorded if one.chain is not None]
    assert moments == [utc(2025, 9, 4, 14, 30), utc(2025, 9, 4, 18, 30)]
    assert [one.chain["session_date"][0] for one in recorded if one.chain is not None] == [date(2025, 9, 4)] * 2
    assert refused(recorded) == [
        (4, "quote_time 'whenever' is no time from 2004 to 2032 in a form that is known; row refused", 1)
    ]


def test_quotes_that_each_have_a_time_of_their_own_are_one_chain_at_the_newest_of_them(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        *(f"2025-09-04T14:30:{second:02d}Z,ABC,2025-09-12,{200 + second},C,1.50,10,100" for second in range(40)),
        header="quote_time,underlying,expiry,strike,right,last,volume,open_interest",
    )
    (recorded,) = read_recorded(path)
    assert recorded.chain is not None
    assert recorded.chain.height == 40
    assert recorded.chain["quote_time"].unique().to_list() == [utc(2025, 9, 4, 14, 30, 39)]


def test_snapshots_of_different_contracts_stay_apart(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        *(f"2025-09-04T{14 + strike % 2}:30:00Z,ABC,2025-09-12,{strike},C,1.50,10,100" for strike in range(200, 220)),
        header="quote_time,underlying,expiry,strike,right,last,volume,open_interest",
    )
    heights = [one.chain.height for one in read_recorded(path) if one.chain is not None]
    assert heights == [10, 10]


def test_an_index_traded_overnight_is_of_the_session_ahead(tmp_path: Path) -> None:
    payload = json.loads((CHAINS / "cboe-index.json").read_text("utf-8"))
    payload["timestamp"] = "2026-07-17 01:30:00"
    payload["data"]["last_trade_time"] = "2026-07-16T16:00:00"
    payload["data"]["options"][1]["last_trade_time"] = "2026-07-16T21:10:00"
    path = tmp_path / "overnight.json"
    path.write_text(json.dumps(payload))
    (recorded,) = read_recorded(path)
    assert recorded.chain is not None
    assert recorded.chain["session_date"].unique().to_list() == [date(2026, 7, 17)]


def test_a_stock_seen_before_the_open_does_not_make_a_new_session(tmp_path: Path) -> None:
    payload = json.loads((CHAINS / "cboe-before-the-open.json").read_text("utf-8"))
    payload["data"]["last_trade_time"] = "2026-07-28T08:10:00"
    path = tmp_path / "early.json"
    path.write_text(json.dumps(payload))
    (recorded,) = read_recorded(path)
    assert recorded.chain is not None
    assert recorded.chain["session_date"].unique().to_list() == [date(2026, 7, 27)]


def test_a_stock_that_trades_while_none_of_its_options_does_tells_the_session(tmp_path: Path) -> None:
    payload = json.loads((CHAINS / "cboe-before-the-open.json").read_text("utf-8"))
    payload["timestamp"] = "2026-07-28 15:30:00"
    payload["data"]["last_trade_time"] = "2026-07-28T11:14:00"
    path = tmp_path / "quiet.json"
    path.write_text(json.dumps(payload))
    (recorded,) = read_recorded(path)
    assert recorded.chain is not None
    assert recorded.chain["session_date"].unique().to_list() == [date(2026, 7, 28)]
    assert recorded.chain["quote_time"].unique().to_list() == [utc(2026, 7, 28, 15, 15)]


def test_cboe_json_fetched_at_the_weekend_is_fridays_session_at_its_close() -> None:
    frame = only("cboe-weekend.json")
    row = frame.row(0, named=True)
    assert row["session_date"] == date(2026, 7, 24)
    assert row["quote_time"] == utc(2026, 7, 24, 20, 0)
    assert row["oi_asof"] == date(2026, 7, 23)
    assert row["last_trade_time"] == utc(2026, 7, 24, 19, 59, 41)
    assert row["spot"] == 95.55, "after hours the options' quotes go with the close, not with the current price"


def test_cboe_json_made_before_the_open_is_still_the_session_before() -> None:
    row = only("cboe-before-the-open.json").row(0, named=True)
    assert row["session_date"] == date(2026, 7, 27)
    assert row["quote_time"] == utc(2026, 7, 27, 20, 0)
    assert row["spot"] == 95.55
    assert row["oi_asof"] is None, "at 07:48 New York the open interest may be old or new"


def test_cboe_json_during_the_session_is_fifteen_minutes_old() -> None:
    row = only("cboe-index.json").row(0, named=True)
    assert row["quote_time"] == utc(2026, 7, 16, 17, 45)
    assert row["spot"] == 6301.5
    assert row["oi_asof"] == date(2026, 7, 15)


def test_an_unknown_iv_and_a_never_traded_contract_are_null_in_cboe_json() -> None:
    frame = only("cboe-weekend.json")
    assert column(frame, "vendor_iv") == {"XYZ260821C00095000": 0.3642, "XYZ260821P00095000": None}
    assert column(frame, "last") == {"XYZ260821C00095000": 4.1, "XYZ260821P00095000": None}
    assert column(frame, "open_interest") == {"XYZ260821C00095000": 2834, "XYZ260821P00095000": 1684}


def test_flattened_cboe_takes_payload_time_and_price_from_the_table_beside_it() -> None:
    row = only("cboe-daily/ABC/2026-07-22.csv").row(0, named=True)
    assert row["session_date"] == date(2026, 7, 22)
    assert row["quote_time"] == utc(2026, 7, 22, 19, 9, 27)
    assert row["fetched_at"] == utc(2026, 7, 22, 22, 52, 25)
    assert row["spot"] == 77.01
    assert row["oi_asof"] == date(2026, 7, 21)


def test_flattened_cboe_without_a_line_in_that_table_has_no_spot_and_keeps_its_label() -> None:
    (recorded,) = read("cboe-daily/ABC/2026-07-23.csv")
    assert recorded.chain is not None
    row = recorded.chain.row(0, named=True)
    assert row["spot"] is None
    assert row["session_date"] == date(2026, 7, 23)
    assert row["last_trade_time"] == utc(2026, 7, 22, 14, 16, 52), "the trades still tell that the label is wrong"
    assert recorded.notes == ("no time given: the quotes are taken as those of the session's close",)


def test_a_cboe_pull_takes_its_moment_from_the_files_name() -> None:
    row = only("XYZ_chain_20260806_134907.csv").row(0, named=True)
    assert row["session_date"] == date(2026, 8, 6)
    assert row["quote_time"] == utc(2026, 8, 6, 13, 34, 7)
    assert row["underlying"] == "XYZ"
    assert row["spot"] is None


@pytest.mark.parametrize(
    ("name", "session", "moment"),
    [
        ("february-2022", date(2022, 2, 4), utc(2022, 2, 4, 21, 0)),  # a Saturday evening
        ("june-2022", date(2022, 6, 10), utc(2022, 6, 10, 20, 0)),  # a Saturday evening
        ("during-the-session", date(2025, 9, 25), utc(2025, 9, 25, 16, 50)),  # 13:05 less fifteen minutes
    ],
)
def test_quotedata_downloads_tell_their_moment_in_three_spellings(name: str, session: date, moment: datetime) -> None:
    frame = only(f"quotedata-{name}.csv")
    assert frame["session_date"].unique().to_list() == [session]
    assert frame["quote_time"].unique().to_list() == [moment]
    assert frame["underlying"].unique().to_list() == ["SPX"]
    assert frame["spot"].unique().to_list() == [4500.53]


def test_quotedata_lines_hold_a_call_and_a_put() -> None:
    frame = only("quotedata-june-2022.csv")
    assert column(frame, "volume") == {
        "SPX260116C04500000": 0,
        "SPX260116P04500000": 3,
        "SPXW260116C04500000": 7,
        "SPXW260116P04500000": 0,
    }
    assert column(frame, "open_interest")["SPXW260116P04500000"] == 106
    assert column(frame, "bid")["SPX260116C04500000"] is None, "bid and ask of zero are no quote"
    assert column(frame, "bid")["SPX260116P04500000"] == 0.0, "a bid of zero under a real ask is one"
    assert column(frame, "vendor_delta")["SPXW260116P04500000"] == -0.4901


# Yahoo


def test_yahoo_volume_left_over_from_an_earlier_day_is_none_of_this_session() -> None:
    (recorded,) = read("yahoo-daily")
    assert recorded.chain is not None
    assert column(recorded.chain, "volume") == {
        "XYZ251128C00110000": 6,
        "XYZ251128C00120000": 0,
        "XYZ251128P00120000": 0,
    }


def test_yahoo_filed_later_than_pulled_takes_the_newest_trade_as_its_moment() -> None:
    (recorded,) = read("yahoo-daily")
    assert recorded.chain is not None
    assert recorded.chain["quote_time"][0] == utc(2025, 11, 24, 19, 5, 2)
    assert recorded.chain["session_date"][0] == date(2025, 11, 24)
    assert any("newest trade" in note for note in recorded.notes)


def test_yahoo_without_a_quote_has_neither_prices_nor_an_implied_volatility() -> None:
    (recorded,) = read("yahoo-daily")
    assert recorded.chain is not None
    unquoted = recorded.chain.filter(contract="XYZ251128C00120000").row(0, named=True)
    assert (unquoted["bid"], unquoted["ask"], unquoted["vendor_iv"]) == (None, None, None)
    assert unquoted["open_interest"] == 6


def test_yahoo_pulls_of_several_tickers_are_several_chains() -> None:
    first, second = read("yahoo-pull_20260324T170035Z.csv")
    assert first.chain is not None
    assert second.chain is not None
    assert [first.chain["underlying"][0], second.chain["underlying"][0]] == ["XYZ", "ABC"]
    assert [first.chain["spot"][0], second.chain["spot"][0]] == [585.57, 601.25]
    assert first.chain["quote_time"][0] == utc(2026, 3, 24, 16, 45, 35)
    assert first.chain["session_date"][0] == date(2026, 3, 24)
    assert any("left over" in note for note in first.notes)


def test_a_yahoo_run_on_the_morning_after_its_label_shows_when_it_really_was() -> None:
    frame = only("yahoo-run")
    row = frame.filter(contract="XYZ260813C00278000").row(0, named=True)
    assert row["session_date"] == date(2026, 8, 12)
    assert row["quote_time"] == utc(2026, 8, 13, 15, 57, 56), "its newest trade"
    assert row["spot"] == 303.9, "the price at the run, not the close of the label"
    assert row["open_interest"] is None
    assert row["oi_asof"] is None
    assert column(frame, "oi_asof")["XYZ260813C00255000"] == date(2026, 8, 12)


def test_yahoo_pulls_that_do_not_say_when_are_refused(tmp_path: Path) -> None:
    shutil.copy(CHAINS / "yahoo-pull_20260324T170035Z.csv", tmp_path / "pull.csv")
    recorded = list(read_recorded(tmp_path / "pull.csv"))
    assert [one.chain for one in recorded] == [None]
    assert any("no session can be told" in reason for _, reason, _ in refused(recorded))


# Other vendors


def test_schwab_percent_becomes_a_fraction_and_its_sentinels_null() -> None:
    frame = only("schwab.json")
    assert column(frame, "vendor_iv") == {
        "XYZ250411C00018000": 0.525,
        "XYZ250411P00018000": None,
        "XYZ1250411C00018000": None,
    }
    assert column(frame, "vendor_delta")["XYZ250411P00018000"] is None
    assert column(frame, "nonstandard") == {
        "XYZ250411C00018000": False,
        "XYZ250411P00018000": False,
        "XYZ1250411C00018000": True,
    }
    assert frame["underlying"].unique().to_list() == ["XYZ"]
    assert frame["spot"].unique().to_list() == [40.505]
    assert frame["quote_time"][0] == utc(2025, 4, 10, 19, 59, 46, 127000)
    assert column(frame, "last_trade_time")["XYZ1250411C00018000"] is None


def test_ivolatility_keeps_the_saturday_of_the_symbol_beside_the_vendors_friday() -> None:
    (recorded,) = read("ivolatility.csv")
    assert recorded.chain is not None
    frame = recorded.chain
    assert frame["expiry"].unique().to_list() == [date(2014, 8, 16)]
    assert frame["strike"].to_list() == [65.71, 100.0]
    assert column(frame, "vendor_iv") == {"XYZ140816C00065710": None, "XYZ140816P00100000": 0.205}
    assert frame["oi_asof"].unique().to_list() == [date(2014, 8, 6)]
    assert refused([recorded]) == [
        (4, "the symbol 'XYZ   140816P00100000' disagrees with the expiry beside it; row refused", 1)
    ]


def test_optionsdx_has_volume_of_both_rights_but_no_open_interest() -> None:
    first, second = read("xyz_eod_202212.txt")
    assert first.chain is not None
    assert second.chain is not None
    assert column(first.chain, "volume") == {"XYZ230106C00382000": 1034, "XYZ230106P00382000": 1210}
    assert column(second.chain, "volume") == {"XYZ230106C00382000": 1834, "XYZ230106P00382000": None}
    assert column(second.chain, "bid_size") == {"XYZ230106C00382000": 22, "XYZ230106P00382000": 9}
    assert column(second.chain, "ask_size") == {"XYZ230106C00382000": 15, "XYZ230106P00382000": 34}
    assert second.chain["open_interest"].to_list() == [None, None]
    assert second.chain["oi_asof"].to_list() == [None, None]
    assert second.chain["quote_time"][0] == utc(2022, 12, 30, 21, 0)
    assert second.chain["spot"][0] == 382.44


def test_optionsdx_in_a_file_that_names_no_ticker_is_refused_with_the_way_to_mend_it(tmp_path: Path) -> None:
    shutil.copy(CHAINS / "xyz_eod_202212.txt", tmp_path / "202212.txt")
    recorded = list(read_recorded(tmp_path / "202212.txt"))
    assert refused(recorded) == [(None, "no ticker in the file or its name; rename it to TICKER_202212.txt", 0)]


def test_optionsdx_names_no_roots_and_an_index_has_them_by_the_expiry(tmp_path: Path) -> None:
    lines = (CHAINS / "xyz_eod_202212.txt").read_text("utf-8").splitlines()[:2]
    text = "\n".join([*lines, lines[1].replace("2023-01-06", "2023-01-20")])
    (tmp_path / "spx_eod_202212.txt").write_text(text, "utf-8")
    (recorded,) = read_recorded(tmp_path / "spx_eod_202212.txt")
    assert recorded.chain is not None
    assert column(recorded.chain, "settlement") == {
        "SPXW230106C00382000": "PM",
        "SPXW230106P00382000": "PM",
        "SPX230120C00382000": "AM",
        "SPX230120P00382000": "AM",
    }
    assert (
        "SPX: the source names no roots, and expiries 2023-01-20 may be settled at the open or at the close: they are "
        "taken for SPX, at the open"
    ) in recorded.notes


@pytest.mark.parametrize("expiry", ["9999-12-31", "1999-12-17"])
@pytest.mark.parametrize("name", ["ABC", "VIX", "SPX"])
def test_an_expiry_that_no_symbol_can_name_costs_its_row_alone(tmp_path: Path, name: str, expiry: str) -> None:
    good = ROW.replace("ABC", name)
    (recorded,) = read_recorded(write(tmp_path, good, good.replace("2025-09-12", expiry)))
    assert recorded.chain is not None
    assert recorded.chain.height == 1
    assert refused([recorded]) == [(3, f"expiry {expiry!r} fits no OSI symbol; row refused", 1)]


def test_a_source_that_names_roots_is_asked_no_questions(tmp_path: Path) -> None:
    row = "2026-08-20,^SPX,SPXW,2026-09-18,6400,C,50,51,10,100"
    header = HEADER.replace("underlying,", "underlying,root,")
    (recorded,) = read_recorded(write(tmp_path, row, header=header))
    assert recorded.chain is not None
    assert recorded.chain.select("underlying", "root", "settlement").row(0) == ("SPX", "SPXW", "PM")
    assert not any("names no roots" in note for note in recorded.notes)


@pytest.mark.parametrize("spelling", ["^VIX", "$VIX.X", "_VIX", "I:VIX", ".VIX"])
def test_an_index_is_known_in_every_spelling(tmp_path: Path, spelling: str) -> None:
    path = write(tmp_path, f"2026-08-03,{spelling},2026-08-19,20,C,1.5,1.6,10,100")
    assert only(path).select("contract", "underlying", "settlement", "exercise_style").row(0) == (
        "VIX260819C00020000",
        "VIX",
        "AM",
        "european",
    )


def test_datashop_roots_of_before_2010_have_the_style_of_their_index(tmp_path: Path) -> None:
    text = (CHAINS / "UnderlyingOptionsEODCalcs_2023-03-15.csv").read_text("utf-8").splitlines()[:2]
    (tmp_path / "old.csv").write_text("\n".join(text).replace("SPXW", "SPT"), "utf-8")
    (recorded,) = read_recorded(tmp_path / "old.csv")
    assert recorded.chain is not None
    assert recorded.chain.select("underlying", "root", "exercise_style").row(0) == ("SPX", "SPT", "european")


def test_datashop_quotes_are_those_of_a_quarter_to_four_and_the_chain_stands_for_the_close() -> None:
    spx, adjusted = read("UnderlyingOptionsEODCalcs_2023-03-15.csv")
    assert spx.chain is not None
    assert adjusted.chain is not None
    row = spx.chain.row(0, named=True)
    assert (row["underlying"], row["root"], row["settlement"]) == ("SPX", "SPXW", "PM")
    assert row["quote_time"] == utc(2023, 3, 15, 20, 0)
    assert (row["bid"], row["ask"], row["last"], row["volume"]) == (23.6, 24.2, 23.0, 4211)
    assert (row["vendor_iv"], row["spot"], row["open_interest"]) == (0.2581, 3888.1, 1893)
    assert row["oi_asof"] == date(2023, 3, 14)
    other = adjusted.chain.row(0, named=True)
    assert (other["contract"], other["nonstandard"]) == ("XYZ1230317P00025000", True)
    assert (other["spot"], other["last"], other["vendor_iv"]) == (24.25, None, None)


def test_datashop_without_calculations_on_a_half_day() -> None:
    row = only("UnderlyingOptionsEODQuotes_2022-11-25.csv").row(0, named=True)
    assert row["quote_time"] == utc(2022, 11, 25, 18, 0)
    assert row["spot"] == 25.05
    assert row["vendor_iv"] is None


# Contracts


def test_morning_and_afternoon_settled_twins_are_two_contracts() -> None:
    frame = only("morning-and-afternoon.csv")
    assert column(frame, "settlement") == {"SPX260717C06300000": "AM", "SPXW260717C06300000": "PM"}
    assert frame["exercise_style"].unique().to_list() == ["european"]


def test_adjusted_roots_stay_apart_and_are_marked() -> None:
    frame = only("adjusted-root.csv")
    assert column(frame, "nonstandard") == {"ABC250912C00235000": False, "ABC1250912C00235000": True}
    assert frame["underlying"].unique().to_list() == ["ABC"]


def test_an_index_payload_holds_both_roots_and_a_flex_series() -> None:
    frame = only("cboe-index.json")
    assert frame["underlying"].unique().to_list() == ["SPX"]
    assert column(frame, "nonstandard") == {
        "2SPX260717C06300000": True,
        "SPX260717C06300000": False,
        "SPXW260717C06300000": False,
    }


def test_tickers_and_rights_are_read_in_any_case() -> None:
    frame = only("lower-case.csv")
    assert frame["contract"].to_list() == ["ABC250912C00235000", "ABC250912P00235000"]


def test_a_class_share_has_its_root_without_the_dot(tmp_path: Path) -> None:
    (recorded,) = read_recorded(write(tmp_path, ROW.replace("ABC", "BRK.B")))
    assert recorded.chain is not None
    assert (recorded.chain["underlying"][0], recorded.chain["contract"][0]) == ("BRK.B", "BRKB250912C00235000")


# Dirt


def test_sentinels_of_every_kind_are_null_and_never_a_number() -> None:
    frame = only("sentinels.csv")
    rows = {row["contract"]: row for row in frame.iter_rows(named=True)}
    wing, unquoted = rows["ABC250912C00235000"], rows["ABC250912P00235000"]
    assert (wing["bid"], wing["ask"], wing["last"]) == (0.0, 0.05, None)
    assert (wing["volume"], wing["open_interest"], wing["vendor_iv"], wing["vendor_delta"]) == (0, 0, None, None)
    assert (unquoted["bid"], unquoted["ask"], unquoted["last"]) == (None, None, 1.1)
    assert (unquoted["volume"], unquoted["open_interest"], unquoted["oi_asof"]) == (None, None, None)
    assert rows["ABC250912C00240000"]["last"] is None
    assert rows["ABC250912C00240000"]["vendor_iv"] == 0.42
    assert rows["ABC250912P00240000"]["vendor_delta"] == -0.69


def test_a_chain_in_which_nothing_is_quoted_keeps_its_zeros_for_the_quality_gate(tmp_path: Path) -> None:
    rows = [f"2025-09-04,ABC,2025-09-12,{strike},P,0,0,10,100" for strike in range(200, 240)]
    (recorded,) = read_recorded(write(tmp_path, *rows))
    assert recorded.chain is not None
    assert recorded.chain["bid"].to_list() == recorded.chain["ask"].to_list() == [0.0] * 40


def test_a_negative_price_or_count_is_left_out_and_the_rest_of_its_row_kept() -> None:
    (recorded,) = read("negative-price.csv")
    assert recorded.chain is not None
    assert refused([recorded]) == [
        (2, "bid '-0.50' is negative; left out", 1),
        (3, "volume '-7' is negative; left out", 1),
    ]
    assert column(recorded.chain, "bid") == {
        "ABC250912C00235000": None,
        "ABC250912P00235000": 2.3,
        "ABC250912P00240000": 5.3,
    }
    assert column(recorded.chain, "volume") == {
        "ABC250912C00235000": 10,
        "ABC250912P00235000": None,
        "ABC250912P00240000": 5,
    }


def test_the_same_row_twice_counts_once() -> None:
    (recorded,) = read("same-row-twice.csv")
    assert recorded.chain is not None
    assert recorded.chain["volume"].sum() == 30
    assert refused([recorded]) == [(4, "the same row again; kept once", 1)]


def test_rows_that_contradict_each_other_are_all_refused() -> None:
    (recorded,) = read("contradicting-rows.csv")
    assert recorded.chain is not None
    assert recorded.chain["contract"].to_list() == ["ABC250912P00235000"]
    assert refused([recorded]) == [
        (2, "ABC250912C00235000 appears more than once with different values; every such row refused", 2)
    ]


def test_wrong_types_cost_the_value_or_the_row_and_are_named_with_their_line() -> None:
    (recorded,) = read("wrong-types.csv")
    assert recorded.chain is not None
    assert recorded.chain["contract"].to_list() == [
        "ABC250912C00235000",
        "ABC250912P00235000",
        "ABC250912C00240000",
        "ABC250912P00245000",
    ]
    assert sorted(refused([recorded]), key=lambda one: (one[0] or 0, one[1])) == [
        (2, "bid 'cheap' is not a number; left out", 1),
        (3, "volume '7.5' is not a whole number; left out", 1),
        (4, "ask 'inf' is not a number; left out", 1),
        (5, "expiry 'soon' is not a date; left out", 1),
        (5, "no expiry date; row refused", 1),
        (6, "right is neither a call nor a put; row refused", 1),
        (7, "no strike; row refused", 1),
        (7, "strike 'many' is not a number; left out", 1),
        (8, "volume '1e300' is more than any contract trades or holds; left out", 1),
    ]


def test_wrong_types_in_json_cost_the_value_or_the_entry() -> None:
    (recorded,) = read("cboe-wrong-types.json")
    assert recorded.chain is not None
    rows = {row["contract"]: row for row in recorded.chain.iter_rows(named=True)}
    assert set(rows) == {"XYZ260821C00095000", "XYZ260821P00095000"}
    call = rows["XYZ260821C00095000"]
    assert (call["bid"], call["ask"], call["volume"], call["open_interest"]) == (3.4, None, None, None)
    assert rows["XYZ260821P00095000"]["last_trade_time"] is None, "a trade cannot be later than the file that tells it"
    assert recorded.chain["session_date"][0] == date(2026, 7, 24)
    assert recorded.chain["spot"][0] == 95.5
    reasons = [reason for _, reason, _ in refused([recorded])]
    assert "expected an option, found str; row refused" in reasons
    assert "'17' is not a contract symbol; row refused" in reasons
    assert "last_trade_time is later than the file itself; left out" in reasons


def test_lines_with_too_many_or_too_few_fields_are_refused_and_blank_ones_passed_over() -> None:
    (recorded,) = read("uneven-lines.csv")
    assert recorded.chain is not None
    assert recorded.chain["contract"].to_list() == ["ABC250912C00235000", "ABC250912P00245000"]
    assert refused([recorded]) == [
        (4, "8 fields where the header has 9; row refused", 1),
        (5, "10 fields where the header has 9; row refused", 1),
        (7, "6 fields where the header has 9; row refused", 1),
    ]


def test_a_line_cut_off_before_its_last_fields_is_refused_even_where_no_other_is_uneven(tmp_path: Path) -> None:
    path = write(tmp_path, ROW, "2025-09-04,ABC,2025-09-12,240,C,1.0,1.1,7")
    (recorded,) = read_recorded(path)
    assert recorded.chain is not None
    assert recorded.chain.height == 1
    assert refused([recorded]) == [(3, "8 fields where the header has 9; row refused", 1)]


def test_a_long_line_does_not_make_up_for_a_short_one(tmp_path: Path) -> None:
    path = write(tmp_path, ROW, "2025-09-04,ABC,2025-09-12,240,C,1.0,1.1,7", f"{ROW},8".replace("235", "245"))
    (recorded,) = read_recorded(path)
    assert recorded.chain is not None
    assert recorded.chain["contract"].to_list() == ["ABC250912C00235000"]
    assert [line for line, _, _ in refused([recorded])] == [3, 4]


def test_quoted_fields_may_hold_commas_and_line_ends() -> None:
    (recorded,) = read("quoted-fields.csv")
    assert recorded.chain is not None
    assert column(recorded.chain, "volume") == {"ABC250912C01235000": 1000, "ABC250912C01240000": None}
    assert refused([recorded]) == [(4, "volume 'oops' is not a number; left out", 1)]


def test_unknown_columns_are_named_and_ignored() -> None:
    (recorded,) = read("unknown-columns.csv")
    assert recorded.refusals == ()
    assert "unknown columns ignored: mood, colour" in recorded.notes


def test_bytes_that_are_no_text_cost_their_row_alone() -> None:
    (recorded,) = read("not-utf8.csv")
    assert recorded.chain is not None
    assert recorded.chain.height == 1
    assert [line for line, _, _ in refused([recorded])] == [2]


def test_a_byte_order_mark_and_windows_line_ends_are_no_dirt() -> None:
    assert only("windows.csv")["last"].to_list() == [1.5]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("empty.csv", "the file is empty"),
        ("header-only.csv", "no row in it could be taken"),
        ("web-page.csv", "a web page or XML, not a chain; fetch it again"),
        ("not-a-chain.csv", "no format of recorded chains has this header: 'date, open, high, low, close'"),
        ("no-prices.csv", "no prices: canonical files need the columns bid and ask, or last"),
        ("cboe-no-contracts.json", "no row in it could be taken"),
        ("cboe-cut-short.json", "JSON that was cut short: Unterminated string starting at (character 489)"),
        (
            "cut-short.csv.gz",
            "the gzip file is damaged or cut short (Compressed file ended before the end-of-stream marker was reached)",
        ),
    ],
)
def test_files_that_cannot_be_understood_are_refused_with_the_reason(name: str, reason: str) -> None:
    recorded = read(name)
    assert [one.chain for one in recorded] == [None]
    assert [one[1] for one in refused(recorded)] == [reason]


@pytest.mark.parametrize(("mark", "called"), [(";", "semicolons"), ("\t", "tabs"), ("|", "bars")])
def test_fields_that_something_else_than_commas_separates_are_refused_with_the_way_out(
    tmp_path: Path, mark: str, called: str
) -> None:
    """Where a semicolon separates, the comma is the decimal mark, and 1,234 may be either of two numbers."""
    path = tmp_path / "chain.csv"
    path.write_text(f"{HEADER}\n{ROW}\n".replace(",", mark))
    ((line, reason, _),) = refused(read_recorded(path))
    mend = "save it with commas between them, and with points in its numbers"
    assert (line, reason) == (1, f"a chain whose fields {called} separate; {mend}")


def test_a_refusal_reads_as_file_line_reason_and_count() -> None:
    (recorded,) = read("contradicting-rows.csv")
    assert str(recorded.refusals[0]) == (
        f"{CHAINS}/contradicting-rows.csv:2: ABC250912C00235000 appears more than once with different values; "
        "every such row refused (and 1 more)"
    )


# Files and folders


def test_gzip_is_told_by_its_content_whatever_the_name(tmp_path: Path) -> None:
    path = tmp_path / "chain.csv"
    path.write_bytes(gzip.compress(f"{HEADER}\n{ROW}\n".encode()))
    (recorded,) = read_recorded(path)
    assert recorded.chain is not None
    assert recorded.chain["volume"].to_list() == [10]


def test_canonical_parquet_is_read_in_whatever_types_it_has(tmp_path: Path) -> None:
    path = tmp_path / "chain.parquet"
    pl.DataFrame(
        {
            "session_date": [datetime(2025, 9, 4)] * 2,
            "underlying": pl.Series(["ABC", "ABC"], dtype=pl.Categorical),
            "expiry": [date(2025, 9, 12)] * 2,
            "strike": [235, 240],
            "right": ["call", "P"],
            "last": pl.Series([1.5, float("nan")], dtype=pl.Float32),
            "volume": pl.Series([10.0, None]),
            "open_interest": pl.Series([100, 200], dtype=pl.UInt16),
            "mood": [["good"], ["bad"]],
        }
    ).write_parquet(path)
    (recorded,) = read_recorded(path)
    assert recorded.chain is not None
    assert column(recorded.chain, "volume") == {"ABC250912C00235000": 10, "ABC250912P00240000": None}
    assert column(recorded.chain, "last") == {"ABC250912C00235000": 1.5, "ABC250912P00240000": None}
    assert "unknown columns ignored: mood" in recorded.notes


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "chain.parquet"
    pl.DataFrame({"a": range(1000)}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:500])
    (recorded,) = read_recorded(path)
    assert recorded.chain is None
    assert recorded.refusals[0].reason.startswith("a damaged Parquet file")


def test_one_bad_file_never_stops_the_others(tmp_path: Path) -> None:
    write(tmp_path, ROW, name="b.csv")
    (tmp_path / "a.csv").write_text("<html></html>")
    (tmp_path / "c.csv").write_text("nothing,known\n1,2\n")
    write(tmp_path, ROW.replace("ABC", "XYZ"), name="d.csv")
    recorded = list(read_recorded(tmp_path))
    assert [(one.path.name, one.chain is not None) for one in recorded] == [
        ("a.csv", False),
        ("b.csv", True),
        ("c.csv", False),
        ("d.csv", True),
    ]


def test_a_folder_is_read_with_its_subfolders_but_not_the_tables_beside_chains() -> None:
    names = [path.name for path in recorded_files(CHAINS / "cboe-daily")]
    assert names == ["2026-07-22.csv", "2026-07-23.csv"]


def test_a_glob_picks_files() -> None:
    recorded = list(read_recorded(f"{CHAINS}/**/2026-07-2?.csv"))
    assert [one.path.name for one in recorded] == ["2026-07-22.csv", "2026-07-23.csv"]


def test_a_folder_without_chains_and_a_missing_path_are_refused(tmp_path: Path) -> None:
    (empty,) = read_recorded(tmp_path)
    (missing,) = read_recorded(tmp_path / "nowhere.csv")
    assert empty.refusals[0].reason == "no recorded chains in this folder"
    assert missing.refusals[0].reason == "no such file or folder"


def test_an_unreadable_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, ROW)

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", denied)
    (recorded,) = read_recorded(path)
    assert recorded.refusals[0].reason == "cannot be read (Permission denied)"


@pytest.mark.parametrize("name", ["plain.csv", "packed.csv.gz", "table.parquet"])
@pytest.mark.parametrize("by_contract", [False, True], ids=["by session", "by contract"])
def test_a_file_larger_than_memory_allows_is_read_in_passes_and_comes_out_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, by_contract: bool
) -> None:
    keys = [(day, strike) for day in (2, 3, 4, 5) for strike in range(200, 230)]
    if by_contract:
        keys.sort(key=lambda key: key[1])
    rows = [f"2025-09-0{day},ABC,2025-09-12,{strike},C,1.5,1.6,{day * 1000 + strike},100" for day, strike in keys]
    rows.insert(50, "2025-09-03,ABC,2025-09-12,235,C,1.5,1.6,few,100")
    text = "\n".join([HEADER, *rows, ""])
    path = tmp_path / name
    if name.endswith("parquet"):
        pl.read_csv(text.encode(), infer_schema=False).write_parquet(path)
    else:
        path.write_bytes(gzip.compress(text.encode()) if name.endswith("gz") else text.encode())
    monkeypatch.setattr(reading, "BLOCK_BYTES", 256)
    monkeypatch.setattr(reading, "BATCH_ROWS", 5)
    monkeypatch.setattr(reader, "OPEN_ROWS", 70)
    recorded = list(read_recorded(path))
    volumes = {one.chain["session_date"][0].day: one.chain["volume"].sum() for one in recorded if one.chain is not None}
    assert volumes == {day: sum(day * 1000 + strike for strike in range(200, 230)) for day in (2, 3, 4, 5)}
    line = 51 if name.endswith("parquet") else 52
    assert refused(recorded) == [(line, "volume 'few' is not a number; left out", 1)]


@pytest.mark.parametrize(("by_contract", "readings"), [(False, 3), (True, 4)], ids=["by session", "by contract"])
def test_no_more_rows_are_held_than_allowed_and_no_more_passes_made_than_that_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by_contract: bool, readings: int
) -> None:
    """By session one chain is open at a time; by contract all four are, and only two of them fit at once."""
    keys = [(day, strike) for day in (2, 3, 4, 5) for strike in range(200, 230)]
    keys.sort(key=lambda key: key[by_contract])
    path = write(tmp_path, *(f"2025-09-0{day},ABC,2025-09-12,{strike},C,1.5,1.6,7,100" for day, strike in keys))
    monkeypatch.setattr(reading, "BLOCK_BYTES", 256)
    monkeypatch.setattr(reader, "OPEN_ROWS", 70)
    begun = []
    read_blocks = reading.text_blocks

    def counted(*arguments: object) -> object:
        begun.append(1)
        return read_blocks(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(reading, "text_blocks", counted)
    assert len(list(read_recorded(path))) == 4
    assert len(begun) == readings


def test_a_quoted_line_end_never_parts_a_block(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [f'2025-09-04,ABC,2025-09-12,{strike},C,1.5,1.6,{strike},100,"a\nb"' for strike in range(200, 240)]
    path = write(tmp_path, *rows, header=f"{HEADER},note")
    for block_bytes in (50, 64, 100, 333):
        monkeypatch.setattr(reading, "BLOCK_BYTES", block_bytes)
        (recorded,) = read_recorded(path)
        assert recorded.refusals == ()
        assert recorded.chain is not None
        assert recorded.chain["volume"].sum() == sum(range(200, 240))


# Properties

FIELD = st.text(st.characters(blacklist_characters='\n\r,"', blacklist_categories=("Cs",)), max_size=12)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.lists(FIELD, min_size=9, max_size=9), max_size=8))
def test_no_text_whatsoever_makes_reading_fail_or_a_chain_hold_nan(tmp_path: Path, rows: list[list[str]]) -> None:
    path = write(tmp_path, ROW, *(",".join(row) for row in rows))
    recorded = list(read_recorded(path))
    chains = [one.chain for one in recorded if one.chain is not None]
    assert "ABC250912C00235000" in {contract for frame in chains for contract in frame["contract"]}
    for frame in chains:
        assert frame.schema == chain.SCHEMA
        assert not any(frame[name].is_nan().any() for name in frame.columns if frame[name].dtype == pl.Float64)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=300), start=st.sampled_from([b"", b"{", b"[", b"PAR1", b"\x1f\x8b", HEADER.encode()]))
def test_no_bytes_whatsoever_make_reading_fail(tmp_path: Path, content: bytes, start: bytes) -> None:
    path = tmp_path / "anything"
    path.write_bytes(start + content)
    recorded = list(read_recorded(path))
    assert recorded
    assert all(one.chain is not None or one.refusals for one in recorded)


BUILT = sorted(
    path for path in recorded_files(CHAINS) if path.suffix in (".csv", ".json", ".txt") and path.stat().st_size
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    path=st.sampled_from(BUILT),
    edits=st.lists(st.tuples(st.floats(0, 1), st.integers(0, 12), st.binary(max_size=12)), min_size=1, max_size=4),
)
def test_no_damage_to_a_file_of_any_format_makes_reading_fail(
    tmp_path: Path, path: Path, edits: list[tuple[float, int, bytes]]
) -> None:
    content = path.read_bytes()
    for place, length, instead in edits:
        start = int(place * len(content))
        content = content[:start] + instead + content[start + length :]
    damaged = tmp_path / path.name
    damaged.write_bytes(content)
    read = list(read_recorded(damaged))
    assert all(one.chain is not None or one.refusals for one in read)
    for taken in (one.chain for one in read if one.chain is not None):
        assert taken.schema == chain.SCHEMA
        assert taken["contract"].n_unique() == taken.height
        assert not any(taken.select(pl.col(pl.Float64).is_nan().any()).row(0))


JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8) | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bid=JSON, volume=JSON, iv=JSON, traded=JSON, other=JSON, price=JSON)
def test_no_json_in_a_cboe_payload_harms_the_option_beside_it(
    tmp_path: Path, bid: object, volume: object, iv: object, traded: object, other: object, price: object
) -> None:
    good = {
        "option": "XYZ260821P00095000",
        "bid": 4.0,
        "ask": 4.6,
        "iv": 0.39,
        "open_interest": 1684.0,
        "volume": 156.0,
        "last_trade_time": "2026-07-24T15:02:30",
    }
    odd = {"option": "XYZ260821C00095000", "bid": bid, "volume": volume, "iv": iv, "last_trade_time": traded}
    payload = {
        "timestamp": "2026-07-25 00:43:14",
        "data": {"symbol": "XYZ", "options": [good, odd, other], "current_price": price, "last_trade_time": traded},
    }
    path = tmp_path / "payload.json"
    path.write_text(json.dumps(payload))
    kept = [one.chain for one in read_recorded(path) if one.chain is not None]
    assert len(kept) == 1
    put = kept[0].filter(contract="XYZ260821P00095000").row(0, named=True)
    assert (put["bid"], put["volume"], put["open_interest"]) == (4.0, 156, 1684)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    values=st.dictionaries(
        st.tuples(st.integers(1, 99_999_999), st.sampled_from("CP")),
        st.tuples(
            st.none() | st.floats(0, 1e5).map(lambda price: round(price, 4)),
            st.none() | st.integers(0, 2 * 10**7),
            st.none() | st.integers(0, 2 * 10**7),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_what_is_written_as_canonical_csv_comes_back_exactly(
    tmp_path: Path, values: dict[tuple[int, str], tuple[float | None, int | None, int | None]]
) -> None:
    def text(value: object) -> str:
        return "" if value is None else repr(value)

    rows = [
        f"2025-09-04,ABC,2025-09-12,{thousandths / 1000!r},{right},{text(bid)},100000,{text(volume)},{text(count)},1e4"
        for (thousandths, right), (bid, volume, count) in values.items()
    ]
    (recorded,) = read_recorded(write(tmp_path, *rows, header=f"{HEADER},spot"))
    assert recorded.refusals == ()
    assert recorded.chain is not None
    back = {
        (round(strike * 1000), right): (bid, volume, interest)
        for strike, right, bid, volume, interest in recorded.chain.select(
            "strike", "right", "bid", "volume", "open_interest"
        ).iter_rows()
    }
    assert back == values
