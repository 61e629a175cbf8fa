"""What of a rule the alerts need, and the book that finds the rule (or its variant) for an underlying."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from scanner.market.calendar import Calendar


class Silence(Protocol):
    """How long an identity may stay silent within one episode: a number of sessions or minutes."""

    @property
    def count(self) -> int:
        """How many."""

    @property
    def unit(self) -> str:
        """``session`` or ``minute``."""


class RuleTerms(Protocol):
    """A rule, as far as its alerts go; several variants may share an id, each for other underlyings."""

    @property
    def id(self) -> str:
        """Its name."""

    @property
    def title(self) -> str:
        """What it is about, in a few words."""

    @property
    def hold_scans(self) -> int:
        """For how many scans in a row it must hold."""

    @property
    def cooldown(self) -> Silence | None:
        """How long an identity may stay silent; None: as the configuration says."""

    @property
    def limit(self) -> int | None:
        """New alerts a session at most, or None."""

    @property
    def evidence(self) -> tuple[str, ...]:
        """The fields it looks at, ranks by and says, in that order."""

    def applies_to(self, underlying: str | None) -> bool:
        """Whether this is the variant for an underlying."""


class RuleBook:
    """The rules of one scan, by id and underlying, with the configuration's cooldown where a rule has none.

    ``calendar`` counts the sessions of a cooldown.
    """

    def __init__(self, rules: Sequence[RuleTerms], default: Silence, calendar: Calendar) -> None:
        self.calendar = calendar
        self._variants: dict[str, list[RuleTerms]] = {}
        for rule in rules:
            self._variants.setdefault(rule.id, []).append(rule)
        self._default = default

    def __contains__(self, rule_id: str) -> bool:
        """Whether a rule of that id took part in the scan."""
        return rule_id in self._variants

    def rule(self, rule_id: str, underlying: str | None) -> RuleTerms:
        """The rule for an underlying; where no variant names it, the first. Raises KeyError on an unknown id."""
        variants = self._variants[rule_id]
        return next((rule for rule in variants if rule.applies_to(underlying)), variants[0])

    def cooldown(self, rule_id: str, underlying: str | None) -> Silence:
        """How long an identity of a rule may stay silent; the configuration's for a rule that took no part."""
        own = self.rule(rule_id, underlying).cooldown if rule_id in self else None
        return self._default if own is None else own

    def limits(self) -> Mapping[str, int]:
        """New alerts a session for each rule that has a limit."""
        limits = {rule_id: variants[0].limit for rule_id, variants in self._variants.items()}
        return {rule_id: limit for rule_id, limit in limits.items() if limit is not None}
