"""Where the curve is older than the quotes, European calls and puts tell the discount: QuantLib's chains, at 4 %."""

from __future__ import annotations

from datetime import date

import polars as pl
import pytest
from quoted_chains import EXPIRIES, RATE, quoted_chain
from standard import price_chain

from scanner.pricing import curve

# One per cent, a year before the quotes; and on their day.
OLD = curve.parse({"old": "Date,1 Mo,1 Yr\n06/03/2024,1.00,1.00\n"})
OF_THE_DAY = curve.parse({"new": "Date,1 Mo,1 Yr\n06/02/2025,1.00,1.00\n"})


def rates(priced: pl.DataFrame) -> list[float]:
    return (-priced["discount"].log() / priced["years"]).to_list()


def european(half_spread: float = 0.01) -> pl.DataFrame:
    return quoted_chain(root="SPXW", american=False, half_spread=half_spread)


def test_european_calls_and_puts_tell_the_discount_where_the_curve_is_old() -> None:
    priced = price_chain(european(), OLD).expiries
    assert priced["discount_source"].to_list() == ["chain"] * len(EXPIRIES)
    assert rates(priced) == pytest.approx([RATE] * len(EXPIRIES), abs=1e-5)


def test_the_volatilities_are_those_the_chain_was_made_with_in_and_out_of_the_money() -> None:
    found = price_chain(european(), OLD).contracts.filter(pl.col("strike").is_between(85, 115))
    assert (found["iv"] - 0.30).abs().max() < 1e-4


def test_a_curve_of_the_day_is_never_overruled() -> None:
    priced = price_chain(european(), OF_THE_DAY).expiries
    assert priced["discount_source"].to_list() == ["curve"] * len(EXPIRIES)
    assert rates(priced) == pytest.approx([0.0099751] * len(EXPIRIES), abs=1e-6)


def test_american_chains_keep_the_old_curve() -> None:
    priced = price_chain(quoted_chain(), OLD).expiries
    assert priced["discount_source"].to_list() == ["curve"] * len(EXPIRIES)


def test_quotes_too_wide_to_tell_leave_the_curve_as_it_is() -> None:
    priced = price_chain(european(half_spread=2.0), OLD).expiries
    assert priced["discount_source"].to_list() == ["curve"] * len(EXPIRIES)


def test_one_wild_quote_does_not_move_the_discount() -> None:
    wild = (pl.col("strike") == 120) & (pl.col("right") == "C")
    frame = european().with_columns(
        bid=pl.when(wild).then(30.0).otherwise("bid"), ask=pl.when(wild).then(30.02).otherwise("ask")
    )
    assert rates(price_chain(frame, OLD).expiries) == pytest.approx([RATE] * len(EXPIRIES), abs=1e-4)


def test_an_expiry_that_does_not_tell_takes_the_shift_of_its_neighbours() -> None:
    middle = pl.col("expiry") == EXPIRIES[1]
    frame = european().filter(~middle | pl.col("strike").is_between(95, 105))
    priced = price_chain(frame, OLD).expiries
    assert priced["discount_source"].to_list() == ["chain"] * len(EXPIRIES)
    assert rates(priced) == pytest.approx([RATE] * len(EXPIRIES), abs=1e-4)


def test_a_flat_curve_is_never_too_old() -> None:
    assert not curve.flat(0.03).is_stale(date(2025, 6, 2))
    assert OLD.is_stale(date(2025, 6, 2))
