"""The rows of a chain by name, by expiry and by strike: found once, for all that is added up by them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from scanner.fields import SCOPES
from scanner.kernels.groups import Groups

if TYPE_CHECKING:
    import numpy as np
    import polars as pl
    from numpy.typing import NDArray

NAME, EXPIRY, STRIKE = (SCOPES[scope].keys for scope in ("underlying", "expiry", "strike"))


@dataclass(frozen=True, slots=True)
class Levels:
    """The groups of a chain's rows by ``NAME``, by ``EXPIRY`` and by ``STRIKE``."""

    names: Groups
    expiries: Groups
    strikes: Groups

    @classmethod
    def of(cls, chain: pl.DataFrame) -> Self:
        """The levels of a frame with the columns of ``STRIKE``."""
        names = Groups.of(chain, NAME)
        expiries = names.within(chain, EXPIRY[len(NAME) :])
        return cls(names, expiries, expiries.within(chain, STRIKE[len(EXPIRY) :]))

    def where(self, flags: NDArray[np.bool_]) -> Levels:
        """Those of the rows that have a flag, as they are of a frame of these rows alone."""
        return Levels(self.names.where(flags), self.expiries.where(flags), self.strikes.where(flags))
