"""Where the rows of each expiry lie in a chain, so that compiled code can go through millions of them in one pass."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.kernels.columns import floats
from scanner.kernels.groups import Groups
from scanner.market.levels import EXPIRY, STRIKE
from scanner.metrics.arithmetic import is_call


@dataclass(frozen=True, slots=True)
class Pieces:
    """``rows`` with the strikes of each expiry ascending and in one piece; ``found`` says where, in their order.

    ``found`` has ``underlying root expiry start stop``: rows from ``start`` (included) to ``stop`` (not).
    """

    rows: pl.DataFrame
    found: pl.DataFrame
    _groups: Groups

    def floats(self, name: str) -> NDArray[np.float64]:
        """A column of ``rows`` as float64, NaN where it is null."""
        return floats(self.rows[name])

    def latest(self, name: str) -> pl.Series:
        """The greatest value of a column of ``rows`` in each piece."""
        return self._groups.latest(self.rows[name])

    def calls(self) -> NDArray[np.bool_]:
        """Which of ``rows`` are calls."""
        return is_call(self.rows)


def of(contracts: pl.DataFrame, groups: Groups | None = None) -> Pieces:
    """The pieces of a chain with ``underlying root expiry strike right``; one that is in order is not sorted again.

    ``groups`` are its rows by underlying, root and expiry, where they are known.
    """
    groups = groups or Groups.of(contracts, EXPIRY)
    apart = groups.order is not None or groups.keys["root", "expiry"].is_duplicated().any()
    if apart or not _ascending(contracts, groups.starts[:-1]):
        contracts = contracts.sort(*STRIKE, maintain_order=True)
        groups = Groups.of(contracts, EXPIRY)
    bounds = [pl.Series("start", groups.starts[:-1]), pl.Series("stop", groups.starts[1:])]
    return Pieces(contracts, groups.keys.hstack(bounds), groups)


def _ascending(contracts: pl.DataFrame, starts: NDArray[np.int64]) -> bool:
    """Whether strikes fall at the beginnings of pieces alone."""
    strike = contracts["strike"].to_numpy()
    falls = np.flatnonzero(strike[1:] < strike[:-1]) + 1
    return bool(np.isin(falls, starts).all())
