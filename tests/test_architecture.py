"""The walls of ARCHITECTURE.md: who may import whom, who may read the clock, and what starting costs."""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib.metadata import packages_distributions
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

TESTS = Path(__file__).parent
PACKAGE = TESTS.parent / "scanner"
NETWORK = {"requests", "urllib3", "urllib.request", "http.client", "socket", "ssl"}
TERMINAL = {"typer", "click", "rich"}
CLOCKS = {"now", "utcnow", "today", "time", "time_ns", "monotonic", "perf_counter"}
# The rooms of the house, lowest first: each may import what stands before it, and nothing that stands after it.
ROOMS = (
    "errors", "object_prefix", "severity", "wording", "steps", "shipped", "document", "frames", "fields", "kernels",
    "market", "tape", "history", "pricing", "quality", "activity", "metrics", "ruleset", "alerts", "store", "outputs",
    "sources", "crontab", "config", "pipeline", "app", "cli", "__main__",
)  # fmt: skip
# What more a room must not import, itself or anything below it.
WALLS = {
    **{room: NETWORK | TERMINAL for room in ROOMS if room not in ("sources", "outputs", "cli")},
    "ruleset": NETWORK | TERMINAL | {f"scanner.{room}" for room in ("history", "pricing", "quality", "metrics")},
    "outputs": NETWORK | {"typer", "click"},
    "sources": TERMINAL | {f"scanner.{room}" for room in ROOMS[ROOMS.index("quality") : ROOMS.index("sources")]},
    # A face parses arguments, calls the application and prints: it knows nothing beneath.
    "cli": NETWORK | {f"scanner.{room}" for room in ROOMS if room not in ("cli", "app", "outputs", "errors")},
}
# The ends, where time is read: the application's clock, the schedule, the waiting for a lock and for a polite turn.
READS_THE_CLOCK = {"app/clock.py", "app/schedule.py", "store/locks.py", "sources/http.py", "sources/pace.py"}
HEAVY = {
    "apscheduler", "dask", "distributed", "exchange_calendars", "jinja2", "numba", "numpy", "pandas", "polars",
    "pyarrow", "pydantic", "requests", "scipy", "sqlalchemy", "yaml",
}  # fmt: skip


def modules(part: str = "") -> list[Path]:
    """The Python files of a module or folder of the package."""
    place = PACKAGE / part
    return sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]


def imports(path: Path) -> Iterator[tuple[int, str]]:
    """Line and full name of everything a module imports, inside functions too and for the type checker alone."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}:{node.lineno}: a relative import, which this test cannot follow"
            yield from ((node.lineno, f"{node.module}.{name.name}") for name in node.names)


def imported_modules() -> dict[str, set[str]]:
    """Each module of the package with the others that it imports; what a package's file gives is that package's."""
    names = {name_of(path): path for path in modules()}
    found: dict[str, set[str]] = {}
    for module, path in names.items():
        wanted = (name for _, name in imports(path) if name.split(".")[0] == "scanner")
        owners = {name if name in names else name.rpartition(".")[0] for name in wanted}
        found[module] = owners - {module}
    return found


def name_of(path: Path) -> str:
    """``scanner.store.files`` for its file."""
    return ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")


def circle(edges: dict[str, set[str]]) -> list[str]:
    """A circle among things that point at others, as the way round it; empty where there is none."""
    done: set[str] = set()

    def walk(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return []
        found = next((round_ for other in sorted(edges.get(name, ())) if (round_ := walk(other, [*way, name]))), [])
        done.add(name)
        return found

    return next((found for name in sorted(edges) if (found := walk(name, []))), [])


def clock_reads(path: Path) -> Iterator[int]:
    """The lines on which a module asks ``datetime``, ``date`` or ``time`` what time it is, now or by a name for it."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute) and node.attr in CLOCKS and isinstance(node.value, ast.Name | ast.Attribute):
            owner = node.value.id if isinstance(node.value, ast.Name) else node.value.attr
            if owner in ("datetime", "date") or (owner == "time" and node.attr not in ("now", "today")):
                yield node.lineno


@pytest.mark.parametrize("part", ROOMS)
def test_no_import_crosses_a_wall(part):
    crossing = [
        f"{path.relative_to(PACKAGE)}:{line} imports {name}"
        for path in modules(part)
        for line, name in imports(path)
        if any(name == barred or name.startswith(f"{barred}.") for barred in WALLS[part])
    ]
    assert crossing == []


def test_every_room_of_the_house_stands_in_the_table():
    found = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in modules()}
    assert found - {"__init__"} == set(ROOMS)


def test_no_import_runs_upward():
    upward = [
        f"{path.relative_to(PACKAGE)}:{line} imports {name}"
        for height, room in enumerate(ROOMS)
        for path in modules(room)
        for line, name in imports(path)
        if name.startswith("scanner.") and name.split(".")[1] in ROOMS[height + 1 :]
    ]
    assert upward == []


