"""The list as a workbook of one sheet, with the columns of the CSV.

Text stays text: nothing that a vendor or a rule says becomes a formula or a link.
"""

from __future__ import annotations

import io
from collections.abc import Sequence

import polars as pl
import xlsxwriter

from scanner.market.calendar import Calendar
from scanner.outputs.exports.frame import frame
from scanner.outputs.exports.registry import Exported
from scanner.outputs.exports.subjects import Subject
from scanner.outputs.text import printable

_SHEET = "watchlist"
_TEXT_ALONE = {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
_SHARES = ("iv", "iv_change")


def export(subjects: Sequence[Subject], _: Calendar) -> Exported:
    """A sheet of one row each; instants are UTC, as a workbook knows no zone."""
    written = io.BytesIO()
    rows = frame(subjects).with_columns(
        pl.col(pl.String).map_elements(printable, pl.String),
        pl.col(pl.Datetime).dt.replace_time_zone(None),
    )
    with xlsxwriter.Workbook(written, _TEXT_ALONE) as workbook:
        rows.write_excel(
            workbook,
            _SHEET,
            column_formats=dict.fromkeys(_SHARES, "0.0%"),
            dtype_formats={pl.Date: "yyyy-mm-dd", pl.Datetime: "yyyy-mm-dd hh:mm:ss"},
            freeze_panes=(1, 1),
            autofit=True,
        )
    return Exported(written.getvalue())
