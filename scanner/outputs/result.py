"""The result of one scan, as every output reads it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Self

from scanner.activity.record import Level
from scanner.alerts.model import Alert, HeldBack, NotJudged, ScanMeta, Status
from scanner.alerts.verdict import Verdict
from scanner.errors import ScanProblem
from scanner.severity import Severity

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


@dataclass(frozen=True, slots=True)
class ScanResult:
    """What one scan found, what it could not judge, and what went wrong.

    ``alerts`` come strongest first; ``underlyings`` has one row a name with every underlying-scope field,
    ``market`` those of all names together; ``held_back``
    counts the findings that did not become alerts, by reason, and ``held_back_items`` are those; ``notes`` are
    sentences for people; ``verdicts`` are what was decided of earlier alerts, whose open interest is told now;
    ``silenced`` are the ids of the alerts that somebody has acknowledged or muted, ``repeated`` of those of which an
    earlier scan of the same moment, as of a market at rest, told the same;
    ``rarest`` is, by name, in how many sessions as much as its rarest activity comes once on the list, told or not (0
    where nothing is rare, None where it cannot be ranked);
    ``calibration`` says how often chances were stated, and how often they came, in the sessions before.
    """

    scan: ScanMeta
    alerts: tuple[Alert, ...] = ()
    not_judged: tuple[NotJudged, ...] = ()
    underlyings: pl.DataFrame | None = None
    market: pl.DataFrame | None = None
    errors: tuple[ScanProblem, ...] = ()
    held_back: Mapping[str, int] = field(default_factory=dict)
    held_back_items: tuple[HeldBack, ...] = ()
    notes: tuple[str, ...] = ()
    verdicts: tuple[Verdict, ...] = ()
    calibration: tuple[Level, ...] = ()
    silenced: frozenset[str] = frozenset()
    repeated: frozenset[str] = frozenset()
    rarest: Mapping[str, float | None] = field(default_factory=dict)

    @property
    def frame(self) -> pl.DataFrame:
        """The alerts as a frame, one row each, with the columns of :data:`scanner.alerts.table.SCHEMA`."""
        from scanner.alerts.table import table

        return table(self.alerts)

    def to_pandas(self) -> pd.DataFrame:
        """The alerts as a frame of pandas; :mod:`scanner.frames` says which dtype becomes which."""
        from scanner.frames import to_pandas

        return to_pandas(self.frame)

    def happened_to(self, alert: Alert) -> Status:
        """What is news of an alert: its status, but that it goes on where the same has been told already."""
        return Status.ongoing if alert.alert_id in self.repeated else alert.status

    def at_least(self, severity: Severity) -> tuple[Alert, ...]:
        """The alerts of that severity or above."""
        return tuple(alert for alert in self.alerts if alert.severity.rank >= severity.rank)

    def raised(self, severity: Severity) -> bool:
        """Whether an alert of that severity or above stands after this scan; one that just closed does not."""
        return any(alert.status is not Status.closed for alert in self.at_least(severity))

    def narrowed(self, severity: Severity, limit: int | None = None) -> Self:
        """The same result with only the strongest ``limit`` alerts of that severity or above."""
        return replace(self, alerts=self.at_least(severity)[:limit])
