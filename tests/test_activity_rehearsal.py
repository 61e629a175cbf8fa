"""Past sessions laid out as today is: what the mornings after them told."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from standard import calendar

from scanner.activity.history import Layout
from scanner.activity.rehearsal import Rehearsed, Scored
from scanner.history.panel import Panel

DAYS = (date(2026, 3, 2), date(2026, 3, 3))


def layout(asof: date | None) -> Layout:
    """Two sessions of three calls that trade 100, 20 and 5 lots; open interest rises by 60 overnight.

    ``asof`` is the close that the second morning told of, None where it did not say.
    """
    contracts = pl.DataFrame(
        {
            "underlying": "ABC",
            "root": "ABC",
            "contract": [f"ABC261218C{100000 + 1000 * number:08d}" for number in range(3)],
            "expiry": date(2026, 12, 18),
            "strike": [100.0, 101.0, 102.0],
            "right": "C",
        }
    )
    ones = np.ones((3, 2), np.float32)
    told = np.array([["NaT", "NaT" if asof is None else str(asof)]], "datetime64[D]")
    volume = np.array([[100.0], [20.0], [5.0]], np.float32) * ones
    interest = np.array([[10.0, 70.0]] * 3, np.float32)
    spot = np.full((1, 2), 100.0)
    return Layout.of(
        Panel("test", DAYS, contracts, volume, interest, 0.3 * ones, 0.4 * ones, ones, ("ABC",), spot, told, calendar),
        None,
    )


def rehearsed(session: int, asof: date | None = DAYS[0]) -> Rehearsed:
    rows = np.arange(3)
    return Rehearsed.of(layout(asof), Scored(session, rows, np.full((3, 3), 2.0), np.full(3, 2.0), np.full(3, 1.0)))


def test_contracts_of_ten_lots_or_more_are_laid_out_with_what_was_opened_overnight() -> None:
    found = rehearsed(0)
    assert found.traded.volume.tolist() == [100.0, 20.0]
    assert found.risen.tolist() == [60.0, 60.0]


@pytest.mark.parametrize(("asof", "risen"), [(None, 60.0), (DAYS[0], 60.0), (date(2026, 2, 27), np.nan)], ids=str)
def test_open_interest_of_another_close_than_the_sessions_tells_nothing(asof: date | None, risen: float) -> None:
    np.testing.assert_array_equal(rehearsed(0, asof).risen, [risen, risen])


def test_the_last_session_has_no_morning_after_it_yet() -> None:
    assert np.isnan(rehearsed(1).risen).all()
