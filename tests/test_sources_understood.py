"""What stands in a file is either understood or reported; it is never the same as an empty field."""

from __future__ import annotations

import gzip
import json
import os
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from standard import read_recorded

from scanner.sources.formats import reading
from scanner.sources.formats.base import RecordedChain

CANONICAL = "session_date,underlying,expiry,strike,right,bid,ask,volume,open_interest"
TIMED = f"quote_time,{CANONICAL}"
NO_TIME = "no time from 2004 to 2032 in a form that is known"


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


def written(folder: Path, text: str, name: str = "chain.csv") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def canonical(folder: Path, *rows: str, header: str = CANONICAL) -> list[RecordedChain]:
    return list(read_recorded(written(folder, "\n".join([header, *rows, ""]))))


def only(recorded: list[RecordedChain]) -> pl.DataFrame:
    (chain,) = (one.chain for one in recorded if one.chain is not None)
    return chain


def reasons(recorded: list[RecordedChain]) -> list[tuple[int | None, str]]:
    return [(refusal.line, refusal.reason) for one in recorded for refusal in one.refusals]


def column(frame: pl.DataFrame, name: str) -> dict[str, Any]:
    return dict(zip(frame["contract"], frame[name], strict=True))


ROWS = ("2026-08-20,ACME,2026-08-28,95,C,5.29,5.39,49,487", "2026-08-20,ACME,2026-08-28,95,P,0.25,0.27,137,296")
CALL, PUT = "ACME260828C00095000", "ACME260828P00095000"


# Times


@pytest.mark.parametrize("stamp", ["2026-08-20T11:30:00-04:00", "2026-08-20T15:30Z", "2026-08-20 11:30 EDT"])
def test_a_quote_time_beside_a_session_label_counts_in_every_spelling(tmp_path: Path, stamp: str) -> None:
    recorded = canonical(tmp_path, *(f"{stamp},{row}" for row in ROWS), header=TIMED)
    assert reasons(recorded) == []
    assert only(recorded)["quote_time"].unique().to_list() == [utc(2026, 8, 20, 15, 30)]


def test_a_quote_time_that_is_not_understood_is_no_empty_one(tmp_path: Path) -> None:
    recorded = canonical(tmp_path, f"half past,{ROWS[0]}", f",{ROWS[1]}", header=TIMED)
    assert only(recorded)["contract"].to_list() == [PUT]
    assert reasons(recorded) == [(2, f"quote_time 'half past' is {NO_TIME}; row refused")]


YAHOO = "contractSymbol,lastTradeDate,strike,lastPrice,bid,ask,volume,openInterest,impliedVolatility"


def yahoo(folder: Path, *rows: str) -> list[RecordedChain]:
    return list(read_recorded(written(folder, "\n".join([YAHOO, *rows, ""]), "ACME_20260820T201500Z.csv")))


@pytest.mark.parametrize(
    ("today", "before"),
    [
        ("2026-08-20 19:31:07+00:00", "2026-08-18 19:31:07+00:00"),
        ("2026-08-20 15:31:07-04:00", "2026-08-18 15:31:07-04:00"),
        ("2026-08-20T15:31-04:00", "2026-08-18T15:31-04:00"),
        ("2026-08-20 15:31:07 EDT", "2026-08-18 15:31:07 EDT"),
        ("1787254267", "1787081467"),  # the same moments as Unix time
        ("1787254267000", "1787081467000"),
    ],
)
def test_a_stale_volume_is_told_by_trade_times_of_any_zone(tmp_path: Path, today: str, before: str) -> None:
    recorded = yahoo(
        tmp_path,
        f"{CALL},{today},95,5.34,5.29,5.39,49.0,487,0.3",
        f"{PUT},{before},95,0.26,0.25,0.27,137.0,296,0.3",
    )
    assert reasons(recorded) == []
    assert column(only(recorded), "volume") == {CALL: 49, PUT: 0}


def test_a_trade_time_that_is_not_understood_costs_the_volume_that_it_would_date(tmp_path: Path) -> None:
    recorded = yahoo(
        tmp_path,
        f"{CALL},2026-08-20 19:31:07+00:00,95,5.34,5.29,5.39,49.0,487,0.3",
        f"{PUT},yesterday,95,0.26,0.25,0.27,137.0,296,0.3",
    )
    assert column(only(recorded), "volume") == {CALL: 49, PUT: None}
    assert reasons(recorded) == [(3, f"last_trade_time 'yesterday' is {NO_TIME}; left out")]


