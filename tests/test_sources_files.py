"""Recorded chains: what is taken, what is refused and with which words."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

import polars as pl

from scanner import chain
from scanner.sources.files import RecordedChain, read_recorded

CHAINS = Path(__file__).parent / "chains"


def read(path: Path) -> list[RecordedChain]:
    return list(read_recorded(path))


def only(path: Path) -> pl.DataFrame:
    """The single chain of a path out of which everything was taken."""
    (recorded,) = read(path)
    assert recorded.refusals == ()
    assert recorded.chain is not None
    return recorded.chain


def reasons(recorded: list[RecordedChain]) -> list[str]:
    return [str(refusal).removeprefix(f"{one.path}") for one in recorded for refusal in one.refusals]


def canonical(
    tmp_path: Path, *rows: str, header: str = "session_date,underlying,expiry,strike,right,bid,ask,volume,open_interest"
) -> Path:
    path = tmp_path / "chain.csv"
    path.write_text("\n".join([header, *rows]) + "\n", "utf-8")
    return path


ROW = "2025-09-04,GOOG,2025-09-12,235,C,1.5,1.6,48210,1200"


def test_a_canonical_chain_has_the_close_as_its_moment_and_the_open_interest_of_the_day_before(tmp_path: Path) -> None:
    frame = only(canonical(tmp_path, ROW))
    assert frame.schema == chain.SCHEMA
    row = frame.row(0, named=True)
    assert row["contract"] == "GOOG250912C00235000"
    assert row["session_date"] == date(2025, 9, 4)
    assert row["quote_time"] == datetime(2025, 9, 4, 20, 0, tzinfo=UTC)
    assert (row["volume"], row["open_interest"], row["oi_asof"]) == (48210, 1200, date(2025, 9, 3))
    assert (row["bid"], row["ask"], row["spot"], row["last"]) == (1.5, 1.6, None, None)
    assert (row["source"], row["simulated"]) == ("canonical", False)
