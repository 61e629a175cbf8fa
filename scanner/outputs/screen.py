"""What a live view shows at a moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from scanner.alerts.model import Alert


@dataclass(frozen=True)
class Screen:
    """What there is to see at a moment.

    ``status`` is what the schedule says of itself, ``names`` the newest underlying rows, each with its
    ``rarest`` activity as :class:`~scanner.outputs.result.ScanResult` tells it, ``silenced`` the ids of those
    ``alerts`` that somebody acknowledged or muted.
    """

    now: datetime
    status: Mapping[str, Any]
    alerts: Sequence[Alert]
    silenced: frozenset[str]
    names: Sequence[Mapping[str, Any]]
    problem: str | None = None
