"""What is told first: keys, stories, how often as much comes, and the money in it."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from scanner.activity.ranking.keys import BUILD_UP, NEW_STRIKE, ONE_SESSION, Day, Listing, keys
from scanner.activity.ranking.money import Premiums
from scanner.activity.ranking.past import Found, Past
from scanner.activity.ranking.rates import Counted
from scanner.activity.ranking.sizes import Cells, Sizes, cells_of
from scanner.activity.ranking.stories import connected, linked

NEVER = -np.inf


def counted(key: list[float], below: list[float] | None = None, sessions: int = 1) -> Counted:
    told = [NEVER] * len(key) if below is None else below
    return Counted(np.array(key), np.array(told), np.full(len(key), 1.0 / sessions))


def test_a_rate_is_how_many_stories_a_session_had_a_key_as_large() -> None:
    """Ten sessions of ten stories each: 1 to 10 in every one of them; five stories a session reach 6."""
    of_ten = counted([float(key) for key in range(1, 11)] * 10, sessions=10)
    assert of_ten.rate(np.array([6.0, 1.0, np.nan])).tolist() == pytest.approx([5.0, 10.0, np.nan], nan_ok=True)


def test_beyond_the_third_place_a_session_the_rate_falls_as_an_exponential_law_does() -> None:
    """Exponential keys with a mean of one decade-e: a story in 30 a session reaches ln(30 / a)."""
    drawn = np.random.default_rng(1).exponential(1.0, 30 * 400)
    law = counted(drawn.tolist(), sessions=400)
    for rate in (1.0, 0.2, 0.05):
        assert law.rate(np.array([np.log(30 / rate)]))[0] == pytest.approx(rate, rel=0.15)


def test_a_story_counts_only_up_to_what_its_contracts_had_not_reached_the_session_before() -> None:
    """Twenty stories at 5, of which every second stood at 4 before: at 4.5 all are new, at 3 ten are."""
    half_told = counted([5.0] * 20, below=[4.0, NEVER] * 10)
    assert half_told.rate(np.array([3.0]))[0] == pytest.approx(10.0)


def test_the_share_of_a_size_is_counted_and_follows_a_pareto_law_beyond_the_fiftieth() -> None:
    """Ten thousand contract-days of a Pareto law, 20 lots and more with an exponent of 1.5."""
    lots = 20.0 * (1.0 - np.random.default_rng(2).uniform(size=10_000)) ** (-1 / 1.5)
    sizes = Sizes.of([Cells.of(lots, np.zeros(10_000, np.int64), 1)], 1)
    told = sizes.decades(np.array([200.0, 5_000.0, 50_000.0]), np.zeros(3, np.int64))
    assert told == pytest.approx([1.5, 1.5 * np.log10(250), 1.5 * np.log10(2500)], abs=0.35)


def test_sizes_are_those_of_the_name_and_of_its_band_of_days_to_expiry() -> None:
    name, days = np.array([0, 0, 1]), np.array([1, 30, 30])
    cell = cells_of(name, days)
    sizes = Sizes.of([Cells.of(np.array([500.0, 20.0, 900.0]), cell, 2)], 2).with_room(3)
    rare = sizes.decades(np.full(4, 400.0), np.append(cell, cells_of(np.array([2]), np.array([30]))))
    assert rare[0] == rare[2] == 0.0
    assert rare[1] > 0.5
    assert rare[3] == 0.0, "a name without a past has nothing to be rare against"


def listing(**changes: object) -> Listing:
    """Five contracts of one name and expiry: strikes 1 to 5, calls, 30 days; the third trades 1,000 lots."""
    values: dict[str, object] = {
        "row": np.arange(5),
        "name": np.zeros(5, np.int64),
        "group": np.zeros(5, np.int64),
        "call": np.ones(5, bool),
        "days": np.full(5, 30),
        "volume": np.array([0.0, 0.0, 1000.0, 0.0, 0.0]),
        "completed": np.array([0.0, 0.0, 1000.0, 0.0, 0.0]),
        "open_interest": np.array([10.0, 10.0, 0.0, 10.0, 10.0]),
        "surprise": np.array([0.0, 2.0, 5.0, 0.5, 0.0]),
        "week": np.array([0.0, 0.0, 3.0, 0.0, 0.0]),
    }
    return Listing(**(values | changes))  # type: ignore[arg-type]


def day_of(chain: Listing, volume: list[float], interest: list[float], usual: float = 1000.0) -> Day:
    """The day of a chain whose third contract had these volumes and open interests before."""
    past, opened = np.zeros((5, len(volume)), np.float32), np.full((5, len(interest)), 10, np.float32)
    past[2], opened[2] = volume, interest
    return Day.of(chain, past, opened, len(volume), np.array([usual]))


NO_SIZES = Sizes.of([], 1)


def keys_of(chain: Listing, day: Day, opening: float = 0.35, *, rolled: bool = False) -> np.ndarray:
    return keys(chain, day, NO_SIZES, np.array([opening]), np.array([rolled]))[:, 0]


def test_one_session_is_ranked_by_its_chance_and_its_quotient_and_pulled_down_by_a_busy_day() -> None:
    """5 decades, and log10(1020 / 20); ten times the usual volume takes off 2.6 (2 and .5 x 1.2)."""
    chain = listing()
    quiet = keys_of(chain, day_of(chain, [0.0] * 20, [0.0] * 20))
    busy = keys_of(chain, day_of(chain, [0.0] * 20, [0.0] * 20, usual=100.0))
    assert quiet[ONE_SESSION] == pytest.approx(5.0 + np.log10(51.0))
    assert busy[ONE_SESSION] == pytest.approx(quiet[ONE_SESSION] - 2.6)


def test_the_odds_of_opening_count_half_as_much_again_as_the_chance_of_one_session() -> None:
    """Odds of 7 to 3 and of 7 to 13 are log10(13 / 3) apart; beyond one and a half decades nothing is added."""
    chain = listing()
    day = day_of(chain, [0.0] * 20, [0.0] * 20)
    typical, likely, sure = (keys_of(chain, day, chance) for chance in (0.35, 0.7, 0.9999))
    assert (likely - typical)[ONE_SESSION] == pytest.approx(1.5 * np.log10(13 / 3))
    assert (sure - typical)[ONE_SESSION] == pytest.approx(1.5 * 1.5)
    assert (likely - typical)[NEW_STRIKE] == pytest.approx(0.8 * np.log10(13 / 3))
    assert keys_of(chain, day, float("nan"))[ONE_SESSION] == typical[ONE_SESSION]


def test_a_ladder_of_three_strikes_in_a_row_is_worth_more_than_one_strike_beside_a_rare_one() -> None:
    """Surprises of 2, 5 and 1.7: the smallest of the three is one decade above .7, of which 1.2 is made."""
    alone = listing(surprise=np.array([0.0, 2.0, 5.0, 0.0, 0.0]))
    ladder = listing(surprise=np.array([0.0, 2.0, 5.0, 1.7, 0.0]))
    long = listing(surprise=np.array([4.0, 4.0, 5.0, 0.0, 0.0]))
    past = [0.0] * 20, [0.0] * 20
    single, three, four = (keys_of(chain, day_of(chain, *past))[ONE_SESSION] for chain in (alone, ladder, long))
    assert three - single == pytest.approx(1.2)
    assert four - single == pytest.approx(1.2 * 2.0), "of a ladder no more than two decades count"


def test_a_strike_of_another_expiry_or_right_is_no_neighbour() -> None:
    past = [0.0] * 20, [0.0] * 20
    for name, values in (("group", [0, 0, 1, 2, 2]), ("call", [False, False, True, False, False])):
        chain = listing(surprise=np.full(5, 5.0), **{name: np.array(values)})
        day = day_of(chain, *past)
        assert day.beside.tolist() == day.run.tolist() == [0.0]


def around_of(surprise: list[float], at: int, **changes: np.ndarray) -> tuple[float, np.ndarray]:
    """What is around the one contract of a chain that trades, of 5 decades and no day's past; and its keys."""
    count = len(surprise)
    traded = np.where(np.arange(count) == at, 1000.0, 0.0)
    values = {name: np.resize(getattr(listing(), name), count) for name in ("name", "group", "call", "days")}
    whole = {"volume": traded, "completed": traded, "open_interest": np.zeros(count), "week": np.zeros(count)}
    shown = np.where(traded > 0, 5.0, surprise)
    chain = listing(row=np.arange(count), surprise=shown, **(values | whole | changes))
    empty = np.zeros((count, 20), np.float32)
    day = Day.of(chain, empty, empty, 20, np.array([1000.0]))
    return float(day.around[0]), keys_of(chain, day)


