"""Repeated scans of one session are one family: charged once, remembered by their maximum."""

from __future__ import annotations

from datetime import UTC, date, datetime

import numpy as np
import polars as pl
import pytest

from scanner.activity.looks import charged, look_at
from scanner.history.known_before import Look, Looks

DAY = date(2026, 7, 20)
# 1 + 0.22 ln 27, in decades: what the scans of a session that is scanned every 15 minutes cost.
CHARGE = 0.2370


def at(hour: int) -> datetime:
    return datetime(2026, 7, 20, hour, tzinfo=UTC)


def frames(*surprises: float | None) -> dict[str, pl.DataFrame]:
    """Contracts A, B, C ... of ABC with their combined surprise, and one ladder as rare as the first."""
    names = [chr(ord("A") + number) for number in range(len(surprises))]
    contracts = pl.DataFrame(
        {"contract": names, "combined_surprise": surprises}, schema={"contract": pl.String, "combined_surprise": float}
    ).with_columns(
        underlying=pl.lit("ABC"),
        source=pl.lit("test"),
        session_date=pl.lit(DAY),
        quote_time=pl.lit(at(15)),
        volume_surprise="combined_surprise",
        volume_q=pl.lit(None, pl.Float64),
        new_strike=pl.lit(value=False),
        opening_chance=pl.lit(None, pl.Float64),
    )
    ladder = pl.DataFrame({"underlying": ["ABC"], "ladder_surprise": [surprises[0]]})
    return {"contract": contracts, "ladder": ladder}


def look(hour: int, **surprises: float) -> Look:
    return Look("test", DAY, "ABC", at(hour), surprises)


def test_a_session_looked_at_once_at_its_close_is_charged_nothing():
    found = charged(frames(4.0, 1.0), Looks(), 1.0)["contract"]
    assert found["combined_surprise"].to_list() == [4.0, 1.0]


def test_a_scan_of_a_session_under_way_is_charged_for_all_that_a_session_has_from_the_first_one_on():
    found = charged(frames(4.0, 0.1, None), Looks(), 0.5)
    assert found["contract"]["combined_surprise"].to_list() == pytest.approx([4.0 - CHARGE, 0.0, None], abs=1e-3)
    assert found["ladder"]["ladder_surprise"].to_list() == pytest.approx([4.0 - CHARGE], abs=1e-3)


def test_the_close_after_earlier_scans_is_charged_for_those_there_were():
    earlier = Looks.of([look(14), look(15), look(16)])
    found = charged(frames(4.0), earlier, 1.0)["contract"]
    assert found["combined_surprise"].item() == pytest.approx(4.0 - np.log10(1 + 0.22 * np.log(4)))


def test_the_family_of_the_false_discovery_rate_holds_each_contract_at_its_largest_of_the_session():
    """Two contracts: p 1e-4 now, and 1e-3 in the morning; Benjamini-Hochberg gives q 2e-4 and 1e-3, before the charge
    for two looks, 1 + 0.22 ln 2."""
    earlier = Looks.of([look(14, B=3.0)])
    found = charged(frames(4.0, 0.5), earlier, 1.0)["contract"]
    assert found["volume_q"].to_list() == pytest.approx([2e-4 * 1.1525, 1e-3 * 1.1525], rel=1e-3)
    assert found["combined_surprise"][1] < 0.5


def test_a_run_of_strikes_passes_the_false_discovery_rate_among_all_that_were_looked_at():
    """One run of p 1e-4 among 50 contracts at which runs began: q is 50 times that."""
    found = charged(frames(4.0, *[0.0] * 49), Looks(), 1.0)["ladder"]
    assert found["ladder_q"].to_list() == pytest.approx([50e-4])


def test_what_stood_out_is_remembered_by_underlying():
    (kept,) = look_at(frames(4.0, 1.9, None)["contract"])
    assert kept == Look("test", DAY, "ABC", at(15), {"A": 4.0})
    assert Looks.of([kept, look(16, A=2.5)]).highest == {"A": 4.0}
