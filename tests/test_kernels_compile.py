"""Compiled functions work wherever the package is installed, also where nothing may be written, and after upgrades."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations
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
        "from scanner.kernels.compile import kernel\n\n@kernel\ndef twice(number):\n    return 2 * number\n"
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
    (folder / "__init__.py").write_text("")
    for module in (PACKAGE / "scanner" / "kernels").glob("*.py"):
        text = module.read_text("utf-8").replace("scanner.kernels", "package")
        (folder / module.name).write_text(text, "utf-8")
    (folder / "constants.py").write_text("OFFSET = 2\n")
    (folder / "steps.py").write_text(
        "from package import constants\nfrom package.compile import kernel\n\n"
        "@kernel\ndef step(number):\n    return 2 * number + constants.OFFSET\n"
    )
    (folder / "pairs.py").write_text(
        "from collections import namedtuple\n\nPair = namedtuple('Pair', ['first', 'second'])\n"
    )
    (folder / "caller.py").write_text(
        "from package.compile import kernel\nfrom package.steps import step\n\n"
        "@kernel\ndef answer(pair):\n    return step(pair.first)\n"
    )
    return folder


def fresh(code: str, *arguments: str, **environment: str) -> list[str]:
    """The words that a fresh process prints which runs some lines of Python."""
    clean = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    ran = subprocess.run(
        [sys.executable, "-B", "-c", code, *arguments],
        env=clean | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ran.returncode, ran.stderr) == (0, "")
    return ran.stdout.split()


def answer(package: Path) -> tuple[int, int]:
    """What a fresh process computes, and how many compiled codes it took from the disk for that."""
    show = (
        "from package.caller import answer; from package.pairs import Pair; print(answer(Pair(20, 30))); "
        "print(sum(answer.stats.cache_hits.values()))"
    )
    first, second = fresh(show, PYTHONPATH=str(package.parent))
    return int(first), int(second)


def test_who_listens_is_told_of_what_is_compiled_and_not_of_its_parts_or_of_what_was_kept(package: Path) -> None:
    code = (
        "from package import progress; progress.tell(print); from package.caller import answer; "
        "from package.pairs import Pair; answer(Pair(20, 30)); answer(Pair(1, 2))"
    )
    assert fresh(code, PYTHONPATH=str(package.parent)) == ["1", "None"]
    assert fresh(code, PYTHONPATH=str(package.parent)) == []


def test_a_function_that_others_call_is_a_part_of_them_and_no_code_of_its_own(package: Path) -> None:
    assert answer(package) == (42, 0)
    assert (len(kept(package)), kept(package, "steps.step")) == (1, [])
    code = "from package.steps import step; print(step(20), sum(step.stats.cache_misses.values()))"
    assert fresh(code, PYTHONPATH=str(package.parent)) == ["42", "1"]
    assert len(kept(package, "steps.step")) == 1


def test_compiled_code_is_kept_until_something_that_it_rests_on_changes(package: Path) -> None:
    assert answer(package) == (42, 0)
    assert answer(package) == (42, 1)


@pytest.mark.parametrize(
    ("module", "before", "after", "expected"),
    [
        ("steps.py", "2 * number", "3 * number", 62),  # a function that it calls
        ("constants.py", "OFFSET = 2", "OFFSET = 3", 43),  # a constant of a function that it calls
        ("steps.py", "def step(number)", "def step(number, unused=4)", 42),  # how it is called
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


def kept(package: Path, function: str = "caller.answer") -> list[Path]:
    return sorted((package / "__pycache__").glob(f"{function}-*.nbc"))


def test_code_of_a_function_that_moved_within_its_module_is_removed(package: Path) -> None:
    assert answer(package) == (42, 0)
    caller = package / "caller.py"
    caller.write_text("# A line more.\n" + caller.read_text())
    assert answer(package) == (42, 0)
    assert len(kept(package)) == 1


def cut_short(data: bytes) -> bytes:
    return data[: len(data) // 2]


def flipped(data: bytes) -> bytes:
    """One bit another, in the middle of the machine code."""
    return data[: len(data) // 2] + bytes([data[len(data) // 2] ^ 1]) + data[len(data) // 2 + 1 :]


@pytest.mark.parametrize("damage", [cut_short, flipped, lambda _: b"", lambda _: b"something else altogether" * 10])
def test_code_that_was_damaged_on_the_disk_is_made_anew(package: Path, damage: Callable[[bytes], bytes]) -> None:
    assert answer(package) == (42, 0)
    (place,) = kept(package)
    place.write_bytes(damage(place.read_bytes()))
    assert answer(package) == (42, 0)
    assert answer(package) == (42, 1)


def test_code_of_one_function_under_the_name_of_another_is_made_anew(package: Path) -> None:
    """As two processes could leave it that numbered their files alike."""
    (package / "other.py").write_text(
        "from package.compile import kernel\n\n@kernel\ndef answer(pair):\n    return pair.second\n"
    )
    assert answer(package) == (42, 0)
    other = fresh(
        "from package.other import answer; from package.pairs import Pair; print(answer(Pair(20, 30)))",
        PYTHONPATH=str(package.parent),
    )
    assert other == ["30"]
    (wrong,), (place,) = kept(package, "other.answer"), kept(package)
    place.write_bytes(wrong.read_bytes())
    assert answer(package) == (42, 0)


def test_what_numba_itself_kept_of_a_function_is_neither_read_nor_left(package: Path) -> None:
    caller = package / "caller.py"
    ours = caller.read_text()
    caller.write_text(
        "import numba\nfrom package.steps import step\n\n"
        "@numba.njit(cache=True)\ndef answer(pair):\n    return step(pair.first)\n"
    )
    assert answer(package) == (42, 0)
    old = [path.name for path in (package / "__pycache__").glob("caller.answer-*")]
    assert len(old) == 2  # an index, and one numbered file
    caller.write_text(ours)
    assert answer(package) == (42, 0)
    assert len(list((package / "__pycache__").glob("caller.answer-*"))) == 1


def test_where_the_place_is_lost_after_the_start_functions_are_compiled_all_the_same(package: Path) -> None:
    code = (
        "import shutil; from pathlib import Path; from package.steps import step; "
        "place = Path(step.stats.cache_path); shutil.rmtree(place); place.write_text('a file where a folder was'); "
        "print(step(20))"
    )
    assert fresh(code, PYTHONPATH=str(package.parent)) == ["42"]


def test_many_processes_that_start_at_once_compute_the_same(package: Path) -> None:
    with ThreadPoolExecutor(4) as pool:
        assert {found for found, _ in pool.map(answer, [package] * 4)} == {42}
    assert answer(package) == (42, 1)
    assert len(list((package / "__pycache__").glob("caller.answer-*"))) == 1


@pytest.fixture
def alike(package: Path) -> Path:
    """Two kernels that call two functions of one name: seven calls deep, those are 13 + 8 times 1, and 21 times 3.

    The functions call themselves twice, so that no compiler can put them into their callers.
    """
    (package / "made.py").write_text(
        "from package.compile import kernel\n\n"
        "def made(factor):\n    @kernel\n    def grown(number):\n        if number < 2:\n            return factor\n"
        "        return grown(number - 1) + grown(number - 2)\n    return grown\n"
    )
    for name, factor in (("one", 1), ("three", 3)):
        (package / f"{name}.py").write_text(
            "from package.compile import kernel\nfrom package.made import made\n\n"
            f"grown = made({factor})\n\n@kernel\ndef answer(number):\n    return grown(number)\n"
        )
    return package


FORKED = """
import os
for name in ("one", "three"):
    import package.compile
    child = os.fork()
    if not child:
        __import__(f"package.{name}", fromlist=[name]).answer(7)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
