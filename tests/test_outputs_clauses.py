"""Every phrase about a name has its threshold, and is left out where the figure behind it is missing."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any

import pytest
from alert_samples import NVDA_130, put_call_alert

from scanner.outputs import clauses, numbers, sentence

SESSION = date(2025, 9, 5)


@pytest.mark.parametrize(
    ("change", "before", "surprise", "words"),
    [
        (0.0009, 0.10, None, "did not move"),
        (-0.0009, 0.10, None, "did not move"),
        (0.0011, 0.10, None, "hardly lifted"),
        (-0.0039, 0.10, None, "slipped"),
        (0.0041, 0.10, None, "lifted"),
        (-0.0099, 0.10, None, "fell"),
        (0.0101, 0.10, None, "jumped"),
        (-0.05, 0.10, None, "collapsed"),
        (0.0039, 0.10, 2.0, "lifted"),
        (-0.05, 0.10, 6.0, "collapsed"),
    ],
)
def test_what_a_volatility_did_is_named_by_its_change_as_a_part_of_what_it_was(
    change: float, before: float, surprise: float | None, words: str
) -> None:
    assert clauses.lift(change, before, surprise) == words


@pytest.mark.parametrize(
    ("context", "words"),
    [
        ({"spot_change": 0.0511, "spot_change_5": 0.0004}, "TSLA +5.1 %, week flat"),
        ({"spot_change": 0.005, "spot_change_5": 0.071, "spot_change_week": 0.09}, "TSLA +0.5 %, week +9.0 %"),
        ({"spot_change": -0.0006}, "TSLA -0.1 %"),
        ({}, "TSLA: return not known"),
    ],
)
def test_returns_are_said_and_a_missing_price_is_said_too(context: dict[str, Any], words: str) -> None:
    assert next(clauses.clauses("TSLA", context, SESSION)) == words


@pytest.mark.parametrize(
    ("surprise", "ratio", "words"),
    [
        (0.4, 0.8, "back end quiet"),
        (0.4, 1.2, "back end ordinary"),
        (0.4, None, "back end ordinary"),
        (1.5, 0.8, "back end busier"),
        (2.5, 3.0, "back end busy too"),
        (None, 0.8, None),
    ],
)
def test_the_back_end_is_quiet_only_where_it_is_below_its_mean(
    surprise: float | None, ratio: float | None, words: str | None
) -> None:
    assert clauses.back_end({"back_end_surprise": surprise, "back_volume_ratio_20": ratio}) == words


def test_a_ratio_that_moved_is_not_called_rare_without_being_rare() -> None:
    moved = {"put_call_volume": 0.70, "put_call_volume_prev": 0.58}
    assert clauses.put_call(moved) == "put/call 0.70 (0.58)"
    assert clauses.put_call_moved(moved) == "put/call rose to 0.70 from 0.58, in itself not rare"
    assert clauses.put_call_moved(moved | {"put_call_surprise": 3.1}) == "put/call rose to 0.70 from 0.58"
    assert clauses.put_call_moved(moved | {"put_call_volume": 0.60}) is None


def test_earnings_are_said_where_they_come_in_the_life_of_the_contract() -> None:
    told = {"next_earnings": "2025-09-11"}
    assert clauses.earnings(told, SESSION, date(2025, 9, 12)) == "earnings 11 Sep"
    assert clauses.earnings(told, SESSION, date(2025, 9, 10)) is None
    assert clauses.earnings({}, SESSION, None) is None


def test_a_level_without_the_day_before_is_a_level_alone() -> None:
    assert clauses.volatility({"iv30": 0.278}) == "volatility 27.8 %"
    assert clauses.volatility({"iv30": 0.278, "iv30_change": 0.007}) == "volatility hardly lifted (27.8 %, +0.7)"
    assert list(clauses.short({"iv30": 0.278, "iv30_change": 0.007})) == ["vol hardly lifted"]


def test_the_story_names_contracts_in_words_also_where_the_rule_wrote_their_symbols() -> None:
    told = put_call_alert(message=f"NVDA put/call 0.70; led by {NVDA_130}")
    assert next(sentence.story(told)) == "Put/call volume jump. NVDA put/call 0.70; led by NVDA 130 put, 19 Sep"


def test_what_is_kept_of_the_name_has_the_title_of_its_field() -> None:
    assert numbers.title("contract", "put_call_volume") == "put/call"
    assert numbers.title("contract", "underlying.iv30") == "volatility, 30 days"
    assert numbers.title("contract", "nowhere.known") == "known"


def test_halts_and_filings_are_told_first_with_new_yorks_time() -> None:
    context = {
        "spot_change": -0.051,
        "iv30": 0.5,
        "halted_at": "2026-07-16T14:32:07Z",
        "halt_reason": "volatility pause",
        "filed_at": datetime(2026, 7, 15, 20, 5, 31, tzinfo=UTC),
        "filing": "8-K: results",
    }
    assert list(clauses.clauses("XYZ", context, date(2026, 7, 16)))[:3] == [
        "XYZ -5.1 %",
        "halted 10:32 (volatility pause)",
        "8-K: results filed 16:05",
    ]


def test_the_year_is_told_beside_the_week() -> None:
    assert clauses.returns({"spot_change": 0.01, "spot_change_5": 0.02, "spot_change_ytd": 0.253}) == (
        "+1.0 %, week +2.0 %, year +25.3 %"
    )


def test_what_built_up_over_sessions_stands_beside_what_the_name_did_in_the_week() -> None:
    context = {
        "spot_change": 0.005, "spot_change_week": 0.09, "iv30": 0.278, "iv30_change": 0.0, "iv30_change_week": 0.007,
        "back_end_surprise": 0.4, "back_volume_ratio_20": 0.8,
    }  # fmt: skip
    one_session = list(clauses.clauses("GOOG", {**context, "story": {"sessions": 1}}, SESSION))
    assert one_session[:2] == ["GOOG +0.5 %, week +9.0 %", "volatility did not move (27.8 %, 0.0)"]
    several = {**context, "story": {"sessions": 5}}
    assert list(clauses.clauses("GOOG", several, SESSION)) == [
        "GOOG's week: +9.0 %", "volatility hardly lifted (27.8 %, +0.7)", "back end quiet",
    ]  # fmt: skip
    assert list(clauses.short(several)) == ["week +9.0 %", "vol hardly lifted", "back end quiet"]
