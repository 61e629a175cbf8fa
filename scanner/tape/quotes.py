"""Prints and quotes that came apart: to each print the last quote of its contract strictly before it.

Quotes are many times as many as prints and come in blocks of any size and order: each goes to the first print after it,
and once all are seen every print takes the latest that it or a print before it was given. So nothing is kept of a block
but what some print needs.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from scanner.kernels.compile import kernel
from scanner.tape.prints import NANOSECONDS

if TYPE_CHECKING:
    from numpy.typing import NDArray

QUOTES = pl.Schema(
    {
        "contract": pl.String(),
        "quote_time": NANOSECONDS,
        "bid": pl.Float64(),
        "ask": pl.Float64(),
        "bid_size": pl.Int32(),
        "ask_size": pl.Int32(),
    }
)
"""A block of quotes: compact OSI symbol, since when they stood, dollars for one share, contracts; null: none there."""

_VALUES = ("bid", "ask", "bid_size", "ask_size")
_NEVER = np.iinfo(np.int64).min


class QuotesBeside:
    """The quotes of a tape's prints, taken in block by block.

    ``prints`` obey :mod:`scanner.tape.prints`; what they held of quotes is replaced where a quote is found.
    """

    def __init__(self, prints: pl.DataFrame) -> None:
        self._prints = prints
        code, time = pl.col("contract").to_physical(), pl.col("time").to_physical()
        by_contract = (
            prints.select(code=code, time=time).with_row_index("row").sort("code", "time", maintain_order=True)
        )
        self._rows = by_contract["row"].to_numpy()
        self._times = by_contract["time"].to_numpy()
        begins = by_contract.group_by("code", maintain_order=True).agg(begin=pl.col("row").count())
        self._begins = np.concatenate([[0], begins["begin"].cum_sum().to_numpy()]).astype(np.int64)
        symbols = prints.select(code=code, contract=pl.col("contract").cast(pl.String)).unique()
        self._numbers = (
            begins.select("code").with_row_index("number").join(symbols, on="code").select("contract", "number")
        )
        self._seen = np.full(prints.height, _NEVER)
        self._values = np.full((prints.height, len(_VALUES)), np.nan)

    def take(self, quotes: pl.DataFrame) -> None:
        """Take in a block of :data:`QUOTES`, in any order; those of contracts without prints are left out.

        Of quotes of one instant the later row counts.
        """
        mine = quotes.join(self._numbers, on="contract", how="inner", maintain_order="left").drop_nulls("quote_time")
        if mine.height:
            _give(
                self._begins,
                self._times,
                mine["number"].to_numpy(),
                mine["quote_time"].to_physical().to_numpy(),
                mine.select(pl.col(_VALUES).cast(pl.Float64)).fill_null(np.nan).to_numpy(order="c"),
                self._seen,
                self._values,
            )

    def prints(self) -> pl.DataFrame:
        """The prints with the quotes that were found for them; rows keep their order."""
        seen, values = self._seen.copy(), self._values.copy()
        _carry(self._begins, seen, values)
        found = pl.DataFrame(
            {"quote_time": seen, **dict(zip(_VALUES, values.T, strict=True)), "row": self._rows}
        ).sort("row")  # fmt: skip
        there = pl.col("quote_time") != _NEVER
        read = found.select(
            quote_time=pl.when(there).then("quote_time").cast(NANOSECONDS),
            **{name: pl.when(there).then(name).fill_nan(None).cast(QUOTES[name]) for name in _VALUES},
        )
        none = read["quote_time"].is_null()
        return self._prints.with_columns(
            read[name].zip_with(~none, self._prints[name]) for name in ("quote_time", *_VALUES)
        )


@kernel
def _give(
    begins: NDArray[np.int64],
    times: NDArray[np.int64],
    number: NDArray[np.uint32],
    quoted: NDArray[np.int64],
    values: NDArray[np.float64],
    seen: NDArray[np.int64],
    kept: NDArray[np.float64],
) -> None:
    """Each quote to the first print after it, unless that has a later one already."""
    for row in range(number.shape[0]):
        low, high = begins[number[row]], begins[number[row] + 1]
        end = high
        while low < high:
            middle = (low + high) // 2
            if times[middle] <= quoted[row]:
                low = middle + 1
            else:
                high = middle
        if low < end and quoted[row] >= seen[low]:
            seen[low] = quoted[row]
            kept[low] = values[row]


@kernel
def _carry(begins: NDArray[np.int64], seen: NDArray[np.int64], kept: NDArray[np.float64]) -> None:
    """To each print the latest quote that it or one before it in its contract was given."""
    for number in range(begins.shape[0] - 1):
        for place in range(begins[number] + 1, begins[number + 1]):
            if seen[place] < seen[place - 1]:
                seen[place] = seen[place - 1]
                kept[place] = kept[place - 1]
