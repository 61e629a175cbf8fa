"""The notebook of the documents, run as it stands."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

PAGE = Path(__file__).parents[1] / "docs" / "notebook.md"
# The contract in which the story of goog-235 is planted.
PLANTED = "GOOG250912C00235000"


def blocks() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The names that the page's code has at its end, after all of it ran in order in a folder of its own."""
    names: dict[str, Any] = {}
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(tmp_path_factory.mktemp("notebook"))
        for number, block in enumerate(blocks(), 1):
            exec(compile(block, f"{PAGE.name}, block {number}", "exec"), names)
    return names


pytestmark = pytest.mark.slow


def test_the_history_is_imported_and_the_scan_is_whole(notebook):
    assert (notebook["imported"].stored, notebook["imported"].refused) == (13 * 14, [])
    result = notebook["result"]
    assert (result.scan.symbols_scanned, result.errors, result.scan.simulated) == (14, (), True)


def test_what_was_planted_is_found_and_stands_on_the_list(notebook):
    assert PLANTED in notebook["alerts"].frame["contract"].to_list()
    assert "OPRA:GOOG250912C235.0" in notebook["listed"].text.splitlines()
    assert "SIMULATED" in notebook["page"]


def test_the_chain_in_pandas_has_whole_volumes_dates_and_the_strike_of_the_story(notebook):
    table, calls = notebook["table"], notebook["calls"]
    assert str(table["volume"].dtype) == "Int64"
    assert table["expiry"].unique().tolist() == [pd.Timestamp("2025-09-12")]
    assert notebook["busiest"] == 235.0
    assert notebook["smile"].between(0.1, 1.0).all()
    assert calls["iv_reason"].isna().sum() == len(notebook["smile"])


def test_a_frame_of_pandas_is_measured_like_the_frame_it_came_from(notebook):
    mine = notebook["mine"].frame
    seen = notebook["seen"].frames["contract"]
    assert mine["source"].unique().to_list() == ["my-desk"]
    assert mine.select("contract", "iv", "delta").equals(seen.select("contract", "iv", "delta"))


def test_the_replay_judges_the_sessions_named(notebook):
    assert [one.scan.session_date for one in notebook["replayed"]] == [date(2025, 9, 4), date(2025, 9, 5)]
    assert {name for one in notebook["replayed"] for name in one.underlyings["underlying"]} == {"GOOG", "NVDA"}
