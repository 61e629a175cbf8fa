"""Recorded real chains: each bad file is found and named, and no sound one is blamed."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pytest
from standard import calendar, open_store, read_recorded

from scanner.store.importing import ImportReport, import_chains
from scanner.store.store import Store

pytestmark = pytest.mark.realdata


def found(folder: Path, recorded: Path) -> tuple[dict[date, set[tuple[str, str]]], Store]:
    """The verdicts on every session that has any, and the store."""
    store, report = open_store(folder), ImportReport()
    import_chains(store, read_recorded(recorded), report)
    said = {
        item.session_date: set(item.verdicts.select("check", "switches_off").iter_rows())
        for item in report.derived
        if item.verdicts.height
    }
    return said, store


def parts(check: str, *switched_off: str) -> set[tuple[str, str]]:
    return {(check, part) for part in switched_off}


BEFORE_OPEN = parts("before_open", "volume", "quotes", "spot")


def test_the_files_of_mod_that_hold_the_session_before_are_not_judged_and_the_others_are(
    real_data: Path, tmp_path: Path
) -> None:
    said, store = found(tmp_path, real_data / "cboe-chain-daily" / "MOD")
    bad = [(7, 23), (7, 24), (7, 28), (8, 3), (8, 5), (8, 6), (8, 7), (8, 10), (8, 12), (8, 13), (8, 18)]
    assert said == {date(2026, month, day): BEFORE_OPEN for month, day in bad}
    assert len(store.snapshots.sessions("cboe")) == 23


def test_the_repeats_and_pre_market_files_of_spxc_are_not_judged(real_data: Path, tmp_path: Path) -> None:
    said, _ = found(tmp_path, real_data / "cboe-chain-daily" / "SPXC")
    repeated = parts("repeated", "volume", "quotes", "spot")
    expected = {date(2026, month, day): BEFORE_OPEN for month, day in [(7, 22), (7, 23), (7, 28), (7, 29), (8, 10)]}
    expected[date(2026, 8, 7)] = BEFORE_OPEN | parts("oi_lagging", "open_interest")
    expected |= {date(2026, 8, 13): repeated, date(2026, 8, 19): repeated}
    assert said == expected


def test_the_session_of_spy_that_was_served_twice_is_found(real_data: Path, tmp_path: Path) -> None:
    said, store = found(tmp_path, real_data / "cboe-chain-daily" / "SPY")
    assert said == {date(2026, 7, 23): parts("repeated", "all")}
    panel = store.history.panel("cboe", ["SPY"], before=date(2026, 7, 31))
    known = np.isfinite(panel.volume).any(axis=0)
    assert [day for day, there in zip(panel.sessions, known, strict=True) if not there] == [date(2026, 7, 23)]


def test_intraday_pulls_of_bmnr_are_sound_but_for_the_spot_they_lack(real_data: Path, tmp_path: Path) -> None:
    said, store = found(tmp_path, real_data / "cboe-chain-intraday")
    assert set().union(*said.values()) == parts("spot_missing", "spot")
    # The newest pull of each session was made after its close; every close is known.
    panel = store.history.panel("cboe", ["BMNR"], before=date(2026, 8, 24))
    assert panel.sessions == tuple(calendar.sessions_between(date(2026, 8, 5), date(2026, 8, 21)))
    # The sum of the last file of 2026-08-21, taken from it with another tool.
    assert float(np.nansum(panel.volume[:, -1])) == 353_177.0


def test_the_holidays_among_the_labels_of_apple_are_found_and_nothing_else(real_data: Path, tmp_path: Path) -> None:
    said, store = found(tmp_path, real_data / "eod-volume-oi" / "AAPL.parquet")
    holidays = {day for day, verdicts in said.items() if verdicts == parts("holiday", "all")}
    assert holidays == {date(2026, 5, 25), date(2026, 6, 19), date(2026, 7, 3)}
    without_spot = {day for day, verdicts in said.items() if verdicts == parts("spot_missing", "spot")}
    assert without_spot == set(calendar.sessions_between(date(2026, 8, 17), date(2026, 8, 21)))
    assert len(said) == 8
    for day in (date(2026, 6, 19), date(2026, 7, 3)):
        reason = store.summaries.underlyings("canonical", day)["verdicts"][0][0]["reason"]
        assert f"its volumes repeat session {calendar.previous_session(day)}" in reason


def test_the_thanksgiving_of_yahoo_is_a_holiday_and_its_half_day_is_incomplete(real_data: Path, tmp_path: Path) -> None:
    said, _ = found(tmp_path, real_data / "yahoo-chain-daily" / "AAPL")
    assert said[date(2025, 11, 27)] == parts("holiday", "all")
    assert said[date(2025, 11, 28)] == parts("incomplete", "all")
