"""Alerts, rules, findings and frames that several test modules build on."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

import polars as pl

from scanner.alerts.model import Alert, Baseline, Confirmation, ScanMeta, Status
from scanner.ruleset import Cooldown
from scanner.severity import Severity

THURSDAY, FRIDAY, MONDAY, TUESDAY = date(2025, 9, 4), date(2025, 9, 5), date(2025, 9, 8), date(2025, 9, 9)
PAST = (*(date(2025, 8, day) for day in (25, 26, 27, 28, 29)), date(2025, 9, 2), date(2025, 9, 3))
GOOG_235 = "GOOG250912C00235000"
NVDA_130 = "NVDA250919P00130000"


SURGE_RULE = """
id: surge
title: Surge
status: stable
scope: contract
severity: high
why: A test.
when:
  all:
    - volume >= 5000
identity: [contract]
rank_by: volume
message: "{contract}: {volume:,}"
"""
"""A rule for what is plain to see."""


def at(session: date, hour: int, minute: int = 0) -> datetime:
    return datetime(session.year, session.month, session.day, hour, minute, tzinfo=UTC)


@dataclass(frozen=True)
class SampleRule:
    id: str = "call-buildup"
    title: str = "Sudden call build-up"
    hold_scans: int = 1
    cooldown: Cooldown | None = None
    limit: int | None = None
    evidence: tuple[str, ...] = ("volume", "volume_surprise")
    only: str | None = None

    def applies_to(self, underlying: str | None) -> bool:
        return self.only is None or underlying == self.only


THURSDAY_CLOSE = at(THURSDAY, 20)


def scan(as_of: datetime = THURSDAY_CLOSE, session: date = THURSDAY, **changes: Any) -> ScanMeta:
    values: dict[str, Any] = {
        "id": f"run-{as_of:%Y%m%dT%H%M}",
        "as_of": as_of,
        "started_at": as_of,
        "finished_at": as_of,
        "source": "files",
        "simulated": False,
        "calculation_version": "1",
        "session_date": session,
        "symbols_requested": 2,
        "symbols_scanned": 2,
        "contracts": 2,
        "rules": 1,
        "baseline_sessions": {"files": PAST, "cboe": PAST},
    }
    return ScanMeta(**(values | changes))


def alert(**changes: Any) -> Alert:
    values: dict[str, Any] = {
        "alert_id": "0123456789abcdef",
        "rule_id": "call-buildup",
        "scope": "contract",
        "severity": Severity.high,
        "score": 93.0,
        "stars": 5,
        "status": Status.new,
        "confirmation": Confirmation.pending,
        "session_date": THURSDAY,
        "first_seen": at(THURSDAY, 15),
        "last_seen": at(THURSDAY, 20),
        "underlying": "GOOG",
        "contract": GOOG_235,
        "expiry": date(2025, 9, 12),
        "strike": 235.0,
        "right": "C",
        "title": "Sudden call build-up at one strike",
        "message": "GOOG 235 calls: 48,210 traded against 900 expected",
        "evidence": {
            "volume": 48210,
            "volume_expected": 900.0,
            "volume_multiple": 53.6,
            "volume_surprise": 7.2,
            "volume_q": 0.004,
            "spot": 232.3,
            "last": 2.5,
            "bid": 2.45,
            "ask": 2.55,
            "open_interest": 3120,
            "premium": 12052500.0,
            "iv": 0.312,
            "iv_change": 0.011,
            "delta": 0.43,
            "dte": 8,
            "put_call_volume": 0.41,
        },
        "drivers": (),
        "simulated": False,
        "source": "cboe",
        "baseline": Baseline("own", 20, date(2025, 8, 5), date(2025, 9, 3)),
        "quote_time": at(THURSDAY, 19, 59),
        "oi_asof": date(2025, 9, 3),
    }
    return Alert(**(values | changes))


def put_call_alert(**changes: Any) -> Alert:
    values: dict[str, Any] = {
        "alert_id": "fedcba9876543210",
        "rule_id": "put-call-jump",
        "scope": "underlying",
        "severity": Severity.notice,
        "score": 71.0,
        "stars": 3,
        "underlying": "NVDA",
        "contract": None,
        "expiry": None,
        "strike": None,
        "right": None,
        "title": "Put/call volume jump",
        "message": "NVDA put/call volume 0.70 after 0.58",
        "evidence": {"put_call_volume": 0.70, "put_call_volume_prev": 0.58, "put_call_surprise": 3.4, "spot": 130.8},
        "drivers": (NVDA_130, "NVDA250919P00135000"),
    }
    return alert(**(values | changes))


def finding(**changes: Any) -> dict[str, Any]:
    values: dict[str, Any] = {
        "rule_id": "call-buildup",
        "scope": "contract",
        "severity": "high",
        "identity": GOOG_235,
        "underlying": "GOOG",
        "root": "GOOG",
        "contract": GOOG_235,
        "expiry": date(2025, 9, 12),
        "strike": 235.0,
        "right": "C",
        "rank": 7.2,
        "evidence": {"volume": 48210, "volume_surprise": 7.2},
        "drivers": [],
        "message": "GOOG 235 calls: 48,210 traded",
        "calibrated": True,
    }
    return values | changes


def findings(*rows: Mapping[str, Any]) -> pl.DataFrame:
    """A frame of findings; evidence is carried as JSON text, whatever the rule looked at."""
    schema = {
        "rule_id": pl.String,
        "scope": pl.String,
        "severity": pl.String,
        "identity": pl.String,
        "underlying": pl.String,
        "root": pl.String,
        "contract": pl.String,
        "expiry": pl.Date,
        "strike": pl.Float64,
        "right": pl.String,
        "rank": pl.Float64,
        "evidence": pl.String,
        "drivers": pl.List(pl.String),
        "message": pl.String,
        "calibrated": pl.Boolean,
    }
    return pl.DataFrame([{**row, "evidence": json.dumps(row["evidence"])} for row in rows], schema=schema)


def frames(**contract_changes: Any) -> dict[str, pl.DataFrame]:
    """The contract and underlying frames of one scan: GOOG's 235 call and NVDA's 130 put."""
    goog: dict[str, Any] = {
        "underlying": "GOOG",
        "root": "GOOG",
        "contract": GOOG_235,
        "expiry": date(2025, 9, 12),
        "strike": 235.0,
        "right": "C",
        "source": "files",
        "simulated": False,
        "quote_time": at(THURSDAY, 19, 59),
        "oi_asof": date(2025, 9, 3),
        "spot": 232.3,
        "bid": 2.45,
        "ask": 2.55,
        "last": 2.5,
        "dte": 8,
        "volume": 48210,
        "open_interest": 3120,
        "volume_expected": 900.0,
        "volume_multiple": 53.6,
        "volume_surprise": 7.2,
        "volume_q": 0.004,
        "baseline_kind": "own",
        "history_sessions": 5,
        "score": 93.0,
        "stars": 5,
    }
    nvda = goog | {
        "underlying": "NVDA",
        "root": "NVDA",
        "contract": NVDA_130,
        "expiry": date(2025, 9, 19),
        "strike": 130.0,
        "right": "P",
        "volume": 700,
        "open_interest": 50,
        "volume_surprise": 2.0,
        "volume_q": 0.4,
        "score": 40.0,
        "stars": 2,
    }
    underlying = pl.DataFrame({"underlying": ["GOOG", "NVDA"], "spot": [232.3, 130.8], "put_call_volume": [0.41, 0.70]})
    return {"contract": pl.DataFrame([goog | contract_changes, nvda]), "underlying": underlying}
