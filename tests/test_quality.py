"""The quality gate: each check switches off exactly what it makes untrustworthy."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from built_chains import Recorded, built_chain, sessions_noon
from standard import calendar, open_store

from scanner import quality
from scanner.history.panel import Panel
from scanner.market.chain import INSTANT
from scanner.quality import gate
from scanner.store.importing import ImportReport, import_chains

DAYS = calendar.sessions_between(date(2026, 8, 3), date(2026, 8, 14))


def panel_of(folder: Path, *chains: pl.DataFrame) -> Panel:
    store = open_store(folder)
    import_chains(store, [Recorded(chain) for chain in chains], ImportReport())
    return store.history.panel("test", ["ABC"], before=date(2026, 8, 31))


def judge(chain: pl.DataFrame, panel: Panel | None = None, **options: Any) -> set[tuple[str, str]]:
    now = options.pop("now", None) or chain["quote_time"][0]
    panel, previous = panel or Panel.empty(calendar=calendar), options.pop("previous", None)
    verdicts = quality.judge(chain, panel, previous, now, **options)
    return set(verdicts.select("check", "switches_off").iter_rows())


def test_a_good_chain_has_no_verdict(tmp_path: Path) -> None:
    assert judge(built_chain(DAYS[1]), panel_of(tmp_path, built_chain(DAYS[0]))) == set()


def test_a_chain_in_which_nothing_is_known_is_empty() -> None:
    nothing = dict.fromkeys(("volume", "open_interest", "bid", "ask", "last"))
    assert judge(built_chain(DAYS[0], columns=nothing)) == {("empty", "all")}


def test_a_chain_that_lists_a_whole_expiry_of_the_past_is_labelled_late_and_a_stray_contract_shows_nothing() -> None:
    late = built_chain(DAYS[5], expiries=(DAYS[4], date(2026, 9, 18)))
    verdicts = quality.judge(late, Panel.empty(calendar=calendar), None, late["quote_time"][0])
    assert verdicts.select("check", "switches_off", "reason").rows() == [
        (
            "expired",
            "all",
            "ABC: labelled 2026-08-10, but 10 contracts in it had expired before: the label is late",
        )
    ]
    stray = late.filter((pl.col("expiry") > DAYS[5]) | (pl.col("strike") < 100))
    assert judge(stray) == set()


@pytest.mark.parametrize(
    ("label", "check"), [(date(2026, 7, 3), "holiday"), (date(2026, 5, 25), "holiday"), (date(2026, 8, 8), "weekend")]
)
def test_a_label_on_which_no_session_was_held_switches_everything_off(label: date, check: str) -> None:
    assert judge(built_chain(label)) == {(check, "all")}


def test_a_holiday_that_re_serves_a_session_says_which(tmp_path: Path) -> None:
    thursday = built_chain(date(2026, 7, 2))
    volume = [count + (number == 0) for number, count in enumerate(thursday["volume"])]
    friday = built_chain(date(2026, 7, 3), volume=volume, open_interest=thursday["open_interest"].to_list())
    verdicts = quality.judge(friday, panel_of(tmp_path, thursday), None, friday["quote_time"][0])
    assert verdicts["reason"].to_list() == [
        "ABC: labelled 2026-07-03, a holiday of the exchange: no session was held; its volumes repeat session "
        "2026-07-02 (95.0% of 20 traded contracts agree)"
    ]


def test_a_part_that_is_off_already_gets_no_second_reason() -> None:
    early = built_chain(DAYS[1], quote_time=calendar.session_open(DAYS[1]) - timedelta(hours=2), traded_on=DAYS[0])
    assert judge(early) == {("before_open", part) for part in ("volume", "quotes", "spot")}


def test_before_the_open_volume_and_quotes_are_those_of_another_session() -> None:
    early = built_chain(DAYS[0], quote_time=calendar.session_open(DAYS[0]) - timedelta(minutes=1))
    assert judge(early) == {("before_open", part) for part in ("volume", "quotes", "spot")}


def test_no_trade_newer_than_the_previous_session_leaves_only_the_open_interest() -> None:
    stale = built_chain(DAYS[1], traded_on=DAYS[0])
    assert judge(stale) == {("stale", "volume"), ("stale", "quotes"), ("stale", "spot")}


def test_a_chain_whose_volumes_are_all_zero_is_quiet_not_stale() -> None:
    assert judge(built_chain(DAYS[1], traded_on=DAYS[0], volume=0)) == set()


def test_trades_on_a_later_day_than_the_label_are_a_mislabelled_session() -> None:
    assert judge(built_chain(DAYS[0], traded_on=DAYS[1])) == {("mislabelled", "all")}


def test_the_same_volumes_and_open_interest_as_an_earlier_session_are_a_repeat(tmp_path: Path) -> None:
    good = built_chain(DAYS[0])
    again = built_chain(DAYS[2], volume=good["volume"].to_list(), open_interest=good["open_interest"].to_list())
    assert judge(again, panel_of(tmp_path, good, built_chain(DAYS[1]))) == {("repeated", "all")}


def test_repeated_volumes_beside_new_open_interest_leave_the_open_interest(tmp_path: Path) -> None:
    good = built_chain(DAYS[0])
    again = built_chain(DAYS[1], volume=good["volume"].to_list())
    assert judge(again, panel_of(tmp_path, good)) == {("repeated", part) for part in ("volume", "quotes", "spot")}


def test_a_third_of_the_rows_gone_is_incomplete(tmp_path: Path) -> None:
    panel = panel_of(tmp_path, built_chain(DAYS[0]))
    assert judge(built_chain(DAYS[1], strikes=[90.0, 95.0, 100.0]), panel) == {("incomplete", "all")}
    assert judge(built_chain(DAYS[1], strikes=[90.0, 95.0, 100.0, 105.0, 110.0]), panel) == set()


def test_expired_contracts_are_not_missing(tmp_path: Path) -> None:
    expiring, later = DAYS[0], date(2026, 12, 18)
    panel = panel_of(tmp_path, built_chain(DAYS[0], expiries=[expiring, later]))
    assert judge(built_chain(DAYS[1], expiries=[later]), panel) == set()


def test_what_is_not_trusted_becomes_null_with_its_reason_and_nothing_else_does() -> None:
    stale = built_chain(DAYS[1], traded_on=DAYS[0])
    verdicts = quality.judge(stale, Panel.empty(calendar=calendar), None, stale["quote_time"][0])
    trusted, reasons = quality.apply(stale, verdicts)
    assert trusted["volume"].null_count() == trusted["bid"].null_count() == stale.height
    assert trusted["open_interest"].equals(stale["open_interest"])
    assert reasons.filter(pl.col("field") == "volume")["reason"].to_list() == [
        "ABC: labelled 2026-08-04, but no trade in it is newer than 2026-08-03; its volumes are of an earlier session"
    ]


def test_one_untrusted_underlying_leaves_the_others_alone() -> None:
    both = pl.concat([built_chain(DAYS[1], traded_on=DAYS[0]), built_chain(DAYS[1], underlying="XYZ")])
    verdicts = quality.judge(both, Panel.empty(calendar=calendar), None, both["quote_time"][0])
    trusted, _ = quality.apply(both, verdicts)
    assert trusted.filter(pl.col("underlying") == "XYZ").equals(both.filter(pl.col("underlying") == "XYZ"))
    assert set(verdicts["underlying"]) == {"ABC"}


def quiet(chain: pl.DataFrame, tmp_path: Path) -> set[tuple[str, str]]:
    """Verdicts on a chain that follows a good session."""
    return judge(chain, panel_of(tmp_path, built_chain(DAYS[0])))


@pytest.mark.parametrize(
    ("label", "midnight"),
    [
        (date(2026, 3, 6), datetime(2026, 3, 6, 5, tzinfo=UTC)),
        (date(2026, 3, 9), datetime(2026, 3, 9, 4, tzinfo=UTC)),
        (date(2026, 11, 2), datetime(2026, 11, 2, 5, tzinfo=UTC)),
    ],
)
def test_a_trade_is_of_the_day_that_it_was_in_new_york(label: date, midnight: datetime) -> None:
    """Eastern time is five hours behind UTC until the second Sunday of March, four until the first of November."""
    chain = built_chain(label)
    second, noon = timedelta(seconds=1), sessions_noon(label)
    trades = [midnight - second, midnight, *[noon] * (chain.height - 2)]
    trusted, _ = quality.apply(
        chain.with_columns(last_trade_time=pl.Series(trades, dtype=INSTANT)), pl.DataFrame(schema=gate.VERDICTS)
    )
    assert trusted["volume"].to_list() == [0, *chain["volume"][1:]]
    traded_after = [midnight + timedelta(days=1) - second, *[midnight + timedelta(days=1)] * (chain.height - 1)]
    following = chain.with_columns(last_trade_time=pl.Series(traded_after, dtype=INSTANT))
    assert judge(following) == {("mislabelled", "all")}
    on_the_day = chain.with_columns(last_trade_time=pl.lit(traded_after[0], dtype=INSTANT))
    assert ("mislabelled", "all") not in judge(on_the_day)


def test_volumes_carried_over_from_earlier_days_become_the_zero_they_stand_for() -> None:
    chain = built_chain(DAYS[2], volume=9)
    carried = [None if i % 2 else sessions_noon(DAYS[0]) for i in range(chain.height)]
    mixed = chain.with_columns(last_trade_time=pl.coalesce(pl.Series(carried, dtype=INSTANT), "last_trade_time"))
    verdicts = quality.judge(mixed, Panel.empty(calendar=calendar), None, mixed["quote_time"][0])
    trusted, reasons = quality.apply(mixed, verdicts)
    assert trusted["volume"].to_list() == [0, 9] * 10
    assert reasons.is_empty()


def test_a_busy_name_without_any_trade_an_hour_in_has_no_volume_to_judge(tmp_path: Path) -> None:
    busy = [built_chain(day, volume=[100 + i + 7 * n for i in range(20)]) for n, day in enumerate(DAYS[:3])]
    panel = panel_of(tmp_path, *busy)
    silent = built_chain(DAYS[3], volume=0)
    assert judge(silent, panel) == {("no_trades", "volume")}
    at_first = built_chain(DAYS[3], volume=0, quote_time=calendar.session_open(DAYS[3]) + timedelta(minutes=20))
    assert judge(at_first, panel) == set()


def test_cumulative_volume_that_falls_within_the_session_is_not_trusted() -> None:
    earlier = built_chain(DAYS[0], volume=[100 + i for i in range(20)], quote_time=calendar.session_open(DAYS[0]))
    assert judge(built_chain(DAYS[0], volume=50), previous=earlier) == {("volume_fell", "volume")}


def test_a_busted_trade_does_not_cost_the_session_its_volume() -> None:
    volume = [1000 + i for i in range(20)]
    earlier = built_chain(DAYS[0], volume=volume, quote_time=calendar.session_open(DAYS[0]))
    corrected = built_chain(DAYS[0], volume=[volume[0] - 5, *[count + 10 for count in volume[1:]]])
    assert judge(corrected, previous=earlier) == {("volume_fell", "volume")}, "one of twenty contracts is 5 % of them"
    wide = [float(strike) for strike in range(50, 150)]
    many = [1000 + i for i in range(400)]
    earlier = built_chain(DAYS[0], strikes=wide, volume=many, quote_time=calendar.session_open(DAYS[0]))
    assert judge(built_chain(DAYS[0], strikes=wide, volume=[995, *many[1:]]), previous=earlier) == set()


def test_the_volume_of_an_earlier_session_is_not_a_fall() -> None:
    earlier = built_chain(DAYS[0], volume=500)
    assert judge(built_chain(DAYS[1], volume=5), previous=earlier) == set()


def test_quotes_that_are_all_zero_are_switched_off_and_volumes_kept() -> None:
    assert judge(built_chain(DAYS[0], columns={"bid": 0.0, "ask": 0.0})) == {("zero_quotes", "quotes")}


def test_a_chain_without_quotes_by_nature_has_no_quotes_to_distrust() -> None:
    assert judge(built_chain(DAYS[0], columns={"bid": None, "ask": None})) == set()


def test_crossed_quotes_beyond_a_share_are_switched_off() -> None:
    crossed = pl.when(pl.int_range(pl.len()) < 2).then(pl.col("ask") + 1).otherwise("bid")
    assert judge(built_chain(DAYS[0], columns={"bid": crossed})) == {("absurd_quotes", "quotes")}


def test_bids_above_what_an_option_can_be_worth_are_absurd() -> None:
    dear = pl.when(pl.col("right") == "P").then(pl.col("strike") + 1).otherwise("bid")
    found = judge(built_chain(DAYS[0], columns={"bid": dear, "ask": dear + 1, "last": None}))
    assert ("absurd_quotes", "quotes") in found


def test_open_interest_of_two_closes_ago_leaves_the_volume_to_be_judged(tmp_path: Path) -> None:
    lagging = built_chain(DAYS[2], columns={"oi_asof": DAYS[0]})
    assert quiet(lagging, tmp_path) == {("oi_lagging", "open_interest")}


def test_open_interest_that_did_not_move_in_any_traded_contract_was_not_refreshed(tmp_path: Path) -> None:
    same = built_chain(DAYS[0])["open_interest"].to_list()
    assert quiet(built_chain(DAYS[1], open_interest=same), tmp_path) == {("oi_not_refreshed", "open_interest")}


def test_open_interest_of_zero_overnight_is_a_collapse_of_the_feed(tmp_path: Path) -> None:
    assert quiet(built_chain(DAYS[1], open_interest=0), tmp_path) == {("oi_collapsed", "open_interest")}


def test_open_interest_cannot_rise_by_more_than_was_traded(tmp_path: Path) -> None:
    then = built_chain(DAYS[0])["open_interest"].to_list()
    assert quiet(built_chain(DAYS[1], open_interest=[count + 100 for count in then]), tmp_path) == {
        ("oi_impossible", "open_interest")
    }


def test_open_interest_may_fall_by_more_than_was_traded_because_options_are_exercised(tmp_path: Path) -> None:
    then = built_chain(DAYS[0])["open_interest"].to_list()
    assert quiet(built_chain(DAYS[1], open_interest=[count - 100 for count in then]), tmp_path) == set()


def test_a_missing_spot_is_said() -> None:
    assert judge(built_chain(DAYS[0], spot=None)) == {("spot_missing", "spot")}


def test_a_spot_away_from_what_calls_and_puts_imply_is_switched_off() -> None:
    near = [date(2026, 8, 21)]
    assert judge(built_chain(DAYS[0], expiries=near, spot=100.0)) == set()
    assert judge(built_chain(DAYS[0], expiries=near, spot=103.0)) == {("spot_off_parity", "spot")}


@pytest.mark.parametrize("spot", [2_201.0, 4.4])
def test_a_spot_far_from_every_strike_is_switched_off_where_no_prices_tell_it_back(spot: float) -> None:
    """The strikes are 90 to 110: twenty times the highest is 2,200, a twentieth of the lowest 4.5."""
    unquoted = {"bid": None, "ask": None}
    assert judge(built_chain(DAYS[0], spot=spot, columns=unquoted)) == {("spot_off_strikes", "spot")}
    assert judge(built_chain(DAYS[0], spot=50.0, columns=unquoted)) == set()


def test_volatility_is_not_held_against_the_futures_that_calls_and_puts_imply() -> None:
    near = (date(2026, 8, 19), date(2026, 9, 16))
    assert judge(built_chain(DAYS[0], underlying="VIX", expiries=near, spot=92.0)) == set()
    assert judge(built_chain(DAYS[0], underlying="VXX", expiries=near, spot=92.0)) == {("spot_off_parity", "spot")}


def test_a_close_is_not_wrong_because_options_traded_on_for_a_quarter_of_an_hour() -> None:
    near = (date(2026, 8, 21), date(2026, 9, 4))
    moved = {"underlying": "SPY", "expiries": near, "spot": 97.0}
    before = calendar.session_close(DAYS[0]) - timedelta(minutes=1)
    assert judge(built_chain(DAYS[0], **moved)) == set()
    assert judge(built_chain(DAYS[0], **moved, quote_time=before)) == {("spot_off_parity", "spot")}
    assert judge(built_chain(DAYS[0], **{**moved, "spot": 90.0})) == {("spot_off_parity", "spot")}


def test_a_feed_that_changed_its_shape_for_good_is_the_new_normal_after_five_sessions(tmp_path: Path) -> None:
    wide = built_chain(DAYS[0])
    narrow = [built_chain(day, strikes=[100.0, 105.0]) for day in DAYS[1:8]]
    assert judge(narrow[0], panel_of(tmp_path / "early", wide)) == {("incomplete", "all")}
    assert judge(narrow[-1], panel_of(tmp_path / "late", wide, *narrow[:-1])) == set()


def test_a_listing_of_long_ago_tells_nothing_of_today(tmp_path: Path) -> None:
    wide = built_chain(date(2026, 3, 2))
    narrow = built_chain(DAYS[0], strikes=[100.0, 105.0])
    assert judge(narrow, panel_of(tmp_path, wide)) == set()


def test_sessions_that_ended_before_the_close_are_told_apart_from_those_that_are_not_trusted(tmp_path: Path) -> None:
    noon = [
        built_chain(day, quote_time=datetime(day.year, day.month, day.day, 16, tzinfo=UTC), columns={"last": None})
        for day in DAYS[:2]
    ]
    repeat = built_chain(DAYS[3], volume=built_chain(DAYS[2])["volume"].to_list())
    panel = panel_of(tmp_path, *noon, built_chain(DAYS[2]), repeat)
    reasons = quality.unusable(panel.underlying_sessions)
    assert reasons.rows() == [
        (
            "ABC",
            "history_sessions",
            "2 stored sessions end before the close, volume of 1 stored session is not trusted",
        )
    ]
    assert quality.unusable(panel_of(tmp_path / "good", built_chain(DAYS[2])).underlying_sessions).is_empty()
