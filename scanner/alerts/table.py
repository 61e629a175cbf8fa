"""Alerts as a frame: one row an alert, for those who count, join and plot."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import polars as pl

from scanner.alerts.model import MARKET, Alert, Confirmation, Status
from scanner.market.chain import INSTANT, RIGHT
from scanner.severity import Severity

_COUNTED = ("volume", "open_interest", "dte")
_Columns = dict[str, pl.DataType | type[pl.DataType]]
_MARKET: _Columns = {name: pl.Int64 if name in _COUNTED else pl.Float64 for name in MARKET}
_OWN: _Columns = {
    "alert_id": pl.String,
    "rule_id": pl.String,
    "scope": pl.String,
    "severity": pl.Enum([severity.value for severity in Severity]),
    "score": pl.Float64,
    "stars": pl.Int64,
    "status": pl.Enum([status.value for status in Status]),
    "confirmation": pl.Enum([outcome.value for outcome in Confirmation]),
    "session_date": pl.Date,
    "first_seen": INSTANT,
    "last_seen": INSTANT,
    "underlying": pl.String,
    "contract": pl.String,
    "expiry": pl.Date,
    "strike": pl.Float64,
    "right": RIGHT,
    "title": pl.String,
    "message": pl.String,
    "drivers": pl.List(pl.String),
    "simulated": pl.Boolean,
    "source": pl.String,
    "quote_time": INSTANT,
    "oi_asof": pl.Date,
}
SCHEMA = pl.Schema(_OWN | _MARKET)
"""What the frame holds: the alert's own fields, then the market around it, in the units of the field dictionary."""


def table(alerts: Iterable[Alert]) -> pl.DataFrame:
    """One row an alert, in their order, with the columns of ``SCHEMA``; what an alert does not have is null."""
    return pl.DataFrame([_row(alert) for alert in alerts], schema=SCHEMA)


def _row(alert: Alert) -> dict[str, Any]:
    own = {name: getattr(alert, name) for name in _OWN}
    market = {name: _number(alert.evidence.get(name), whole=name in _COUNTED) for name in _MARKET}
    return {**own, **market, "drivers": list(alert.drivers)}


def _number(value: Any, *, whole: bool) -> float | None:
    if value is None:
        return None
    return int(value) if whole else float(value)
