"""A chain is priced as a whole, and every contract without a volatility says why."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from scanner.errors import PricingError
from scanner.pricing import price_chain
from scanner.sources.files import read_recorded


def recorded(path: Path) -> pl.DataFrame:
    """The one chain of a recorded file."""
    chains = [item.chain for item in read_recorded(path) if item.chain is not None]
    assert len(chains) == 1
    return chains[0]


@pytest.mark.realdata
def test_the_aapl_chain_agrees_with_the_vendors_volatilities(real_data: Path) -> None:
    priced = price_chain(recorded(real_data / "cboe-json" / "delayed_quotes_options_AAPL.json.gz"))
    judged = priced.contracts.filter(
        pl.col("otm") & (pl.col("bid") > 0) & pl.col("dte").is_between(7, 365), pl.col("vendor_iv").is_not_null()
    )
    difference = (judged["iv"] - judged["vendor_iv"]).abs() * 100
    assert judged["iv"].null_count() == 0
    assert judged.height > 900
    assert difference.median() <= 0.25
    assert difference.quantile(0.95) <= 0.8


@pytest.mark.realdata
def test_every_contract_of_the_aapl_chain_has_a_volatility_or_a_reason(real_data: Path) -> None:
    priced = price_chain(recorded(real_data / "cboe-json" / "delayed_quotes_options_AAPL.json.gz"))
    explained = priced.contracts.select(pl.col("iv").is_null() == pl.col("iv_reason").is_not_null()).to_series()
    assert explained.len() == 3_576
    assert explained.all()


def test_an_unknown_side_is_refused() -> None:
    with pytest.raises(PricingError, match="unknown side last"):
        price_chain(pl.DataFrame(), sides=("mid", "last"))
