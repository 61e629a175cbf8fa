"""Costly fields are asked of the rows that a rule looking at them may flag, and of no others."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from scanner import ruleset
from scanner.ruleset.asked import contracts_asked

RULE = """
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
ROWS = pl.DataFrame({"volume": [100, 500, None, 900], "iv_excess": [0.3, 0.2, 0.2, None]})


def asked(folder: Path, when: str, *, scope: str = "contract", message: str = "{underlying}", more: str = "") -> object:
    (folder / "a-rule.yaml").write_text(RULE.format(scope=scope, when=when, message=message, more=more))
    loaded = ruleset.load([folder])
    assert loaded.problems == ()
    return contracts_asked(loaded.rules, ROWS, ("iv_bid", "iv_ask")).to_list()


@pytest.mark.parametrize(
    ("when", "rows"),
    [
        ("volume >= 200 and iv_excess > iv_ask - iv_bid", [False, True, True, True]),
        ("volume > 200 and iv_bid > 0.5 and iv_excess >= 0.25", [False, False, False, True]),
        ("iv_bid > 0.5", [True, True, True, True]),
        ("volume >= 200 or iv_bid > 0.5", [True, True, True, True]),
        ("volume >= 200 and iv > 0.5", [False, False, False, False]),
    ],
)
def test_a_row_below_a_floor_is_not_asked_and_one_where_it_is_unknown_is(
    tmp_path: Path, when: str, rows: list[bool]
) -> None:
    assert asked(tmp_path, when) == rows


def test_a_field_that_is_only_said_is_asked_too(tmp_path: Path) -> None:
    assert asked(tmp_path, "volume >= 200", message="{contract} {iv_ask:.1%}") == [False, True, True, True]


def test_a_field_of_the_contracts_that_a_wider_rule_names_is_asked_of_all(tmp_path: Path) -> None:
    drivers = "drivers: {where: iv_ask > 0.5, rank_by: volume, limit: 3}"
    assert asked(tmp_path, "volume >= 200", scope="underlying", more=drivers) == [True] * 4
