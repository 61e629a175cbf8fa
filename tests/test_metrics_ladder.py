"""The ladder scope: runs of neighbouring strikes found by scanning."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest

from scanner.activity.calibration import calibrate
from scanner.activity.runs import MATURITIES, maturity_of
from scanner.market import symbology
from scanner.metrics import ladder


@pytest.fixture(scope="module")
def calibration():
    """Runs whose raw surprise is what it says."""
    raw = np.random.default_rng(1).exponential(1 / np.log(10), 100_000)
    return calibrate(
        raw, np.zeros(len(raw), np.int64), np.arange(len(raw)), np.bincount([0] * len(raw), minlength=MATURITIES)
    )


def scored(surprises: dict[tuple[str, float], float]) -> pl.DataFrame:
    """Calls and puts at strikes 100 to 130 by five, with the given surprises and 100 lots each."""
    rows = [
        ("AAA", "AAA", date(2025, 10, 17), 100.0 + 5 * step, right, surprises.get((right, 100.0 + 5 * step), 0.0))
        for step in range(7)
        for right in ("C", "P")
    ]
    names = ["underlying", "root", "expiry", "strike", "right", "combined_surprise"]
    frame = pl.DataFrame(rows, schema=names, orient="row").with_columns(pl.col("right").cast(pl.Enum(["C", "P"])))
    frame = frame.with_columns(volume=pl.lit(100), open_interest=pl.lit(10), session_date=pl.lit(date(2025, 9, 17)))
    return frame.with_columns(contract=symbology.format_osi_column()).sort("root", "expiry", "strike", "right")


def test_three_neighbouring_calls_are_one_ladder_with_their_sums(calibration) -> None:
    found = ladder.find(
        scored({("C", 105.0): 2.0, ("C", 110.0): 2.0, ("C", 115.0): 2.0, ("P", 110.0): 0.5}), calibration
    )
    assert found.height == 1
    row = found.row(0, named=True)
    assert (row["first_strike"], row["last_strike"], row["strikes"], row["right"]) == (105.0, 115.0, 3, "C")
    assert (row["volume"], row["open_interest"]) == (300, 30)
    assert row["volume_share"] == pytest.approx(3 / 7)
    assert row["ladder_surprise"] > 3


def test_one_rare_strike_alone_is_no_ladder(calibration) -> None:
    assert ladder.find(scored({("C", 105.0): 6.0}), calibration).is_empty()


def test_a_call_and_a_put_beside_each_other_are_no_ladder(calibration) -> None:
    assert ladder.find(scored({("C", 105.0): 3.0, ("P", 110.0): 3.0}), calibration).is_empty()


def test_a_quiet_strike_between_two_rare_ones_is_passed_over_and_not_named(calibration) -> None:
    found = ladder.find(scored({("P", 105.0): 3.0, ("P", 115.0): 3.0}), calibration)
    assert found["strikes"].to_list() == [2]
    assert found["members"][0].to_list() == ["AAA251017P00105000", "AAA251017P00115000"]


def test_a_run_has_five_strikes_at_most_and_no_contract_is_in_two_ladders(calibration) -> None:
    surprises = {("C", 100.0 + 5 * step): 2.0 + 0.1 * step for step in range(7)}
    members = ladder.find(scored(surprises), calibration)["members"].explode().to_list()
    assert len(members) == len(set(members)) == 5


def test_runs_are_calibrated_by_days_to_expiry() -> None:
    assert maturity_of(np.array([0, 7, 8, 30, 31, 119, 120, 900])).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_a_run_in_a_band_where_runs_are_common_is_less_rare_than_elsewhere() -> None:
    random = np.random.default_rng(2)
    near, far = 2.0 * random.exponential(1 / np.log(10), 20_000), random.exponential(1 / np.log(10), 20_000)
    band = np.repeat([1, 2], 20_000)
    calibration = calibrate(
        np.concatenate([near, far]), band, np.arange(40_000), np.bincount(band, minlength=MATURITIES)
    )
    calls = {("C", 105.0): 2.0, ("C", 110.0): 2.0, ("C", 115.0): 2.0}
    month, quarter = (
        ladder.find(scored(calls).with_columns(session_date=pl.lit(session)), calibration, 0.5)["ladder_surprise"][0]
        for session in (date(2025, 9, 17), date(2025, 7, 17))
    )
    assert quarter == pytest.approx(2 * month, rel=0.15)
