"""Selection: q-values, stars and scores."""

from __future__ import annotations

import numpy as np
import polars as pl
from scipy.stats import false_discovery_control

from scanner.metrics import selection


def test_q_values_are_those_of_scipys_benjamini_hochberg() -> None:
    chances = np.random.default_rng(3).uniform(size=200) ** 3
    np.testing.assert_allclose(selection.benjamini_hochberg(-np.log10(chances)), false_discovery_control(chances))


def test_a_row_without_a_chance_has_no_q_value_and_does_not_count_as_a_test() -> None:
    q = selection.benjamini_hochberg(np.array([2.0, np.nan, 1.0]))
    np.testing.assert_allclose(q, [0.02, np.nan, 0.1])


def test_no_rows_give_no_q_values() -> None:
    assert selection.benjamini_hochberg(np.empty(0)).shape == (0,)


def test_stars_step_up_at_each_tenth_of_the_chance_from_one_in_a_hundred() -> None:
    assert selection.stars(np.array([1.99, 2.0, 3.5, 4.0, 5.2, 6.0, 19.0, np.nan])).tolist() == [0, 1, 2, 3, 4, 5, 5, 0]


def test_the_score_takes_the_strongest_channel_in_full_and_a_quarter_of_the_rest() -> None:
    parts = pl.DataFrame({"volume": [4.0, None, 8.0], "skew": [2.0, None, 8.0]})
    assert selection.score(parts).to_list() == [56.2, None, 100.0]
