"""The volume model: expected volume, surprise and calibration, on markets whose law is known."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal
from standard import calendar

from scanner import activity
from scanner.activity import features, geometry, kernel, scoring
from scanner.history.panel import Panel
from scanner.market import symbology

FIRST = date(2025, 6, 2)
SESSIONS = 32
NAMES = ("AAA", "BBB")
RATE = {"AAA": 40.0, "BBB": 3.0}
DISPERSION = 0.4


def listing() -> pl.DataFrame:
    """Two names, four expiries after the last session, fifteen strikes from 86 to 114, both rights."""
    expiries = [FIRST + timedelta(days=60 + 20 * step) for step in range(4)]
    rows = [
        (name, name, expiry, 86.0 + 2 * step, right)
        for name in NAMES
        for expiry in expiries
        for step in range(15)
        for right in ("C", "P")
    ]
    frame = pl.DataFrame(rows, schema=["underlying", "root", "expiry", "strike", "right"], orient="row")
    frame = frame.with_columns(pl.col("right").cast(pl.Enum(["C", "P"])))
    return frame.with_columns(contract=symbology.format_osi_column()).sort("root", "expiry", "strike", "right")


def mean_volume(contracts: pl.DataFrame) -> np.ndarray:
    """The law: a rate per name that falls off with the distance from 100."""
    rate = contracts["underlying"].replace_strict(RATE).to_numpy()
    return rate * np.exp(-np.abs(contracts["strike"].to_numpy() - 100) / 5)


def draw(random: np.random.Generator, mean: np.ndarray) -> np.ndarray:
    """Negative-binomial counts of the given means."""
    return random.poisson(random.gamma(DISPERSION, mean / DISPERSION)).astype(float)


def day_level(random: np.random.Generator, contracts: pl.DataFrame) -> np.ndarray:
    """How busy each row's name is on one day: log-normal around 1."""
    levels = np.exp(random.normal(0, 0.4, 2))
    return levels[(contracts["underlying"] == "BBB").cast(int).to_numpy()]


def remembered(seed: int = 5, sessions: int = SESSIONS) -> Panel:
    """A panel of sessions drawn from the law, each with its own level for each name."""
    random, contracts = np.random.default_rng(seed), listing()
    law = mean_volume(contracts)
    days = [draw(random, law * day_level(random, contracts)) for _ in range(sessions)]
    volume = np.column_stack(days).astype(np.float32)
    days = tuple(FIRST + timedelta(days=step) for step in range(sessions))
    return Panel(
        source="test",
        sessions=days,
        contracts=contracts.select("underlying", "root", "contract", "expiry", "strike", "right"),
        volume=volume,
        open_interest=np.full_like(volume, 500),
        iv=np.full_like(volume, 0.3),
        delta=np.full_like(volume, np.nan),
        mid=np.full_like(volume, 1.0),
        underlyings=NAMES,
        spot=np.full((2, sessions), 100.0),
        oi_asof=np.full((2, sessions), np.datetime64("NaT"), "datetime64[D]"),
        calendar=calendar,
    )


def chain_of(panel: Panel, volume: np.ndarray) -> pl.DataFrame:
    """The session after a panel, with the given volumes."""
    session = panel.sessions[-1] + timedelta(days=1)
    return panel.contracts.with_columns(
        session_date=pl.lit(session),
        spot=pl.lit(100.0),
        iv=pl.lit(0.3),
        dte=(pl.col("expiry") - session).dt.total_days(),
        open_interest=pl.lit(500),
        volume=pl.Series(volume).fill_nan(None).cast(pl.Int64),
    )


@pytest.fixture(scope="module")
def panel() -> Panel:
    return remembered()


@pytest.fixture(scope="module")
def model(panel: Panel) -> activity.VolumeModel:
    return activity.fit(panel)


def test_of_a_long_list_the_newest_sessions_alone_are_learnt_from(panel: Panel) -> None:
    for sessions in (20, 24):
        learned = activity.fit(panel, most=sessions * len(panel.contracts)).learned
        assert learned.realised.filter(tier=-1)["rows"].unique().item() == sessions * len(panel.contracts)


def test_kernels_meet_one_kind_of_array_however_a_chain_lies_in_memory(
    model: activity.VolumeModel, panel: Panel
) -> None:
    met = (kernel.judge, features.usual, geometry.groups_of, geometry.locate)
    chain = chain_of(panel, draw(np.random.default_rng(1), mean_volume(panel.contracts)))
    told = []
    for lying in (chain.rechunk(), pl.concat([chain[:100], chain[100:]], rechunk=False)):
        scored = activity.score(model, lying, panel)
        told.append((scored["combined_surprise"].to_list(), [len(compiled.overloads) for compiled in met]))
    assert told[0] == told[1]


