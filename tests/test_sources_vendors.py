"""What is particular to one vendor each: shapes that change, pages, plans, sentences in place of errors."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
import vendor_stubs
from live_sources import fetch, moment_of, source_of
from pytest_httpserver import HTTPServer
from vendor_stubs import KEY, MARKET, NOW, Behaviour, Market, body
from werkzeug import Request, Response

from scanner.sources.base import Fetched


def chain_of(fetched: Fetched) -> pl.DataFrame:
    assert fetched.error is None, fetched.error
    assert fetched.chain is not None
    return fetched.chain


def error_of(fetched: Fetched) -> tuple[str, str]:
    assert fetched.chain is None
    assert fetched.error is not None
    return fetched.error.code, fetched.error.message


def paths(behaviour: Behaviour) -> list[str]:
    return [request.path for request in behaviour.asked]


# --- Tradier


def test_tradiers_lists_of_one_and_of_none_are_lists(httpserver: HTTPServer) -> None:
    market = Market(options=MARKET.options[:1])
    vendor_stubs.serve(httpserver, "tradier", Behaviour(market=market))
    assert chain_of(fetch("tradier", httpserver))["contract"].to_list() == ["XYZ260724C00095000"]


def test_tradiers_expiries_are_read_in_their_other_shape_too(httpserver: HTTPServer) -> None:
    dated = [{"date": str(day), "contract_size": 100, "expiration_type": "weeklys"} for day in MARKET.expiries]
    failing = {"/expirations": body({"expirations": {"expiration": dated}})}
    vendor_stubs.serve(httpserver, "tradier", Behaviour(failing=failing))
    assert chain_of(fetch("tradier", httpserver)).height == len(MARKET.options)


def test_an_expiry_that_tradier_lists_and_does_not_give_is_told(httpserver: HTTPServer) -> None:
    vendor_stubs.serve(httpserver, "tradier", Behaviour(failing={"expiration=2026-08-21": body({"options": None})}))
    fetched = fetch("tradier", httpserver)
    assert chain_of(fetched)["expiry"].n_unique() == 1
    assert any("expiry 2026-08-21 is listed and holds no option" in note for note in fetched.notes)


def test_an_expiry_that_fails_costs_the_chain_and_never_a_silent_part(httpserver: HTTPServer) -> None:
    vendor_stubs.serve(httpserver, "tradier", Behaviour(failing={"expiration=2026-08-21": Response("oops", 500)}))
    assert error_of(fetch("tradier", httpserver))[0] == "server_error"


def test_a_class_share_and_an_index_are_spelled_as_tradier_does(httpserver: HTTPServer) -> None:
    behaviour = vendor_stubs.serve(httpserver, "tradier")
    list(source_of("tradier", httpserver.url_for("")).chains(["BRK-B", "^SPX"], NOW))
    assert [request.args["symbol"] for request in behaviour.asked] == ["BRK/B", "SPX"]


@pytest.mark.parametrize(
    ("name", "index", "share"),
    [("schwab", "$SPX", "BRK/B"), ("yahoo", "^SPX", "BRK-B"), ("massive", "I:SPX", "BRK.B"), ("cboe", "_SPX", "BRK.B")],
)
def test_an_index_and_a_class_share_are_spelled_as_the_vendor_does(
    name: str, index: str, share: str, httpserver: HTTPServer
) -> None:
    behaviour = vendor_stubs.serve(httpserver, name)
    list(source_of(name, httpserver.url_for("")).chains(["SPX", "BRKB"], NOW))
    asked = [f"{request.path} {request.args.get('symbol', '')}" for request in behaviour.asked]
    assert any(index in line for line in asked)
    assert any(share in line for line in asked)


def test_an_offers_volatility_is_not_the_middles(httpserver: HTTPServer) -> None:
    """The stub's wing has bid_iv 0 and mid_iv 0.9, which is its offer's."""
    vendor_stubs.serve(httpserver, "tradier")
    wing = chain_of(fetch("tradier", httpserver)).filter(pl.col("contract") == "XYZ260724P00080000")
    assert wing["vendor_iv"].to_list() == [None]


# --- Massive


def test_massives_pages_are_asked_with_the_key_and_a_contract_on_two_of_them_counts_once(
    httpserver: HTTPServer,
) -> None:
    behaviour = vendor_stubs.serve(httpserver, "massive")
    assert chain_of(fetch("massive", httpserver)).height == len(MARKET.options)
    assert len(behaviour.asked) == 3
    assert all(request.headers["Authorization"] == f"Bearer {KEY}" for request in behaviour.asked)
    assert all("apiKey" not in request.full_path for request in behaviour.asked)


@pytest.mark.parametrize(
    "following",
    [
        "https://api.massive.com/v3/snapshot/options/XYZ?cursor=0&limit=3",  # round and round
        "https://api.massive.com/v3/snapshot/options/ABC?cursor=3",
        "https://evil.example/v3/snapshot/options/XYZ",
        "no address",
        7,
    ],
)
def test_a_next_page_that_is_none_is_an_error_and_never_half_a_chain(following: object, httpserver: HTTPServer) -> None:
    page = {"status": "OK", "results": [vendor_stubs.massive_row(MARKET.options[0], "XYZ")], "next_url": following}
    vendor_stubs.serve(httpserver, "massive", Behaviour(failing={"XYZ": body(page)}))
    assert error_of(fetch("massive", httpserver))[0] == "incomplete"


def test_a_plan_without_quotes_still_gives_volume_and_open_interest(httpserver: HTTPServer) -> None:
    rows = [vendor_stubs.massive_row(one, "XYZ") for one in MARKET.options]
    for row in rows:
        row.pop("last_quote")
        row.pop("underlying_asset")
    vendor_stubs.serve(httpserver, "massive", Behaviour(failing={"XYZ": body({"status": "OK", "results": rows})}))
    chain = chain_of(fetch("massive", httpserver))
    assert chain["volume"].sum() == sum(one.volume for one in MARKET.options)
    assert chain["bid"].null_count() == chain.height
    assert chain["spot"].null_count() == chain.height


def test_a_plan_without_snapshots_says_what_the_vendor_says(httpserver: HTTPServer) -> None:
    words = "You are not entitled to this data. Please upgrade your plan"
    failing = {"": body({"status": "NOT_AUTHORIZED", "request_id": "7", "message": words}, 403)}
    vendor_stubs.serve(httpserver, "massive", Behaviour(failing=failing))
    code, message = error_of(fetch("massive", httpserver))
    assert code == "not_entitled"
    assert words in message


def test_an_error_with_status_200_is_an_error(httpserver: HTTPServer) -> None:
    vendor_stubs.serve(
        httpserver, "massive", Behaviour(failing={"": body({"status": "ERROR", "error": "no such thing"})})
    )
    code, message = error_of(fetch("massive", httpserver))
    assert (code, "no such thing" in message) == ("refused", True)


@pytest.mark.parametrize("status", [[], {}, 7, None])
def test_a_status_that_is_none_is_no_success(status: object, httpserver: HTTPServer) -> None:
    vendor_stubs.serve(httpserver, "massive", Behaviour(failing={"": body({"status": status, "results": []})}))
    assert error_of(fetch("massive", httpserver))[0] == "refused"


# --- Alpaca


def test_alpacas_feed_is_always_named_and_the_altered_one_is_told(httpserver: HTTPServer) -> None:
    behaviour = vendor_stubs.serve(httpserver, "alpaca")
    fetched = fetch("alpaca", httpserver)
    chain_of(fetched)
    asked = [request.args["feed"] for request in behaviour.asked if "snapshots" in request.path]
    assert asked == ["indicative"] * 3
    assert any("indicative: quotes are altered" in note for note in fetched.notes)


def test_the_feed_of_the_configuration_is_asked_for(httpserver: HTTPServer) -> None:
    behaviour = vendor_stubs.serve(httpserver, "alpaca")
    (fetched,) = source_of("alpaca", httpserver.url_for(""), feed="opra").chains(["XYZ"], NOW)
    assert {request.args["feed"] for request in behaviour.asked if "snapshots" in request.path} == {"opra"}
    assert not any("indicative" in note for note in fetched.notes)


def test_an_agreement_that_was_not_signed_is_told_with_the_way_out(httpserver: HTTPServer) -> None:
    failing = {"/snapshots/": body({"message": "OPRA agreement is not signed"}, 403)}
    vendor_stubs.serve(httpserver, "alpaca", Behaviour(failing=failing))
    code, message = error_of(fetch("alpaca", httpserver))
    assert code == "not_entitled"
    assert "vendors.alpaca.feed: indicative" in message


@pytest.mark.parametrize("part", ["/v2/options/contracts", "/trades/latest"])
def test_what_stands_beside_alpacas_chain_may_fail_alone(part: str, httpserver: HTTPServer) -> None:
    vendor_stubs.serve(httpserver, "alpaca", Behaviour(failing={part: body({"message": "no"}, 404)}))
    fetched = fetch("alpaca", httpserver)
    column = "open_interest" if "contracts" in part else "spot"
    assert chain_of(fetched)[column].null_count() == len(MARKET.options)
    assert any("could not be had" in note or "no price of the underlying" in note for note in fetched.notes)


# --- MarketData.app


def test_marketdata_is_asked_for_every_expiry_and_success_may_be_203(httpserver: HTTPServer) -> None:
    behaviour = vendor_stubs.serve(httpserver, "marketdata")
    assert chain_of(fetch("marketdata", httpserver))["expiry"].n_unique() == 2
    assert [request.args["expiration"] for request in behaviour.asked] == ["all"]


def test_a_chain_longer_than_a_page_is_asked_for_to_its_end(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanner.sources.marketdata._PAGE", 4)
    behaviour = vendor_stubs.serve(httpserver, "marketdata")
    assert chain_of(fetch("marketdata", httpserver)).height == 8
    assert [request.args["offset"] for request in behaviour.asked] == ["0", "4", "8"]


def test_arrays_of_different_lengths_are_refused_whole(httpserver: HTTPServer) -> None:
    arrays = vendor_stubs.marketdata_arrays(list(MARKET.options), "XYZ")
    arrays["volume"] = arrays["volume"][1:]
    vendor_stubs.serve(httpserver, "marketdata", Behaviour(failing={"XYZ": body(arrays)}))
    code, message = error_of(fetch("marketdata", httpserver))
    assert (code, "differ in length" in message) == ("unreadable", True)


def test_a_second_device_is_told_in_the_vendors_words(httpserver: HTTPServer) -> None:
    words = {"s": "error", "errmsg": "Access denied. Only one device may use a token.", "blockedIP": "192.0.2.7"}
    vendor_stubs.serve(httpserver, "marketdata", Behaviour(failing={"": body(words, 403)}))
    code, message = error_of(fetch("marketdata", httpserver))
    assert (code, "Only one device" in message) == ("not_entitled", True)


# --- Schwab


def test_a_chain_too_large_for_schwab_comes_in_spans_and_whole(httpserver: HTTPServer) -> None:
    behaviour = vendor_stubs.serve(httpserver, "schwab", Behaviour(page=1))  # 502 above three contracts
    options = [replace(one, symbol=one.symbol.replace("260724", day)) for one in MARKET.options[:3] for day in
               ("260717", "260722", "260727", "260805")]  # fmt: skip
    behaviour.market = Market(options=tuple(options))
    assert chain_of(fetch("schwab", httpserver)).height == 12


def test_a_day_too_large_for_schwab_is_an_error_and_never_half_a_chain(httpserver: HTTPServer) -> None:
    vendor_stubs.serve(httpserver, "schwab", Behaviour(page=1))
    code, message = error_of(fetch("schwab", httpserver))
    assert (code, "2026-07-24" in message) == ("incomplete", True)


def test_an_access_token_is_fetched_once_and_shown_nowhere(httpserver: HTTPServer) -> None:
    secrets = {"SCHWAB_APP_KEY": "app-1234", "SCHWAB_APP_SECRET": "hush-1234", "SCHWAB_REFRESH_TOKEN": KEY}
    behaviour = vendor_stubs.serve(httpserver, "schwab")
    first, second = source_of("schwab", httpserver.url_for(""), secrets).chains(["XYZ", "ABC"], NOW)
    chain_of(first)
    assert error_of(second)[0] == "unknown_symbol"
    assert paths(behaviour).count("/v1/oauth/token") == 1


def test_a_refresh_token_that_has_died_is_told_with_the_way_out(httpserver: HTTPServer) -> None:
    secrets = {"SCHWAB_APP_KEY": "app-1234", "SCHWAB_APP_SECRET": "hush-1234", "SCHWAB_REFRESH_TOKEN": "old-token-77"}
    vendor_stubs.serve(httpserver, "schwab")
    code, message = error_of(fetch("schwab", httpserver, secrets=secrets))
    assert code == "unauthorised"
    assert "seven days" in message
    assert "old-token-77" not in message


# --- Yahoo


def test_a_crumb_that_has_expired_is_replaced_once(httpserver: HTTPServer) -> None:
    refused = [vendor_stubs.yahoo_refusal("Invalid Crumb")]

    def first_refused(request: Request) -> Response:
        return refused.pop() if refused else vendor_stubs.yahoo(behaviour, request)

    behaviour = Behaviour(failing={"/v7/": first_refused})
    vendor_stubs.serve(httpserver, "yahoo", behaviour)
    assert chain_of(fetch("yahoo", httpserver)).height == len(MARKET.options)
    assert paths(behaviour).count("/v1/test/getcrumb") == 2


@pytest.mark.parametrize("answer", ["Edge: Too Many Requests", "<html>consent</html>", ""])
def test_words_in_place_of_a_crumb_are_no_crumb(answer: str, httpserver: HTTPServer) -> None:
    behaviour = vendor_stubs.serve(httpserver, "yahoo", Behaviour(failing={"getcrumb": Response(answer)}))
    assert error_of(fetch("yahoo", httpserver))[0] == "blocked"
    assert not any("/v7/" in path for path in paths(behaviour))


def test_every_chain_of_yahoo_says_that_it_is_for_checking(httpserver: HTTPServer) -> None:
    vendor_stubs.serve(httpserver, "yahoo")
    assert any("for checking other sources by" in note for note in fetch("yahoo", httpserver).notes)


# --- ThetaData


def test_what_the_subscription_does_not_hold_is_left_out_and_told(httpserver: HTTPServer) -> None:
    failing = {"/greeks/": Response("PERMISSION: needs STANDARD", 471)}
    vendor_stubs.serve(httpserver, "thetadata", Behaviour(failing=failing))
    fetched = fetch("thetadata", httpserver)
    assert chain_of(fetched)["vendor_iv"].null_count() == len(MARKET.options)
    assert any("no greeks/first_order of XYZ (HTTP 471: PERMISSION: needs STANDARD" in note for note in fetched.notes)


def test_rows_of_the_terminal_that_contradict_each_other_are_left_out_and_told(httpserver: HTTPServer) -> None:
    answer = replacing(vendor_stubs.thetadata, b"2026-07-24,95.000,CALL", b"2026-07-24,100.000,CALL")
    vendor_stubs.serve(httpserver, "thetadata", Behaviour(failing={"/open_interest": answer}))
    fetched = fetch("thetadata", httpserver)
    held = dict(chain_of(fetched).select("contract", "open_interest").iter_rows())
    put = next(one for one in MARKET.options if one.symbol == "XYZ260724P00100000")
    assert (held["XYZ260724C00095000"], held["XYZ260724C00100000"]) == (None, None)
    assert held[put.symbol] == put.open_interest
    assert any("2 rows of open_interest of XYZ contradict others of their contract" in note for note in fetched.notes)


@pytest.mark.parametrize(
    ("status", "code"), [(471, "not_entitled"), (474, "unreachable"), (476, "refused"), (571, "unreachable")]
)
def test_the_terminals_own_status_codes_are_understood_and_not_repeated(
    status: int, code: str, httpserver: HTTPServer
) -> None:
    behaviour = vendor_stubs.serve(httpserver, "thetadata", Behaviour(failing={"/quote": Response("words", status)}))
    assert error_of(fetch("thetadata", httpserver))[0] == code
    assert len(behaviour.asked) == 1


def test_an_index_is_asked_for_by_each_of_its_roots(httpserver: HTTPServer) -> None:
    behaviour = vendor_stubs.serve(httpserver, "thetadata")
    fetch("thetadata", httpserver, "SPX")
    assert [request.args["symbol"] for request in behaviour.asked] == ["SPX", "SPXW", "SPXPM"]


# --- Unusual Whales


def replacing(vendor: vendor_stubs.Handler, sound: bytes, damaged: bytes) -> Any:
    """A vendor's answers with some bytes of them replaced."""

    def answer(request: Request) -> Response:
        return Response(vendor(Behaviour(), request).get_data().replace(sound, damaged))

    return answer


