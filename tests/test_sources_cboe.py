"""Live Cboe chains, against a stub of the site on the loopback interface."""

from __future__ import annotations

import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer
from raw_server import serving
from standard import calendar

from scanner.errors import TermsError
from scanner.market import chain
from scanner.sources.access import Access
from scanner.sources.base import SourceSettings, VendorOptions
from scanner.sources.cboe import CboeSource
from scanner.sources.http import Limits, PoliteClient
from scanner.sources.registry import VENDORS, open_source, require_terms

CHAINS = Path(__file__).parent / "chains"
NOW = datetime(2026, 7, 25, 14, 0, tzinfo=UTC)
OPTIONS = "/api/global/delayed_quotes/options/{}.json"
QUOTES = "/api/global/delayed_quotes/quotes/{}.json"
DENIED = "<?xml version='1.0'?><Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"


@pytest.fixture
def site(httpserver: HTTPServer) -> HTTPServer:
    """XYZ and the S&P 500 are there, SPY answers as the canary, everything else is refused as the site does it."""
    for name, file in (("XYZ", "cboe-weekend.json"), ("_SPX", "cboe-index.json")):
        body = (CHAINS / file).read_text("utf-8")
        httpserver.expect_request(OPTIONS.format(name)).respond_with_data(body, content_type="application/json")
    httpserver.expect_request(QUOTES.format("SPY")).respond_with_json({"data": {"symbol": "SPY"}})
    httpserver.expect_request(re.compile(".*")).respond_with_data(DENIED, status=403, content_type="application/xml")
    return httpserver


def source(server: HTTPServer, **limits: float) -> CboeSource:
    client = PoliteClient(
        Limits(read_timeout=0.2, connect_timeout=0.5, **limits),  # type: ignore[arg-type]
        clock=lambda: 0.0,
        sleep=lambda _: None,
    )
    return at(client, server.url_for("/"))


def at(client: PoliteClient, url: str) -> CboeSource:
    return CboeSource(Access(VENDORS["cboe"], client, VendorOptions(url=url)), calendar)


def asked(server: HTTPServer) -> list[str]:
    return [request.path.rsplit("delayed_quotes/")[1] for request, _ in server.log]


def test_a_chain_comes_with_the_moment_it_was_fetched_and_the_session_it_is_of(site: HTTPServer) -> None:
    (fetched,) = source(site).chains(["xyz"], NOW)
    assert fetched.error is None
    assert fetched.chain is not None
    assert fetched.chain.schema == chain.SCHEMA
    row = fetched.chain.row(0, named=True)
    assert (row["source"], row["simulated"], row["underlying"]) == ("cboe", False, "XYZ")
    assert row["fetched_at"] == NOW
    assert row["session_date"] == date(2026, 7, 24)
    assert row["quote_time"] == datetime(2026, 7, 24, 20, 0, tzinfo=UTC)


@pytest.mark.parametrize("spelling", ["SPX", "_SPX", "^SPX", "$SPX"])
def test_an_index_is_asked_for_with_an_underscore(site: HTTPServer, spelling: str) -> None:
    (fetched,) = source(site).chains([spelling], NOW)
    assert fetched.chain is not None
    assert fetched.chain["underlying"].unique().to_list() == ["SPX"]
    assert asked(site) == ["options/_SPX.json"]


@pytest.mark.parametrize("spelling", ["BRK-B", "BRK/B", "BRK.B", "BRKB"])
def test_a_class_share_is_asked_for_with_its_dot_and_then_without(site: HTTPServer, spelling: str) -> None:
    (fetched,) = source(site).chains([spelling], NOW)
    assert fetched.error is not None
    assert asked(site) == ["options/BRK.B.json", "options/BRKB.json", "quotes/SPY.json"]


@pytest.mark.parametrize(("asked_for", "name"), [("^RUT", "_RUT"), ("$VIX.X", "_VIX"), ("XEO", "_XEO")])
def test_every_index_has_its_underscore(site: HTTPServer, asked_for: str, name: str) -> None:
    list(source(site).chains([asked_for], NOW))
    assert asked(site)[0] == f"options/{name}.json"