def test_a_trade_still_to_come_does_not_make_the_others_stale(tmp_path: Path) -> None:
    recorded = yahoo(
        tmp_path,
        f"{CALL},2026-08-20 19:31:07+00:00,95,5.34,5.29,5.39,49.0,487,0.3",
        f"{PUT},2031-08-20 19:31:07+00:00,95,0.26,0.25,0.27,137.0,296,0.3",
    )
    frame = only(recorded)
    assert frame["session_date"].unique().to_list() == [date(2026, 8, 20)]
    assert column(frame, "volume")[CALL] == 49
    assert reasons(recorded) == [(3, "last_trade_time is later than the file itself; left out")]


# Browsers of other languages

_SIDE = "Last Sale,Net,Bid,Ask,Volume,IV,Delta,Gamma,Open Interest"
QUOTEDATA = f"""
Acme Corp,Last: {{last}},Change:  1.0
"Date: {{date}}",Bid: 99,Ask: 101
Expiration Date,Calls,{_SIDE},Strike,Puts,{_SIDE}
Fri Aug 28 2026,{CALL},5.34,0,5.29,5.39,49,0.3,0.5,0.01,487,95.00,{PUT},0.26,0,0.25,0.27,137,0.3,0.5,0.01,296
"""


def quotedata(folder: Path, day: str, last: str = "100.0") -> list[RecordedChain]:
    return list(read_recorded(written(folder, QUOTEDATA.format(date=day, last=last), "quotedata.csv")))


@pytest.mark.parametrize(
    "day",
    [
        "August 20, 2026 at 1:45 PM EDT",
        "20 August 2026 at 13:45 GMT-4",
        "20. August 2026 um 13:45 GMT-4",
        "20 août 2026 à 13:45 UTC−4",
        "20 de agosto de 2026, 13:45 GMT-4",
        "2026年8月20日 GMT-4 13:45",
        "2026年8月20日 13:45 GMT-4",
        "20 August 2026 at 19:45 GMT+2",
        "20/08/2026, 13:45:00",
    ],
)
def test_a_quotedata_download_of_any_language_is_of_its_moment(tmp_path: Path, day: str) -> None:
    frame = only(quotedata(tmp_path, day))
    assert frame["session_date"].unique().to_list() == [date(2026, 8, 20)]
    assert frame["quote_time"].unique().to_list() == [utc(2026, 8, 20, 17, 30)], "13:45 less the delay of 15 minutes"


@pytest.mark.parametrize("day", ["05/06/2026, 13:45:00", "20 Αυγούστου 2026 13:45", "20 August 2026 at 13:45 LMT"])
def test_a_date_line_that_may_be_two_dates_or_is_of_no_known_language_is_shown(tmp_path: Path, day: str) -> None:
    ((line, reason),) = reasons(quotedata(tmp_path, day))
    assert (line, day in reason) == (3, True)


def test_a_date_line_without_quotes_ends_where_the_bid_begins(tmp_path: Path) -> None:
    text = QUOTEDATA.format(date="August 20, 2026 at 1:45 PM EDT", last="4,500.53").replace('"', "")
    frame = only(list(read_recorded(written(tmp_path, text))))
    assert frame["quote_time"][0] == utc(2026, 8, 20, 17, 30)


@pytest.mark.parametrize("last", ["100.0 101.0", "1.0.0", "n/a?", "1e9"])
def test_a_spot_that_is_no_single_price_is_reported(tmp_path: Path, last: str) -> None:
    recorded = quotedata(tmp_path, "August 20, 2026 at 1:45 PM EDT", last)
    assert only(recorded)["spot"].null_count() == 2
    assert [line for line, reason in reasons(recorded) if repr(last) in reason] == [2]


def test_a_quotedata_line_repeated_with_another_call_keeps_the_put(tmp_path: Path) -> None:
    text = QUOTEDATA.format(date="August 20, 2026 at 1:45 PM EDT", last="100.0")
    again = text.splitlines()[-1].replace(",5.29,5.39,49,", ",5.29,5.39,50,")
    recorded = list(read_recorded(written(tmp_path, f"{text}{again}\n")))
    assert only(recorded)["contract"].to_list() == [PUT]
    assert sorted(reasons(recorded)) == [
        (5, f"{CALL} appears more than once with different values; every such row refused"),
        (6, "the same row again; kept once"),
    ]


def test_a_control_character_separates_no_thousands(tmp_path: Path) -> None:
    recorded = canonical(
        tmp_path,
        "2026-08-20,ACME,2026-08-28,95,C,5.29,5.39,1049,487",
        "2026-08-20,ACME,2026-08-28,97\x1e500,C,5.29,5.39,1\x1f049,487",
    )
    assert only(recorded)["strike"].to_list() == [95.0]
    assert [reason for _, reason in reasons(recorded) if "strike" in reason] == [
        r"strike '97\x1e500' is not a number; left out", "no strike; row refused",
    ]  # fmt: skip


