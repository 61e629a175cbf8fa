"""Lint: what is likely to make a rule useless, said before anyone relies on it.

Some smells are seen in the rule (:mod:`scanner.ruleset.smells`), some in its tests, and some only when it is measured
on a sample market: how often it fires, which fields it never sees there, which other rule flags the same rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import polars as pl

from scanner.ruleset.cases import read_cases, tests_beside
from scanner.ruleset.judge import judge
from scanner.ruleset.model import Loaded, Rule
from scanner.ruleset.problems import START, Problem, Reporter
from scanner.ruleset.reasons import REASONS
from scanner.ruleset.smells import find_smells

TOO_OFTEN = 0.01
_ALIKE = 0.9
_FEW = 5


@dataclass(frozen=True, slots=True)
class Selectivity:
    """How a rule came out on a sample: rows of its scope, how many it flagged, and how many it could not judge."""

    rule_id: str
    rows: int
    fired: int
    not_judged: int

    @property
    def share(self) -> float | None:
        """Flagged rows, of those judged; None where none was."""
        judged = self.rows - self.not_judged
        return self.fired / judged if judged > 0 else None


def check(loaded: Loaded) -> list[Problem]:
    """Everything wrong with some rules that can be seen without data: what loading found, smells, and missing tests."""
    found = [*loaded.problems]
    for rule in _one_variant_each(loaded.rules):
        found += find_smells(rule)
        found += _missing_cases(rule)
    return found


def _one_variant_each(rules: Sequence[Rule]) -> list[Rule]:
    return list({rule.id: rule for rule in rules}.values())


def _missing_cases(rule: Rule) -> list[Problem]:
    path = tests_beside(rule)
    if not path.is_file():
        return [_problem(rule, "no-tests", f"there is no {path.name}", "`scanner rules new` shows how one looks")]
    reporter = Reporter(path, rule.id)
    cases = read_cases(rule, path, reporter)
    if reporter.failed:
        return reporter.problems
    found = []
    if not any(case.expect for case in cases):
        found.append(_problem(rule, "no-firing-case", "no test case expects it to fire", f"add one to {path.name}"))
    if all(case.expect or case.not_judged for case in cases):
        found.append(_problem(rule, "no-quiet-case", "no test case expects silence", f"add one to {path.name}"))
    return found


def measure(rules: Sequence[Rule], frames: Mapping[str, pl.DataFrame]) -> tuple[list[Selectivity], list[Problem]]:
    """Judge a sample market and say how selective each rule is, and what is wrong with it there."""
    rules = _one_variant_each(rules)
    judgement = judge(rules, frames)
    flagged = {
        rule.id: set(judgement.findings.filter(pl.col("rule_id") == rule.id)["identity"].to_list()) for rule in rules
    }
    unjudged = dict(judgement.not_judged.group_by("rule_id").agg(pl.col("count").sum()).iter_rows())
    found = [
        Selectivity(rule.id, frames[rule.scope].height, len(flagged[rule.id]), unjudged.get(rule.id, 0))
        for rule in rules
        if rule.scope in frames
    ]
    problems = [problem for rule in rules for problem in _unavailable(rule, frames)]
    by_id = {rule.id: rule for rule in rules}
    for item in found:
        if item.share is not None and item.share > TOO_OFTEN and item.fired >= _FEW:
            what = f"flags {item.share:.1%} of the sample market's rows ({item.fired:,} of {item.rows:,})"
            problems.append(_problem(by_id[item.rule_id], "fires-too-often", what, "raise its thresholds"))
    return found, [*problems, *_alike(rules, flagged)]


def _unavailable(rule: Rule, frames: Mapping[str, pl.DataFrame]) -> list[Problem]:
    missing = []
    for use in rule.fields:
        frame = frames.get(use.qualifier or rule.scope)
        if frame is None or use.field.name not in frame.columns or frame[use.field.name].null_count() == frame.height:
            missing.append(use.column)
    mend = "see `scanner rules fields` for what it needs that a few weeks of quiet sessions may not have"
    what = "is null in every row of the sample market"
    return [_problem(rule, "field-not-available", f"{name} {what}", mend) for name in missing]


def _alike(rules: Sequence[Rule], flagged: Mapping[str, set[str]]) -> list[Problem]:
    found = []
    for first, second in combinations(rules, 2):
        one, other = flagged[first.id], flagged[second.id]
        if first.scope == second.scope and len(one & other) >= max(_FEW, _ALIKE * len(one | other)):
            what = f"flags the same rows as {second.id} ({len(one & other):,} of {len(one | other):,})"
            found.append(_problem(first, "same-rows", what, "keep one of them"))
    return found


def _problem(rule: Rule, code: str, message: str, mend: str) -> Problem:
    return Problem(rule.path, rule.places.get("id", START), rule.id, code, message, mend, REASONS[code][0])
