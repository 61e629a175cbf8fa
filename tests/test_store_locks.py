"""Two processes at once: one writes, the other waits or says who does; a killed holder frees the lock."""

from __future__ import annotations

import errno
import subprocess
import sys
from pathlib import Path

import pytest
from standard import open_store

from scanner.errors import StoreError, StoreLockedError
from scanner.store.locks import WriteLock

HOLD = """
import sys
from pathlib import Path
from scanner.store.locks import WriteLock
with WriteLock(Path(sys.argv[1]), 0).held():
    print("held", flush=True)
    sys.stdin.readline()
"""


def holding(path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_writer_is_told_which_process_holds_the_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holding(path) as other:
        with pytest.raises(StoreLockedError, match=f"being written by process {other.pid} ") as caught:
            WriteLock(path, 0).held().__enter__()
        other.communicate("\n")
    assert "wait for it to end, or give another --store DIR" in str(caught.value)
    with WriteLock(path, 0).held():
        pass


def test_a_killed_holder_leaves_no_lock_behind(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holding(path) as other:
        other.kill()
    with WriteLock(path, 0).held():
        pass


def test_the_holder_may_take_it_again(tmp_path: Path) -> None:
    lock = WriteLock(tmp_path / "lock", 0)
    with lock.held(), lock.held():
        pass
    with holding(tmp_path / "lock") as other:
        other.communicate("\n")


def test_a_patient_writer_gets_the_lock_when_the_other_ends(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with holding(path) as other:
        assert other.stdin is not None
        other.stdin.write("\n")
        other.stdin.flush()
        with WriteLock(path, 30).held():
            pass


def test_a_store_opened_for_reading_refuses_to_be_written(tmp_path: Path) -> None:
    open_store(tmp_path)
    with pytest.raises(StoreError, match="opened for reading only"):
        open_store(tmp_path, read_only=True).writing().__enter__()


def test_a_lock_that_cannot_be_signed_on_a_full_disk_is_held_and_let_go_all_the_same(tmp_path, monkeypatch):
    def refuse(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("scanner.store.locks.os.write", refuse)
    lock = WriteLock(tmp_path / "lock", patience=0.0)
    with lock.held():
        assert (tmp_path / "lock").read_text("utf-8") == ""