def test_a_refused_symbol_is_unknown_while_a_symbol_that_must_be_there_is_served(site: HTTPServer) -> None:
    nope, xyz = source(site).chains(["NOPE", "XYZ"], NOW)
    assert nope.error is not None
    assert (nope.error.code, nope.error.stage, nope.error.symbol) == ("unknown_symbol", "source", "NOPE")
    assert xyz.chain is not None


def test_an_answer_of_404_is_an_unknown_symbol_too(httpserver: HTTPServer) -> None:
    httpserver.expect_request(QUOTES.format("SPY")).respond_with_json({})
    httpserver.expect_request(OPTIONS.format("NOPE")).respond_with_data("not found", status=404)
    (nope,) = source(httpserver).chains(["NOPE"], NOW)
    assert nope.error is not None
    assert nope.error.code == "unknown_symbol"


def test_when_even_the_sure_symbol_is_refused_the_caller_is_blocked_and_stops_asking(httpserver: HTTPServer) -> None:
    httpserver.expect_request(re.compile(".*")).respond_with_data(DENIED, status=403)
    first, second, third = source(httpserver).chains(["AAA", "BBB", "CCC"], NOW)
    codes = [one.error.code for one in (first, second, third) if one.error is not None]
    assert codes == ["blocked", "not_asked", "not_asked"]
    assert asked(httpserver) == ["options/AAA.json", "quotes/SPY.json"]


def test_too_many_requests_ends_the_asking(httpserver: HTTPServer) -> None:
    httpserver.expect_request(re.compile(".*")).respond_with_data("slow down", status=429)
    first, second = source(httpserver, attempts=2).chains(["AAA", "BBB"], NOW)
    assert first.error is not None
    assert second.error is not None
    assert (first.error.code, second.error.code) == ("rate_limited", "not_asked")
    assert second.error.message == "BBB: not asked for, because the site asks for fewer requests"
    assert asked(httpserver) == ["options/AAA.json"] * 2


def test_a_dead_network_is_one_clear_message_for_each_symbol() -> None:
    client = PoliteClient(Limits(connect_timeout=0.2), clock=lambda: 0.0, sleep=lambda _: None)
    first, second = at(client, "http://127.0.0.1:9").chains(["AAA", "BBB"], NOW)
    assert first.error is not None
    assert second.error is not None
    assert (first.error.code, second.error.code) == ("unreachable", "not_asked")


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"", "truncated"),
        (b"nonsense\r\n\r\n", "malformed"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{}", "truncated"),
        (b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\n\r\n{}", "unreadable"),
        (b"HTTP/1.1 302 Found\r\nLocation: http://example.com/\r\n\r\n", "redirected"),
    ],
)
def test_an_answer_that_is_no_http_costs_its_symbol_alone(sent: bytes, code: str) -> None:
    chain = (CHAINS / "cboe-weekend.json").read_bytes()
    sound = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n%b" % (len(chain), chain)
    with serving(lambda request: [sound if b"XYZ.json" in request else sent]) as server:
        client = PoliteClient(Limits(attempts=2), clock=lambda: 0.0, sleep=lambda _: None)
        first, second = at(client, server.url("")).chains(["AAA", "XYZ"], NOW)
    assert first.error is not None
    assert first.error.code == code
    assert second.chain is not None


def test_a_server_error_costs_its_symbol_alone(site: HTTPServer) -> None:
    site.clear()
    body = (CHAINS / "cboe-weekend.json").read_text("utf-8")
    site.expect_request(OPTIONS.format("AAA")).respond_with_data("oops", status=500)
    site.expect_request(OPTIONS.format("XYZ")).respond_with_data(body)
    first, second = source(site, attempts=2).chains(["AAA", "XYZ"], NOW)
    assert first.error is not None
    assert first.error.code == "server_error"
    assert second.chain is not None


