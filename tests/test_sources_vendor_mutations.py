"""Damaged answers of every vendor, the same ones every time; ``tools/fuzz_vendors.py`` makes more."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parents[1] / "tools"))

import fuzz_vendors


@pytest.mark.parametrize("name", fuzz_vendors.LIVE)
def test_damaged_answers_end_in_a_sound_chain_or_a_reason(name: str) -> None:
    fuzzed = fuzz_vendors.fuzz(name, range(60), 20260716)
    assert [(one.number, one.what) for one in fuzzed.findings] == []
    assert fuzzed.distinct > 30


def test_a_wrong_number_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """A damage that nobody can see, which the tool must."""
    monkeypatch.setattr(fuzz_vendors, "damaged", lambda body, _: body.replace(b"5210", b"5219"))
    found = fuzz_vendors.fuzz("cboe", range(3), 1).findings
    assert {one.what for one in found} == {"XYZ260724C00100000 volume 5219 for 5210"}


def test_the_same_number_is_the_same_damage_again() -> None:
    body = b'{"data": [1, 2, {"a": "b"}]}'
    again = [[fuzz_vendors.damaged(body, random.Random(number)) for number in range(20)] for _ in range(2)]
    assert again[0] == again[1]
    assert len(set(again[0])) > 10