@pytest.mark.parametrize("sign", ["\x0b", "\x0c", "\x85"])
def test_a_control_character_at_the_end_of_a_number_may_be_a_damaged_digit(sign: str, tmp_path: Path) -> None:
    recorded = canonical(
        tmp_path,
        f"2026-08-20,ACME,2026-08-28,95,C,5.29,5.39,1049,48{sign}",
        "2026-08-20,ACME,2026-08-28,95,P,5.29,\u20095.39\u00a0,1049,487",
    )
    assert only(recorded)["open_interest"].to_list() == [None, 487]
    assert only(recorded)["ask"].to_list() == [5.39, 5.39]
    assert [reason for _, reason in reasons(recorded)] == [f"open_interest {f'48{sign}'!r} is not a number; left out"]


def test_decimal_commas_are_read_where_nothing_speaks_against_them(tmp_path: Path) -> None:
    recorded = canonical(
        tmp_path,
        '2026-08-20,ACME,2026-08-28,95,C,"5,29","5,39","1.049",487',
        '2026-08-20,ACME,2026-08-28,"1.095,5",P,"0,25","1.000,27",137,"1.000.296"',
    )
    assert reasons(recorded) == []
    frame = only(recorded)
    assert frame["bid"].to_list() == [5.29, 0.25]
    assert frame["ask"].to_list() == [5.39, 1000.27]
    assert frame["volume"].to_list() == [1049, 137]
    assert frame["open_interest"].to_list() == [487, 1_000_296]


def test_a_comma_that_sets_off_neither_thousands_nor_all_decimals_is_reported(tmp_path: Path) -> None:
    recorded = canonical(
        tmp_path,
        '2026-08-20,ACME,2026-08-28,95,C,"5,29",5.39,"1,049",487',
        "2026-08-20,ACME,2026-08-28,95,P,0.25,0.27,1 137,296",
    )
    assert reasons(recorded) == [(2, "bid '5,29' is not a number; left out")]
    assert only(recorded)["volume"].to_list() == [1049, 1137]


# Stamps after the close

OPTIONSDX = (
    "[QUOTE_UNIXTIME], [QUOTE_READTIME], [QUOTE_DATE], [UNDERLYING_LAST], [EXPIRE_DATE], [C_DELTA], [C_IV], "
    "[C_VOLUME], [C_LAST], [C_SIZE], [C_BID], [C_ASK], [STRIKE], [P_BID], [P_ASK], [P_SIZE], [P_LAST], [P_DELTA], "
    "[P_IV], [P_VOLUME]"
)


def test_a_half_day_stamped_at_four_is_of_its_close_at_one(tmp_path: Path) -> None:
    row = (
        "1700859600, 2023-11-24 16:00, 2023-11-24, 100.0, 2023-12-15, 0.5, 0.3, 144, 0.27, 5 x 7, 0.26, 0.28, 100.0, "
        "0.26, 0.28, 3 x 4, 0.27, -0.5, 0.3, 99"
    )
    frame = only(list(read_recorded(written(tmp_path, f"{OPTIONSDX}\n{row}\n", "acme_eod_202311.txt"))))
    assert frame["quote_time"].unique().to_list() == [utc(2023, 11, 24, 18, 0)]


@pytest.mark.parametrize(("ticker", "close"), [("ACME", utc(2023, 11, 24, 18, 0)), ("SPX", utc(2023, 11, 24, 18, 15))])
def test_a_stamp_after_the_close_is_of_the_close_of_the_products_own_options(
    tmp_path: Path, ticker: str, close: datetime
) -> None:
    row = f"2023-11-24T21:00:00Z,2023-11-24,{ticker},2023-12-15,95,C,5.29,5.39,49,487"
    assert only(canonical(tmp_path, row, header=TIMED))["quote_time"].to_list() == [close]


# Values


@pytest.mark.parametrize("nothing", ["", "NaN", "nan", "None", "null", "N/A", "-", "--", "<NA>", " "])
def test_every_spelling_of_nothing_is_a_blank_and_a_blank_yahoo_volume_is_no_trade(
    tmp_path: Path, nothing: str
) -> None:
    recorded = yahoo(tmp_path, f"{CALL},2026-08-20 19:31:07+00:00,95,5.34,5.29,5.39,{nothing},487,0.3")
    assert reasons(recorded) == []
    assert only(recorded)["volume"].to_list() == [0]
    blank = canonical(tmp_path, f"2026-08-20,ACME,2026-08-28,95,C,5.29,5.39,{nothing},487")
    assert reasons(blank) == []
    assert only(blank)["volume"].to_list() == [None], "elsewhere a blank volume is not known"


