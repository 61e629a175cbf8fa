"""Watchlists of what was flagged: a table for spreadsheets and scripts, and the lists that trading platforms import.

The table has one row for each flagged contract or underlying, with every rule that flagged it. The platforms' lists
name each contract (or underlying) once, in the platform's own spelling, whatever the vendor's. How each is written is
in :mod:`scanner.outputs.exports`.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from scanner.alerts.model import Alert
from scanner.market.calendar import Calendar
from scanner.outputs import files
from scanner.outputs.delimited import csv_document
from scanner.outputs.exports.registry import Export
from scanner.outputs.exports.subjects import COLUMNS, rows, subjects
from scanner.outputs.text import file_name


def generic(alerts: Iterable[Alert]) -> str:
    """The watchlist as CSV, newest session first and strongest first within it."""
    return csv_document(COLUMNS, (list(row.values()) for row in rows(subjects(alerts))))


def write(alerts: Iterable[Alert], folder: Path, name: str, export: Export, calendar: Calendar) -> list[str]:
    """Write the watchlist of that name into a folder, whole or not at all; returns what there is to say about it.

    A list of a simulated market says so in its file's name, since a platform's format cannot. While a spreadsheet has
    the file open, the list is written beside it. Raises StoreError where it cannot be written, UsageError where the
    format needs what is not installed.
    """
    listed = list(alerts)
    label = "SIMULATED-" if any(alert.simulated for alert in listed) else ""
    path = folder / f"{label}{file_name(name, 'watchlist')}{export.suffix}"
    written = export.write(subjects(listed), calendar)
    place = files.write_beside_if_open(path, written.content)
    said = [] if place == path else [f"{path} is open in another program; the watchlist is in {place}"]
    return [*said, *written.left_out]