@pytest.mark.parametrize(
    ("body", "code", "words"),
    [
        ("<html>maintenance</html>", "unreadable", "a web page or XML, not JSON"),
        ('{"data": {"options": [{"option": "XYZ26', "unreadable", "cut short"),
        ('["AAA"]', "unreadable", "not a chain"),
        ('{"data": {"options": {}, "symbol": "AAA"}}', "unreadable", "expected a list of options, found dict"),
        ('{"data": {"options": [], "symbol": "AAA"}}', "empty_chain", "holds no contract"),
        ('{"data": {"options": [{"option": 5}], "symbol": "AAA"}}', "empty_chain", "is not a contract symbol"),
        ('{"data": {"options": [{"option": "BBB260821C00095000"}], "symbol": "BBB"}}', "unreadable", "it is about BBB"),
        ('{"data": {"options": [{}]}}', "unreadable", "does not name its underlying"),
    ],
)
def test_a_body_that_is_no_chain_is_an_error_that_says_so(
    httpserver: HTTPServer, body: str, code: str, words: str
) -> None:
    httpserver.expect_request(OPTIONS.format("AAA")).respond_with_data(body)
    (fetched,) = source(httpserver).chains(["AAA"], NOW)
    assert fetched.error is not None
    assert fetched.error.code == code
    assert words in fetched.error.message


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("timestamp", "0001-01-01 00:00:00"),
        ("timestamp", "9999-12-31 23:59:59"),
        ("timestamp", "1969-07-24 10:00:00"),
        ("current_price", 10**400),
        ("close", {"a": []}),
        ("last_trade_time", "0001-01-01T00:00:00"),
        ("symbol", "\ud800\x1b[31m"),
    ],
)
def test_a_body_with_an_absurd_value_costs_its_symbol_at_most(site: HTTPServer, part: str, value: object) -> None:
    payload = json.loads((CHAINS / "cboe-weekend.json").read_text("utf-8"))
    (payload if part == "timestamp" else payload["data"])[part] = value
    payload["data"] |= {"symbol": "AAA"} if part != "symbol" else {}
    site.clear()
    site.expect_request(OPTIONS.format("AAA")).respond_with_json(payload)
    site.expect_request(OPTIONS.format("XYZ")).respond_with_data((CHAINS / "cboe-weekend.json").read_text("utf-8"))
    first, second = source(site).chains(["AAA", "XYZ"], NOW)
    assert (first.chain is None) == (first.error is not None)
    assert second.chain is not None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
OPTION = st.fixed_dictionaries(
    {"option": st.sampled_from(["XYZ260821C00095000", "XYZ991231P99999999", ""]) | JSON},
    optional=dict.fromkeys(["bid", "ask", "volume", "open_interest", "last_trade_time", "iv"], JSON),
)
PAYLOAD = JSON | st.fixed_dictionaries(
    {
        "timestamp": JSON | st.datetimes().map(str),
        "data": JSON
        | st.fixed_dictionaries(
            {"symbol": st.just("XYZ") | JSON, "options": JSON | st.lists(OPTION, max_size=3)},
            optional={"current_price": JSON, "close": JSON, "last_trade_time": JSON | st.datetimes().map(str)},
        ),
    }
)


def test_json_of_any_shape_is_a_chain_or_an_error() -> None:
    sent = [b""]

    @settings(deadline=None, max_examples=150)
    @given(PAYLOAD)
    def fetch(payload: object) -> None:
        body = json.dumps(payload).encode()
        sent[0] = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%b" % (len(body), body)
        client = PoliteClient(Limits(read_timeout=5.0), sleep=lambda _: None)
        (fetched,) = at(client, server.url("")).chains(["XYZ"], NOW)
        assert (fetched.chain is None) == (fetched.error is not None)

    with serving(lambda _: [sent[0]]) as server:
        fetch()


def test_what_was_wrong_in_a_body_is_noted_beside_the_chain(httpserver: HTTPServer) -> None:
    body = (CHAINS / "cboe-wrong-types.json").read_text("utf-8")
    httpserver.expect_request(OPTIONS.format("XYZ")).respond_with_data(body)
    (fetched,) = source(httpserver).chains(["XYZ"], NOW)
    assert fetched.chain is not None
    assert any("ask 'dear' is not a number" in note for note in fetched.notes)