def test_a_yahoo_volume_that_is_no_number_is_not_zero(tmp_path: Path) -> None:
    recorded = yahoo(tmp_path, f"{CALL},2026-08-20 19:31:07+00:00,95,5.34,5.29,5.39,few,487,0.3")
    assert only(recorded)["volume"].to_list() == [None]
    assert reasons(recorded) == [(2, "volume 'few' is not a number; left out")]


def test_volatility_with_a_per_cent_sign_is_read_and_other_text_reported(tmp_path: Path) -> None:
    recorded = yahoo(
        tmp_path,
        f"{CALL},2026-08-20 19:31:07+00:00,95,5.34,5.29,5.39,49,487,30.00%",
        f"{PUT},2026-08-20 19:31:07+00:00,95,0.26,0.25,0.27,137,296,thirty",
    )
    assert column(only(recorded), "vendor_iv") == {CALL: 0.3, PUT: None}
    assert reasons(recorded) == [(3, "vendor_iv 'thirty' is not a number; left out")]


WITH_IV = f"{CANONICAL},iv,spot"


def test_volatility_in_percent_is_told_by_the_price_of_the_straddle(tmp_path: Path) -> None:
    """At 30 % and 29 days call and put at the money cost 0.8 * 100 * 0.3 * sqrt(29 / 365) = 6.76 together."""
    rows = [f"2026-08-20,ACME,2026-09-18,100,{right},3.33,3.43,10,100,{{}},100" for right in ("C", "P")]
    percent = canonical(tmp_path, *(row.format(30) for row in rows), header=WITH_IV)
    assert only(percent)["vendor_iv"].to_list() == [0.3, 0.3]
    assert "vendor_iv is in percent" in reasons(percent)[0][1]
    decimal = canonical(tmp_path, *(row.format(0.3) for row in rows), header=WITH_IV)
    assert only(decimal)["vendor_iv"].to_list() == [0.3, 0.3]
    assert reasons(decimal) == []


def test_a_volatility_of_400_per_cent_that_prices_bear_out_is_kept(tmp_path: Path) -> None:
    """At 400 % and 29 days they cost 0.8 * 100 * 4 * sqrt(29 / 365) = 90.2 together."""
    rows = [f"2026-08-20,ACME,2026-09-18,100,{right},45,45.2,10,100,4.0,100" for right in ("C", "P")]
    recorded = canonical(tmp_path, *rows, header=WITH_IV)
    assert only(recorded)["vendor_iv"].to_list() == [4.0, 4.0]
    assert reasons(recorded) == []


def test_volatility_above_five_that_no_price_explains_is_left_out_and_said(tmp_path: Path) -> None:
    rows = [f"2026-08-20,ACME,2026-09-18,{strike},C,,,10,100,30,100" for strike in range(90, 110)]
    recorded = canonical(tmp_path, *rows, header=WITH_IV)
    assert only(recorded)["vendor_iv"].null_count() == 20
    assert "no prices tell whether in percent" in reasons(recorded)[0][1]


def volatilities(folder: Path, given: dict[str, list[str]]) -> list[RecordedChain]:
    """A chain without prices: for each expiry the volatilities of its calls from the strike of 90 on."""
    rows = [
        f"2026-08-20,ACME,{expiry},{90 + number},C,,,10,100,{text},100"
        for expiry, texts in given.items()
        for number, text in enumerate(texts)
    ]
    return canonical(folder, *rows, header=WITH_IV)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ({"2026-09-18": ["0.30"] * 4 + ["30"] + ["0.30"] * 5}, [0.3] * 4 + [None] + [0.3] * 5),
        ({"2026-09-18": ["0.30", "30%", "30", "0.31", "30.00 %"] * 2}, [0.3, 0.3, None, 0.31, 0.3] * 2),
        ({"2026-09-18": ["30", "0.30"] * 6}, [None, 0.3] * 6),
        # An expiry of one contract is held against the others.
        ({"2026-09-18": ["0.30"] * 6, "2026-10-16": ["28"]}, [0.3] * 6 + [None]),
    ],
)
def test_a_bare_percent_among_decimals_is_left_out_and_said(
    tmp_path: Path, given: dict[str, list[str]], kept: list[float | None]
) -> None:
    recorded = volatilities(tmp_path, given)
    frame = only(recorded).sort("expiry", "strike")
    assert frame["vendor_iv"].to_list() == kept
    ((_, reason),) = reasons(recorded)
    assert "where those around it are near 0.3; left out" in reason
    assert recorded[0].refusals[0].rows == kept.count(None)


