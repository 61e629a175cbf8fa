"""A slow source costs its slow symbols, never the scan."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from scanner.errors import StoppedError
from scanner.sources.base import Fetched, Vendor, failed
from scanner.sources.timed import TimedSource, Timer

NOW = datetime(2026, 8, 21, 20, tzinfo=UTC)


class Vendors:
    """A source that never answers for SLOW, and counts what it was asked."""

    vendor = Vendor("test", "chains of a test", "")

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.never = threading.Event()

    def chains(self, symbols: tuple[str, ...], now: datetime) -> Iterator[Fetched]:
        self.asked.append(symbols)
        for symbol in symbols:
            if symbol == "SLOW":
                self.never.wait(60)
            yield failed(symbol, "answered", f"{symbol} at {now:%H:%M}")


@pytest.fixture
def vendors():
    found = Vendors()
    yield found
    found.never.set()


def codes(source: TimedSource, *symbols: str) -> list[tuple[str, str]]:
    return [(item.symbol, item.error.code) for item in source.chains(symbols, NOW)]


def test_a_symbol_that_does_not_answer_in_time_fails_alone(vendors):
    source = TimedSource(vendors, Timer(lambda: 60.0, 0.05))
    assert codes(source, "A", "SLOW", "B") == [("A", "answered"), ("SLOW", "timeout"), ("B", "answered")]
    assert vendors.asked == [("A", "SLOW", "B"), ("B",)]


def test_once_the_time_of_the_run_is_over_nobody_is_asked_any_more(vendors):
    left = iter([60.0, 60.0, *[-1.0] * 20])
    source = TimedSource(vendors, Timer(lambda: next(left), 60.0))
    found = list(source.chains(("A", "B", "C"), NOW))
    assert [item.error.code for item in found] == ["answered", "timeout", "timeout"]
    assert "test did not answer within the time of the run (time_limit)" in found[1].error.message
    assert len(vendors.asked) == 1


def test_a_stop_is_heard_while_an_answer_is_waited_for(vendors):
    timer = Timer(lambda: 60.0, 60.0)
    began = time.monotonic()
    threading.Timer(0.1, timer.stopped.set).start()
    with pytest.raises(StoppedError):
        codes(TimedSource(vendors, timer), "SLOW")
    assert time.monotonic() - began < 5


def test_what_a_source_raises_reaches_who_asked(vendors):
    def broken(symbols, now):
        raise LookupError("no such thing")
        yield

    vendors.chains = broken
    with pytest.raises(LookupError, match="no such thing"):
        codes(TimedSource(vendors, Timer(lambda: 60.0, 60.0)), "A")
