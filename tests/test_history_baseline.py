"""The resident baseline: moved on session by session, it equals one made from scratch."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from built_chains import built_chain
from hypothesis import given, settings
from hypothesis import strategies as st
from standard import calendar

from scanner.history.baseline import Baseline, gather
from scanner.history.panel import FIELDS
from scanner.market import corporate_events
from scanner.store.derive import raw_summary

FIRST = date(2026, 8, 3)


def rows(session: date, **options: object) -> pl.DataFrame:
    return raw_summary(built_chain(session, **options), corporate_events.empty(), calendar)[0]  # type: ignore[arg-type]


def view(baseline: Baseline, field: str) -> npt.NDArray[np.float32]:
    return gather(baseline.columns, field, baseline.listed())


def contracts(baseline: Baseline) -> pl.DataFrame:
    return baseline.index.contracts[baseline.listed()]


def test_a_listed_contract_without_a_trade_is_zero_and_an_unlisted_one_is_unknown() -> None:
    baseline = Baseline(depth=5)
    baseline.advance(FIRST, rows(FIRST, strikes=[90.0, 100.0], volume=0))
    baseline.advance(FIRST + timedelta(1), rows(FIRST + timedelta(1), strikes=[100.0], volume=4))
    at_90 = (contracts(baseline)["strike"] == 90).to_numpy()
    assert view(baseline, "volume")[~at_90].tolist() == [[0.0, 4.0]] * 4
    assert view(baseline, "volume")[at_90, 0].tolist() == [0.0] * 4
    assert np.isnan(view(baseline, "volume")[at_90, 1]).all()


def test_the_window_holds_the_newest_sessions_only() -> None:
    baseline = Baseline(depth=3)
    for day in range(10):
        baseline.advance(FIRST + timedelta(day), rows(FIRST + timedelta(day), volume=day))
    assert baseline.sessions == tuple(FIRST + timedelta(day) for day in (7, 8, 9))
    assert view(baseline, "volume")[0].tolist() == [7.0, 8.0, 9.0]


def test_a_view_handed_out_earlier_stays_as_it_was() -> None:
    baseline = Baseline(depth=2)
    baseline.advance(FIRST, rows(FIRST, volume=1))
    early = view(baseline, "volume")
    for day in range(1, 30):
        baseline.advance(FIRST + timedelta(day), rows(FIRST + timedelta(day), volume=day + 1))
    assert early.tolist() == [[1.0]] * 20


def test_a_session_that_is_not_newer_is_refused() -> None:
    baseline = Baseline(depth=2)
    baseline.advance(FIRST, rows(FIRST))
    with pytest.raises(ValueError, match="is not after"):
        baseline.advance(FIRST, rows(FIRST))


_LISTINGS = st.lists(st.sets(st.sampled_from([80.0, 90.0, 100.0, 110.0, 120.0]), min_size=1), min_size=1, max_size=12)


@settings(deadline=None)
@given(listings=_LISTINGS, depth=st.integers(1, 4))
def test_moving_on_gives_what_a_build_from_the_windows_own_sessions_gives(
    listings: list[set[float]], depth: int
) -> None:
    days = [FIRST + timedelta(day) for day in range(len(listings))]
    frames = [rows(day, strikes=sorted(listed)) for day, listed in zip(days, listings, strict=True)]
    moved = Baseline(depth)
    for day, frame in zip(days, frames, strict=True):
        moved.advance(day, frame)
    built = Baseline.build(depth, days[-depth:], frames[-depth:])
    assert moved.sessions == built.sessions
    assert contracts(moved).equals(contracts(built))
    for field in FIELDS:
        np.testing.assert_array_equal(view(moved, field), view(built, field))
