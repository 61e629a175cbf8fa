"""The known cash dividends of each expiry of a chain, by expiry one after another."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.pricing.arrays import Floats
from scanner.pricing.cash_dividends import Dividends


class ExDates(NamedTuple):
    """``offsets`` (one more than expiries) are each expiry's range in the others; ``years`` ascend within it."""

    offsets: NDArray[np.int64]
    years: Floats
    amounts: Floats

    def of(self, expiry: int) -> Dividends:
        """One expiry's dividends."""
        own = slice(self.offsets[expiry], self.offsets[expiry + 1])
        return Dividends(self.years[own], self.amounts[own])

    def worth(self, rate: Floats) -> Floats:
        """Value today of each expiry's dividends, dollars a share."""
        counts = np.diff(self.offsets)
        today = np.concatenate(([0.0], np.cumsum(self.amounts * np.exp(-np.repeat(rate, counts) * self.years))))
        return np.where(counts > 0, np.diff(today[self.offsets]), 0.0)


def ahead(expiries: pl.DataFrame, dividends: pl.DataFrame | None, years: Floats) -> ExDates:
    """What goes ex after each expiry's session and by the expiry, of a frame ``underlying ex_date amount``.

    An ex-date counts in whole days from the session, and at the latest at the expiry (``years``).
    """
    if dividends is None:
        return ExDates(np.zeros(expiries.height + 1, np.int64), np.empty(0), np.empty(0))
    paid = (
        expiries.select("underlying", "session_date", "expiry", years=years)
        .with_row_index("_row")
        .filter(pl.col("years") > 0)
        .join(dividends.select("underlying", "ex_date", "amount").drop_nulls(), on="underlying")
        .filter((pl.col("ex_date") > pl.col("session_date")) & (pl.col("ex_date") <= pl.col("expiry")))
        .filter(pl.col("amount") > 0)
        .with_columns(wait=(pl.col("ex_date") - pl.col("session_date")).dt.total_days() / 365)
        .sort("_row", "ex_date")
    )
    counts = np.bincount(paid["_row"].to_numpy(), minlength=expiries.height)
    wait = np.minimum(paid["wait"].to_numpy(), paid["years"].to_numpy())
    return ExDates(
        np.concatenate(([0], np.cumsum(counts))).astype(np.int64),
        np.array(wait, np.float64),
        np.array(paid["amount"], np.float64),
    )