"""


@pytest.mark.parametrize(
    "keeping",
    [
        pytest.param(["from package import one; one.answer(7)", "from package import three; three.answer(7)"]),
        pytest.param([FORKED], marks=pytest.mark.skipif(not hasattr(os, "fork"), reason="forks processes")),
    ],
    ids=["two processes", "two forks of one"],
)
def test_functions_of_one_name_kept_by_two_processes_are_told_apart(alike: Path, keeping: list[str]) -> None:
    place = str(alike.parent)
    for code in keeping:
        fresh(code, PYTHONPATH=place)
    for first, second in (("one", "three"), ("three", "one")):
        code = (
            f"from package import one, three; {first}.answer(7); {second}.answer(7); "
            "print(one.answer(7), three.answer(7), sum(one.answer.stats.cache_hits.values()), "
            "sum(three.answer.stats.cache_hits.values()))"
        )
        assert fresh(code, PYTHONPATH=place) == ["21", "63", "1", "1"]


def test_code_that_holds_a_function_named_before_the_counting_began_is_not_kept(package: Path) -> None:
    (package / "outside.py").write_text(
        "import numba\n\n@numba.njit\ndef grown(number):\n    if number < 2:\n        return 1\n"
        "    return grown(number - 1) + grown(number - 2)\n"
    )
    (package / "inside.py").write_text(
        "from package.compile import kernel\nfrom package.outside import grown\n\n"
        "@kernel\ndef answer(number):\n    return grown(number)\n"
    )
    before = "from package.outside import grown; grown(7); from package.inside import answer; print(answer(7))"
    assert fresh(before, PYTHONPATH=str(package.parent)) == ["21"]
    assert kept(package, "inside.answer") == []
    after = "from package.inside import answer; print(answer(7))"
    assert fresh(after, PYTHONPATH=str(package.parent)) == ["21"]
    assert len(kept(package, "inside.answer")) == 1


# Two stages that share kernels: each prints a digest of all its numbers, in the order asked for, then the kernels that
# were used, and how many codes had to be compiled for that.
STAGES = """
import hashlib, sys
from numba.core.dispatcher import Dispatcher
from scanner.app import opening
from scanner.sources.receiving import newest_quotes
from scanner.history.known_before import KnownBefore
from scanner.market.calendar import Calendar
from scanner.pipeline import judge
from scanner.pricing import price_chain
from scanner.sources import simulated

