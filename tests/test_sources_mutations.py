"""Two thousand damaged bodies of each format, the same ones every time; ``tools/fuzz_formats.py`` makes more."""

from __future__ import annotations

import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "tools"))

import fuzz_formats


@pytest.mark.slow
@pytest.mark.parametrize("name", fuzz_formats.BODIES)
def test_damaged_bodies_end_in_a_chain_or_a_reason(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLARS_MAX_THREADS", "1")  # handing so little to threads takes longer than reading it
    bodies = 500 if name == "parquet" else 2_000  # which takes longer to write than to read
    # In a process of its own, whose memory no other test has used.
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as alone:
        found = alone.submit(fuzz_formats.fuzz, name, range(bodies), 20260820).result()
    assert [(one.number, one.what) for one in found] == []


@pytest.mark.parametrize("name", fuzz_formats.BODIES)
def test_the_same_number_is_the_same_body_again(name: str) -> None:
    assert [fuzz_formats.body(name, number, 1) for number in range(3)] == [
        fuzz_formats.body(name, number, 1) for number in range(3)
    ]
    assert len({fuzz_formats.body(name, number, 1)[1] for number in range(20)}) > 10
