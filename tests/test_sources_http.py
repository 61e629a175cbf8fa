"""The polite client against a real server on the loopback interface; the clock and the pauses are the test's own."""

from __future__ import annotations

import gzip
import logging
import socket
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import hostile_answers
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer
from raw_server import serving
from werkzeug import Request, Response

from scanner.sources.http import USER_AGENT, HttpError, Limits, PoliteClient, _retry_after


class Hours:
    """A clock that only moves when somebody sleeps, or by ``tick`` on every look at it."""

    def __init__(self, tick: float = 0.0) -> None:
        self.now, self.tick = 1000.0, tick
        self.slept: list[float] = []

    def clock(self) -> float:
        self.now += self.tick
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def hours() -> Hours:
    return Hours()


@pytest.fixture
def client(hours: Hours) -> PoliteClient:
    limits = Limits(connect_timeout=0.5, read_timeout=0.2, largest_body=100_000)
    return PoliteClient(limits, clock=hours.clock, sleep=hours.sleep, jitter=lambda: 1.0)


@pytest.fixture
def once() -> PoliteClient:
    """A client that asks once."""
    return PoliteClient(Limits(attempts=1, largest_body=100_000), sleep=lambda _: None)


def failure(client: PoliteClient, url: str, headers: dict[str, str] | None = None) -> HttpError:
    with pytest.raises(HttpError) as caught:
        client.get(url, headers)
    return caught.value


def answer(*headers: str, body: bytes = b"", status: str = "200 OK") -> bytes:
    """An HTTP answer, byte by byte as it is given, of a server that closes."""
    head = "".join(f"{line}\r\n" for line in (f"HTTP/1.1 {status}", "Connection: close", *headers))
    return head.encode("latin-1") + b"\r\n" + body


def endless(*begin: bytes, then: bytes) -> Iterator[bytes]:
    """What is sent first, and then the same for ever."""
    yield from begin
    while True:
        yield then * 1000


def test_says_honestly_who_asks_and_returns_the_decoded_body(httpserver: HTTPServer, client: PoliteClient) -> None:
    httpserver.expect_request("/a", headers={"User-Agent": USER_AGENT}).respond_with_data(
        gzip.compress(b'{"x": 1}', mtime=0), headers={"Content-Encoding": "gzip"}
    )
    answer = client.get(httpserver.url_for("/a"))
    assert (answer.status, answer.body) == (200, b'{"x": 1}')
    assert USER_AGENT.startswith("options-unusual-activity-scanner/")


def test_asks_a_host_at_most_once_a_second(httpserver: HTTPServer, client: PoliteClient, hours: Hours) -> None:
    for path in ("/a", "/b", "/c"):
        httpserver.expect_request(path).respond_with_data("ok")
    for path in ("/a", "/b", "/c"):
        client.get(httpserver.url_for(path))
    assert hours.slept == [1.0, 1.0]


def test_keeps_an_answer_for_a_minute(httpserver: HTTPServer, client: PoliteClient, hours: Hours) -> None:
    httpserver.expect_request("/a").respond_with_data("ok")
    client.get(httpserver.url_for("/a"))
    hours.now += 59
    client.get(httpserver.url_for("/a"))
    assert len(httpserver.log) == 1
    hours.now += 2
    client.get(httpserver.url_for("/a"))
    assert len(httpserver.log) == 2


def test_forgets_old_answers_rather_than_grow_beyond_its_memory(httpserver: HTTPServer, hours: Hours) -> None:
    limits = Limits(largest_memory=25)
    client = PoliteClient(limits, clock=hours.clock, sleep=hours.sleep)
    for path in ("/a", "/b", "/c"):
        httpserver.expect_request(path).respond_with_data("0123456789")
        client.get(httpserver.url_for(path))
    client.get(httpserver.url_for("/c"))
    assert len(httpserver.log) == 3
    client.get(httpserver.url_for("/a"))
    assert len(httpserver.log) == 4


