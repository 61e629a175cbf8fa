"""Frames of pandas and of polars: there and back, with every dtype and every way of missing."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import polars as pl
import pytest
from alert_samples import alert, put_call_alert
from built_chains import built_chain
from hypothesis import given, settings
from hypothesis import strategies as st

from scanner.alerts.table import table
from scanner.errors import UsageError
from scanner.frames import to_pandas, to_polars
from scanner.market.chain import INSTANT, RIGHT, SCHEMA

FRIDAY = date(2026, 8, 7)
MOMENT = datetime(2026, 8, 7, 19, 59, 30, 250_000, tzinfo=UTC)
# A value of each dtype that a frame of this program has, and what pandas calls the dtype.
VALUES = [
    (pl.Int64, 9_007_199_254_740_993, "Int64"),  # one more than a float can hold
    (pl.Int32, 100, "Int32"),
    (pl.Float64, 0.275, "Float64"),
    (pl.Boolean, False, "boolean"),
    (pl.String, "GOOG", "string"),
    (RIGHT, "P", "category"),
    (pl.Date, FRIDAY, "datetime64[ms]"),
    (INSTANT, MOMENT, "datetime64[us, UTC]"),
]


@pytest.mark.parametrize(("dtype", "value", "named"), VALUES)
def test_a_value_and_a_null_go_there_and_back(dtype, value, named):
    there = to_pandas(pl.DataFrame({"x": pl.Series([value, None], dtype=dtype)}))
    assert str(there["x"].dtype) == named
    assert there["x"].isna().tolist() == [False, True]
    assert to_polars(there)["x"].to_list() == [value, None]
    assert to_polars(there).schema == {"x": dtype}


@pytest.mark.parametrize("dtype", [dtype for dtype, _, _ in VALUES])
@pytest.mark.parametrize("count", [0, 2])
def test_a_column_of_nulls_or_of_nothing_keeps_its_dtype(dtype, count):
    frame = pl.DataFrame({"x": pl.Series([None] * count, dtype=dtype)})
    assert to_polars(to_pandas(frame)).equals(frame)
    assert to_polars(to_pandas(frame)).schema == frame.schema


def test_whole_numbers_stay_whole_beside_a_null_and_missing_ones_are_na():
    there = to_pandas(pl.DataFrame({"volume": [120, None], "iv": [0.3, None]}))
    assert there["volume"][0] == 120
    assert isinstance(there["volume"][0], (int, np.integer))
    assert there["volume"][1] is pd.NA
    assert there["iv"][1] is pd.NA


def test_dates_are_midnights_and_moments_are_in_utc():
    there = to_pandas(pl.DataFrame({"day": [FRIDAY], "at": pl.Series([MOMENT], dtype=INSTANT)}))
    assert there["day"][0] == pd.Timestamp("2026-08-07")
    assert there["at"][0] == pd.Timestamp("2026-08-07 15:59:30.25", tz="America/New_York")


def test_an_enumeration_keeps_the_categories_that_no_row_has():
    there = to_pandas(pl.DataFrame({"right": pl.Series(["P"], dtype=RIGHT)}))
    assert there["right"].cat.categories.tolist() == ["C", "P"]


def test_a_whole_chain_and_a_table_of_alerts_come_back_as_they_were():
    chain = built_chain(FRIDAY, columns={"fetched_at": None, "vendor_iv": None})
    assert to_polars(to_pandas(chain)).equals(chain)
    assert to_polars(to_pandas(chain)).schema == SCHEMA
    alerts = table([alert(), put_call_alert()])
    assert to_polars(to_pandas(alerts)).equals(alerts)


@pytest.mark.parametrize("missing", [np.nan, None, pd.NA, pd.NaT])
def test_every_way_of_missing_in_pandas_becomes_null(missing):
    given_ = pd.DataFrame({"mixed": pd.Series(["a", missing], dtype=object)})
    assert to_polars(given_)["mixed"].to_list() == ["a", None]


def test_plain_pandas_dtypes_are_understood_too():
    given_ = pd.DataFrame(
        {
            "volume": [1.0, np.nan],
            "name": ["GOOG", None],
            "at": pd.to_datetime(["2026-08-07 16:00", None]).tz_localize("America/New_York"),
            "day": pd.to_datetime(["2026-08-07", None]),
            "when": pd.to_datetime(["2026-08-07 09:30", None]),
        },
        index=pd.Index(["x", "y"], name="label"),
    )
    read = to_polars(given_)
    assert read.columns == ["label", "volume", "name", "at", "day", "when"]
    assert read["volume"].to_list() == [1.0, None]
    assert read["name"].to_list() == ["GOOG", None]
    assert read["at"][0] == datetime(2026, 8, 7, 20, tzinfo=UTC)
    assert read["day"].to_list() == [FRIDAY, None]
    assert read["when"][0] == datetime(2026, 8, 7, 9, 30)


def test_an_index_without_a_name_is_left_out_and_rows_keep_their_order():
    given_ = pd.DataFrame({"x": [1, 2, 3]}, index=[7, 5, 6])
    assert to_polars(given_).to_dict(as_series=False) == {"x": [1, 2, 3]}


@pytest.mark.parametrize(
    ("thing", "said"),
    [
        ([1, 2], "expected a frame of polars or pandas, found list"),
        (pd.DataFrame([[1, 2]], columns=["x", "x"]), "two columns of one name: x"),
        (pd.DataFrame({"x": [1, "one"]}, dtype=object), "column x: its values are of several kinds"),
        (pd.DataFrame({"x": [object()]}, dtype=object), "column x: its values are of several kinds"),
    ],
)
def test_what_cannot_be_understood_is_an_error_that_names_it(thing, said):
    with pytest.raises(UsageError, match=said):
        to_polars(thing)


@settings(max_examples=50, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.none() | st.integers(-(2**63), 2**63 - 1),
            st.none() | st.floats(allow_nan=False),
            st.none() | st.text(st.characters(codec="utf-8")),
            st.none() | st.dates(date(1700, 1, 1), date(2200, 1, 1)),
            st.none() | st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)),
        )
    )
)
def test_any_values_go_there_and_back(rows):
    schema = {"whole": pl.Int64, "number": pl.Float64, "text": pl.String, "day": pl.Date, "at": INSTANT}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    assert to_polars(to_pandas(frame)).equals(frame)
