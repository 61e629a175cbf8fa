"""How likely a volume is to open positions, learnt from past mornings."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from standard import calendar

from scanner.activity import opening
from scanner.activity.geometry import Places
from scanner.history.panel import Panel

NAMES, SESSIONS = 400, 12
DAYS = tuple(date(2026, 3, 2) + timedelta(days=day) for day in range(SESSIONS))


def panel(seed: int = 5, asof: np.datetime64 | None = None) -> Panel:
    """Every session trades 100 lots in each of 400 calls; they open with a chance of 0.8 where there is no open
    interest before, and of 0.2 where there is."""
    random = np.random.default_rng(seed)
    volume = np.full((NAMES, SESSIONS), 100.0, np.float32)
    fresh = np.arange(NAMES) % 2 == 0
    interest = np.zeros((NAMES, SESSIONS), np.float32)
    interest[~fresh] = 5000.0
    opened = random.random((NAMES, SESSIONS)) < np.where(fresh, 0.8, 0.2)[:, None]
    # Two sessions make a pair: open interest is as listed in the even one, and tells in the odd one what opened.
    interest[:, 1::2] += np.where(opened[:, 1::2], 60.0, 40.0).astype(np.float32)
    volume[:, 1::2] = 10.0
    contracts = pl.DataFrame(
        {
            "underlying": "ABC",
            "root": "ABC",
            "contract": [f"ABC261218C{100000 + 1000 * number:08d}" for number in range(NAMES)],
            "expiry": date(2026, 12, 18),
            "strike": [100.0 + number for number in range(NAMES)],
            "right": "C",
        }
    )
    told = np.full((1, SESSIONS), np.datetime64("NaT"), "datetime64[D]")
    if asof is not None:
        told[:] = asof
    ones = np.ones((NAMES, SESSIONS), np.float32)
    return Panel(
        "test",
        DAYS,
        contracts,
        volume,
        interest,
        0.3 * ones,
        0.4 * ones,
        ones,
        ("ABC",),
        np.full((1, SESSIONS), 100.0),
        told,
        calendar,
    )


def chances(coefficients: np.ndarray, open_interest: list[float]) -> list[float]:
    count = len(open_interest)
    rows = opening.design(
        np.full(count, 100.0), np.array(open_interest), np.full(count, 0.4), np.full(count, 280), np.ones(count)
    )
    return opening.opening_chance(rows, coefficients).tolist()


@pytest.fixture(autouse=True)
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_LEAST_ROWS", 500)


def test_the_chances_that_mornings_were_drawn_with_are_found() -> None:
    made = panel()
    coefficients = opening.fit_opening(made, Places.of(made.contracts, made.underlyings))
    assert coefficients is not None
    assert chances(coefficients, [0.0, 5000.0]) == pytest.approx([0.8, 0.2], abs=0.05)


def test_open_interest_of_another_close_than_the_sessions_teaches_nothing() -> None:
    made = panel(asof=np.datetime64("2026-02-27"))
    assert opening.fit_opening(made, Places.of(made.contracts, made.underlyings)) is None


def test_a_short_history_teaches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_LEAST_ROWS", NAMES * SESSIONS)
    made = panel()
    assert opening.fit_opening(made, Places.of(made.contracts, made.underlyings)) is None


def test_an_unknown_delta_and_price_are_read_as_a_half_and_a_cent() -> None:
    known = opening.design(np.array([80.0]), np.array([10.0]), np.array([0.5]), np.array([30]), np.array([0.01]))
    unknown = opening.design(np.array([80.0]), np.array([10.0]), np.array([np.nan]), np.array([30]), np.array([np.nan]))
    np.testing.assert_array_equal(known, unknown)