def test_tries_again_after_a_server_error(httpserver: HTTPServer, client: PoliteClient, hours: Hours) -> None:
    httpserver.expect_ordered_request("/a").respond_with_data("down", status=500)
    httpserver.expect_ordered_request("/a").respond_with_data("up")
    assert client.get(httpserver.url_for("/a")).body == b"up"
    assert hours.slept == [1.0]


def test_waits_as_long_as_retry_after_asks(httpserver: HTTPServer, client: PoliteClient, hours: Hours) -> None:
    httpserver.expect_ordered_request("/a").respond_with_data("slow down", status=429, headers={"Retry-After": "7"})
    httpserver.expect_ordered_request("/a").respond_with_data("up")
    assert client.get(httpserver.url_for("/a")).body == b"up"
    assert hours.slept == [7.0]


def test_understands_retry_after_as_a_date(httpserver: HTTPServer, client: PoliteClient, hours: Hours) -> None:
    def slow_down(_: Request) -> Response:
        return Response(
            "slow", status=429, headers={"Retry-After": format_datetime(datetime.now(UTC) + timedelta(seconds=30))}
        )

    httpserver.expect_ordered_request("/a").respond_with_handler(slow_down)
    httpserver.expect_ordered_request("/a").respond_with_data("up")
    assert client.get(httpserver.url_for("/a")).body == b"up"
    assert hours.slept == [pytest.approx(30, abs=2)]


def test_pauses_grow_and_end_in_rate_limited(httpserver: HTTPServer, client: PoliteClient, hours: Hours) -> None:
    httpserver.expect_request("/a").respond_with_data("no", status=429)
    error = failure(client, httpserver.url_for("/a"))
    assert error.code == "rate_limited"
    assert hours.slept == [1.0, 2.0, 4.0]
    assert len(httpserver.log) == 4


def test_gives_up_at_once_when_asked_to_wait_longer_than_is_useful(
    httpserver: HTTPServer, client: PoliteClient, hours: Hours
) -> None:
    httpserver.expect_request("/a").respond_with_data("no", status=429, headers={"Retry-After": "3600"})
    error = failure(client, httpserver.url_for("/a"))
    assert error.code == "rate_limited"
    assert "3600 seconds" in str(error)
    assert hours.slept == []


def test_attempts_end_when_patience_does(httpserver: HTTPServer, hours: Hours) -> None:
    httpserver.expect_request("/a").respond_with_data("no", status=503, headers={"Retry-After": "40"})
    client = PoliteClient(Limits(patience=100.0), clock=hours.clock, sleep=hours.sleep)
    assert failure(client, httpserver.url_for("/a")).code == "server_error"
    assert hours.slept == [40.0, 40.0]


def test_jitter_shortens_pauses_by_up_to_half(httpserver: HTTPServer, hours: Hours) -> None:
    httpserver.expect_request("/a").respond_with_data("no", status=503)
    client = PoliteClient(
        Limits(between_requests=0.0), clock=hours.clock, sleep=hours.sleep, jitter=iter([0.0, 0.5, 1.0, 1.0]).__next__
    )
    assert failure(client, httpserver.url_for("/a")).code == "server_error"
    assert hours.slept == [0.5, 1.5, 4.0]


@pytest.mark.parametrize("status", [401, 403, 404])
def test_other_statuses_are_answers_and_not_repeated(httpserver: HTTPServer, client: PoliteClient, status: int) -> None:
    httpserver.expect_request("/a").respond_with_data("<Error/>", status=status)
    assert client.get(httpserver.url_for("/a")).status == status
    assert len(httpserver.log) == 1


