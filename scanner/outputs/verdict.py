"""What a scan said of one contract by one rule."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from scanner.alerts.model import iso

if TYPE_CHECKING:
    from scanner.ruleset.explain import Traced


class Outcome(StrEnum):
    """How a rule came out on a contract in a scan."""

    told = "told"
    held_back = "held back"
    quiet = "quiet"
    not_judged = "not judged"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the scan at ``as_of`` (UTC) said: the outcome and why, and the rule's conditions on the rows about it.

    ``alert_id`` is the alert that names the contract, whichever rule raised it.
    """

    rule_id: str
    contract: str
    as_of: datetime
    outcome: Outcome
    why: str
    alert_id: str | None
    traced: tuple[Traced, ...]

    def as_dict(self) -> dict[str, Any]:
        """For JSON, without the conditions."""
        return {
            "contract": self.contract,
            "as_of": iso(self.as_of),
            "outcome": self.outcome.value,
            "why": self.why,
            "alert_id": self.alert_id,
        }

    def lines(self) -> Iterable[str]:
        """For people: the outcome, and the alert that names the contract where it is another rule's."""
        yield ""
        moment = f"{self.as_of:%Y-%m-%d %H:%M} UTC"
        yield f"{self.rule_id} for {self.contract}, {moment}: {self.outcome.upper()} ({self.why})"
        if self.alert_id is not None and self.alert_id not in self.why:
            yield f"Alert {self.alert_id} names the contract."
