"""``scanner rules``: what it prints, and what it ends with."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from commands import Commands

from scanner.app import rulebook, sample

RULE = """\
id: a-rule
title: A rule
status: stable
scope: contract
severity: high
why: to test
when: [volume >= 500, iv > 0.2]
message: "{contract}: {volume:,}"
false_positives: [none]
"""
TESTS = """\
cases:
  fires:
    rows: {GOOG250912C00235000: {volume: 900, iv: 0.3}}
    expect: [{}]
  stays quiet:
    rows: {GOOG250912C00235000: {volume: 9 900, iv: 0.3 0.1}}
"""


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Commands:
    monkeypatch.chdir(tmp_path)
    return Commands(monkeypatch, capsys)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of one good rule with its tests."""
    where = tmp_path / "own"
    where.mkdir()
    (where / "a-rule.yaml").write_text(RULE)
    (where / "a-rule.test.yaml").write_text(TESTS)
    return where


def test_list_shows_the_shipped_rules_without_any_option(commands: Commands) -> None:
    ran = commands("rules", "list", "--format", "json")
    rules = json.loads(ran.out)["rules"]
    assert ran.code == 0
    assert {"call-buildup-at-one-strike", "put-buildup-at-one-strike", "iv-lift"} <= {rule["id"] for rule in rules}


def test_list_names_a_broken_rule_and_ends_with_1(commands: Commands, folder: Path) -> None:
    (folder / "broken.yaml").write_text(RULE.replace("a-rule", "broken").replace("volume >=", "volum >="))
    ran = commands("rules", "list", "--rules", folder)
    assert ran.code == 1
    assert "a-rule" in ran.out
    assert "broken.yaml:7:8: broken: unknown field 'volum'; did you mean volume?" in ran.err
    assert commands("rules", "list", "--rules", folder, "--strict").code == 2


def test_list_ends_with_2_where_there_is_no_rule(commands: Commands, tmp_path: Path) -> None:
    ran = commands("rules", "list", "--rules", tmp_path / "absent")
    assert ran.code == 2
    assert "no such file or folder" in ran.err


