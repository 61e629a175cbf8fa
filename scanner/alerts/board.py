"""What the scoreboard tells: lines of figures, and what it has to know of an alert for them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import NamedTuple

# Of fewer, only how many there were is said.
FEWEST = 20


@dataclass(frozen=True, slots=True)
class Told:
    """What the board has to know of an alert: what it is counted under, beside what became of it."""

    alert_id: str
    rule_id: str
    stars: int | None
    underlying: str | None


class Written(NamedTuple):
    """What became of an alert after so many sessions, as it is kept: ``figures`` and ``matched`` are JSON."""

    alert_id: str
    session_date: date
    horizon: int
    figures: str
    matched: str


@dataclass(frozen=True, slots=True)
class Figure:
    """A share or a median: ``value`` with its ``low`` and ``high`` (90 %), of ``count``; None below twenty."""

    count: int
    value: float | None = None
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """One measure of one group: of the alerts, and of the contracts like theirs."""

    group: str
    key: str
    measure: str
    alerts: Figure
    matched: Figure
