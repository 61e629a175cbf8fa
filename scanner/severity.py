"""How much an alert matters: declared here, used by rules, alerts, the configuration and the command line."""

from __future__ import annotations

from enum import StrEnum


class Severity(StrEnum):
    """How much an alert matters, as its rule says; compare with ``rank``, mildest 0."""

    info = "info"
    notice = "notice"
    high = "high"
    critical = "critical"

    @property
    def rank(self) -> int:
        """Position in the order of severities: 0 for ``info`` to 3 for ``critical``."""
        return list(Severity).index(self)
