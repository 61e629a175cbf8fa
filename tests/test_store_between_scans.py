"""What one scan of a schedule holds in memory is handed to the next one, and let go of where it no longer stands."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from built_chains import Recorded, built_chain
from standard import calendar, open_store

from scanner.history.panel import Panel
from scanner.market.corporate_actions import Rename
from scanner.store.between_scans import BetweenScans
from scanner.store.importing import ImportReport, import_chains
from scanner.store.store import Store

DAYS = calendar.sessions_between(date(2026, 8, 3), date(2026, 8, 14))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    import_chains(open_store(tmp_path), [Recorded(built_chain(day)) for day in DAYS[:6]], ImportReport())
    return tmp_path


def opened_after(between: BetweenScans, store: Store) -> Store:
    between.hand_on(store)
    return store


def panel_of(store: Store) -> Panel:
    return store.history.panel("test", ["ABC"], DAYS[8])


def test_the_sessions_that_a_scan_has_read_are_those_of_the_next_one(folder: Path) -> None:
    between = BetweenScans()
    one, other = (panel_of(opened_after(between, open_store(folder))) for _ in range(2))
    assert other is one
    assert one.sessions == tuple(DAYS[:6])


def test_a_session_imported_in_between_is_seen(folder: Path) -> None:
    between = BetweenScans()
    before = panel_of(opened_after(between, open_store(folder)))
    import_chains(open_store(folder), [Recorded(built_chain(DAYS[6], volume=77))], ImportReport())
    after = panel_of(opened_after(between, open_store(folder)))
    assert after.sessions == (*before.sessions, DAYS[6])
    assert after.volume[:, -1].tolist() == [77.0] * 20


def test_a_rename_told_in_between_is_acted_on(folder: Path) -> None:
    between = BetweenScans()
    panel_of(opened_after(between, open_store(folder)))
    open_store(folder).keep_renames((Rename("ABC", "NEW", DAYS[7]),))
    store = opened_after(between, open_store(folder))
    assert store.history.panel("test", ["NEW"], DAYS[8]).sessions == tuple(DAYS[:6])


def test_another_store_is_read_for_itself(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    between, other = BetweenScans(), open_store(tmp_path_factory.mktemp("other"))
    panel_of(opened_after(between, open_store(folder)))
    import_chains(other, [Recorded(built_chain(DAYS[0], volume=5))], ImportReport())
    assert panel_of(opened_after(between, other)).volume.tolist() == [[5.0]] * 20
