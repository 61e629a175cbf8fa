"""Cancels undone, late prints that tell no side, and prints kept apart."""

from __future__ import annotations

import polars as pl
import pytest

from scanner.tape import prints
from scanner.tape.cleaning import clean

SECOND = 1_000_000_000
BEGIN = 1_796_050_800 * SECOND
CALL = "GOOG261218C00235000"


def cleaned(*rows: dict):
    usual = {"contract": CALL, "price": 1.5, "size": 3, "exchange": "XCBO", "condition": "auto", "bid": 1.4, "ask": 1.6}
    listed = [{**usual, "time": BEGIN + number * SECOND, **row} for number, row in enumerate(rows)]
    return clean(prints.conform(pl.DataFrame(listed), source="here").prints)


def codes(found) -> dict[str, int]:
    return {problem.code: problem.prints for problem in found.problems}


def test_a_cancel_takes_the_newest_print_before_it_that_it_is_of():
    found = cleaned({}, {}, {"size": 9}, {"condition": "canc"}, {})
    assert found.prints["time"].to_physical().to_list() == [BEGIN, BEGIN + 2 * SECOND, BEGIN + 4 * SECOND]
    assert codes(found) == {"cancelled": 1}


def test_two_cancels_take_two_prints():
    found = cleaned({}, {}, {}, {"condition": "canc"}, {"condition": "cncl"})
    assert found.prints.height == 1
    assert codes(found) == {"cancelled": 2}


@pytest.mark.parametrize(
    "other", [{"size": 4}, {"price": 1.55}, {"exchange": "XPHL"}, {"contract": "GOOG261218P00235000"}]
)
def test_a_cancel_of_something_else_takes_nothing_and_is_counted(other):
    found = cleaned({}, {"condition": "canc", **other})
    assert found.prints.height == 1
    assert codes(found) == {"cancel_of_nothing": 1}


def test_a_cancel_does_not_reach_forward():
    found = cleaned({"condition": "canc"}, {})
    assert found.prints.height == 1
    assert codes(found) == {"cancel_of_nothing": 1}


def test_a_print_that_its_source_marks_as_cancelled_is_left_out():
    found = cleaned({}, {"cancelled": True})
    assert found.prints.height == 1
    assert codes(found) == {"cancelled": 1}


def test_a_tape_that_ends_before_the_cancel_still_has_the_print():
    rows = [{}, {"condition": "canc"}]
    assert cleaned(*rows[:1]).prints.height == 1
    assert cleaned(*rows).prints.height == 0


def test_late_prints_count_as_volume_and_compression_and_extended_hours_stand_apart():
    found = cleaned({}, {"condition": "late"}, {"condition": "oseq"}, {"condition": "cbmo"}, {"condition": "exht"})
    assert found.prints["use"].to_list() == ["all", "volume", "volume", "apart", "apart"]
    assert codes(found) == {"late": 2, "apart": 2}


@pytest.mark.parametrize(
    ("row", "code"),
    [
        ({"price": 16.5}, "far_from_quote"),
        ({"price": 0.1}, "far_from_quote"),
        ({"bid": 1.7}, "crossed"),
        ({"bid": None}, "no_quote"),
        ({"quote_time": BEGIN}, "quote_not_before"),
        ({"quote_time": BEGIN + 5}, "quote_not_before"),
    ],
)
def test_a_quote_that_cannot_be_believed_is_named_and_used_for_nothing(row, code):
    found = cleaned(row)
    assert found.prints["quoted"].to_list() == [False]
    assert codes(found) == {code: 1}


def test_a_quote_that_stood_before_the_print_is_believed():
    assert cleaned({"quote_time": BEGIN - 1}, {}).prints["quoted"].to_list() == [True, True]


def test_prints_that_do_not_say_how_they_traded_are_counted():
    assert codes(cleaned({"condition": None}, {})) == {"no_condition": 1}