def test_what_the_strikes_around_show_beyond_chance_is_taken_off() -> None:
    """Twelve strikes, the third to eighth on either side, show 1 decade each: .25 more than chance has them show.

    Of one that shows 9 no more than 2 count, and those beside the contract are not meant, nor is a ninth.
    """
    all_of_them = [9.0, *[1.0] * 6, 0.0, 0.0, 5.0, 0.0, 0.0, *[1.0] * 6, 9.0]
    none = [9.0, *[0.0] * 6, 0.0, 0.0, 5.0, 0.0, 0.0, *[0.0] * 6, 9.0]
    (quiet, alone), (loud, among) = around_of(none, 9), around_of(all_of_them, 9)
    assert quiet == 0.0
    assert loud == pytest.approx(0.25)
    assert (alone - among)[ONE_SESSION] == pytest.approx(8.0 * 0.25)
    assert (alone - among)[NEW_STRIKE] == pytest.approx(2.0 * 0.25)
    one_large = [*[1.0] * 5, 9.0, 0.0, 0.0, 5.0, 0.0, 0.0, *[1.0] * 6]
    assert around_of(one_large, 8)[0] == pytest.approx(0.25 + 1.0 / 12)


def test_a_strike_that_is_not_listed_not_judged_or_of_another_expiry_or_right_is_not_around() -> None:
    """The six strikes above show 2 decades each, and where six more would be below chance's .43 is taken."""
    chain = [0.0, 0.0, 5.0, 0.0, 0.0, *[2.0] * 6]
    assert around_of(chain, 2)[0] == pytest.approx((2.0 + np.log10(np.e)) / 2 - 0.75)
    assert around_of([*chain[:5], *[np.nan] * 6], 2)[0] == 0.0
    assert around_of(chain, 2, group=np.array([0] * 5 + [1] * 6))[0] == 0.0
    assert around_of(chain, 2, call=np.array([True] * 5 + [False] * 6))[0] == 0.0


