"""The references made from the field dictionary and the rules are fresh, and name everything there is."""

from __future__ import annotations

import json
from pathlib import Path

from scanner import fields, ruleset
from scanner.ruleset import reference
from scanner.ruleset.reasons import REASONS
from scanner.ruleset.schema import rule_schema

ROOT = Path(__file__).parents[1]
MEND = "run `python tools/write_docs.py`"


def test_the_page_of_fields_is_fresh_and_names_every_field() -> None:
    page = (ROOT / "docs" / "fields.md").read_text("utf-8")
    assert page == reference.fields_page(), MEND
    assert [field.name for field in fields.FIELDS if f"| `{field.name}` |" not in page] == []


def test_the_page_of_rules_is_fresh_and_names_every_rule_and_smell() -> None:
    rules = ruleset.load([ROOT / "rules"]).rules
    page = (ROOT / "docs" / "rules.md").read_text("utf-8")
    assert page == reference.rules_page(rules), MEND
    assert [rule.id for rule in rules if f"### {rule.id}\n" not in page] == []
    assert [code for code in REASONS if f"`{code}`" not in page] == []


def test_the_schema_of_rules_is_fresh() -> None:
    assert json.loads((ROOT / "rules" / "rule.schema.json").read_text("utf-8")) == rule_schema(), MEND
