"""One small market through every vendor's shape: the same chain comes out, up to what the vendor lacks."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
import vendor_stubs
from live_sources import LIVE, fetch, moment_of, source_of
from pytest_httpserver import HTTPServer
from vendor_stubs import MARKET, Behaviour, Option
from werkzeug import Response

from scanner.market import chain
from scanner.sources.registry import VENDORS

CLOSE = datetime(2026, 7, 16, 20, 0, tzinfo=UTC)
every_vendor = pytest.mark.parametrize("name", LIVE)
with_a_key = pytest.mark.parametrize("name", [name for name in LIVE if VENDORS[name].keys])


def expected(one: Option, name: str) -> dict[str, Any]:
    """What the market's table says of a contract, and a vendor with these gaps can tell."""
    row: dict[str, Any] = {
        "contract": one.symbol, "underlying": "XYZ", "root": one.root, "expiry": one.expiry, "strike": one.strike,
        "right": one.right, "bid": one.bid, "ask": one.ask, "bid_size": one.bid_size, "ask_size": one.ask_size,
        "last": one.last, "last_trade_time": one.traded, "volume": one.volume if one.today else 0,
        "open_interest": one.open_interest, "oi_asof": vendor_stubs.PUBLISHED, "vendor_iv": one.iv,
        "vendor_delta": one.delta, "spot": vendor_stubs.SPOT, "multiplier": 100, "nonstandard": False,
        "session_date": vendor_stubs.SESSION, "source": name, "fetched_at": moment_of(name), "simulated": False,
    }  # fmt: skip
    row |= dict.fromkeys(VENDORS[name].lacks)
    if name == "thetadata":
        # It has no price of what did not trade today, and no message for a series without open interest.
        row |= {"last": one.last if one.today else None}
        row |= {} if one.open_interest else {"open_interest": None, "oi_asof": None}
    return row


@every_vendor
def test_every_vendor_gives_the_same_chain_up_to_what_it_lacks(name: str, httpserver: HTTPServer) -> None:
    vendor_stubs.serve(httpserver, name)
    fetched = fetch(name, httpserver)
    assert fetched.error is None, fetched.error
    assert fetched.chain is not None
    assert fetched.chain.schema == chain.SCHEMA
    given = {row["contract"]: row for row in fetched.chain.iter_rows(named=True)}
    assert sorted(given) == sorted(one.symbol for one in MARKET.options)
    for one in MARKET.options:
        wanted = expected(one, name)
        assert {field: given[one.symbol][field] for field in wanted} == wanted
    (quoted,) = fetched.chain["quote_time"].unique()
    assert quoted in {vendor_stubs.QUOTED, CLOSE} or abs((vendor_stubs.QUOTED - quoted).total_seconds()) <= 900


@every_vendor
def test_a_symbol_that_the_vendor_does_not_know_is_said_to_be_so(name: str, httpserver: HTTPServer) -> None:
    vendor_stubs.serve(httpserver, name)
    fetched = fetch(name, httpserver, "NOPE")
    assert fetched.chain is None
    assert fetched.error is not None
    assert fetched.error.code == "unknown_symbol"
    assert "NOPE" in fetched.error.message


@with_a_key
def test_a_wrong_key_is_refused_told_ends_the_asking_and_is_never_shown(name: str, httpserver: HTTPServer) -> None:
    behaviour = vendor_stubs.serve(httpserver, name)
    wrong = dict.fromkeys(VENDORS[name].keys[0], "wrong-4712-key")
    first, second = source_of(name, httpserver.url_for(""), wrong).chains(["XYZ", "ABC"], moment_of(name))
    assert first.error is not None
    assert second.error is not None
    assert (first.error.code, second.error.code) == ("unauthorised", "not_asked")
    assert VENDORS[name].keys[0][0] in first.error.message
    assert "4712" not in first.error.message + second.error.message
    assert len(behaviour.asked) == 1


