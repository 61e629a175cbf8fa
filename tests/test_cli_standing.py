"""The line at the foot of a terminal: what it says, and that nothing is printed into it."""

from __future__ import annotations

import io
import logging
import threading

import pytest

from scanner.cli.standing import StandingLine, may_stand
from scanner.outputs.status import standing_line

PROCESS = {
    "under_way": [{"job": "confirm", "since": "2026-08-21T13:30:00+00:00", "due": "2026-08-21T13:30:00+00:00"}],
    "next": [{"job": "intraday", "due": "2026-08-21T13:45:00+00:00"}],
    "runs": {
        "close": {"ended": "2026-08-20T20:20:41+00:00", "seconds": 41.2, "symbols_requested": 3, "symbols_scanned": 2,
                  "alerts": 4},
        "confirm": {"ended": "2026-08-20T14:00:00+00:00", "seconds": 1.0, "symbols_requested": None, "alerts": 0},
    },
    "sources": {"cboe": {"ok": True}},
    "outputs": {"phone": {"ok": False}},
    "configuration_problem": None,
}  # fmt: skip


class Terminal(io.StringIO):
    """A terminal; ``drawn`` is set once something was written to it."""

    def __init__(self) -> None:
        super().__init__()
        self.drawn = threading.Event()

    def isatty(self) -> bool:
        return True

    def write(self, text: str) -> int:
        if "all is well" in text:
            self.drawn.set()
        return super().write(text)


def test_the_line_says_what_runs_what_is_next_what_stands_and_who_ails():
    assert standing_line(PROCESS) == (
        "confirm is running | next Fri 09:45 intraday | 4 alerts | cboe ok | phone ailing | "
        "last 16:20, 41 s, 2 of 3 names"
    )
    assert standing_line({}) == ""


def test_what_is_printed_and_logged_stands_above_the_line_and_the_line_leaves_nothing_behind(monkeypatch):
    monkeypatch.setenv("COLUMNS", "40")
    screen, package = Terminal(), logging.getLogger("scanner")
    handler = logging.StreamHandler(screen)
    package.addHandler(handler)
    try:
        with StandingLine(lambda: "all is well \x1b[31m" + "x" * 100, screen) as line:
            assert screen.drawn.wait(60)
            with line.above():
                screen.write("an alert\n")
            package.error("a failure")
        assert handler in package.handlers
    finally:
        package.removeHandler(handler)
    shown = screen.getvalue().split("\r\x1b[K")
    assert "an alert\n" in shown
    assert "a failure\n" in shown
    assert shown[-1] == ""
    drawn = {part for part in shown if "all is well" in part}
    assert all(part.startswith("\x1b[2m") and part.endswith("\x1b[0m") for part in drawn)
    assert all(len(part) == 39 + 8 and "\x1b[31m" not in part for part in drawn)


@pytest.mark.parametrize(
    ("width", "shown"), [(80, "next Fri 09:45 | cboe ok | last 16:20"), (30, "next Fri 09:45 | cboe ok")]
)
def test_what_has_no_room_is_left_out_as_a_whole(monkeypatch, width, shown):
    monkeypatch.setenv("COLUMNS", f"{width}")
    screen = Terminal()
    line = StandingLine(lambda: "", screen)
    line._text = "next Fri 09:45 | cboe ok | last 16:20"
    with line.above():
        pass
    assert screen.getvalue().endswith(f"\x1b[2m{shown}\x1b[0m")


def test_an_output_that_takes_messages_takes_no_room_and_one_that_ails_is_named():
    process = {"sources": {"cboe": {"ok": True}}, "outputs": {"phone": {"ok": True}, "mail": {"ok": False}}}
    assert standing_line(process) == "cboe ok | mail ailing"


def test_nothing_stands_where_there_is_no_terminal_or_a_dumb_one(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    assert may_stand(Terminal())
    assert not may_stand(io.StringIO())
    monkeypatch.setenv("TERM", "dumb")
    assert not may_stand(Terminal())
