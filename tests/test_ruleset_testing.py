"""The tester of rules: what passes, what fails and in which words. A tester that cannot fail proves nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanner import fields, ruleset
from scanner.ruleset.series import SeriesError, parse_series
from scanner.ruleset.skeleton import skeleton
from scanner.ruleset.testing import Report, run_tests

SHIPPED = Path(__file__).parents[1] / "rules"
RULE = """\
id: a-rule
title: A rule
status: stable
scope: contract
severity: high
why: to test
when: [volume >= 500, iv > 0.2]
for: {hold} scans
message: "{{contract}}: {{volume:,}}"
"""
ROW = "GOOG250912C00235000"


def report(folder: Path, cases: str, hold: int = 1) -> Report:
    """The report on one rule with the given cases."""
    (folder / "a-rule.yaml").write_text(RULE.format(hold=hold))
    (folder / "a-rule.test.yaml").write_text(cases)
    (rule,) = ruleset.load([folder]).rules
    return run_tests(rule)


def case(values: str, expected: str = "") -> str:
    return f"cases:\n  a case:\n    rows:\n      {ROW}: {{{values}}}\n    {expected}\n"


PASSING = [
    ("volume: 900, iv: 0.3", "expect: [{}]"),
    (
        "volume: 900, iv: 0.3",
        f"expect: [{{row: {ROW}, severity: high, evidence: {{volume: 900}}, message: '{ROW}: 900'}}]",
    ),
    ("volume: 9x2 900, iv: 0.3", "expect: [{on: 3}]"),
    ("volume: 400+50x4, iv: 0.3", "expect: [{on: 3}, {on: 4}]"),
    ("volume: 9, iv: _", ""),
    ("volume: 900, iv: _", "not_judged: [{underlying: GOOG, reasons: [no value for iv], count: 1}]"),
    ("volume: stale, iv: 0.3", "not_judged: [{reasons: ['volume: stale']}]"),
]


@pytest.mark.parametrize(("values", "expected"), PASSING)
def test_a_true_expectation_passes(tmp_path: Path, values: str, expected: str) -> None:
    found = report(tmp_path, case(values, expected))
    assert [failure for result in found.results for failure in result.failures] == []
    assert found.passed


FAILING = [
    ("volume: 900, iv: 0.3", "", "fired and was not expected: GOOG250912C00235000: 900"),
    ("volume: 9, iv: 0.3", "expect: [{}]", f"expected {ROW} to fire, and it stayed quiet"),
    ("volume: 900 9, iv: 0.3", "expect: [{on: 2}]", "session 1: GOOG250912C00235000 fired and was not expected"),
    ("volume: 900, iv: 0.3", "expect: [{severity: notice}]", "severity: expected 'notice', found 'high'"),
    ("volume: 900, iv: 0.3", "expect: [{evidence: {volume: 901}}]", "evidence volume: expected 901, found 900"),
    ("volume: 900, iv: 0.3", "expect: [{evidence: {delta: 0.5}}]", "evidence delta: expected 0.5, found None"),
    ("volume: 900, iv: 0.3", "expect: [{message: other}]", "message: expected 'other', found"),
    ("volume: 900, iv: _", "", "GOOG not judged and not expected: no value for iv"),
    ("volume: 900, iv: _", "not_judged: [{reasons: [no value for delta]}]", "found: no value for iv"),
    ("volume: 9, iv: 0.3", "not_judged: [{}]", "found: everything was judged"),
    ("volume: 9x3, iv: 0.3x2", "", "its series differ in length"),
]


@pytest.mark.parametrize(("values", "expected", "words"), FAILING)
def test_a_false_expectation_fails_and_says_how(tmp_path: Path, values: str, expected: str, words: str) -> None:
    found = report(tmp_path, case(values, expected))
    failures = [failure for result in found.results for failure in result.failures]
    assert not found.passed
    assert any(words in failure for failure in failures), failures


def test_a_rule_must_hold_for_as_many_scans_as_it_says(tmp_path: Path) -> None:
    assert report(tmp_path, case("volume: 900 9 900 900 900, iv: 0.3", "expect: [{on: 4}, {on: 5}]"), hold=2).passed


BROKEN = [
    ("cases: {a case: {rows: {GOOG: {volume: 1}}}}", "'GOOG' is not a contract"),
    (f"cases: {{a case: {{rows: {{{ROW}: {{volum: 1}}}}}}}}", "unknown field contract.volum; did you mean volume?"),
    (f"cases: {{a case: {{rows: {{{ROW}: {{volume: many}}}}}}}}", "'many' is not a value for volume"),
    (f"cases: {{a case: {{row: {{{ROW}: {{volume: 1}}}}}}}}", "unknown key 'row'; did you mean rows?"),
    ("cases: [1]", "cases must be a mapping"),
    ("cases: {a case: 1}", "must be a mapping"),
    ("case: {}", "unknown key 'case'; did you mean cases?"),
    ("- 1", "must hold a mapping"),
    ("a: [", "not valid YAML"),
]


@pytest.mark.parametrize(("text", "words"), BROKEN)
def test_a_broken_test_file_is_named_with_its_place(tmp_path: Path, text: str, words: str) -> None:
    found = report(tmp_path, text)
    assert not found.passed
    assert any(words in str(problem) and "a-rule.test.yaml:1:" in str(problem) for problem in found.problems)


def test_conditions_that_no_case_turns_are_named(tmp_path: Path) -> None:
    assert report(tmp_path, case("volume: 9 900, iv: 0.3", "expect: [{}]")).unturned == ("iv > 0.2 is never false",)


@pytest.mark.parametrize(
    ("text", "name", "values"),
    [
        ("120", "volume", (120,)),
        ("120x3 48210", "volume", (120, 120, 120, 48210)),
        ("100+50x3", "volume", (100, 150, 200)),
        ("9-2.5x3", "iv", (9.0, 6.5, 4.0)),
        ("_ 5 _x2", "volume", (None, 5, None, None)),
        ("true falsex2", "otm", (True, False, False)),
        ("-0.12", "iv_change", (-0.12,)),
        ("1e6", "premium", (1_000_000.0,)),
        ("two words", "source", ("two words",)),
    ],
)
def test_the_shorthand_for_series(text: str, name: str, values: tuple[object, ...]) -> None:
    assert parse_series(text, fields.of("contract")[name]).values == values


@pytest.mark.parametrize("text", ["", "x3", "5x99", "1..2", "true", "2025-09-04"])
def test_what_is_not_a_series_is_refused(text: str) -> None:
    with pytest.raises(SeriesError):
        parse_series(text, fields.of("contract")["volume"])


@pytest.mark.parametrize("rule", ruleset.load([SHIPPED]).rules, ids=lambda rule: rule.id)
def test_a_shipped_rule_passes_its_tests_and_they_turn_every_condition(rule: ruleset.Rule) -> None:
    found = run_tests(rule)
    assert [str(problem) for problem in found.problems] == []
    assert [failure for result in found.results for failure in result.failures] == []
    assert found.unturned == ()
    assert rule.false_positives


@pytest.mark.parametrize("scope", fields.SCOPES)
def test_the_skeleton_of_a_rule_loads_and_passes_its_tests(tmp_path: Path, scope: str) -> None:
    rule_text, test_text = skeleton("my-rule", scope, "file:///schema.json")
    (tmp_path / "my-rule.yaml").write_text(rule_text)
    (tmp_path / "my-rule.test.yaml").write_text(test_text)
    loaded = ruleset.load([tmp_path])
    assert loaded.problems == ()
    assert run_tests(loaded.rules[0]).passed
