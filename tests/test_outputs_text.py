"""Text of unknown origin is harmless on a terminal, in a spreadsheet and as a file's name."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.outputs.text import csv_text, file_name, printable


@pytest.mark.parametrize(
    ("hostile", "shown"),
    [
        ("plain words, naïve £ ★", "plain words, naïve £ ★"),
        ("\x1b[2Jgone", "\N{REPLACEMENT CHARACTER}[2Jgone"),
        ("\x9b31mred", "\N{REPLACEMENT CHARACTER}31mred"),
        ("two\r\nlines\tand tab", "two lines and tab"),
        ("ab\u202ecod.exe", "ab\N{REPLACEMENT CHARACTER}cod.exe"),
        ("zero\u200bwidth", "zero\N{REPLACEMENT CHARACTER}width"),
        ("lone \ud800 half", "lone \N{REPLACEMENT CHARACTER} half"),
    ],
)
def test_controls_become_visible_and_breaks_become_spaces(hostile, shown):
    assert printable(hostile) == shown


@given(st.text())
def test_printable_text_never_holds_a_control_or_a_break(text):
    shown = printable(text)
    assert {unicodedata.category(character) for character in shown}.isdisjoint({"Cc", "Cf", "Cs", "Zl", "Zp"})
    assert len(shown.splitlines()) <= 1


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "  =1", "\r=cmd|' /C calc'!A0", "＝1"])
def test_what_a_spreadsheet_would_run_gets_a_leading_quote(start):
    assert csv_text(start).startswith("'")


@pytest.mark.parametrize(
    ("hostile", "harmless"),
    [
        ("a;=1", "a;'=1"),
        ("a; =1;-cmd|' /C calc'!A0;b", "a;' =1;'-cmd|' /C calc'!A0;b"),
        ('a;"@SUM(1)', "a;'\"@SUM(1)"),
        ("a,=1", "a,=1"),  # inside a quoted field, for whoever parts cells at commas
        ("\n\t=1", "' =1"),
        ("\ufe661", "'\ufe661"),
        ("\u00a0+1", "'\u00a0+1"),
    ],
)
def test_a_formula_behind_a_semicolon_or_blanks_is_none_either(hostile, harmless):
    assert csv_text(hostile) == harmless


def test_ordinary_text_is_left_as_it_is():
    assert csv_text("GOOG 235 calls: 48,210 traded (12.3x)") == "GOOG 235 calls: 48,210 traded (12.3x)"


@given(st.text())
def test_no_cell_begins_like_a_formula(text):
    assert csv_text(text).lstrip()[:1] not in {"=", "+", "-", "@", "＝", "＋", "－", "＠"}


@pytest.mark.parametrize(
    ("hostile", "name"),
    [
        ("megacap", "megacap"),
        ("../../etc/passwd", "etc-passwd"),
        (".hidden", "hidden"),
        ("a b/c\\d:e", "a-b-c-d-e"),
        ("", "watchlist"),
        ("...", "watchlist"),
        ("con", "watchlist-con"),
        ("LPT1.txt", "watchlist-LPT1.txt"),
    ],
)
def test_file_names_stay_in_their_folder_on_every_system(hostile, name):
    assert file_name(hostile, "watchlist") == name


@given(st.text())
def test_a_file_name_is_always_one_plain_visible_name(text):
    name = file_name(text)
    assert 0 < len(name) <= 140
    assert Path(name).name == name
    assert not name.startswith(".")
    assert name.isascii()