def test_a_gzip_body_cut_short_is_an_error_and_not_half_a_chain(httpserver: HTTPServer, client: PoliteClient) -> None:
    whole = gzip.compress(bytes(range(256)) * 40)
    httpserver.expect_request("/a").respond_with_data(whole[: len(whole) // 2], headers={"Content-Encoding": "gzip"})
    assert failure(client, httpserver.url_for("/a")).code == "truncated"


def test_a_body_that_is_not_gzip_though_it_says_so_is_damaged(httpserver: HTTPServer, client: PoliteClient) -> None:
    httpserver.expect_request("/a").respond_with_data(b"plain text", headers={"Content-Encoding": "gzip"})
    assert failure(client, httpserver.url_for("/a")).code == "truncated"


@pytest.mark.parametrize("encoding", ["identity", "gzip"])
def test_reads_no_more_than_the_cap_even_when_a_small_body_unpacks_to_a_large_one(
    httpserver: HTTPServer, client: PoliteClient, encoding: str
) -> None:
    body = b"0" * 100_001
    sent = gzip.compress(body, mtime=0) if encoding == "gzip" else body
    httpserver.expect_request("/a").respond_with_data(sent, headers={"Content-Encoding": encoding})
    assert failure(client, httpserver.url_for("/a")).code == "too_large"
    assert len(httpserver.log) == 1


def test_a_server_that_never_answers_is_a_timeout(httpserver: HTTPServer, client: PoliteClient, hours: Hours) -> None:
    import threading

    release = threading.Event()

    def silent(_: Request) -> Response:
        release.wait(10)
        return Response("late")

    httpserver.expect_request("/a").respond_with_handler(silent)
    limits = Limits(read_timeout=0.05, attempts=1)
    impatient = PoliteClient(limits, clock=hours.clock, sleep=hours.sleep)
    assert failure(impatient, httpserver.url_for("/a")).code == "timeout"
    release.set()


def test_a_body_that_trickles_past_the_deadline_is_a_timeout(httpserver: HTTPServer) -> None:
    def trickle(_: Request) -> Response:
        def parts() -> Iterator[bytes]:
            for _ in range(5):
                yield b"0" * 1000

        return Response(parts())

    httpserver.expect_request("/a").respond_with_handler(trickle)
    hours = Hours(tick=30.0)
    client = PoliteClient(Limits(whole_timeout=20.0, attempts=1), clock=hours.clock, sleep=hours.sleep)
    error = failure(client, httpserver.url_for("/a"))
    assert error.code == "timeout"
    assert "longer than 20 seconds" in str(error)


def test_a_dead_host_is_unreachable_after_every_attempt(client: PoliteClient, hours: Hours) -> None:
    error = failure(client, "http://127.0.0.1:9/chain.json")
    assert error.code == "unreachable"
    assert str(error) == "127.0.0.1/chain.json: no connection (refused, or no way to the host); check the network"
    assert hours.slept == [1.0, 2.0, 4.0]


def test_secrets_in_addresses_and_headers_are_never_shown(
    httpserver: HTTPServer, client: PoliteClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    httpserver.expect_request("/a").respond_with_data("no", status=500)
    url = httpserver.url_for("/a").replace("http://", "http://user:hunter2@") + "?apiKey=hunter2"
    with pytest.raises(HttpError) as caught:
        client.get(url, headers={"Authorization": "Bearer hunter2"})
    assert "hunter2" not in str(caught.value)
    ours = [record.getMessage() for record in caplog.records if record.name != "werkzeug"]
    assert not [message for message in ours if "hunter2" in message]


@pytest.mark.parametrize(
    ("asked", "pauses"),
    [
        ("\u00b2", [1.0, 2.0, 4.0]),  # a superscript two is a digit, and no number
        ("-5", [1.0, 2.0, 4.0]),
        ("1e1", [1.0, 2.0, 4.0]),
        ("nan", [1.0, 2.0, 4.0]),
        ("soon", [1.0, 2.0, 4.0]),
        ("", [1.0, 2.0, 4.0]),
        ("Mon, 32 Foo 99999999999999999999 99:99:99 GMT", [1.0, 2.0, 4.0]),
        ("Mon, 01 Jan 2024 00:00:00 +99999999999999999999", [1.0, 2.0, 4.0]),
        ("Fri, 31 Dec 1999 23:59:59 GMT", [1.0, 2.0, 4.0]),
        ("Mon, 30 Nov 2026 12:00:09 GMT", [9.0, 9.0, 9.0]),
        ("Fri, 31 Dec 9999 23:59:59 GMT", []),
        ("9" * 5000, []),
        ("86401", []),
    ],
)
def test_whatever_retry_after_says_too_many_requests_end_in_rate_limited(
    client: PoliteClient, hours: Hours, asked: str, pauses: list[float]
) -> None:
    dated = ("Date: Mon, 30 Nov 2026 12:00:00 GMT", f"Retry-After: {asked}", "Content-Length: 0")
    with serving(answer(*dated, status="429 Slow")) as server:
        error = failure(client, server.url())
    assert error.code == "rate_limited"
    assert hours.slept == pauses
    assert ("more than a day" in str(error)) == (not pauses)


DATES = st.lists(
    st.sampled_from(["Mon", ",", " ", ":", "-", "+", ".", "Jan", "GMT", "-0000", "(", ")", "AM"])
    | st.integers().map(str),
    max_size=14,
).map("".join)


@settings(deadline=None, max_examples=300)
@given(st.text() | DATES, st.just("Mon, 30 Nov 2026 12:00:00 GMT") | DATES)
def test_a_pause_asked_for_in_any_words_is_never_below_zero(asked: str, date: str) -> None:
    assert _retry_after({"Retry-After": asked, "Date": date}) >= 0.0


@pytest.mark.parametrize(
    "location",
    [
        "http://[", "http://127.0.0.1:x/", "http://127.0.0.1:99999/", "/a b", "/\x01", "/\xff", "", "\\\\example.com",
        "http://example.com\\@127.0.0.1/", "/a\\b",
    ],
)  # fmt: skip
def test_a_redirect_to_no_address_is_refused(client: PoliteClient, location: str) -> None:
    with serving(answer(f"Location: {location}", "Content-Length: 0", status="302 Found")) as server:
        error = failure(client, server.url())
        assert error.code == "redirected"
        assert str(error).isprintable()
        assert len(server.requests) == 1


def test_a_redirect_to_another_host_port_or_scheme_is_refused_and_no_key_goes_there(client: PoliteClient) -> None:
    with ExitStack() as servers:
        other = servers.enter_context(serving(answer("Content-Length: 0")))
        places = [other.url(), other.url().removeprefix("http:"), "https://127.0.0.1/a", "ftp://127.0.0.1/", "data:,x"]
        for place in places:
            moved = serving(answer(f"Location: {place}", "Content-Length: 0", status="301 Moved"))
            server = servers.enter_context(moved)
            error = failure(client, server.url(), {"X-Key": "hunter2"})
            assert error.code == "redirected"
            assert "redirects to another host, scheme or port" in str(error)
            assert len(server.requests) == 1
            renamed = servers.enter_context(
                serving(answer(f"Location: {server.url(host='localhost')}", "Content-Length: 0", status="308 Moved"))
            )
            assert failure(client, renamed.url(), {"X-Key": "hunter2"}).code == "redirected"
        assert other.requests == []


@pytest.mark.parametrize("location", ["b?x=1", " /b?x=1 ", "?x=1#part", "//HOST/b?x=1", "http://key@HOST/b?x=1"])
def test_a_redirect_within_the_host_is_followed_with_the_key_and_in_turn(
    client: PoliteClient, hours: Hours, location: str
) -> None:
    def moved_once(request: bytes) -> Iterator[bytes]:
        if b"x=1" in request:
            return iter([answer("Content-Length: 2", body=b"ok")])
        host = request.split(b"Host: ")[1].split(b"\r\n")[0].decode()
        moved = answer(f"Location: {location.replace('HOST', host)}", "Content-Encoding: gzip", status="302 Found")
        return endless(moved, then=b"0")  # Nobody wants that body.

    with serving(moved_once) as server:
        assert client.get(server.url(), {"X-Key": "hunter2"}).body == b"ok"
        assert [request.count(b"X-Key: hunter2") for request in server.requests] == [1, 1]
        assert b"Authorization" not in server.requests[1]
    assert hours.slept == [1.0]


def test_redirects_without_end_are_left_after_five(client: PoliteClient) -> None:
    with serving(answer("Location: /a", "Content-Length: 0", status="307 Moved")) as server:
        error = failure(client, server.url())
        assert (error.code, len(server.requests)) == ("redirected", 6)


def test_a_redirect_that_names_no_place_is_an_answer(client: PoliteClient) -> None:
    with serving(answer("Content-Length: 0", status="302 Found")) as server:
        assert client.get(server.url()).status == 302


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"", "truncated"),
        (b"HTTP/1.1 200 OK\r\nContent-Le", "truncated"),
        (b"ICY 200 OK\r\n\r\n", "malformed"),
        (b"\x00\x01\x02\r\n\r\n", "malformed"),
        (b"<html>hello</html>\r\n\r\n", "malformed"),
        (b"HTTP/1.1 2000 Many\r\n\r\n", "malformed"),
        (b"HTTP/1.1 \xb2\xb2\xb2 OK\r\n\r\n", "malformed"),
        (b"HTTP/9.9 200 OK\r\n\r\n", "malformed"),
        (b"HTTP/1.1 200 " + b"x" * 70_000, "malformed"),
        (answer("X: y", *["A: b"] * 200), "malformed"),
        (answer("X: " + "y" * 70_000), "malformed"),
        (answer("Transfer-Encoding: chunked", body=b"zz\r\nhello\r\n0\r\n\r\n"), "malformed"),
        (answer("Transfer-Encoding: chunked", body=b"-5\r\nhello\r\n0\r\n\r\n"), "malformed"),
        (answer("Transfer-Encoding: chunked", body=b"-1\r\nhello\r\n0\r\n\r\n"), "truncated"),
        (answer("Transfer-Encoding: chunked", body=b"5\r\nhello\r\n"), "truncated"),
        (answer("Transfer-Encoding: chunked", body=b"ffffffffffffffffffff\r\nhello"), "truncated"),
        (answer("Content-Length: 50", body=b"hello"), "truncated"),
        (answer("Content-Length: " + "9" * 30, body=b"hello"), "truncated"),
        (answer("Content-Length: 5, 6", body=b"hello"), "malformed"),
        (answer(status="103 Early Hints"), "malformed"),
        (answer(status="101 Switching"), "malformed"),
        (answer("Content-Encoding: br", body=b"hello"), "unreadable"),
        (
            answer("Content-Encoding: gzip, gzip", body=gzip.compress(gzip.compress(b"hello", mtime=0), mtime=0)),
            "unreadable",
        ),
        (answer("Content-Encoding: \x1b[31m\xff", body=b"hello"), "unreadable"),
        (answer("Content-Encoding: " + "gzip, " * 5000, body=b"hello"), "unreadable"),
        (answer("Transfer-Encoding: gzip, chunked", body=b"5\r\nhello\r\n0\r\n\r\n"), "unreadable"),
        (answer("Content-Encoding: gzip", body=gzip.compress(b"hello", mtime=0) + b"junk"), "truncated"),
    ],
)
def test_what_is_no_sound_answer_is_an_error_that_says_so(once: PoliteClient, sent: bytes, code: str) -> None:
    with serving(sent) as server:
        error = failure(once, server.url())
    assert error.code == code
    assert str(error).startswith("127.0.0.1/a: ")
    assert str(error).isascii()