def test_a_wing_that_rises_strike_by_strike_is_no_percent(tmp_path: Path) -> None:
    """From 20 % to 1,000 %, fifty times as much, each strike a quarter above the one before it."""
    wing = [round(0.2 * 1.25**step, 4) for step in range(18)]
    recorded = volatilities(tmp_path, {"2026-08-21": [str(value) for value in reversed(wing)]})
    assert only(recorded)["vendor_iv"].to_list() == wing[::-1]
    assert reasons(recorded) == []


def test_a_decimal_among_percent_is_not_divided_by_a_hundred(tmp_path: Path) -> None:
    """At 30 % and 29 days call and put at the money cost 6.76 together, as above."""
    rows = [
        f"2026-08-20,ACME,2026-09-18,{strike},{right},3.33,3.43,10,100,{iv},100"
        for strike, iv in ((99, 30), (100, 30), (101, 30), (102, 0.3))
        for right in ("C", "P")
    ]
    recorded = canonical(tmp_path, *rows, header=WITH_IV)
    assert only(recorded)["vendor_iv"].to_list() == [0.3] * 6 + [None] * 2
    assert any("where those around it are near 30; left out" in reason for _, reason in reasons(recorded))


# Names that no underlying has


@pytest.mark.parametrize("name", ["+A1", "\t=A1", "=A1", "@SUM", "<b>", "\x1b[31mA", "АВС", "A" * 33])
def test_a_name_that_is_no_ticker_costs_its_row_and_no_other(tmp_path: Path, name: str) -> None:
    recorded = canonical(tmp_path, ROWS[0].replace("ACME", name), ROWS[1])
    assert only(recorded)["underlying"].to_list() == ["ACME"]
    ((line, reason),) = reasons(recorded)
    assert line == 2
    assert reason.endswith("is no ticker symbol; row refused")
    assert reason.isprintable()


# Dates that no chain can have

GOOD_OPTION = {
    "option": "XYZ260821C00095000",
    "bid": 4.0,
    "ask": 4.6,
    "iv": 0.39,
    "open_interest": 1684.0,
    "volume": 156.0,
    "last_trade_time": "2026-07-24T15:02:30",
}
STRANGE_DATES = [
    *("0001-01-01T00:00:00", "1970-01-01T00:00:00", "2033-01-03T10:00:00", "9999-12-31T23:59:59", "soon"),
    *(-1, -62135596800, 17, 1e300, True, [1], {"a": 1}),
]


def payload(**changes: object) -> dict[str, Any]:
    data = {"symbol": "XYZ", "options": [GOOD_OPTION], "close": 95.5, "last_trade_time": "2026-07-24T16:00:00"}
    return {"timestamp": "2026-07-25 00:43:14", "data": data, **changes}


@pytest.mark.parametrize("strange", [*STRANGE_DATES, 0, "0"])
def test_a_payload_stamped_with_what_is_no_time_is_refused_and_the_one_beside_it_read(
    tmp_path: Path, strange: object
) -> None:
    written(tmp_path, json.dumps(payload(timestamp=strange)), "a.json")
    written(tmp_path, json.dumps(payload()), "b.json")
    bad, good = read_recorded(tmp_path)
    assert (bad.chain, len(bad.refusals)) == (None, 1)
    assert bad.refusals[0].reason.startswith("its timestamp ")
    assert good.chain is not None
    assert good.refusals == ()


@pytest.mark.parametrize("strange", STRANGE_DATES)
def test_a_trade_time_that_is_none_is_left_out_and_the_rest_kept(tmp_path: Path, strange: object) -> None:
    document = payload()
    document["data"]["last_trade_time"] = strange
    document["data"]["options"] = [
        {**GOOD_OPTION, "option": "XYZ260821P00095000", "last_trade_time": strange},
        GOOD_OPTION,
    ]
    recorded = list(read_recorded(written(tmp_path, json.dumps(document), "a.json")))
    frame = only(recorded)
    assert frame["session_date"].unique().to_list() == [date(2026, 7, 24)]
    assert column(frame, "last_trade_time") == {
        "XYZ260821C00095000": utc(2026, 7, 24, 19, 2, 30),
        "XYZ260821P00095000": None,
    }
    assert {line for line, _ in reasons(recorded)} == {None, 1}, "the payload's own, and that of its first option"


