"""The sample market of ``rules check`` is measured once by a version of the program, and is the same from the file."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from scanner.app import sample
from scanner.fields import SCOPES


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    return tmp_path / "scanner"


def test_the_second_time_it_is_read_and_says_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = sample.frames()
    assert list(first) == list(SCOPES)
    assert first["contract"]["simulated"].all()
    monkeypatch.setattr(sample, "measured", dict)
    again = sample.frames()
    assert [name for name in first if not again[name].equals(first[name], null_equal=True)] == []
    assert [again[name].schema == first[name].schema for name in first] == [True] * len(first)
    assert len(list(folder.iterdir())) == 1


def test_a_file_that_is_cut_short_or_of_another_version_is_measured_anew_and_replaced(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = {"contract": pl.DataFrame({"volume": [1, 2]})}
    monkeypatch.setattr(sample, "measured", lambda: frames)
    folder.mkdir()
    (folder / "sample-0.zip").write_bytes(b"of another version")
    sample.frames()
    (kept,) = folder.iterdir()
    kept.write_bytes(kept.read_bytes()[:50])
    assert sample.frames()["contract"].equals(frames["contract"])
    monkeypatch.setattr(sample, "measured", dict)
    assert sample.frames()["contract"].equals(frames["contract"])


def test_where_it_cannot_be_kept_it_is_measured_all_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.write_text("a file where the folder would be")
    monkeypatch.setattr(sample, "measured", lambda: {"contract": pl.DataFrame({"volume": [1]})})
    assert sample.frames()["contract"].height == 1