def test_the_other_leg_of_a_spread_explains_nothing() -> None:
    """Four strikes away as rare a volume, and nothing in between."""
    leg = [0.0, 0.0, 5.0, 0.0, 0.0, 0.0, 6.0, *[0.4] * 8]
    assert around_of(leg, 2)[0] == 0.0


def test_strikes_around_that_show_what_chance_has_them_show_change_no_more_than_ones_that_have_not_traded_yet() -> None:
    """In the morning they show nothing; at the close, by chance, the surprises of twelve chances spread evenly."""
    by_chance = -np.log10((np.arange(12) + 0.5) / 12)
    shuffled = np.random.default_rng(5).permutation(by_chance)
    for close in (by_chance, shuffled):
        (_, early), (_, late) = (
            around_of([*row[:6], 0.0, 0.0, 5.0, 0.0, 0.0, *row[6:]], 8) for row in (np.zeros(12), close)
        )
        assert early[[ONE_SESSION, NEW_STRIKE]].tolist() == late[[ONE_SESSION, NEW_STRIKE]].tolist()


def test_what_was_opened_lately_is_told_by_the_mornings_and_closings_count_against_it() -> None:
    """Of 300 lots in three of five sessions 90 were opened, then 30 closed: 60 of 300 and the 50 that steady it."""
    volume = [0.0] * 15 + [100.0, 0.0, 100.0, 0.0, 100.0]
    chain = listing(open_interest=np.array([10.0, 10.0, 60.0, 10.0, 10.0]))
    day = day_of(chain, volume, [0.0] * 15 + [0.0, 90.0, 90.0, 60.0, 60.0])
    assert day.opened.tolist() == pytest.approx([60.0 / 350.0])


def test_a_strike_is_new_where_nothing_is_open_and_nothing_traded_in_twenty_sessions() -> None:
    """log10(1001), a quarter of 5 decades, less .3 of the neighbour's two."""
    chain = listing()
    untouched = keys_of(chain, day_of(chain, [0.0] * 20, [0.0] * 20))
    touched = keys_of(chain, day_of(chain, [0.0] * 10 + [1.0] + [0.0] * 9, [0.0] * 20))
    assert untouched[NEW_STRIKE] == pytest.approx(np.log10(1001) + 1.25 - 0.6)
    assert np.isnan(touched[NEW_STRIKE])
    assert np.isnan(keys_of(listing(days=np.full(5, 1)), day_of(chain, [0.0] * 20, [0.0] * 20))[NEW_STRIKE])


def test_a_build_up_is_what_two_mornings_running_showed_to_have_been_opened() -> None:
    """100 lots on each of four days; open interest 0, 40, 80 ... had 40 opened each night, 0, 30, 60 ... had 30.

    3 decades of the week, and twice the share of what was traded that was opened: 160 of 400 and the 50 that steady it.
    """
    volume = [0.0] * 16 + [100.0] * 4
    chain = listing(open_interest=np.array([10.0, 10.0, 160.0, 10.0, 10.0]))
    built = keys_of(chain, day_of(chain, volume, [0.0] * 16 + [0.0, 40.0, 80.0, 120.0]))
    fewer = listing(open_interest=np.array([10.0, 10.0, 120.0, 10.0, 10.0]))
    not_built = keys_of(fewer, day_of(fewer, volume, [0.0] * 16 + [0.0, 30.0, 60.0, 90.0]))
    assert built[BUILD_UP] == pytest.approx(3.0 + 2.0 * 160.0 / 450.0)
    assert np.isnan(not_built[BUILD_UP])


