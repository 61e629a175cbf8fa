"""Exports and verbatim bodies that people keep in files: each reads as its vendor's units, clocks and gaps say.

The samples are built; every number expected here is in the file by another spelling, or follows by the arithmetic that
stands beside it.
"""

from __future__ import annotations

import gzip
import json
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from standard import calendar

from scanner.sources.formats.base import RecordedChain
from scanner.sources.recorded import read_recorded

CHAINS = Path(__file__).parent / "chains"
SESSION, BEFORE = date(2026, 7, 16), date(2026, 7, 15)
CLOSE = datetime(2026, 7, 16, 20, 0, tzinfo=UTC)
CALL, PUT, WING = "XYZ260724C00100000", "XYZ260724P00100000", "XYZ260724P00080000"
# What every vendor says of the call at the money, as far as it says it.
AT_THE_MONEY: dict[str, Any] = {
    "underlying": "XYZ", "session_date": SESSION, "bid": 1.9, "ask": 2.0, "volume": 5210, "open_interest": 1890,
    "oi_asof": BEFORE, "vendor_iv": 0.29, "vendor_delta": 0.52, "multiplier": 100, "settlement": "PM",
}  # fmt: skip


def read(name: str | Path) -> list[RecordedChain]:
    return list(read_recorded(CHAINS / name, calendar=calendar))


def chain_in(name: str | Path) -> tuple[dict[str, dict[str, Any]], RecordedChain]:
    """The rows of the one chain of a file, by contract; nothing in it was refused."""
    (recorded,) = read(name)
    assert recorded.chain is not None
    assert recorded.refusals == ()
    return {row["contract"]: row for row in recorded.chain.iter_rows(named=True)}, recorded


def shown(row: dict[str, Any], wanted: dict[str, Any]) -> dict[str, Any]:
    return {name: row[name] for name in wanted}


@pytest.mark.parametrize(
    ("name", "source", "particular"),
    [
        ("historicaloptiondata-L3.csv", "historicaloptiondata", {"last": 1.95, "spot": 100.25, "quote_time": CLOSE}),
        ("orats-daily.csv", "orats", {"last": None, "spot": 100.25, "quote_time": CLOSE}),
        (
            "orats.csv",
            "orats",
            {"spot": 100.25, "bid_size": 210, "quote_time": datetime(2026, 7, 16, 19, 46, tzinfo=UTC)},
        ),
        (
            "openbb.csv",
            "openbb",
            {"last": 1.95, "spot": 100.25, "last_trade_time": datetime(2026, 7, 16, 19, 30, tzinfo=UTC)},
        ),
        (
            "thetadata-joined.csv",
            "thetadata",
            {"spot": 100.25, "quote_time": datetime(2026, 7, 16, 17, 59, 0, 120_000, tzinfo=UTC)},
        ),
        (
            "xyz-options-exp-2026-07-24-weekly-show-all-stacked-07-16-2026.csv",
            "barchart",
            {"last": 1.95, "spot": None, "quote_time": datetime(2026, 7, 16, 17, 59, tzinfo=UTC)},
        ),
        ("massive.json", "massive", {"last": 1.95, "spot": 100.25}),
        ("marketdata.json", "marketdata", {"last": 1.95, "spot": 100.25}),
        ("intrinio.json", "intrinio", {"last": 1.95, "spot": 100.25}),
        ("alphavantage.json", "alphavantage", {"last": 1.95, "spot": None, "quote_time": CLOSE}),
        ("tradier.json", "tradier", {"last": 1.95, "spot": None}),
        ("alpaca.json", "alpaca", {"open_interest": None, "oi_asof": None, "spot": None}),
        ("unusualwhales-20260716T180000Z.json", "unusualwhales", {"last": 1.95, "vendor_delta": None}),
        (
            "yahoo-v7.json",
            "yahoo",
            {
                "last": 1.95,
                "spot": 100.25,
                "vendor_delta": None,
                "quote_time": datetime(2026, 7, 16, 17, 44, tzinfo=UTC),
            },
        ),
        ("yfinance.csv", "yahoo", {"last": 1.95, "spot": None, "vendor_iv": 0.2900001, "vendor_delta": None}),
    ],
)
def test_the_call_at_the_money_reads_as_its_vendor_gives_it(name: str, source: str, particular: dict[str, Any]) -> None:
    rows, _ = chain_in(name)
    wanted = AT_THE_MONEY | {"source": source} | particular
    assert shown(rows[CALL], wanted) == wanted


