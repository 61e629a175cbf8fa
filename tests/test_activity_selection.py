"""Selection: q-values, stars and scores."""

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


def test_stars_step_up_at_each_tenth_of_the_chance_from_one_in_a_hundred() -> None:
    assert selection.stars(np.array([1.99, 2.0, 3.5, 4.0, 5.2, 6.0, 19.0, np.nan])).tolist() == [0, 1, 2, 3, 4, 5, 5, 0]


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
        opening_chance=pl.lit(selection.TYPICAL_OPENING),
        volume_surprise=pl.col("combined_surprise"),
        volume_surprise_3=pl.lit(0.0),
        volume_surprise_5=pl.lit(0.0),
        volume_avg_5=pl.lit(10.0),
    )
    frame = frame.with_columns(contract=symbology.format_osi_column())
    return frame.sort("root", "expiry", "strike", "right")


NO_LADDERS = pl.DataFrame(schema={"members": pl.List(pl.String), "ladder_surprise": pl.Float64, "volume": pl.Int64})


def test_neighbouring_strikes_of_either_right_are_one_alert_and_another_expiry_is_another() -> None:
    scored = chain(
        [
            ("AAA", 30, 100.0, "C", 900, 4.0, False),
            ("AAA", 30, 100.0, "P", 800, 3.0, False),
            ("AAA", 30, 105.0, "C", 700, 2.5, False),
            ("AAA", 30, 110.0, "C", 3, 0.1, False),
            ("AAA", 30, 115.0, "C", 600, 3.5, False),
            ("AAA", 60, 120.0, "C", 500, 2.2, False),
        ]
    )
    alerts = selection.consolidate(scored, NO_LADDERS)
    assert alerts["rank"].to_list() == [4.0, 3.5, 2.2]
    assert [len(members) for members in alerts["members"]] == [3, 1, 1]
    assert alerts["lead"][0] == "AAA251005C00100000"


def test_less_than_fifty_lots_are_no_alert_and_a_new_strike_ranks_higher() -> None:
    scored = chain(
        [
            ("AAA", 30, 100.0, "C", 49, 6.0, False),
            ("AAA", 60, 105.0, "C", 400, 3.0, False),
            ("AAA", 90, 110.0, "C", 450, 2.0, True),
        ]
    )
    assert selection.consolidate(scored, NO_LADDERS)["rank"].to_list() == [3.5, 3.0]


def test_a_member_of_a_ladder_is_named_although_it_is_not_rare_alone() -> None:
    scored = chain([("AAA", 30, 100.0, "C", 80, 1.4, False), ("AAA", 30, 105.0, "C", 90, 1.5, False)])
    ladders = pl.DataFrame({"members": [scored["contract"].to_list()], "ladder_surprise": [3.4], "volume": [170]})
    alerts = selection.consolidate(scored, ladders)
    assert alerts["rank"].to_list() == pytest.approx([2.9])
    assert alerts["members"][0].to_list() == ["AAA251005C00105000", "AAA251005C00100000"]


def test_a_ladder_of_a_few_lots_is_no_alert() -> None:
    scored = chain([("AAA", 30, 100.0, "C", 2, 1.4, False), ("AAA", 30, 105.0, "C", 3, 1.5, False)])
    ladders = pl.DataFrame({"members": [scored["contract"].to_list()], "ladder_surprise": [3.4], "volume": [5]})
    assert selection.consolidate(scored, ladders).is_empty()


def test_a_build_up_of_forty_lots_a_day_is_listed_by_the_lots_of_its_week() -> None:
    day = chain([("AAA", 30, 100.0, "C", 40, 3.0, False)]).with_columns(volume_avg_5=pl.lit(38.0))
    week = day.with_columns(volume_surprise=pl.lit(1.0), volume_surprise_5=pl.lit(3.2))
    assert selection.consolidate(day, NO_LADDERS).is_empty()
    assert selection.consolidate(week, NO_LADDERS)["rank"].to_list() == [3.0]


