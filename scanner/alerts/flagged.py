"""The contracts behind an alert, with their volume and open interest: what the next morning is compared with."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

from scanner.alerts.model import Confirmation


@dataclass(frozen=True, slots=True)
class Flagged:
    """A contract behind an alert in one session, and what became of it.

    ``volume`` is what was flagged; ``open_interest`` stood at the close of ``oi_asof``, before it; ``opened`` is how
    far it rose by the close of ``session_date``. ``outcome`` is a :class:`~scanner.alerts.model.Confirmation` of the
    whole alert in that session, ``matched_share`` the share of random contracts like these that were confirmed.
    """

    alert_id: str
    session_date: date
    contract: str
    rule_id: str
    underlying: str | None
    simulated: bool
    expiry: date | None
    flagged_at: datetime
    volume: int | None
    open_interest: int | None
    oi_asof: date | None
    outcome: str = Confirmation.pending.value
    opened: int | None = None
    decided_at: datetime | None = None
    matched_share: float | None = None


class Decided(NamedTuple):
    """What was decided of an alert in one session: the same of all its contracts."""

    alert_id: str
    session_date: date
    rule_id: str
    outcome: str
    matched_share: float | None
