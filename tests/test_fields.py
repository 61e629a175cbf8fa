"""The field dictionary names things once, and says of each what a null means."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from alert_samples import scan
from built_chains import built_chain
from standard import calendar

from scanner import fields, pipeline, ruleset
from scanner.alerts import drafts
from scanner.fields import FIELDS, SCOPES, Field, Kind, OnSplit, Rows, Unit
from scanner.fields.columns import remembered
from scanner.history import panel
from scanner.history.known_before import KnownBefore
from scanner.history.panel import Panel
from scanner.kernels.groups import Groups
from scanner.market import chain
from scanner.metrics import underlying
from scanner.outputs import chain_table, document
from scanner.outputs.result import ScanResult
from scanner.quality import gate
from scanner.ruleset import reference
from scanner.ruleset.model import DRIVER_FACTS
from scanner.ruleset.schema import rule_schema

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


NEVER_NULL = (
    "source simulated session_date quote_time underlying root contract expiry strike right multiplier exercise_style "
    "settlement nonstandard"
)
CHAIN = (
    "source simulated session_date quote_time fetched_at underlying spot root contract expiry strike right multiplier "
    "exercise_style settlement nonstandard bid ask bid_size ask_size last last_trade_time volume open_interest oi_asof "
    "vendor_iv vendor_delta"
)
"""The columns of a stored snapshot, in their order: fingerprints of what is stored already rest on it."""


def test_a_chain_has_the_columns_that_every_stored_snapshot_has() -> None:
    assert list(chain.SCHEMA) == CHAIN.split()
    assert [column.name for column in chain.COLUMNS if not column.can_be_missing] == NEVER_NULL.split()
    assert chain.SCHEMA["right"] == pl.Enum(["C", "P"])
    assert (chain.SCHEMA["multiplier"], chain.SCHEMA["quote_time"]) == (pl.Int32, pl.Datetime("us", "UTC"))


def test_what_is_kept_of_a_contract_is_what_every_stored_session_holds() -> None:
    kept = "underlying root contract expiry strike right volume open_interest iv delta mid"
    assert list(remembered("contract")) == kept.split()
    assert set(panel.FIELDS) < set(remembered("contract"))
    assert remembered("market") == pl.Schema()


def test_only_what_a_chain_brings_can_be_switched_off() -> None:
    assert not any(field.switched_off_with and not field.from_chain for field in FIELDS)
    assert set(gate.FIELDS) == {"volume", "open_interest", "quotes", "spot", "all"}
    assert gate.FIELDS["open_interest"] == ("open_interest", "oi_asof")


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: f"{field.scope}.{field.name}")
def test_a_denominator_is_a_number_of_the_same_scope(field: Field) -> None:
    assert all(fields.of(field.scope)[name].numeric for name in field.denominator)
    assert not field.denominator or field.unit is Unit.ratio


def test_parts_of_a_whole_and_of_a_price_are_told_from_other_pure_numbers() -> None:
    parts = {field.name for field in FIELDS if field.part}
    assert {field.name for field in FIELDS if field.name.endswith(("_share", "_pct"))} < parts
    assert {"spot_change", "iv_rank_252"} < parts
    assert parts.isdisjoint({"delta", "discount", "moneyness", "volume_multiple"})


def test_a_split_changes_prices_of_shares_and_counts_of_contracts_but_no_sum_of_money() -> None:
    told = {field.name: field.on_split for field in fields.of("underlying").values()}
    assert {told[name] for name in ("spot", "parity_spot", "max_pain", "call_wall")} == {OnSplit.price}
    assert {told[name] for name in ("volume", "call_oi", "near_volume")} == {OnSplit.contracts}
    assert {told[name] for name in ("call_premium", "gex", "put_call_volume", "iv30")} == {OnSplit.none}


def test_a_person_reads_a_name_or_its_title() -> None:
    known = fields.of("contract")
    assert (known["volume_oi"].title, known["volume_surprise_3"].title) == ("volume / open interest", "over 3 sessions")


def test_whatever_alerts_and_tables_show_by_name_is_a_field() -> None:
    shown = {*drafts.CONTEXT, *DRIVER_FACTS, *(column.name for column in chain_table.SHOWN)}
    assert shown <= {field.name for field in FIELDS}


TOY = Rows("underlying").contracts("most_traded", "volume of the contract that traded most", "volume not known")


@pytest.fixture
def with_a_new_field(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A row of the table and the column that its metric computes, and nothing else."""
    totals = underlying.totals

    def with_most(contracts: pl.DataFrame, names: Groups | None = None) -> pl.DataFrame:
        most = contracts.group_by("underlying").agg(most_traded=pl.col("volume").max())
        return totals(contracts, names).join(most, on="underlying", maintain_order="left")

    monkeypatch.setattr(underlying, "totals", with_most)
    monkeypatch.setattr(fields, "FIELDS", (*FIELDS, TOY))
    fields.of.cache_clear()
    yield
    fields.of.cache_clear()


@pytest.mark.usefixtures("with_a_new_field")
def test_a_new_field_is_a_row_and_a_computation(tmp_path: Path) -> None:
    """As docs/adding-a-field.md says: rules, messages, schema, reference and JSON have it from these two."""
    (tmp_path / "toy.yaml").write_text(
        "{id: toy, title: Toy, status: stable, scope: contract, severity: info, why: to test,"
        " when: volume == underlying.most_traded, message: '{underlying.most_traded} of {contract}'}",
        "utf-8",
    )
    loaded = ruleset.load([tmp_path])
    session = date(2026, 7, 23)
    judged = pipeline.judge(
        built_chain(session, volume=[*range(1, 20), 700]),
        KnownBefore(Panel.empty("test", calendar=calendar)),
        calendar.session_close(session),
        loaded.rules,
    )
    assert judged.judgement.findings["message"].to_list() == ["700 of ABC261218P00110000"]
    (row,) = document.document(ScanResult(scan(), underlyings=judged.frames["underlying"]))["underlyings"]
    assert row["most_traded"] == 700
    assert "| `most_traded` | contracts | volume of the contract that traded most |" in reference.fields_page()
    assert "most_traded" in str(rule_schema())
