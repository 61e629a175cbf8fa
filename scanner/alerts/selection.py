"""Which findings become alerts; the rest is held back, with the reason, and counted aloud.

In this order: a finding of a rule that uses calibrated fields must pass the scan's false-discovery rate; it must have
held for as many scans as its rule asks (see :mod:`scanner.alerts.episodes`); each rule has a limit of new alerts a
session; and the session's budget takes the strongest of what is left. A finding whose episode is open already is an
update of an alert, not a new one, and costs nothing.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from scanner.alerts.episodes import Draft
from scanner.alerts.identity import Key


class Reason(StrEnum):
    """Why a finding was held back."""

    false_discovery_rate = "false-discovery rate"
    not_yet_held = "not held long enough"
    rule_limit = "rule limit"
    budget = "alert budget"


@dataclass(frozen=True, slots=True)
class Slots:
    """How many new alerts this session may still raise: in all, and for each rule that has a limit."""

    budget: int
    limits: Mapping[str, int]

    @classmethod
    def left(cls, budget: int, limits: Mapping[str, int], raised: Iterable[Key]) -> Slots:
        """What remains of the session's budget and limits after the alerts ``raised`` in it so far."""
        used = Counter(key.rule_id for key in raised)
        remaining = {rule: max(0, limit - used[rule]) for rule, limit in limits.items()}
        return cls(max(0, budget - used.total()), remaining)


def strongest_first(drafts: Iterable[Draft]) -> list[Draft]:
    """The order of the budget: calibrated before not, then severity, stars, score and the rule's own rank.

    Ties fall to the rule's id and the identity, so that the same findings always give the same alerts.
    """

    def weakness(draft: Draft) -> tuple[bool, int, int, float, float, str, str]:
        alert = draft.alert
        rank = 0.0 if draft.rank is None else draft.rank
        return (
            not draft.calibrated,
            -alert.severity.rank,
            -(alert.stars or 0),
            -(alert.score or 0.0),
            -rank,
            draft.key.rule_id,
            draft.key.identity,
        )

    return sorted(drafts, key=weakness)


def passing(drafts: Iterable[Draft], false_discovery_rate: float) -> tuple[list[Draft], list[Draft]]:
    """Split findings by the false-discovery rate; a calibrated one without a q-value has nothing to pass with."""
    passed: list[Draft] = []
    failed: list[Draft] = []
    for draft in drafts:
        rare = draft.q_value is not None and draft.q_value <= false_discovery_rate
        (passed if rare or not draft.calibrated else failed).append(draft)
    return passed, failed


def within_slots(
    drafts: Sequence[Draft], open_keys: frozenset[Key], slots: Slots
) -> tuple[list[Draft], list[tuple[Draft, Reason]]]:
    """Give the session's remaining slots to the strongest new findings; updates of open episodes always pass."""
    accepted: list[Draft] = []
    held: list[tuple[Draft, Reason]] = []
    limits, budget = dict(slots.limits), slots.budget
    for draft in strongest_first(drafts):
        rule = draft.key.rule_id
        if draft.key in open_keys:
            accepted.append(draft)
        elif limits.get(rule, 1) <= 0:
            held.append((draft, Reason.rule_limit))
        elif budget <= 0:
            held.append((draft, Reason.budget))
        else:
            accepted.append(draft)
            budget -= 1
            if rule in limits:
                limits[rule] -= 1
    return accepted, held
