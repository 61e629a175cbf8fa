"""Where today lies in a name's own past: by the share of sessions with less, among sixty known ones at least."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import polars as pl
import pytest
from built_chains import built_chain
from standard import calendar

from scanner import pipeline
from scanner.history.known_before import KnownBefore
from scanner.history.panel import Panel
from scanner.metrics import earnings

DAYS = calendar.sessions_between(date(2026, 3, 2), date(2026, 8, 31))
TODAY = DAYS[70]


def past(sessions: int, **values: object) -> pl.DataFrame:
    """Remembered sessions right before today, all alike but for what is given as a list."""
    plain = {"call_volume": 50, "put_volume": 50, "iv30": 0.3, "zero_dte_share": 0.4, "call_oi": 999, "put_oi": 1000}
    known = {"session_date": DAYS[70 - sessions : 70], "underlying": "ABC", "spot": 100.0, **plain, **values}
    return pl.DataFrame(known)


def today(kept: pl.DataFrame) -> dict[str, object]:
    """A session of ten calls and ten puts of 10 lots each with 100 open, at 100 dollars, all of which expire today."""
    panel = replace(Panel.empty("test", calendar=calendar), underlying_sessions=kept)
    chain = built_chain(TODAY, volume=10, open_interest=100, expiries=[TODAY])
    judged = pipeline.judge(chain, KnownBefore(panel), calendar.session_open(TODAY), [])
    return judged.frames["underlying"].row(0, named=True)


def test_more_than_in_all_sessions_is_one_and_more_than_in_half_of_them_a_half() -> None:
    row = today(past(60))
    contracts = row["call_oi"] + row["put_oi"]
    assert row["zero_dte_percentile_252"] == 1.0
    assert row["call_volume_ratio_20"] == pytest.approx(row["call_volume"] / 50)
    assert row["iv_sessions"] == 60
    as_much = past(60, call_oi=[contracts - 1] * 30 + [contracts] * 30, put_oi=0)
    assert today(as_much)["notional_percentile_252"] == 0.5
    dearer = past(60, call_oi=contracts - 1, put_oi=0, spot=[100.0] * 45 + [200.0] * 15)
    assert today(dearer)["notional_percentile_252"] == 0.75


def test_among_fewer_than_sixty_known_sessions_there_is_no_record() -> None:
    row = today(past(59))
    assert (row["zero_dte_percentile_252"], row["notional_percentile_252"]) == (None, None)
    unknown = today(past(60, spot=[None] + [100.0] * 59))
    assert unknown["notional_percentile_252"] is None
    assert unknown["zero_dte_percentile_252"] == 1.0


def test_the_largest_move_on_earnings_is_that_of_the_last_eight() -> None:
    dates = DAYS[1:40:4]
    events = pl.DataFrame({"underlying": "ABC", "date": dates, "kind": "earnings", "when": "before_open"})
    # A move of -20 % on the first of ten dates, then of 1 % to 9 %.
    level, closes = 100.0, []
    for day in DAYS[:45]:
        number = dates.index(day) if day in dates else None
        level *= 1.0 if number is None else (0.8 if number == 0 else 1 + number / 100)
        closes.append((day, "ABC", level))
    known = pl.DataFrame(closes, schema=["session_date", "underlying", "spot"], orient="row")
    row = earnings.moves(events, known, calendar).row(0, named=True)
    assert row["earnings_moves"] == 10
    assert row["earnings_largest_move_pct"] == pytest.approx(0.09)
    without_last_two = earnings.moves(events.head(8), known, calendar).row(0, named=True)
    assert without_last_two["earnings_largest_move_pct"] == pytest.approx(0.2)