@pytest.mark.parametrize("strange", ["0001-01-01", "1970-01-01", "2033-01-03", "9999-12-31", "soon", "17", "-1", "0"])
@pytest.mark.parametrize("name", ["session_date", "expiry", "oi_asof", "last_trade_time", "quote_time"])
def test_a_strange_date_in_any_column_costs_its_row_or_itself(tmp_path: Path, name: str, strange: str) -> None:
    good = {
        "quote_time": "2026-08-20T15:30:00Z",
        "session_date": "2026-08-20",
        "underlying": "ACME",
        "expiry": "2026-08-28",
        "strike": "95",
        "right": "C",
        "bid": "5.29",
        "ask": "5.39",
        "volume": "49",
        "open_interest": "487",
        "oi_asof": "2026-08-19",
        "last_trade_time": "2026-08-20T15:00:00Z",
    }
    bad = {**good, "right": "P", name: strange}
    recorded = canonical(tmp_path, ",".join(good.values()), ",".join(bad.values()), header=",".join(good))
    frames = [one.chain for one in recorded if one.chain is not None]
    call = pl.concat(frames).filter(contract=CALL).row(0, named=True)
    assert (call["session_date"], call["quote_time"], call["volume"]) == (
        date(2026, 8, 20),
        utc(2026, 8, 20, 15, 30),
        49,
    )
    never = name == "last_trade_time" and strange == "0"
    possible = name == "expiry" and strange == "2033-01-03"
    assert bool(reasons(recorded)) != (never or possible), "a Unix time of zero stands for no trade at all"
    assert all(frame["session_date"].unique().to_list() == [date(2026, 8, 20)] for frame in frames)


@pytest.mark.parametrize(
    ("expiry", "said"),
    [
        ("2058-12-31", "more than 15 years"),
        ("9999-12-31", "fits no OSI symbol"),
        ("2026-08-14", "expired before the session"),
    ],
)
def test_an_expiry_that_the_session_cannot_have_costs_its_row(tmp_path: Path, expiry: str, said: str) -> None:
    recorded = canonical(tmp_path, ROWS[0], ROWS[1].replace("2026-08-28", expiry))
    assert only(recorded)["contract"].to_list() == [CALL]
    ((line, reason),) = reasons(recorded)
    assert (line, said in reason) == (3, True)


def test_a_whole_expiry_of_the_day_before_is_kept_because_the_label_may_be_late(tmp_path: Path) -> None:
    rows = [f"2026-08-20,ACME,2026-08-19,{strike},C,1,1.1,10,100" for strike in range(90, 100)]
    assert only(canonical(tmp_path, *rows)).height == 10


def test_an_expiry_of_the_day_before_in_which_nothing_traded_was_left_behind(tmp_path: Path) -> None:
    rows = [f"2026-08-20,ACME,2026-08-19,{strike},C,1,1.1,0,100" for strike in range(90, 100)]
    recorded = canonical(tmp_path, *rows, "2026-08-20,ACME,2026-08-28,95,C,1,1.1,10,100")
    assert only(recorded)["expiry"].to_list() == [date(2026, 8, 28)]
    assert ["expired before the session 2026-08-20" in reason for _, reason in reasons(recorded)] == [True]


# Absurd values


@pytest.mark.parametrize(
    ("name", "absurd"),
    [
        *(("ask", value) for value in ("1e12", "1e308", "inf", "-1", "100000")),
        *(("bid", value) for value in ("1e308", "-inf", "-0.01")),
        *(("volume", value) for value in ("2147483647", "1e300", "-5", "inf", "20000001")),
        *(("open_interest", value) for value in ("2147483647", "-5")),
        *(("spot", value) for value in ("1e9", "-100", "inf", "99999")),
        *(("strike", value) for value in ("0", "1e9", "-95", "inf")),
        *(("multiplier", value) for value in ("0", "-100", "2147483647", "0.5")),
        *(("last", value) for value in ("1e12", "-3")),
        *(("iv", value) for value in ("1e6", "inf")),
    ],
)
def test_an_absurd_value_is_reported_and_reaches_no_sum(tmp_path: Path, name: str, absurd: str) -> None:
    good = {
        "session_date": "2026-08-20",
        "underlying": "ACME",
        "expiry": "2026-08-28",
        "strike": "95",
        "right": "C",
        "bid": "5.29",
        "ask": "5.39",
        "last": "5.3",
        "volume": "49",
        "open_interest": "487",
        "multiplier": "100",
        "iv": "0.3",
        "spot": "100",
    }
    rows = [{**good, "strike": strike} for strike in ("94", "95", "96")]
    bad = {**good, "right": "P", name: absurd}
    recorded = canonical(tmp_path, *(",".join(row.values()) for row in (*rows, bad)), header=",".join(good))
    assert [line for line, _ in reasons(recorded)][:1] == [5]
    assert absurd.lstrip("-")[:3] in reasons(recorded)[0][1] or f"{float(absurd):g}" in reasons(recorded)[0][1]
    frame = only(recorded)
    assert frame["volume"].sum() in (3 * 49, 4 * 49)
    assert (frame["ask"].max(), frame["spot"].max(), frame["strike"].max()) == (5.39, 100.0, 96.0)
    assert (frame["bid"].max(), frame["last"].max(), frame["vendor_iv"].max()) == (5.29, 5.3, 0.3)
    assert frame["multiplier"].unique().to_list() == [100]