def test_what_ranks_below_two_is_listed_by_itself() -> None:
    rows = [("AAA", 30, 100.0, "C", 900, 4.0, False), ("AAA", 30, 105.0, "C", 700, 1.5, False)]
    assert selection.consolidate(chain(rows), NO_LADDERS)["rank"].to_list() == [4.0, 1.5]


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


def test_a_roll_from_the_expiring_to_a_later_expiry_is_recognised_and_raises_no_alert() -> None:
    scored = chain(
        [
            ("AAA", 3, 100.0, "C", 2000, 3.0, False),
            ("AAA", 31, 100.0, "C", 2100, 4.0, False),
            ("AAA", 31, 120.0, "C", 2100, 4.0, False),
        ]
    )
    assert selection.roll_suspects(scored).to_list() == [True, True, False]
    assert selection.consolidate(scored, NO_LADDERS)["lead"].to_list() == ["AAA251006C00120000"]


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


def test_the_same_strike_in_several_expiries_and_equal_sizes_of_one_name_are_one_alert() -> None:
    calendar = chain([("AAA", 30, 100.0, "C", 900, 4.0, False), ("AAA", 60, 100.0, "C", 700, 3.0, False)])
    assert selection.consolidate(calendar, NO_LADDERS)["members"].list.len().to_list() == [2]
    spread = [("AAA", 30, 100.0, "C", 1000, 4.0, False), ("AAA", 60, 120.0, "P", 1002, 3.0, False)]
    assert selection.consolidate(chain(spread), NO_LADDERS)["members"].list.len().to_list() == [2]


@pytest.mark.parametrize(
    "other",
    [
        ("AAA", 60, 120.0, "P", 1006, 3.0, False),
        ("BBB", 60, 120.0, "P", 1000, 3.0, False),
        ("AAA", 60, 100.0, "P", 700, 3.0, False),
    ],
    ids=["sizes apart", "another name", "the other right of the strike"],
)
def test_contracts_that_share_neither_size_nor_place_are_two_alerts(
    other: tuple[str, int, float, str, int, float, bool],
) -> None:
    scored = chain([("AAA", 30, 100.0, "C", 1000, 4.0, False), other])
    assert selection.consolidate(scored, NO_LADDERS)["members"].list.len().to_list() == [1, 1]


def test_small_equal_sizes_meet_by_chance_and_are_two_alerts() -> None:
    scored = chain([("AAA", 30, 100.0, "C", 99, 4.0, False), ("AAA", 60, 120.0, "P", 99, 3.0, False)])
    assert selection.consolidate(scored, NO_LADDERS).height == 2


def test_a_volume_that_ten_times_as_likely_opens_ranks_three_quarters_of_a_decade_higher() -> None:
    scored = chain([("AAA", 30, 100.0, "C", 900, 4.0, False), ("AAA", 30, 150.0, "C", 700, 4.0, False)])
    told = scored.with_columns(opening_chance=pl.Series([0.35, 0.035]))
    assert selection.priority(told).to_list() == pytest.approx([4.0, 3.25])
    unknown = scored.with_columns(opening_chance=pl.lit(None, pl.Float64))
    assert selection.priority(unknown).to_list() == [4.0, 4.0]


def test_more_volume_than_open_interest_in_the_near_leg_is_no_roll() -> None:
    scored = chain([("AAA", 3, 100.0, "C", 6000, 3.0, False), ("AAA", 31, 100.0, "C", 6000, 4.0, False)])
    assert not selection.roll_suspects(scored).any()


def test_scanning_often_does_not_alarm_more_often_than_the_stated_chance() -> None:
    random = np.random.default_rng(4)
    rate, days, looks = 20.0, 100_000, 13
    level = random.gamma(0.2, rate / 0.2, days)
    count, highest = np.zeros(days), np.zeros(days)
    for look in range(1, looks + 1):
        count += random.poisson(level / looks)
        mean = rate * look / looks
        highest = np.maximum(highest, -np.log10(nbinom.sf(count - 1, 0.2, 0.2 / (0.2 + mean))))
    judged = selection.session_maximum(highest, np.full(days, np.nan), looks)
    for nominal in (1e-2, 1e-3):
        assert 0.6 < (judged >= -np.log10(nominal)).mean() / nominal < 1.4
