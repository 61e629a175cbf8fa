"""The list as JSON lines: one object each, with the columns of the CSV as keys, null where a value is missing."""

from __future__ import annotations

from collections.abc import Sequence

from scanner.alerts.model import plain
from scanner.market.calendar import Calendar
from scanner.outputs.document import to_json
from scanner.outputs.exports.registry import Exported
from scanner.outputs.exports.subjects import Subject, rows


def export(subjects: Sequence[Subject], _: Calendar) -> Exported:
    """One line each, in ASCII."""
    return Exported("".join(to_json(plain(row), indent=None) + "\n" for row in rows(subjects)).encode())
