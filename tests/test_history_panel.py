"""The panel: dense ids and what NaN means."""

from __future__ import annotations

from datetime import date

import numpy as np
import polars as pl
from built_chains import built_chain
from hypothesis import given, settings
from hypothesis import strategies as st
from standard import calendar

from scanner.history.contract_ids import ContractIndex
from scanner.history.panel import CONTRACT_SCHEMA, Panel

CHAIN = built_chain(date(2026, 8, 3))


def test_ids_are_the_row_numbers_of_the_panel_in_any_order_of_the_chain() -> None:
    index = ContractIndex(CHAIN.select(CONTRACT_SCHEMA.names()))
    shuffled = CHAIN.sample(fraction=1.0, shuffle=True, seed=3)
    rows = index.rows_of(shuffled)
    assert CHAIN["contract"].gather(rows).to_list() == shuffled["contract"].to_list()


def test_a_contract_the_panel_does_not_hold_gets_minus_one() -> None:
    index = ContractIndex(CHAIN.filter(pl.col("strike") != 100).select(CONTRACT_SCHEMA.names()))
    rows = index.rows_of(CHAIN)
    assert CHAIN.filter(pl.Series(rows) < 0)["strike"].unique().to_list() == [100.0]


def test_a_root_the_panel_does_not_hold_gets_minus_one_and_never_another_roots_id() -> None:
    index = ContractIndex(CHAIN.select(CONTRACT_SCHEMA.names()))
    other = built_chain(date(2026, 8, 3), underlying="ZZZ")
    assert index.rows_of(other).tolist() == [-1] * other.height


def test_an_empty_panel_knows_no_contract() -> None:
    assert Panel.empty(calendar=calendar).rows_of(CHAIN).tolist() == [-1] * CHAIN.height


def test_rows_of_an_empty_chain_is_empty() -> None:
    index = ContractIndex(CHAIN.select(CONTRACT_SCHEMA.names()))
    assert index.rows_of(CHAIN.clear()).tolist() == []


_CONTRACTS = st.lists(
    st.tuples(
        st.sampled_from(["A", "AA", "SPX", "SPXW", "GOOG", "GOOG1", "2SPX"]),
        st.dates(date(2011, 1, 1), date(2031, 12, 31)),
        st.integers(1, 99_999_999),
        st.sampled_from(["C", "P"]),
    ),
    max_size=30,
)


def _frame(contracts: list[tuple[str, date, int, str]]) -> pl.DataFrame:
    return pl.DataFrame(
        [(root, root, "", expiry, thousandths / 1000, right) for root, expiry, thousandths, right in contracts],
        schema=CONTRACT_SCHEMA,
        orient="row",
    ).sort("root", "expiry", "strike", "right")


@settings(deadline=None)
@given(held=_CONTRACTS, asked=_CONTRACTS)
def test_ids_agree_with_a_plain_dictionary(
    held: list[tuple[str, date, int, str]], asked: list[tuple[str, date, int, str]]
) -> None:
    panel, chain = _frame(list(set(held))), _frame(asked + held[:5])
    key = ["root", "expiry", "strike", "right"]
    numbered = {row: number for number, row in enumerate(panel.select(key).iter_rows())}
    assert ContractIndex(panel).rows_of(chain).tolist() == [
        numbered.get(row, -1) for row in chain.select(key).iter_rows()
    ]


def test_underlying_rows_are_found_by_name() -> None:
    panel = Panel.empty(calendar=calendar)
    assert panel.underlying_rows(pl.Series(["ABC"])).tolist() == [-1]
    assert panel.volume.dtype == np.float32
