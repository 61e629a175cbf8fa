"""The end of the exchange's calendar is the end of nothing else."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from built_chains import built_chain
from standard import calendar, conform, measure, price_chain

from scanner.errors import ChainError
from scanner.history.known_before import KnownBefore
from scanner.history.panel import Panel
from scanner.market.calendar import FIRST
from scanner.market.calendar import LAST as LAST_DAY

LAST = calendar.session_on_or_before(LAST_DAY)
BEYOND = (date(2033, 1, 21), date(2034, 6, 16), date(2035, 1, 20))


def test_an_expiry_beyond_the_calendar_is_priced_by_calendar_days() -> None:
    expiries = price_chain(built_chain(LAST, expiries=BEYOND)).expiries
    assert expiries["dte"].to_list() == [(expiry - LAST).days for expiry in BEYOND]
    # Quotes of 16:00 and settlements of 16:00, an hour later in summer: ACT/365, give or take that hour.
    assert expiries["years"].to_list() == pytest.approx([(expiry - LAST).days / 365 for expiry in BEYOND], abs=2e-4)
    assert expiries["atm_iv"].null_count() == 0


def test_the_metrics_of_the_last_session_look_beyond_it() -> None:
    known, close = KnownBefore(Panel.empty("test", calendar=calendar)), calendar.session_close(LAST)
    frames = measure(built_chain(LAST, expiries=BEYOND), known, close).frames
    assert frames["expiry"].sort("expiry")["is_monthly"].to_list() == [True, True, True]
    row = frames["underlying"].row(0, named=True)
    assert row["max_pain"] is not None
    assert row["gamma_expiring_share"] == row["gamma_expiring_share_next"]


def test_the_first_session_of_the_calendar_that_has_one_before_it_is_measured() -> None:
    second = calendar.next_session(calendar.next_session(FIRST))
    chain_then = built_chain(second, expiries=(date(2004, 1, 17), date(2004, 3, 20)))
    known = KnownBefore(Panel.empty("test", calendar=calendar))
    frames = measure(chain_then, known, calendar.session_close(second)).frames
    assert frames["underlying"]["hv_20"].to_list() == [None]
    assert frames["contract"]["oi_change_5"].null_count() == chain_then.height


def test_a_session_beyond_the_calendar_is_refused_by_name() -> None:
    frame = built_chain(LAST).with_columns(session_date=pl.lit(date(2033, 1, 4)))
    with pytest.raises(ChainError, match="labelled 2033-01-04, outside the exchange's calendar"):
        conform(frame)
