"""The column contract: what a frame must be before anything later may see it."""

from __future__ import annotations

from datetime import UTC, date, datetime

import polars as pl
import pytest
from standard import conform

from scanner.errors import ChainError
from scanner.market import chain


def row(**changes):
    """One good row, with the given columns changed."""
    good = {
        "source": "files",
        "simulated": False,
        "session_date": date(2025, 9, 5),
        "quote_time": datetime(2025, 9, 5, 20, tzinfo=UTC),
        "underlying": "GOOG",
        "root": "GOOG",
        "expiry": date(2025, 9, 12),
        "strike": 235.0,
        "right": "C",
        "bid": 2.1,
        "ask": 2.2,
        "volume": 10,
        "open_interest": 0,
    }
    return good | changes


def test_what_may_be_left_out_is_filled_with_nulls_and_with_what_the_root_tells():
    frame = conform(pl.DataFrame([row(root="SPXW", underlying="SPX")]))
    assert frame.schema == chain.SCHEMA
    assert frame.select("contract", "multiplier", "exercise_style", "settlement", "nonstandard", "last").row(0) == (
        "SPXW250912C00235000",
        100,
        "european",
        "PM",
        False,
        None,
    )


def test_a_root_that_is_not_known_has_the_style_of_its_index_and_the_source_the_last_word():
    told = row(root="SPT", underlying="SPX", expiry=date(2009, 6, 20), session_date=date(2009, 6, 1))
    frame = conform(pl.DataFrame([told]))
    assert frame.select("exercise_style", "settlement", "multiplier").row(0) == ("european", "AM", 100)
    stated = conform(pl.DataFrame([{**told, "exercise_style": "american", "settlement": "PM"}]))
    assert stated.select("exercise_style", "settlement").row(0) == ("american", "PM")


def test_rows_are_sorted_by_root_expiry_strike_and_right():
    frame = conform(pl.DataFrame([row(strike=240.0), row(right="P"), row(), row(expiry=date(2025, 9, 5))]))
    assert frame["contract"].to_list() == [
        "GOOG250905C00235000",
        "GOOG250912C00235000",
        "GOOG250912P00235000",
        "GOOG250912C00240000",
    ]


def test_a_nan_becomes_a_null():
    frame = conform(pl.DataFrame([row(bid=float("nan"))]))
    assert frame["bid"].to_list() == [None]


def test_a_source_that_knows_better_than_the_root_is_believed():
    frame = conform(pl.DataFrame([row(exercise_style="european", multiplier=10)]))
    assert frame.select("exercise_style", "multiplier").row(0) == ("european", 10)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([row(), row()], "2 rows share a contract, such as GOOG250912C00235000"),
        ([row(bid=-0.05)], "1 rows with a negative bid"),
        ([row(volume=-3)], "1 rows with a negative volume"),
        ([row(ask_size=-1)], "1 rows with a negative ask_size"),
        ([row(underlying=None)], "1 rows without underlying"),
        ([row(right="X")], "wrong type"),
    ],
)
def test_a_broken_contract_is_refused_with_what_is_wrong(rows, words):
    with pytest.raises(ChainError, match=words):
        conform(pl.DataFrame(rows, schema_overrides={"underlying": pl.String}))


def test_everything_that_is_wrong_is_said_at_once():
    with pytest.raises(ChainError, match=r"negative bid; .*negative ask"):
        conform(pl.DataFrame([row(bid=-1.0, ask=-1.0)]))


def test_missing_columns_are_named():
    with pytest.raises(ChainError, match=r"columns missing: .*expiry"):
        conform(pl.DataFrame([row()]).drop("expiry"))


def test_the_empty_chain_is_a_chain():
    assert conform(chain.empty()).schema == chain.SCHEMA


@pytest.mark.parametrize("values", [["C", "P"] * 600, ["B"] * 700 + ["A"] * 700, [None, "P", "C"] * 400])
def test_a_long_column_is_told_by_its_values_in_the_order_they_first_have(values: list[str | None]):
    first = [value for place, value in enumerate(values) if value not in values[:place]]
    assert chain.distinct(pl.Series(values, dtype=pl.String)) == first


@pytest.mark.parametrize(
    ("rows", "ordered"),
    [
        ([("A", 1, 5.0, "C"), ("A", 1, 5.0, "P"), ("A", 1, 6.0, "C"), ("A", 2, 5.0, "C"), ("B", 1, 1.0, "C")], True),
        ([("A", 1, 5.0, "P"), ("A", 1, 5.0, "C")], False),
        ([("A", 1, 5.0, "C"), ("A", 1, 5.0, "C")], False),
        ([("B", 1, 5.0, "C"), ("A", 2, 6.0, "P")], False),
        ([("A", 2, 5.0, "C"), ("A", 1, 6.0, "C")], False),
        ([("A", None, 5.0, "C"), ("A", 1, 6.0, "C")], False),
        ([("A", 1, 5.0, "C")], True),
    ],
)
def test_rows_are_in_order_where_each_comes_after_the_one_before(rows: list[tuple[object, ...]], ordered: bool):
    schema = {name: chain.SCHEMA[name] for name in chain.SORT_KEY} | {"expiry": pl.Int32}
    frame = pl.DataFrame(rows, schema, orient="row").with_columns(pl.col("expiry").cast(pl.Date))
    assert chain.in_order(frame) is ordered
