"""What a list has a line for: a contract or an underlying with all alerts about it, and the columns said of each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from scanner.alerts.model import MARKET, Alert, iso

_OF_NAME = ("spot", "put_call_volume")
COLUMNS = (
    "symbol",
    "underlying",
    "expiry",
    "strike",
    "right",
    "severity",
    "stars",
    "score",
    "rules",
    "first_seen",
    "last_seen",
    "session_date",
    "status",
    *MARKET,
    "message",
    "source",
    "simulated",
)


@dataclass(frozen=True, slots=True)
class Subject:
    """One line of a list: its alerts, newest and strongest first; ``whole_name`` where all of a name are together."""

    alerts: tuple[Alert, ...]
    whole_name: bool = False

    @property
    def first(self) -> Alert:
        """The newest, strongest alert."""
        return self.alerts[0]

    @property
    def strength(self) -> tuple[Any, ...]:
        """What the strongest of several subjects is found by."""
        return max(alert.strength for alert in self.alerts)

    def row(self) -> dict[str, Any]:
        """The values of ``COLUMNS``; numbers are those of the newest, strongest alert, None where it has none.

        A whole name has none of the numbers of one contract.
        """
        first, alerts = self.first, self.alerts
        values: dict[str, Any] = {name: first.evidence.get(name) for name in MARKET}
        values |= {name: value for name, value in _told_otherwise(first).items() if values[name] is None}
        one = {"expiry": iso(first.expiry), "strike": first.strike, "right": first.right}
        if self.whole_name:
            values |= {name: None for name in MARKET if name not in _OF_NAME}
            one = dict.fromkeys(one)
        values |= one
        values |= {
            "symbol": first.underlying if self.whole_name else first.contract or first.underlying,
            "underlying": first.underlying,
            "severity": max((alert.severity for alert in alerts), key=lambda severity: severity.rank).value,
            "stars": max((alert.stars for alert in alerts if alert.stars is not None), default=None),
            "score": max((alert.score for alert in alerts if alert.score is not None), default=None),
            "rules": ";".join(dict.fromkeys(alert.rule_id for alert in alerts)),
            "first_seen": iso(min(alert.first_seen for alert in alerts)),
            "last_seen": iso(max(alert.last_seen for alert in alerts)),
            "session_date": iso(first.session_date),
            "status": first.status.value,
            "message": first.message,
            "source": first.source,
            "simulated": first.simulated,
        }
        return {name: values[name] for name in COLUMNS}


def _told_otherwise(alert: Alert) -> dict[str, Any]:
    """What strikes and ladders have of a contract's numbers, though they have none of that name."""
    sides = [alert.evidence.get(name) for name in ("call_volume", "put_volume")]
    return {
        "volume": sum(sides) if alert.scope == "strike" and None not in sides else None,
        "premium": alert.premium,
        "dte": None if alert.expiry is None else (alert.expiry - alert.session_date).days,
    }


def subjects(alerts: Iterable[Alert], *, by_name: bool = False, top: int | None = None) -> list[Subject]:
    """Alerts about the same contract or underlying together: the newest and strongest first, in and among them.

    ``by_name`` puts all alerts of an underlying together; ``top`` keeps the strongest so many, whatever their age.
    Alerts of the whole market name nothing and are left out.
    """
    groups: dict[tuple[Any, ...], list[Alert]] = {}
    for alert in sorted(alerts, key=lambda item: (item.session_date, *item.strength, item.last_seen), reverse=True):
        if alert.underlying is not None:
            groups.setdefault((alert.underlying,) if by_name else alert.subject, []).append(alert)
    found = [Subject(tuple(group), by_name) for group in groups.values()]
    if top is None:
        return found
    strongest = sorted(found, key=lambda subject: subject.strength, reverse=True)[:top]
    kept = {id(subject) for subject in strongest}
    return [subject for subject in found if id(subject) in kept]


def rows(found: Sequence[Subject]) -> list[dict[str, Any]]:
    """A row each."""
    return [subject.row() for subject in found]
