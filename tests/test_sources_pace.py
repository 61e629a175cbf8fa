"""How often a vendor may be asked: within its rate whoever asks, across threads, processes and runs."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime, time
from multiprocessing import get_context
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pytest_httpserver import HTTPServer
from raw_server import serving
from werkzeug import Request, Response

from scanner.errors import SourceError
from scanner.sources.base import Rate
from scanner.sources.http import HttpError, Limits, PoliteClient
from scanner.sources.pace import Pace

NOON = datetime(2026, 7, 16, 16, 0, tzinfo=UTC).timestamp()  # 12:00 in New York


class Clock:
    def __init__(self, now: float = NOON) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


def moments(rate: Rate, count: int, clock: Clock | None = None, file: Path | None = None) -> Iterator[float]:
    """When so many calls are made, one after the other, each as soon as it may be."""
    clock = clock or Clock()
    pace = Pace("shop", rate, file, clock)
    for _ in range(count):
        clock.sleep(pace.turn(longest=1e9))
        yield clock.now


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 60), st.sampled_from([1.0, 60.0]), st.lists(st.floats(0, 90), max_size=30))
def test_no_window_holds_more_calls_than_the_vendor_allows(calls: int, seconds: float, pauses: list[float]) -> None:
    clock = Clock()
    pace = Pace("shop", Rate(calls, seconds), None, clock)
    made = []
    for pause in [0.0] * (2 * calls) + pauses:
        clock.sleep(pause)
        clock.sleep(pace.turn(longest=1e9))
        made.append(clock.now)
    assert all(later - first >= seconds - 1e-3 for first, later in zip(made, made[calls:], strict=False))


def test_a_burst_is_a_tenth_of_the_calls_and_the_rest_follow_evenly() -> None:
    made = [moment - NOON for moment in moments(Rate(60, 60.0), 8)]
    assert made[:6] == [0.0] * 6
    # Sixty in a minute of which six came at once: the other 54 and one more share the 60 seconds.
    assert made[6:] == pytest.approx([60 / 55, 120 / 55])


def test_what_one_run_has_used_the_next_one_knows(tmp_path: Path) -> None:
    clock, file = Clock(), tmp_path / "deep" / "vendors.sqlite"
    list(moments(Rate(5, 60.0), 3, clock, file))
    again = Pace("shop", Rate(5, 60.0), file, clock)
    assert again.turn(longest=60.0) == pytest.approx(12.0)
    assert Pace("other", Rate(5, 60.0), file, clock).turn(longest=60.0) == 0.0


def test_a_call_too_far_away_is_refused_and_not_taken() -> None:
    clock = Clock()
    pace = Pace("shop", Rate(1, 60.0), None, clock)
    pace.turn(longest=5.0)
    for _ in range(3):
        with pytest.raises(HttpError, match="no call may be made before 16:01:00 UTC"):
            pace.turn(longest=5.0)
    clock.sleep(60.0)
    assert pace.turn(longest=5.0) == 0.0


def test_the_calls_of_a_day_end_and_begin_again_when_the_vendors_day_does() -> None:
    clock = Clock()
    pace = Pace("shop", Rate(600, 60.0, a_day=2, day_begins=time(20, 0)), None, clock)
    assert pace.left().today == 2
    pace.turn(longest=5.0)
    pace.spent(1)
    with pytest.raises(HttpError, match=r"the 2 calls of the day are spent; .* begins at 20:00 New York") as caught:
        pace.turn(longest=5.0)
    assert caught.value.code == "quota_spent"
    clock.now = datetime(2026, 7, 17, 0, 0, 1, tzinfo=UTC).timestamp()  # 20:00:01 in New York
    assert pace.left().today == 2
    pace.turn(longest=5.0)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Ratelimit-Available": "0", "X-Ratelimit-Expiry": f"{(NOON + 40) * 1000:.0f}"},  # milliseconds
        {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": f"{NOON + 40:.0f}"},
        {"X-Api-Ratelimit-Remaining": "0", "X-Api-Ratelimit-Reset": f"{NOON + 40:.0f}"},
        {"x-uw-req-per-minute-remaining": "0", "x-uw-req-per-minute-reset": "40"},
    ],
)
def test_a_header_that_says_nothing_is_left_is_waited_for(headers: dict[str, str]) -> None:
    pace = Pace("shop", Rate(600, 60.0), None, Clock())
    pace.told(headers, 200, 0.0)
    assert pace.turn(longest=60.0) == pytest.approx(40.0)


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Ratelimit-Available": "5", "X-Ratelimit-Expiry": f"{(NOON + 40) * 1000:.0f}"},
        {"X-Ratelimit-Available": "0", "X-Ratelimit-Expiry": "1" * 300},
        {"X-Ratelimit-Available": "0", "X-Ratelimit-Expiry": f"{(NOON + 9e8) * 1000:.0f}"},
        {"X-Ratelimit-Available": "nan", "X-Ratelimit-Expiry": "soon"},
        {"X-Ratelimit-Available": "0", "X-Ratelimit-Expiry": f"{(NOON - 40) * 1000:.0f}"},
        {"X-Ratelimit-Available": "\u0660", "X-Ratelimit-Expiry": "\u0664\u0660"},
    ],
)
def test_a_header_that_says_otherwise_or_nonsense_costs_no_wait(headers: dict[str, str]) -> None:
    pace = Pace("shop", Rate(600, 60.0), None, Clock())
    pace.told(headers, 200, 0.0)
    assert pace.turn(longest=60.0) == 0.0


def test_a_clock_that_was_set_back_makes_nobody_wait_for_the_time_it_had_shown(tmp_path: Path) -> None:
    clock, file = Clock(NOON + 400 * 86_400), tmp_path / "vendors.sqlite"
    list(moments(Rate(1, 60.0), 2, clock, file))
    assert Pace("shop", Rate(1, 60.0), file, Clock()).turn(longest=5.0) == 0.0


def test_how_many_calls_a_time_holds() -> None:
    clock = Clock()
    pace = Pace("shop", Rate(5, 60.0), None, clock)
    assert pace.within(60.0) == 6  # at 0, 12, 24, 36, 48 and 60 seconds
    pace.turn(longest=5.0)
    assert pace.within(10.0) == 0
    assert Pace("shop", Rate(5, 60.0, a_day=3), None, clock).within(600.0) == 3


def taken(file: Path, count: int) -> list[float]:
    """What so many calls of one process have to wait."""
    pace = Pace("shop", Rate(60, 60.0), file, Clock())
    return [pace.turn(longest=1e9) for _ in range(count)]


def test_threads_and_processes_share_one_bucket(tmp_path: Path) -> None:
    file = tmp_path / "vendors.sqlite"
    taken(file, 0)
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as two:
        waits = [wait for part in two.map(taken, [file, file], [20, 20]) for wait in part]
    pace = Pace("shop", Rate(60, 60.0), file, Clock())
    with ThreadPoolExecutor(8) as threads:
        waits += threads.map(lambda _: pace.turn(longest=1e9), range(40))
    # The same as one caller would have waited: six at once, and then each an interval later.
    assert sorted(waits) == pytest.approx([max(0, number - 5) * 60 / 55 for number in range(80)], abs=1e-3)


def test_a_file_that_is_damaged_is_an_error_of_the_call_and_not_of_the_program(tmp_path: Path) -> None:
    file = tmp_path / "vendors.sqlite"
    pace = Pace("shop", Rate(), file, Clock())
    pace.turn(longest=5.0)
    with sqlite3.connect(file) as other:
        other.execute("drop table pace")
    with pytest.raises(HttpError, match="how often shop was asked cannot be kept") as caught:
        pace.turn(longest=5.0)
    assert caught.value.code == "not_kept"


def test_a_file_that_cannot_be_written_is_an_error_that_names_it(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SourceError, match=r"file/vendors\.sqlite: how often shop was asked cannot be kept"):
        Pace("shop", Rate(), tmp_path / "file" / "vendors.sqlite")


# --- The client with a pace, and answers that have not changed


def test_a_client_with_a_pace_waits_for_it_and_learns_from_a_429(httpserver: HTTPServer) -> None:
    clock = Clock()
    pace = Pace("shop", Rate(2, 60.0), None, clock)
    client = PoliteClient(Limits(attempts=1, longest_pause=300.0), sleep=clock.sleep, pace=pace)
    httpserver.expect_request("/a").respond_with_data("a")
    httpserver.expect_request("/b").respond_with_data("no", 429, {"Retry-After": "100"})
    client.get(httpserver.url_for("/a"))
    with pytest.raises(HttpError, match="asks for a pause of 100 seconds"):
        client.get(httpserver.url_for("/b"))
    assert clock.now - NOON == pytest.approx(30.0)
    client.get(httpserver.url_for("/a?again"))
    assert clock.now - NOON == pytest.approx(130.0)


def test_what_has_not_changed_is_not_sent_again(httpserver: HTTPServer) -> None:
    hours = Clock(0.0)

    def answer(request: Request) -> Response:
        if request.headers.get("If-None-Match") == 'W/"7"':
            return Response(status=304)
        return Response("the chain", headers={"ETag": 'W/"7"'})

    httpserver.expect_request("/a").respond_with_handler(answer)
    client = PoliteClient(clock=hours, sleep=hours.sleep)
    bodies = []
    for _ in range(3):
        bodies.append(client.get(httpserver.url_for("/a")))
        hours.sleep(61)
    assert [(one.status, one.body) for one in bodies] == [(200, b"the chain")] * 3
    assert [response.status_code for _, response in httpserver.log] == [200, 304, 304]


def test_what_was_fetched_with_another_key_is_not_asked_for_by_its_tag(httpserver: HTTPServer) -> None:
    hours = Clock(0.0)
    httpserver.expect_request("/a").respond_with_data("mine", headers={"ETag": "7"})
    client = PoliteClient(clock=hours, sleep=hours.sleep)
    client.get(httpserver.url_for("/a"), {"Authorization": "Bearer one"})
    hours.sleep(61)
    client.get(httpserver.url_for("/a"), {"Authorization": "Bearer two"})
    assert ["If-None-Match" in request.headers for request, _ in httpserver.log] == [False, False]


@pytest.mark.parametrize("clients", [1, 2])
def test_requests_to_one_host_are_under_way_as_many_at_once_as_it_allows_whoever_makes_them(clients: int) -> None:
    lock, now, most = threading.Lock(), [0], [0]
    meet = threading.Barrier(3)

    def answer(_: bytes) -> list[bytes]:
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])
        meet.wait(5.0)  # until three are here
        with lock:
            now[0] -= 1
        return [b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"]

    asking = [PoliteClient(Limits(at_once=3, between_requests=0.0)) for _ in range(clients)]
    with serving(answer) as server, ThreadPoolExecutor(9) as threads:
        answers = list(threads.map(lambda number: asking[number % clients].get(server.url(f"/a?{number}")), range(9)))
    assert [one.body for one in answers] == [b"ok"] * 9
    assert most[0] == 3


def test_a_refused_credential_is_not_remembered(httpserver: HTTPServer) -> None:
    httpserver.expect_ordered_request("/a").respond_with_data("no", 401)
    httpserver.expect_ordered_request("/a").respond_with_data("yes")
    client = PoliteClient(clock=Clock(0.0), sleep=lambda _: None)
    assert [client.get(httpserver.url_for("/a")).status for _ in range(2)] == [401, 200]
