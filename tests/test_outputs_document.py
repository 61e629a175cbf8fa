"""The JSON document has exactly the keys scripts depend on, and no value JSON does not know."""

from __future__ import annotations

import json

import polars as pl
import pytest
from alert_samples import alert, put_call_alert, scan

from scanner.alerts.model import Alert, NotJudged, plain
from scanner.errors import ScanProblem
from scanner.outputs.document import document, dumps, to_json
from scanner.outputs.result import ScanResult

ALERT_KEYS = [
    *("alert_id", "rule_id", "scope", "severity", "score", "stars", "status", "confirmation", "session_date"),
    *("first_seen", "last_seen", "underlying", "contract", "expiry", "strike", "right", "title", "message"),
    *("evidence", "drivers", "simulated", "baseline", "source", "quote_time", "oi_asof"),
    *("once_in_sessions", "discovery", "premium", "premium_surprise", "kind", "may_be", "context"),
]


def result(**changes) -> ScanResult:
    values = {
        "scan": scan(symbols_requested=3, symbols_scanned=2, symbols_failed=1, contracts=9934, rules=14),
        "alerts": (alert(), put_call_alert()),
        "not_judged": (NotJudged("call-buildup", "GOOG", ("building history: 3 of 10 sessions",), 2610),),
        "underlyings": pl.DataFrame(
            {"underlying": ["GOOG"], "spot": [232.3], "put_call_volume": [float("nan")], "iv30": [None]},
            schema_overrides={"iv30": pl.Float64},
        ),
        "errors": (ScanProblem("XYZ", "source", "rate_limited", "HTTP 429"),),
        "held_back": {"alert budget": 3},
    }
    return ScanResult(**(values | changes))


def test_the_document_has_its_documented_keys():
    read = json.loads(dumps(result()))
    lists = ["alerts", "not_judged", "underlyings", "market", "errors"]
    assert list(read) == ["schema", "scan", *lists, "held_back", "notes", "calibration", "verdicts"]
    assert read["schema"] == 1
    assert {*read["scan"]} >= {
        *("id", "as_of", "started_at", "finished_at", "source", "simulated", "calculation_version", "symbols"),
        *("contracts", "rules"),
    }
    assert read["scan"]["symbols"] == {"requested": 3, "scanned": 2, "failed": 1}
    assert read["scan"]["as_of"] == "2025-09-04T20:00:00Z"


def test_an_alert_has_exactly_its_documented_keys_in_order():
    for item in json.loads(dumps(result()))["alerts"]:
        assert list(item) == ALERT_KEYS


def test_an_alerts_values_are_written_as_documented():
    item = json.loads(dumps(result()))["alerts"][0]
    assert item["severity"] == "high"
    assert item["status"] == "new"
    assert item["confirmation"] == "pending"
    assert item["session_date"] == "2025-09-04"
    assert item["first_seen"] == "2025-09-04T15:00:00Z"
    assert (item["expiry"], item["strike"], item["right"]) == ("2025-09-12", 235.0, "C")
    assert item["baseline"] == {"kind": "own", "sessions": 20, "from": "2025-08-05", "to": "2025-09-03"}
    assert item["oi_asof"] == "2025-09-03"


def test_a_wider_scope_has_null_where_it_has_no_contract():
    item = json.loads(dumps(result()))["alerts"][1]
    assert [item[name] for name in ("contract", "expiry", "strike", "right")] == [None] * 4
    assert item["drivers"] == ["NVDA250919P00130000", "NVDA250919P00135000"]


def test_missing_numbers_are_null_and_never_nan():
    """``parse_constant`` is called for NaN and the infinities alone."""
    text = dumps(result(alerts=(alert(score=None, stars=None, evidence={"iv": float("inf"), "delta": float("nan")}),)))
    read = json.loads(text, parse_constant=pytest.fail)
    assert read["underlyings"] == [{"underlying": "GOOG", "spot": 232.3, "put_call_volume": None, "iv30": None}]
    assert read["alerts"][0]["evidence"] == {"iv": None, "delta": None}
    assert read["alerts"][0]["score"] is None


def test_not_judged_and_errors_are_written_as_documented():
    read = document(result())
    assert read["not_judged"] == [
        {
            "rule_id": "call-buildup",
            "underlying": "GOOG",
            "reasons": ["building history: 3 of 10 sessions"],
            "count": 2610,
        }
    ]
    assert read["errors"] == [{"symbol": "XYZ", "stage": "source", "code": "rate_limited", "message": "HTTP 429"}]


def test_the_same_result_always_gives_the_same_text():
    assert dumps(result()) == dumps(result())


def test_vendor_text_reaches_no_terminal_as_a_control_character():
    text = dumps(result(alerts=(alert(message="\x1b[2J \x9b31m \u202e \ud800"),)))
    assert text.isascii()
    assert "\x1b" not in text


def test_an_alert_is_read_back_as_it_was():
    for item in (alert(), put_call_alert(quote_time=None, oi_asof=None)):
        assert Alert.from_dict(json.loads(to_json(item.as_dict()))) == item


def test_numbers_of_numpy_become_plain():
    import numpy as np

    assert plain({"a": np.float32(1.5), "b": np.int64(3), "c": [np.nan]}) == {"a": 1.5, "b": 3, "c": [None]}
