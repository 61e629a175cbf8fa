"""The polite client against a real server on the loopback interface; the clock and the pauses are the test's own."""

from __future__ import annotations

import gzip
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from scanner.sources.http import USER_AGENT, HttpError, Limits, PoliteClient


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


def failure(client: PoliteClient, url: str) -> HttpError:
    with pytest.raises(HttpError) as caught:
        client.get(url)
    return caught.value


def test_says_honestly_who_asks_and_returns_the_decoded_body(httpserver: HTTPServer, client: PoliteClient) -> None:
    httpserver.expect_request("/a", headers={"User-Agent": USER_AGENT}).respond_with_data(
        gzip.compress(b'{"x": 1}'), headers={"Content-Encoding": "gzip"}
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
    sent = gzip.compress(body) if encoding == "gzip" else body
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
