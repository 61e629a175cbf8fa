"""The field dictionary names things once, and says of each what a null means."""

from __future__ import annotations

import math
from collections import Counter

import polars as pl
import pytest

from scanner import fields
from scanner.fields import FIELDS, SCOPES, Field, Kind, Unit
from scanner.market import chain

NAMES_RULES_DEPEND_ON = {
    "contract": "volume open_interest volume_expected volume_multiple volume_surprise volume_q dte iv_change",
    "strike": "call_volume put_volume call_oi put_oi gamma_share volume_share volume_surprise",
    "ladder": "first_strike last_strike strikes volume open_interest ladder_surprise volume_share",
    "expiry": "dte is_monthly atm_iv expected_move_pct put_call_volume notional_oi term_slope max_pain",
    "underlying": "put_call_volume put_call_volume_prev put_call_surprise iv30 iv_rank_252 back_end_surprise",
    "market": "segment put_call_volume near_dated_share volume_ratio_5",
}
"""Names taken from the published interface, not from the table."""


@pytest.mark.parametrize("scope", SCOPES)
def test_the_published_names_are_in_the_dictionary(scope: str) -> None:
    assert set(NAMES_RULES_DEPEND_ON[scope].split()) <= set(fields.of(scope))


def test_no_scope_names_a_field_twice() -> None:
    assert Counter((field.scope, field.name) for field in FIELDS).most_common(1)[0][1] == 1


@pytest.mark.parametrize("scope", SCOPES.values(), ids=SCOPES)
def test_the_keys_of_a_scope_are_fields_that_are_never_missing(scope: fields.Scope) -> None:
    assert not any(fields.of(scope.name)[key].can_be_missing for key in scope.keys)


def test_chances_and_their_logarithms_are_the_calibrated_fields() -> None:
    calibrated = {field.name for field in FIELDS if field.calibrated}
    assert {name for name in calibrated if "surprise" not in name} == {"volume_q", "ladder_q"}
    assert {"volume_surprise", "volume_surprise_5", "ladder_surprise", "back_end_surprise"} <= calibrated
    assert "surprise_reason" not in calibrated


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: f"{field.scope}.{field.name}")
def test_ranges_and_units_belong_to_numbers_alone(field: Field) -> None:
    assert field.low < field.high
    bounded = math.isfinite(field.low) or math.isfinite(field.high)
    assert field.numeric or (field.unit is Unit.none and not bounded)
    assert not field.numeric or field.unit is not Unit.none
    assert not field.choices or field.kind is Kind.text


def test_columns_that_the_chain_already_has_keep_their_kind() -> None:
    """A field of the contract scope that is a chain column casts from that column without loss of meaning."""
    shared = [field for field in fields.of("contract").values() if field.name in chain.SCHEMA]
    assert len(shared) > 20
    frame = chain.empty()
    for field in shared:
        own = frame[field.name].dtype
        expected = pl.String() if isinstance(own, pl.Enum) else pl.Int64() if own.is_integer() else own
        assert expected == field.dtype, field.name


def test_chain_columns_that_can_be_null_can_be_missing_in_the_dictionary() -> None:
    known = fields.of("contract")
    expected = {column.name for column in chain.COLUMNS if column.null and column.name in known}
    assert expected <= {field.name for field in known.values() if field.can_be_missing}
