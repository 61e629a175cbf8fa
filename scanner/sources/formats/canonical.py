"""The project's own recorded-chain columns, as CSV or Parquet."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from scanner.sources.formats import columns, moments
from scanner.sources.formats.base import File, Findings, TextFormat, UnreadableError, unknown_columns

REQUIRED = ("underlying", "expiry", "strike", "right", "volume", "open_interest")
OPTIONAL = (
    "session_date",
    "quote_time",
    "bid",
    "ask",
    "last",
    "root",
    "multiplier",
    "exercise_style",
    "bid_size",
    "ask_size",
    "last_trade_time",
    "oi_asof",
    "iv",
    "delta",
    "spot",
)
_OURS = {"iv": "vendor_iv", "delta": "vendor_delta"}


class Canonical(TextFormat):
    """``session_date`` or ``quote_time``, the contract, volume and open interest, and quotes or a last price."""

    name = "canonical"
    source = "canonical"
    typed = True
    marks = frozenset({"underlying", "expiry", "strike", "right", "volume", "open_interest"})

    def recognises(self, header: frozenset[str]) -> bool:
        """All that is required, and one of each alternative."""
        return self.marks <= header and bool({"session_date", "quote_time"} & header)

    def remarks(self, names: Sequence[str]) -> tuple[str, ...]:
        """Columns outside the canonical ones are named and ignored."""
        notes = list(unknown_columns(names, (*REQUIRED, *OPTIONAL)))
        if "oi_asof" not in names and "quote_time" not in names:
            notes.append(
                "no oi_asof column: open interest is taken as of the close before the session, as end-of-day files "
                "have it"
            )
        return tuple(notes)

    def rows(self, block: pl.DataFrame, file: File, findings: Findings) -> pl.DataFrame:
        """The columns are the project's own; times without a zone are UTC, as the format has it."""
        present = set(block.columns)
        if not ({"last"} <= present or {"bid", "ask"} <= present):
            raise UnreadableError("no prices: canonical files need the columns bid and ask, or last", 1)
        wanted = [name for name in (*REQUIRED, *OPTIONAL) if name in present]
        rows = block.select("line", *wanted).rename({name: ours for name, ours in _OURS.items() if name in present})
        if "last_trade_time" in present:
            rows = columns.instants(rows, "UTC", findings, "last_trade_time")
        if "quote_time" in present:
            rows = moments.of_a_chain(columns.moments(rows, "UTC", findings, "quote_time"))
        if "session_date" in present:
            return rows
        untimed = rows.filter(pl.col("quote_time").is_null())
        if untimed.height:
            findings.add("no quote_time; row refused", untimed["line"][0], untimed.height)
        return rows.filter(pl.col("quote_time").is_not_null())
