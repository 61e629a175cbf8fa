"""A session that is missing from the history is a gap: what lies beside it there is not the previous session."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from built_chains import built_chain
from standard import calendar, measure, open_store

from scanner.activity import iv30_change_surprise
from scanner.history.known_before import KnownBefore
from scanner.history.panel import Panel
from scanner.metrics import earnings, returns
from scanner.store.store import Store

DAYS = calendar.sessions_between(date(2026, 5, 1), date(2026, 7, 31))
CHANGES = {
    "contract": ("iv_change", "oi_change"),
    "underlying": ("put_call_volume_prev", "put_call_volume_change", "spot_change", "iv30_change", "skew_change"),
    "market": ("put_call_volume_prev", "put_call_volume_change"),
}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "store")


def keep(store: Store, days: list[date], name: str = "ABC") -> None:
    for day in days:
        store.snapshots.write(built_chain(day, underlying=name, expiries=EXPIRIES), f"{name}-{day}")
    store.catch_up()


def measured(store: Store, session: date, *names: str) -> dict[str, pl.DataFrame]:
    chain = pl.concat([built_chain(session, underlying=name, expiries=EXPIRIES) for name in names])
    panel = store.history.panel("test", names, session)
    return dict(measure(chain, KnownBefore(panel), calendar.session_close(session)).frames)


def nulls(frames: dict[str, pl.DataFrame]) -> set[tuple[str, str]]:
    """The changes that are null in every row."""
    return {
        (scope, name)
        for scope, names in CHANGES.items()
        for name in names
        if frames[scope][name].null_count() == frames[scope].height
    }


# One expiry on either side of thirty days, so that there is an iv30.
EXPIRIES = (date(2026, 6, 5), date(2026, 7, 17))
EVERY = {(scope, name) for scope, names in CHANGES.items() for name in names}


def test_every_change_is_known_where_the_previous_session_is(store: Store) -> None:
    keep(store, DAYS[:8])
    assert nulls(measured(store, DAYS[8], "ABC")) == set()


@pytest.mark.parametrize("missing", [1, 15])
def test_no_change_is_taken_over_a_gap(store: Store, missing: int) -> None:
    keep(store, DAYS[:8])
    assert nulls(measured(store, DAYS[8 + missing], "ABC")) == EVERY


def test_a_name_that_was_not_seen_has_no_change_though_others_were(store: Store) -> None:
    keep(store, DAYS[:8])
    keep(store, DAYS[:7], "XYZ")
    frames = measured(store, DAYS[8], "ABC", "XYZ")
    for name, known in (("ABC", True), ("XYZ", False)):
        mine = {scope: frames[scope].filter(pl.col("underlying") == name) for scope in ("contract", "underlying")}
        assert all((mine[scope][field].null_count() == 0) == known for scope in mine for field in CHANGES[scope])
    # Half a market yesterday is no market to compare with.
    assert frames["market"]["put_call_volume_change"].to_list() == [None, None, None]
    assert frames["market"].filter(pl.col("segment") == "all")["underlyings"].item() == 2


def test_the_market_compares_like_with_like_where_a_name_is_missing_today(store: Store) -> None:
    keep(store, DAYS[:8])
    keep(store, DAYS[:8], "XYZ")
    alone = measured(store, DAYS[8], "ABC")
    row = alone["market"].row(by_predicate=pl.col("segment") == "all", named=True)
    own = alone["underlying"].row(0, named=True)
    assert row["put_call_volume_prev"] == pytest.approx(own["put_call_volume_prev"])
    assert row["volume_ratio_5"] == pytest.approx(own["volume_ratio_5"])


def test_open_interest_five_closes_ago_is_known_by_its_own_date_alone(store: Store) -> None:
    # The close five sessions before the one today's open interest is of is shown by session 3, which is there or not.
    keep(store, [day for number, day in enumerate(DAYS[:8]) if number not in (4, 5)])
    held = measured(store, DAYS[8], "ABC")["contract"]
    before, now = (built_chain(DAYS[number], expiries=EXPIRIES)["open_interest"] for number in (3, 8))
    assert held["oi_change_5"].to_list() == (now - before).to_list()
    assert held["oi_change"].null_count() == 0
    keep(store, DAYS[9:14])
    later = measured(store, DAYS[14], "ABC")["contract"]
    assert later["oi_change_5"].null_count() == 0
    assert measured(store, DAYS[13], "ABC")["contract"]["oi_change_5"].null_count() == later.height


def remembered(volumes: dict[date, int], names: tuple[str, ...] = ("ABC",)) -> Panel:
    """A panel that knows volumes of some sessions, half of them puts."""
    rows = [
        {"session_date": day, "underlying": name, "call_volume": volume, "put_volume": volume}
        for day, volume in volumes.items()
        for name in names
    ]
    return replace(Panel.empty("test", calendar=calendar), underlying_sessions=pl.DataFrame(rows))


def ratios(panel: Panel, session: date) -> tuple[float | None, float | None]:
    frames = measure(built_chain(session, volume=10), KnownBefore(panel), calendar.session_close(session)).frames
    row = frames["underlying"].select("volume_ratio_5", "volume_ratio_20").row(0)
    market = frames["market"].filter(pl.col("segment") == "all").select("volume_ratio_5", "volume_ratio_20").row(0)
    assert market == pytest.approx(row)
    return row


def test_a_mean_of_sessions_reaches_back_by_the_calendar_and_forgives_single_gaps() -> None:
    today = DAYS[30]
    # 20 contracts of 10 lots are 200; every past session had 50 calls and 50 puts.
    whole = dict.fromkeys(DAYS[:30], 50)
    assert ratios(remembered(whole), today) == (pytest.approx(2.0), pytest.approx(2.0))
    one_missing = {day: volume for day, volume in whole.items() if day != DAYS[28]}
    assert ratios(remembered(one_missing), today) == (pytest.approx(2.0), pytest.approx(2.0))
    two_missing = {day: volume for day, volume in one_missing.items() if day != DAYS[27]}
    assert ratios(remembered(two_missing), today) == (None, pytest.approx(2.0))
    month_missing = {day: volume for day, volume in whole.items() if day < DAYS[10]}
    assert ratios(remembered(month_missing), today) == (None, None)


def grown(store: Store, days: list[date], today: date, volume: int) -> pl.DataFrame:
    """The contracts of a session; in each session from May 2026 on they traded a lot more, and ``days`` are kept."""
    for day in days:
        chain = built_chain(day, expiries=EXPIRIES, volume=DAYS.index(day))
        store.snapshots.write(chain, f"{day}")
    store.catch_up()
    panel = store.history.panel("test", ["ABC"], today)
    chain = built_chain(today, expiries=EXPIRIES, volume=volume)
    return measure(chain, KnownBefore(panel), calendar.session_close(today)).frames["contract"]


COUNTED_BACK = ("volume_avg_5", "volume_avg_20", "volume_median_20", "volume_5", "volume_usual_5", "new_strike")


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        # Sessions 6 to 10 are the five before session 11; its week begins with session 7.
        ([], (8.0, 5.0, 5.0, 30 + 34, 15.0, False)),
        ([8, 9, 10], (6.5, 3.5, 3.5, 30 + 7, 15.0, None)),
        ([8, 9], (23 / 3, 38 / 9, 4.0, 30 + 17, 15.0, False)),
        ([*range(6, 11)], (None, 2.5, 2.5, 30, 12.5, None)),
    ],
)
def test_what_counts_back_from_today_counts_sessions_of_the_exchange(
    store: Store, missing: list[int], told: tuple[float | None, ...]
) -> None:
    kept = [day for number, day in enumerate(DAYS[:11]) if number not in missing]
    rows = grown(store, kept, DAYS[11], 30).select(COUNTED_BACK).unique()
    assert rows.height == 1
    assert rows.row(0) == pytest.approx(told)


def test_a_panel_without_gaps_is_left_as_it_is(store: Store) -> None:
    keep(store, DAYS[:8])
    panel = store.history.panel("test", ["ABC"], DAYS[8])
    assert panel.by_calendar(DAYS[8]) is panel
    placed = panel.by_calendar(DAYS[10])
    assert placed.sessions == tuple(DAYS[:10])
    assert np.isnan(placed.volume[:, 8:]).all()
    assert np.array_equal(placed.volume[:, :8], panel.volume)
    assert np.isnan(placed.spot[:, 8:]).all()
    assert placed.fingerprint not in ("", panel.fingerprint)
    assert len(panel.by_calendar(DAYS[50]).sessions) == 28


def test_a_panel_of_plain_matrices_is_spread_as_one_over_a_store_is(store: Store) -> None:
    keep(store, [day for number, day in enumerate(DAYS[:8]) if number != 5])
    panel = store.history.panel("test", ["ABC"], DAYS[9])
    plain = Panel(**{member.name: getattr(panel, member.name) for member in fields(Panel)})
    placed, spread = panel.by_calendar(DAYS[9]), plain.by_calendar(DAYS[9])
    assert placed.sessions == spread.sessions == tuple(DAYS[:9])
    for name in ("volume", "open_interest", "iv", "delta", "mid", "spot", "oi_asof"):
        np.testing.assert_array_equal(getattr(placed, name), getattr(spread, name))
    assert np.isnat(placed.oi_asof[:, [5, 8]]).all()


def prices(days: list[date], missing: set[date], jump: float = 1.22) -> pl.DataFrame:
    """A price that goes up and down by 1 % in turn, and by more over what is missing."""
    spot, level = [], 100.0
    for number, day in enumerate(days):
        level *= np.exp(0.01 if number % 2 else -0.01)
        if calendar.previous_session(day) in missing and day not in missing:
            level *= jump
        spot.append(level)
    kept = [number for number, day in enumerate(days) if day not in missing]
    return pl.DataFrame(
        {
            "underlying": "ABC",
            "session_date": [days[number] for number in kept],
            "spot": [spot[number] for number in kept],
        }
    )


def volatility(closes: pl.DataFrame, session: date) -> float | None:
    return returns.volatility(closes, session, calendar)["hv_20"].item()


def test_realised_volatility_leaves_out_what_happened_over_a_gap() -> None:
    # Twenty returns of +1 % and -1 % in turn: standard deviation sqrt(20 / 19) %, times sqrt(252).
    by_hand = 0.01 * np.sqrt(20 / 19) * np.sqrt(252)
    assert volatility(prices(DAYS[:30], set()), DAYS[30]) == pytest.approx(by_hand)
    one_missing = volatility(prices(DAYS[:30], {DAYS[20]}), DAYS[30])
    # Eighteen returns are left, nine of them up and nine down.
    assert one_missing == pytest.approx(0.01 * np.sqrt(18 / 17) * np.sqrt(252))


def test_realised_volatility_is_null_where_a_gap_leaves_too_few_returns() -> None:
    panel = prices(DAYS[:50], set(DAYS[25:45]))
    assert volatility(panel, DAYS[50]) is None
    # Fifteen returns after the gap: the first session after it has no return of its own.
    panel = prices(DAYS[:61], set(DAYS[25:45]))
    assert volatility(panel, DAYS[60]) is None
    assert volatility(panel, DAYS[61]) == pytest.approx(0.01 * np.sqrt(252), rel=0.06)


def test_a_history_that_ended_long_ago_gives_no_volatility() -> None:
    assert volatility(prices(DAYS[:30], set()), DAYS[50]) is None


def test_an_earnings_move_is_of_one_session_not_of_a_gap() -> None:
    events = pl.DataFrame(
        {"underlying": ["ABC"], "date": [DAYS[5]], "kind": ["earnings"], "value": [None], "when": ["before_open"]},
        schema_overrides={"value": pl.Float64},
    )

    def moves(days: list[date]) -> list[float]:
        closes = pl.DataFrame(
            {"session_date": days, "underlying": ["ABC"] * len(days), "spot": [100.0 + 10 * day.day for day in days]}
        )
        return earnings.moves(events, closes, calendar)["earnings_average_move_pct"].to_list()

    before, after = 100.0 + 10 * DAYS[4].day, 100.0 + 10 * DAYS[5].day
    assert moves(DAYS[3:7]) == [pytest.approx(after / before - 1)]
    assert moves([DAYS[3], *DAYS[5:7]]) == []


def test_a_change_of_iv30_over_a_gap_is_no_change_to_learn_from() -> None:
    level = [0.30 * np.exp(0.05 * (number % 2)) for number in range(30)]

    def surprise(kept: list[int], lift: float) -> float | None:
        past = pl.DataFrame(
            {
                "session_date": [DAYS[number] for number in kept],
                "underlying": ["ABC"] * len(kept),
                "iv30": [level[number] * (lift if number >= 20 else 1.0) for number in kept],
            }
        )
        now = pl.DataFrame({"underlying": ["ABC"], "session_date": [DAYS[30]], "iv30": [0.5]})
        panel = replace(Panel.empty("test", calendar=calendar), underlying_sessions=past)
        return iv30_change_surprise(now, panel)["iv30_change_surprise"].item()

    with_gap = [number for number in range(30) if not 10 <= number < 20]
    assert surprise(with_gap, 1.0) is not None
    # All that comes after the gap is higher by two thirds, which must not widen what is usual from day to day; where
    # the sessions between are known, it happened on one day and does.
    narrow, whole = surprise(with_gap, 0.5 / 0.3), surprise(list(range(30)), 0.5 / 0.3)
    assert narrow is not None
    assert whole is not None
    assert narrow > whole
    assert surprise(list(range(29)), 1.0) is None


@pytest.mark.parametrize("missing", [None, 3, 5])
def test_a_week_is_five_sessions_of_the_exchange_and_needs_the_one_at_its_other_end(
    store: Store, missing: int | None
) -> None:
    for number, day in enumerate(DAYS[:8]):
        if number != missing:
            store.snapshots.write(built_chain(day, expiries=EXPIRIES, spot=100.0 + 0.1 * number), f"{day}")
    store.catch_up()
    chain = built_chain(DAYS[8], expiries=EXPIRIES, spot=101.0)
    known = KnownBefore(store.history.panel("test", ["ABC"], DAYS[8]))
    row = measure(chain, known, calendar.session_close(DAYS[8])).frames["underlying"].row(0, named=True)
    assert row["spot_change_5"] == (None if missing == 3 else pytest.approx(101 / 100.3 - 1))


def test_the_back_end_is_compared_with_its_mean_of_twenty_sessions(store: Store) -> None:
    for number, day in enumerate(DAYS[:20]):
        store.snapshots.write(built_chain(day, expiries=EXPIRIES, volume=10 + number), f"{day}")
    store.catch_up()
    chain = built_chain(DAYS[20], expiries=(date(2026, 7, 17), date(2026, 8, 21)), volume=30)
    known = KnownBefore(store.history.panel("test", ["ABC"], DAYS[20]))
    row = measure(chain, known, calendar.session_close(DAYS[20])).frames["underlying"].row(0, named=True)
    # Ten contracts an expiry; June's lies beyond 14 days up to 21 May, the fifteenth of the sessions.
    assert DAYS[14] + timedelta(days=15) == EXPIRIES[0]
    before = [10 * (10 + number) * (2 if number <= 14 else 1) for number in range(20)]
    assert row["back_volume_ratio_20"] == pytest.approx(2 * 10 * 30 / (sum(before) / 20))
