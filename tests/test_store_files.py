"""Writing to a full disk, a read-only folder or under a size limit: a clear error, and everything else as it was."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from built_chains import built_chain
from hypothesis import given
from hypothesis import strategies as st

from scanner.errors import StoreError
from scanner.outputs.files import write_text
from scanner.store.files import TEMPORARY_SUFFIX, folder_name, from_folder_name, unwritable, write_atomically
from scanner.store.snapshots import Snapshots

LIMITED = """
import resource, sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
from datetime import date
from built_chains import built_chain
from scanner.errors import StoreError
from scanner.store.snapshots import Snapshots
chain = built_chain(date(2026, 8, 4), strikes=[float(strike) for strike in range(1, 200)])
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
try:
    Snapshots(Path(sys.argv[1])).write(chain, "second")
except StoreError as error:
    print(error)
"""


def test_a_file_that_cannot_be_finished_leaves_nothing_behind_and_says_why(tmp_path: Path) -> None:
    snapshots = Snapshots(tmp_path)
    snapshots.write(built_chain(date(2026, 8, 3)), "first")
    command = [sys.executable, "-c", LIMITED, str(tmp_path), str(Path(__file__).parent)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert "cannot write" in done.stdout
    assert "second.parquet" in done.stdout
    assert "the file size limit of this process is too small" in done.stdout
    assert [path.name for path in tmp_path.rglob("*.*") if path.is_file()] == ["first.parquet"]
    assert snapshots.newest("test", date(2026, 8, 3)).height == 20


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.ENOSPC, "the disk is full; free some space, or `scanner store prune`"),
        (errno.EROFS, "the file system is read-only; choose another folder with --store DIR"),
        (errno.EACCES, "no permission to write there; choose another folder with --store DIR"),
    ],
)
def test_each_reason_not_to_be_able_to_write_is_said_with_what_to_do(number: int, said: str) -> None:
    assert str(unwritable(Path("x.parquet"), OSError(number, os.strerror(number)))) == f"cannot write x.parquet: {said}"


def test_an_interrupted_write_leaves_the_old_file_whole(tmp_path: Path) -> None:
    path = tmp_path / "file"
    write_atomically(path, lambda handle: handle.write(b"old"))

    def fail(handle: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with pytest.raises(StoreError, match="the disk is full"):
        write_atomically(path, fail)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.glob(f"*{TEMPORARY_SUFFIX}")) == []


@given(st.text(min_size=1, max_size=20))
def test_no_name_of_a_vendor_climbs_out_of_the_store(text: str) -> None:
    name = folder_name(text)
    assert name not in (".", "..")
    assert "/" not in name
    assert "\\" not in name
    assert "\0" not in name
    assert from_folder_name(name) == text


def test_what_a_killed_writer_left_of_a_list_is_swept_away_once_nobody_can_be_writing_it(tmp_path: Path) -> None:
    path = tmp_path / "list.csv"
    abandoned, living, foreign = (
        tmp_path / name
        for name in ("list.csv.0123456789ab.part", "list.csv.ba9876543210.part", "other.csv.0123456789ab.part")
    )
    for left in (abandoned, living, foreign):
        left.write_text("half")
    two_hours_ago = path.parent.stat().st_mtime - 7200
    for left in (abandoned, foreign):
        os.utime(left, (two_hours_ago, two_hours_ago))
    write_text(path, "whole")
    assert sorted(left.name for left in tmp_path.iterdir()) == ["list.csv", living.name, foreign.name]
