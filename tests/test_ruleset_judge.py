"""Judging: true is a finding, false is quiet, unknown is not judged and says which values were missing."""

from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from scanner import fields, ruleset
from scanner.fields import SCOPES
from scanner.fields.columns import dtype
from scanner.ruleset.judge import Judgement
from scanner.ruleset.judge import judge as judge_rules

RULE = """
id: {id}
title: A rule
status: stable
scope: {scope}
severity: high
why: to test
when: {when}
message: "{message}"
{more}
"""


@pytest.fixture
def judge(tmp_path: Path) -> Any:
    """Judge frames by one rule given as its condition; fails where the rule itself is broken."""

    def run(
        when: str,
        frames: dict[str, pl.DataFrame],
        reasons: pl.DataFrame | None = None,
        *,
        scope: str = "contract",
        message: str = "{underlying}",
        more: str = "",
    ) -> Judgement:
        text = RULE.format(id="a-rule", scope=scope, when=when, message=message, more=more)
        (tmp_path / "a-rule.yaml").write_text(text)
        loaded = ruleset.load([tmp_path])
        assert loaded.problems == ()
        return judge_rules(loaded.rules, frames, reasons)

    return run


def contracts(**columns: list[object]) -> pl.DataFrame:
    """Three GOOG calls of one expiry, with the given columns beside their keys."""
    strikes = [230.0, 235.0, 240.0]
    return pl.DataFrame(
        {
            "session_date": [datetime.date(2025, 9, 4)] * 3,
            "underlying": ["GOOG"] * 3,
            "root": ["GOOG"] * 3,
            "contract": [f"GOOG250912C00{strike:.0f}000" for strike in strikes],
            "expiry": [datetime.date(2025, 9, 12)] * 3,
            "strike": strikes,
            "right": pl.Series(["C"] * 3, dtype=pl.Enum(["C", "P"])),
            **columns,
        }
    )


def underlyings(**columns: object) -> pl.DataFrame:
    return pl.DataFrame({"underlying": ["GOOG"], **{name: [value] for name, value in columns.items()}})


def test_a_true_row_is_a_finding_with_identity_place_rank_evidence_and_sentence(judge: Any) -> None:
    frame = contracts(volume=[10, 48210, 499], open_interest=[5, 9000, 7], volume_expected=[1.0, 900.4, 2.0])
    judged = judge(
        "volume >= 500",
        {"contract": frame},
        message="{contract}: {volume:,} against {volume_expected:,.0f} at {strike:g} ({volume_multiple:.1f})",
        more="rank_by: volume / 10",
    )
    (finding,) = judged.findings.to_dicts()
    assert finding["rule_id"] == "a-rule"
    assert finding["identity"] == "GOOG250912C00235000"
    assert finding["expiry"] == datetime.date(2025, 9, 12)
    assert (finding["underlying"], finding["strike"], finding["right"]) == ("GOOG", 235.0, "C")
    assert finding["rank"] == 4821.0
    assert finding["evidence"] == {"volume": 48210, "open_interest": 9000, "volume_expected": 900.4}
    assert finding["message"] == "GOOG250912C00235000: 48,210 against 900 at 235 (n/a)"
    assert finding["calibrated"] is False
    assert judged.not_judged.is_empty()


def test_an_unknown_row_is_not_judged_and_names_only_what_decided(judge: Any) -> None:
    """In `a and (b or c)` with c true it is a that is missing, although b is missing too."""
    frame = contracts(volume=[None, 700, 10], iv=[None, 0.2, None], open_interest=[900, 900, 900])
    judged = judge("volume >= 500 and (iv > 0.5 or open_interest > 100)", {"contract": frame})
    assert judged.findings["contract"].to_list() == ["GOOG250912C00235000"]
    assert judged.not_judged.to_dicts() == [
        {"rule_id": "a-rule", "underlying": "GOOG", "reasons": ["no value for volume"], "count": 1}
    ]


def test_a_false_part_makes_a_row_quiet_whatever_is_missing(judge: Any) -> None:
    judged = judge("volume >= 500 and iv > 0.5", {"contract": contracts(volume=[1, 2, 3], iv=[None] * 3)})
    assert judged.findings.is_empty()
    assert judged.not_judged.is_empty()


def test_a_nan_is_missing_and_never_large(judge: Any) -> None:
    nan = float("nan")
    judged = judge("iv >= 0.05", {"contract": contracts(iv=[nan, nan, 0.3])})
    assert judged.findings["strike"].to_list() == [240.0]
    assert judged.not_judged["count"].to_list() == [2]


def test_a_field_without_a_column_is_missing_everywhere_and_the_source_is_named(judge: Any) -> None:
    judged = judge("iv >= 0.05 and underlying.iv30 > 1", {"contract": contracts()})
    (row,) = judged.not_judged.to_dicts()
    assert row["count"] == 3
    assert row["reasons"] == [
        "iv: field not available from this source",
        "underlying.iv30: field not available from this source",
    ]


def test_reasons_of_the_quality_gate_are_passed_on(judge: Any) -> None:
    reasons = pl.DataFrame({"underlying": ["GOOG"], "field": ["volume"], "reason": ["the chain is of yesterday"]})
    judged = judge("volume > 5", {"contract": contracts(volume=[None, 1, 2])}, reasons)
    assert judged.not_judged["reasons"].to_list() == [["volume: the chain is of yesterday"]]


