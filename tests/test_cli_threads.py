"""Frames of a short list are computed in one thread, those of a long one in as many as there are processors."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

THREADS = "import os, polars; print(polars.thread_pool_size(), os.environ.get('POLARS_MAX_THREADS'))"


def printed(code: str, **environment: str) -> str:
    """The last line that a process of its own prints."""
    own = {name: value for name, value in os.environ.items() if name != "POLARS_MAX_THREADS"} | environment
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=own)
    return done.stdout.strip().splitlines()[-1]


def after(names: int, **environment: str) -> str:
    return printed(f"from scanner.cli import threads; threads.use_for({names}); {THREADS}", **environment)


def scanned(*arguments: str) -> str:
    """How frames are computed after a command of the command line."""
    command = f"import sys; sys.argv = {['scanner', *arguments]!r}; from scanner.cli.main import main"
    return printed(f"{command}\ntry: main()\nexcept SystemExit: {THREADS}")


@pytest.mark.parametrize("names", [1, 50])
def test_a_short_list_is_computed_in_one_thread(names: int) -> None:
    assert after(names) == "1 1"


@pytest.mark.parametrize("names", [0, 51, 5_500])
def test_a_long_list_and_one_of_unknown_length_are_computed_as_polars_chooses(names: int) -> None:
    assert after(names).split()[1] == "None"


def test_what_the_user_has_set_stands() -> None:
    assert after(8, POLARS_MAX_THREADS="2") == "2 2"


def test_a_process_that_has_loaded_frames_is_left_as_it_is() -> None:
    code = f"import polars; from scanner.cli import threads; threads.use_for(8); {THREADS}"
    assert printed(code).split()[1] == "None"


def test_a_scan_of_names_is_short_and_one_of_whatever_a_folder_holds_may_be_long(tmp_path: Path) -> None:
    recorded = ("scan", "--source", "files", "--path", str(tmp_path), "--store", str(tmp_path / "store"))
    assert scanned(*recorded, "ABC", "XYZ").split()[1] == "1"
    assert scanned(*recorded).split()[1] == "None"


def test_a_schedule_is_as_long_as_its_longest_list(tmp_path: Path) -> None:
    job = "schedule: [{{name: noon, watchlist: {}, cron: '0 12 * * *'}}]"
    lists = f"watchlists: {{short: [ABC], long: [{', '.join(f'N{number}' for number in range(51))}]}}"
    for watchlist, threads in (("short", "1"), ("long", "None")):
        config = tmp_path / f"{watchlist}.yaml"
        config.write_text(f"source: files\npath: {tmp_path}\n{lists}\n{job.format(watchlist)}\n")
        once = ("run", "--once", "nothing", "--config", str(config), "--store", str(tmp_path / "store"))
        assert scanned(*once).split()[1] == threads