def test_what_was_open_before_a_session_that_nobody_kept_is_not_taken_for_nothing() -> None:
    """Four mornings ago the contract was not listed, its name was not looked at, or it is a name of today."""
    chain = listing(open_interest=np.array([10.0, 10.0, 160.0, 10.0, 10.0]))
    volume, interest = np.zeros((5, 6), np.float32), np.full((5, 6), 40.0, np.float32)
    volume[2, 2] = interest[2, 2] = np.nan
    assert Day.of(chain, volume, interest, 6, np.array([1000.0])).gained == pytest.approx([160.0])
    volume[:, 2] = interest[:, 2] = np.nan
    assert np.isnan(Day.of(chain, volume, interest, 6, np.array([1000.0])).gained).all()
    unseen = listing(row=np.full(5, -1))
    assert np.isnan(Day.of(unseen, volume[:, :2], interest[:, :2], 2, np.array([1000.0])).gained).all()


def test_few_lots_a_suspected_roll_and_an_unknown_surprise_take_no_place() -> None:
    chain = listing(volume=np.array([0.0, 0.0, 49.0, 0.0, 0.0]))
    assert np.isnan(keys_of(chain, day_of(chain, [5.0] * 20, [10.0] * 20))).all()
    chain = listing()
    assert np.isnan(keys_of(chain, day_of(chain, [5.0] * 20, [10.0] * 20), rolled=True)).all()
    unknown = listing(surprise=np.full(5, np.nan))
    assert np.isnan(keys_of(unknown, day_of(unknown, [5.0] * 20, [10.0] * 20))).all()


def rows(*contracts: tuple[str, int, float, str, int, float]) -> pl.DataFrame:
    """Contracts from (underlying, days, strike, right, volume, surprise); strikes are listed in steps of 5."""
    names = ["underlying", "days", "strike", "right", "volume", "surprise"]
    frame = pl.DataFrame(list(contracts), schema=names, orient="row").with_columns(
        root=pl.col("underlying"),
        expiry=pl.lit(date(2025, 9, 5)) + pl.duration(days=pl.col("days")),
    )
    place = (pl.col("strike") / 5 + 1000 * pl.col("days")).cast(pl.Int64)
    return frame.with_columns(place=place).sort("root", "expiry", "strike", "right")


def together(frame: pl.DataFrame) -> list[list[float]]:
    """The strikes of each story."""
    told = frame.with_columns(story=pl.Series(linked(frame)))
    return sorted(told.group_by("story").agg(pl.col("strike").sort())["strike"].to_list())


def test_neighbouring_strikes_of_either_right_are_one_story_and_another_expiry_is_another() -> None:
    chain = rows(
        ("AAA", 30, 100.0, "C", 900, 4.0),
        ("AAA", 30, 100.0, "P", 800, 3.0),
        ("AAA", 30, 105.0, "C", 700, 2.5),
        ("AAA", 30, 115.0, "C", 600, 3.5),
        ("AAA", 60, 120.0, "C", 500, 2.2),
    )
    assert together(chain) == [[100.0, 100.0, 105.0], [115.0], [120.0]]


def test_what_is_not_rare_links_nothing() -> None:
    chain = rows(
        ("AAA", 30, 100.0, "C", 900, 4.0), ("AAA", 30, 105.0, "C", 700, 1.4), ("AAA", 30, 110.0, "C", 650, 4.0)
    )
    assert together(chain) == [[100.0], [105.0], [110.0]]


def ladder(strikes: int, commoner: int) -> pl.DataFrame:
    """So many strikes in a row of different sizes, all but one of them rarer than 1 in 100."""
    surprises = [1.8 if number == commoner else 3.0 for number in range(strikes)]
    return rows(*(("AAA", 30, 100.0 + 5 * n, "C", 900 + 50 * n, rare) for n, rare in enumerate(surprises)))


def test_a_story_of_more_than_fifteen_contracts_is_told_as_those_of_its_parts_that_stand_out_more() -> None:
    assert [len(story) for story in together(ladder(15, commoner=5))] == [15]
    assert [len(story) for story in together(ladder(16, commoner=5))] == [5, 1, 10]


