"""A store in which nothing was outdated is not looked through again until something in it has changed."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from built_chains import built_chain
from standard import open_store

from scanner.store.derive import Deriver
from scanner.store.store import Store

DAY = date(2026, 8, 3)


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sources whose sessions were looked through, in order."""
    seen: list[str] = []
    look = Deriver.outdated

    def noted(self: Deriver, source: str, before: date | None = None) -> dict[date, list[str]]:
        seen.append(source)
        return look(self, source, before)

    monkeypatch.setattr(Deriver, "outdated", noted)
    return seen


def stored(folder: Path) -> Store:
    store = open_store(folder)
    store.snapshots.write(built_chain(DAY), "one")
    store.catch_up()
    return store


def test_a_store_that_was_up_to_date_is_not_looked_through_again(tmp_path: Path, looked: list[str]) -> None:
    stored(tmp_path)
    assert open_store(tmp_path).outdated() == {}
    looked.clear()
    assert (open_store(tmp_path).outdated(), looked) == ({}, [])


def test_what_comes_later_is_outdated_however_often_the_store_was_looked_through(tmp_path: Path) -> None:
    store = stored(tmp_path)
    assert store.outdated() == {}
    store.snapshots.write(built_chain(DAY, quote_time=datetime(2026, 8, 3, 20, tzinfo=UTC), volume=9), "two")
    assert open_store(tmp_path).outdated() == {"test": {DAY: ["ABC"]}}
    assert open_store(tmp_path).outdated() == {"test": {DAY: ["ABC"]}}


def test_a_summary_that_is_gone_is_outdated(tmp_path: Path) -> None:
    store = stored(tmp_path)
    assert store.outdated() == {}
    (file,) = store.summaries.folder.rglob("underlyings.parquet")
    file.unlink()
    assert open_store(tmp_path).outdated() == {"test": {DAY: ["ABC"]}}


def test_another_calculation_makes_everything_outdated(tmp_path: Path) -> None:
    assert stored(tmp_path).outdated() == {}
    assert open_store(tmp_path, calculation_version="another").outdated() == {"test": {DAY: ["ABC"]}}


def test_whether_the_sessions_before_a_day_are_up_to_date_says_nothing_of_later_ones(tmp_path: Path) -> None:
    store = stored(tmp_path)
    store.snapshots.write(built_chain(DAY, quote_time=datetime(2026, 8, 3, 20, tzinfo=UTC), volume=9), "two")
    assert store.outdated(before=DAY) == {}
    assert store.outdated() == {"test": {DAY: ["ABC"]}}
