"""What somebody has seen, or does not want to hear of: alerts acknowledged, contracts, names and rules muted."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from scanner.alerts.model import Alert, Status


class Subject(StrEnum):
    """What is silenced."""

    alert = "alert"
    contract = "contract"
    name = "name"
    rule = "rule"


@dataclass(frozen=True, slots=True)
class Silence:
    """One wish for silence, until a moment, or (None) until it is taken back.

    ``kind`` is ``ack`` - somebody has seen the alert and is told only where it grows - or ``mute``: nothing is told.
    """

    silence_id: str
    kind: str
    subject: Subject
    value: str
    since: datetime
    until: datetime | None = None

    def holds(self, now: datetime) -> bool:
        """Whether it is to be heeded at a moment."""
        return self.until is None or now < self.until

    def covers(self, alert: Alert) -> bool:
        """Whether it concerns an alert, as it now stands."""
        if self.kind == "ack" and alert.status is Status.escalated:
            return False
        about = {
            Subject.alert: alert.alert_id,
            Subject.contract: alert.contract,
            Subject.name: alert.underlying,
            Subject.rule: alert.rule_id,
        }
        return about[self.subject] == self.value


def silenced(alerts: Iterable[Alert], silences: Sequence[Silence], now: datetime) -> frozenset[str]:
    """The ids of those alerts that nobody wants to hear of at a moment."""
    heeded = [silence for silence in silences if silence.holds(now)]
    return frozenset(alert.alert_id for alert in alerts if any(silence.covers(alert) for silence in heeded))
