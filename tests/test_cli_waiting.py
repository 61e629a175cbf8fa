"""What a terminal is told while somebody waits: that functions are compiled, on a line that goes away."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest

from scanner.cli import common, waiting
from scanner.kernels import progress

COMPILING = "(compiling for this machine, which is done once: "


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture(autouse=True)
def nobody_told() -> Iterator[None]:
    before = progress.tell(None)
    yield
    progress.tell(before)


def stderr(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """A terminal as stderr, which pytest takes back between a fixture and its test."""
    found = Terminal()
    monkeypatch.setattr("sys.stderr", found)
    monkeypatch.setenv("COLUMNS", "100")
    return found


def test_a_terminal_is_told_how_many_functions_are_compiled_on_a_line_that_goes_away(monkeypatch):
    terminal = stderr(monkeypatch)
    common.configure_logging(quiet=False, verbose=False)
    with progress.compiling():
        first = terminal.getvalue()
    with progress.compiling():
        pass
    one, gone, two, gone_again = (line for line in terminal.getvalue().split("\r") if line)
    count = int(one.removeprefix(COMPILING).split()[0])
    assert first.strip() == f"{COMPILING}{count} functions so far)"
    assert two.strip() == f"{COMPILING}{count + 1} functions so far)"
    assert (gone, gone_again) == (" " * 99,) * 2


@pytest.mark.parametrize("options", [{"quiet": True}, {"quiet": False, "stderr": False}])
def test_nobody_is_told_who_wants_quiet_or_has_the_terminal_for_something_else(monkeypatch, options):
    terminal = stderr(monkeypatch)
    common.configure_logging(verbose=False, **options)
    with progress.compiling():
        pass
    assert terminal.getvalue() == ""


def test_nothing_is_said_into_a_file(monkeypatch):
    written = io.StringIO()
    monkeypatch.setattr("sys.stderr", written)
    common.configure_logging(quiet=False, verbose=False)
    with progress.compiling():
        pass
    assert written.getvalue() == ""


def test_where_something_is_waited_for_the_same_line_tells_both(monkeypatch):
    terminal = stderr(monkeypatch)
    monkeypatch.setenv("TERM", "xterm")
    common.configure_logging(quiet=False, verbose=False)
    with waiting.waiting("judging ...", quiet=False, no_color=True) as say:
        say("judging ... 2 done")
        with progress.compiling():
            pass
    assert "judging ... 2 done" in terminal.getvalue()
    before = terminal.getvalue()
    with progress.compiling():
        pass
    assert COMPILING in terminal.getvalue()[len(before) :]
