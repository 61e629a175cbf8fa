"""The one JSON document of a scan: schema 1, keys in a fixed order, a missing value null and never NaN."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from scanner.alerts.model import plain
from scanner.outputs.result import ScanResult

if TYPE_CHECKING:
    import polars as pl

    from scanner.alerts.verdict import Verdict

SCHEMA = 1


def document(result: ScanResult, *, held_back: bool = False) -> dict[str, Any]:
    """The scan as plain JSON values: schema, scan, alerts, not_judged, underlyings, market, errors, held_back, notes,
    calibration, verdicts; with ``held_back`` also held_back_items, each an ALERT with the reason why it is none."""
    told = {
        "schema": SCHEMA,
        "scan": result.scan.as_dict(),
        "alerts": [alert.as_dict() for alert in result.alerts],
        "not_judged": [item.as_dict() for item in result.not_judged],
        "underlyings": _rows(result.underlyings),
        "market": _rows(result.market),
        "errors": [asdict(problem) for problem in result.errors],
        "held_back": dict(sorted(result.held_back.items())),
        "notes": list(result.notes),
        "calibration": [plain(asdict(level)) for level in result.calibration],
        "verdicts": [_verdict(verdict) for verdict in result.verdicts],
    }
    if held_back:
        told["held_back_items"] = [
            {**item.alert.as_dict(), "held_back": item.reason} for item in result.held_back_items
        ]
    return told


def _verdict(verdict: Verdict) -> dict[str, Any]:
    """What the open interest said of an earlier alert: lots opened of lots traded, null where neither is known."""
    return {
        "alert_id": verdict.alert.alert_id,
        "session_date": plain(verdict.session_date),
        "confirmation": verdict.outcome.value,
        "opened": verdict.opened,
        "volume": verdict.volume,
    }


def _rows(frame: pl.DataFrame | None) -> list[dict[str, Any]]:
    return [] if frame is None else [plain(row) for row in frame.iter_rows(named=True)]


def dumps(result: ScanResult, *, indent: int | None = 2, held_back: bool = False) -> str:
    """The document as text; ``indent=None`` makes it one line."""
    return to_json(document(result, held_back=held_back), indent=indent)


def to_json(value: Any, *, indent: int | None = 2) -> str:
    """JSON text of plain values, in ASCII, so that no vendor's text reaches a terminal as a control character.

    Raises ValueError on NaN or infinity, which JSON does not know.
    """
    separators = (",", ":") if indent is None else None
    return json.dumps(value, allow_nan=False, indent=indent, separators=separators)
