"""The chain on a screen: calls left, strikes in the middle, puts right, whatever fits; its expiries at a glance."""

from __future__ import annotations

import io
from datetime import UTC, date, datetime
from typing import Any

import polars as pl
import pytest
from rich.console import Console

from scanner.outputs import chain_ladder

SESSION, EXPIRY = date(2025, 9, 4), date(2025, 9, 12)


def contracts(**changes: Any) -> pl.DataFrame:
    """Three strikes of both rights; nothing is listed as the 240 put."""
    rows = [
        {
            "underlying": "GOOG",
            "root": "GOOG",
            "session_date": SESSION,
            "quote_time": datetime(2025, 9, 4, 20, tzinfo=UTC),
            "source": "test",
            "spot": 232.3,
            "expiry": EXPIRY,
            "strike": strike,
            "right": right,
            "dte": 8,
            "bid": 2.45,
            "ask": 2.55,
            "last": 2.5,
            "iv": None if strike == 225 else 0.312,
            "iv_reason": "below_intrinsic" if strike == 225 else None,
            "delta": 0.43 if right == "C" else -0.57,
            "volume": 48_210 if right == "C" else 71,
            "volume_expected": 900.0,
            "open_interest": 31_220,
            "once_in_sessions": 95.0 if (strike, right) == (235.0, "C") else 0.0,
            "simulated": False,
        }
        for strike, right in [(225.0, "C"), (225.0, "P"), (235.0, "C"), (235.0, "P"), (240.0, "C")]
    ]
    return pl.DataFrame([row | changes for row in rows], infer_schema_length=None)


def expiries(**changes: Any) -> pl.DataFrame:
    row = {
        "underlying": "GOOG", "root": "GOOG", "expiry": EXPIRY, "dte": 8, "forward": 233.1, "atm_iv": 0.305,
        "expected_move_pct": 0.031, "call_volume": 124_314, "put_volume": 205_012, "call_oi": 150_711,
        "put_oi": 421_093, "put_call_volume": 1.649, "put_call_oi": 2.794,
    }  # fmt: skip
    return pl.DataFrame([row | changes])


def shown(frame: pl.DataFrame, width: int = 140) -> list[str]:
    page = io.StringIO()
    chain_ladder.print_ladder(frame, expiries(), Console(file=page, width=width, highlight=False))
    return page.getvalue().splitlines()


def test_calls_stand_left_and_puts_right_of_the_strike_a_bid_before_its_ask() -> None:
    lines = shown(contracts())
    heading = next(line for line in lines if "STRIKE" in line).split()
    side = ["Stars", "Vol", "Usual", "OI", "Last", "Bid", "Ask", "IV", "Delta"]
    puts = ["Delta", "IV", "Bid", "Ask", "Last", "OI", "Usual", "Vol", "Stars"]
    assert heading == [*side, "STRIKE", *puts]
    row = next(line for line in lines if "> 235 <" in line).split()
    assert row == [
        *("★★★★", "48,210", "900", "31,220", "2.50", "2.45", "2.55", "31.2", "0.43"), *(">", "235", "<"),
        *("-0.57", "31.2", "2.45", "2.55", "2.50", "31,220", "900", "71"),
    ]  # fmt: skip


def test_the_strike_nearest_the_forward_is_marked_and_a_side_that_is_not_listed_stays_empty() -> None:
    lines = shown(contracts())
    assert sum(">" in line for line in lines) == 1
    (line,) = [line for line in lines if " 240 " in line]
    assert line.split()[-1] == "240"


@pytest.mark.parametrize("width", [80, 100, 140, 200])
def test_columns_give_way_until_a_line_fits(width: int) -> None:
    lines = shown(contracts(), width)
    ladder = lines[next(number for number, line in enumerate(lines) if "STRIKE" in line) :][:4]
    assert max(map(len, ladder)) <= width
    assert {"Vol", "OI", "IV", "Bid", "Ask"} <= set(ladder[0].split())


def test_the_expirys_own_totals_are_said_whichever_strikes_are_shown() -> None:
    text = "\n".join(shown(contracts()))
    assert "Calls 124,314  OI 150,711   put/call 1.65, OI 2.79   Puts 205,012  OI 421,093" in text
    assert "12 Sep 2025, 8 days   forward 233.10   volatility 30.5 %" in text


def test_without_quotes_last_prices_stand_there_and_that_is_said_once() -> None:
    lines = shown(contracts(bid=None, ask=None), 80)
    assert lines.count("No quotes: last prices instead.") == 1
    heading = next(line for line in lines if "STRIKE" in line).split()
    assert "Last" in heading
    assert "Bid" not in heading


def test_what_is_missing_is_a_dash_and_its_reason_is_said_in_words() -> None:
    lines = shown(contracts())
    assert "-" in next(line for line in lines if " 225 " in line).split()
    assert "No implied volatility: 2 below intrinsic." in lines


def test_expiries_at_a_glance_are_a_line_each() -> None:
    page = io.StringIO()
    many = pl.concat([expiries(), expiries(expiry=date(2026, 1, 16), dte=134, atm_iv=None)])
    chain_ladder.print_expiries(contracts(), many, Console(file=page, width=80, highlight=False))
    lines = [line.split() for line in page.getvalue().splitlines()]
    assert ["12", "Sep", "8", "124,314", "205,012", "1.65", "150,711", "421,093", "30.5", "%", "3.1", "%"] in lines
    assert ["16", "Jan", "2026", "134", "124,314", "205,012", "1.65", "150,711", "421,093", "-", "3.1", "%"] in lines
