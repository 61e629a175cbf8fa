"""Tapes that live vendors give: asked over real HTTP of stubs that answer as the vendors' pages say."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
import vendor_stubs
from commands import Commands
from live_sources import source_of
from pytest_httpserver import HTTPServer
from vendor_stubs import KEY, Behaviour, bearer, body
from werkzeug import Request, Response

from scanner.app import clock
from scanner.sources.access import VendorError
from scanner.sources.registry import VENDORS

CALL, OTHER = "XYZ260724C00100000", "XYZ260724P00100000"
# 15:30 UTC is 11:30 in New York. The last digits are beyond what a double holds.
AT = 1_784_215_800_000_000_123
FIRST, LAST = datetime(2026, 7, 16, 8, tzinfo=UTC), datetime(2026, 7, 17, 2, tzinfo=UTC)


def codes(tape) -> list[str]:
    return [problem.code for problem in tape.problems]


# --- Massive -------------------------------------------------------------------------------------------------------

TRADES = [
    {"conditions": [209], "exchange": 302, "participant_timestamp": AT, "price": 1.9, "sip_timestamp": AT, "size": 2},
    {"exchange": 303, "price": 2.0, "sip_timestamp": AT + 1_000, "size": 3},
    {"conditions": [219], "correction": 1, "exchange": 303, "price": 2, "sip_timestamp": AT + 2_000, "size": 40},
]
QUOTES = [
    {"ask_price": 2.0, "ask_size": 9, "bid_price": 1.9, "bid_size": 4, "sequence_number": n, "sip_timestamp": at}
    for n, at in enumerate((AT - 5_000_000, AT + 100, AT + 999))
]
QUOTES[2] |= {"ask_price": 2.1, "bid_price": 1.95}


def massive(rows: list, stamp: str = "sip_timestamp", size: int = 2):
    """Rows by time in pages of ``size``: filters by ``timestamp`` and order as the vendor's pages say."""

    def answer(request: Request) -> Response:
        if not bearer(request):
            return body({"status": "ERROR", "error": "Unknown API Key"}, 401)
        asked, begin = request.args, int(request.args.get("cursor", 0))
        tests = {"gte": int.__ge__, "lte": int.__le__, "lt": int.__lt__}
        found = [
            row
            for row in rows
            if all(
                test(row[stamp], int(asked[f"timestamp.{name}"]))
                for name, test in tests.items()
                if f"timestamp.{name}" in asked
            )
        ]
        found = sorted(found, key=lambda row: row[stamp], reverse=asked.get("order", "desc") == "desc")
        end = begin + min(size, int(asked.get("limit", 10)))
        document = {"status": "OK", "results": found[begin:end]}
        if end < len(found):
            given = "&".join(f"{name}={value}" for name, value in asked.items() if name != "cursor")
            document["next_url"] = f"https://api.massive.com{request.path}?cursor={end}&{given}"
        return body(document)

    return answer


def massive_behaviour(**changes) -> Behaviour:
    served = {"/v3/trades/": massive(TRADES), "/v3/quotes/": massive(QUOTES)}
    return Behaviour(failing={**served, **changes})


def test_massive_trades_of_all_pages_have_the_last_quote_before_each(httpserver: HTTPServer):
    behaviour = vendor_stubs.serve(httpserver, "massive", massive_behaviour())
    tape = source_of("massive", httpserver.url_for("")).prints(CALL, FIRST, LAST)
    assert tape.problems == ()
    told = tape.prints.select(
        pl.col("time").to_physical(), "price", "size", "bid", "ask", pl.col("condition").cast(pl.String), "cancelled"
    )
    assert told.rows() == [
        (AT, 1.9, 2, 1.9, 2.0, "auto", False),
        (AT + 1_000, 2.0, 3, 1.95, 2.1, None, False),
        (AT + 2_000, 2.0, 40, 1.95, 2.1, "isoi", True),
    ]
    assert {request.path for request in behaviour.asked} == {f"/v3/trades/O:{CALL}", f"/v3/quotes/O:{CALL}"}


def test_massive_trades_on_a_plan_without_quotes_come_without_them_and_that_is_said(httpserver: HTTPServer):
    refused = body({"status": "NOT_AUTHORIZED", "message": "You are not entitled to this data."}, 403)
    vendor_stubs.serve(httpserver, "massive", massive_behaviour(**{"/v3/quotes/": refused}))
    tape = source_of("massive", httpserver.url_for("")).prints(CALL, FIRST, LAST)
    assert tape.prints["bid"].to_list() == [None] * 3
    assert codes(tape) == ["no_quotes"]


