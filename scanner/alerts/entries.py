"""The ledger of a replay: what was told in a session, and what became of it, beside contracts that were like it."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from statistics import median
from typing import Any

from scanner.alerts.board import Told, Written
from scanner.alerts.flagged import Flagged
from scanner.alerts.model import Alert
from scanner.alerts.outcome import Outcome


@dataclass(frozen=True)
class Entry:
    """One alert in one session that it was told in; the alert as it stood at last.

    ``contracts`` are those behind it then, with what the next morning's open interest said; ``outcomes`` what became of
    them after 1, 3 and 5 sessions, as far as those are known.
    """

    alert: Alert
    session_date: date
    contracts: tuple[Flagged, ...]
    outcomes: Mapping[int, Outcome]

    @property
    def key(self) -> tuple[Any, ...]:
        """What tells whether two configurations told the same: the session, and what the alert is about."""
        return self.session_date, *self.alert.subject

    @property
    def volume(self) -> int | None:
        """What traded in the contracts, in lots; None where it is known of none."""
        return _sum(item.volume for item in self.contracts)

    @property
    def opened(self) -> int | None:
        """By how many lots their open interest rose by the next morning; None where it is known of none."""
        return _sum(item.opened for item in self.contracts)

    @property
    def confirmation(self) -> str:
        """What the next morning's open interest said (:class:`~scanner.alerts.model.Confirmation`)."""
        return self.contracts[0].outcome

    @property
    def matched_share(self) -> float | None:
        """The share of contracts like these that it confirmed."""
        return self.contracts[0].matched_share

    def matched(self, horizon: int, figure: str) -> float | None:
        """The median of a figure over the contracts like these; None where none has it."""
        outcome = self.outcomes.get(horizon)
        known = [] if outcome is None else [one[figure] for one in outcome.matched if one.get(figure) is not None]
        return median(known) if known else None

    @cached_property
    def told(self) -> Told:
        """The alert as the scoreboard counts it."""
        return Told(self.alert.alert_id, self.alert.rule_id, self.alert.stars, self.alert.underlying)


def entries(alerts: Iterable[Alert], flagged: Iterable[Flagged], outcomes: Iterable[Written]) -> tuple[Entry, ...]:
    """Put the ledger together, oldest session first and the strongest first in each.

    ``flagged`` are the contracts behind the alerts in each session, ``outcomes`` what is kept of what became of them.
    """
    contracts: dict[tuple[str, date], list[Flagged]] = {}
    for item in flagged:
        contracts.setdefault((item.alert_id, item.session_date), []).append(item)
    after: dict[tuple[str, date], dict[int, Outcome]] = {}
    for row in outcomes:
        after.setdefault((row.alert_id, row.session_date), {})[row.horizon] = _read(row)
    by_id = {alert.alert_id: alert for alert in alerts}
    found = [
        Entry(by_id[alert_id], session, tuple(items), after.get((alert_id, session), {}))
        for (alert_id, session), items in contracts.items()
    ]
    found.sort(key=lambda entry: entry.alert.alert_id)
    found.sort(key=lambda entry: entry.alert.strength, reverse=True)
    found.sort(key=lambda entry: entry.session_date)
    return tuple(found)


def _read(row: Written) -> Outcome:
    return Outcome(row.alert_id, row.session_date, row.horizon, json.loads(row.figures), tuple(json.loads(row.matched)))


def _sum(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
