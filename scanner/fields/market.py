"""The market scope: all scanned underlyings together, and the index products and single names apart."""

# One row of the table is one line, however long: that is what makes it readable as a table.
# ruff: noqa: E501

from __future__ import annotations

from scanner.fields import missing, totals
from scanner.fields.model import Field, Rows, Unit

_row = Rows("market")
_NO_PREVIOUS = "the previous session was not trusted of every underlying here"

ROWS: tuple[Field, ...] = (
    _row.text("segment", "all, index products, or single names", choices=("all", "index", "single")),
    _row.integer("underlyings", Unit.counted, "underlyings that were judged"),
    *totals.sums(_row, remembered=False),
    *totals.ratios(_row, _NO_PREVIOUS, remembered=False),
    *totals.in_time(_row, remembered=False),
    _row.dollars("notional_oi", "open interest x multiplier x spot of everything not settled by now", missing.OPEN_INTEREST, title="notional"),
    _row.dollars("notional_expiring", "that of each name's next monthly expiry not settled by now", missing.OPEN_INTEREST, title="notional of the next monthly expiry"),
    _row.part("notional_value_share", "notional_oi / market_value of those whose market value is known", missing.VALUE, low=0, title="notional / market value"),
)  # fmt: skip