def test_filters_and_overrides_of_ones_own_go_beside_the_shipped_rules(commands: Commands, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    (mine / "filters").mkdir(parents=True)
    (mine / "filters" / "known.yaml").write_text("rules: [iv-lift]\nwhen: underlying == 'GME'\nwhy: always\n")
    (mine / "overrides.yaml").write_text("overrides: [{rules: [iv-crush], set: {severity: high}}]\n")
    ran = commands("rules", "list", "--rules", "shipped", "--rules", mine, "--format", "json")
    rules = {rule["id"]: rule for rule in json.loads(ran.out)["rules"]}
    assert (ran.code, ran.err) == (0, "")
    assert rules["iv-crush"]["severity"] == "high"
    said = commands("rules", "explain", "iv-lift", "--rules", "shipped", "--rules", mine).out
    assert "Left out by the filter known: always" in said


def test_check_passes_a_sound_rule(commands: Commands, folder: Path) -> None:
    ran = commands("rules", "check", "--no-sample", "--rules", folder)
    assert ran.code == 0
    assert "1 rule: 0 errors, 0 warnings, 0 notes" in ran.out


def test_check_ends_with_2_on_an_error_and_says_the_place(commands: Commands, folder: Path) -> None:
    (folder / "a-rule.yaml").write_text(RULE.replace("iv > 0.2", "iv > volume"))
    ran = commands("rules", "check", "--no-sample", "--rules", folder, "--format", "json")
    (problem,) = json.loads(ran.out)["problems"]
    assert ran.code == 2
    assert (problem["line"], problem["column"], problem["code"], problem["level"]) == (7, 23, "type", "error")


@pytest.mark.parametrize(("strict", "code"), [((), 0), (("--strict",), 2)])
def test_check_takes_warnings_for_errors_only_when_strict(
    commands: Commands, folder: Path, strict: tuple[str, ...], code: int
) -> None:
    (folder / "a-rule.yaml").write_text(RULE.replace("iv > 0.2", "iv > 20"))
    ran = commands("rules", "check", "--no-sample", "--rules", folder, *strict)
    assert ran.code == code
    assert "iv lies between 0 and 20" in ran.out


def test_check_writes_sarif(commands: Commands, folder: Path) -> None:
    (folder / "a-rule.yaml").write_text(RULE.replace("volume >= 500", "volume >= 0"))
    ran = commands("rules", "check", "--no-sample", "--rules", folder, "--format", "sarif")
    results = json.loads(ran.out)["runs"][0]["results"]
    assert [result["ruleId"] for result in results] == ["threshold-out-of-range"]


def test_check_prints_how_often_rules_fire_on_the_sample(
    commands: Commands, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Twenty of a thousand rows is two percent, which is twice too often."""
    rows = {"underlying": ["GOOG"] * 1000, "contract": [str(number) for number in range(1000)], "iv": [0.3] * 1000}
    frame = pl.DataFrame({**rows, "volume": [900] * 20 + [1] * 980})
    monkeypatch.setattr(sample, "frames", lambda: {"contract": frame})
    ran = commands("rules", "check", "--rules", folder)
    assert "SIMULATED" in ran.err
    assert "flags 2.0% of the sample market's rows (20 of 1,000)" in ran.out
    assert "2.000%" in ran.out


def test_test_runs_the_cases_beside_the_rules(commands: Commands, folder: Path) -> None:
    ran = commands("rules", "test", "--rules", folder)
    assert ran.code == 0
    assert "passed  a-rule  2 cases" in ran.out


def test_test_ends_with_2_and_shows_the_difference(commands: Commands, folder: Path) -> None:
    (folder / "a-rule.test.yaml").write_text(TESTS.replace("volume: 900,", "volume: 90,"))
    ran = commands("rules", "test", "--rules", folder)
    assert ran.code == 2
    assert "fires: session 1: expected GOOG250912C00235000 to fire, and it stayed quiet" in ran.out


def test_explain_says_in_words_what_a_rule_does(commands: Commands, folder: Path) -> None:
    ran = commands("rules", "explain", "a-rule", "--rules", folder)
    assert ran.code == 0
    assert "volume is at least 500" in ran.out
    assert "iv is more than 0.2" in ran.out
    assert "implied volatility of the mid" in ran.out


def test_explain_on_a_symbol_shows_why_the_nearest_rows_did_not_fire(
    commands: Commands, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pl.DataFrame(
        {"underlying": ["GOOG"] * 3, "contract": ["a", "b", "c"], "volume": [900, 900, 9], "iv": [0.1, None, 0.1]}
    )
    monkeypatch.setattr(rulebook, "_frames_of", lambda *_, **__: {"contract": frame})
    ran = commands("rules", "explain", "a-rule", "--rules", folder, "--on", "goog", "--format", "json", "--limit", "2")
    rows = json.loads(ran.out)["rows"]
    assert [(row["identity"], row["verdict"]) for row in rows] == [("a", "false"), ("b", "unknown")]
    assert rows[1]["conditions"] == [
        {"condition": "volume >= 500", "values": {"volume": 900}, "verdict": "true"},
        {"condition": "iv > 0.2", "values": {"iv": None}, "verdict": "unknown"},
    ]


def test_explain_names_the_nearest_rule(commands: Commands, folder: Path) -> None:
    ran = commands("rules", "explain", "a-rul", "--rules", folder)
    assert ran.code == 2
    assert "there is no rule 'a-rul'; did you mean a-rule?" in ran.err


def test_fields_are_listed_by_scope(commands: Commands) -> None:
    ran = commands("rules", "fields", "--scope", "strike", "--format", "json")
    rows = json.loads(ran.out)["fields"]
    assert {row["scope"] for row in rows} == {"strike"}
    assert next(row for row in rows if row["field"] == "volume_surprise")["calibrated"] is True
    assert commands("rules", "fields", "--scope", "strik").code == 2
    told = {row["field"]: row for row in json.loads(commands("rules", "fields", "--format", "json").out)["fields"]}
    assert (told["open_interest"]["kind"], told["put_call_volume"]["denominator"]) == ("integer", ["call_volume"])
    assert (told["vendor_iv"]["from_chain"], told["iv30"]["remembered"], told["iv30"]["from_chain"]) == (
        True,
        True,
        False,
    )
    assert (told["parity_spot"]["on_split"], told["back_volume"]["on_split"]) == ("price", "contracts")


def test_the_field_dictionary_stands_by_scope_with_what_a_missing_value_means(commands: Commands) -> None:
    shown = commands("rules", "fields", "--scope", "underlying").out
    assert shown.split()[:4] == ["underlying", "field", "unit", "meaning"]
    assert "; missing: " in " ".join(shown.split())
    assert all(len(line) <= 80 for line in shown.splitlines())


def test_new_writes_two_files_that_check_and_test_and_never_overwrites(commands: Commands, tmp_path: Path) -> None:
    ran = commands("rules", "new", "my-rule", "--folder", tmp_path / "mine")
    assert ran.code == 0
    assert ran.out.splitlines() == [str(tmp_path / "mine" / name) for name in ("my-rule.yaml", "my-rule.test.yaml")]
    assert commands("rules", "test", "--rules", tmp_path / "mine").code == 0
    assert commands("rules", "new", "my-rule", "--folder", tmp_path / "mine").code == 2
    assert commands("rules", "new", "My Rule", "--folder", tmp_path / "mine").code == 2


def test_rules_that_are_not_there_are_named_without_a_line_or_a_rule_of_theirs(commands: Commands) -> None:
    ran = commands("rules", "check", "--rules", "nope")
    assert ran.code == 2
    assert ran.out.splitlines()[0] == "error: nope: no such file or folder; check --rules [missing]"
    (problem,) = json.loads(commands("rules", "check", "--rules", "nope", "--format", "json").out)["problems"]
    assert problem["rule_id"] is None