@pytest.mark.parametrize(
    "sent",
    [
        answer("Content-Length: 5", body=b"hello and more than was announced"),
        answer("Content-Length: -5", body=b"hello"),
        answer("Content-Length: five", body=b"hello"),
        answer("Content-Length: 5, 5", "Connection: close", body=b"hello"),
        answer("Transfer-Encoding: chunked", "Content-Length: 99", body=b"5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n"),
        answer(status="100 Continue") * 3 + answer("Content-Length: 5", body=b"hello"),
        answer("Content-Encoding: identity", body=b"hello"),
        answer("Content-Encoding: x-gzip", body=gzip.compress(b"hello", mtime=0)),
        answer("Content-Encoding: deflate", body=zlib.compress(b"hello")),
        answer(
            "Content-Encoding: gzip",
            body=gzip.compress(b"hel", mtime=0) + gzip.compress(b"", mtime=0) + gzip.compress(b"lo", mtime=0),
        ),
        answer("Content-Encoding: gzip", body=gzip.compress(b"hello", mtime=0) + bytes(600)),
        answer("no colon", "\xff: y", ": z", "Content-Length: 5", body=b"hello").replace(b"no colon\r\n", b""),
        answer("Set-Cookie: a=b; expires=Mon, 99 Foo 9999 99:99:99; path=\x00", "Content-Length: 5", body=b"hello"),
    ],
)
def test_what_is_odd_and_can_be_understood_is_read_whole(once: PoliteClient, sent: bytes) -> None:
    with serving(sent) as server:
        assert once.get(server.url()).body == b"hello"


