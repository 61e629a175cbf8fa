"""Contract symbols: the facts come from the OCC's symbology notes and the exchanges' product pages."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanner import symbology

ROOTS = st.from_regex(r"\A[A-Z]{1,5}[0-9]?\Z") | st.sampled_from(["2SPX", "4QQQ", "SPXW", "BRKB", "GOOG1"])


@pytest.mark.parametrize(
    ("text", "root", "expiry", "right", "strike"),
    [
        ("GOOG250912C00235000", "GOOG", date(2025, 9, 12), "C", 235.0),
        ("CLX   260821C00095000", "CLX", date(2026, 8, 21), "C", 95.0),
        ("O:CLX260821C00095000", "CLX", date(2026, 8, 21), "C", 95.0),
        ("clx---260821c00095000", "CLX", date(2026, 8, 21), "C", 95.0),
        ("CLX___260821C00095000", "CLX", date(2026, 8, 21), "C", 95.0),
        ("XOM2241220P00280000", "XOM2", date(2024, 12, 20), "P", 280.0),
        ("2SPX261120C06000000", "2SPX", date(2026, 11, 20), "C", 6000.0),
        ("F     261120C00012500", "F", date(2026, 11, 20), "C", 12.5),
        ("GOOG1141220C00500000", "GOOG1", date(2014, 12, 20), "C", 500.0),
    ],
)
def test_a_symbol_is_read_from_the_right_in_every_dialect(text, root, expiry, right, strike):
    assert symbology.parse_osi(text) == symbology.Contract(root, expiry, right, strike)


@pytest.mark.parametrize(
    "text", ["", "GOOG", "GOOG250912X00235000", "GOOG251399C00235000", "TOOLONGROOT250912C00235000"]
)
def test_what_is_no_symbol_is_named_in_the_error(text):
    with pytest.raises(ValueError, match=r"contract symbol|impossible expiry") as caught:
        symbology.parse_osi(text)
    assert repr(text) in str(caught.value)


@given(
    root=ROOTS,
    expiry=st.dates(date(2004, 1, 1), date(2099, 12, 31)),
    right=st.sampled_from(["C", "P"]),
    thousandths=st.integers(0, 99_999_999),
)
def test_writing_a_symbol_and_reading_it_back_changes_nothing(root, expiry, right, thousandths):
    written = symbology.format_osi(root, expiry, right, thousandths / 1000)
    assert symbology.parse_osi(written) == symbology.Contract(root, expiry, right, thousandths / 1000)
    assert written[-15:] == f"{expiry:%y%m%d}{right}{thousandths:08d}"


@given(st.lists(st.one_of(st.none(), st.text(max_size=24), st.just("O:SPXW260918P06000000")), max_size=20))
def test_a_column_is_read_like_its_symbols_one_by_one(texts):
    def one(text):
        try:
            parsed = symbology.parse_osi(text or "")
        except ValueError:
            return (None, None, None, None)
        return (parsed.root, parsed.expiry, parsed.right, parsed.strike)

    frame = symbology.parse_osi_column(pl.Series(texts, dtype=pl.String))
    ascii_only = [text is None or text.isascii() for text in texts]
    read = frame.select("root", "expiry", "right", "strike").rows()
    assert [row for row, plain in zip(read, ascii_only, strict=True) if plain] == [
        one(text) for text, plain in zip(texts, ascii_only, strict=True) if plain
    ]


def test_strikes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="does not fit"):
        symbology.format_osi("GOOG", date(2025, 9, 12), "C", 100_000.0)
    with pytest.raises(ValueError, match="does not fit"):
        symbology.format_osi("GOOG", date(2025, 9, 12), "C", 1.00005)


@pytest.mark.parametrize(
    ("root", "underlying", "settlement", "style", "nonstandard"),
    [
        ("GOOG", "GOOG", "PM", "american", False),
        ("GOOG1", "GOOG", "PM", "american", True),
        ("SPX", "SPX", "AM", "european", False),
        ("SPXW", "SPX", "PM", "european", False),
        ("2SPX", "SPX", "AM", "european", True),
        ("4SPX", "SPX", "PM", "european", True),
        ("1QQQ", "QQQ", "AM", "american", True),
        ("BRKB", "BRKB", "PM", "american", False),
        ("OEX", "OEX", "PM", "american", False),
        ("XEO", "OEX", "PM", "european", False),
        ("VIXW", "VIX", "AM", "european", False),
        ("XSP", "XSP", "PM", "european", False),
    ],
)
def test_a_root_tells_underlying_settlement_style_and_whether_it_is_standard(
    root, underlying, settlement, style, nonstandard
):
    info = symbology.root_info(root)
    assert (info.underlying, info.settlement, info.exercise_style, info.nonstandard) == (
        underlying,
        settlement,
        style,
        nonstandard,
    )


def test_a_mini_stands_for_ten_shares():
    assert symbology.root_info("AAPL7").multiplier == 10


def test_strikes_read_from_a_column_are_those_that_text_gives() -> None:
    symbols = [f"ABC250912C{thousandths:08d}" for thousandths in range(5, 1_000_000, 5)]
    expected = [thousandths / 1000 for thousandths in range(5, 1_000_000, 5)]
    assert symbology.parse_osi_column(pl.Series(symbols))["strike"].to_list() == expected
