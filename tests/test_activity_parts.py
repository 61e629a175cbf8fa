"""The parts of the volume model, against other libraries and arithmetic by hand."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import betabinom, nbinom, norm

from scanner.activity import combination, geometry, wider
from scanner.activity.calibration import TIERS, apart, calibrate, tier_of
from scanner.activity.geometry import CELLS, cell_of, fill_spot, groups_of
from scanner.activity.history import build_up
from scanner.activity.parts import whole_names
from scanner.activity.regression import Dispersion, fit_dispersion, fit_log_link, interpolate_tail, tail_table
from scanner.activity.runs import best_runs, both_rights
from scanner.activity.time_of_day import share_of_volume


def test_the_tail_table_is_scipys_negative_binomial() -> None:
    table = tail_table(Dispersion(np.array([-3.0, 8.0]), np.log([0.3, 0.3])))
    mean = np.array([0.5, 4.0, 4.0, 60.0, 2000.0])
    count = np.array([1.0, 5.0, 60.0, 700.0, 20_000.0])
    expected = -np.log10(nbinom.sf(count - 1, 0.3, 0.3 / (0.3 + mean)))
    np.testing.assert_allclose(interpolate_tail(table, mean, count), expected, rtol=0.02)


def test_the_regression_finds_the_coefficients_counts_were_drawn_with() -> None:
    random = np.random.default_rng(1)
    x = np.column_stack([np.ones(40_000), random.normal(size=(40_000, 2))]).astype(np.float32)
    truth = np.array([1.0, 0.6, -0.4])
    counts = random.poisson(random.gamma(0.5, np.exp(x @ truth) / 0.5)).astype(float)
    np.testing.assert_allclose(fit_log_link(x, counts), truth, atol=0.06)


def test_the_dispersion_is_found_by_bins_of_the_mean() -> None:
    random = np.random.default_rng(2)
    mean = np.exp(random.uniform(0, 5, 60_000))
    counts = random.poisson(random.gamma(0.4, mean / 0.4)).astype(float)
    np.testing.assert_allclose(fit_dispersion(mean, counts).size(np.array([3.0, 30.0])), 0.4, rtol=0.2)


def test_means_that_differ_in_the_last_digit_give_the_same_dispersion() -> None:
    random = np.random.default_rng(7)
    mean = np.exp(random.uniform(0, 5, 30_000))
    counts = random.poisson(random.gamma(0.35, mean / 0.35)).astype(float)
    nearly = mean * (1 + 1e-6 * random.normal(size=len(mean)))
    found, other = (fit_dispersion(at, counts).log_size for at in (mean, nearly))
    np.testing.assert_allclose(found, other, atol=0.01)


def test_calibration_turns_a_wrong_tail_into_real_frequencies() -> None:
    random = np.random.default_rng(3)
    learnt, fresh = (3.0 * random.exponential(1 / np.log(10), 200_000) for _ in range(2))
    one_tier = np.zeros(200_000, np.int64)
    surprises = calibrate(learnt, one_tier, np.arange(len(learnt)), rows=np.array([len(learnt)])).apply(fresh, one_tier)
    for nominal in (1e-1, 1e-2, 1e-3, 1e-4):
        assert (surprises >= -np.log10(nominal)).mean() / nominal == pytest.approx(1.0, abs=0.4)


def test_the_tail_beyond_the_data_goes_on_and_stays_in_order() -> None:
    random = np.random.default_rng(4)
    calibration = calibrate(
        random.exponential(1 / np.log(10), 5_000), np.zeros(5_000, np.int64), np.arange(5_000), np.array([5_000])
    )
    far = calibration.apply(np.array([4.0, 6.0, 9.0]), np.zeros(3, np.int64))
    assert far[0] < far[1] < far[2]
    assert far[1] == pytest.approx(6.0, abs=1.8)


def test_a_chance_learnt_from_few_days_comes_as_often_as_stated_all_the_same() -> None:
    """Four hundred days of ten contracts each, a day's contracts all alike: the largest sixty are six witnesses."""
    random = np.random.default_rng(6)
    day, fresh, came = np.repeat(np.arange(400), 10), np.linspace(0.0, 20.0, 2_001), []
    for _ in range(300):
        learnt = random.exponential(1 / np.log(10), 400)[day]
        calibration = calibrate(learnt, np.zeros(4_000, np.int64), day, rows=np.array([4_000]))
        threshold = fresh[np.searchsorted(calibration.apply(fresh, np.zeros(2_001, np.int64)), 4.0)]
        came.append(10.0**-threshold)
    assert 0.5 < np.mean(came) / 1e-4 < 2.5  # taken for 4,000 witnesses, it would be six


