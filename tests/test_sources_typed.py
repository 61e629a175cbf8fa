"""Bodies decoded quickly give the rows of the careful way, or are left to it."""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest

sys.path.append(str(Path(__file__).parents[1] / "tools"))

from fuzz_vendors import damaged

from scanner.market.calendar import Calendar
from scanner.sources.formats.base import File, Findings, UnreadableError
from scanner.sources.formats.cboe_json import CboeJson
from scanner.sources.formats.reading import parse_json

FORMAT = CboeJson()
FILE = File(Path("XYZ"), Calendar.standard())
OPTION = {
    "option": "XYZ260821C00100000", "bid": 1.05, "ask": 1.1, "bid_size": 12, "ask_size": 7.0, "iv": 0.31, "delta": 0.5,
    "volume": 5210.0, "open_interest": 467, "gamma": 0.01, "last_trade_price": 1.07, "prev_day_close": None,
    "last_trade_time": "2026-07-24T15:59:59", "tick": "no_change", "vega": 0.1, "theta": -0.02, "rho": 0, "theo": 1.075,
    "change": None, "open": 1, "high": 1.2, "low": 0.9, "percent_change": 3.5,
}  # fmt: skip
BODY = {
    "timestamp": "2026-07-24 19:45:10",
    "data": {
        "options": [OPTION, OPTION | {"option": "XYZ260821P00100000", "last_trade_time": None, "iv": 0}],
        "symbol": "XYZ", "current_price": 101.5, "close": 101, "last_trade_time": "2026-07-24T15:30:00", "bid": 1,
    },
    "symbol": "XYZ",
}  # fmt: skip


def told(document: Any) -> tuple[pl.DataFrame | str, Any]:
    """Rows, or why there are none, and what was found on the way."""
    findings = Findings("XYZ")
    try:
        return FORMAT.rows(document, FILE, findings), findings
    except UnreadableError as error:
        return str(error), findings


def same(content: bytes) -> bool:
    """Whether the body was decoded quickly; the rows are those of the careful way then."""
    document = FORMAT.quickly(content)
    if document is None:
        return False
    rows, found = told(document)
    expected, expected_found = told(parse_json(content))
    assert vars(found) == vars(expected_found)
    if isinstance(rows, str) or isinstance(expected, str):
        assert rows == expected
    else:
        assert rows.schema == expected.schema
        assert rows.equals(expected)
    return True


def test_a_sound_body_is_decoded_quickly() -> None:
    assert same(json.dumps(BODY).encode())
    rows, _ = told(FORMAT.quickly(json.dumps(BODY).encode()))
    assert isinstance(rows, pl.DataFrame)
    assert rows.select("symbol", "bid", "ask_size", "open_interest").rows() == [
        ("XYZ260821C00100000", 1.05, 7.0, 467.0),
        ("XYZ260821P00100000", 1.05, 7.0, 467.0),
    ]


def test_a_list_without_options_has_the_same_columns_both_ways() -> None:
    assert same(json.dumps(BODY | {"data": {"options": [], "symbol": "XYZ"}}).encode())


@pytest.mark.parametrize(
    "changed", [{"bid": "1.05"}, {"volume": True}, {"open_interest": 2**63}, {"option": 5}, {"option": "\ud800"}]
)
def test_a_value_of_another_kind_goes_the_careful_way(changed: dict[str, Any]) -> None:
    body = BODY | {"data": {"options": [OPTION | changed], "symbol": "XYZ"}}
    assert FORMAT.quickly(json.dumps(body).encode()) is None


@pytest.mark.parametrize(("name", "other"), [("iv", "bid"), ("theo", "ask"), ("low", "high"), ("bid_size", "more")])
def test_an_option_without_a_field_or_with_one_twice_goes_the_careful_way(name: str, other: str) -> None:
    sound = json.dumps(BODY).encode()
    assert FORMAT.quickly(sound.replace(f'"{name}":'.encode(), f'"{other}":'.encode(), 1)) is None
    assert FORMAT.quickly(sound.replace(f'"{name}":'.encode(), f'"{other}": 2.5, "{name}":'.encode(), 1)) is None


def test_of_a_name_that_comes_twice_neither_value_is_taken() -> None:
    body = json.dumps(BODY).replace('"ask": 1.1,', '"ask": 1.1, "ask": 7.5, "bid": 1.05,', 1)
    rows, findings = told(parse_json(body.encode()))
    assert isinstance(rows, pl.DataFrame)
    assert rows["bid"].cast(pl.Float64, strict=False).to_list() == [1.05, 1.05]
    assert rows["ask"].cast(pl.Float64, strict=False).to_list() == [None, 1.1]
    assert "1.1 and 7.5" in str(rows["ask"].to_list())
    assert vars(findings) == vars(Findings("XYZ"))


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b'{"data": {}}', b'{"data": {"options": [1]}}', b'{"data": {"options": [{"bid": NaN}]}}',
     b'{"data": {"options": []}, "more": "\xff"}',
     b'{"data": {"options": []}, "more": ' + b"[" * 5000 + b"]" * 5000 + b"}", b"\xef\xbb\xbf{}"],
)  # fmt: skip
def test_what_is_no_sound_body_goes_the_careful_way(body: bytes) -> None:
    assert FORMAT.quickly(body) is None


def compare(count: int, seed: int) -> int:
    """How many of some damaged bodies were decoded quickly, all of them as the careful way has them."""
    sound = json.dumps(BODY).encode()
    return sum(same(damaged(sound, random.Random(f"{seed} {number}"))) for number in range(count))


def test_damaged_bodies_give_the_same_rows_both_ways() -> None:
    assert 300 < compare(1500, 20261201) < 1400