def test_no_modules_import_each_other_in_a_circle():
    """Nor name each other's types in one: whoever reads the one would have to read the other first, and so round."""
    assert circle(imported_modules()) == []


def test_a_circle_is_seen_and_so_is_its_absence():
    assert circle({"a": {"b"}, "b": {"c"}, "c": {"d", "b"}, "d": set()}) == ["b", "c", "b"]
    assert circle({"a": {"b", "c"}, "b": {"d"}, "c": {"d"}}) == []


def test_one_module_speaks_to_object_stores():
    spoken = {name_of(path) for path in modules() for _, name in imports(path) if name.split(".")[0] == "obstore"}
    assert spoken == {"scanner.store.objects"}


def test_the_wall_sees_an_import_inside_a_function_and_under_every_spelling(tmp_path):
    """The tests above would pass in silence if their reading of imports were blind."""
    path = tmp_path / "module.py"
    path.write_text(
        "import a.b as c\nif TYPE_CHECKING:\n    from t import T\n"
        "def f():\n    from scanner import config\n    from scanner.store.files import x\n"
    )
    assert {name for _, name in imports(path)} == {"a.b", "t.T", "scanner.config", "scanner.store.files.x"}


def canonical(name: str) -> str:
    """A distribution's name as indexes compare it: ``QuantLib>=1.36`` and ``quantlib`` are one."""
    return re.sub(r"[-_.]+", "-", re.split(r"[^\w.-]", name.strip())[0]).lower()


def outsiders(path: Path) -> set[str]:
    """The packages a test module imports that are neither of the standard library nor of this repository."""
    beside = [*TESTS.glob("*.py"), *(TESTS.parent / "tools").glob("*.py")]
    own = {"scanner", "benchmarks", *(module.stem for module in beside)}
    names = {name.partition(".")[0] for _, name in imports(path)}
    return names - own - sys.stdlib_module_names


def test_tests_import_only_what_the_second_command_of_the_readme_installs():
    project = tomllib.loads((TESTS.parent / "pyproject.toml").read_text("utf-8"))["project"]
    named = {canonical(name) for name in [*project["dependencies"], *project["optional-dependencies"]["test"]]}
    providers = packages_distributions()
    undeclared = [
        f"{path.name} imports {name}"
        for path in sorted(TESTS.glob("*.py"))
        for name in sorted(outsiders(path))
        if named.isdisjoint(map(canonical, providers.get(name, [])))
    ]
    assert undeclared == []


def test_an_import_that_nothing_declares_would_be_seen(tmp_path):
    path = tmp_path / "test_module.py"
    path.write_text("import json\nimport built_chains\ndef f():\n    from yaml import parse\n    import psutil\n")
    assert outsiders(path) == {"yaml", "psutil"}
    assert [canonical(name) for name in ("QuantLib>=1.36", "ruamel.yaml>=0.18.6", "psycopg[binary]>=3.2")] == [
        "quantlib", "ruamel-yaml", "psycopg",
    ]  # fmt: skip


def test_the_clock_is_read_at_the_ends_alone():
    assert {path.relative_to(PACKAGE).as_posix() for path in modules() if list(clock_reads(path))} == READS_THE_CLOCK


def test_a_reading_of_the_clock_is_seen(tmp_path):
    path = tmp_path / "module.py"
    path.write_text("a = datetime.now(UTC)\nb = dt.date.today()\nc = time.time()\nd = clock.now()\n")
    assert list(clock_reads(path)) == [1, 2, 3]


def test_nothing_evaluates_unpickles_or_starts_a_shell():
    """What vendors, users and files say is data; none of it may become code."""
    barred = {"eval", "exec", "compile", "__import__"}
    found = [
        f"{path.relative_to(PACKAGE)}:{node.lineno}"
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in barred
    ]
    named = [
        f"{path.relative_to(PACKAGE)}:{line} imports {name}"
        for path in modules()
        for line, name in imports(path)
        if name.split(".")[0] in ("pickle", "marshal", "shelve", "dill", "subprocess")
    ]
    assert found + named == []


def test_yaml_is_read_as_events_in_one_module_and_never_loaded_into_objects():
    assert {path.name for path in modules() for _, name in imports(path) if name.split(".")[0] == "yaml"} == {
        "document.py"
    }
    used = {
        node.attr
        for node in ast.walk(ast.parse((PACKAGE / "document.py").read_text("utf-8")))
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "yaml"
    }
    assert used == {"parse", "SafeLoader", "MarkedYAMLError", "YAMLError"}


