"""What others told a store: read once, until somebody tells something new."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from scanner.errors import StoreError
from scanner.store.files import ToldTable

SCHEMA = pl.Schema({"name": pl.String(), "count": pl.Int64()})


def told(*counts: int) -> pl.DataFrame:
    return pl.DataFrame({"name": ["a"] * len(counts), "count": list(counts)}, schema=SCHEMA)


def test_a_table_is_read_once_and_again_when_another_process_has_written_it(tmp_path: Path) -> None:
    mine, theirs = (ToldTable(tmp_path / "told.parquet", SCHEMA) for _ in range(2))
    assert mine.table.is_empty()
    theirs.write(told(1, 2))
    read = mine.table
    assert read.equals(told(1, 2))
    assert mine.table is read
    theirs.write(told(2, 1))  # as many bytes, perhaps within one tick of the clock
    assert mine.table.equals(told(2, 1))


def test_a_damaged_table_is_an_error_that_names_the_file_every_time(tmp_path: Path) -> None:
    file = tmp_path / "told.parquet"
    file.write_bytes(b"PAR1 and nothing else")
    table = ToldTable(file, SCHEMA)
    for _ in range(2):
        with pytest.raises(StoreError, match=r"told\.parquet: cannot be read"):
            _ = table.table
