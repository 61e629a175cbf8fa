"""Baselines kept on disk: another process sees the very panel it would have built, and damage costs time alone."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from built_chains import Recorded, built_chain
from standard import calendar, open_store

from scanner.history.panel import FIELDS, Panel
from scanner.store.importing import ImportReport, import_chains
from scanner.store.resident import MOST_KEPT

DAYS = calendar.sessions_between(date(2026, 7, 6), date(2026, 7, 24))


def chains(days: list[date]) -> list[pl.DataFrame]:
    return [built_chain(day, strikes=[95.0, 100.0, 105.0 + 5 * (day.day % 3)]) for day in days]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    store = open_store(tmp_path / "store")
    import_chains(store, [Recorded(chain) for chain in chains(DAYS[:10])], ImportReport())
    return tmp_path / "store"


def panel(folder: Path, before: date, *, read_only: bool = False) -> Panel:
    store = open_store(folder, read_only=read_only)
    return store.history.panel("test", ["ABC"], before=before, depth=8)


def assert_same(one: Panel, other: Panel) -> None:
    assert one.sessions == other.sessions
    assert one.contracts.equals(other.contracts)
    for field in FIELDS:
        np.testing.assert_array_equal(getattr(one, field), getattr(other, field))


def kept(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "baselines").rglob("*.f32"))


def test_the_next_process_takes_the_baseline_from_disk_and_sees_the_same(folder: Path) -> None:
    first = panel(folder, DAYS[10])
    assert kept(folder) == [f"{day}.f32" for day in DAYS[2:10]]
    # Were it read from the summaries again it would not be there: the contracts of the sessions are gone.
    for path in (folder / "summaries").rglob("contracts.parquet"):
        status = path.stat()
        path.write_bytes(b"")
        assert status.st_size > 0
    assert_same(panel(folder, DAYS[10]), first)


def test_a_new_session_adds_its_own_file_and_lets_the_oldest_go(folder: Path) -> None:
    panel(folder, DAYS[10])
    before = {path: path.stat().st_mtime_ns for path in (folder / "baselines").rglob("*.f32")}
    store = open_store(folder)
    import_chains(store, [Recorded(chain) for chain in chains(DAYS[10:12])], ImportReport())
    moved = panel(folder, DAYS[12])
    assert kept(folder) == [f"{day}.f32" for day in DAYS[4:12]]
    untouched = [path for path, stamp in before.items() if path.exists() and path.stat().st_mtime_ns == stamp]
    assert len(untouched) == 6
    assert_same(moved, panel(folder, DAYS[12], read_only=True))


def test_a_session_summarised_anew_is_not_taken_from_the_old_baseline(folder: Path) -> None:
    panel(folder, DAYS[10])
    store = open_store(folder)
    store.snapshots.write(built_chain(DAYS[7], volume=77), "later pull")
    store.catch_up()
    assert_same(panel(folder, DAYS[10]), panel(folder, DAYS[10], read_only=True))


@pytest.mark.parametrize("pattern", ["*.f32", "*.listed", "contracts-*.parquet", "state.json"])
def test_a_damaged_baseline_is_made_anew(folder: Path, pattern: str) -> None:
    first = panel(folder, DAYS[10])
    for path in (folder / "baselines").rglob(pattern):
        path.write_bytes(path.read_bytes()[:3])
    assert_same(panel(folder, DAYS[10]), first)
    assert_same(panel(folder, DAYS[10]), first)


def test_a_store_opened_for_reading_keeps_nothing(folder: Path) -> None:
    panel(folder, DAYS[10], read_only=True)
    assert not (folder / "baselines").exists()


def test_only_the_sets_of_names_asked_for_last_are_kept(folder: Path) -> None:
    store = open_store(folder)
    for depth in range(5, 20):
        store.history.panel("test", ["ABC"], before=DAYS[10], depth=depth)
    assert len(list((folder / "baselines").rglob("state.json"))) == MOST_KEPT
