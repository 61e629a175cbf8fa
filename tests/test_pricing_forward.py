"""The forward that calls and puts agree on comes back, whatever single quotes say, and its source is told."""

from __future__ import annotations

import math

import polars as pl
import pytest
from quoted_chains import DIVIDEND_YIELD, EXPIRIES, RATE, SPOT, quoted_chain, years_to
from standard import price_chain

from scanner.pricing.curve import flat

CURVE = flat(RATE)


def carried(spot: float = SPOT, dividend_yield: float = DIVIDEND_YIELD) -> list[float]:
    """Spot, rate and yield carried to each expiry."""
    return [spot * math.exp((RATE - dividend_yield) * years_to(expiry)) for expiry in EXPIRIES]


def forwards(frame: pl.DataFrame, **arguments: object) -> pl.DataFrame:
    return price_chain(frame, CURVE, **arguments).expiries  # type: ignore[arg-type]


def test_european_parity_gives_the_forward_to_a_hundredth_of_a_basis_point() -> None:
    found = forwards(quoted_chain(root="XSP", american=False))
    assert found["forward"].to_list() == pytest.approx(carried(), rel=1e-6)
    assert found["forward_source"].to_list() == ["parity"] * 3
    assert found["discount"].to_list() == pytest.approx([math.exp(-RATE * years_to(expiry)) for expiry in EXPIRIES])


@pytest.mark.parametrize("dividend_yield", [0.0, 0.03, 0.12])
def test_american_quotes_lose_their_early_exercise_premiums_first(dividend_yield: float) -> None:
    found = forwards(quoted_chain(dividend_yield=dividend_yield))
    assert found["forward"].to_list() == pytest.approx(carried(dividend_yield=dividend_yield), rel=5e-4)


def test_one_wild_quote_near_the_money_moves_nothing() -> None:
    frame = quoted_chain(root="XSP", american=False)
    wild = (pl.col("strike") == 100) & (pl.col("right") == "C")
    spoilt = frame.with_columns(
        pl.when(wild).then(pl.col(name) * 3).otherwise(name).alias(name) for name in ("bid", "ask")
    )
    assert forwards(spoilt)["forward"].to_list() == pytest.approx(carried(), rel=1e-5)


def test_a_hard_to_borrow_stock_shows_in_its_forward() -> None:
    found = forwards(quoted_chain(dividend_yield=0.45))
    assert found["forward"].to_list() == pytest.approx(carried(dividend_yield=0.45), rel=1e-3)
    assert found["forward_source"].to_list() == ["parity"] * 3


def test_the_quotes_say_where_the_forward_is_though_the_spot_is_of_after_hours() -> None:
    found = forwards(quoted_chain(told_spot=101.5))
    assert found["forward"].to_list() == pytest.approx(carried(), rel=2e-4)


def test_the_quotes_say_where_the_forward_is_though_no_spot_is_told() -> None:
    found = forwards(quoted_chain(told_spot=None))
    assert found["forward"].to_list() == pytest.approx(carried(), rel=1e-3)
    assert found["forward_source"].to_list() == ["parity"] * 3


def test_quotes_wider_than_the_carry_is_uncertain_leave_the_forward_to_spot_and_rate() -> None:
    frame = quoted_chain(half_spread=3.0, dividend_yield=0.0)
    shifted = frame.with_columns(
        pl.when(pl.col("right") == "C").then(pl.col(name) + 1.5).otherwise(name).alias(name) for name in ("bid", "ask")
    )
    found = forwards(shifted)
    assert found["forward_source"].to_list() == ["spot"] * 3
    assert found["forward"].to_list() == pytest.approx(carried(dividend_yield=0.0), rel=1e-2)


def test_without_a_pair_the_forward_is_derived_from_the_spot_and_says_so() -> None:
    found = forwards(quoted_chain().filter(pl.col("right") == "C"))
    assert found["forward"].to_list() == pytest.approx(carried(dividend_yield=0.0))
    assert found["forward_source"].to_list() == ["spot"] * 3
    assert found["parity_residual"].null_count() == 3


def test_an_expiry_without_pairs_takes_the_yield_of_the_others() -> None:
    frame = quoted_chain(dividend_yield=0.10).filter((pl.col("expiry") != EXPIRIES[2]) | (pl.col("right") == "C"))
    found = forwards(frame)
    assert found["forward_source"].to_list() == ["parity", "parity", "spot"]
    wanted = carried(dividend_yield=0.10)[2]
    assert abs(found["forward"][2] - wanted) < 0.5 * abs(carried(dividend_yield=0.0)[2] - wanted)


def test_known_dividends_leave_the_spot_of_the_expiries_after_them() -> None:
    frame = quoted_chain().filter(pl.col("right") == "C")
    dividends = pl.DataFrame({"underlying": ["ABC"], "ex_date": [EXPIRIES[1]], "amount": [2.0]})
    found = forwards(frame, dividends=dividends)
    free = carried(dividend_yield=0.0)
    # Two dollars on the second expiry's own date: grown by interest from that day to the later expiry.
    until = years_to(EXPIRIES[2]) - years_to(EXPIRIES[1])
    assert found["forward"].to_list() == pytest.approx([free[0], free[1] - 2.0, free[2] - 2.0 * math.exp(RATE * until)])


def test_the_residual_tells_consistent_quotes_from_inconsistent_ones() -> None:
    frame = quoted_chain(root="XSP", american=False)
    astray = (pl.col("strike") % 15 / 5 - 1) * 0.5 * (pl.col("right") == "C")
    crooked = frame.with_columns((pl.col(name) + astray).clip(0.01).alias(name) for name in ("bid", "ask"))
    assert forwards(frame)["parity_residual"].max() < 1e-6
    assert forwards(crooked)["parity_residual"].min() > 1e-3
