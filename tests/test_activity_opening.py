"""How likely a volume is to open positions, learnt from past mornings."""

from __future__ import annotations

import numpy as np
import pytest

from scanner.activity import opening
from scanner.activity.opening import Traded

ROWS, SESSIONS = 400, 6


def traded(rows: int = ROWS, **changes: object) -> Traded:
    """100 lots each, a delta of .4, 280 days, a dollar; nothing of the past, and quiet neighbours."""
    values = {
        "volume": 100.0,
        "open_interest": 0.0,
        "delta": 0.4,
        "days": 280,
        "price": 1.0,
        "opened": 0.0,
        "mean": 0.0,
        "surprise": 2.0,
        "beside": 0.0,
    }
    return Traded(**{name: np.broadcast_to(value, rows) for name, value in (values | changes).items()})


def mornings(seed: int = 5, **told: object) -> list[tuple[Traded, np.ndarray]]:
    """Every other volume has what is told of it; it opens with a chance of 0.8, the others with one of 0.2."""
    random = np.random.default_rng(seed)
    marked = np.arange(ROWS) % 2 == 0
    plain = traded()._asdict()
    values = traded(**{name: np.where(marked, value, plain[name]) for name, value in told.items()})
    chance = np.where(marked, 0.8, 0.2)
    return [(values, np.where(random.random(ROWS) < chance, 60.0, 40.0)) for _ in range(SESSIONS)]


@pytest.fixture(autouse=True)
def few_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_LEAST_ROWS", 500)


@pytest.mark.parametrize(
    "told", [{"open_interest": 5000.0}, {"opened": 0.6}, {"mean": 900.0}, {"surprise": 5.0}, {"beside": 2.5}], ids=str
)
def test_the_chances_that_mornings_were_drawn_with_are_found(told: dict[str, float]) -> None:
    coefficients = opening.fit_opening(mornings(**told))
    assert coefficients is not None
    likely, unlikely = traded(1, **told), traded(1)
    assert opening.opening_chance(likely, coefficients) == pytest.approx(0.8, abs=0.05)
    assert opening.opening_chance(unlikely, coefficients) == pytest.approx(0.2, abs=0.05)


def test_a_morning_that_tells_nothing_teaches_nothing() -> None:
    assert opening.fit_opening([(volumes, np.full(ROWS, np.nan)) for volumes, _ in mornings(opened=0.6)]) is None


def test_a_short_history_teaches_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "_LEAST_ROWS", ROWS * SESSIONS + 1)
    assert opening.fit_opening(mornings(opened=0.6)) is None


def test_small_volumes_the_last_day_and_an_unknown_open_interest_have_no_chance() -> None:
    coefficients = np.zeros(opening.FEATURES)
    for unusable in ({"volume": 49.0}, {"days": 0}, {"open_interest": np.nan}):
        assert np.isnan(opening.opening_chance(traded(1, **unusable), coefficients)).all()
    assert opening.opening_chance(traded(1), coefficients).tolist() == [0.5]


def test_an_unknown_delta_and_price_are_read_as_a_half_and_a_cent() -> None:
    known, unknown = traded(1, delta=0.5, price=0.01), traded(1, delta=np.nan, price=np.nan)
    np.testing.assert_array_equal(opening.design(known), opening.design(unknown))
