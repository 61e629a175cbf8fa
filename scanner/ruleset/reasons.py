"""Why the lint says what it says: every code it gives, with its level and its reason."""

from __future__ import annotations

from collections.abc import Mapping

from scanner.ruleset.problems import Level
from scanner.ruleset.smells import SMELLS

REASONS: Mapping[str, tuple[Level, str]] = {
    **{smell.code: (smell.level, smell.reason) for smell in SMELLS},
    "no-tests": ("warning", "A rule without tests can be broken by anybody without anyone seeing it."),
    "no-quiet-case": (
        "warning",
        "A rule is proved as much by what it must not flag; a case that expects silence is missing.",
    ),
    "no-firing-case": ("warning", "No case makes the rule fire, so nothing shows that it can."),
    "fires-too-often": (
        "warning",
        "A rule that flags more than 1 % of a market in which nothing is planted says nothing.",
    ),
    "field-not-available": (
        "note",
        "A field that is null in every row of the sample market may leave the rule `not judged` for ever.",
    ),
    "same-rows": ("note", "Two rules that flag the same rows are one rule told twice."),
}
"""Every code of the lint, with its level and the reason for it."""
