"""Two thousand damaged bodies of each format, the same ones every time; ``tools/fuzz_formats.py`` makes more."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import pytest

TOOL = Path(__file__).parents[1] / "tools" / "fuzz_formats.py"


def _tool() -> Any:
    spec = importlib.util.spec_from_file_location("fuzz_formats", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["fuzz_formats"] = module
    spec.loader.exec_module(module)
    return module


fuzz_formats = _tool()


@pytest.mark.slow
@pytest.mark.parametrize("name", fuzz_formats.BODIES)
def test_damaged_bodies_end_in_a_chain_or_a_reason(name: str) -> None:
    bodies = 500 if name == "parquet" else 2_000  # which takes longer to write than to read
    found = fuzz_formats.fuzz(name, range(bodies), seed=20260820)
    assert [(one.number, one.what) for one in found] == []


@pytest.mark.parametrize("name", fuzz_formats.BODIES)
def test_the_same_number_is_the_same_body_again(name: str) -> None:
    assert [fuzz_formats.body(name, number, 1) for number in range(3)] == [
        fuzz_formats.body(name, number, 1) for number in range(3)
    ]
    assert len({fuzz_formats.body(name, number, 1)[1] for number in range(20)}) > 10
