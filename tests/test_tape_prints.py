"""The contract of a print: what a tape's rows are, what is refused, and every spelling of a condition."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest

from scanner.errors import SourceError
from scanner.tape import conditions, prints

# 2026-11-30 15:00:00.123456789 UTC, which is 10:00 in New York; as a double it would end in ...792.
NANOSECONDS = 1_796_050_800_123_456_789
CALL = "GOOG261218C00235000"


def tape(*rows: dict, **defaults: object) -> prints.Tape:
    usual = {"contract": CALL, "time": NANOSECONDS, "price": 1.5, "size": 3, **defaults}
    return prints.conform(pl.DataFrame([{**usual, **row} for row in rows or [{}]]), source="here")


def test_a_print_keeps_every_nanosecond_and_is_of_its_new_york_session():
    found = tape().prints
    assert found["time"].to_physical().to_list() == [NANOSECONDS]
    assert found["session_date"].to_list() == [date(2026, 11, 30)]
    assert found.schema == prints.SCHEMA


def test_a_print_after_midnight_utc_is_of_the_day_before_in_new_york():
    evening = NANOSECONDS + 10 * 3_600 * 1_000_000_000
    assert tape({"time": evening}).prints["session_date"].to_list() == [date(2026, 11, 30)]


@pytest.mark.parametrize(
    "spelled", ["GOOG261218C00235000", "O:GOOG261218C00235000", "GOOG  261218C00235000", "goog__261218c00235000"]
)
def test_a_contract_may_be_written_in_any_dialect(spelled):
    found = tape({"contract": spelled}).prints
    assert found.select(pl.col("contract", "underlying").cast(pl.String)).row(0) == (CALL, "GOOG")


def test_the_root_tells_the_underlying():
    assert tape({"contract": "SPXW261218P06000000"}).prints["underlying"].to_list() == ["SPX"]


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        ({"contract": "GOOG"}, "no_contract"),
        ({"time": None}, "no_time"),
        ({"size": 0}, "no_size"),
        ({"size": None}, "no_size"),
        ({"price": None}, "no_price"),
        ({"price": -0.05}, "no_price"),
        ({"price": float("nan")}, "no_price"),
    ],
)
def test_a_print_that_cannot_be_one_is_refused_by_name_and_costs_no_other(wrong, code):
    found = tape({}, wrong)
    assert found.prints.height == 1
    assert [(problem.code, problem.prints) for problem in found.problems] == [(code, 1)]


def test_equal_prints_without_a_sequence_are_separate_fills():
    assert tape({}, {}, {}).prints.height == 3


def test_a_sequence_that_comes_again_is_the_same_print():
    found = tape({"sequence": 7}, {"sequence": 8}, {"sequence": 7})
    assert found.prints["sequence"].to_list() == [7, 8]
    assert [(problem.code, problem.prints) for problem in found.problems] == [("duplicate", 1)]


def test_prints_out_of_order_are_put_in_order_and_counted():
    found = tape({"time": NANOSECONDS + 5}, {"time": NANOSECONDS}, {"time": NANOSECONDS + 9})
    assert found.prints["time"].to_physical().to_list() == [NANOSECONDS, NANOSECONDS + 5, NANOSECONDS + 9]
    assert [(problem.code, problem.prints) for problem in found.problems] == [("unsorted", 1)]


def test_a_frame_without_what_every_print_has_is_no_tape():
    with pytest.raises(SourceError, match="columns missing: time, size"):
        prints.conform(pl.DataFrame({"contract": [CALL], "price": [1.0]}), source="here")


# From the tape's own list as three vendors write it.
@pytest.mark.parametrize(
    ("letter", "massive", "theta", "name", "kind"),
    [
        ("I", 209, 18, "auto", "electronic"),
        ("S", 219, 95, "isoi", "sweep"),
        ("a", 227, 125, "slan", "auction"),
        ("c", 229, 127, "slcn", "cross"),
        ("e", 231, 129, "slft", "floor"),
        ("f", 232, 130, "mlet", "multi-leg"),
        ("m", 239, 137, "mfsl", "multi-leg"),
        ("k", 237, 135, "tlat", "stock-option"),
        ("s", 245, 143, "tfsl", "stock-option"),
        ("D", 204, None, "late", "late"),
        ("A", 201, 40, "canc", "cancel"),
        ("t", 246, 144, "cbmo", "compression"),
        ("u", 247, 147, "mctp", "compression"),
        ("v", 248, 148, "exht", "extended hours"),
    ],
)
def test_every_encoding_of_a_condition_means_the_same(letter, massive, theta, name, kind):
    assert conditions.spellings()[letter] == name
    assert conditions.spellings()[name.upper()] == name
    assert conditions.of_massive()[massive] == name
    assert theta is None or conditions.of_theta()[theta] == name
    assert {item.name: item.kind for item in conditions.CONDITIONS}[name] == kind


def test_the_letters_and_the_numbers_of_the_conditions_are_distinct_and_whole():
    known = conditions.CONDITIONS
    # A to J but for nothing, S, and a to v: as the tape lists them.
    assert sorted(item.letter for item in known) == [*"ABCDEFGHIJS", *"abcdefghijklmnopqrstuv"]
    assert sorted(item.massive for item in known) == [*range(201, 211), 219, *range(227, 249)]