def pages_of_whales(first: int) -> Any:
    """The market in pages of three; the second page is called ``first`` + 1."""

    def answer(request: Request) -> Response:
        page = max(int(request.args.get("page", first)) - first, 0)
        whole = json.loads(vendor_stubs.unusualwhales(Behaviour(), request).get_data())["data"]
        return body({"data": whole[3 * page : 3 * page + 3]})

    return answer


@pytest.mark.parametrize("first", [0, 1])
def test_pages_are_followed_however_they_are_numbered(
    first: int, httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanner.sources.unusual_whales._PAGE", 3)
    vendor_stubs.serve(httpserver, "unusualwhales", Behaviour(failing={"XYZ": pages_of_whales(first)}))
    assert chain_of(fetch("unusualwhales", httpserver)).height == len(MARKET.options)


def test_a_vendor_that_gives_the_same_page_for_ever_gives_no_chain(
    httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("scanner.sources.unusual_whales._PAGE", len(MARKET.options))
    vendor_stubs.serve(httpserver, "unusualwhales")
    assert error_of(fetch("unusualwhales", httpserver))[0] == "incomplete"


def test_of_two_rows_of_a_page_that_name_one_contract_neither_is_taken(httpserver: HTTPServer) -> None:
    answer = replacing(vendor_stubs.unusualwhales, b"XYZ260724C00100000", b"XYZ260724P00100000")
    vendor_stubs.serve(httpserver, "unusualwhales", Behaviour(failing={"XYZ": answer}))
    fetched = fetch("unusualwhales", httpserver)
    others = {one.symbol for one in MARKET.options} - {"XYZ260724C00100000", "XYZ260724P00100000"}
    assert set(chain_of(fetched)["contract"]) == others
    assert any("XYZ260724P00100000 appears more than once with different values" in note for note in fetched.notes)


# --- Intrinio


def test_an_expiry_that_intrinio_breaks_off_is_an_error(httpserver: HTTPServer) -> None:
    row = vendor_stubs.intrinio_row(MARKET.options[0], "XYZ")
    failing = {"/2026-07-24/": body({"chain": [row], "next_page": "abc"})}
    vendor_stubs.serve(httpserver, "intrinio", Behaviour(failing=failing))
    assert error_of(fetch("intrinio", httpserver))[0] == "incomplete"


# --- Alpha Vantage


@pytest.mark.parametrize(
    ("sentence", "code"),
    [
        ({"Information": "Our standard API rate limit is 25 requests per day."}, "quota_spent"),
        ({"Note": "Thank you for using Alpha Vantage! Our standard call frequency is 5 calls."}, "quota_spent"),
        ({"Information": "This is a premium endpoint."}, "not_entitled"),
        ({"Error Message": "the parameter apikey is invalid or missing."}, "unauthorised"),
        ({"Error Message": "Invalid API call."}, "refused"),
    ],
)
def test_a_sentence_with_http_200_is_told_apart(sentence: dict[str, str], code: str, httpserver: HTTPServer) -> None:
    vendor_stubs.serve(httpserver, "alphavantage", Behaviour(failing={"XYZ": body(sentence)}))
    found, message = error_of(fetch("alphavantage", httpserver))
    assert found == code
    assert next(iter(sentence.values()))[:20] in message


def test_a_closed_session_is_labelled_by_its_own_date_and_the_open_interest_by_the_close_before(
    httpserver: HTTPServer,
) -> None:
    vendor_stubs.serve(httpserver, "alphavantage")
    chain = chain_of(fetch("alphavantage", httpserver))
    assert chain.select("session_date", "oi_asof").unique().rows() == [(vendor_stubs.SESSION, vendor_stubs.PUBLISHED)]
    assert chain["quote_time"][0] == datetime(2026, 7, 16, 20, 0, tzinfo=UTC)
    assert moment_of("alphavantage") > chain["quote_time"][0]


# --- What volumes are of


def test_volume_that_has_been_reset_for_the_next_day_is_no_volume_of_this_one(httpserver: HTTPServer) -> None:
    """After the close a feed may count from nothing again, while its trades are still of the session."""
    market = Market(options=tuple(replace(one, volume=0) for one in MARKET.options))
    vendor_stubs.serve(httpserver, "tradier", Behaviour(market=market))
    fetched = fetch("tradier", httpserver)
    assert chain_of(fetched)["volume"].null_count() == len(MARKET.options)
    assert any("show no volume: reset for the next" in note for note in fetched.notes)


def test_quotes_from_the_future_do_not_date_a_chain(httpserver: HTTPServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vendor_stubs, "QUOTED", NOW + timedelta(days=2))
    vendor_stubs.serve(httpserver, "tradier")
    fetched = fetch("tradier", httpserver)
    assert chain_of(fetched)["session_date"][0] == vendor_stubs.SESSION
    assert any("has not come yet; not believed" in note for note in fetched.notes)


# --- Failures in a row, and a plan of calls


def test_a_vendor_that_fails_five_times_in_a_row_is_left_alone(httpserver: HTTPServer) -> None:
    behaviour = vendor_stubs.serve(httpserver, "massive", Behaviour(failing={"": Response("oops", 500)}))
    symbols = [f"A{letter}" for letter in "ABCDEFGH"]
    answers = list(source_of("massive", httpserver.url_for("")).chains(symbols, NOW))
    codes = [one.error.code for one in answers if one.error is not None]
    assert codes == ["server_error"] * 5 + ["not_asked"] * 3
    assert len(behaviour.asked) == 10  # two attempts each


@pytest.mark.parametrize(
    ("name", "status", "told", "words"),
    [
        (
            "schwab",
            401,
            {"errors": [{"status": 401, "title": "Unauthorized", "detail": "token expired"}]},
            "token expired",
        ),
        (
            "intrinio",
            403,
            {"error": "Forbidden", "message": "no subscription to this feed"},
            "no subscription to this feed",
        ),
    ],
)
def test_a_refusal_is_told_in_the_vendors_own_sentence(
    name: str, status: int, told: dict[str, Any], words: str, httpserver: HTTPServer
) -> None:
    vendor_stubs.serve(httpserver, name, Behaviour(failing={"": body(told, status)}))
    _, message = error_of(fetch(name, httpserver))
    assert f"HTTP {status}: {words}" in message