def test_a_gzip_body_of_many_members_is_read_whole_however_it_is_cut(once: PoliteClient) -> None:
    members = [b"%d," % number * (1 + number % 50) for number in range(1000)]
    sent = b"".join(gzip.compress(member, mtime=0) for member in members)
    pieces = [b"%x\r\n%b\r\n" % (len(cut), cut) for cut in (sent[at : at + 999] for at in range(0, len(sent), 999))]
    body = b"".join([*pieces, b"0\r\n\r\n"])
    with serving(answer("Content-Encoding: gzip", "Transfer-Encoding: chunked", body=body)) as server:
        assert once.get(server.url()).body == b"".join(members)


def test_a_body_as_large_as_the_cap_is_read(once: PoliteClient) -> None:
    with serving(answer("Content-Length: 100000", body=b"0" * 100_000)) as server:
        assert len(once.get(server.url()).body) == 100_000


@pytest.mark.parametrize(
    ("begin", "then"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (answer(), b"0"),
        (answer("Transfer-Encoding: chunked"), b"1;" + b"x" * 500 + b"\r\n0\r\n"),
        (answer("Transfer-Encoding: chunked", body=b"0\r\n"), b"Trailer: x\r\n"),
        (answer("Content-Encoding: gzip"), gzip.compress(b"", mtime=0)),
    ],
    ids=["interim answers", "body", "chunk extensions", "trailers", "empty gzip members"],
)
def test_an_answer_without_end_is_too_large_whatever_it_is_made_of(begin: bytes, then: bytes) -> None:
    limits = Limits(attempts=1, largest_body=100_000)
    with serving(lambda _: endless(begin, then=then)) as server:
        assert failure(PoliteClient(limits), server.url()).code == "too_large"
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("begin", "dripped"),
    [
        (b"", b"HTTP/1.1 200 OK "),
        (b"HTTP/1.1 200 OK\r\nX: ", b"yyyyy"),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (answer(), b"0"),
        (answer("Transfer-Encoding: chunked"), b"1\r\n0\r\n"),
        (answer("Transfer-Encoding: chunked", body=b"0\r\n"), b"Trailer: x\r\n"),
        (answer(status="503 Down"), b"0"),
    ],
    ids=["status line", "header", "headers", "interim answers", "body", "chunks", "trailers", "body of a failure"],
)
def test_a_byte_at_a_time_does_not_outlast_the_deadline(begin: bytes, dripped: bytes) -> None:
    def drip(_: bytes) -> Iterator[bytes]:
        yield begin
        yield from server.drip(dripped)

    client = PoliteClient(Limits(read_timeout=5.0, whole_timeout=0.3), sleep=lambda _: None)
    with serving(drip) as server:
        began = time.monotonic()
        error = failure(client, server.url())
        assert time.monotonic() - began < 3.0
        assert error.code == "timeout"
        assert "longer than 0.3 seconds" in str(error)
        assert len(server.requests) == 1


