"""What a rule is once it has been read: plain typed attributes, frozen."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Literal, get_args

from scanner import fields
from scanner.market.symbology import plain_ticker
from scanner.ruleset.expressions import Comparison, Condition, FieldReference, Node, Number, both, references
from scanner.ruleset.message import Message
from scanner.ruleset.problems import START, Place, Problem
from scanner.severity import Severity

HISTORY = FieldReference(fields.of("underlying")["history_sessions"], "underlying")
"""Good past sessions of an underlying, which ``needs: {history_sessions: N}`` is compared with."""
Status = Literal["stable", "experimental", "deprecated"]
DRIVER_FACTS: Mapping[str, Literal["max", "min"]] = {
    "combined_surprise": "max",
    "volume_surprise": "max",
    "volume_q": "min",
}
"""Facts of the contracts a finding names that stand in its evidence, and which of several values speaks."""
STATUSES: tuple[str, ...] = get_args(Status)


@dataclass(frozen=True, slots=True)
class Cooldown:
    """How long an episode stays quiet after it was told."""

    count: int
    unit: Literal["session", "minute"]


@dataclass(frozen=True, slots=True)
class Drivers:
    """Which contracts are named as the doers of a finding of a wider scope.

    Contracts of the finding's rows for which ``where`` is true, the largest ``rank_by`` first, at most ``limit``. With
    fewer than ``at_least`` of them there is no finding.
    """

    where: Condition | None
    rank_by: Node
    limit: int
    at_least: int


@dataclass(frozen=True, slots=True)
class Filter:
    """A user's exclusion: findings of a rule for which ``condition`` is true are left out, up to and with a date."""

    id: str
    condition: Condition
    why: str
    until: datetime.date | None
    path: Path


@dataclass(frozen=True)
class Rule:
    """One rule, ready to be judged.

    ``hold_scans`` is for how many scans in a row it must be true; ``limit`` is how many alerts a session it may raise
    (None: no limit of its own); ``cooldown`` None means that of the configuration. ``only`` and ``excluding`` are the
    plain tickers it applies to, where overrides make several variants of one rule id. ``measured`` says how often it
    fires and what it finds.
    """

    id: str
    title: str
    status: Status
    scope: str
    severity: Severity
    why: str
    condition: Condition
    message: Message
    identity: tuple[str, ...]
    needs_history: int = 0
    parameters: Mapping[str, Node] = field(default_factory=dict)
    hold_scans: int = 1
    cooldown: Cooldown | None = None
    rank_by: Node | None = None
    limit: int | None = None
    drivers: Drivers | None = None
    measured: str = ""
    false_positives: tuple[str, ...] = ()
    replaced_by: str | None = None
    filters: tuple[Filter, ...] = ()
    only: frozenset[str] | None = None
    excluding: frozenset[str] = frozenset()
    path: Path = Path()
    place: Place = START
    places: Mapping[str, Place] = field(default_factory=dict)

    @cached_property
    def history(self) -> Comparison | None:
        """The history it needs, as a condition."""
        if not self.needs_history:
            return None
        return Comparison((">=",), (HISTORY, Number(self.needs_history)), f"{HISTORY.column} >= {self.needs_history}")

    @cached_property
    def whole(self) -> Condition:
        """Its condition together with the history it needs."""
        return both([self.condition] if self.history is None else [self.history, self.condition])

    @cached_property
    def fields(self) -> tuple[FieldReference, ...]:
        """The fields its condition looks at."""
        return tuple(references(self.condition))

    @cached_property
    def evidence(self) -> tuple[str, ...]:
        """The columns that stand as evidence beside a finding: what it looks at, ranks by and says."""
        nodes = [*self.fields, *(references(self.rank_by) if self.rank_by is not None else []), *self.message.fields]
        of_drivers = self.driver_facts if self.drivers else ()
        return tuple(dict.fromkeys([*(node.column for node in nodes), *of_drivers]))

    @cached_property
    def driver_facts(self) -> tuple[str, ...]:
        """Evidence of how rare the rarest driver is, where drivers are chosen by a calibrated chance."""
        where = self.drivers.where if self.drivers else None
        if where is None or not any(use.field.calibrated for use in references(where)):
            return ()
        return tuple(f"driver.{name}" for name in DRIVER_FACTS)

    @cached_property
    def calibrated(self) -> bool:
        """Whether it rests on a calibrated chance, so that its findings must pass the false-discovery rate."""
        conditions = [self.condition, self.drivers.where if self.drivers else None]
        return any(use.field.calibrated for node in conditions if node is not None for use in references(node))

    def applies_to(self, underlying: str | None) -> bool:
        """Whether this variant of the rule is the one for an underlying."""
        name = None if underlying is None else plain_ticker(underlying)
        return (self.only is None or name in self.only) and name not in self.excluding


@dataclass(frozen=True, slots=True)
class Loaded:
    """What was found under some paths: the usable rules, what is wrong with the others, and ids that moved."""

    rules: tuple[Rule, ...]
    problems: tuple[Problem, ...] = ()
    redirects: Mapping[str, str] = field(default_factory=dict)
    """Deprecated ids and the id of the rule that took their place."""

    def stable(self) -> tuple[Rule, ...]:
        """The rules that run by default."""
        return tuple(rule for rule in self.rules if rule.status == "stable")

    def one_each(self) -> list[Rule]:
        """Each rule once, however many variants overrides make of it; the stable ones first, by id."""
        return sorted(
            {rule.id: rule for rule in self.rules}.values(), key=lambda rule: (rule.status != "stable", rule.id)
        )
