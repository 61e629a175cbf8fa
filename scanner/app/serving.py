"""A loopback endpoint beside a running schedule: ``/healthz`` for whoever restarts it, ``/metrics`` for Prometheus."""

from __future__ import annotations

import ipaddress
import json
import logging
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from scanner.app import clock
from scanner.app.heartbeat import is_stale
from scanner.errors import UsageError

log = logging.getLogger(__name__)

Document = Callable[[], dict[str, Any]]


@dataclass
class Endpoint:
    """Answers at a loopback ``address`` (``127.0.0.1:9464``) with what ``status`` says, until it is closed."""

    address: str
    status: Document

    def open(self) -> int:
        """Begin to answer, in threads of its own; returns the port.

        Raises UsageError for an address that is not of this machine alone, or taken.
        """
        host, port = _parted(self.address)
        try:
            self._server = ThreadingHTTPServer((host, port), _handler(self.status))
        except OSError as error:
            raise UsageError(f"--listen {self.address}: {error.strerror or error}") from error
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, name="endpoint", daemon=True).start()
        log.info("listening on http://%s:%d: /healthz, /metrics", host, self._server.server_address[1])
        return int(self._server.server_address[1])

    def close(self) -> None:
        """Answer nothing more."""
        self._server.shutdown()
        self._server.server_close()


def _parted(address: str) -> tuple[str, int]:
    host, _, port = address.rpartition(":")
    host = "127.0.0.1" if host in ("", "localhost") else host.strip("[]")
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback or not port.isdecimal() or int(port) > 65_535:
        raise UsageError(
            f"--listen {address}: give an address of this machine alone and a port, such as 127.0.0.1:9464; what is "
            "beyond belongs to a proxy that asks who is there"
        )
    return host, int(port)


def _handler(status: Document) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the library's name
            if self.path == "/healthz":
                told = status()
                hangs = is_stale(told, clock.right_now())
                self._answer(503 if hangs else 200, "application/json", json.dumps(health(told, hangs=hangs)).encode())
            elif self.path == "/metrics":
                self._answer(200, "text/plain; version=0.0.4; charset=utf-8", metrics(status()))
            else:
                self._answer(404, "text/plain", b"there are /healthz and /metrics\n")

        def _answer(self, code: int, kind: str, body: bytes) -> None:
            self.send_response(code)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody wants a line of log a question."""

    return Handler


def health(told: dict[str, Any], *, hangs: bool = False) -> dict[str, Any]:
    """What ``/healthz`` says: ``ok``, ``ailing`` (a source or an output fails; the process works) or ``hangs``."""
    ailing = [name for kind in ("sources", "outputs") for name, item in told[kind].items() if not item["ok"]]
    return {"status": "hangs" if hangs else "ailing" if ailing else "ok", "ailing": ailing, "at": told["at"]}


def check() -> None:
    """Raises UsageError where the library for ``/metrics`` is missing."""
    try:
        import prometheus_client  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "--listen: /metrics needs the extra `metrics`: pip install 'options-unusual-activity-scanner[metrics]'"
        ) from error


def metrics(told: dict[str, Any]) -> bytes:
    """A status in Prometheus's text format."""
    from prometheus_client import CollectorRegistry, generate_latest

    class Collector:
        def collect(self) -> Iterator[Any]:
            return _families(told)

    registry = CollectorRegistry()
    registry.register(Collector())
    return generate_latest(registry)


def _families(told: dict[str, Any]) -> Iterator[Any]:
    from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

    since = GaugeMetricFamily("scanner_start_time_seconds", "When the schedule began, Unix time.")
    since.add_metric([], _seconds(told["since"]))
    yield since
    due = GaugeMetricFamily("scanner_next_run_time_seconds", "When a job is due next, Unix time.", labels=["job"])
    for item in told["next"]:
        due.add_metric([item["job"]], _seconds(item["due"]))
    yield due
    yield _health("source", told["sources"])
    yield _health("output", told["outputs"])
    runs = CounterMetricFamily("scanner_runs", "Runs of a job, by outcome.", labels=["job", "outcome"])
    last = GaugeMetricFamily("scanner_last_run_time_seconds", "When a job last ended, Unix time.", labels=["job"])
    took = GaugeMetricFamily("scanner_last_run_duration_seconds", "How long a job last took.", labels=["job"])
    for name, item in told["runs"].items():
        for outcome, count in item["outcomes"].items():
            runs.add_metric([name, outcome], count)
        last.add_metric([name], _seconds(item["ended"]))
        took.add_metric([name], item["seconds"])
    yield from (runs, last, took)
    alerts = CounterMetricFamily("scanner_alerts", "Alerts, by what happened to them.", labels=["event"])
    for event, count in told["alerts"].items():
        alerts.add_metric([event], count)
    yield alerts


def _health(kind: str, told: dict[str, Any]) -> Any:
    from prometheus_client.core import GaugeMetricFamily

    family = GaugeMetricFamily(f"scanner_{kind}_up", f"Whether a {kind} answers: 1 or 0.", labels=[kind])
    for name, item in told.items():
        family.add_metric([name], float(item["ok"]))
    return family


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()
