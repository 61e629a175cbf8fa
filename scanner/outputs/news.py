"""What changed since the scan before: what somebody who watches all day is told, and nothing twice.

New, escalated and closed alerts are printed, the rest is counted; a scan in which nothing happened is one line. What
could not be judged, and what is noted, is said once a session.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date

from rich.console import Console
from rich.text import Text

from scanner.alerts.model import Alert, ScanMeta, Status
from scanner.market.calendar import NEW_YORK
from scanner.outputs import alert_lines, sentence, terminal
from scanner.outputs.result import ScanResult
from scanner.severity import Severity

_TOLD = (Status.new, Status.escalated, Status.closed)


@dataclass
class News:
    """Prints one scan after the other, and remembers what it has said of the session."""

    _session: date | None = None
    _said: set[str] = field(default_factory=set)

    def print(
        self, result: ScanResult, to: Console, *, min_severity: Severity = Severity.info, limit: int | None = None
    ) -> None:
        """Print what a scan has to tell: its news of ``min_severity`` or above, at most ``limit``, and a line."""
        told = [alert for alert in news_of(result, min_severity) if alert.alert_id not in result.silenced]
        shown = told[:limit]
        for verdict in result.verdicts:
            if verdict.alert.severity.rank >= min_severity.rank and verdict.alert.alert_id not in result.silenced:
                terminal.say(sentence.verdict(verdict), to)
        alert_lines.print_alerts(shown, to)
        terminal.say(Text(line(result, min_severity, len(told) - len(shown)), style="bold" if told else ""), to)
        for unsaid in self._unsaid(result):
            terminal.say(unsaid, to)

    def _unsaid(self, result: ScanResult) -> Iterator[Text]:
        """What was not judged and what is noted, as far as it was not said in this session."""
        if result.scan.session_date != self._session:
            self._session = result.scan.session_date
            self._said.clear()
        for reserved in terminal.reservations(result):
            if reserved.plain not in self._said:
                self._said.add(reserved.plain)
                yield reserved


def news_of(result: ScanResult, min_severity: Severity = Severity.info) -> list[Alert]:
    """The alerts of a scan to which something happened: new ones, those that grew, those that ended."""
    return [
        alert
        for alert in result.alerts
        if result.happened_to(alert) in _TOLD and alert.severity.rank >= min_severity.rank
    ]


def line(result: ScanResult, min_severity: Severity = Severity.info, hidden: int = 0) -> str:
    """A scan in a line: when, what happened, how many go on, what was held back, and what was looked at."""
    heard = [alert for alert in result.alerts if alert.alert_id not in result.silenced]
    counts = Counter(result.happened_to(alert) for alert in heard if alert.severity.rank >= min_severity.rank)
    happened = [f"{counts[status]:,} {status.value}" for status in _TOLD if counts[status]]
    news = [alert for alert in news_of(result) if alert.alert_id not in result.silenced]
    milder = sum(alert.severity.rank < min_severity.rank for alert in news)
    silent = len(result.alerts) - len(heard)
    parts = [", ".join(happened) if happened else "nothing new"]
    if hidden:
        parts.append(f"{hidden:,} not shown (--limit)")
    if milder:
        parts.append(f"{milder:,} below {min_severity.value}")
    if counts[Status.ongoing]:
        parts.append(f"{counts[Status.ongoing]:,} ongoing")
    if silent:
        parts.append(f"{silent:,} muted")
    if happened and result.held_back:
        parts.append(f"{sum(result.held_back.values()):,} held back")
    said = ", ".join(parts)
    if not result.scan.symbols_scanned:
        return f"{_clock(result.scan)}  nothing could be scanned: {_failed(result.scan)}"
    if happened:
        return f"{_clock(result.scan)}  {said}: {_looked_at(result.scan)}"
    return f"{_clock(result.scan)}  quiet: {_looked_at(result.scan)}, {said}"


def _clock(scan: ScanMeta) -> str:
    label = "SIMULATED " if scan.simulated else ""
    return f"{label}{scan.as_of.astimezone(NEW_YORK):%H:%M}"


def _looked_at(scan: ScanMeta) -> str:
    of = f" of {scan.symbols_requested:,}" if scan.symbols_scanned != scan.symbols_requested else ""
    names = f"{scan.symbols_scanned:,}{of} {'name' if scan.symbols_requested == 1 else 'names'}"
    return f"{names}, {terminal.counted(scan.contracts, 'contract')}"


def _failed(scan: ScanMeta) -> str:
    return f"{terminal.counted(scan.symbols_requested, 'name')} failed"