def test_a_division_by_zero_is_unknown_and_says_so(judge: Any) -> None:
    judged = judge("volume / open_interest > 2", {"contract": contracts(volume=[9, 9, 0], open_interest=[3, 0, 0])})
    assert judged.findings["strike"].to_list() == [230.0]
    (row,) = judged.not_judged.to_dicts()
    assert row["count"] == 2
    assert row["reasons"][0].startswith("volume / open_interest > 2 has no result")


def test_too_little_history_is_not_judged_rather_than_quiet(judge: Any) -> None:
    frames = {"contract": contracts(volume=[900, 1, 1]), "underlying": underlyings(history_sessions=3)}
    judged = judge("volume > 500", frames, more="needs: {history_sessions: 10}")
    assert judged.findings.is_empty()
    (row,) = judged.not_judged.to_dicts()
    assert (row["reasons"], row["count"]) == (["building history: 3 of 10 sessions"], 3)


def test_enough_history_is_judged(judge: Any) -> None:
    frames = {"contract": contracts(volume=[900, 1, 1]), "underlying": underlyings(history_sessions=10)}
    judged = judge("volume > 500", frames, more="needs: {history_sessions: 10}")
    assert judged.findings.height == 1
    assert judged.not_judged.is_empty()


def test_wider_scopes_are_seen_from_narrow_ones(judge: Any) -> None:
    market = pl.DataFrame({"segment": ["index", "all"], "put_call_volume": [9.0, 0.8]})
    expiry = contracts().select("underlying", "root", "expiry").unique().with_columns(dte=pl.lit(8))
    frames = {
        "contract": contracts(volume=[900, 1, 1]),
        "expiry": expiry,
        "underlying": underlyings(iv30=0.3),
        "market": market,
    }
    when = "volume > 500 and expiry.dte == 8 and underlying.iv30 < 0.31 and market.put_call_volume < 1"
    assert judge(when, frames).findings["strike"].to_list() == [230.0]


def test_drivers_of_a_wider_scope_are_named_strongest_first(judge: Any) -> None:
    frames = {
        "contract": contracts(volume=[700, 900, 5], volume_surprise=[4.0, 5.0, 9.0]),
        "underlying": underlyings(put_call_volume=0.7),
    }
    judged = judge(
        "put_call_volume > 0.6",
        frames,
        scope="underlying",
        message="{underlying} because of {drivers}",
        more="drivers: {where: volume >= 500 and volume_surprise >= 4, rank_by: volume_surprise, at_least: 1}",
    )
    (finding,) = judged.findings.to_dicts()
    assert finding["drivers"] == ["GOOG250912C00235000", "GOOG250912C00230000"]
    assert finding["message"] == "GOOG because of GOOG250912C00235000, GOOG250912C00230000"
    assert finding["calibrated"] is True


@pytest.mark.parametrize(("surprises", "unknown"), [([1.0, 1.0, 1.0], 0), ([1.0, None, 1.0], 1)])
def test_without_enough_drivers_there_is_no_finding(judge: Any, surprises: list[object], unknown: int) -> None:
    """A missing value of a possible driver leaves it open; known small values settle it."""
    frames = {
        "contract": contracts(volume=[700, 900, 5], volume_surprise=surprises),
        "underlying": underlyings(put_call_volume=0.7),
    }
    more = "drivers: {where: volume >= 500 and volume_surprise >= 4, at_least: 1}"
    judged = judge("put_call_volume > 0.6", frames, scope="underlying", more=more)
    assert judged.findings.is_empty()
    assert judged.not_judged.height == unknown


def test_a_scope_that_the_source_does_not_have_is_said(judge: Any) -> None:
    judged = judge("ladder_surprise > 4", {"contract": contracts()}, scope="ladder")
    assert judged.not_judged["reasons"].to_list() == [["no ladder rows from this source"]]


def test_the_shipped_rules_load_without_a_problem() -> None:
    loaded = ruleset.load([Path(__file__).parents[1] / "rules"])
    assert loaded.problems == ()
    assert {"call-buildup-at-one-strike", "put-buildup-at-one-strike", "strike-volume-spike"} <= {
        rule.id for rule in loaded.stable()
    }


SHIPPED = ruleset.load([Path(__file__).parents[1] / "rules"]).rules


@pytest.mark.parametrize("rows", [0, 1])
def test_shipped_rules_judge_frames_that_hold_nothing_but_keys(rows: int) -> None:
    """No value at all: nothing is flagged, nothing is called quiet, nothing breaks."""
    frames = {
        scope: pl.DataFrame(
            {
                name: pl.Series([None] * rows, dtype=dtype(fields.of(scope)[name]))
                for name in dict.fromkeys([*SCOPES[scope].keys, *(("underlying",) if scope != "market" else ())])
            }
        )
        for scope in SCOPES
    }
    judged = judge_rules(SHIPPED, frames)
    assert judged.findings.is_empty()
    assert judged.not_judged["count"].sum() == rows * len(SHIPPED)


def test_a_column_of_a_wrong_type_is_missing_and_breaks_nothing(judge: Any) -> None:
    frame = contracts(volume=["many", "900", None], iv=[0.3, 0.3, 0.3])
    judged = judge("volume >= 500 and iv > 0.2", {"contract": frame})
    assert judged.findings["strike"].to_list() == [235.0]
    assert judged.not_judged["count"].to_list() == [2]
