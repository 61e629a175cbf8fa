"""What is kept of flagged contracts after the session, and what their positions are called by it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

HELD, TRIMMED = 0.9, 0.25
OPENED_SHARE = 0.5
HORIZONS = (1, 3, 5)
FEE_A_SHARE = 0.0065


@dataclass(frozen=True, slots=True)
class Followed:
    """A flagged contract at the close of one session; None where a figure is not known."""

    alert_id: str
    contract: str
    session_date: date
    open_interest: int | None
    bid: float | None
    ask: float | None
    last: float | None
    iv: float | None
    spot: float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """A flagged session after so many sessions: ``figures`` of what was flagged, ``matched`` those of others like it.

    Each is a mapping: ``opened`` (lots), ``volume``, ``confirmed`` (None: not known), ``share`` of what opened that is
    still there, ``state``, ``stock`` and ``contract`` (moves as decimals; the stock's for calls, against it for puts)
    and ``basis`` (``quotes`` or ``last``).
    """

    alert_id: str
    session_date: date
    horizon: int
    figures: dict[str, Any]
    matched: tuple[dict[str, Any], ...]


def state_of(share: float | None, expired: bool) -> str:
    """What a position's share that is still open is called."""
    if expired:
        return "expired"
    if share is None:
        return "not told"
    return "held" if share >= HELD else "trimmed" if share >= TRIMMED else "gone"