def test_a_tier_with_few_rows_borrows_the_map_of_all() -> None:
    raw = np.random.default_rng(5).exponential(0.5, 3_000)
    tier = np.where(np.arange(3_000) < 100, 1, 0)
    calibration = calibrate(raw, tier, np.arange(len(raw)), rows=np.bincount(tier))
    assert calibration.apply(np.array([0.0]), np.array([1])).tolist() == [0.0]
    assert calibration.rows.tolist() == [2900, 100]
    assert calibration.apply(np.array([1.0]), np.array([1]))[0] == pytest.approx(
        calibration.apply(np.array([1.0]), np.array([0]))[0], abs=0.1
    )


def test_contract_days_without_volume_may_be_counted_instead_of_handed_over() -> None:
    random = np.random.default_rng(4)
    raw = np.where(random.random(60_000) < 0.2, random.exponential(0.5, 60_000), 0.0)
    tier = random.choice(4, 60_000, p=[0.7, 0.28, 0.0196, 0.0004])
    raw[(tier == 2) & (random.random(60_000) < 0.99)] = 0.0  # so few traded that the tail begins at nothing
    day, rows, there = random.integers(0, 900, 60_000), np.bincount(tier), raw > 0
    whole, counted = calibrate(raw, tier, day, rows), calibrate(raw[there], tier[there], day[there], rows)
    for part in ("raw", "calibrated", "rows"):
        np.testing.assert_array_equal(getattr(counted, part), getattr(whole, part))


def test_expiring_contracts_and_those_of_the_last_week_have_tiers_of_their_own() -> None:
    mean = np.full(3, 50.0)
    tiers = tier_of(mean, np.array([0, 5, 30]))
    assert len(set(tiers.tolist())) == 3
    assert tier_of(np.array([1e6]), np.array([1]))[0] == TIERS - 1


def test_contracts_that_expire_tomorrow_have_tiers_of_their_own() -> None:
    tiers = [set(tier_of(np.array([1.0, 50.0, 1e6]), np.full(3, days)).tolist()) for days in (0, 1, 2)]
    assert all(first.isdisjoint(second) for first, second in pairwise(tiers))
    assert tiers[2] == set(tier_of(np.array([1.0, 50.0, 1e6]), np.full(3, 7)).tolist())


def test_what_a_name_shows_in_sessions_that_share_most_of_a_window_is_one_witness() -> None:
    sessions, names = np.repeat(np.arange(10), 3), np.tile(np.arange(3), 10)
    cluster = sessions * 3 + names
    assert [len(np.unique(apart(cluster, 3, window))) for window in (1, 3, 5)] == [30, 12, 6]
    assert (apart(cluster, 3, 5) % 3 == names).all()


def test_a_build_up_leaves_out_a_block_and_keeps_a_drip() -> None:
    earlier = np.array([[0, 0, 5000, 0], [60, 60, 60, 60], [np.nan, np.nan, 10, 20]], np.float32)
    today = np.array([0.0, 60.0, 30.0], np.float32)
    assert build_up(earlier, 1, today).tolist() == [0.0, 60.0, 30.0]
    assert build_up(earlier, 3, today).tolist() == [0.0, 120.0, 30.0]
    assert build_up(earlier, 5, today).tolist() == [0.0, 180.0, 10.0]


