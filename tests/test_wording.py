"""Numbers are said the same in every message and on every screen, and the multiple is that of the numbers shown."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner import wording


@pytest.mark.parametrize(
    ("volume", "usual", "words"),
    [
        (96_137, 1_115.2, "usual 1,115 (86x)"),
        (11_128, 101.0, "usual 101 (110x)"),
        (16_536, 1.9, "usual 1.9 (>1,000x)"),
        (32, 10.0, "usual 10 (3.2x)"),
        (4_442, 0.49, "usually none"),
        (4_442, 0.0, "usually none"),
        (4_442, None, "usual not known"),
        (None, 12.0, "usual 12"),
    ],
)
def test_a_volume_is_said_beside_what_is_usual(volume: int | None, usual: float | None, words: str) -> None:
    assert wording.against(volume, usual) == words


@given(st.integers(1, 10**6), st.floats(0.5, 1e5))
def test_the_multiple_is_the_quotient_of_the_two_numbers_shown(volume: int, usual: float) -> None:
    words = wording.against(volume, usual)
    shown = re.fullmatch(r"usual ([\d.,]+) \((>?)([\d.,]+)x\)", words)
    assert shown is not None
    quotient = volume / float(shown[1].replace(",", ""))
    if shown[2]:
        assert quotient > 1_000
    else:
        assert float(shown[3].replace(",", "")) == pytest.approx(quotient, rel=0.06, abs=0.051)


@pytest.mark.parametrize(
    ("sessions", "words"),
    [
        (300.0, "rarer than once in a year"),
        (95.2, "about once in 95 sessions"),
        (1.6, "about once in 2 sessions"),
        (1.0, "about once a session"),
        (0.34, "about 3 times a session"),
        (0.0, "about 100 times a session"),
    ],
)
def test_how_often_as_much_comes_is_said_in_sessions(sessions: float, words: str) -> None:
    assert wording.once(sessions) == words


@pytest.mark.parametrize(
    ("dollars", "words"),
    [(31_200_000.0, "$31 M"), (4_853.0, "$4.9 k"), (223e9, "$223 bn"), (850.0, "$850"), (999_700.0, "$1.0 M")],
)
def test_money_is_said_in_three_figures(dollars: float, words: str) -> None:
    assert wording.money(dollars) == words
