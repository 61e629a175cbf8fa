"""The calibration record: what was stated is counted against what came, walked forward, and a drift is said."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from built_chains import built_chain
from commands import Commands
from standard import calendar, open_store

from scanner import pipeline, ruleset, shipped
from scanner.activity import record
from scanner.activity.counting import of_session
from scanner.activity.record import MAIN, Calibration, levels
from scanner.app import preparing
from scanner.config import Settings
from scanner.outputs import calibration, document
from scanner.store.state import FILE_NAME, State

DAYS = calendar.sessions_between(date(2026, 6, 1), date(2026, 7, 10))
RULES = list(ruleset.load([shipped.shipped_rules()]).stable())
STRIKES = [float(strike) for strike in range(60, 141)]


def kept(day: int, came: int, count: int = 10_000, nominal: float = 1e-2, channel: str = MAIN) -> Calibration:
    return Calibration("test", date(2026, 7, 1) + timedelta(days=day), channel, nominal, came / count, count, "1")


def frames(*surprises: float | None, kind: str = "own", expected: float = 1.0) -> dict[str, pl.DataFrame]:
    rows = {"combined_surprise": surprises, "volume_surprise": surprises}
    contracts = pl.DataFrame(rows, schema=dict.fromkeys(rows, pl.Float64))
    contracts = contracts.with_columns(baseline_kind=pl.lit(kind), volume_expected=pl.lit(expected), dte=pl.lit(30))
    nothing = pl.DataFrame()
    return {"contract": contracts, "strike": nothing, "ladder": nothing, "expiry": nothing, "underlying": nothing}


def test_a_session_counts_what_was_judged_and_what_came_by_channel_and_tier():
    found = of_session(frames(3.2, 2.0, 1.9, None), "test", DAYS[0], "1")
    by = {(item.channel, item.nominal): (item.count, item.realised) for item in found}
    assert by[MAIN, 1e-2] == (3, pytest.approx(2 / 3))
    assert by[MAIN, 1e-3] == (3, pytest.approx(1 / 3))
    assert by[MAIN, 1e-4] == (3, 0.0)
    # An expected volume of 1 with 30 days to go lies between the first two edges of the last month's tiers, 0.5 and 8.
    assert by[f"{MAIN} tier 9", 1e-2] == (3, pytest.approx(2 / 3))


def test_what_rests_on_the_prior_takes_no_part():
    assert of_session(frames(3.2, 2.0, kind="prior"), "test", DAYS[0], "1") == []


def test_levels_are_pooled_over_the_newest_sessions_before_a_date():
    known = [kept(day, came=90 + day) for day in range(30)]
    (level,) = levels(known, before=date(2026, 7, 26), last=20)
    assert (level.sessions, level.count, level.last) == (20, 200_000, date(2026, 7, 25))
    assert level.ratio == pytest.approx(sum(90 + day for day in range(5, 25)) / 200_000 / 1e-2)
    assert not level.drifts


@pytest.mark.parametrize(
    ("sessions_known", "came", "drifts"), [(5, 210, True), (5, 45, True), (5, 190, False), (4, 210, False)]
)
def test_a_drift_is_beyond_twice_either_way_once_enough_sessions_were_judged(sessions_known, came, drifts):
    (level,) = levels([kept(day, came) for day in range(sessions_known)])
    assert level.drifts is drifts


def test_few_expected_cases_never_make_a_drift():
    (level,) = levels([kept(day, came=1, count=1000, nominal=1e-4) for day in range(5)])
    assert (level.ratio, level.drifts) == (10.0, False)


def test_the_words_name_what_was_stated_what_came_and_the_drift():
    told = "\n".join(calibration.sentences(levels([kept(day, came=250) for day in range(5)])))
    assert "1 in 100 came 1 in 40 - 2.5 times as often as stated" in told
    assert "never came in 50,000" in "\n".join(calibration.sentences(levels([kept(day, came=0) for day in range(5)])))


def test_of_two_scans_of_a_session_the_one_that_judged_more_is_kept(tmp_path):
    with State.open(tmp_path / "state.sqlite") as state:
        for count in (500, 9000, 100):
            with state.write() as ledger:
                ledger.save_calibration([kept(0, came=5, count=count)])
        with state.read() as ledger:
            assert [item.count for item in ledger.calibration()] == [9000]


@pytest.fixture(scope="module")
def replayed(tmp_path_factory) -> tuple[Path, list[dict]]:
    """A store of 26 sessions, the last six of them judged in order with one state beside it."""
    folder = tmp_path_factory.mktemp("store")
    store = open_store(folder)
    with State.open(folder / FILE_NAME) as state:
        for day in DAYS[:26]:
            store.snapshots.write(built_chain(day, strikes=STRIKES), f"test-{day}")
        store.catch_up()
        setup = preparing.setup(Settings(), store, state, RULES)
        results = pipeline.replay(setup, None, None, DAYS[20], DAYS[25])
        return folder, [document.document(result) for result in results]


def test_each_close_adds_its_session_and_is_told_those_before_it(replayed):
    _, documents = replayed
    told = [
        [level for level in item["calibration"] if (level["channel"], level["nominal"]) == (MAIN, 1e-2)]
        for item in documents
    ]
    assert [len(item) for item in told] == [0, 1, 1, 1, 1, 1]
    # 81 strikes, two rights and two expiries a session.
    assert [item[0]["count"] for item in told[1:]] == [324, 648, 972, 1296, 1620]


def test_a_name_whose_close_was_not_seen_is_not_counted_beside_those_whose_was(tmp_path):
    def chain(name: str, day: date) -> pl.DataFrame:
        early = timedelta(hours=2 if (name, day) == ("LATE", DAYS[25]) else 0)
        return built_chain(day, underlying=name, strikes=STRIKES, quote_time=calendar.session_close(day) - early)

    store = open_store(tmp_path)
    with State.open(tmp_path / FILE_NAME) as state:
        for day in DAYS[:26]:
            store.snapshots.write(pl.concat([chain("LATE", day), chain("SEEN", day)]), f"test-{day}")
        store.catch_up()
        setup = preparing.setup(Settings(), store, state, RULES)
        assert len(list(pipeline.replay(setup, None, None, DAYS[24], DAYS[25]))) == 2
        with state.read() as ledger:
            counts = {
                item.session_date: item.count
                for item in ledger.calibration()
                if (item.channel, item.nominal) == (MAIN, 1e-2)
            }
    # 81 strikes, two rights and two expiries of each name.
    assert counts == {DAYS[24]: 648, DAYS[25]: 324}


def test_what_the_fit_promised_is_kept_beside_what_came(replayed):
    folder, _ = replayed
    with State.open(folder / FILE_NAME, read_only=True) as state, state.read() as ledger:
        channels = {item.channel for item in ledger.calibration()}
    assert {MAIN, f"{record.HELD_OUT}{MAIN}", "underlying.volume_surprise"} <= channels


def test_a_calibrated_rule_is_explained_with_its_record_and_a_fixed_threshold_without(replayed, monkeypatch, capsys):
    folder, _ = replayed
    run = Commands(monkeypatch, capsys)
    told = run("rules", "explain", "contract-volume-spike", "--store", str(folder)).out
    assert "Stated and come true on your own history (test, 6 sessions, 2026-06-30 to 2026-07-08)" in told
    assert "contract.combined_surprise: 1 in 100 " in told
    fixed = run("rules", "explain", "gamma-expiring", "--store", str(folder), "--format", "json").out
    assert json.loads(fixed)["calibration"] == []


@pytest.mark.parametrize(
    ("tier", "words"),
    [
        (0, "below 0.15 expected"),
        (3, "2 to 8 expected"),
        (7, "1024 and more expected"),
        (8, "in the last month, below 0.5 expected"),
        (13, "in the last week, below 2 expected"),
        (17, "in the last week, 2048 and more expected"),
        (20, "on the last day, 64 and more expected"),
        (21, "on the day before the last, below 2 expected"),
        (25, "on the day before the last, 2048 and more expected"),
    ],
)
def test_a_tier_is_told_by_what_is_expected_of_its_contracts(tier, words):
    assert record.tier_words(tier) == words


def test_tiers_are_listed_by_number():
    known = [kept(0, 1, channel=f"{MAIN} tier {tier}") for tier in (10, 2)]
    assert [level.channel for level in levels(known)] == [f"{MAIN} tier 2", f"{MAIN} tier 10"]
