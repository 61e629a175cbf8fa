"""Contracts like the flagged one say how often chance alone would have been confirmed."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from alert_samples import FRIDAY, THURSDAY
from standard import calendar

from scanner.alerts.flagged import Flagged
from scanner.alerts.matching import matched_by
from scanner.history.panel import CONTRACT_SCHEMA, Panel

WEDNESDAY = date(2025, 9, 3)
# One flagged contract and ten others: five just like it, of which two opened; five with a hundredth of its volume, all
# of which opened.
NAMES = [f"GOOG250912C{strike:05d}000" for strike in range(230, 241)]
VOLUME = [1000, *[990] * 5, *[10] * 5]
OPENED = [900, 900, 900, 0, 0, 0, *[10] * 5]


def panel(oi_asof: date = WEDNESDAY) -> Panel:
    contracts = pl.DataFrame(
        {
            "underlying": "GOOG",
            "root": "GOOG",
            "contract": NAMES,
            "expiry": date(2025, 9, 12),
            "strike": [float(strike) for strike in range(230, 241)],
            "right": "C",
        },
        schema=CONTRACT_SCHEMA,
    )
    column = np.array(VOLUME, np.float32)[:, None]
    same = np.full_like(column, 500)
    return Panel(
        source="cboe",
        sessions=(THURSDAY,),
        contracts=contracts,
        volume=column,
        open_interest=same,
        iv=same,
        delta=np.full_like(column, 0.4),
        mid=same,
        underlyings=("GOOG",),
        spot=np.array([[232.3]]),
        oi_asof=np.array([[oi_asof]], "datetime64[D]"),
        calendar=calendar,
    )


def published() -> pl.DataFrame:
    return pl.DataFrame(
        {
            "underlying": "GOOG",
            "contract": NAMES,
            "oi_asof": THURSDAY,
            "open_interest": [500 + opened for opened in OPENED],
        }
    )


def flagged(**changes) -> Flagged:
    values = {
        "alert_id": "a1",
        "session_date": THURSDAY,
        "contract": NAMES[0],
        "rule_id": "call-buildup",
        "underlying": "GOOG",
        "simulated": False,
        "expiry": date(2025, 9, 12),
        "flagged_at": None,
        "volume": 1000,
        "open_interest": 500,
        "oi_asof": WEDNESDAY,
    }
    return Flagged(**(values | changes))


def test_the_share_is_that_of_the_five_contracts_most_like_the_flagged_one():
    assert matched_by(panel(), published())([flagged()]) == pytest.approx(2 / 5)


def test_the_flagged_contracts_are_not_matched_with_themselves():
    """Four alike are left, of which one opened, and the fifth is a small one, which opened."""
    group = [flagged(), flagged(contract=NAMES[1])]
    expected = (1 + 0 + 0 + 0 + 1) / 5
    assert matched_by(panel(), published())(group) == pytest.approx(expected)


@pytest.mark.parametrize(
    ("remembered", "changes"),
    [
        (panel(), {"session_date": FRIDAY}),
        (panel(), {"underlying": "NVDA"}),
        (panel(), {"contract": "GOOG250912P00235000"}),
        (panel(oi_asof=date(2025, 9, 2)), {}),
    ],
    ids=["another session", "another name", "an unknown contract", "an older open interest"],
)
def test_where_nothing_can_be_matched_there_is_no_share(remembered, changes):
    assert matched_by(remembered, published())([flagged(**changes)]) is None


def test_too_few_others_give_no_share():
    assert matched_by(panel(), published().head(4))([flagged()]) is None