def test_a_days_file_holds_every_underlying_its_adjusted_contracts_and_index_roots() -> None:
    stock, index = read("historicaloptiondata-L2.csv")
    assert stock.chain is not None
    assert index.chain is not None
    assert stock.chain.select("contract", "nonstandard", "vendor_iv").rows() == [
        (CALL, False, 0.29),
        (PUT, False, 0.2901),
        ("XYZ1260724C00100000", True, None),
    ]
    assert index.chain.select("underlying", "root", "settlement", "spot").rows() == [("SPX", "SPXW", "PM", 6300.5)]
    assert stock.chain["quote_time"].unique().to_list() == [CLOSE]  # 16:00 by New York's clock


def test_what_is_published_the_next_morning_is_not_read_as_known_on_the_day() -> None:
    rows, recorded = chain_in("historicaloptiondata-L3.csv")
    assert (rows[CALL]["open_interest"], rows[CALL]["oi_asof"]) == (1890, BEFORE)  # and not 4020
    assert any("T1OpenInterest" in note for note in recorded.notes)


def test_symbols_of_before_2010_are_told_by_their_columns() -> None:
    rows, _ = chain_in("historicaloptiondata-before-2010.csv")
    call = rows["XYZ090117C00040000"]
    wanted = {"root": "XYZ", "expiry": date(2009, 1, 17), "open_interest": 5400, "oi_asof": date(2008, 12, 17)}
    assert shown(call, wanted) == wanted


def test_vol_of_dolthub_is_a_volatility_and_its_days_are_chains() -> None:
    newest, older = sorted(read("dolthub.csv"), key=lambda one: -len(one.chain) if one.chain is not None else 0)
    assert newest.chain is not None
    assert older.chain is not None
    columns = ("contract", "session_date", "bid", "ask", "vendor_iv", "volume", "open_interest", "last", "spot")
    assert newest.chain.select(columns).rows() == [
        ("XYZ260821C00100000", SESSION, 4.1, 4.3, 0.3, None, None, None, None),
        ("XYZ260821P00100000", SESSION, 3.6, 3.8, 0.301, None, None, None, None),
    ]
    assert older.chain["session_date"].to_list() == [BEFORE]
    assert any("no volume" in note for note in newest.notes)
    rows, _ = chain_in("dolthub.json")
    assert rows["XYZ260821C00100000"]["vendor_iv"] == 0.3


def test_an_answer_of_dolthub_that_was_cut_at_its_limit_is_no_chain() -> None:
    (recorded,) = read("dolthub-cut-at-its-limit.json")
    assert recorded.chain is None
    assert "RowLimit" in str(recorded.refusals[0])


def test_the_delta_of_an_orats_put_is_the_calls_less_one() -> None:
    rows, _ = chain_in("orats.csv")
    assert rows[PUT]["vendor_delta"] == pytest.approx(0.52 - 1)
    assert rows[WING]["vendor_delta"] == pytest.approx(0.9995 - 1)
    assert (rows[WING]["vendor_iv"], rows[WING]["volume"], rows[WING]["bid"]) == (None, 0, 0.0)


def test_a_field_that_is_new_is_named() -> None:
    (recorded,) = read("orats.json")
    assert recorded.chain is not None
    assert [refusal.reason for refusal in recorded.refusals] == ["unknown columns ignored: anewfield"]


@pytest.mark.parametrize(
    ("name", "header"),
    [
        ("openbb.csv", "rho"),
        ("dolthub.csv", "rho"),
        ("orats-daily.csv", "extPTheo"),
        ("historicaloptiondata-L3.csv", "AKA"),
        ("thetadata-joined.csv", "iv_error"),
        ("barchart-screener.csv", "Links"),
    ],
)
def test_a_column_that_is_new_is_named(name: str, header: str, tmp_path: Path) -> None:
    changed = tmp_path / name
    first, rest = (CHAINS / name).read_text("utf-8").split("\n", 1)
    changed.write_text(first.replace(header, "a_new_one") + "\n" + rest, "utf-8")
    recorded = next(iter(read_recorded(changed, calendar=calendar)))
    assert "unknown columns ignored: a_new_one" in recorded.notes


