"""``scanner history`` shows one figure over the stored sessions: gaps are gaps, and a place is told with its count."""

from __future__ import annotations

import csv
import io
import json
from datetime import date
from pathlib import Path

import pytest
from built_chains import built_chain
from commands import Commands
from standard import calendar, open_store

DAYS = calendar.sessions_between(date(2026, 5, 1), date(2026, 5, 15))
# Puts that trade beside twenty calls of every strike: the ratio of every session, none on the fourth.
PUTS = {day: 10 + number for number, day in enumerate(DAYS) if number != 3}


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    store = open_store(tmp_path / "store")
    for day, puts in PUTS.items():
        store.snapshots.write(built_chain(day, volume=[20, puts] * 10), f"{day}")
    store.catch_up()
    commands = Commands(monkeypatch, capsys)

    def command(*words: object, code: int = 0) -> str:
        ran = commands("history", *words, "--store", tmp_path / "store")
        assert ran.code == code, ran.err
        return ran.out if code == 0 else ran.err

    return command


def test_the_values_are_those_of_each_session_and_a_missing_one_is_null(run) -> None:
    read = json.loads(run("abc", "put_call_volume", "--format", "json"))
    assert (read["underlying"], read["field"], read["source"]) == ("ABC", "put_call_volume", "test")
    assert [item["session_date"] for item in read["values"]] == [str(day) for day in DAYS]
    assert [item["value"] for item in read["values"]] == [
        None if day not in PUTS else pytest.approx(PUTS[day] / 20) for day in DAYS
    ]
    rows = list(csv.DictReader(io.StringIO(run("ABC", "put_call_volume", "--format", "csv"))))
    assert rows[3] == {"session_date": str(DAYS[3]), "value": ""}


def test_the_screen_says_where_the_newest_lies_and_among_how_many(run) -> None:
    title, chart = run("ABC", "put_call_volume", "--no-color").splitlines()
    assert title == "ABC put/call, 1 May to 15 May 2026 (10 sessions)   now 1.00, the highest of 10"
    # From 0.50 to 1.00 in eleven sessions, rising evenly, the fourth unknown.
    assert chart == " 0.50 ▁▂▂ ▄▅▅▆▇▇█ 1.00"


def test_a_title_is_as_good_as_a_name_and_a_typo_is_answered_with_the_nearest(run) -> None:
    assert "put/call" in run("ABC", "put/call")
    assert "did you mean `put_call_volume`?" in run("ABC", "put_call_volum", code=2)
    assert "remembers no session of XYZ" in run("XYZ", "iv30", code=3)
