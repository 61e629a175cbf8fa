"""Snapshots: which quotes of a session are read back, and what a damaged file does to that."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from built_chains import built_chain
from standard import open_store

from scanner.history.known_before import OF_EARLIER
from scanner.store import maintenance
from scanner.store import snapshots as stored
from scanner.store.fingerprints import earlier_fingerprint
from scanner.store.snapshots import Snapshots


@pytest.fixture
def snapshots(tmp_path: Path) -> Snapshots:
    return Snapshots(tmp_path)


def test_the_newest_quotes_pass_by_a_file_that_turns_out_damaged_when_it_is_read(
    snapshots: Snapshots, caplog: pytest.LogCaptureFixture
) -> None:
    day = date(2026, 8, 3)
    early, late = (
        built_chain(day, quote_time=datetime(2026, 8, 3, hour, tzinfo=UTC), volume=hour) for hour in (15, 18)
    )
    snapshots.write(early, "early")
    (path,) = snapshots.write(late, "late")
    whole = path.read_bytes()
    # The footer stays whole: only reading the columns finds out.
    path.write_bytes(whole[:4] + bytes(len(whole) // 2) + whole[4 + len(whole) // 2 :])
    assert snapshots.newest("test", day)["volume"].unique().to_list() == [15]
    assert "late.parquet is damaged" in caplog.text


def test_earlier_quotes_are_those_from_before_a_chains_own_whatever_came_later(snapshots: Snapshots) -> None:
    day = date(2026, 8, 3)
    for hour in (15, 17, 19):
        quoted = datetime(2026, 8, 3, hour, tzinfo=UTC)
        snapshots.write(built_chain(day, quote_time=quoted, volume=hour), f"at-{hour}")
    now = built_chain(day, quote_time=datetime(2026, 8, 3, 18, tzinfo=UTC))
    assert snapshots.earlier(now)["volume"].unique().to_list() == [17]
    assert snapshots.earlier(built_chain(day, quote_time=datetime(2026, 8, 3, 15, tzinfo=UTC))).is_empty()


@pytest.mark.parametrize(
    "name", ["N" * 300, "../../X", "=CMD|'/C CALC'!A0", "\N{GRINNING FACE}" * 80, "CON", "AB/CD", "\x1b[31m"]
)
def test_whatever_an_underlying_is_called_its_chain_is_stored_inside_the_folder(
    snapshots: Snapshots, name: str
) -> None:
    day = date(2026, 8, 3)
    for volume in (1, 2):
        quoted = datetime(2026, 8, 3, 19, tzinfo=UTC)
        chain = built_chain(day, underlying=name, root="ABC", quote_time=quoted, volume=volume)
        assert snapshots.write_once(chain, "import").equals(chain)
    assert {chain.underlying for chain in snapshots.chains("test", day)} == {name}
    folder = snapshots.folder / "test" / "2026-08-03"
    assert len(list(folder.iterdir())) == 2
    assert {path.parent for path in snapshots.folder.rglob("*.parquet")} == {folder}


def test_of_two_whole_chains_of_one_moment_the_one_with_more_volume_is_the_newest(snapshots: Snapshots) -> None:
    day = date(2026, 8, 3)
    for name, volume in (("a", 9), ("b", 7)):
        snapshots.write(built_chain(day, volume=volume), name)
    assert snapshots.newest("test", day)["volume"].unique().to_list() == [9]


def test_each_chain_of_a_file_is_known_by_its_own_content(snapshots: Snapshots) -> None:
    day = date(2026, 8, 3)
    names = [built_chain(day, underlying=name) for name in ("ABC", "XYZ")]
    snapshots.write(pl.concat(names), "scan")
    assert snapshots.write_unheld(pl.concat(names), "again").is_empty()
    changed = built_chain(day, underlying="XYZ", volume=99)
    assert snapshots.write_unheld(pl.concat([names[0], changed]), "again").equals(changed)


def test_files_of_earlier_versions_that_say_less_of_their_chains_are_read(
    snapshots: Snapshots, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = date(2026, 8, 3)
    written = stored._footer

    def shorter(chain: pl.DataFrame, told: pl.DataFrame) -> dict[str, Any]:
        footer = written(chain, told)
        return footer | {"chains": [entry[:3] for entry in footer["chains"]]}

    monkeypatch.setattr(stored, "_footer", shorter)
    for hour in (15, 18):
        snapshots.write(built_chain(day, quote_time=datetime(2026, 8, 3, hour, tzinfo=UTC), volume=hour), f"at-{hour}")
    assert snapshots.newest("test", day)["volume"].unique().to_list() == [18]
    again = built_chain(day, quote_time=datetime(2026, 8, 3, 15, tzinfo=UTC), volume=15)
    assert snapshots.write_unheld(again, "again").is_empty()


def test_chains_that_an_earlier_version_wrote_are_known_again_and_verified(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = date(2026, 8, 3)
    names = [built_chain(day, underlying=name) for name in ("ABC", "XYZ")]
    written = stored._footer

    def as_before(chain: pl.DataFrame, told: pl.DataFrame) -> dict[str, Any]:
        entries = zip(
            written(chain, told)["chains"], chain.partition_by("underlying", maintain_order=True), strict=True
        )
        chains = [[*entry[:3], earlier_fingerprint(part), "0" * 32, entry[5]] for entry, part in entries]
        return written(chain, told) | {"fingerprint": earlier_fingerprint(chain), "chains": chains}

    store = open_store(tmp_path)
    monkeypatch.setattr(stored, "_footer", as_before)
    store.snapshots.write(pl.concat(names), "before")
    monkeypatch.undo()
    changed = built_chain(day, underlying="XYZ", volume=99)
    assert store.snapshots.write_unheld(pl.concat([names[0], changed]), "again").equals(changed)
    store.catch_up()
    assert maintenance.verify(store).whole


def test_the_earlier_chain_is_the_pull_before_and_never_a_part_of_the_same(snapshots: Snapshots) -> None:
    day, noon = date(2026, 8, 3), datetime(2026, 8, 3, 16, tzinfo=UTC)
    for minutes in (0, 60):
        for seconds, right in enumerate("CP"):
            quoted = noon + timedelta(minutes=minutes, seconds=seconds)
            part = built_chain(day, quote_time=quoted, volume=minutes + 1).filter(pl.col("right") == right)
            snapshots.write(part, f"{minutes}-{right}")
    newest = snapshots.newest("test", day)
    earlier = snapshots.earlier(newest)
    assert (newest.height, newest["volume"].unique().to_list()) == (20, [61])
    assert (earlier.height, earlier["volume"].unique().to_list()) == (20, [1])
    assert snapshots.newest("test", day, until=noon + timedelta(minutes=1)).select(OF_EARLIER).equals(earlier)
