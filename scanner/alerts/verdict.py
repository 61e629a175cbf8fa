"""What the next morning's open interest said of an alert, and how the alerts of each rule have done by it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from scanner.alerts.flagged import Decided, Flagged
from scanner.alerts.model import Alert, Confirmation


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the open interest said of an alert's flagged session: by how many lots it rose, of how many that traded.

    ``opened`` and ``volume`` are of the contracts whose open interest is known on both sides, None where of none.
    """

    alert: Alert
    session_date: date
    outcome: Confirmation
    opened: int | None
    volume: int | None


@dataclass(frozen=True, slots=True)
class RuleScore:
    """The running score of one rule. Shares are None where nothing has been decided.

    ``confirmed_share`` is confirmed / (confirmed + faded); ``matched_share`` the mean of the same share among matched
    random contracts: what the first is worth beside chance.
    """

    rule_id: str
    alerts: int
    confirmed: int
    faded: int
    unconfirmable: int
    pending: int
    confirmed_share: float | None
    matched_share: float | None


def scoreboard(decided: Iterable[Decided | Flagged]) -> list[RuleScore]:
    """How each rule's alerts have done, by rule id; one alert counts once for each session it was flagged in."""
    outcomes: dict[str, list[tuple[str, float | None]]] = {}
    one_each: dict[tuple[date, str], Decided | Flagged] = {}
    for item in decided:
        one_each.setdefault((item.session_date, item.alert_id), item)
    for item in one_each.values():
        outcomes.setdefault(item.rule_id, []).append((item.outcome, item.matched_share))
    return [_score(rule_id, decided) for rule_id, decided in sorted(outcomes.items())]


def _score(rule_id: str, outcomes: Sequence[tuple[str, float | None]]) -> RuleScore:
    counts = {kind: sum(outcome == kind for outcome, _ in outcomes) for kind in Confirmation}
    decided = counts[Confirmation.confirmed] + counts[Confirmation.faded]
    shares = [share for _, share in outcomes if share is not None]
    return RuleScore(
        rule_id=rule_id,
        alerts=len(outcomes),
        confirmed=counts[Confirmation.confirmed],
        faded=counts[Confirmation.faded],
        unconfirmable=counts[Confirmation.unconfirmable],
        pending=counts[Confirmation.pending],
        confirmed_share=counts[Confirmation.confirmed] / decided if decided else None,
        matched_share=sum(shares) / len(shares) if shares else None,
    )