def test_massive_pages_that_lead_elsewhere_or_nowhere_are_no_tape(httpserver: HTTPServer):
    for following in (f"https://api.massive.com/v3/trades/O:{OTHER}?cursor=1", "nowhere", 7):
        served = body({"status": "OK", "results": TRADES[:1], "next_url": following})
        vendor_stubs.serve(httpserver, "massive", massive_behaviour(**{"/v3/trades/": served}))
        with pytest.raises(VendorError):
            source_of("massive", httpserver.url_for("")).prints(CALL, FIRST, LAST)
        httpserver.clear()


@pytest.mark.parametrize("key", ["ticker", "option_ticker"])
def test_massive_flagged_trades_are_those_of_the_name_under_whichever_key(httpserver: HTTPServer, key: str):
    rows = [
        {**TRADES[0], key: f"O:{CALL}", "flags": ["size"], "underlying_ticker": "XYZ", "size": 1_200},
        {**TRADES[0], key: "O:XYZZ260724C00100000", "flags": ["size"], "size": 1_000},
        {"flags": ["premium"]},
        "row",
    ]
    served = {"/unusual-trades": body({"status": "OK", "results": rows})}
    vendor_stubs.serve(httpserver, "massive", Behaviour(failing=served))
    tape = source_of("massive", httpserver.url_for("")).flagged("XYZ", FIRST, LAST)
    assert tape.prints.select(pl.col("contract").cast(pl.String), "size").rows() == [(CALL, 1_200)]
    assert {"no_object", "no_contract"} <= set(codes(tape))


# --- Alpaca --------------------------------------------------------------------------------------------------------


def test_alpaca_trades_come_page_by_page_with_the_tapes_letters_and_all_their_digits(httpserver: HTTPServer):
    rows = [
        {"c": "g", "p": 0.37, "s": 1, "t": "2026-07-16T15:30:00.170115Z", "x": "C"},
        {"c": "a", "p": 0.41, "s": 2, "t": "2026-07-16T15:30:14.088364544Z", "x": "C"},
        {"c": "I", "p": 0.24, "s": 3, "t": "2026-07-16T15:34:54.178322688Z", "x": "M"},
    ]

    def trades(request: Request) -> Response:
        begin = int(request.args.get("page_token", "0"))
        page = {"trades": {request.args["symbols"]: rows[begin : begin + 2]}}
        return body({**page, "next_page_token": "2"} if begin == 0 else page)

    vendor_stubs.serve(httpserver, "alpaca", Behaviour(failing={"/options/trades": trades}))
    tape = source_of("alpaca", httpserver.url_for("")).prints(CALL, FIRST, LAST)
    told = tape.prints.select(pl.col("condition", "exchange", "contract").cast(pl.String), "price", "size").rows()
    assert told == [
        ("mlat", "C", CALL, 0.37, 1), ("slan", "C", CALL, 0.41, 2), ("auto", "M", CALL, 0.24, 3),
    ]  # fmt: skip
    assert tape.prints["time"].dt.to_string("%S.%9f").to_list() == ["00.170115000", "14.088364544", "54.178322688"]


@pytest.mark.parametrize(
    "answer", [{"trades": {}}, {"trades": None}, {"trades": {CALL: None}}, {"trades": {CALL: [7]}}]
)
def test_alpaca_without_trades_is_an_empty_tape(httpserver: HTTPServer, answer: dict):
    vendor_stubs.serve(httpserver, "alpaca", Behaviour(failing={"/options/trades": body(answer)}))
    assert source_of("alpaca", httpserver.url_for("")).prints(CALL, FIRST, LAST).prints.is_empty()


# --- Unusual Whales ------------------------------------------------------------------------------------------------


def test_unusual_whales_flow_has_the_quotes_and_what_it_lacks_is_told_by_the_running_volume(httpserver: HTTPServer):
    usual = {"exchange": "MXOP", "upstream_condition_detail": "auto", "canceled": False, "tags": ["ask_side"]}
    rows = [
        {**usual, "executed_at": "2026-07-16 15:30:52.278302+00:00", "price": "2.00", "size": 2, "nbbo_bid": "1.90",
         "nbbo_ask": "2.00", "underlying_price": "100.25", "volume": 9},
        {**usual, "executed_at": "2026-07-16 15:30:51.278302+00:00", "price": "1.90", "size": 3, "nbbo_bid": "1.90",
         "nbbo_ask": "2.00", "underlying_price": "100.20", "volume": 7, "canceled": True},
    ]  # fmt: skip
    vendor_stubs.serve(httpserver, "unusualwhales", Behaviour(failing={"/flow": body({"data": rows})}))
    tape = source_of("unusualwhales", httpserver.url_for("")).prints(CALL, FIRST, LAST)
    told = tape.prints.select("price", "size", "bid", "ask", "underlying_price", "cancelled", "told_side").rows()
    assert told == [(1.9, 3, 1.9, 2.0, 100.2, True, None), (2.0, 2, 1.9, 2.0, 100.25, False, None)]
    said = {problem.code: problem.reason for problem in tape.problems}
    assert "5 of the 9 lots" in said["part_alone"]


