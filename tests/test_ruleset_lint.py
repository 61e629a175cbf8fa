"""Lint: each smell has a rule that smells of it, with the exact findings, and a like rule that does not."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import jsonschema
import polars as pl
import pytest
import yaml

from scanner import ruleset
from scanner.ruleset import lint
from scanner.ruleset.reasons import REASONS
from scanner.ruleset.sarif import to_sarif
from scanner.ruleset.smells import SMELLS, find_smells

SHIPPED = Path(__file__).parents[1] / "rules"
RULE = """\
id: a-rule
title: A rule
status: stable
scope: {scope}
severity: high
why: to test
when: {when}
message: "{message}"
{more}
"""


def rule(when: str, scope: str = "contract", message: str = "{underlying}", more: str = "") -> ruleset.Rule:
    """One rule from its condition, written to nowhere."""
    from scanner import document
    from scanner.ruleset.problems import Reporter
    from scanner.ruleset.reader import Shared, read_rule

    table = document.parse(RULE.format(when=when, scope=scope, message=message, more=more))
    assert isinstance(table, document.Table)
    reporter = Reporter(Path("a-rule.yaml"), "a-rule")
    found = read_rule(table, Shared(), reporter)
    assert found is not None, reporter.problems
    return found


def codes(found: ruleset.Rule) -> list[str]:
    return sorted(problem.code for problem in find_smells(found))


SMELLY = [
    # condition, scope, what must be found
    ("volume >= 500 and volume >= 1000", "contract", ["implied-condition"]),
    ("{all: [volume >= 500, iv > 0.2, {all: [volume > 500]}]}", "contract", ["implied-condition"]),
    ("volume > 1000 or volume > 500", "contract", ["implied-condition"]),
    ("iv > 0.2 and iv > 0.2", "contract", ["implied-condition"]),
    ("1 <= dte <= 21 and dte >= 1", "contract", ["implied-condition"]),
    ("volume > 5 and 1 < 2", "contract", ["constant-condition"]),
    ("volume > 5 and True", "contract", ["constant-condition"]),
    ("volume >= volume", "contract", ["constant-condition"]),
    ("dte > 21 and dte < 7", "contract", ["constant-condition"]),
    ("right == 'C' and volume_oi >= 1.25", "contract", ["ratio-without-floor"]),
    ("put_call_volume > 2", "underlying", ["ratio-without-floor"]),
    ("volume / open_interest > 2", "contract", ["ratio-without-floor"]),
    ("volume / max(open_interest, 1) > 2", "contract", ["invented-baseline", "ratio-without-floor"]),
    ("volume > 3 * max(volume_avg_20, 100)", "contract", ["invented-baseline"]),
    ("volume > 3 * max(volume_avg_20, 0.2 * volume)", "contract", ["invented-baseline"]),
    ("call_volume > 0.2 * market.call_volume", "underlying", ["compares-names"]),
    ("volume / underlying.call_volume > 3 * market.put_volume / market.call_volume", "contract",
     ["compares-names", "compares-names", "ratio-without-floor", "ratio-without-floor"]),
    ("strike_volume_share >= 15", "contract", ["threshold-out-of-range"]),
    ("volume >= 0", "contract", ["threshold-out-of-range"]),
    ("iv > 42", "contract", ["threshold-out-of-range"]),
    ("delta < -1.5", "contract", ["threshold-out-of-range"]),
    ("5 <= expected_move_pct", "expiry", ["threshold-out-of-range"]),
]  # fmt: skip


@pytest.mark.parametrize(("when", "scope", "expected"), SMELLY)
def test_a_smell_is_found(when: str, scope: str, expected: list[str]) -> None:
    assert codes(rule(when, scope)) == expected


PERCENT = [
    # condition, scope, what was meant
    ("expected_move_pct >= 5", "expiry", ["0.05"]),
    ("5 <= expected_move_pct", "expiry", ["0.05"]),
    ("expected_move_pct >= 1.5", "expiry", ["0.015"]),
    ("0.02 < expected_move_pct < 15", "expiry", ["0.15"]),
    ("2 < otm_pct < 15", "contract", ["0.02", "0.15"]),
    ("2 < strike_volume_share < 15", "contract", ["0.02", "0.15"]),
    ("otm_pct < -5", "contract", ["-0.05"]),
    ("spread_pct <= 25", "contract", ["0.25"]),
    ("spread_pct <= 1.5", "contract", ["0.015"]),
    ("strike_volume_share >= 15", "contract", ["0.15"]),
    ("strike_volume_share <= 15", "contract", ["0.15"]),
    ("spot_change <= -3", "underlying", ["-0.03"]),
    ("earnings_implied_move_pct > 8", "underlying", ["0.08"]),
    ("earnings_average_move_pct > 8", "underlying", ["0.08"]),
    ("underlying.expected_move_pct > 8", "contract", ["0.08"]),
    ("abs(spot_change) >= 4", "underlying", ["0.04"]),
    ("-otm_pct > 5", "contract", ["-0.05"]),
    ("2 * expected_move_pct > 10", "expiry", ["0.05"]),
    ("expected_move_pct - 1 > 4", "expiry", ["0.05"]),
    ("expected_move_pct / 2 > 10 / 4", "expiry", ["0.05"]),
    ("(volume_share + oi_share) / 2 > 30", "expiry", ["0.3"]),
    ("earnings_implied_move_pct - earnings_average_move_pct > 4", "underlying", ["0.02"]),
    ("max(expected_move_pct, 0.02) >= 5", "expiry", ["0.05"]),
    ("expected_move_pct >= max(5, underlying.expected_move_pct)", "expiry", ["0.05", "0.05"]),
    ("min(otm_pct, 20) >= 0.1", "contract", ["0.2"]),
    ("dte < 7 or not (expected_move_pct < 5)", "expiry", ["0.05"]),
    ("expected_move_pct in [5, 10]", "expiry", ["0.05", "0.1"]),
]


@pytest.mark.parametrize(("when", "scope", "meant"), PERCENT)
def test_percent_of_a_fraction_is_found_wherever_it_stands_and_what_was_meant_is_said(
    when: str, scope: str, meant: list[str]
) -> None:
    found = [problem for problem in find_smells(rule(when, scope)) if problem.code == "threshold-out-of-range"]
    assert [problem.mend for problem in found] == [
        f"write fractions, not percent: did you mean {value}?" for value in meant
    ]


@pytest.mark.parametrize(
    ("when", "scope", "more"),
    [
        ("expected_move_pct >= least", "expiry", "let: {least: 5}"),
        ("move >= 5", "expiry", "let: {move: expected_move_pct}"),
        ("move >= 10", "expiry", "let: {half: 0.5, move: expected_move_pct / half}"),
        ("call_volume >= 500", "expiry", "drivers: {where: otm_pct >= 5}"),
    ],
)
def test_percent_of_a_fraction_is_found_behind_names_and_in_what_is_said_of_drivers(
    when: str, scope: str, more: str
) -> None:
    (found,) = [item for item in find_smells(rule(when, scope, more=more)) if item.code == "threshold-out-of-range"]
    assert found.mend == "write fractions, not percent: did you mean 0.05?"


def test_percent_of_a_fraction_is_found_in_a_macro(tmp_path: Path) -> None:
    (tmp_path / "macros.yaml").write_text("conditions:\n  moves: expected_move_pct >= 5\n")
    (tmp_path / "a-rule.yaml").write_text(RULE.format(when="moves", scope="expiry", message="{root}", more=""))
    assert "threshold-out-of-range" in [problem.code for problem in lint.check(ruleset.load([tmp_path]))]


CLEAN = [
    ("expected_move_pct >= 0.05", "expiry"),
    ("expected_move_pct >= 1", "expiry"),
    ("100 * expected_move_pct >= 5", "expiry"),
    ("underlying.expected_move_pct * strike >= 5", "contract"),
    (
        "underlying.earnings_average_move_pct >= 0.05 and expected_move_pct > 3 * underlying.earnings_average_move_pct",
        "expiry",
    ),
    ("strike_volume_share > 0.1 + 2 * otm_pct", "contract"),
    ("volume >= 500 and open_interest >= 100 and volume_oi >= 1.25", "contract"),
    ("volume >= 500 or iv > 0.5", "contract"),
    ("call_volume >= 1000 and put_call_volume > 2", "underlying"),
    ("call_volume + put_volume >= 1000 and volume_ratio_5 >= 2", "underlying"),
    ("volume >= 1000 and volume_ratio_5 >= 2", "underlying"),
    ("call_premium >= 100000 and put_call_premium > 3", "underlying"),
    (
        "call_volume >= 1000 and market.call_volume >= 1000 and put_call_volume / market.put_call_volume > 2",
        "underlying",
    ),
    ("open_interest >= 100 and volume / open_interest > 2", "contract"),
    ("volume > 3 * volume_avg_20 and volume_avg_20 >= 20", "contract"),
    ("max(iv_bid, iv_ask) > 0.2", "contract"),
    ("underlying.iv30 > 0.2 and market.put_call_volume > 1 and market.call_volume >= 1000", "contract"),
    ("market.put_volume > 2 * market.call_volume", "underlying"),
    ("dte > 7 and dte < 21", "contract"),
    ("dte > 21 or dte < 7", "contract"),
    ("dte >= 0.5 and strike_volume_share >= 0.15", "contract"),
]


@pytest.mark.parametrize(("when", "scope"), CLEAN)
def test_a_sound_rule_has_no_smell(when: str, scope: str) -> None:
    assert [str(problem) for problem in find_smells(rule(when, scope)) if problem.level != "note"] == []


@pytest.mark.parametrize(
    ("scope", "identity", "expected"),
    [
        ("contract", "[contract, volume]", ["unstable-identity"]),
        ("ladder", "[root, expiry, first_strike]", ["unstable-identity"]),
        ("ladder", "[root, expiry, right]", []),
        ("strike", "[root, expiry, strike]", []),
    ],
)
def test_an_identity_must_not_change_from_scan_to_scan(scope: str, identity: str, expected: list[str]) -> None:
    when = "volume >= 500" if scope in ("contract", "ladder") else "call_volume >= 500"
    assert codes(rule(when, scope, more=f"identity: {identity}")) == expected


@pytest.mark.parametrize(
    ("when", "message", "expected"),
    [
        ("volume >= 500", "{contract} {iv:.1%}", ["message-names-missing"]),
        ("volume >= 500 and iv > 0.2", "{contract} {iv:.1%}", []),
        ("volume >= 500 and (iv > 0.2 or dte < 3)", "{contract} {iv:.1%}", ["message-names-missing"]),
        ("volume >= 500 and (iv > 0.9 or iv < 0.1)", "{contract} {iv:.1%}", []),
        ("volume_surprise > 4", "{volume_expected:,.0f} {volume_multiple:.1f}", []),
    ],
)
def test_a_message_must_not_name_what_may_be_missing(when: str, message: str, expected: list[str]) -> None:
    assert codes(rule(when, message=message)) == expected


def test_three_classic_bad_rules_of_other_scanners_are_caught() -> None:
    """A signal that its own gate implies; a baseline invented where there is none; size compared across tickers."""
    gate_is_signal = "{all: [premium >= 25000, volume >= 100, premium >= 10000]}"
    invented = "volume >= 500 and volume > 3 * max(volume_avg_20, 100)"
    across = "call_volume > 0.05 * market.call_volume"
    assert codes(rule(gate_is_signal)) == ["implied-condition"]
    assert codes(rule(invented)) == ["invented-baseline"]
    assert codes(rule(across, "underlying")) == ["compares-names"]


def test_every_smell_has_a_rule_that_smells_of_it() -> None:
    shown = {code for *_, expected in SMELLY for code in expected} | {"unstable-identity", "message-names-missing"}
    assert shown == {smell.code for smell in SMELLS}


def sample(flagged: int, rows: int = 1000) -> dict[str, pl.DataFrame]:
    volume = [900] * flagged + [1] * (rows - flagged)
    names = {"underlying": ["GOOG"] * rows, "contract": [str(number) for number in range(rows)]}
    return {
        "contract": pl.DataFrame({**names, "volume": volume, "iv": [None] * rows}, schema_overrides={"iv": pl.Float64})
    }


@pytest.mark.parametrize(("flagged", "expected"), [(10, []), (11, ["fires-too-often"])])
def test_a_rule_that_flags_more_than_one_percent_says_nothing(flagged: int, expected: list[str]) -> None:
    (measured,), problems = lint.measure([rule("volume > 500")], sample(flagged))
    assert (measured.rows, measured.fired, measured.not_judged) == (1000, flagged, 0)
    assert [problem.code for problem in problems] == expected


def test_fields_that_the_source_never_fills_are_named() -> None:
    _, problems = lint.measure([rule("volume > 500 and iv > 0.2 and delta > 0.1")], sample(5))
    assert [problem.message for problem in problems] == [
        "iv is null in every row of the sample market",
        "delta is null in every row of the sample market",
    ]


def test_two_rules_that_flag_the_same_rows_are_named(tmp_path: Path) -> None:
    for name in ("a-rule", "b-rule"):
        text = RULE.format(when="volume > 500", scope="contract", message="{contract}", more="")
        (tmp_path / f"{name}.yaml").write_text(text.replace("id: a-rule", f"id: {name}"))
    _, problems = lint.measure(ruleset.load([tmp_path]).rules, sample(8))
    assert [str(problem.message) for problem in problems] == ["flags the same rows as b-rule (8 of 8)"]


TESTS = "cases:\n  {name}:\n    rows: {{GOOG250912C00235000: {{volume: {volume}}}}}\n    {expect}\n"


@pytest.mark.parametrize(
    ("tests", "expected"),
    [
        (None, ["no-tests"]),
        (TESTS.format(name="fires", volume=900, expect="expect: [{}]"), ["no-quiet-case"]),
        (TESTS.format(name="quiet", volume=9, expect=""), ["no-firing-case"]),
    ],
)
def test_missing_tests_are_named(tmp_path: Path, tests: str | None, expected: list[str]) -> None:
    (tmp_path / "a-rule.yaml").write_text(
        RULE.format(when="volume > 500", scope="contract", message="{contract}", more="")
    )
    if tests is not None:
        (tmp_path / "a-rule.test.yaml").write_text(tests)
    assert [problem.code for problem in lint.check(ruleset.load([tmp_path]))] == expected


def test_the_shipped_pack_has_neither_errors_nor_warnings() -> None:
    found = Counter(problem.level for problem in lint.check(ruleset.load([SHIPPED])))
    assert (found["error"], found["warning"]) == (0, 0)


def test_sarif_points_at_the_line() -> None:
    found = find_smells(rule("volume >= 0"))
    document = json.loads(json.dumps(to_sarif(found, REASONS, "1.0")))
    (run,) = document["runs"]
    (result,) = run["results"]
    assert (document["version"], result["ruleId"], result["level"]) == ("2.1.0", "threshold-out-of-range", "warning")
    place = result["locations"][0]["physicalLocation"]
    assert place == {"artifactLocation": {"uri": "a-rule.yaml"}, "region": {"startLine": 7, "startColumn": 1}}
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"]


def test_the_schema_accepts_every_shipped_rule_and_refuses_a_typo() -> None:
    validator = jsonschema.Draft202012Validator(json.loads((SHIPPED / "rule.schema.json").read_text()))
    validator.check_schema(validator.schema)
    files = [
        path for path in SHIPPED.rglob("*.yaml") if not path.name.endswith(".test.yaml") and path.name != "macros.yaml"
    ]
    documents = [yaml.safe_load(path.read_text()) for path in files]
    assert len(documents) > 25
    assert [list(validator.iter_errors(document)) for document in documents] == [[]] * len(documents)
    assert not validator.is_valid({**documents[0], "severty": "high"})
    assert not validator.is_valid({**documents[0], "scope": "chain"})