*history, last = simulated.sample_market(7, ("AAPL", "SPY"), count=14)

def pricing():
    priced = price_chain(last, calendar=Calendar.standard())
    return [priced.contracts, priced.expiries, priced.underlyings]

def scoring():
    with opening.temporary_memory() as memory:
        opening.remember(memory.store, history)
        panel = memory.store.history.panel("simulated", ["AAPL", "SPY"], last["session_date"][0])
        return list(judge(last, KnownBefore(panel), newest_quotes(last), []).frames.values())

for stage in sys.argv[1:]:
    text = "".join(frame.write_json() for frame in globals()[stage]())
    print(stage, hashlib.sha256(text.encode()).hexdigest())
modules = [module for name, module in sys.modules.items() if name.startswith("scanner.")]
kernels = {found for module in modules for found in vars(module).values() if isinstance(found, Dispatcher)}
print(sum(bool(kernel.signatures) for kernel in kernels))
print(sum(sum(kernel.stats.cache_misses.values()) for kernel in kernels))
"""


@pytest.mark.slow
def test_kept_code_gives_the_same_numbers_in_whatever_order_it_is_loaded(tmp_path: Path) -> None:
    def run(*stages: str) -> tuple[dict[str, str], int, int]:
        """The digests by stage, the kernels that were used, and the codes that were compiled."""
        *told, used, compiled = fresh(STAGES, *stages, PYTHONPATH=str(PACKAGE), NUMBA_CACHE_DIR=str(tmp_path))
        return dict(zip(told[::2], told[1::2], strict=True)), int(used), int(compiled)

    compiled_here = [run("pricing"), run("scoring")]
    assert all(compiled for *_, compiled in compiled_here)
    alone = {stage: digest for told, *_ in compiled_here for stage, digest in told.items()}
    for stages in permutations(("pricing", "scoring")):
        told, used, compiled = run(*stages)
        assert told == alone
        assert used > 30  # by Python; the others are parts of these
        assert compiled == 0


def test_every_compiled_function_of_the_package_is_compiled_in_this_one_way() -> None:
    sources = {path: path.read_text("utf-8") for path in (PACKAGE / "scanner").rglob("*.py")}
    assert [path.name for path, text in sources.items() if "njit" in text or "numba.jit" in text] == []
    assert [path.name for path, text in sources.items() if "CPUDispatcher" in text] == ["parts.py"]
