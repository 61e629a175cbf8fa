"""The walk forward and what is measured on it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from standard import calendar, conform

from benchmarks.__main__ import main as benchmark
from benchmarks.detection import injections, measures, walk
from benchmarks.detection.injections import Injection
from benchmarks.detection.published import RULES, Session
from benchmarks.detection.recording import Recording
from scanner.metrics import matching

DAYS = calendar.sessions_between(date(2025, 6, 2), date(2025, 7, 3))
NEW_FROM = 16


def recorded(seed: int = 1) -> pl.DataFrame:
    """Canonical chains of one name: three expiries, twenty strikes, the highest listed only from session 16 on."""
    random = np.random.default_rng(seed)
    frames = []
    for number, day in enumerate(DAYS):
        strikes = [80.0 + 2 * step for step in range(20)] + ([120.0, 122.0] if number >= NEW_FROM else [])
        rows = [
            (date(2025, month, 18), strike, right) for month in (7, 8, 9) for strike in strikes for right in ("C", "P")
        ]
        frame = pl.DataFrame(rows, schema=["expiry", "strike", "right"], orient="row")
        rate = 12 * np.exp(-np.abs(frame["strike"].to_numpy() - 100) / 8) * np.exp(random.normal(0, 0.3))
        volume = random.poisson(random.gamma(0.3, rate / 0.3))
        age = number - NEW_FROM if number >= NEW_FROM else 99
        interest = np.where(frame["strike"].to_numpy() >= 120, 0 if age == 0 else 10, 200)
        frames.append(
            frame.with_columns(
                source=pl.lit("test"),
                simulated=pl.lit(value=False),
                session_date=pl.lit(day),
                quote_time=pl.lit(calendar.session_close(day)),
                underlying=pl.lit("AAA"),
                root=pl.lit("AAA"),
                spot=pl.lit(100.0),
                last=pl.lit(1.0),
                volume=pl.Series(volume),
                open_interest=pl.Series(interest),
                vendor_iv=pl.lit(0.3),
                vendor_delta=pl.lit(0.5),
            )
        )
    return conform(pl.concat(frames))


@pytest.fixture(scope="module")
def recording() -> Recording:
    return Recording.of(recorded())


@pytest.fixture(scope="module")
def models(recording: Recording) -> walk.Models:
    return walk.fit_models(recording, range(18, 22))


def test_a_recording_gives_back_the_chains_it_was_made_of(recording: Recording) -> None:
    day = recorded().filter(pl.col("session_date") == DAYS[5])
    columns = ["contract", "volume", "open_interest", "spot"]
    assert recording.chain(5).select(columns).equals(day.select(columns))


def test_a_panel_of_a_recording_holds_only_the_sessions_before(recording: Recording) -> None:
    panel = recording.panel(10, 4)
    assert panel.sessions == tuple(DAYS[6:10])
    assert panel.volume.shape == (120, 4)


def test_a_session_served_twice_is_left_out_of_a_recording_with_its_reason() -> None:
    chains = recorded()
    copied = chains.filter(pl.col("session_date") == DAYS[8]).with_columns(
        session_date=pl.lit(DAYS[9]), quote_time=pl.lit(calendar.session_close(DAYS[9]))
    )
    dirty = pl.concat([chains.filter(pl.col("session_date") != DAYS[9]), copied])
    recording = Recording.of(dirty).trusted(dirty)
    assert not len(recording.rows(9))
    assert len(recording.rows(8)) == len(recording.rows(10)) == 120
    assert any(str(DAYS[9]) in sentence for sentence in recording.excluded)


def test_planted_lots_are_the_only_difference_to_the_recording(recording: Recording) -> None:
    changed, planted = injections.plant(recording, range(16, 19), 2, np.random.default_rng(3))
    added = np.nan_to_num(changed.volume - recording.volume)
    assert added.sum() == sum(int(item.lots.sum()) for item in planted)
    assert {item.kind for item in planted} == set(injections.KINDS)
    assert all(injections.SMALLEST <= item.lots.sum() <= injections.LARGEST for item in planted)
    assert all(item.session == NEW_FROM for item in planted if item.kind == "new strike")
    ladders = [recording.contracts[item.rows] for item in planted if item.kind == "ladder"]
    assert all(
        ladder.select("expiry", "right").n_unique() == 1 and ladder["strike"].diff()[1:].to_list() == [2.0, 2.0]
        for ladder in ladders
    )


def test_what_is_planted_stands_in_the_open_interest_of_the_mornings_after(recording: Recording) -> None:
    changed, planted = injections.plant(recording, range(16, 17), 1, np.random.default_rng(3))
    drip = next(item for item in planted if item.kind == "drip")
    added = (changed.open_interest - recording.open_interest)[drip.rows[0], drip.session : drip.session + 6]
    assert added.tolist() == [0, *np.cumsum(drip.lots[0]).tolist()]


def test_harder_places_are_where_people_trade(recording: Recording) -> None:
    delta = recording.delta.copy()
    delta[::2] = 0.9
    _, planted = injections.plant(
        replace(recording, delta=delta), range(16, 19), 2, np.random.default_rng(3), harder=True
    )
    first = [item.rows[0] for item in planted]
    assert len(first) >= 12
    assert all(row % 2 == 1 for row in first)
    assert all(5 <= recording.days_to_expiry(item.session)[item.rows[0]] <= 200 for item in planted)


def test_the_same_seed_plants_the_same_events(recording: Recording) -> None:
    first, second = (injections.plant(recording, range(16, 19), 1, np.random.default_rng(9))[0] for _ in range(2))
    np.testing.assert_array_equal(first.volume, second.volume)


def test_a_model_of_a_session_does_not_change_with_what_comes_after(recording: Recording, models: walk.Models) -> None:
    later = recording.volume.copy()
    later[:, 20:] *= 7
    again = walk.fit_models(recording.with_volume(later), range(18, 19))[18]
    assert walk.score(recording, 18, again).equals(walk.score(recording, 18, models[18]))


def test_a_planted_block_of_thousands_is_at_the_top_of_our_list(recording: Recording, models: walk.Models) -> None:
    row = 9
    block = Injection("block", 19, np.array([row]), np.array([[4000]]))
    volume = recording.volume.copy()
    volume[row, 19] += 4000
    ours = [
        item
        for item in walk.lists(recording.with_volume(volume), {19: models[19]}, [block])
        if item.detector == walk.OURS
    ]
    assert ours[0].hits[5] == frozenset({0})


def test_a_budget_pays_for_natural_alerts_only_and_an_episode_costs_nothing_twice() -> None:
    entries = [walk.Entry(9.0, (1,)), walk.Entry(8.0, (2, 3)), walk.Entry(7.0, (4,))] + [
        walk.Entry(6.0 - 0.1 * n, (10 + n,)) for n in range(6)
    ]
    before: dict[tuple[str, int], set[int]] = {("rule", 5): {3}}
    listed = walk._spend(0, "rule", entries, [(), (), (0,), *[()] * 6], before)
    assert listed.paid[5] == (0, 3, 4, 5, 6)
    assert listed.hits[5] == {0}
    assert before["rule", 5] == {1, 2, 3, 4, 10, 11, 12, 13}


def session_of(**changes: object) -> Session:
    """Three contracts: one that passes every fixed threshold, one of size alone, one that is quiet."""
    values: dict[str, object] = {
        "volume": np.array([2000.0, 1500.0, 10.0]),
        "open_interest": np.array([400.0, 60_000.0, 500.0]),
        "price": np.array([8.0, 0.05, 1.0]),
        "days": np.array([20, 20, 20], np.int32),
        "otm_pct": np.array([0.12, 0.12, 0.02]),
        "call": np.array([True, True, True]),
        "underlying": np.zeros(3, np.int32),
        "past": np.array([[10, 20, 30, 0, 40], [1500] * 5, [10] * 5], np.float32),
    }
    return Session(**(values | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("rule", "fires"),
    [
        ("Barchart", [True, False, False]),
        ("Unusual Whales Ask Flow", [True, False, False]),
        ("InsiderFinance", [True, True, True]),
        ("InsiderFinance golden", [True, False, False]),
        ("Massive", [True, True, False]),
        ("3.5 MAD", [True, False, False]),
        ("volume / open interest", [True, False, False]),
    ],
)
def test_a_published_rule_fires_where_its_text_says(rule: str, fires: list[bool]) -> None:
    changes = {"otm_pct": np.array([0.12, 0.12, 0.11])} if rule == "InsiderFinance" else {}
    assert (RULES[rule](session_of(**changes)) > 0).tolist() == fires


def test_ratio_rules_divide_by_their_own_averages() -> None:
    assert RULES["volume / 5-day mean"](session_of()).tolist() == [100.0, 1.0, 0.0]
    assert RULES["Cboe LiveVol"](session_of()).tolist() == [100.0, 1.0, 0.0]
    assert RULES["Market Chameleon"](session_of())[0] == pytest.approx(2000 / 1530)


def test_recall_counts_the_first_hit_within_the_budget_and_its_delay() -> None:
    drip = Injection("drip", 3, np.array([0]), np.ones((1, 5), np.int64))
    block = Injection("block", 4, np.array([1]), np.ones((1, 1), np.int64))
    none: dict[int, frozenset[int]] = {5: frozenset(), 20: frozenset(), 50: frozenset()}
    lists = [
        walk.Listed(4, "rule", (), {}, none),
        walk.Listed(5, "rule", (), {}, none | {20: frozenset({0}), 50: frozenset({0})}),
        walk.Listed(6, "rule", (), {}, none | {50: frozenset({0})}),
    ]
    outcome = measures.recall(lists, [drip, block])
    assert outcome["delay_5"].to_list() == [None, None]
    assert outcome["delay_20"].to_list() == [2, None]
    assert outcome["delay_50"].to_list() == [2, None]


def test_a_kind_of_which_nothing_was_planted_has_no_recall_and_lowers_none() -> None:
    outcomes = pl.DataFrame(
        {"detector": ["rule"] * 4, "kind": ["block"] * 4, "session": [1, 1, 2, 2], "lots": [100] * 4}
        | {f"delay_{budget}": [0, None, 0, None] for budget in walk.BUDGETS}
    )
    table = measures.recall_table(outcomes, np.random.default_rng(1))
    assert table.select("kind", "recall").unique().sort("kind").rows() == [("all", 0.5), ("block", 0.5)]


def test_an_alert_is_confirmed_by_half_of_its_volume_and_not_judged_without_open_interest() -> None:
    label = matching.confirmed(
        np.array([100.0, 100.0, 100.0, 0.0]), np.array([10.0, 10.0, np.nan, 1.0]), np.array([60.0, 59.0, 80.0, 9.0])
    )
    np.testing.assert_array_equal(label, [1.0, 0.0, np.nan, np.nan])


def test_matched_contracts_are_the_nearest_allowed_ones() -> None:
    features = np.arange(20.0)[:, None]
    allowed = np.ones(20, bool)
    allowed[[10, 11]] = False
    assert set(matching.matched_random(features, np.array([10]), allowed)[0]) == {7, 8, 9, 12, 13}
    with pytest.raises(ValueError, match="4 contracts to match from"):
        matching.matched_random(features, np.array([10]), np.arange(20) < 4)


def test_false_alarms_are_realised_over_nominal() -> None:
    surprise = np.zeros(10_000)
    surprise[:200] = 2.5
    scored = pl.DataFrame(
        {
            "session_date": [DAYS[0]] * 10_000,
            "underlying": ["AAA"] * 10_000,
            "volume_expected": np.full(10_000, 5.0),
            "dte": np.full(10_000, 20),
            "combined_surprise": surprise,
        }
    )
    table = measures.false_alarms([scored], "combined_surprise", np.random.default_rng(1))
    everything = table.filter(pl.col("by") == "all")
    assert everything["ratio"].to_list() == pytest.approx([2.0, 0.0, 0.0])


def test_the_benchmark_is_called_by_its_name_and_says_what_it_cannot_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert benchmark(["detection", "--data", str(tmp_path)]) == 2
    assert f"no recorded chains to walk over in {tmp_path}" in capsys.readouterr().err


@pytest.mark.realdata
def test_every_label_that_is_no_session_is_left_out_of_the_real_recording(real_data: Path) -> None:
    recording = Recording.read(real_data / "eod-volume-oi", ("AAPL",))
    assert {date(2026, 5, 25), date(2026, 6, 19), date(2026, 7, 3)}.isdisjoint(recording.sessions)
    assert len(recording.sessions) == 62
    assert sum("not a session" in sentence for sentence in recording.excluded) == 3


@pytest.mark.realdata
def test_stated_chances_come_as_often_as_stated_on_real_sessions(real_data: Path) -> None:
    recording = Recording.read(real_data / "eod-volume-oi", ("AAPL",))
    models = walk.fit_models(recording, range(40, 60, 4))
    scored = [walk.score(recording, session, model) for session, model in models.items()]
    table = measures.false_alarms(scored, "combined_surprise", np.random.default_rng(1))
    ratios = dict(table.filter(pl.col("by") == "all").select("nominal", "ratio").iter_rows())
    assert 0.5 < ratios[1e-2] < 2.0
    assert 0.3 < ratios[1e-3] < 3.0


def test_days_between_expiry_and_session_are_calendar_days(recording: Recording) -> None:
    assert recording.contracts["expiry"][0] == date(2025, 7, 18)
    assert recording.days_to_expiry(0)[0] == 46
