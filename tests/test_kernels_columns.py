"""Columns on their way to kernels and back: null and NaN, of any length and in any pieces."""

from __future__ import annotations

import statistics

import numpy as np
import polars as pl
import pytest

from scanner.kernels.columns import among, finite, floats, median, nullable, placed, run_starts

# Shorter and longer than what is asked of polars rather than of numpy.
LENGTHS = (0, 1, 3, 40_000)


@pytest.mark.parametrize("rows", LENGTHS)
def test_a_missing_number_of_a_column_of_any_length_is_nan_and_the_others_are_themselves(rows: int) -> None:
    given = [None if row % 3 == 1 else row / 2 for row in range(rows)]
    taken = floats(pl.Series(given, dtype=pl.Float64))
    assert taken.dtype == np.float64
    assert np.array_equal(taken, [np.nan if value is None else value for value in given], equal_nan=True)


@pytest.mark.parametrize("dtype", [pl.Int64, pl.Int32, pl.UInt8, pl.Float32])
def test_whole_and_short_numbers_become_floats_with_and_without_nulls(dtype: type[pl.DataType]) -> None:
    assert floats(pl.Series([7, None, 9], dtype=dtype)).tolist()[::2] == [7.0, 9.0]
    assert np.isnan(floats(pl.Series([7, None, 9], dtype=dtype))[1])
    assert floats(pl.Series([7, 8, 9], dtype=dtype)).tolist() == [7.0, 8.0, 9.0]


def test_a_column_without_any_value_is_all_nan() -> None:
    assert np.isnan(floats(pl.Series([None, None]))).all()


def test_a_column_in_pieces_comes_in_one() -> None:
    pieces = pl.concat([pl.Series([1.0, None]), pl.Series([3.0])], rechunk=False)
    assert pieces.n_chunks() == 2
    taken = floats(pieces)
    assert taken.flags.c_contiguous
    assert np.array_equal(taken, [1.0, np.nan, 3.0], equal_nan=True)


@pytest.mark.parametrize("values", [[1.0, 2.0], [1.0, None]])
def test_what_kernels_get_of_a_column_cannot_be_written_to_whether_it_is_a_copy_or_not(values: list[float]) -> None:
    assert not floats(pl.Series(values)).flags.writeable


@pytest.mark.parametrize("rows", LENGTHS)
def test_nan_of_an_array_of_any_length_is_null_in_its_column(rows: int) -> None:
    values = np.arange(rows, dtype=np.float64)
    values[1::3] = np.nan
    made = nullable("x", values)
    assert made.name == "x"
    assert made.to_list() == [None if row % 3 == 1 else float(row) for row in range(rows)]


def test_infinities_and_single_precision_stay_what_they_are() -> None:
    made = nullable("x", np.array([np.inf, np.nan, -1.0], np.float32))
    assert made.dtype == pl.Float32
    assert made.to_list() == [float("inf"), None, -1.0]


def test_a_column_of_a_matrix_is_one_too() -> None:
    matrix = np.array([[1.0, np.nan], [3.0, 4.0]])
    assert nullable("x", matrix[:, 1]).to_list() == [None, 4.0]


def test_where_only_what_is_finite_counts_infinities_are_null_as_well() -> None:
    made = finite("x", np.array([np.inf, np.nan, -1.0, -np.inf]))
    assert (made.name, made.to_list()) == ("x", [None, None, -1.0, None])


@pytest.mark.parametrize(
    ("values", "starts"),
    [([], []), (["a"], [0]), (["a", "a", "b", "a"], [0, 2, 3]), ([None, None, "a", None], [0, 2, 3])],
)
def test_a_run_starts_with_the_first_row_and_where_another_value_than_before_stands(
    values: list[str | None], starts: list[int]
) -> None:
    assert run_starts(pl.Series(values, dtype=pl.String)).tolist() == starts


@pytest.mark.parametrize("count", [1, 2, 3, 8, 9])
def test_the_median_is_that_of_the_known_numbers(count: int) -> None:
    known = np.random.default_rng(count).lognormal(3, 1, count).tolist()
    assert median(pl.Series([None, *known, None], dtype=pl.Float64)) == pytest.approx(
        statistics.median(known), rel=1e-15
    )
    assert median(pl.Series(known)) == pl.Series(known).median()


def test_the_median_of_no_known_number_is_not_known() -> None:
    assert median(pl.Series([None, None], dtype=pl.Float64)) is None
    assert median(pl.Series([], dtype=pl.Float64)) is None


def test_columns_are_put_in_the_place_of_those_of_their_names_and_the_others_behind() -> None:
    rows = pl.DataFrame({"a": [1, 2], "b": ["x", "y"]})
    found = placed(rows, [pl.Series("b", [True, None]), pl.Series("c", [0.5, 1.5]), pl.Series("a", [3, 4])])
    assert found.to_dict(as_series=False) == {"a": [3, 4], "b": [True, None], "c": [0.5, 1.5]}
    assert rows.to_dict(as_series=False) == {"a": [1, 2], "b": ["x", "y"]}


@pytest.mark.parametrize("dtype", [pl.String, pl.Categorical])
@pytest.mark.parametrize("given", [["A", "A", "B", "C", "A"], ["B", None, "B"], []])
def test_each_text_is_told_whether_it_is_one_of_some_and_none_is_none_of_them(
    given: list[str | None], dtype: type[pl.DataType]
) -> None:
    asked = pl.Series(["A", "C", None, "D"], dtype=pl.String)
    assert among(pl.Series(given, dtype=dtype), asked).tolist() == [text in {"A", "C", "D"} for text in given]
