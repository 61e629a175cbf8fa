"""Sums over rows that share a key agree with those that polars finds by looking keys up."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner.kernels.groups import Groups

KEY = ("root", "strike")


def rows_of(data: st.DataObject, ordered: bool) -> pl.DataFrame:
    count = data.draw(st.integers(0, 30))
    drawn = {
        "root": data.draw(st.lists(st.sampled_from("ABC"), min_size=count, max_size=count)),
        "strike": data.draw(st.lists(st.sampled_from([1.0, 2.0, 3.5]), min_size=count, max_size=count)),
        "volume": data.draw(st.lists(st.none() | st.integers(0, 9), min_size=count, max_size=count)),
        "call": data.draw(st.lists(st.booleans(), min_size=count, max_size=count)),
    }
    schema = {"root": pl.String, "strike": pl.Float64, "volume": pl.Int64, "call": pl.Boolean}
    frame = pl.DataFrame(drawn, schema=schema)
    return frame.sort(KEY, maintain_order=True) if ordered else frame


@pytest.mark.parametrize("ordered", [True, False])
@given(data=st.data())
def test_sums_are_those_of_a_look_up_by_key(ordered: bool, data: st.DataObject) -> None:
    frame = rows_of(data, ordered)
    known = pl.col("volume").filter("call").drop_nulls()
    expected = frame.group_by(KEY, maintain_order=True).agg(
        calls=pl.when(known.len() > 0).then(known.sum()), any_call=pl.col("call").any()
    )
    groups = Groups.of(frame, KEY)
    calls = frame["call"].to_numpy()
    summed = groups.keys.with_columns(groups.known_sums(frame["volume"], calls).alias("calls"))
    assert summed.equals(expected.drop("any_call"))
    assert groups.any(calls).tolist() == expected["any_call"].to_list()


@pytest.mark.parametrize("ordered", [True, False])
@given(data=st.data())
def test_the_groups_of_flagged_rows_are_those_of_a_frame_of_them_alone(ordered: bool, data: st.DataObject) -> None:
    frame = rows_of(data, ordered)
    chosen = frame.filter("call")
    groups = Groups.of(frame, KEY).where(frame["call"].to_numpy())
    expected = chosen.group_by(KEY, maintain_order=True).agg(
        pl.len().cast(pl.Int64), most=pl.col("volume").max(), first=pl.col("volume").drop_nulls().first()
    )
    found = groups.keys.with_columns(
        len=pl.Series(groups.count(np.ones(chosen.height, bool))),
        most=groups.latest(chosen["volume"]),
        first=groups.first_known(chosen["volume"]),
    )
    assert found.equals(expected)
    assert groups.keys[groups.numbers()].equals(chosen.select(KEY))


@pytest.mark.parametrize("ordered", [True, False])
@given(data=st.data())
def test_groups_within_others_are_those_of_all_of_their_columns(ordered: bool, data: st.DataObject) -> None:
    frame = rows_of(data, ordered)
    groups = Groups.of(frame, KEY[:1]).within(frame, KEY[1:])
    assert groups.keys.equals(frame.select(KEY).unique(maintain_order=True))
    assert groups.keys[groups.numbers()].equals(frame.select(KEY))


@given(data=st.data())
def test_every_row_is_in_the_group_of_its_key(data: st.DataObject) -> None:
    frame = rows_of(data, ordered=False)
    groups = Groups.of(frame, KEY)
    assert groups.keys[groups.numbers()].equals(frame.select(KEY))


def test_keys_that_stand_together_are_not_put_in_another_order() -> None:
    frame = pl.DataFrame({"root": ["B", "B", "A"], "strike": [1.0, 2.0, 1.0], "volume": [1, 2, 4]})
    groups = Groups.of(frame, KEY)
    assert groups.order is None
    assert groups.keys["root"].to_list() == ["B", "B", "A"]
    assert Groups.of(frame, ("root",)).known_sums(frame["volume"]).to_list() == [3, 4]


def test_an_unknown_number_is_no_zero() -> None:
    frame = pl.DataFrame({"root": ["A", "A", "B"], "value": [None, None, 0.0]})
    groups = Groups.of(frame, ("root",))
    assert groups.known_sums(frame["value"]).to_list() == [None, 0.0]
    assert groups.known_sums(frame["value"], np.array([True, True, False])).to_list() == [None, None]


def test_a_key_with_something_unknown_in_it_is_a_key_wherever_its_rows_stand() -> None:
    rows = pl.DataFrame({"name": ["A", "B", "A", "B", "A"], "at": [None, 1, None, None, None]})
    groups = Groups.of(rows, ["name", "at"])
    assert groups.keys.rows() == [("A", None), ("B", 1), ("B", None)]
    assert groups.numbers().tolist() == [0, 1, 0, 2, 0]