def test_redirects_share_one_deadline() -> None:
    """None of the six is late by itself, and together they take more than twice the time."""

    def slowly(_: bytes) -> Iterator[bytes]:
        for part in (b"HTTP/1.1 302 Found\r\n", b"Location: /a\r\n", b"\r\n"):
            server.stopped.wait(0.04)
            yield part

    client = PoliteClient(Limits(whole_timeout=0.3, attempts=1), sleep=lambda _: None)
    with serving(slowly) as server:
        assert failure(client, server.url()).code == "timeout"
        assert len(server.requests) < 6


def test_a_host_of_many_dead_addresses_does_not_outlast_the_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A queue of connections that nobody accepts is full, so that connecting hangs at each of the host's addresses."""
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full, ExitStack() as waiting:
        for _ in range(4):
            one = waiting.enter_context(socket.socket())
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", full.getsockname())] * 8
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: found)
        client = PoliteClient(Limits(connect_timeout=0.3, whole_timeout=0.4, attempts=1))
        began = time.monotonic()
        assert failure(client, f"http://many.example:{full.getsockname()[1]}/a").code == "timeout"
        assert time.monotonic() - began < 2.0


def test_a_search_for_the_hosts_name_that_does_not_end_does_not_outlast_the_deadline(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """When the address is known in the end, nobody connects to it any more."""
    known, threads = threading.Event(), set(threading.enumerate())
    search = socket.getaddrinfo

    def slow(*args: Any, **options: Any) -> Any:
        known.wait(20.0)
        return search(*args, **options)

    client = PoliteClient(Limits(connect_timeout=0.3, whole_timeout=0.4, attempts=1))
    with serving(answer("Content-Length: 0")) as server:
        threads |= set(threading.enumerate())
        monkeypatch.setattr(socket, "getaddrinfo", slow)
        began = time.monotonic()
        assert "longer than 0.4 seconds" in str(failure(client, server.url()))
        assert time.monotonic() - began < 2.0
        (searching,) = set(threading.enumerate()) - threads
        known.set()
        searching.join(10.0)
        assert not searching.is_alive()
        assert not server.requests


def test_callers_with_different_keys_do_not_share_an_answer(client: PoliteClient) -> None:
    def whose(request: bytes) -> list[bytes]:
        key = request.lower().split(b"x-key: ")[1].split(b"\r\n")[0]
        return [answer(f"Content-Length: {len(key)}", body=key)]

    with serving(whose) as server:
        bodies = [client.get(server.url(), {"X-Key": key}).body for key in ("one", "two", "one")]
        assert client.get(server.url(), {"x-key": "two"}).body == b"two"
        assert bodies == [b"one", b"two", b"one"]
        assert len(server.requests) == 2


def test_no_cookie_is_taken(client: PoliteClient) -> None:
    with serving(answer("Set-Cookie: a=b", "Content-Length: 0")) as server:
        client.get(server.url("/a"))
        client.get(server.url("/b"))
        assert b"cookie" not in server.requests[1].lower()


def test_damaged_headers_do_not_make_the_library_below_log_the_address_and_its_key(
    client: PoliteClient, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(answer("Content-Length: 0", "no colon", "X: y")) as server:
        client.get(server.url("/a?apiKey=hunter2"))
    assert "hunter2" not in caplog.text


def test_hundreds_of_damaged_answers_are_answers_or_errors_of_the_client_and_in_time() -> None:
    """``tools/fuzz_http.py`` sends thousands of them."""
    limits = Limits(whole_timeout=10.0, attempts=1, between_requests=0.0, remember=0.0)
    sent, codes, slowest = [b""], set(), 0.0
    with serving(lambda _: [sent[0]]) as server:
        for seed in range(300):
            sent[0] = hostile_answers.answer(seed)
            began = time.monotonic()
            try:
                PoliteClient(limits).get(server.url())
            except HttpError as error:
                codes.add(error.code)
            slowest = max(slowest, time.monotonic() - began)
    assert slowest < 11.0
    assert {"malformed", "truncated", "unreadable", "rate_limited", "server_error"} <= codes