def test_the_same_strike_in_several_expiries_and_equal_sizes_of_one_name_are_one_story() -> None:
    assert together(rows(("AAA", 30, 100.0, "C", 900, 4.0), ("AAA", 60, 100.0, "C", 700, 3.0))) == [[100.0, 100.0]]
    assert together(rows(("AAA", 30, 100.0, "C", 1000, 4.0), ("AAA", 60, 120.0, "P", 1002, 3.0))) == [[100.0, 120.0]]


@pytest.mark.parametrize(
    "other",
    [
        ("AAA", 60, 120.0, "P", 1006, 3.0),
        ("BBB", 60, 120.0, "P", 1000, 3.0),
        ("AAA", 60, 100.0, "P", 700, 3.0),
        ("AAA", 60, 120.0, "P", 1000, 1.4),
    ],
    ids=["sizes apart", "another name", "the other right of the strike", "not rare"],
)
def test_contracts_that_share_neither_size_nor_place_are_two_stories(
    other: tuple[str, int, float, str, int, float],
) -> None:
    assert len(together(rows(("AAA", 30, 100.0, "C", 1000, 4.0), other))) == 2


def found(keys: list[float], story: list[int], premium: float = 1e5, name: int = 0) -> Found:
    """One session's contracts of the family of one session, panel rows 0, 1 ..."""
    count = len(keys)
    table = np.full((3, count), np.nan)
    table[ONE_SESSION] = keys
    return Found(np.arange(count), np.full(count, name), table, np.array(story), np.full(count, premium))


def test_a_storys_past_is_its_rarest_contract_and_what_that_was_the_session_before() -> None:
    past = Past.of([found([4.0, 6.0, 2.0], [0, 0, 1]), found([5.0, 7.0, 1.0], [0, 0, 1])], np.ones((1, 2), bool), 3)
    told = sorted(zip(past.key.tolist(), past.below.tolist(), strict=True))
    assert told == [(2.0, NEVER), (6.0, NEVER), (7.0, 6.0)], "the second story fell below what it had been"
    assert past.money.tolist() == [[2e5, 2e5]]


def test_nothing_is_stated_before_six_sessions_could_be_ranked() -> None:
    five = Past.of([found([4.0], [0])] * 5, np.ones((1, 5), bool), 1)
    six = Past.of([found([4.0], [0])] * 6, np.ones((1, 6), bool), 1)
    assert five.counted is None
    assert six.counted is not None


def test_a_past_is_kept_exactly() -> None:
    past = Past.of([found([4.0, 6.0], [0, 1])] * 6, np.ones((1, 6), bool), 2)
    again = Past.from_arrays(past.arrays())
    assert all(np.array_equal(again.arrays()[name], values) for name, values in past.arrays().items())


def test_money_is_held_against_the_largest_story_of_each_session() -> None:
    """Forty sessions of 1 to 40 million: 30 million or more in eleven of them."""
    money = np.arange(1.0, 41.0)[None, :] * 1e6
    rare = Premiums.of(money).surprise(np.array([30e6, 1e3, 400e6, np.nan]), np.array([0, 0, 0, 0]))
    assert rare[0] == pytest.approx(-np.log10(11 / 40))
    assert rare[1] == 0.0
    assert rare[2] > 1.5
    assert np.isnan(rare[3])


def test_money_of_a_name_with_fewer_than_six_sessions_is_not_judged() -> None:
    money = np.array([[1e6] * 5 + [np.nan] * 3])
    assert np.isnan(Premiums.of(money).surprise(np.array([1e7, 1e7]), np.array([0, 1]))).all()


def test_where_nothing_traded_enough_to_be_told_no_money_is_rare() -> None:
    """So in the chain of a session that has just begun, or of a name in which nobody trades."""
    assert Premiums.of(np.full((1, 10), 1e6)).surprise(np.empty(0), np.empty(0, np.int64)).tolist() == []


@pytest.mark.parametrize(("count", "links"), [(1, 0), (6, 2), (300, 150), (2_000, 2_500)])
def test_components_are_those_that_another_library_finds_in_the_same_order(count, links):
    random = np.random.default_rng(links)
    first, second = random.integers(0, count, (2, links))
    graph = coo_array((np.ones(links, bool), (first, second)), shape=(count, count))
    assert connected(first, second, count).tolist() == connected_components(graph, directed=False)[1].tolist()


def test_a_long_chain_of_links_is_one_component():
    order = np.random.default_rng(0).permutation(5_000)
    assert not connected(order[1:], order[:-1], 5_000).any()
