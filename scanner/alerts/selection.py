"""Which findings become alerts; the rest is held back, with the reason, and counted aloud.

Stories come first (see :mod:`scanner.alerts.stories`): what is told together is one finding from here on. It must be as
large as the configuration asks; it must have held for as many scans as its rule asks (see
:mod:`scanner.alerts.episodes`); and the session's budget is filled with the rarest of what is left, by how often as
much comes on this watchlist. Where the configuration names a false-discovery rate, and while nothing can be said of how
often as much comes, only what stands out among all that was looked at is told. A finding whose episode is open already
is an update of an alert, not a new one, and costs nothing. The bounds hold at every moment: a stronger finding that
comes later in the session takes the place of the weakest alert, which is closed as *displaced*.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from scanner.alerts.episodes import Draft
from scanner.alerts.identity import Key
from scanner.severity import Severity


class Reason(StrEnum):
    """Why a finding was held back."""

    false_discovery_rate = "false-discovery rate"
    roll = "may be a roll"
    story = "part of another alert"
    market = "busy across the market"
    size = "below alerts.at_least"
    not_yet_held = "not held long enough"
    rule_limit = "rule limit"
    budget = "alert budget"


# The false-discovery rate by which something stands out, where the configuration names none.
DISCOVERY = 0.10
# A fixed threshold says nothing of how often it is passed: it takes its place among what comes once a session.
UNRATED = 1.0
Weight = tuple[int, bool, int]


@dataclass(frozen=True, slots=True)
class Floor:
    """How large a story must be to be told: dollars of premium and lots, 0 for any."""

    premium: float = 0.0
    lots: int = 0

    def reached_by(self, draft: Draft) -> bool:
        """Whether a draft is as large; one of a whole name or expiry always is, and so is what is not known."""
        story = draft.story
        if story is None:
            return True
        return story.lots >= self.lots and (story.premium is None or story.premium >= self.premium)


NO_FLOOR = Floor()


@dataclass(frozen=True, slots=True)
class Standing:
    """An alert that this session has raised already: it holds a slot, and may lose it while ``displaceable``.

    ``weight`` is how rare it is, in half decades, whether it is calibrated, and its highest severity.
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
    """The order of the budget: the rarest on this watchlist first, then calibrated before not, severity and score.

    Ties fall to the rule's id and the identity, so that the same findings always give the same alerts.
    """

    def weakness(draft: Draft) -> tuple[float, bool, int, float, float, str, str]:
        alert = draft.alert
        return (
            UNRATED if draft.rate is None else draft.rate,
            not draft.calibrated,
            -alert.severity.rank,
            -(alert.score or 0.0),
            -(draft.rank or 0.0),
            draft.key.rule_id,
            draft.key.identity,
        )

    return sorted(drafts, key=weakness)


def passing(drafts: Iterable[Draft], false_discovery_rate: float | None) -> tuple[list[Draft], list[Draft]]:
    """Split findings by the false-discovery rate, where one is asked for or nothing else can be said.

    A calibrated one that must pass and has no q-value has nothing to pass with.
    """
    passed: list[Draft] = []
    failed: list[Draft] = []
    for draft in drafts:
        free = not draft.calibrated or (false_discovery_rate is None and draft.rate is not None)
        limit = DISCOVERY if false_discovery_rate is None else false_discovery_rate
        (passed if free or (draft.q_value is not None and draft.q_value <= limit) else failed).append(draft)
    return passed, failed


def large_enough(drafts: Iterable[Draft], floor: Floor) -> tuple[list[Draft], list[Draft]]:
    """Split findings by whether they are as large as the configuration asks."""
    kept: list[Draft] = []
    small: list[Draft] = []
    for draft in drafts:
        (kept if floor.reached_by(draft) else small).append(draft)
    return kept, small


def weight(draft: Draft) -> Weight:
    """What counts against an alert that stands: coarse steps of strength, so that no slot moves over a trifle."""
    return weighed(draft.rate, draft.alert.severity, calibrated=draft.calibrated)


def weighed(rate: float | None, severity: Severity, *, calibrated: bool) -> Weight:
    """:func:`weight` of what comes so many times a session; None: not known."""
    return math.floor(-2.0 * math.log10(UNRATED if rate is None else rate)), calibrated, severity.rank


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
        # The strongest of a scan come first: none of them loses its slot to another.
        raised.append(Standing(draft.key, weight(draft), displaceable=False))
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
