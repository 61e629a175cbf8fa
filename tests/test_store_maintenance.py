"""Keeping a store whole: damage is found, named and set aside; what is whole is kept; the derived is made anew."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from built_chains import Recorded, built_chain
from standard import calendar, open_store

from scanner.errors import StoreError
from scanner.store import holdings, maintenance
from scanner.store.importing import ImportReport, import_chains
from scanner.store.store import Store

DAYS = calendar.sessions_between(date(2026, 8, 3), date(2026, 8, 7))


@pytest.fixture
def store(tmp_path: Path) -> Store:
    opened = open_store(tmp_path / "store")
    chains = [built_chain(day, underlying=name) for day in DAYS for name in ("ABC", "XYZ")]
    import_chains(opened, [Recorded(chain) for chain in chains], ImportReport())
    return opened


def reopened(store: Store) -> Store:
    return open_store(store.path)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def overwrite_some_of_the_pages(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[200:400] = bytes(200)
    path.write_bytes(bytes(content))


def snapshot_of(store: Store, name: str, day: date) -> Path:
    return store.snapshots.chains("test", day, [name])[0].path


def test_a_sound_store_verifies(store: Store) -> None:
    found = maintenance.verify(reopened(store))
    assert found.whole
    assert (found.snapshots, found.summaries, found.leftovers) == (10, 10, [])


@pytest.mark.parametrize("damage", [cut_short, overwrite_some_of_the_pages])
def test_a_damaged_snapshot_is_named_and_set_aside_and_the_rest_is_kept(store: Store, damage) -> None:
    path = snapshot_of(store, "ABC", DAYS[1])
    damage(path)
    opened = reopened(store)
    found = maintenance.verify(opened)
    assert [str(path) in problem for problem in found.damaged] == [True]
    assert found.set_aside == [store.path / "set-aside" / path.relative_to(store.path)]
    assert found.set_aside[0].is_file()
    assert found.snapshots == 9
    assert [item.underlying for item in opened.snapshots.chains("test", DAYS[1])] == ["XYZ"]


def test_a_scan_goes_on_beside_a_damaged_snapshot_and_names_it(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    path = snapshot_of(store, "ABC", DAYS[4])
    overwrite_some_of_the_pages(path)
    opened = reopened(store)
    derived = opened.catch_up({"test": {DAYS[4]: ["ABC", "XYZ"]}})
    assert [item.underlying for item in derived] == ["XYZ"]
    assert str(path) in caplog.text


@pytest.mark.parametrize("part", ["contracts", "underlyings"])
def test_a_damaged_summary_is_made_anew_from_the_snapshots(store: Store, part: str) -> None:
    before = store.summaries.contracts("test", DAYS[2]), store.summaries.underlyings("test", DAYS[2])
    cut_short(store.summaries.folder / "test" / str(DAYS[2]) / f"{part}.parquet")
    opened = reopened(store)
    found = maintenance.verify(opened)
    assert len(found.damaged) == 1
    opened.catch_up()
    mended = reopened(store)
    assert mended.summaries.contracts("test", DAYS[2]).equals(before[0])
    assert mended.summaries.underlyings("test", DAYS[2]).equals(before[1])
    assert maintenance.verify(mended).whole


def test_a_damaged_summary_costs_a_panel_that_session_alone(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    cut_short(store.summaries.folder / "test" / str(DAYS[2]) / "underlyings.parquet")
    panel = reopened(store).history.panel("test", ["ABC"], before=DAYS[4])
    assert panel.sessions == (DAYS[0], DAYS[1], DAYS[3])
    assert "is damaged" in caplog.text


def test_unfinished_files_of_killed_writers_are_removed(store: Store) -> None:
    left = store.snapshots.folder / "test" / str(DAYS[0]) / "scan.parquet.0123456789ab.part"
    left.write_bytes(b"half of it")
    found = maintenance.verify(reopened(store))
    assert found.leftovers == [left]
    assert found.whole
    assert not left.exists()


def test_verifying_a_store_for_reading_changes_nothing(store: Store) -> None:
    path = snapshot_of(store, "ABC", DAYS[1])
    cut_short(path)
    found = maintenance.verify(open_store(store.path, read_only=True))
    assert (len(found.damaged), found.set_aside) == (1, [])
    assert path.exists()


def test_rebuild_makes_every_summary_anew(store: Store) -> None:
    before = [store.summaries.contracts("test", day) for day in DAYS]
    for path in store.summaries.files():
        path.unlink()
    opened = reopened(store)
    assert len(maintenance.rebuild(opened)) == 10
    assert [opened.summaries.contracts("test", day).equals(old) for day, old in zip(DAYS, before, strict=True)] == [
        True
    ] * 5


def test_prune_deletes_old_snapshots_and_keeps_the_history_they_gave(store: Store) -> None:
    now = datetime(2026, 8, 10, tzinfo=UTC)
    before = store.history.panel("test", ["ABC"], before=date(2026, 8, 10))
    gone = maintenance.prune(store, timedelta(days=5), now)
    assert len(gone) == 4
    assert store.snapshots.sessions("test") == DAYS[2:]
    opened = reopened(store)
    assert opened.history.panel("test", ["ABC"], before=date(2026, 8, 10)).volume.tolist() == before.volume.tolist()
    assert opened.outdated() == {}


def test_prune_keeps_snapshots_that_are_not_summarised_yet(store: Store) -> None:
    store.snapshots.write(built_chain(date(2026, 7, 1)), "killed-before-it-was-summarised")
    maintenance.prune(store, timedelta(days=5), datetime(2026, 8, 10, tzinfo=UTC))
    assert store.snapshots.sessions("test") == [date(2026, 7, 1), *DAYS]


def test_info_counts_what_is_there(store: Store) -> None:
    found = holdings.info(store)
    (source,) = found.sources
    assert (source.source, source.underlyings, source.sessions, source.chains) == ("test", 2, 5, 10)
    assert (source.first, source.last, source.contract_rows) == (DAYS[0], DAYS[4], 200)
    assert found.snapshot_bytes > 0


def test_a_folder_of_something_else_is_not_taken_for_a_store(tmp_path: Path) -> None:
    (tmp_path / "store.json").write_text("{}", "utf-8")
    with pytest.raises(StoreError, match="cannot be read"):
        open_store(tmp_path)


def test_a_store_of_a_newer_layout_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "store.json").write_text('{"layout": 99}', "utf-8")
    with pytest.raises(StoreError, match="has layout 99, this version knows 1"):
        open_store(tmp_path)


def test_a_file_in_the_place_of_the_store_is_named(tmp_path: Path) -> None:
    path = tmp_path / "store"
    path.write_text("", "utf-8")
    with pytest.raises(StoreError, match="is a file, not a folder"):
        open_store(path)


def test_reading_a_store_that_is_not_there_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"no store at .*scanner import"):
        open_store(tmp_path / "none", read_only=True)
