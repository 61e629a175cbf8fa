"""CSV as RFC 4180 has it: header first, CRLF, plain numbers, ISO dates, and text that no spreadsheet will run."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Any

from scanner.alerts.model import iso
from scanner.outputs.text import csv_text


def csv_document(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """A whole CSV file as text: the header, then one line a row."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\r\n")
    writer.writerow(columns)
    writer.writerows([cell(value) for value in row] for row in rows)
    return out.getvalue()


def cell(value: Any) -> str:
    """One cell: empty for missing, plain digits for numbers, ``true``/``false``, ISO dates, harmless text."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return plain_number(value)
    if isinstance(value, date):
        return str(iso(value))
    return str(value) if isinstance(value, int) else csv_text(str(value))


def plain_number(value: float) -> str:
    """Ten significant digits, without an exponent and without a tail of zeros."""
    text = f"{value:.10g}"
    if "e" in text:
        text = f"{value:.12f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text
