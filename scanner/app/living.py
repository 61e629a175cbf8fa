"""A schedule under way, for whoever looks at it all day: what it does, the names, the alerts, and what may be asked."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from scanner.app import clock, opening, silencing
from scanner.errors import ScannerError, StoreError
from scanner.outputs.screen import Screen

if TYPE_CHECKING:
    from scanner.app.daemon import Daemon, Inputs
    from scanner.outputs.result import ScanResult
    from scanner.severity import Severity


class Living:
    """Runs a schedule in a thread of its own, and tells a screen what there is to see."""

    def __init__(self, inputs: Inputs, listen: str | None = None) -> None:
        from scanner.app.daemon import Daemon

        self._names: list[dict[str, Any]] = []
        self.daemon: Daemon = Daemon(inputs, self._shown, listen)
        self._thread = threading.Thread(target=self._run, name="schedule", daemon=True)
        self.failed: ScannerError | None = None

    def start(self) -> None:
        """Begin the schedule."""
        self._thread.start()

    def stop(self) -> None:
        """End the schedule; waits for it as long as a stop may take."""
        self.daemon.stop()
        self._thread.join(6.0)

    def _run(self) -> None:
        try:
            self.daemon.run()
        except ScannerError as error:
            self.failed = error

    def _shown(self, result: ScanResult, least: Severity) -> None:
        del least
        if result.underlyings is not None:
            rows = result.underlyings.iter_rows(named=True)
            fresh = {row["underlying"]: {**row, "rarest": result.rarest.get(row["underlying"])} for row in rows}
            known = {row["underlying"]: row for row in self._names}
            self._names = list((known | fresh).values())

    def screen(self) -> Screen:
        """What there is to see now; what cannot be read is said in its problem."""
        from scanner.alerts.silence import silenced

        settings = self.daemon.worker.loaded.settings
        status = self.daemon.reporter.document()
        now = clock.right_now()
        problem = None if self.failed is None else str(self.failed)
        try:
            with opening.open_state(settings, read_only=True) as state, state.read() as ledger:
                alerts = ledger.alerts(newest_sessions=1)
                quiet = silenced(alerts, ledger.silences(), now)
            return Screen(now, status, alerts, quiet, self._names, problem)
        except StoreError:
            # Nothing has been scanned yet.
            return Screen(now, status, [], frozenset(), self._names, problem)

    def silence(self, alert_id: str, kind: str) -> str:
        """Acknowledge or mute an alert, or take that back; returns what was done, in words."""
        settings = self.daemon.worker.loaded.settings
        try:
            if alert_id in self.screen().silenced:
                silencing.unmute(alert_id, settings=settings)
                return "told of again"
            ask = silencing.acknowledge if kind == "ack" else silencing.mute
            ask(alert_id, settings=settings)
        except ScannerError as error:
            return str(error)
        return "acknowledged" if kind == "ack" else "muted"
