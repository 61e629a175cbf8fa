"""The market scope: all scanned underlyings together, and the index products and single names apart."""

from __future__ import annotations

from scanner.fields import totals
from scanner.fields.model import Field, Rows, Unit

_row = Rows("market")
_NO_PREVIOUS = "the previous session was not trusted of every underlying here"

ROWS: tuple[Field, ...] = (
    _row.text("segment", "all, index products, or single names", choices=("all", "index", "single")),
    _row.integer("underlyings", Unit.counted, "underlyings that were judged"),
    *totals.sums(_row, remembered=False),
    *totals.ratios(_row, _NO_PREVIOUS, remembered=False),
    *totals.in_time(_row, remembered=False),
)