# Files that are none


def test_pipes_devices_and_dangling_links_are_refused_at_once_and_the_files_beside_them_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.csv")
    (tmp_path / "b.csv").symlink_to("/dev/zero")
    (tmp_path / "c.csv").symlink_to(tmp_path / "nowhere.csv")
    (tmp_path / "d.csv").mkdir()
    written(tmp_path / "d.csv", "\n".join([CANONICAL, *ROWS, ""]))
    recorded = list(read_recorded(tmp_path))
    assert [reason for _, reason in reasons(recorded)] == [
        "a pipe, not a file; copy what comes out of it to a file first",
        "a device, not a file; copy what comes out of it to a file first",
        "cannot be read (No such file or directory)",
    ]
    assert only(recorded).height == 2
    assert [reason for _, reason in reasons(list(read_recorded(tmp_path / "a.csv")))] == [
        "a pipe, not a file; copy what comes out of it to a file first"
    ]
    assert only(list(read_recorded(f"{tmp_path}/**/*.csv"))).height == 2


def test_every_member_of_a_gzip_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "chain.csv.gz"
    path.write_bytes(b"".join(gzip.compress(f"{line}\n".encode()) for line in (CANONICAL, *ROWS)))
    assert only(list(read_recorded(path)))["volume"].sum() == 186


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("\n".join([CANONICAL, *ROWS]).encode("utf-16"), "text in UTF-16; save it as UTF-8"),
        ("\r".join([CANONICAL, *ROWS]).encode(), "its lines end in carriage returns alone"),
        (b'{"data":{"options":' + b"[" * 100_000 + b"]" * 100_000 + b"}}", "nested more deeply than any chain"),
        (
            b'{"symbol":"X","data":{"symbol":"X","options":[' + b"{}," * 200_001 + b"{}]}}",
            "200,002 options, where no chain has more than 200,000",
        ),
        (b"[[" + b"1," * 3_000_000 + b"1]]", "JSON of 3,000,002 values"),
    ],
    ids=["UTF-16", "carriage returns", "deep", "many options", "many values"],
)
def test_files_that_would_take_too_much_or_are_written_otherwise_are_refused(
    tmp_path: Path, content: bytes, reason: str
) -> None:
    path = tmp_path / "chain"
    path.write_bytes(content)
    ((_, said),) = reasons(list(read_recorded(path)))
    assert reason in said


def test_a_document_that_unpacks_to_more_than_is_read_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "chain.json.gz"
    with gzip.open(path, "wb", 1) as packed:
        packed.write(b'{"data":{"options":[')
        for _ in range(reading.LARGEST_JSON // 2**20 + 1):
            packed.write(b"{},".ljust(2**20))
    assert path.stat().st_size < 2**20
    ((_, said),) = reasons(list(read_recorded(path)))
    assert said == "larger than the 67,108,864 bytes that are read of one JSON document"


@pytest.mark.parametrize("line", [b"x" * 5_000_000, b'"' + b"1,2\n" * 1_250_000], ids=["long", "quotation without end"])
def test_a_line_without_an_end_is_refused_in_bounded_time(tmp_path: Path, line: bytes, monkeypatch: Any) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 2**20)
    path = tmp_path / "chain.csv"
    path.write_bytes(f"{CANONICAL}\n".encode() + line * 2)
    ((at, said),) = reasons(list(read_recorded(path)))
    assert at == 2
    assert said.startswith(("a line longer than 4,194,304 bytes", "not CSV: field larger than field limit"))


def test_a_parquet_file_inside_gzip_is_said_to_be_one(tmp_path: Path) -> None:
    pl.DataFrame({"a": [1]}).write_parquet(tmp_path / "plain")
    path = tmp_path / "chain.parquet.gz"
    path.write_bytes(gzip.compress((tmp_path / "plain").read_bytes()))
    assert reasons(list(read_recorded(path))) == [(None, "a Parquet file inside gzip; unpack it first")]