def test_every_csv_for_people_is_written_in_one_place():
    """There text is made harmless. The store's own table of events, which it reads back, holds nothing but symbols."""
    writers = {"writer", "DictWriter", "write_csv", "writerow", "writerows"}
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in modules()
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in writers
    }
    assert found == {"outputs/delimited.py", "store/store.py", "store/models.py"}


def loaded_by(code: str, *arguments: str) -> set[str]:
    """The modules that a new process has loaded when some code has run."""
    told = f"import sys\ntry:\n    {code}\nfinally:\n    print('--', *sys.modules, sep='\\n')"
    ran = subprocess.run([sys.executable, "-c", told, *arguments], capture_output=True, text=True, check=False)
    assert "--" in ran.stdout, ran.stderr
    return set(ran.stdout.partition("--\n")[2].splitlines())


RUN = "from scanner.cli import main; sys.argv[0] = 'scanner'; main.main()"
FRAMES = {"numba", "numpy", "pandas", "polars", "pyarrow", "scipy"}
RECORDED = TESTS / "chains" / "XYZ_chain_20260806_134907.csv"
# What each command does without, and a module that shows that it ran.
LIGHT = {
    "--help": (HEAVY, "scanner.cli.scan"),
    "alerts": (FRAMES, "scanner.outputs.stored"),
    "watchlist": (FRAMES | {"rich"}, "scanner.outputs.exports.comma_separated"),
    "rules list": (FRAMES | {"sqlalchemy"}, "scanner.ruleset.load"),
    "status": (FRAMES, "scanner.outputs.status"),
    "chain XYZ": (
        {"pandas", "pyarrow", "requests", "scipy.linalg", "scipy.sparse", "numpy.f2py.f2py2e"},
        "scanner.outputs.chain_table",
    ),
    "store info": (FRAMES - {"polars", "numpy"} | {"sqlalchemy"}, "scanner.store.holdings"),
}


@pytest.mark.parametrize("command", LIGHT)
def test_a_command_that_only_tells_loads_no_heavy_library_that_it_does_without(command, tmp_path):
    """Every command pays for what its first screen loads."""
    from scanner.store import layout
    from scanner.store.state import State

    State.open(tmp_path).close()
    layout.taken(tmp_path, read_only=False)
    place = ["--store", str(tmp_path)] if command not in ("--help", "rules list") else []
    place += ["--path", str(RECORDED)] if command.startswith("chain") else []
    heavy, ran = LIGHT[command]
    loaded = loaded_by(RUN, *command.split(), *place)
    assert ran in loaded
    assert loaded & heavy == set()


def test_importing_the_application_loads_no_heavy_library_and_a_scan_loads_no_library_that_it_does_without():
    """A face that only lists commands, or a notebook's first line, must not wait; pandas comes for who asks for it."""
    first = loaded_by("from scanner import app")
    assert "scanner.app" in first
    assert "scanner.app.scanning" not in first
    assert first & HEAVY == set()
    with TemporaryDirectory() as folder:
        then = loaded_by("from scanner import app; app.scan(['KO'], source='simulated', store=sys.argv[1])", folder)
    assert {"polars", "scipy.special"} <= then
    # What scipy would take along of numpy's for its special functions.
    assert then & {"pandas", "numpy.f2py.f2py2e", "unittest"} == set()


def test_every_name_of_the_application_comes_from_where_the_type_checker_takes_it():
    """And none is that of a module beside it, which would take its place once it is loaded."""
    from scanner import app

    path = PACKAGE / "app" / "__init__.py"
    checked = {name: home for home, name in (found.rsplit(".", 1) for _, found in imports(path) if "scanner" in found)}
    assert set(checked) == set(app.__all__)
    for name, home in checked.items():
        assert getattr(app, name) is getattr(importlib.import_module(home), name)
    assert not {module.stem for module in modules("app")} & set(app.__all__)
    assert set(app.__all__) <= set(dir(app))


def test_the_calendar_is_handed_down_and_lies_nowhere_else():
    """Settings make it, the simulated market keeps the standard one, nobody else reaches for it, and none changes."""
    text = {path: path.read_text("utf-8") for path in PACKAGE.rglob("*.py")}
    asking = {str(path.relative_to(PACKAGE)) for path, source in text.items() if "Calendar.standard(" in source}
    simulated = {f"sources/{name}.py" for name in ("simulated", "simulation/market", "simulation/listing")}
    assert asking == {"config/settings.py", "market/calendar.py", *simulated}
    module = ast.parse(text[PACKAGE / "market" / "calendar.py"])
    assert not [node for node in ast.walk(module) if isinstance(node, ast.Global)]
    held = [node for node in module.body if isinstance(node, ast.Assign | ast.AnnAssign)]
    changeable = (ast.Dict, ast.List, ast.Set, ast.DictComp, ast.ListComp, ast.SetComp)
    assert held
    assert not [ast.unparse(node) for node in held if isinstance(node.value, changeable)]