@given(st.lists(st.floats(0, 15), min_size=3, max_size=3), st.floats(0, 20))
def test_a_combination_lies_between_bonferroni_and_half_a_decade_of_agreement(
    windows: list[float], combined: float
) -> None:
    shares = np.log10([0.7, 0.12, 0.18])
    value = combination.bounded_at(combined, *windows)
    assert value >= max(np.max(np.array(windows) + shares), 0) - 1e-9
    assert value <= max(windows) + 0.5 + 1e-9


def test_every_place_has_a_bucket_of_its_own_right() -> None:
    cells = {
        (call, cell_of(moneyness, days, call))
        for moneyness in (-9.0, -0.2, 0.0, 0.2, 9.0)
        for days in (0, 1, 10, 400)
        for call in (True, False)
    }
    assert len(cells) == 40
    assert len({cell for _, cell in cells}) == 40
    assert max(cell for _, cell in cells) < CELLS


def test_groups_begin_with_a_name_an_expiry_or_a_root() -> None:
    name, expiry = np.array([0, 0, 0, 0, 1], np.int32), np.array([9, 9, 12, 12, 12], np.int32)
    strike = np.array([5.0, 6.0, 6.0, 4.0, 4.5])
    assert groups_of(name, expiry, strike).tolist() == [0, 0, 1, 2, 3]


def test_three_neighbours_at_one_in_a_hundred_are_a_run_by_fishers_law_and_one_alone_is_none() -> None:
    group, call = np.zeros(6, np.int32), np.array([True, False] * 3)
    raw, last = best_runs(np.array([2.0, 0.0, 2.0, 0.0, 2.0, 0.0]), group, call)
    evidence = 6 * np.log(10)
    fisher = (evidence - np.log(1 + evidence + evidence**2 / 2)) / np.log(10)
    assert raw[0] == pytest.approx(fisher)
    assert last[0] == 4
    assert best_runs(np.array([5.0, 0.0, 0.5, 0.0, 0.2, 0.0]), group, call)[1].tolist() == [-1] * 6


def test_a_strike_with_one_right_has_that_rights_surprise() -> None:
    assert both_rights(np.array([3.0]), np.array([0])).tolist() == [3.0]
    pair = both_rights(np.array([3.0, 0.0]), np.array([0, 0]))[0]
    assert 0 < pair < 3.0


def test_the_put_share_follows_the_beta_binomial_law() -> None:
    random = np.random.default_rng(6)
    total = np.full((1, 200), 4000.0)
    puts = betabinom.rvs(4000, 12, 18, size=(1, 200), random_state=random).astype(float)
    today = np.array([2600.0])
    surprise = wider.put_share_surprise(puts, total, today, np.array([4000.0]), np.array([0]))
    assert surprise[0] == pytest.approx(-np.log10(betabinom.sf(2599, 4000, 12, 18)), abs=0.35)


def test_a_name_without_volume_has_no_put_call_surprise() -> None:
    nothing = wider.put_share_surprise(np.zeros((1, 3)), np.zeros((1, 3)), np.zeros(1), np.zeros(1), np.array([0]))
    assert np.isnan(nothing).all()


def test_the_share_of_a_session_rises_from_the_open_to_one_at_the_close() -> None:
    shares = [share_of_volume(elapsed, np.array([0, 30])) for elapsed in np.linspace(0, 1, 21)]
    assert (np.diff(shares, axis=0) > 0).all()
    assert shares[-1].tolist() == [1.0, 1.0]


