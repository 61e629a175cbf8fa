"""The list as CSV: the form that spreadsheets and scripts hang on."""

from __future__ import annotations

from collections.abc import Sequence

from scanner.market.calendar import Calendar
from scanner.outputs.delimited import csv_document
from scanner.outputs.exports.registry import Exported
from scanner.outputs.exports.subjects import COLUMNS, Subject, rows


def export(subjects: Sequence[Subject], _: Calendar) -> Exported:
    """A header, and one line each; text that a spreadsheet would run is made harmless."""
    return Exported(csv_document(COLUMNS, (list(row.values()) for row in rows(subjects))).encode("utf-8", "replace"))