def test_expected_volume_is_the_laws_mean_within_a_third(model: activity.VolumeModel, panel: Panel) -> None:
    law = mean_volume(panel.contracts)
    scored = activity.score(model, chain_of(panel, draw(np.random.default_rng(1), law)), panel)
    off = np.abs(np.log(scored["volume_expected"].to_numpy() / law))
    assert np.median(off) < 0.33


def test_contracts_in_many_parts_and_two_threads_are_scored_as_all_at_once(
    model: activity.VolumeModel, panel: Panel, monkeypatch: pytest.MonkeyPatch
) -> None:
    chain = chain_of(panel, draw(np.random.default_rng(5), mean_volume(panel.contracts)))
    whole = activity.score(model, chain, panel, elapsed=0.4)
    monkeypatch.setattr("scanner.activity.parts._ROWS_A_PART", 50)
    monkeypatch.setattr("scanner.kernels.threads._ROWS_A_THREAD", 1)
    assert_frame_equal(activity.score(model, chain, panel, elapsed=0.4), whole, check_exact=True)


def test_a_contract_of_no_known_volume_takes_no_other_contracts_number(
    model: activity.VolumeModel, panel: Panel
) -> None:
    chain = chain_of(panel, draw(np.random.default_rng(6), mean_volume(panel.contracts)))
    unknown = pl.Series(np.arange(chain.height) % 7 == 0)
    scored = activity.score(model, chain.with_columns(volume=pl.when(~unknown).then("volume")), panel)
    for name in ("volume_multiple", "volume_surprise", "combined_surprise", "volume_q", "multi_leg_suspect"):
        assert scored[name].is_null().equals(unknown.alias(name))
    assert scored["volume_expected"].null_count() == scored["volume_usual"].null_count() == 0


def test_sessions_of_the_same_law_alarm_as_often_as_they_say(model: activity.VolumeModel, panel: Panel) -> None:
    random, law = np.random.default_rng(2), mean_volume(panel.contracts)
    days = [draw(random, law * day_level(random, panel.contracts)) for _ in range(120)]
    scored = [activity.score(model, chain_of(panel, day), panel)["volume_surprise"] for day in days]
    surprises = np.concatenate([column.to_numpy() for column in scored])
    for nominal in (1e-2, 1e-3):
        assert 0.5 < (surprises >= -np.log10(nominal)).mean() / nominal < 2.0


def test_a_block_of_two_thousand_lots_is_the_rarest_row_and_passes_the_false_discovery_rate(
    model: activity.VolumeModel, panel: Panel
) -> None:
    volume = draw(np.random.default_rng(3), mean_volume(panel.contracts))
    volume[7] = 2000
    scored = activity.score(model, chain_of(panel, volume), panel)
    assert scored["combined_surprise"].arg_max() == 7
    assert scored["volume_q"][7] < 0.1
    assert scored["volume_multiple"][7] > 20


def test_a_drip_is_seen_by_the_five_session_build_up_and_not_by_its_last_day() -> None:
    quiet = remembered(seed=11)
    row = 3
    quiet.volume[row, -4:] = 60
    fitted = activity.fit(quiet)
    volume = draw(np.random.default_rng(4), mean_volume(quiet.contracts))
    volume[row] = 60
    scored = activity.score(fitted, chain_of(quiet, volume), quiet)
    assert scored["volume_surprise_5"][row] > scored["volume_surprise"][row] + 1


def test_unknown_volume_is_not_judged_and_says_so(model: activity.VolumeModel, panel: Panel) -> None:
    volume = draw(np.random.default_rng(6), mean_volume(panel.contracts))
    volume[0] = np.nan
    scored = activity.score(model, chain_of(panel, volume), panel)
    assert scored.row(0, named=True)["volume_surprise"] is None
    assert scored.row(0, named=True)["volume_q"] is None
    assert scored["surprise_reason"][0] == "volume not known"
    assert scored["surprise_reason"].null_count() == scored.height - 1


def test_a_day_busy_in_every_contract_is_a_surprise_of_the_underlying_and_not_of_its_contracts(
    model: activity.VolumeModel, panel: Panel
) -> None:
    law = mean_volume(panel.contracts)
    busy = np.where((panel.contracts["underlying"] == "AAA").to_numpy(), 5 * law, law)
    scored = activity.score(model, chain_of(panel, draw(np.random.default_rng(8), busy)), panel)
    wide = activity.underlying_surprises(model, scored, panel)
    surprises = dict(wide.select("underlying", "volume_surprise").iter_rows())
    assert surprises["AAA"] > 2 > surprises["BBB"]
    mine = scored.filter(pl.col("underlying") == "AAA")
    assert (mine["volume_surprise"] >= 3).sum() <= 2


