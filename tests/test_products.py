"""Facts about products: they come from the exchanges' specifications and from brokers' lists of trading hours."""

from __future__ import annotations

import pytest

from scanner.market import products


@pytest.mark.parametrize(
    "name",
    [
        "SPX", "XSP", "NDX", "RUT", "MRUT", "DJX", "VIX", "OEX", "XEO", "SPY", "QQQ", "IWM", "DIA", "OEF", "MDY", "EEM",
        "EFA", "FXI", "IYR", "KBE", "KRE", "LQD", "TLT", "UNG", "UUP", "UVXY", "SVXY", "VXX", "VIXY", "XHB", "XLB",
        "XLE", "XLF", "XLI", "XLK", "XLP", "XLU", "XLV", "XLY", "XME", "XRT", "DBA", "DBC", "MOO", "SLX",
    ],
)  # fmt: skip
def test_index_options_and_those_on_broad_funds_trade_to_a_quarter_past_the_close(name):
    assert products.closes_late(name)


@pytest.mark.parametrize("name", ["AAPL", "GOOG", "BRK.B", "GLD", "SLV", "ARKK", "HYG"])
def test_options_on_shares_and_on_other_funds_end_with_their_underlying(name):
    assert not products.closes_late(name)


def test_the_standard_root_of_an_index_comes_first():
    assert [item.root for item in products.index_roots("SPX")][:2] == ["SPX", "SPXW"]
    assert [item.root for item in products.index_roots("OEX")] == ["OEX", "XEO"]
    assert [item.exercise_style for item in products.index_roots("OEX")] == ["american", "european"]
    assert [item.root for item in products.index_roots("XEO")] == ["XEO"]
    assert products.index_roots("SPY") == ()


@pytest.mark.parametrize(
    ("name", "settlement"), [("MXEA", "PM"), ("MXEF", "PM"), ("MXUSA", "PM"), ("SIXM", "AM"), ("SIXE", "AM")]
)
def test_options_on_indices_of_regions_and_sectors_are_exercised_at_expiry_alone(name, settlement):
    (root,) = products.index_roots(name)
    assert (root.root, root.settlement, root.exercise_style) == (name, settlement, "european")


def test_a_nano_stands_for_one_unit_of_its_index():
    assert [item.multiplier for item in products.index_roots("NANOS")] == [1]


def test_volatility_is_priced_off_futures_and_funds_on_it_are_not():
    assert products.priced_off_future("VIX")
    assert not products.priced_off_future("VXX")
    assert not products.priced_off_future("SPX")
