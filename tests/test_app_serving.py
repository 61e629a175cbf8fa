"""The endpoint beside a schedule, asked over a real socket."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
import requests

from scanner.app import clock
from scanner.app.serving import Endpoint
from scanner.errors import UsageError

pytest.importorskip("prometheus_client")
NOW = datetime(2026, 8, 21, 20, 25, tzinfo=UTC)


def told(**changes):
    return {
        "since": "2026-08-20T13:12:00+00:00",
        "at": "2026-08-21T20:24:30+00:00",
        "next": [{"job": "confirm", "due": "2026-08-24T13:30:00+00:00"}],
        "sources": {"cboe": {"ok": True}},
        "outputs": {"phone": {"ok": True}},
        "runs": {"close": {"outcomes": {"done": 3}, "ended": "2026-08-21T20:20:41+00:00", "seconds": 41.0}},
        "alerts": {"new": 3},
        **changes,
    }


@pytest.fixture
def ask(monkeypatch):
    monkeypatch.setattr(clock, "right_now", lambda: NOW)
    opened = []

    def asked(path, **changes):
        endpoint = Endpoint("127.0.0.1:0", lambda: told(**changes))
        opened.append(endpoint)
        return requests.get(f"http://127.0.0.1:{endpoint.open()}{path}", timeout=10)

    yield asked
    for endpoint in opened:
        endpoint.close()


def test_health_is_told_with_what_ails_and_a_process_that_hangs_is_no_longer_healthy(ask):
    assert ask("/healthz").json()["status"] == "ok"
    ailing = ask("/healthz", outputs={"phone": {"ok": False}})
    assert (ailing.status_code, ailing.json()["status"], ailing.json()["ailing"]) == (200, "ailing", ["phone"])
    hangs = ask("/healthz", at="2026-08-21T20:10:00+00:00")
    assert (hangs.status_code, hangs.json()["status"]) == (503, "hangs")
    assert ask("/").status_code == 404


def test_metrics_are_what_prometheus_reads(ask):
    from prometheus_client.parser import text_string_to_metric_families

    families = text_string_to_metric_families(ask("/metrics", sources={"cboe": {"ok": False}}).text)
    samples = {(item.name, *item.labels.values()): item.value for family in families for item in family.samples}
    assert samples["scanner_runs_total", "close", "done"] == 3
    assert samples["scanner_last_run_duration_seconds", "close"] == 41.0
    assert samples["scanner_next_run_time_seconds", "confirm"] == 1_787_578_200  # 2026-08-24 13:30 UTC
    assert samples["scanner_source_up", "cboe"] == 0
    assert samples["scanner_alerts_total", "new"] == 3


@pytest.mark.parametrize("address", ["0.0.0.0:9464", "192.168.1.5:9464", "example.test:80", "127.0.0.1:http"])
def test_an_address_beyond_this_machine_is_refused(address):
    with pytest.raises(UsageError, match="an address of this machine alone"):
        Endpoint(address, told).open()
