"""Contract symbols: the facts come from the OCC's symbology notes and the exchanges' product pages."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standard import calendar

from scanner.market import symbology

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
        ("GOOGL1260918P00000500", "GOOGL1", date(2026, 9, 18), "P", 0.5),
        ("SPXW  260918C06437125", "SPXW", date(2026, 9, 18), "C", 6437.125),
        ("lgfa  260918p99999999", "LGFA", date(2026, 9, 18), "P", 99_999.999),
        ("C260918P00042000", "C", date(2026, 9, 18), "P", 42.0),
        ("BRK.B 260918C00482500", "BRKB", date(2026, 9, 18), "C", 482.5),
        ("BRK/B260918C00482500", "BRKB", date(2026, 9, 18), "C", 482.5),
    ],
)
def test_a_symbol_is_read_from_the_right_in_every_dialect(text, root, expiry, right, strike):
    assert symbology.parse_osi(text) == symbology.Contract(root, expiry, right, strike)


@pytest.mark.parametrize(
    "text",
    ["", "GOOG", "GOOG250912X00235000", "GOOG251399C00235000", "TOOLONGROOT250912C00235000", "GOOG25091٢C00235000"],
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


@given(root=ROOTS, thousandths=st.integers(0, 99_999_999), right=st.sampled_from(["C", "P"]), dressed=st.booleans())
def test_padding_to_twenty_one_characters_and_small_letters_change_nothing(root, thousandths, right, dressed):
    plain = f"{root}260918{right}{thousandths:08d}"
    padded = f"{root:<6}260918{right}{thousandths:08d}"
    assert len(padded) == 21
    spelled = f"o:{padded}".lower() if dressed else padded
    assert symbology.parse_osi(spelled) == symbology.Contract(root, date(2026, 9, 18), right, thousandths / 1000)
    assert symbology.parse_osi_column(pl.Series([spelled, plain]))["contract"].to_list() == [plain, plain]


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


@pytest.mark.parametrize("expiry", [date(1999, 12, 17), date(2100, 1, 15), date(9999, 12, 31)])
def test_a_year_that_two_digits_cannot_name_is_refused(expiry):
    with pytest.raises(ValueError, match=f"expiry {expiry} of GOOG does not fit"):
        symbology.format_osi("GOOG", expiry, "C", 100.0)


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


@pytest.mark.parametrize("text", ["^SPX", "$SPX", "_SPX", "I:SPX", "SPX.X", "$SPX.X", ".SPX", " spx ", "SPX"])
def test_an_index_is_one_in_every_vendors_spelling(text):
    assert symbology.ticker(text) == "SPX"


@pytest.mark.parametrize("text", ["BRK.B", "BRK-B", "BRK/B", "BRK B", "brk.b", "BRKB"])
def test_a_class_share_is_one_in_every_vendors_spelling(text):
    assert symbology.plain_ticker(text) == symbology.root_of(text) == "BRKB"
    assert symbology.ticker(text) == "BRK.B"
    assert symbology.share_class(text) == ("BRK", "B")
    assert text.upper() in symbology.spellings("BRK.B")
    assert set(symbology.spellings(text)) == set(symbology.spellings("BRK.B"))


@pytest.mark.parametrize("text", ["GOOGL", "AAPL", "F", "SPX.X", "HUBB", "BRK1", ""])
def test_other_tickers_have_no_class(text):
    assert symbology.share_class(text) is None


def test_a_suffix_is_an_indexs_mark_behind_an_index_alone():
    assert symbology.ticker("ABC.X") == "ABC.X"


@pytest.mark.parametrize(
    ("underlying", "expiry", "root", "ambiguous"),
    [
        ("SPX", date(2023, 1, 5), "SPXW", False),
        ("SPX", date(2023, 1, 20), "SPX", True),
        ("SPX", date(2019, 4, 18), "SPX", True),  # the Thursday before Good Friday, a third Friday
        ("SPX", date(2026, 6, 18), "SPX", True),  # the Thursday before Juneteenth, a third Friday
        ("SPX", date(2026, 8, 20), "SPXW", False),  # a Thursday like any other
        ("SPX", date(2014, 6, 21), "SPX", True),  # a Saturday, as monthly options had until 2015
        ("NDX", date(2026, 8, 26), "NDXP", False),
        ("NDX", date(2026, 8, 21), "NDX", True),
        ("RUT", date(2026, 8, 31), "RUTW", False),
        ("VIX", date(2026, 8, 19), "VIX", False),
        ("VIX", date(2026, 8, 26), "VIXW", False),
        ("XSP", date(2026, 8, 21), "XSP", False),
        ("MRUT", date(2026, 8, 26), "MRUT", False),
        ("OEX", date(2026, 8, 21), "OEX", False),
        ("XEO", date(2026, 8, 21), "XEO", False),
        ("DJX", date(2026, 8, 21), "DJX", False),
        ("SPY", date(2026, 8, 21), "SPY", False),
        ("BRK.B", date(2026, 8, 21), "BRKB", False),
    ],
)
def test_a_root_that_no_source_names_is_told_by_the_expiry(underlying, expiry, root, ambiguous):
    assert symbology.root_at(underlying, expiry, calendar) == root
    assert symbology.is_ambiguous(underlying, expiry, calendar) is ambiguous


@pytest.mark.parametrize(
    ("root", "underlying", "expiry", "settlement", "style"),
    [
        ("SPT", "SPX", date(2009, 6, 20), "AM", "european"),
        ("SZP", "SPX", date(2009, 12, 19), "AM", "european"),
        ("QSE", "SPX", date(2009, 6, 30), "PM", "european"),
        ("NDU", "NDX", date(2009, 6, 20), "AM", "european"),
        ("OEY", "OEX", date(2009, 6, 20), "PM", "american"),
        ("SPT", "SPT", date(2009, 6, 20), "PM", "american"),  # a stock of that name
        ("SPXW", "SPX", date(2026, 8, 21), "PM", "european"),
    ],
)
def test_the_contracts_of_a_root_that_is_not_known_are_those_of_their_index(
    root, underlying, expiry, settlement, style
):
    info = symbology.contract_info(root, underlying, expiry, calendar)
    assert (info.settlement, info.exercise_style, info.nonstandard) == (settlement, style, False)


def test_flex_series_of_an_index_stay_nonstandard():
    assert symbology.contract_info("2SPX", "SPX", date(2026, 8, 21), calendar).nonstandard
