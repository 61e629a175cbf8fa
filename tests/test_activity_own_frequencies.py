"""What a name's own past says of chances that all names taught together."""

from __future__ import annotations

import numpy as np
import pytest

from scanner.activity.calibration import of_names, own_frequencies

DUE = 1_000 * 10.0**-2.5


def sessions(*rare: int, days: int = 1_000) -> np.ndarray:
    """So many contract-days in each of some sessions, of which some show a chance of 1 in 1,000."""
    return np.concatenate([np.concatenate([np.full(count, 3.0), np.full(days - count, 0.5)]) for count in rare])


def test_a_name_counts_as_the_days_on_which_it_shows_a_rare_chance() -> None:
    """1 in 300 is due 3.16 times a session. Ten of it in each of twenty: 20 days came where 6.3 were due.

    In the sessions of the other name, which shows none, as many as 6.3 days were due.
    """
    surprise = np.concatenate([sessions(*[10] * 20), sessions(*[0] * 20)])
    cluster = np.concatenate([np.repeat(np.arange(20), 1_000) * 3, np.repeat(np.arange(20), 1_000) * 3 + 1])
    own = own_frequencies(surprise, cluster, np.bincount(cluster % 3, minlength=3))
    assert own[0] == pytest.approx(np.log10((20 + 20) / (20 * DUE / 10 + 20)))
    assert own[1] == pytest.approx(np.log10(20 / (20 * DUE / 10 + 20)))
    assert own[2] == 0.0, "a name without a past has nothing of its own to say"


def test_one_wild_day_says_little() -> None:
    """A hundred contracts of one day are one witness: 1 came where .25 was due."""
    surprise = sessions(100, *[0] * 7)
    (own,) = own_frequencies(surprise, np.repeat(np.arange(8), 1_000), np.array([8_000]))
    assert own == pytest.approx(np.log10(21 / (8 * DUE / 100 + 20)))
    assert own < 0.02


def test_no_past_says_more_than_half_a_decade() -> None:
    (own,) = own_frequencies(np.full(300, 3.0), np.arange(300), np.array([300]))
    assert own == 0.5


def test_a_surprise_is_corrected_in_full_at_one_in_three_hundred_and_not_at_one_in_ten() -> None:
    surprise = np.array([0.0, 1.0, 2.5, 4.0, 9.0])
    corrected = of_names(surprise, np.zeros(5, np.int64), np.array([0.3]))
    assert corrected == pytest.approx([0.0, 1.0, 2.2, 3.4, 8.4])


@pytest.mark.parametrize("decades", [-0.5, 0.5])
def test_what_is_rarer_stays_rarer_however_a_name_is_corrected(decades: float) -> None:
    surprise = np.linspace(0.0, 12.0, 500)
    assert (np.diff(of_names(surprise, np.zeros(500, np.int64), np.array([decades]))) > 0).all()
