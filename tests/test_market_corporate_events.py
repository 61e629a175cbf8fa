"""events.csv: earnings, dividends and splits; a wrong line costs itself alone."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest

from scanner.errors import SourceError
from scanner.market import corporate_events

GOOD = """underlying,date,kind,value,when
aapl,2014-06-09,split,7:1,
AAPL,2026-07-30,earnings,,after_close
XYZ,2026-08-03,split,1:10,
KO,2026-09-12,dividend,0.51,
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "events.csv"
    path.write_text(text, "utf-8")
    return path


def test_every_kind_of_event_is_read_sorted_by_name_and_date(tmp_path: Path) -> None:
    read = corporate_events.read(write(tmp_path, GOOD))
    assert read.problems == ()
    assert read.frame.rows() == [
        ("AAPL", date(2014, 6, 9), "split", 7.0, None),
        ("AAPL", date(2026, 7, 30), "earnings", None, "after_close"),
        ("KO", date(2026, 9, 12), "dividend", 0.51, None),
        ("XYZ", date(2026, 8, 3), "split", 0.1, None),
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("AAPL,2026-07-30,earning,,", "kind 'earning' is no kind of event: did you mean earnings?"),
        ("AAPL,2026-07-30,=launch,,", "kind '=launch' is not earnings, dividend, split, market_value or a word"),
        ("AAPL,30/07/2026,earnings,,", "date '30/07/2026' is not a date"),
        ("AAPL,2026-07-30,earnings,,noon", "when 'noon' is neither before_open nor after_close"),
        ("AAPL,2026-07-30,split,seven,", "value 'seven' of a split is not a ratio such as 7:1"),
        ("AAPL,2026-07-30,split,7:0,", "value '7:0' of a split"),
        ("AAPL,2026-07-30,split,nan,", "value 'nan' of a split"),
        ("AAPL,2026-07-30,split,,", "value '' of a split"),
        ("AAPL,2026-07-30,market value,3e12,", "kind 'market value' is no kind of event: did you mean market_value?"),
        ("AAPL,2026-07-30,market_value,3 trillion,", "value '3 trillion' of a market_value is not dollars"),
        ("AAPL,2026-07-30,dividend,-1,", "value '-1' of a dividend is not dollars"),
        (",2026-07-30,earnings,,", "no underlying"),
        ("=1+1,2026-07-30,earnings,,", "underlying '=1+1' is not a symbol"),
        ("A\x1bB,2026-07-30,earnings,,", r"underlying 'A\x1bB' is not a symbol"),
        ("AAPL,2026-07-30", "kind '' is not earnings"),
    ],
)
def test_a_line_that_cannot_be_understood_is_named_and_the_others_stay(tmp_path: Path, line: str, said: str) -> None:
    read = corporate_events.read(write(tmp_path, GOOD + line + "\n"))
    assert read.frame.height == 4
    assert len(read.problems) == 1
    assert f"events.csv:6: {said}" in read.problems[0]


def test_an_event_may_be_of_any_kind_that_is_a_word(tmp_path: Path) -> None:
    read = corporate_events.read(write(tmp_path, GOOD + "TSLA,2026-10-02,Deliveries,,before_open\n"))
    assert read.problems == ()
    assert read.frame.filter(underlying="TSLA").row(0) == (
        "TSLA", date(2026, 10, 2), "deliveries", None, "before_open",
    )  # fmt: skip


def test_the_later_word_on_the_same_event_counts(tmp_path: Path) -> None:
    again = GOOD + "KO,2026-09-12,dividend,0.53,\n"
    assert corporate_events.read(write(tmp_path, again)).frame.row(2)[3] == 0.53


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n"])
def test_a_file_that_is_not_a_table_of_events_is_refused_by_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(SourceError, match=r"events\.csv:1: expected the columns"):
        corporate_events.read(write(tmp_path, text))


def test_a_missing_file_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=r"none\.csv: cannot be read"):
        corporate_events.read(tmp_path / "none.csv")


def test_events_are_those_of_a_name_in_every_spelling(tmp_path: Path) -> None:
    text = GOOD + "brk.b,2026-08-03,earnings,,before_open\n^SPX,2026-09-01,dividend,1.5,\n"
    table = corporate_events.read(write(tmp_path, text)).frame
    spelled = corporate_events.spelled_as(table, ["BRK-B", "KO", "SPX"])
    assert spelled is not None
    assert set(spelled["underlying"]) == {"AAPL", "XYZ", "KO", "BRK-B", "SPX"}
    assert corporate_events.spelled_as(None, ["KO"]) is None


def test_the_newest_market_value_up_to_a_session_counts(tmp_path: Path) -> None:
    lines = (
        "AAPL,2026-07-01,market_value,3e12,\nAAPL,2026-07-20,market_value,3.2e12,\nKO,2026-08-01,market_value,3e11,\n"
    )
    events = corporate_events.read(write(tmp_path, GOOD + lines)).frame
    assert corporate_events.market_values(events, date(2026, 7, 19)).rows() == [("AAPL", 3e12)]
    assert dict(corporate_events.market_values(events, date(2026, 8, 1)).rows()) == {"AAPL": 3.2e12, "KO": 3e11}
    assert corporate_events.market_values(None, date(2026, 8, 1)).is_empty()
