"""``scanner report``: out of what scans left in the store, for a session or a week."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
from built_chains import built_chain
from commands import Commands
from standard import calendar

DAYS = calendar.sessions_between(date(2026, 7, 6), date(2026, 7, 14))


@pytest.fixture
def run(monkeypatch, capsys, tmp_path) -> Commands:
    monkeypatch.chdir(tmp_path)
    return Commands(monkeypatch, capsys)


@pytest.fixture
def scanned(run, tmp_path) -> Path:
    """A store in which two sessions of two weeks were scanned."""
    for number, day in enumerate((DAYS[4], DAYS[5])):
        chain = built_chain(day, source="files").drop("source")
        chain.write_parquet(tmp_path / f"chain-{number}.parquet")
        done = run("scan", "--path", tmp_path / f"chain-{number}.parquet", "--store", tmp_path / "store", "-q")
        assert done.code in (0, 1), done.err
    return tmp_path / "store"


def test_the_newest_session_is_reported_into_a_file_named_after_it_and_the_file_is_said(run, scanned, tmp_path):
    told = run("report", "--store", scanned)
    assert (told.code, told.out.strip()) == (0, f"scanner-report-{DAYS[5]}.html")
    page = (tmp_path / told.out.strip()).read_text("utf-8")
    assert f"Session {DAYS[5]}" in page
    assert "<b>ABC</b>" in page


def test_another_session_and_a_week_are_found_by_their_dates(run, scanned):
    assert f"Session {DAYS[4]}" in run("report", "--store", scanned, "--as-of", DAYS[4], "--output", "-").out
    week = run("report", "--store", scanned, "--week", DAYS[0], "--output", "-").out
    assert (str(DAYS[4]) in week, str(DAYS[5]) in week) == (True, False)


def test_a_session_that_was_never_scanned_is_an_error_that_says_what_to_do(run, scanned):
    told = run("report", "--store", scanned, "--as-of", DAYS[0])
    assert told.code not in (0, 1)
    assert "scanner alerts" in told.err


def test_two_ways_to_say_when_are_a_usage_error(run, scanned):
    assert run("report", "--store", scanned, "--week", DAYS[0], "--as-of", DAYS[0]).code == 2


def test_names_scanned_one_after_the_other_are_all_in_the_report_of_their_session(run, tmp_path):
    for number, name in enumerate(("ABC", "XYZ")):
        place = tmp_path / f"chain-{number}.parquet"
        built_chain(DAYS[4], source="files", underlying=name, root=name).drop("source").write_parquet(place)
        done = run("scan", "--path", place, "--store", tmp_path / "store", "-q")
        assert done.code in (0, 1), done.err
    page = run("report", "--store", tmp_path / "store", "--output", "-").out
    assert re.search(r"names</span><strong>2</strong>", page)
    # Each is too new to be ranked, and is said to be.
    left_out = page[page.index("<h2>Not judged</h2>") :]
    assert "ABC, XYZ" in left_out


def test_a_name_that_is_not_there_is_an_error_that_tells_those_there_are(run, scanned):
    told = run("report", "NOPE", "--store", scanned)
    assert told.code == 2
    assert "NOPE: not in these sessions; there are ABC" in told.err


def test_a_week_is_a_column_in_two_languages_also_where_no_scan_judged_it(run, tmp_path):
    for number, day in enumerate(DAYS[:6]):
        place = tmp_path / f"chain-{number}.parquet"
        built_chain(day, source="files").drop("source").write_parquet(place)
        assert run("import", place, "--store", tmp_path / "store", "-q").code == 0
    told = run("report", "--week", DAYS[5], "--store", tmp_path / "store", "--format", "markdown", "--output", "-")
    assert told.code == 0, told.err
    assert told.out.startswith(f"# Options in the week to {DAYS[5].day} Jul 2026")
    assert "Week to 13 Jul: ABC flat." in told.out
    page = run("report", "ABC", "--week", DAYS[5], "--store", tmp_path / "store", "--lang", "zh", "--output", "-").out
    assert '<html lang="zh">' in page
    assert "至7月13日收盘，过去一周ABC持平。" in page
    assert "Calibration" not in page
    assert run("report", "--lang", "zh", "--store", tmp_path / "store").code == 2
    assert run("report", "NOPE", "--week", DAYS[5], "--store", tmp_path / "store").code == 2