def test_two_underlyings_that_list_one_root_have_strikes_and_expiries_of_their_own() -> None:
    """One has the calls of a root and the other its puts, so that their rows alternate."""
    whole = remembered()
    rights = dict(zip(NAMES, ("C", "P"), strict=True))
    own = whole.contracts["right"].cast(pl.String) == whole.contracts["underlying"].replace_strict(rights)
    contracts = whole.contracts.filter(own).with_columns(root=pl.lit("X")).sort("root", "expiry", "strike", "right")
    contracts = contracts.with_columns(contract=symbology.format_osi_column())
    volume = np.random.default_rng(1).poisson(5, (len(contracts), SESSIONS)).astype(np.float32)
    matrices = {name: getattr(whole, name)[: len(contracts)] for name in ("open_interest", "iv", "delta", "mid")}
    panel = replace(whole, contracts=contracts, volume=volume, **matrices)
    model = activity.fit(panel)
    today = np.full(len(contracts), 5.0)
    block = int(contracts.with_row_index().filter(underlying="AAA", strike=100.0)["index"][0])
    today[block] = 5000.0
    scored = activity.score(model, chain_of(panel, today), panel)
    strikes = activity.strike_surprises(model, scored)
    expiries = activity.expiry_surprises(model, scored, panel)
    assert strikes.height == strikes.select("underlying", "expiry", "strike").n_unique() == 2 * 4 * 15
    assert expiries.height == expiries.select("underlying", "expiry").n_unique() == 2 * 4
    for found in (strikes, expiries):
        loud = found.filter(pl.col("volume_surprise") > 3).select("underlying", "expiry")
        assert loud.rows() == [("AAA", contracts["expiry"][block])]


def test_scoring_keeps_rows_order_and_other_columns(model: activity.VolumeModel, panel: Panel) -> None:
    chain = chain_of(panel, mean_volume(panel.contracts).round())
    assert activity.score(model, chain, panel).select(chain.columns).equals(chain)


def test_without_any_history_the_built_in_prior_judges_and_says_so(panel: Panel) -> None:
    volume = mean_volume(panel.contracts).round()
    volume[7] = 4000
    nothing = Panel.empty(calendar=calendar)
    scored = activity.score(activity.fit(nothing), chain_of(panel, volume), nothing)
    assert scored["baseline_kind"].unique().to_list() == ["prior"]
    assert scored["combined_surprise"].arg_max() == 7
    assert scored["volume_surprise"][7] > 2
    assert scored["volume_avg_20"].null_count() == scored.height


def test_a_name_with_nine_sessions_is_judged_by_the_prior_and_with_ten_more_by_its_own_history() -> None:
    for sessions, kind in ((9, "prior"), (SESSIONS, "own")):
        short = remembered(sessions=sessions)
        scored = activity.score(activity.fit(short), chain_of(short, mean_volume(short.contracts).round()), short)
        assert scored["baseline_kind"].unique().to_list() == [kind]


def test_the_same_panel_gives_the_same_surprises(panel: Panel, model: activity.VolumeModel) -> None:
    again = activity.fit(panel)
    chain = chain_of(panel, draw(np.random.default_rng(9), mean_volume(panel.contracts)))
    assert activity.score(again, chain, panel).equals(activity.score(model, chain, panel))


def first_day(days: tuple[int, ...]) -> pl.DataFrame:
    """A name without a past: ten calls in each of some expiries, one of which trades 5,000 lots."""
    today = date(2026, 7, 30)
    rows = [(today + timedelta(days=day), 95.0 + strike) for day in days for strike in range(10)]
    chain = pl.DataFrame(rows, schema=["expiry", "strike"], orient="row").with_columns(
        underlying=pl.lit("NEW"), root=pl.lit("NEW"), right=pl.lit("C").cast(pl.Enum(["C", "P"])),
        session_date=pl.lit(today), spot=pl.lit(100.0), iv=pl.lit(0.2), open_interest=pl.lit(100),
        volume=pl.when(pl.col("strike") == 104.0).then(5000).otherwise(3),
    )  # fmt: skip
    chain = chain.with_columns(contract=symbology.format_osi_column()).sort("root", "expiry", "strike", "right")
    nothing = Panel.empty(calendar=calendar)
    return activity.score(activity.fit(nothing), chain, nothing)


def test_the_built_in_baseline_judges_nothing_on_its_last_day() -> None:
    scored = first_day((0, 8, 15))
    last, later = (
        scored.filter(pl.col("expiry") == date(2026, 7, 30)),
        scored.filter(pl.col("expiry") > date(2026, 8, 1)),
    )
    assert last["combined_surprise"].null_count() == last.height
    assert last["surprise_reason"].str.contains("built-in baseline").all()
    assert last["baseline_kind"].null_count() == last.height
    assert later["combined_surprise"].null_count() == 0


def test_the_built_in_baseline_judges_no_name_that_expires_every_day() -> None:
    daily, weekly = first_day((1, 4, 5, 6, 7, 36)), first_day((1, 4, 6, 8, 36))
    assert daily["combined_surprise"].null_count() == daily.height
    assert weekly["combined_surprise"].null_count() == 0
    assert scoring.without_baseline(daily)["reason"].unique().to_list() == [scoring.NO_PRIOR]
    assert scoring.without_baseline(weekly).is_empty()