def test_yahoo_chains_are_read_from_parquet_with_the_types_that_pandas_gives_them(tmp_path: Path) -> None:
    traded = datetime(2026, 8, 20, 19, 31, 7, tzinfo=UTC)
    frame = pl.DataFrame(
        {
            "contractSymbol": [CALL, PUT],
            "lastTradeDate": pl.Series([traded, datetime(2026, 8, 18, 19, tzinfo=UTC)]).cast(pl.Datetime("ns", "UTC")),
            "strike": [95.0, 95.0],
            "lastPrice": [5.34, 0.26],
            "bid": [5.29, 0.25],
            "ask": [5.39, 0.27],
            "volume": [49.0, None],
            "openInterest": [487, 296],
            "impliedVolatility": [0.3, 0.3],
        }
    )
    frame.write_parquet(tmp_path / "ACME_20260820T201500Z.parquet")
    recorded = list(read_recorded(tmp_path / "ACME_20260820T201500Z.parquet"))
    assert reasons(recorded) == []
    assert column(only(recorded), "volume") == {CALL: 49, PUT: 0}
    assert column(only(recorded), "last_trade_time")[CALL] == traded


def test_parquet_columns_of_types_that_say_nothing_cost_themselves(tmp_path: Path) -> None:
    path = tmp_path / "chain.parquet"
    pl.DataFrame(
        {
            "session_date": [date(2026, 8, 20)] * 2,
            "underlying": ["ACME"] * 2,
            "expiry": [date(2026, 8, 28)] * 2,
            "strike": [95.0, 100.0],
            "right": ["C", "C"],
            "bid": [[1.0], [2.0]],
            "ask": [{"a": 1}, {"a": 2}],
            "volume": [b"\xff", b"\x00"],
            "open_interest": [True, False],
            "last_trade_time": pl.Series([2**31 - 1] * 2, dtype=pl.Int32).cast(pl.Date),
        }
    ).write_parquet(path)
    recorded = list(read_recorded(path))
    frame = only(recorded)
    assert frame["strike"].to_list() == [95.0, 100.0]
    assert {reason.split()[0] for _, reason in reasons(recorded)} == {
        "bid",
        "ask",
        "volume",
        "open_interest",
        "last_trade_time",
    }


def test_text_in_parquet_that_is_no_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "chain.parquet"
    names = CANONICAL.split(",")
    pl.DataFrame([ROWS[0].split(",")], schema=names, orient="row").write_parquet(path, compression="uncompressed")
    path.write_bytes(path.read_bytes().replace(b"ACME", b"AC\xfdE"))
    ((_, said),) = reasons(list(read_recorded(path)))
    assert said.startswith("a damaged Parquet file (")


# Tables beside a chain

YAHOO_RUN = f"{YAHOO},session,spot"


def yahoo_run(folder: Path, meta: str) -> list[RecordedChain]:
    written(folder, meta, "meta.json")
    row = f"{CALL},2026-08-20 19:31:07+00:00,95,5.34,5.29,5.39,49,487,0.3,2026-08-20,100"
    return list(read_recorded(written(folder, f"{YAHOO_RUN}\n{row}\n", "ACME.csv")))


def test_the_moment_of_a_run_is_read_in_any_spelling(tmp_path: Path) -> None:
    frame = only(yahoo_run(tmp_path, '{"utc": "2026-08-20T16:00-04:00", "tickers": {"ACME": {"spot_live": "101.5"}}}'))
    assert frame["quote_time"].to_list() == [utc(2026, 8, 20, 19, 45)], "16:00 less the delay of 15 minutes"
    assert frame["spot"].to_list() == [101.5]


@pytest.mark.parametrize(
    ("meta", "said"),
    [
        ('{"utc": "noonish"}', f"the utc of meta.json beside it, 'noonish' is {NO_TIME}"),
        ('{"utc": ', "meta.json beside it cannot be read: JSON that was cut short"),
        ("[" * 100_000, "meta.json beside it cannot be read: JSON, but nested more deeply"),
        ('{"tickers": {"ACME": {"spot_live": "1e9"}}}', "spot_live '1e9' is dearer than anything traded; left out"),
        ('{"tickers": {"ACME": {"spot_live": [1, 2]}}}', "spot_live '[1, 2]' is not a number; left out"),
    ],
)
def test_what_a_table_beside_a_chain_says_and_is_not_understood_is_reported(
    tmp_path: Path, meta: str, said: str
) -> None:
    assert any(said in reason for _, reason in reasons(yahoo_run(tmp_path, meta)))
