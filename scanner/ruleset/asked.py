"""Which rows must have the fields that are costly to compute: those that a rule which looks at them may still flag.

A rule that demands a floor of some other field (``volume >= 200``) is false below it whatever else is unknown, so that
nobody asks there. What a rule looks at from another scope's rows, or in the contracts it names, is asked of every row.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import polars as pl

from scanner.ruleset.expressions import references
from scanner.ruleset.gates import floors, gate
from scanner.ruleset.model import Rule


def contracts_asked(rules: Sequence[Rule], contracts: pl.DataFrame, costly: Collection[str]) -> pl.Series:
    """Which contract rows some rule may look at a costly field of; ``contracts`` has all other fields."""
    asked = pl.repeat(False, contracts.height, dtype=pl.Boolean, eager=True)
    for rule in rules:
        if asking := _asking(rule, contracts, costly):
            wanted = gate(asking[0])
            if wanted is None:
                return pl.repeat(True, contracts.height, dtype=pl.Boolean, eager=True)
            asked = asked | contracts.select(wanted).to_series()
    return asked


def _asking(rule: Rule, contracts: pl.DataFrame, costly: Collection[str]) -> list[dict[str, float]]:
    """The floors below which a rule does not look at a costly field; no entry where it never does."""
    elsewhere = [rule.drivers.where] if rule.drivers is not None and rule.drivers.where is not None else []
    nodes = [*elsewhere, *(item.condition for item in rule.filters)]
    beside = {use.field.name for node in nodes for use in references(node)}
    named = {name.rpartition(".")[2] for name in rule.evidence}
    if not (named | beside) & set(costly):
        return []
    qualified = {name for name in rule.evidence if "." in name and name.rpartition(".")[2] in costly}
    if rule.scope != "contract" or qualified or beside & set(costly):
        return [{}]
    lowest = floors(rule.condition)
    return [{name: low for name, low in lowest.items() if name in contracts.columns and name not in costly}]