def test_volume_left_over_from_an_earlier_day_is_not_todays_in_openbb_and_yfinance() -> None:
    for name in ("openbb.csv", "yfinance.csv"):
        rows, _ = chain_in(name)
        assert (rows[WING]["volume"], rows[CALL]["volume"]) == (0, 5210)


def test_the_terminals_zeros_are_nothing_and_its_quotes_are_of_one_moment() -> None:
    rows, _ = chain_in("thetadata-joined.csv")
    assert shown(rows[WING], {"spot": 0, "vendor_iv": 0, "vendor_delta": 0}) == dict.fromkeys(
        ("spot", "vendor_iv", "vendor_delta")
    )
    assert len({row["quote_time"] for row in rows.values()}) == 1


def test_the_terminals_report_of_a_day_is_its_close() -> None:
    rows, recorded = chain_in("thetadata-eod.csv")
    wanted = {"session_date": SESSION, "quote_time": CLOSE, "last": 1.95, "volume": 5210, "open_interest": None}
    assert shown(rows[CALL], wanted) == wanted
    assert rows[CALL]["last_trade_time"] == datetime(2026, 7, 16, 19, 30, 0, 213_000, tzinfo=UTC)
    assert any("no open interest" in note for note in recorded.notes)
    rows, _ = chain_in("thetadata.json")
    assert (rows[PUT]["bid"], rows[PUT]["bid_size"]) == (1.6, 99)


def version_2(*ticks: list[object], names: str = "ms_of_day bid_size bid ask_size ask date", **header: object) -> str:
    """An answer of the terminal's version 2 about one contract: whole numbers for the strike, the day and the time."""
    contract = {"root": "XYZ", "expiration": 20260724, "strike": 97500, "right": "P"}
    told = {"next_page": "null", "error_type": "null", "format": names.split(), **header}
    return json.dumps({"header": told, "response": [{"ticks": list(ticks), "contract": contract}]})


def test_an_answer_of_the_terminals_version_2_is_read_with_its_own_units(tmp_path: Path) -> None:
    file = tmp_path / "quote.json"
    file.write_text(version_2([50_340_120, 99, 1.6, 120, 1.7, 20260716]), "utf-8")
    rows, _ = chain_in(file)
    # 50,340,120 ms after midnight in New York is 13:59:00.120 there.
    wanted = {"bid": 1.6, "ask": 1.7, "bid_size": 99, "ask_size": 120, "strike": 97.5, "right": "P",
              "quote_time": datetime(2026, 7, 16, 17, 59, 0, 120_000, tzinfo=UTC)}  # fmt: skip
    assert shown(rows["XYZ260724P00097500"], wanted) == wanted


def test_a_page_of_version_2_says_that_others_are_missing(tmp_path: Path) -> None:
    file = tmp_path / "quote.json"
    file.write_text(version_2([50_340_120, 99, 1.6, 120, 1.7, 20260716], next_page="127.0.0.1:25510/page/2"), "utf-8")
    (recorded,) = read(file)
    assert recorded.chain is not None
    assert any("one page of several" in str(refusal) for refusal in recorded.refusals)


@pytest.mark.parametrize(
    "tick", [[50_340_120, 99, 1.6], ["noon", 99, 1.6, 120, 1.7, 20260716], [50_340_120, 99, 1.6, 120, 1.7, 20261340],
             [90_000_000, 99, 1.6, 120, 1.7, 20260716], "tick", None, {"bid": 1.6}]
)  # fmt: skip
def test_a_tick_of_version_2_that_cannot_be_read_is_refused(tick: object, tmp_path: Path) -> None:
    file = tmp_path / "quote.json"
    file.write_text(version_2(tick), "utf-8")  # type: ignore[arg-type]
    (recorded,) = read(file)
    assert recorded.chain is None
    assert recorded.refusals