@with_a_key
def test_an_error_that_repeats_the_key_does_not_show_it(name: str, httpserver: HTTPServer) -> None:
    told = {"message": f"the key {vendor_stubs.KEY} may not see this", "error": f"no: {vendor_stubs.KEY}"}
    vendor_stubs.serve(httpserver, name, Behaviour(failing={"": vendor_stubs.body(told, 400)}))
    fetched = fetch(name, httpserver)
    assert fetched.error is not None
    assert vendor_stubs.KEY not in fetched.error.message


@every_vendor
def test_too_many_requests_end_the_asking_and_say_so(name: str, httpserver: HTTPServer) -> None:
    vendor_stubs.serve(httpserver, name, Behaviour(failing={"XYZ": Response("slow down", 429)}))
    first, second = source_of(name, httpserver.url_for("")).chains(["XYZ", "ABC"], moment_of(name))
    assert first.error is not None
    assert second.error is not None
    assert (first.error.code, second.error.code) == ("rate_limited", "not_asked")


@every_vendor
@pytest.mark.parametrize(
    "answer",
    [
        Response("<html><body>maintenance</body></html>", content_type="text/html"),
        Response("", 200),
        Response("null"),
        Response("[]"),
        Response('{"results": "OK", "data": 5, "options": [], "status": "OK", "s": "ok", "chain": {}}'),
        Response('{"data": [1, null, "x"], "results": [null], "chain": [7], "snapshots": {"A": 5}, "status": "OK"}'),
        Response('{"unfinished": [1, 2'),
        Response(b"\xff\xfe\x00garbage"),
    ],
    ids=["a page", "nothing", "null", "a list", "wrong types", "no entries", "cut short", "bytes"],
)
def test_a_body_that_is_no_chain_is_an_error_of_that_symbol_alone(
    name: str, answer: Response, httpserver: HTTPServer
) -> None:
    vendor_stubs.serve(httpserver, name, Behaviour(failing={"ABC": answer}))
    bad, good = source_of(name, httpserver.url_for("")).chains(["ABC", "XYZ"], moment_of(name))
    assert bad.chain is None
    assert bad.error is not None
    assert bad.error.code in ("unreadable", "unknown_symbol", "empty_chain", "refused", "incomplete")
    assert good.chain is not None


@pytest.mark.parametrize("name", [name for name in LIVE if name != "thetadata"])  # which lists series by their own root
def test_an_adjusted_contract_keeps_its_root_and_is_marked(name: str, httpserver: HTTPServer) -> None:
    market = replace(MARKET, options=(*MARKET.options, vendor_stubs.ADJUSTED))
    vendor_stubs.serve(httpserver, name, Behaviour(market=market))
    fetched = fetch(name, httpserver)
    assert fetched.chain is not None
    adjusted = fetched.chain.filter(pl.col("contract") == vendor_stubs.ADJUSTED.symbol)
    assert adjusted.select("underlying", "root", "nonstandard").rows() == [("XYZ", "XYZ1", True)]


@every_vendor
def test_several_symbols_under_way_at_once_come_back_in_order(name: str, httpserver: HTTPServer) -> None:
    vendor_stubs.serve(httpserver, name)
    asked = ["XYZ", "AAA", "BBB", "CCC", "DDD", "EEE", "FFF", "GGG"]
    answers = list(source_of(name, httpserver.url_for(""), workers=4).chains(asked, moment_of(name)))
    assert [one.symbol for one in answers] == asked
    assert answers[0].chain is not None
    assert all(one.error is not None for one in answers[1:])


@every_vendor
@pytest.mark.parametrize("symbol", ["../../etc", "X Y Z", "XYZ?a=b", "\x1b[31m", "", "TOOLONGFORATICKER"])
def test_what_is_no_ticker_is_never_asked_for(name: str, symbol: str, httpserver: HTTPServer) -> None:
    behaviour = vendor_stubs.serve(httpserver, name)
    fetched = fetch(name, httpserver, symbol)
    assert fetched.error is not None
    assert fetched.error.code == "unknown_symbol"
    assert behaviour.asked == []
