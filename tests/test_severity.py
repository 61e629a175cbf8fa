"""How much an alert matters is declared once: rules, alerts, configuration and command line have the same words."""

from __future__ import annotations

from pathlib import Path

import pytest

from scanner import ruleset, shipped
from scanner.alerts.model import Alert
from scanner.cli import options
from scanner.config import TerminalOutput
from scanner.ruleset.schema import rule_schema
from scanner.severity import Severity

PACKAGE = Path(__file__).parents[1] / "scanner"


def test_severities_rank_from_the_mildest() -> None:
    assert [severity.value for severity in Severity] == ["info", "notice", "high", "critical"]
    assert [severity.rank for severity in Severity] == [0, 1, 2, 3]


def test_the_words_stand_in_one_module() -> None:
    naming = {path.name for path in PACKAGE.rglob("*.py") if '"critical"' in path.read_text("utf-8")}
    assert naming == {"severity.py"}


def test_rules_alerts_configuration_and_command_line_have_the_very_class() -> None:
    assert all(type(rule.severity) is Severity for rule in ruleset.load([shipped.shipped_rules()]).rules)
    assert Alert.__dataclass_fields__["severity"].type == "Severity"
    assert TerminalOutput().min_severity is Severity.notice
    assert Severity in options.MinSeverity.__args__[0].__args__
    assert rule_schema()["oneOf"][0]["properties"]["severity"] == {"enum": ["info", "notice", "high", "critical"]}


@pytest.mark.parametrize("named", ["High", "hgh"])
def test_a_rule_of_another_severity_is_an_error_that_says_which_there_are(tmp_path: Path, named: str) -> None:
    (tmp_path / "a.yaml").write_text(
        f"{{id: a, title: A, status: stable, scope: contract, severity: {named}, why: to test, when: volume > 5,"
        " message: m}",
        "utf-8",
    )
    (problem,) = ruleset.load([tmp_path]).problems
    assert f"severity cannot be '{named}'" in problem.message
    assert "high" in problem.mend