_APART = {
    "quote": ("timestamp,symbol,expiration,strike,right,bid_size,bid,ask_size,ask",
              "2026-07-16T13:59:00.120,XYZ,2026-07-24,100.000,CALL,210,1.90,180,2.00"),
    "ohlc": ("timestamp,symbol,expiration,strike,right,open,high,low,close,volume,count",
             "2026-07-16T13:58:00.000,XYZ,2026-07-24,100.000,CALL,1.8,2.1,1.7,1.95,5210,90"),
    "open_interest": ("timestamp,symbol,expiration,strike,right,open_interest",
                      "2026-07-16T06:30:01.000,XYZ,2026-07-24,100.000,CALL,1890"),
    "first_order": ("symbol,expiration,strike,right,timestamp,bid,ask,delta,theta,vega,implied_vol,underlying_price",
                    "XYZ,2026-07-24,100.000,CALL,2026-07-16T13:59:00.000,1.90,2.00,0.52,-0.1,6.1,0.29,100.25"),
}  # fmt: skip


def apart(folder: Path, **changes: str) -> Path:
    """The terminal's tables of one contract in a folder of their own; gives that of quotes."""
    for name, (header, line) in _APART.items():
        (folder / f"XYZ-{name}.csv").write_text(f"{header}\n{changes.get(name, line)}\n", "utf-8")
    return folder / "XYZ-quote.csv"


def test_tables_of_the_terminals_that_lie_beside_quotes_are_read_with_them(tmp_path: Path) -> None:
    rows, _ = chain_in(apart(tmp_path))
    wanted = {
        **AT_THE_MONEY,
        "last": 1.95,
        "spot": 100.25,
        "quote_time": datetime(2026, 7, 16, 17, 59, 0, 120_000, UTC),
    }
    assert shown(rows[CALL], wanted) == wanted


def test_a_volume_of_another_day_beside_quotes_is_none_of_the_sessions(tmp_path: Path) -> None:
    old = _APART["ohlc"][1].replace("2026-07-16", "2026-07-14")
    rows, _ = chain_in(apart(tmp_path, ohlc=old))
    assert rows[CALL]["volume"] == 0


def test_a_table_beside_quotes_that_cannot_be_read_is_named_and_costs_itself_alone(tmp_path: Path) -> None:
    file = apart(tmp_path)
    (tmp_path / "XYZ-ohlc.csv").write_text("something else\n1\n", "utf-8")
    (recorded,) = read(file)
    assert recorded.chain is not None
    assert recorded.chain["open_interest"].to_list() == [1890]
    assert any("XYZ-ohlc.csv beside it cannot be read" in str(refusal) for refusal in recorded.refusals)


def test_a_table_without_quotes_says_what_to_do_with_it() -> None:
    (recorded,) = read("thetadata-open-interest.csv")
    assert recorded.chain is None
    assert "join it to the one of quotes" in str(recorded.refusals[0])


def test_a_page_of_barcharts_is_told_by_the_name_the_site_gave_it(tmp_path: Path) -> None:
    page = CHAINS / "xyz-options-exp-2026-07-24-weekly-show-all-stacked-07-16-2026.csv"
    renamed = tmp_path / "options.csv"
    renamed.write_bytes(page.read_bytes())
    (recorded,) = read_recorded(renamed, calendar=calendar)
    assert recorded.chain is None
    assert "does not tell its underlying" in str(recorded.refusals[0])


def test_barcharts_list_holds_many_names_as_of_its_last_line() -> None:
    first, second = read("barchart-screener.csv")
    for recorded, wanted in ((first, (CALL, 5210, 100.25)), (second, ("ABC260724P00030000", 12040, 30.5))):
        assert recorded.chain is not None
        assert recorded.chain.select("contract", "volume", "spot").rows() == [wanted]
        assert recorded.chain["quote_time"].to_list() == [CLOSE]  # made at 15:45 in Chicago, an hour behind New York


def test_contracts_of_td_ameritrade_are_read_by_their_own_spelling() -> None:
    rows, recorded = chain_in("tdameritrade.json")
    assert recorded.format == "TD Ameritrade JSON"
    assert sorted(rows) == ["XYZ240419C00097500", "XYZ240419C00100000", "XYZ240419P00100000"]
    wanted = {"source": "tdameritrade", "vendor_iv": 0.29, "vendor_delta": None, "spot": 100.25}  # 29.0 %, and -999
    assert shown(rows["XYZ240419C00100000"], wanted) == wanted
    assert rows["XYZ240419P00100000"]["vendor_iv"] is None  # NaN, as text


# --- several pulls in one file


