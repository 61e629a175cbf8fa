"""What a name's own past says of chances that all names taught together."""

from __future__ import annotations

import numpy as np
import pytest

from scanner.activity.calibration import of_names, own_frequencies

DUE = 9_000 * 10.0**-2.5


def contract_days(rare: int, days: int = 9_000) -> np.ndarray:
    """So many days, of which some show a chance of 1 in 1,000."""
    return np.concatenate([np.full(rare, 3.0), np.full(days - rare, 0.5)])


def test_a_name_is_drawn_halfway_to_what_it_shows_once_it_has_nine_thousand_contract_days() -> None:
    """28.46 are due: 85 came, three times as many, and count beside 28.46 that all names are worth: (85 + 28) / 57."""
    surprise = np.concatenate([contract_days(85), contract_days(0)])
    own = own_frequencies(surprise, np.repeat([0, 1], 9_000), 3)
    assert own[0] == pytest.approx(np.log10((85 + DUE) / (2 * DUE)))
    assert own[1] == pytest.approx(np.log10(0.5))
    assert own[2] == 0.0, "a name without a past has nothing of its own to say"


def test_a_short_past_says_little_and_no_past_more_than_half_a_decade() -> None:
    assert own_frequencies(contract_days(3, 100), np.zeros(100, np.int64), 1)[0] == pytest.approx(
        np.log10((3 + DUE) / (DUE + DUE / 90))
    )
    assert own_frequencies(contract_days(9_000), np.zeros(9_000, np.int64), 1)[0] == 0.5


def test_a_surprise_is_corrected_in_full_at_one_in_three_hundred_and_not_at_one_in_ten() -> None:
    surprise = np.array([0.0, 1.0, 2.5, 4.0, 9.0])
    corrected = of_names(surprise, np.zeros(5, np.int64), np.array([0.3]))
    assert corrected == pytest.approx([0.0, 1.0, 2.2, 3.4, 8.4])


@pytest.mark.parametrize("decades", [-0.5, 0.5])
def test_what_is_rarer_stays_rarer_however_a_name_is_corrected(decades: float) -> None:
    surprise = np.linspace(0.0, 12.0, 500)
    assert (np.diff(of_names(surprise, np.zeros(500, np.int64), np.array([decades]))) > 0).all()
