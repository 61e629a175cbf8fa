"""The one JSON document of a scan: schema 1, keys in a fixed order, a missing value null and never NaN."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from scanner.alerts.model import plain
from scanner.outputs.result import ScanResult

SCHEMA = 1


def document(result: ScanResult) -> dict[str, Any]:
    """The scan as plain JSON values: schema, scan, alerts, not_judged, underlyings, errors, held_back, notes,
    calibration."""
    frame = result.underlyings
    return {
        "schema": SCHEMA,
        "scan": result.scan.as_dict(),
        "alerts": [alert.as_dict() for alert in result.alerts],
        "not_judged": [item.as_dict() for item in result.not_judged],
        "underlyings": [] if frame is None else [plain(row) for row in frame.iter_rows(named=True)],
        "errors": [asdict(problem) for problem in result.errors],
        "held_back": dict(sorted(result.held_back.items())),
        "notes": list(result.notes),
        "calibration": [plain(asdict(level)) for level in result.calibration],
    }


def dumps(result: ScanResult, *, indent: int | None = 2) -> str:
    """The document as text; ``indent=None`` makes it one line."""
    return to_json(document(result), indent=indent)


def to_json(value: Any, *, indent: int | None = 2) -> str:
    """JSON text of plain values, in ASCII, so that no vendor's text reaches a terminal as a control character.

    Raises ValueError on NaN or infinity, which JSON does not know.
    """
    separators = (",", ":") if indent is None else None
    return json.dumps(value, allow_nan=False, indent=indent, separators=separators)
