"""The list as Parquet: typed columns, for data frames."""

from __future__ import annotations

import io
from collections.abc import Sequence

from scanner.market.calendar import Calendar
from scanner.outputs.exports.frame import frame
from scanner.outputs.exports.registry import Exported
from scanner.outputs.exports.subjects import Subject


def export(subjects: Sequence[Subject], _: Calendar) -> Exported:
    """One row each."""
    written = io.BytesIO()
    frame(subjects).write_parquet(written)
    return Exported(written.getvalue())
