"""A vendor's own ranking of contracts in one session: dated, and never a number of the scanner's own."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl


class RankedBy(StrEnum):
    """What contracts are ranked by, the most first."""

    oi_increase = "oi-increase"
    oi_decrease = "oi-decrease"
    open_interest = "oi"
    oi_value_increase = "oi-value-increase"
    oi_value_decrease = "oi-value-decrease"
    oi_value = "oi-value"
    volume = "volume"
    turnover = "turnover"
    vendor_iv = "iv"

    @property
    def column(self) -> str:
        """The column of :class:`Ranking` that the order is of."""
        return self.name


@dataclass(frozen=True, slots=True)
class Ranking:
    """Contracts as ``source`` ranks them ``by`` something, of the ``session`` that it names; None where it names none.

    ``rows``, in its order: ``rank`` (Int64, from 1; what was refused leaves a gap), ``underlying contract`` (String),
    ``expiry`` (Date), ``strike`` (Float64, dollars), ``right`` (C, P), ``oi_increase oi_decrease open_interest volume``
    (Int64, lots), ``oi_value oi_value_increase oi_value_decrease turnover`` (Float64, money as the vendor counts it),
    ``last bid ask`` (Float64, dollars), ``vendor_iv`` (Float64, decimal), ``vendor_delta`` (Float64). What the vendor
    does not tell, or cannot be, is null. ``there_are`` is how many contracts the vendor says it ranks; ``notes`` say
    what was refused, left out or not told.
    """

    source: str
    by: RankedBy
    session: date | None
    rows: pl.DataFrame
    there_are: int | None = None
    notes: tuple[str, ...] = ()
