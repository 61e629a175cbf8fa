"""Alpaca's option trades: every print of some contracts, without quotes, which the vendor does not keep."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from scanner.sources.tapes.base import TapeFormat, as_table, instants, numbers
from scanner.sources.tapes.canonical import named_conditions
from scanner.tape.prints import Problem

_KEYS = ("t", "p", "s", "x", "c")


class AlpacaTrades(TapeFormat):
    """``contract, t, p, s, x, c``: time, price, size, the tape's letter of the venue and of the condition."""

    name = "alpaca trades"
    source = "alpaca"
    marks = frozenset({"contract", *_KEYS})

    def prints(self, block: pl.DataFrame) -> tuple[pl.DataFrame, list[Problem]]:
        """One print a row; venues keep their letters."""
        problems: list[Problem] = []
        block = instants(numbers(block, problems, p=pl.Float64(), s=pl.Int64()), problems, "t")
        letter = pl.col("c").str.extract(r"([A-Za-z])")
        found = block.select("contract", time="t", price="p", size="s", exchange="x", condition=letter)
        return named_conditions(found, problems), problems


def rows(trades: Mapping[str, Any], problems: list[Problem]) -> pl.DataFrame:
    """The trades of a page, which stand by contract, as rows."""
    tables = [
        as_table(held if isinstance(held, list) else [held], _KEYS, problems).with_columns(contract=pl.lit(contract))
        for contract, held in trades.items()
    ]
    return pl.concat(tables) if tables else as_table([], ("contract", *_KEYS), problems)
