"""ARCHITECTURE.md tells of the house as it stands: every room, every file that it names, and no other."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "scanner"
PAGE = (ROOT / "ARCHITECTURE.md").read_text("utf-8")
# What Python asks of a package, and no room.
DOORS = {"__init__.py", "__main__.py"}


def rooms() -> set[str]:
    """The top-level modules of the package, and its folders of modules with a stroke behind them."""
    modules = {path.name for path in PACKAGE.glob("*.py")} - DOORS
    return modules | {f"{path.parent.name}/" for path in PACKAGE.glob("*/__init__.py")}


def first_column(page: str) -> list[str]:
    """What the table of rooms names, cell by cell."""
    (table,) = re.findall(r"## Rooms\n\n\|.*\n\|[-|]+\n((?:\|.*\n)+)", page)
    return [name for line in table.splitlines() for name in re.findall(r"`([^`]+)`", line.split("|")[1])]


def test_the_table_of_rooms_names_each_room_once_and_nothing_else():
    assert sorted(first_column(PAGE)) == sorted(rooms())


def test_rooms_are_found_where_they_are_known_to_be():
    """The test above would pass in silence if it looked at nothing."""
    assert {"market/", "store/", "pipeline.py"} <= rooms()


def test_every_file_and_folder_that_the_page_names_is_there():
    paths = re.findall(r"`((?:[\w.]+/)+(?:[\w.]+)?)`", PAGE)
    assert len(paths) > 20
    missing = [path for path in paths if not any((place / path).exists() for place in (ROOT, PACKAGE))]
    assert missing == []
