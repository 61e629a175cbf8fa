"""optionsDX end-of-day text: calls and puts of a strike side by side, header in brackets, no open interest."""

from __future__ import annotations

import re
from collections.abc import Sequence

import polars as pl

from scanner.sources.blanks import AROUND_VALUES
from scanner.sources.formats import columns
from scanner.sources.formats.base import File, Findings, TextFormat, UnreadableError

_TICKER = re.compile(r"^([A-Za-z]{1,6})(?=[_\-. ]|$)")
_SIDE = {"volume": "volume", "last": "last", "bid": "bid", "ask": "ask", "iv": "vendor_iv", "delta": "vendor_delta"}


class OptionsDx(TextFormat):
    """``[QUOTE_UNIXTIME], [QUOTE_READTIME], ..., [C_BID], ..., [P_BID], ...``; the file's name tells the underlying."""

    name = "optionsDX CSV"
    source = "optionsdx"
    marks = frozenset({"[quote_unixtime]", "[underlying_last]", "[strike]", "[c_bid]", "[p_bid]"})

    def names(self, header: Sequence[str]) -> list[str]:
        """The names without their brackets."""
        return super().names([name.strip("[] ") for name in header])

    def remarks(self, names: Sequence[str]) -> tuple[str, ...]:
        """What the vendor leaves out."""
        return ("optionsDX has no open interest: it is not known",)

    def rows(self, block: pl.DataFrame, file: File, findings: Findings) -> pl.DataFrame:
        """Two rows out of each line."""
        ticker = _TICKER.match(file.path.name)
        if ticker is None:
            raise UnreadableError(f"no ticker in the file or its name; rename it to TICKER_{file.path.name}")
        sides = [
            block.select(
                "line",
                "strike",
                expiry="expire_date",
                session_date="quote_date",
                quote_time="quote_unixtime",
                spot="underlying_last",
                right=pl.lit(right),
                bid_size=_size(f"{right}_size", 0),
                ask_size=_size(f"{right}_size", 1),
                **{ours: pl.col(f"{right}_{theirs}") for theirs, ours in _SIDE.items()},
            )
            for right in ("c", "p")
        ]
        rows = columns.moments(pl.concat(sides), "UTC", findings, "quote_time")
        return rows.with_columns(underlying=pl.lit(ticker[1].upper()), open_interest=pl.lit(None, dtype=pl.Int64))


def _size(column: str, side: int) -> pl.Expr:
    """One side of ``12 x 7``, bid before ask."""
    return pl.col(column).str.split("x").list.get(side, null_on_oob=True).str.strip_chars(AROUND_VALUES)