def test_a_missing_spot_is_what_the_deltas_say_and_a_known_one_stays() -> None:
    """Black's delta of a forward at 100 under a volatility of 0.4, thirty days out, by scipy's normal law."""
    strike, call = np.repeat(np.arange(94.0, 107.0), 2), np.tile([True, False], 13)
    deviation = 0.4 * np.sqrt(30 / 365)
    delta = norm.cdf(np.log(100 / strike) / deviation + deviation / 2) - np.where(call, 0.0, 1.0)
    two_names = np.repeat([0, 1], 26).astype(np.int32)
    strikes, iv, days = np.log(np.tile(strike, 2)), np.full(52, 0.4), np.full(52, 30, np.int32)
    spot = np.array([np.nan, 97.5])
    filled = fill_spot(spot, two_names, strikes, np.tile(call, 2), iv, np.tile(delta, 2), days)
    np.testing.assert_allclose(filled, [100.0, 97.5], rtol=1e-6)


def test_too_few_deltas_leave_a_spot_missing() -> None:
    name, calls, strike = np.zeros(3, np.int32), np.ones(3, bool), np.log([99.0, 100.0, 101.0])
    days = np.full(3, 9, np.int32)
    filled = fill_spot(np.array([np.nan]), name, strike, calls, np.full(3, 0.4), np.full(3, 0.5), days)
    assert np.isnan(filled).all()


def test_no_underlying_is_cut_in_two_where_the_roots_of_another_stand_between_its_own(monkeypatch) -> None:
    monkeypatch.setattr("scanner.activity.parts._ROWS_A_PART", 2)
    spx, spxl = 1, 2  # SPX, SPXL and SPXW, in the order of their roots
    underlying = np.array([0, 0, 0, spx, spx, spxl, spxl, spx, spx, 3, 3, 4], np.int32)
    parts = whole_names(underlying)
    assert [(part.start, part.stop) for part in parts] == [(0, 3), (3, 9), (9, 11), (11, 12)]


def test_the_volatility_at_the_money_is_the_upper_median_of_the_contracts_near_it() -> None:
    nan = float("nan")
    rows = [  # underlying, log strike, volatility, days
        (1, 0.00, 0.30, 30),
        (1, 0.05, 0.20, 30),
        (1, 0.00, nan, 30),
        (0, 0.00, 0.40, 30),
        (1, 0.00, 0.60, 30),
        (1, 0.00, 0.90, 90),  # too long
        (1, 0.09, 0.95, 30),  # too far
        (0, 0.02, 0.50, 7),
    ]
    name, strike, iv, days = (np.array(column) for column in zip(*rows, strict=True))
    found = geometry.at_the_money(name.astype(np.int32), strike, iv, np.zeros(3), days.astype(np.int32))
    np.testing.assert_array_equal(found, [0.5, 0.3, nan])


def test_the_price_of_a_place_is_blacks_and_no_less_than_two_cents() -> None:
    strike, days = np.array([90.0, 100.0, 130.0, 400.0]), 73
    call = np.array([True, False, True, True])
    deviation = 0.3 * np.sqrt(days / 365.0)
    upper = np.log(100.0 / strike) / deviation + deviation / 2
    calls = 100.0 * norm.cdf(upper) - strike * norm.cdf(upper - deviation)
    prices = np.where(call, calls, calls - 100.0 + strike)
    expiry, nobody = np.full(4, 20_000 + days, np.int32), np.zeros(4, np.int32)
    distance, price, cell = np.empty(4, np.float32), np.empty(4, np.float32), np.empty(4, np.int16)
    known = np.log([100.0]), np.array([0.3])
    geometry.locate(nobody, np.log(strike), call, expiry, 20_000, *known, distance, cell, price)
    np.testing.assert_allclose(price, np.log(np.maximum(prices, 0.02)), rtol=1e-6, atol=1e-6)
    away = np.log(strike / 100.0) / deviation * np.where(call, 1.0, -1.0)
    np.testing.assert_allclose(distance, np.clip(away, -8.0, 8.0), rtol=1e-6)