def pulled(hour: int, volume: int) -> dict[str, Any]:
    """A Massive body of one contract, quoted on the hour in New York."""
    moment = datetime(2026, 7, 16, hour + 4, 0, tzinfo=UTC).timestamp()
    (entry,) = (one for one in json.loads((CHAINS / "massive.json").read_text("utf-8"))["results"]
                if one["details"]["ticker"] == f"O:{CALL}")  # fmt: skip
    quoted = {**entry["last_quote"], "last_updated": round(moment) * 10**9}
    return {"status": "OK", "results": [{**entry, "last_quote": quoted, "day": {**entry["day"], "volume": volume}}]}


APPENDED = {
    "a line each": "\n".join(json.dumps(pulled(hour, 100 * hour)) for hour in (12, 13, 14)),
    "one after the other": "".join(json.dumps(pulled(hour, 100 * hour), indent=1) for hour in (12, 13, 14)),
    "a list": json.dumps([pulled(hour, 100 * hour) for hour in (12, 13, 14)]),
}


@pytest.mark.parametrize("how", APPENDED)
def test_bodies_appended_to_one_file_are_a_chain_each(how: str, tmp_path: Path) -> None:
    file = tmp_path / "pulls.json"
    file.write_text(APPENDED[how], "utf-8")
    chains = [one.chain for one in read_recorded(file, calendar=calendar)]
    told = [(one["quote_time"][0].hour - 4, one["volume"][0]) for one in chains if one is not None]
    assert told == [(12, 1200), (13, 1300), (14, 1400)]


def test_of_appended_bodies_one_that_is_damaged_costs_those_after_it_and_is_named_by_its_line(tmp_path: Path) -> None:
    file = tmp_path / "pulls.json"
    file.write_text(f"{json.dumps(pulled(12, 7))}\n{json.dumps(pulled(13, 8))[:-40]}\n", "utf-8")
    first, rest = read_recorded(file, calendar=calendar)
    assert first.chain is not None
    assert first.chain["volume"].to_list() == [7]
    assert rest.chain is None
    assert [(refusal.line, "cut short" in refusal.reason) for refusal in rest.refusals] == [(2, True)]


def table(hour: int, volume: int) -> str:
    """A pull of the terminal's, with its header."""
    header = "symbol,expiration,strike,right,timestamp,bid,ask,volume,open_interest\n"
    rows = [f"XYZ,2026-07-24,{strike}.000,CALL,2026-07-16T{hour}:00:00.000,1.90,2.00,{volume},10\n" for strike in
            (95, 100)]  # fmt: skip
    return header + "".join(rows)


@pytest.mark.parametrize("packed", [False, True])
def test_tables_appended_with_their_headers_are_a_chain_each(packed: bool, tmp_path: Path) -> None:
    text = (table(12, 5) + table(13, 6) + table(14, 7)).encode()
    file = tmp_path / ("pulls.csv.gz" if packed else "pulls.csv")
    file.write_bytes(gzip.compress(text) if packed else text)
    recorded = list(read_recorded(file, calendar=calendar))
    assert [one.refusals for one in recorded] == [(), (), ()]
    frames = [one.chain for one in recorded if one.chain is not None]
    assert [(frame["quote_time"][0].hour - 4, frame["volume"].to_list()) for frame in frames] == [
        (12, [5, 5]), (13, [6, 6]), (14, [7, 7]),
    ]  # fmt: skip


def test_a_refusal_in_an_appended_table_is_named_by_its_line_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "pulls.csv"
    file.write_text(table(12, 5) + table(13, 6) + "XYZ,2026-07-24,1O0,CALL,2026-07-16T13:00:00,1.9,2.0,6,10\n", "utf-8")
    *_, last = read_recorded(file, calendar=calendar)
    assert {refusal.line for refusal in last.refusals} == {7}


def test_appended_tables_that_say_no_moment_stay_apart_by_their_newest_trades(tmp_path: Path) -> None:
    pull = (CHAINS / "yfinance.csv").read_text("utf-8")
    later = pull.replace("15:30:00", "17:45:00").replace("5210.0", "6000.0")
    file = tmp_path / "pulls.csv"
    file.write_text(pull + later, "utf-8")
    first, second = (one.chain for one in read_recorded(file, calendar=calendar))
    assert first is not None
    assert second is not None
    assert [frame.filter(pl.col("contract") == CALL)["volume"][0] for frame in (first, second)] == [5210, 6000]
