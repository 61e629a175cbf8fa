"""False alarms by time of day, from chains recorded several times a session."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from standard import calendar

from benchmarks.detection.intraday import by_time_of_day

DAYS = calendar.sessions_between(date(2025, 6, 2), date(2025, 6, 4))
STRIKES = [80.0 + step for step in range(40)]


def written(folder: Path, block_at: float) -> Path:
    """Three sessions of forty calls, at a third of the session and at its close; every contract trades two lots a day.

    On the last day 50,000 lots come into one contract once the given share of the session is over.
    """
    for day in DAYS:
        opens, closes = calendar.session_open(day), calendar.session_close(day)
        for name, share in (("early", 1 / 3), ("late", 1.0)):
            moment = opens + share * (closes - opens) + timedelta(minutes=5 if share == 1 else 0)
            volume = [1 if share < 1 else 2] * len(STRIKES)
            if day == DAYS[-1] and share >= block_at:
                volume[20] += 50_000
            pl.DataFrame({"strike": STRIKES, "volume": volume}).with_columns(
                underlying=pl.lit("ABC"),
                quote_time=pl.lit(moment.strftime("%Y-%m-%dT%H:%M:%SZ")),
                expiry=pl.lit("2025-07-18"),
                right=pl.lit("C"),
                open_interest=100,
                bid=1.0,
                ask=1.1,
                spot=100.0,
            ).write_csv(folder / f"{day}-{name}.csv")
    return folder


def flagged(folder: Path) -> dict[str, int]:
    table = by_time_of_day(folder).filter((pl.col("nominal") == 1e-3) & (pl.col("model") == "prior"))
    return dict(zip(table["when"], table["flagged"], strict=True))


def test_an_early_block_counts_at_every_look_after_it_and_once_for_the_session(tmp_path: Path) -> None:
    assert flagged(written(tmp_path, block_at=0.0)) == {"up to 50%": 1, "at the close": 1, "any look": 1}


def test_a_block_in_the_afternoon_is_not_seen_in_the_morning(tmp_path: Path) -> None:
    assert flagged(written(tmp_path, block_at=0.9)) == {"up to 50%": 0, "at the close": 1, "any look": 1}


def test_every_contract_of_every_look_that_has_a_session_before_it_is_counted(tmp_path: Path) -> None:
    table = by_time_of_day(written(tmp_path, block_at=0.9)).filter(pl.col("nominal") == 1e-2)
    counted = {when: (looks, contracts) for when, looks, contracts in table.select("when", "looks", "contracts").rows()}
    assert counted == {"up to 50%": (2, 80), "at the close": (2, 80), "any look": (2, 80)}


def test_a_folder_of_one_session_is_refused(tmp_path: Path) -> None:
    kept = written(tmp_path, block_at=0.9)
    for path in kept.glob("*"):
        if not path.name.startswith(str(DAYS[0])):
            path.unlink()
    with pytest.raises(ValueError, match="another before it"):
        by_time_of_day(kept)
