"""DoltHub's public table ``post-no-preference/options``: as CSV, and as its query service answers.

``vol`` is a volatility, not a volume. There is no volume, no open interest, no last price and no price of the
underlying, and only some of the strikes and expiries.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from scanner.sources.formats import columns, json_objects
from scanner.sources.formats.base import File, Findings, JsonFormat, TextFormat, UnreadableError, unknown_columns

_OURS = {
    "date": "session_date",
    "act_symbol": "underlying",
    "expiration": "expiry",
    "strike": "strike",
    "call_put": "right",
    "bid": "bid",
    "ask": "ask",
    "vol": "vendor_iv",
    "delta": "vendor_delta",
}
_NOT_READ = ("gamma", "theta", "vega", "rho")
_LACKS = "DoltHub has no volume, no open interest and no price of the underlying, and not every strike"


class DoltHub(TextFormat):
    """``date,act_symbol,expiration,strike,call_put,bid,ask,vol,...``."""

    name = "DoltHub CSV"
    source = "dolthub"
    marks = frozenset(_OURS)

    def remarks(self, names: Sequence[str]) -> tuple[str, ...]:
        """What the table lacks."""
        return (*unknown_columns(names, (*_OURS, *_NOT_READ)), _LACKS)

    def rows(self, block: pl.DataFrame, file: File, findings: Findings) -> pl.DataFrame:
        """One row a contract."""
        return block.select("line", *(pl.col(theirs).alias(ours) for theirs, ours in _OURS.items()))


class DoltHubJson(JsonFormat):
    """``{"query_execution_status": "Success", ..., "rows": [{"act_symbol": ...}]}``."""

    name = "DoltHub JSON"
    source = "dolthub"

    def recognises(self, document: Any) -> bool:
        """An answer of the query service."""
        return isinstance(document, dict) and "query_execution_status" in document and "rows" in document

    def rows(self, document: Any, file: File, findings: Findings) -> pl.DataFrame:
        """One row a contract. Raises UnreadableError where the query failed or was cut at its limit of rows."""
        status = document["query_execution_status"]
        if status != "Success":
            said = columns.quoted(document.get("query_execution_message") or "")
            limit = "; ask for one date and one act_symbol at a time" if status == "RowLimit" else ""
            raise UnreadableError(f"DoltHub says {columns.quoted(status)} {said}{limit}")
        rows = document["rows"]
        first = rows[0] if isinstance(rows, list) and rows else {}
        missing = [name for name in _OURS if isinstance(first, dict) and name not in first]
        if missing:
            raise UnreadableError(f"the query did not select {', '.join(missing)}")
        return json_objects.rows_of(rows, _OURS, findings)
