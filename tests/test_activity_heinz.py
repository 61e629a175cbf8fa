"""The Heinz case, rebuilt from its published figures on a plausible quiet history.

On 13 February 2013, the day before the takeover, 2,533 June 65 calls traded, 129 days from expiry and 7.5 % out of the
money, for less than $90,000; 14 and 0 had traded on the two days before.
"""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
import pytest
from standard import calendar

from scanner import activity
from scanner.activity import selection
from scanner.activity.ranking.today import rank
from scanner.history.panel import Panel
from scanner.market import symbology

DAY, SPOT, SESSIONS = date(2013, 2, 13), 60.48, 40
EXPIRIES = (
    date(2013, 3, 16),
    date(2013, 4, 20),
    date(2013, 6, 22),
    date(2013, 9, 21),
    date(2014, 1, 18),
    date(2015, 1, 17),
)


def heinz(seed: int) -> tuple[Panel, pl.DataFrame, int]:
    """Forty quiet sessions, the day itself, and the row of the June 65 call."""
    random = np.random.default_rng(seed)
    rows = [
        ("HNZ", "HNZ", day, 40 + 2.5 * step, right) for day in EXPIRIES for step in range(16) for right in ("C", "P")
    ]
    names = ["underlying", "root", "expiry", "strike", "right"]
    contracts = pl.DataFrame(rows, schema=names, orient="row").with_columns(pl.col("right").cast(pl.Enum(["C", "P"])))
    contracts = contracts.with_columns(contract=symbology.format_osi_column()).sort("root", "expiry", "strike", "right")
    contracts = contracts.select("underlying", "root", "contract", "expiry", "strike", "right")
    near = (contracts["expiry"] < date(2013, 7, 1)).to_numpy()
    mean = 25 * np.exp(-np.abs(contracts["strike"].to_numpy() - SPOT) / 4) * np.where(near, 1.0, 0.3)

    def draw() -> np.ndarray:
        busy = np.exp(random.normal(0, 0.5))
        return random.poisson(random.gamma(0.15, mean * busy / 0.15)).astype(np.float32)

    row = contracts["contract"].to_list().index("HNZ130622C00065000")
    volume, today = np.column_stack([draw() for _ in range(SESSIONS)]), draw()
    volume[row, -2:], today[row] = (14, 0), 2533
    days = calendar.sessions_between(calendar.previous_session(DAY, SESSIONS), calendar.previous_session(DAY))
    interest = np.round(40 * mean * random.lognormal(0, 0.8, len(mean)))
    panel = Panel(
        source="test",
        sessions=tuple(days),
        contracts=contracts,
        volume=volume,
        open_interest=np.repeat(interest[:, None], SESSIONS, axis=1).astype(np.float32),
        iv=np.full_like(volume, 0.2),
        delta=np.full_like(volume, np.nan),
        mid=np.ones_like(volume),
        underlyings=("HNZ",),
        spot=np.full((1, SESSIONS), SPOT),
        oi_asof=np.full((1, SESSIONS), np.datetime64("NaT"), "datetime64[D]"),
        calendar=calendar,
    )
    chain = contracts.with_columns(
        session_date=pl.lit(DAY),
        spot=pl.lit(SPOT),
        iv=pl.lit(0.2),
        open_interest=pl.Series(interest).cast(pl.Int64),
        volume=pl.Series(today).cast(pl.Int64),
    )
    return panel, chain, row


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_june_65_calls_of_heinz_stand_out_and_come_less_than_once_in_twenty_sessions(seed: int) -> None:
    panel, chain, row = heinz(seed)
    model = activity.fit(panel)
    scored = activity.score(model, chain.with_columns(premium=pl.col("volume") * 35.0), panel)
    ranked = rank(scored.with_columns(selection.roll_suspects(scored)), scored["volume"], panel, model)
    found = ranked.row(row, named=True)
    assert found["baseline_kind"] == "own"
    assert found["volume_q"] <= 0.1
    assert found["combined_surprise"] >= 5
    assert ranked["once_in_sessions"].arg_max() == row
    assert found["once_in_sessions"] >= 20
    assert found["premium_surprise"] >= 1


def test_without_a_history_the_prior_flags_them_too_with_fewer_stars() -> None:
    _, chain, row = heinz(1)
    nothing = Panel.empty(calendar=calendar)
    scored = activity.score(activity.fit(nothing), chain, nothing)
    assert scored["combined_surprise"].arg_max() == row
    assert scored["baseline_kind"][row] == "prior"
    assert 2.5 < scored["combined_surprise"][row] < 5
