"""Which findings become alerts; the rest is held back, with the reason, and counted aloud.

In this order: a finding of a rule that uses calibrated fields must pass the scan's false-discovery rate; findings of
one story become one (see :mod:`scanner.alerts.stories`); it must have held for as many scans as its rule asks (see
:mod:`scanner.alerts.episodes`); each rule has a limit of new alerts a session; and the session's budget takes the
strongest of what is left. A finding whose episode is open already is an
update of an alert, not a new one, and costs nothing. The bounds hold at every moment: a stronger finding that comes
later in the session takes the place of the weakest alert, which is closed as *displaced*.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from scanner.alerts.episodes import Draft
from scanner.alerts.identity import Key


class Reason(StrEnum):
    """Why a finding was held back."""

    false_discovery_rate = "false-discovery rate"
    roll = "may be a roll"
    story = "part of another alert"
    market = "busy across the market"
    not_yet_held = "not held long enough"
    rule_limit = "rule limit"
    budget = "alert budget"


Weight = tuple[bool, int, int]


@dataclass(frozen=True, slots=True)
class Standing:
    """An alert that this session has raised already: it holds a slot, and may lose it while ``displaceable``.

    ``weight`` is whether it is calibrated, its highest severity and its most stars.
    """

    key: Key
    weight: Weight
    displaceable: bool = True


@dataclass(frozen=True, slots=True)
class Admitted:
    """Which findings are alerts, which are held back and why, and whose slot went to a stronger one."""

    accepted: tuple[Draft, ...]
    held_back: tuple[tuple[Draft, Reason], ...]
    displaced: frozenset[Key]


def strongest_first(drafts: Iterable[Draft]) -> list[Draft]:
    """The order of the budget: calibrated before not, then severity, stars, priority and the rule's own rank.

    A finding that is no contract's has no priority, and its score stands for it: 12.5 points are a decade.

    Ties fall to the rule's id and the identity, so that the same findings always give the same alerts.
    """

    def weakness(draft: Draft) -> tuple[bool, int, int, float, float, str, str]:
        alert = draft.alert
        rank = 0.0 if draft.rank is None else draft.rank
        return (
            not draft.calibrated,
            -alert.severity.rank,
            -(alert.stars or 0),
            -((alert.score or 0.0) / 12.5 if draft.priority is None else draft.priority),
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


def weight(draft: Draft) -> Weight:
    """What counts against an alert that stands: the coarse steps of strength, so that no slot moves over a trifle."""
    return draft.calibrated, draft.alert.severity.rank, draft.alert.stars or 0


def admit(
    drafts: Iterable[Draft],
    open_keys: frozenset[Key],
    standing: Iterable[Standing],
    budget: int,
    limits: Mapping[str, int],
) -> Admitted:
    """Give the session's slots to its strongest findings.

    ``standing`` are the alerts this session has raised so far; ``budget`` is how many it may have in all, ``limits``
    how many of each rule. An update of an open episode always passes. Where no slot is left, a new finding takes that
    of the weakest alert standing if it outweighs it, so that a morning of small things never hides the large one.
    """
    raised = list(standing)
    accepted: list[Draft] = []
    held: list[tuple[Draft, Reason]] = []
    displaced: set[Key] = set()
    for draft in strongest_first(drafts):
        if draft.key in open_keys:
            accepted.append(draft)
            continue
        rivals, reason = _full(draft, raised, budget, limits)
        weakest = min((item for item in rivals if item.displaceable), key=lambda item: item.weight, default=None)
        if reason is not None:
            if weakest is None or weakest.weight >= weight(draft):
                held.append((draft, reason))
                continue
            raised.remove(weakest)
            displaced.add(weakest.key)
        accepted.append(draft)
        raised.append(Standing(draft.key, weight(draft)))
    held += [(draft, Reason.budget) for draft in accepted if draft.key in displaced]
    kept = tuple(draft for draft in accepted if draft.key not in displaced)
    return Admitted(kept, tuple(held), frozenset(displaced))


def _full(
    draft: Draft, raised: Sequence[Standing], budget: int, limits: Mapping[str, int]
) -> tuple[Sequence[Standing], Reason | None]:
    """The alerts that stand in a finding's way, and which bound they fill; none where there is room."""
    rule = draft.key.rule_id
    of_rule = [item for item in raised if item.key.rule_id == rule]
    if len(of_rule) >= limits.get(rule, budget + 1):
        return of_rule, Reason.rule_limit
    return (raised, Reason.budget) if len(raised) >= budget else ((), None)
