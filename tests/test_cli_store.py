"""``scanner store info|verify|rebuild|prune``."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
from datetime import date
from pathlib import Path

import pytest
from built_chains import Recorded, built_chain
from standard import calendar, open_store
from typer.testing import CliRunner, Result

from scanner.cli.app import command_line
from scanner.errors import StoreError
from scanner.metrics.summary import CALCULATION_VERSION
from scanner.store import maintenance
from scanner.store.importing import ImportReport, import_chains
from scanner.store.state import FILE_NAME, State

DAYS = calendar.sessions_between(date(2026, 8, 3), date(2026, 8, 5))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    opened = open_store(tmp_path / "store")
    import_chains(opened, [Recorded(built_chain(day)) for day in DAYS], ImportReport())
    return tmp_path / "store"


def run(*arguments: object) -> Result:
    return CliRunner().invoke(command_line(), [str(argument) for argument in arguments])


def test_info_tells_sources_sessions_and_sizes(store: Path) -> None:
    result = run("store", "info", "--store", store, "--format", "json")
    told = json.loads(result.stdout)["store"]
    assert told["snapshot_bytes"] > 0
    assert told["sources"] == [
        {
            "source": "test",
            "simulated": False,
            "underlyings": 1,
            "sessions": 3,
            "first": "2026-08-03",
            "last": "2026-08-05",
            "chains": 3,
            "contract_rows": 60,
            "untrusted": 0,
            "calculation_versions": CALCULATION_VERSION,
        }
    ]


def test_info_of_an_empty_store_says_how_to_fill_it(tmp_path: Path) -> None:
    open_store(tmp_path)
    assert "Nothing is stored yet; `scanner import PATH`" in run("store", "info", "--store", tmp_path).stdout


def test_verify_of_a_sound_store_ends_with_0(store: Path) -> None:
    result = run("store", "verify", "--store", store)
    assert result.exit_code == 0
    assert "3 snapshot files and 6 summary files are whole." in result.stdout


def test_verify_names_what_is_damaged_sets_it_aside_and_makes_the_rest_whole(store: Path) -> None:
    broken = next((store / "summaries").rglob("contracts.parquet"))
    broken.write_bytes(b"PAR1")
    first, second = run("store", "verify", "--store", store), run("store", "verify", "--store", store)
    assert (first.exit_code, second.exit_code) == (1, 0)
    assert str(broken) in first.stdout.replace("\n", "")
    assert "Summarised 1 session anew." in first.stdout


def test_verify_sets_a_damaged_database_aside_and_says_where(store: Path) -> None:
    State.open(store).close()
    path = store / FILE_NAME
    path.write_bytes(b"not a database at all" * 500)
    result = run("store", "verify", "--store", store)
    assert result.exit_code == 1
    assert "set aside" in result.stdout
    assert not path.exists()
    with State.open(store), sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_rebuild_makes_everything_derived_anew(store: Path) -> None:
    result = run("store", "rebuild", "--store", store)
    assert (result.exit_code, result.stdout) == (0, "Summarised 3 sessions anew.\n")


def test_prune_takes_an_age(store: Path) -> None:
    result = run("store", "prune", "--keep", "1d", "--store", store)
    assert (result.exit_code, result.stdout) == (0, "Deleted 3 snapshot files older than 1 day.\n")
    opened = open_store(store, read_only=True)
    assert len(opened.history.panel("test", ["ABC"], before=date(2026, 8, 31)).sessions) == 3


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["store", "prune", "--keep", "soon"], 2, "--keep soon: 'soon' is not a duration"),
        (["store", "info"], 3, "no store at"),
    ],
)
def test_what_cannot_be_done_ends_with_the_documented_code_and_one_line(
    tmp_path: Path, arguments: list[str], code: int, said: str
) -> None:
    command = [sys.executable, "-m", "scanner", *arguments, "--store", str(tmp_path / "none")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_info_shows_dates_whole_at_80_columns(store: Path) -> None:
    lines = run("store", "info", "--store", store).stdout.splitlines()
    (heading,) = (line for line in lines if line.startswith("source"))
    assert heading.split() == ["source", "names", "sessions", "from", "to", "chains", "contracts", "untrusted"]
    assert max(len(line) for line in lines[1:]) <= 80
    assert not any("\N{HORIZONTAL ELLIPSIS}" in line for line in lines)
    assert lines[-1] == f"calculation version {CALCULATION_VERSION}"


@pytest.mark.parametrize("content", [b"", b"{", b'{"layout"'])
def test_a_store_and_a_state_that_a_killed_start_left_unfinished_are_finished(store: Path, content: bytes) -> None:
    (store / "store.json").write_bytes(content)
    (store / FILE_NAME).touch()
    result = run("store", "verify", "--store", store)
    assert (result.exit_code, list(store.glob("*damaged*"))) == (0, [])
    assert json.loads((store / "store.json").read_text()) == {"layout": 1}
    State.open(store / FILE_NAME, read_only=True).close()


def test_a_marker_of_another_program_is_left_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "store.json").write_text('{"name": "shop"}')
    with pytest.raises(StoreError, match=r"is .* a store of this program"):
        open_store(tmp_path)


def test_what_cannot_be_read_is_not_set_aside_as_damaged(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (torn, *_) = sorted(store.glob("snapshots/*/*/*.parquet"))
    torn.write_bytes(b"cut short")

    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied", str(path))

    with monkeypatch.context() as patched:
        patched.setattr(Path, "read_bytes", refuse)
        opened = open_store(store)
        found = maintenance.verify(opened)
    assert found.damaged == [f"{torn} cannot be read: Permission denied; left as it is"]
    assert torn.exists()


def test_a_home_that_nobody_has_is_an_error_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="~no-such-user/x: no such home folder is known"):
        open_store(Path("~no-such-user/x"))