def test_a_payload_without_a_stamp_counts_from_the_moment_it_was_fetched(httpserver: HTTPServer) -> None:
    payload = json.loads((CHAINS / "cboe-index.json").read_text("utf-8"))
    del payload["timestamp"]
    httpserver.expect_request(OPTIONS.format("_SPX")).respond_with_json(payload)
    (fetched,) = source(httpserver).chains(["SPX"], datetime(2026, 7, 16, 18, 30, tzinfo=UTC))
    assert fetched.chain is not None
    assert fetched.chain["quote_time"][0] == datetime(2026, 7, 16, 18, 15, tzinfo=UTC)


@pytest.mark.parametrize(
    "stamp", ["0001-01-01 00:00:00", "1970-01-01 00:00:00", "2033-01-03 10:00:00", "9999-12-31 23:59:59", "soon", -1, 0]
)
def test_a_body_stamped_with_what_is_no_time_costs_its_symbol_alone(httpserver: HTTPServer, stamp: object) -> None:
    body = (CHAINS / "cboe-weekend.json").read_text("utf-8")
    httpserver.expect_request(OPTIONS.format("XYZ")).respond_with_data(body)
    payload = {**json.loads(body), "timestamp": stamp}
    httpserver.expect_request(OPTIONS.format("AAA")).respond_with_json(payload)
    bad, good = source(httpserver).chains(["AAA", "XYZ"], NOW)
    assert bad.error is not None
    assert bad.error.code == "unreadable"
    assert f"its timestamp {str(stamp)!r} is no time" in bad.error.message
    assert good.chain is not None


@pytest.mark.parametrize(("ahead", "refused"), [(timedelta(minutes=4), False), (timedelta(minutes=6), True)])
def test_a_body_stamped_after_the_moment_it_was_fetched_is_refused(
    httpserver: HTTPServer, ahead: timedelta, refused: bool
) -> None:
    """Clocks differ by up to five minutes, whatever the chain comes from."""
    payload = json.loads((CHAINS / "cboe-weekend.json").read_text("utf-8"))
    payload["timestamp"] = f"{NOW + ahead:%Y-%m-%d %H:%M:%S}"
    httpserver.expect_request(OPTIONS.format("XYZ")).respond_with_json(payload)
    (fetched,) = source(httpserver).chains(["XYZ"], NOW)
    said = "" if fetched.error is None else fetched.error.message
    stamp = f"it is stamped {NOW + ahead:%Y-%m-%d %H:%M} UTC, which is still to come"
    assert (stamp in said) == (fetched.chain is None) == refused


@pytest.mark.parametrize("symbol", ["", "../../etc/passwd", "AAPL?x=1", "AA BB", "TOOLONGTICKER", "AAPL\x1b[31m"])
def test_what_is_no_ticker_is_never_asked_for(site: HTTPServer, symbol: str) -> None:
    (fetched,) = source(site).chains([symbol], NOW)
    assert fetched.error is not None
    assert fetched.error.code == "unknown_symbol"
    assert asked(site) == []


def test_the_same_symbol_twice_costs_one_request(site: HTTPServer) -> None:
    first, second = source(site).chains(["XYZ", "XYZ"], NOW)
    assert first.chain is not None
    assert second.chain is not None
    assert asked(site) == ["options/XYZ.json"]


def test_terms_must_be_accepted_and_the_refusal_is_two_lines_that_name_the_way_out() -> None:
    with pytest.raises(TermsError) as caught:
        require_terms("cboe", [])
    first, second = str(caught.value).split("\n")
    assert "restrict automated and non-personal use" in first
    assert "--accept-terms cboe" in first
    assert "accept_terms: [cboe]" in first
    assert "files" in second
    assert "simulated" in second
    assert caught.value.exit_code == 2


def test_accepted_terms_and_sources_without_any_let_one_through() -> None:
    asked = [("cboe", ["files"]), ("cboe", ["files", "cboe"]), ("files", []), ("simulated", [])]
    assert [is_refused(name, accepted) for name, accepted in asked] == [True, False, False, False]


def is_refused(name: str, accepted: list[str]) -> bool:
    try:
        require_terms(name, accepted)
    except TermsError:
        return True
    return False


def test_the_cboe_source_opens_without_asking_anything() -> None:
    opened = open_source("cboe", SourceSettings(), calendar)
    vendor = opened.vendor
    assert (vendor.name, vendor.live, vendor.simulated, vendor.delay) == ("cboe", True, False, timedelta(minutes=15))
