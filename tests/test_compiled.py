"""Compiled functions work wherever the package is installed, also where nothing may be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1]
# The second line says where the compiled code is kept, nowhere being "None".
SHOW = "import kernels; print(kernels.twice(21)); print(kernels.twice.stats.cache_path)"


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """A folder with a module of compiled functions, beside which nothing can be written: not by root either."""
    folder = tmp_path / "installed"
    folder.mkdir()
    (folder / "kernels.py").write_text(
        "from scanner.compiled import kernel\n\n@kernel\ndef twice(number):\n    return 2 * number\n"
    )
    (folder / "__pycache__").write_text("a file where numba wants a folder")
    return folder


def run(installed: Path, **environment: str) -> list[str]:
    """What a fresh process prints that calls the function."""
    paths = os.pathsep.join((str(installed), str(PACKAGE)))
    clean = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    ran = subprocess.run(
        [sys.executable, "-B", "-c", SHOW],
        env=clean | {"PYTHONPATH": paths} | environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stderr == ""
    return ran.stdout.splitlines()


def test_a_read_only_installation_keeps_compiled_code_in_the_users_cache(installed: Path, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    answer, place = run(installed, HOME=str(tmp_path), XDG_CACHE_HOME=str(cache))
    assert answer == "42"
    assert Path(place).is_relative_to(cache)
    assert list(cache.rglob("kernels.twice*.nbc"))


def test_where_nothing_can_be_written_functions_are_compiled_all_the_same(installed: Path, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where a folder is wanted")
    assert run(installed, HOME=str(blocked), XDG_CACHE_HOME=str(blocked)) == ["42", "None"]


def test_numbas_own_setting_for_the_cache_is_followed(installed: Path, tmp_path: Path) -> None:
    answer, place = run(installed, NUMBA_CACHE_DIR=str(tmp_path / "chosen"))
    assert answer == "42"
    assert Path(place).is_relative_to(tmp_path / "chosen")


def test_every_compiled_function_of_the_package_is_compiled_in_this_one_way() -> None:
    sources = {path: path.read_text("utf-8") for path in (PACKAGE / "scanner").rglob("*.py")}
    assert [path.name for path, text in sources.items() if "njit" in text or "numba.jit" in text] == ["compiled.py"]
