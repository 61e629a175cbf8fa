"""Selection: q-values, scores and tags."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from scipy.stats import false_discovery_control, nbinom

from scanner.activity import selection
from scanner.market import symbology


def test_q_values_are_those_of_scipys_benjamini_hochberg() -> None:
    chances = np.random.default_rng(3).uniform(size=200) ** 3
    np.testing.assert_allclose(selection.benjamini_hochberg(-np.log10(chances)), false_discovery_control(chances))


def test_a_row_without_a_chance_has_no_q_value_and_does_not_count_as_a_test() -> None:
    q = selection.benjamini_hochberg(np.array([2.0, np.nan, 1.0]))
    np.testing.assert_allclose(q, [0.02, np.nan, 0.1])


def test_no_rows_give_no_q_values() -> None:
    assert selection.benjamini_hochberg(np.empty(0)).shape == (0,)


def test_the_score_takes_the_strongest_channel_in_full_and_a_quarter_of_the_rest() -> None:
    parts = pl.DataFrame({"volume": [4.0, None, 8.0], "skew": [2.0, None, 8.0]})
    assert selection.score(parts).to_list() == [56.2, None, 100.0]


def chain(rows: list[tuple[str, int, float, str, int, float, bool]], session: date = date(2025, 9, 5)) -> pl.DataFrame:
    """A scored chain from (underlying, days, strike, right, volume, combined surprise, new strike)."""
    names = ["underlying", "days", "strike", "right", "volume", "combined_surprise", "new_strike"]
    frame = pl.DataFrame(rows, schema=names, orient="row").with_columns(
        root=pl.col("underlying"),
        expiry=pl.lit(session) + pl.duration(days=pl.col("days")),
        right=pl.col("right").cast(pl.Enum(["C", "P"])),
        session_date=pl.lit(session),
        open_interest=pl.lit(5000),
        volume_expected=pl.lit(10.0),
    )
    frame = frame.with_columns(contract=symbology.format_osi_column())
    return frame.sort("root", "expiry", "strike", "right")


def test_equal_sizes_in_two_unusual_contracts_of_a_name_are_tagged_as_legs() -> None:
    scored = chain(
        [
            ("AAA", 30, 100.0, "C", 1000, 3.0, False),
            ("AAA", 60, 120.0, "P", 1008, 2.0, False),
            ("AAA", 60, 130.0, "P", 1300, 2.0, False),
            ("BBB", 30, 100.0, "C", 1000, 3.0, False),
            ("BBB", 30, 105.0, "C", 1000, 0.2, False),
        ]
    )
    assert selection.multi_leg_suspects(scored).to_list() == [True, True, False, False, False]


def test_a_leg_without_a_known_volume_is_not_tagged_either_way() -> None:
    scored = chain([("AAA", 30, 100.0, "C", 1000, 3.0, False)]).with_columns(volume=pl.lit(None, pl.Int64))
    assert selection.multi_leg_suspects(scored).to_list() == [None]


def test_a_roll_from_the_expiring_to_a_later_expiry_is_recognised() -> None:
    scored = chain(
        [
            ("AAA", 3, 100.0, "C", 2000, 3.0, False),
            ("AAA", 31, 100.0, "C", 2100, 4.0, False),
            ("AAA", 31, 120.0, "C", 2100, 4.0, False),
        ]
    )
    assert selection.roll_suspects(scored).to_list() == [True, True, False]


def test_a_roll_out_of_a_busy_expiring_contract_is_told_by_what_both_traded_beyond_expectation() -> None:
    scored = chain([("AAA", 3, 100.0, "C", 7000, 0.6, False), ("AAA", 31, 100.0, "C", 2100, 4.0, False)])
    assert not selection.roll_suspects(scored).any()
    usual = scored.with_columns(volume_expected=pl.Series([5000.0, 100.0]))
    assert selection.roll_suspects(usual).to_list() == [True, True]


def test_a_roll_out_of_two_expiring_contracts_into_one_is_told_by_what_both_lost_together() -> None:
    legs = [("AAA", 1, 100.0, "C", 1200, 1.0, False), ("AAA", 8, 100.0, "C", 900, 1.0, False)]
    scored = chain([*legs, ("AAA", 31, 100.0, "C", 2050, 4.0, False)])
    assert selection.roll_suspects(scored).to_list() == [True, True, True]


def test_a_roll_larger_than_what_the_near_leg_traded_is_none() -> None:
    scored = chain([("AAA", 3, 100.0, "C", 1000, 3.0, False), ("AAA", 31, 100.0, "C", 2100, 4.0, False)])
    assert not selection.roll_suspects(scored).any()


def test_more_volume_than_open_interest_in_the_near_leg_is_no_roll() -> None:
    scored = chain([("AAA", 3, 100.0, "C", 6000, 3.0, False), ("AAA", 31, 100.0, "C", 6000, 4.0, False)])
    assert not selection.roll_suspects(scored).any()


def whole_month(moved: int, others: int) -> pl.DataFrame:
    """Strikes of which ``moved`` show a roll, one whose near contract is so busy that a roll drowns, and ``others``."""
    rows = []
    for number in range(moved):
        strike = 100.0 + number
        rows += [("AAA", 3, strike, "P", 1000, 2.0, False), ("AAA", 31, strike, "P", 950, 2.0, False)]
    rows += [("AAA", 3, 90.0, "P", 4000, 0.3, False), ("AAA", 31, 90.0, "P", 900, 2.0, False)]
    rows += [("AAA", 31, 200.0 + number, "P", 600, 2.0, False) for number in range(others)]
    return chain(rows)


@pytest.mark.parametrize(("moved", "others", "tagged"), [(5, 9, True), (5, 10, False), (4, 0, False)])
def test_where_a_whole_month_moves_a_busy_near_leg_is_enough(moved: int, others: int, tagged: bool) -> None:
    scored = whole_month(moved, others)
    suspects = scored.filter(selection.roll_suspects(scored))["strike"].unique().to_list()
    assert suspects == ([90.0] if tagged else []) + [100.0 + number for number in range(moved)]


def test_where_a_whole_month_moves_more_than_the_near_leg_had_open_is_no_roll() -> None:
    scored = whole_month(5, 0).with_columns(
        open_interest=pl.when(pl.col("strike") == 90.0).then(600).otherwise("open_interest")
    )
    assert 90.0 not in scored.filter(selection.roll_suspects(scored))["strike"].to_list()


def test_scanning_often_does_not_alarm_more_often_than_the_stated_chance() -> None:
    random = np.random.default_rng(4)
    rate, days, looks = 20.0, 100_000, 13
    level = random.gamma(0.2, rate / 0.2, days)
    count, highest = np.zeros(days), np.zeros(days)
    for look in range(1, looks + 1):
        count += random.poisson(level / looks)
        mean = rate * look / looks
        highest = np.maximum(highest, -np.log10(nbinom.sf(count - 1, 0.2, 0.2 / (0.2 + mean))))
    judged = selection.session_maximum(highest, selection.charge_of(looks))
    for nominal in (1e-2, 1e-3):
        assert 0.6 < (judged >= -np.log10(nominal)).mean() / nominal < 1.4
