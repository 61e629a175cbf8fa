"""Compiled functions work wherever the package is installed, also where nothing may be written, and after upgrades."""

from __future__ import annotations

import os
import shutil
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


@pytest.fixture
def package(tmp_path: Path) -> Path:
    """A package whose compiled ``answer`` is 42, by a function and a constant of modules other than its own."""
    folder = tmp_path / "package"
    folder.mkdir()
    shutil.copy(PACKAGE / "scanner" / "compiled.py", folder)
    (folder / "__init__.py").write_text("")
    (folder / "constants.py").write_text("OFFSET = 2\n")
    (folder / "steps.py").write_text(
        "from package import constants\nfrom package.compiled import kernel\n\n"
        "@kernel\ndef step(number):\n    return 2 * number + constants.OFFSET\n"
    )
    (folder / "pairs.py").write_text(
        "from collections import namedtuple\n\nPair = namedtuple('Pair', ['first', 'second'])\n"
    )
    (folder / "caller.py").write_text(
        "from package.compiled import kernel\nfrom package.steps import step\n\n"
        "@kernel\ndef answer(pair):\n    return step(pair.first)\n"
    )
    return folder


def answer(package: Path) -> tuple[int, int]:
    """What a fresh process computes, and how many compiled codes it took from the disk for that."""
    show = (
        "from package.caller import answer; from package.pairs import Pair; print(answer(Pair(20, 30))); "
        "print(sum(answer.stats.cache_hits.values()))"
    )
    clean = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    ran = subprocess.run(
        [sys.executable, "-B", "-c", show],
        env=clean | {"PYTHONPATH": str(package.parent)},
        capture_output=True,
        text=True,
        check=True,
    )
    first, second = ran.stdout.split()
    return int(first), int(second)


def test_compiled_code_is_kept_until_something_that_it_rests_on_changes(package: Path) -> None:
    assert answer(package) == (42, 0)
    assert answer(package) == (42, 1)


@pytest.mark.parametrize(
    ("module", "before", "after", "expected"),
    [
        ("steps.py", "2 * number", "3 * number", 62),  # a function that it calls
        ("constants.py", "OFFSET = 2", "OFFSET = 3", 43),  # a constant of a function that it calls
        ("pairs.py", "['first', 'second']", "['second', 'first']", 62),  # the order of what it is handed
    ],
)
def test_compiled_code_is_made_anew_where_another_module_that_it_rests_on_changed(
    package: Path, module: str, before: str, after: str, expected: int
) -> None:
    assert answer(package) == (42, 0)
    text = (package / module).read_text()
    (package / module).write_text(text.replace(before, after))
    assert answer(package) == (expected, 0)
    assert answer(package) == (expected, 1)


def test_code_that_is_no_longer_of_use_is_removed(package: Path) -> None:
    for factor in (3, 4, 5):
        steps = (package / "steps.py").read_text()
        (package / "steps.py").write_text(steps.replace(f"{factor - 1} * number", f"{factor} * number"))
        assert answer(package) == (20 * factor + 2, 0)
    assert len(list((package / "__pycache__").glob("caller.answer*.nbc"))) == 1


def test_every_compiled_function_of_the_package_is_compiled_in_this_one_way() -> None:
    sources = {path: path.read_text("utf-8") for path in (PACKAGE / "scanner").rglob("*.py")}
    assert [path.name for path, text in sources.items() if "njit" in text or "numba.jit" in text] == ["compiled.py"]
