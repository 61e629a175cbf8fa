"""Recorded chains as a source: the newest one that was there at a time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from standard import calendar

from scanner.errors import UsageError
from scanner.sources.files import FilesSource
from scanner.sources.registry import open_source

CHAINS = Path(__file__).parent / "chains"
HEADER = "session_date,underlying,expiry,strike,right,bid,ask,volume,open_interest"
ROW = "2025-09-04,ABC,2025-09-12,235,C,1.5,1.6,10,100"


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc, arg-type]


def write(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "chain.csv"
    path.write_text("\n".join([header, *rows]) + "\n", "utf-8")
    return path


@dataclass
class Chosen:
    path: Path | None


def test_the_files_source_gives_the_newest_chain_at_or_before_a_time() -> None:
    source = FilesSource(CHAINS / "whole.csv", calendar)
    (late,) = source.chains(["ABC"], utc(2026, 1, 1))
    (early,) = source.chains(["abc"], utc(2025, 9, 4, 19, 59))
    assert late.chain is not None
    assert early.chain is not None
    assert late.chain["session_date"][0] == date(2025, 9, 4)
    assert early.chain["session_date"][0] == date(2025, 9, 3)


def test_a_close_asked_for_finds_the_chain_of_products_that_trade_until_a_quarter_past_four(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "2025-09-04T20:14:59Z,SPY,2025-09-12,600,C,1.5,10,100",
        header="quote_time,underlying,expiry,strike,right,last,volume,open_interest",
    )
    source = FilesSource(path, calendar)
    (at_the_close,) = source.chains(["SPY"], utc(2025, 9, 4, 20, 0))
    (a_minute_before,) = source.chains(["SPY"], utc(2025, 9, 4, 19, 59))
    assert at_the_close.chain is not None
    assert a_minute_before.chain is None


def test_a_half_day_stamped_at_four_is_there_when_it_closed_at_one(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "2025-11-28T21:00:00Z,ABC,2025-12-19,600,C,1.5,10,100",
        header="quote_time,underlying,expiry,strike,right,last,volume,open_interest",
    )
    source = FilesSource(path, calendar)
    (at_the_close,) = source.chains(["ABC"], utc(2025, 11, 28, 18, 0))
    (before_it,) = source.chains(["ABC"], utc(2025, 11, 28, 17, 44))
    assert at_the_close.chain is not None
    assert at_the_close.chain["quote_time"].to_list() == [utc(2025, 11, 28, 18, 0)]
    assert before_it.chain is None


def test_the_files_source_without_symbols_gives_everything_there_is(tmp_path: Path) -> None:
    write(tmp_path, ROW, ROW.replace("ABC", "XYZ"))
    fetched = list(FilesSource(tmp_path, calendar).chains([], utc(2026, 1, 1)))
    assert [one.symbol for one in fetched] == ["ABC", "XYZ"]


def test_a_symbol_that_is_not_there_and_a_file_that_cannot_be_read_are_problems(tmp_path: Path) -> None:
    write(tmp_path, ROW)
    (tmp_path / "broken.csv").write_text("<html>")
    known, unknown, broken = FilesSource(tmp_path, calendar).chains(["ABC", "NOPE"], utc(2026, 1, 1))
    assert known.chain is not None
    assert unknown.error is not None
    assert unknown.error.code == "unknown_symbol"
    assert broken.error is not None
    assert broken.error.code == "unreadable_file"
    assert "web page" in broken.error.message


def test_the_files_source_says_what_it_mended_in_the_chain_it_gives() -> None:
    (fetched,) = FilesSource(CHAINS / "negative-price.csv", calendar).chains(["ABC"], utc(2026, 1, 1))
    assert any("bid '-0.50' is negative" in note for note in fetched.notes)


def test_a_class_share_is_found_however_it_is_spelled(tmp_path: Path) -> None:
    write(tmp_path, ROW.replace("ABC", "BRK.B"))
    source = FilesSource(tmp_path, calendar)
    found = [
        one.chain is not None for name in ("BRK.B", "BRK-B", "BRKB") for one in source.chains([name], utc(2026, 1, 1))
    ]
    assert found == [True, True, True]


def test_the_files_source_needs_a_path() -> None:
    with pytest.raises(UsageError, match="--path PATH"):
        open_source("files", Chosen(None), calendar)
    assert open_source("files", Chosen(CHAINS), calendar).vendor.name == "files"


def test_a_source_that_is_not_there_is_named_with_those_that_are() -> None:
    with pytest.raises(UsageError, match=r"there are: cboe .*; files .*; simulated"):
        open_source("crystal-ball", Chosen(None), calendar)