# --- Intrinio ------------------------------------------------------------------------------------------------------


def test_intrinio_flagged_trades_are_prints_of_the_average_price_without_the_vendors_guesses(httpserver: HTTPServer):
    row = {
        "symbol": "XYZ", "timestamp": "2026-07-16T17:46:03.112Z", "type": "Sweep", "total_value": 184450.0,
        "total_size": 434, "average_price": 4.25, "contract": "XYZ___260724C00100000", "ask_at_execution": 4.25,
        "bid_at_execution": 4.15, "sentiment": "bullish", "underlying_price_at_execution": 100.31,
    }  # fmt: skip

    def activity(request: Request) -> Response:
        later = {**row, "total_size": 7, "type": "block"}
        if request.args.get("next_page") == "two":
            return body({"trades": [later], "next_page": None})
        return body({"trades": [row], "next_page": "two"})

    vendor_stubs.serve(httpserver, "intrinio", Behaviour(failing={"/unusual_activity/": activity}))
    tape = source_of("intrinio", httpserver.url_for("")).flagged("XYZ", FIRST, LAST)
    told = tape.prints.select(
        pl.col("contract").cast(pl.String), "size", "price", "bid", "ask", "condition", "told_side"
    )
    quoted = (4.25, 4.15, 4.25, None, None)
    assert told.rows() == [(CALL, 434, *quoted), (CALL, 7, *quoted)]


# --- What a person types -------------------------------------------------------------------------------------------


@pytest.fixture
def tape_command(monkeypatch, capsys, tmp_path, httpserver: HTTPServer):
    monkeypatch.setattr(clock, "right_now", lambda: vendor_stubs.NOW)
    commands = Commands(monkeypatch, capsys)

    def run(name: str, *words: str):
        for variable in VENDORS[name].keys[0]:
            monkeypatch.setenv(variable, KEY)
        url = f"{name}: {{url: '{httpserver.url_for('')}', calls_per_minute: 100000}}"
        (tmp_path / "config.yaml").write_text(f"vendors: {{{url}}}\nstore: {{path: store}}\n")
        return commands("tape", "XYZ", "--source", name, "--config", tmp_path / "config.yaml", *words)

    return run


def test_the_tape_of_the_contracts_that_traded_is_asked_of_a_live_source(tape_command, httpserver: HTTPServer):
    def one_trade(request: Request) -> Response:
        return massive([{**TRADES[0], "size": 12}] if request.path.endswith(CALL) else [])(request)

    behaviour = vendor_stubs.serve(httpserver, "massive", massive_behaviour(**{"/v3/trades/": one_trade}))
    ran = tape_command("massive", "--format", "json")
    assert ran.code == 0, ran.err
    (order,) = json.loads(ran.out)["orders"]
    assert (order["contract"], order["lots"], order["buy_chance"] < 0.5) == (CALL, 12, True)
    asked = {match[1] for request in behaviour.asked if (match := re.match(r"/v3/trades/O:(.*)", request.path))}
    traded = [one for one in vendor_stubs.MARKET.options if one.today]
    assert asked == {one.symbol for one in traded}
    assert KEY not in ran.out + ran.err


def test_flagged_trades_are_shown_and_said_to_be_no_whole_tape(tape_command, httpserver: HTTPServer):
    rows = [{**TRADES[0], "ticker": f"O:{CALL}", "size": 1_200}]
    served = {"/unusual-trades": body({"status": "OK", "results": rows})}
    vendor_stubs.serve(httpserver, "massive", Behaviour(failing=served))
    ran = tape_command("massive", "--flagged")
    assert ran.code == 0, ran.err
    assert "1,200" in ran.out
    assert "only what the vendor finds unusual" in " ".join(ran.out.split())


def test_a_source_without_prints_is_refused_with_those_that_have_some(tape_command):
    ran = tape_command("tradier")
    assert ran.code == 2
    assert "tradier gives no prints; those that do: alpaca, massive, unusualwhales" in ran.err


def test_of_a_past_session_one_contract_has_to_be_named(tape_command, httpserver: HTTPServer):
    vendor_stubs.serve(httpserver, "massive", massive_behaviour())
    before = (vendor_stubs.NOW - timedelta(days=1)).isoformat()
    ran = tape_command("massive", "--as-of", before)
    assert ran.code == 2
    assert "--contract" in ran.err
