"""The customer's side as a chance: the rules case by case, their symmetry, and how often they are right."""

from __future__ import annotations

import polars as pl
import pytest

from scanner.tape import prints
from scanner.tape.cleaning import clean
from scanner.tape.side import CHANCES, buy_chance, cases

BEGIN = 1_796_050_800_000_000_000


def chances(*rows: dict) -> list[float]:
    usual = {"contract": "GOOG261218C00235000", "size": 3, "condition": "auto", "bid": 1.4, "ask": 1.6}
    listed = [{**usual, "time": BEGIN + number, **row} for number, row in enumerate(rows)]
    frame = pl.DataFrame(listed, infer_schema_length=None)
    return buy_chance(clean(prints.conform(frame, source="here").prints).prints).to_list()


def test_at_the_ask_a_customer_more_likely_bought_and_at_the_bid_as_likely_sold():
    at_ask, at_bid = chances({"price": 1.6}, {"price": 1.4})
    # The quote rule is right on 60 to 64 of 100 recorded trades whose customers are known.
    assert 0.60 <= at_ask <= 0.64
    assert at_ask + at_bid == pytest.approx(1)


def test_the_middle_without_sizes_tells_nothing():
    assert chances({"price": 1.5}) == [0.5]


def test_in_the_middle_customers_are_on_the_side_of_the_larger_depth():
    more_offered, more_wanted, alike = chances(
        {"price": 1.5, "bid_size": 10, "ask_size": 90},
        {"price": 1.5, "bid_size": 90, "ask_size": 10},
        {"price": 1.5, "bid_size": 20, "ask_size": 20},
    )
    assert more_offered > 0.5 > more_wanted
    assert more_offered + more_wanted == pytest.approx(1)
    assert alike == 0.5


def test_what_takes_exactly_what_is_offered_likely_met_a_customer_who_sold():
    whole, part, unknown = chances(
        {"price": 1.6, "size": 30, "bid_size": 70, "ask_size": 30},
        {"price": 1.6, "size": 29, "bid_size": 70, "ask_size": 30},
        {"price": 1.6, "size": 29},
    )
    assert whole < 0.5 < unknown < part


def test_sizes_that_are_equal_on_both_sides_tell_nothing():
    assert chances({"price": 1.6, "size": 30, "bid_size": 30, "ask_size": 30}) == chances(
        {"price": 1.6, "size": 10, "bid_size": 30, "ask_size": 30}
    )


@pytest.mark.parametrize("condition", ["mlet", "mlat", "mlft", "tlet", "slcn", "slft", "late", "oseq", "cbmo", "exht"])
def test_what_no_rule_can_tell_is_a_half(condition):
    assert chances({"price": 1.6, "condition": condition}) == [0.5]


@pytest.mark.parametrize("row", [{"bid": None, "ask": None}, {"bid": 1.7}, {"quote_time": BEGIN + 1}, {"price": 17.0}])
def test_without_a_quote_to_believe_it_is_a_half(row):
    assert chances({"price": 1.6, **row}) == [0.5]


def test_a_side_that_the_source_tells_counts_as_a_price_at_the_quote_where_there_is_none():
    told_buy, told_sell = chances(
        {"price": 1.6, "bid": None, "told_side": "buy"}, {"price": 1.6, "bid": None, "told_side": "sell"}
    )
    assert told_buy == pytest.approx(chances({"price": 1.6})[0])
    assert told_buy + told_sell == pytest.approx(1)


def test_one_price_for_both_sides_is_judged_by_which_it_is_beyond():
    above, on, below = chances(*({"price": price, "bid": 1.5, "ask": 1.5} for price in (1.55, 1.5, 1.45)))
    assert above > 0.5 > below
    assert on == 0.5


def test_every_case_that_can_be_met_has_a_chance_of_its_own():
    grid = [
        {"price": price, "size": size, "bid_size": 7, "ask_size": 9, "condition": condition}
        for price in (1.39, 1.4, 1.42, 1.45, 1.5, 1.55, 1.58, 1.6, 1.61)
        for size in (5, 7, 9)
        for condition in ("auto", "isoi", "slan")
    ]
    listed = [
        {"contract": "GOOG261218C00235000", "time": BEGIN + number, "bid": 1.4, "ask": 1.6, **row}
        for number, row in enumerate(grid)
    ]
    kept = clean(prints.conform(pl.DataFrame(listed), source="here").prints).prints
    met = set(cases(kept).select("mechanism", pl.col("place", "hint").cast(pl.String)).rows())
    assert met <= set(CHANCES)
    assert {place for _, place, _ in met} == {"beyond", "quote", "outer", "inner", "middle"}
