"""What is planted in the simulated market: stories that a scanner should find, and decoys that it should not.

A story changes as little as it can. The noise around it is the same market's, drawn before the story was known.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from datetime import date

import numpy as np
from numpy.typing import NDArray

from scanner.market import symbology
from scanner.sources.simulation.draws import Floats
from scanner.sources.simulation.listing import Contracts

Counts = NDArray[np.int64]
_ORDINAL_OF_1970 = date(1970, 1, 1).toordinal()


@dataclass(frozen=True, slots=True)
class Lift:
    """On some days, a name's expiries in a range expect more (or less) volume: ``log_volume`` is added to its log."""

    symbol: str
    days: tuple[date, ...]
    log_volume: float
    first_expiry: date = date.min
    last_expiry: date = date.max


@dataclass(frozen=True, slots=True)
class Block:
    """So many extra lots of a contract (compact OSI symbol) on a day, most of them opening."""

    contract: str
    day: date
    lots: int


@dataclass(frozen=True, slots=True)
class PutCallRatio:
    """A name's put/call volume ratio on a day, exact to the contract.

    All puts are scaled together to ``ordinary``; what is missing to ``ratio`` is then traded in ``contracts``
    (compact OSI symbol -> share), as opening trades.
    """

    symbol: str
    day: date
    ordinary: float
    ratio: float
    contracts: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Story:
    """Everything planted in one market; empty by default.

    ``pins`` holds closes a spot passes through, ``volatility_lifts`` multiplies a name's volatility on some sessions,
    ``popular`` adds to the log of a contract's expected volume for all its life.
    """

    pins: Mapping[str, Mapping[date, float]] = field(default_factory=dict)
    volatility_lifts: Mapping[str, Mapping[date, float]] = field(default_factory=dict)
    popular: Mapping[str, float] = field(default_factory=dict)
    lifts: tuple[Lift, ...] = ()
    blocks: tuple[Block, ...] = ()
    ratios: tuple[PutCallRatio, ...] = ()

    @property
    def end(self) -> date:
        """The last close the story fixes; a path needs to know it from the beginning."""
        return max((day for pins in self.pins.values() for day in pins), default=date.min)

    def of(self, symbols: Collection[str]) -> Story:
        """The same story told only about some names, for a market of those names."""
        return replace(
            self,
            popular={name: log for name, log in self.popular.items() if _underlying(name) in symbols},
            lifts=tuple(lift for lift in self.lifts if lift.symbol in symbols),
            blocks=tuple(block for block in self.blocks if _underlying(block.contract) in symbols),
            ratios=tuple(ratio for ratio in self.ratios if ratio.symbol in symbols),
        )

    def popularity(self, contracts: Contracts) -> Floats:
        """Additions to the lasting log popularity of every contract."""
        added = np.zeros(len(contracts))
        for contract, log_volume in self.popular.items():
            added[_named(contracts, contract)] = log_volume
        return added

    def lift(self, contracts: Contracts, rows: NDArray[np.int64], day: date) -> Floats:
        """Additions to the log of expected volume of some contracts on a day."""
        added = np.zeros(len(rows))
        for lift in self.lifts:
            if day in lift.days:
                expiry = contracts.expiry[rows] + _ORDINAL_OF_1970
                within = (expiry >= lift.first_expiry.toordinal()) & (expiry <= lift.last_expiry.toordinal())
                added[within & _of(contracts, rows, lift.symbol)] += lift.log_volume
        return added

    def plant(self, contracts: Contracts, rows: NDArray[np.int64], day: date, volume: Counts) -> tuple[Counts, Counts]:
        """The volume of a day with the story in it, and how much of each contract's volume is the story's."""
        volume, planted = volume.copy(), np.zeros_like(volume)
        for block in self.blocks:
            if block.day == day:
                planted[rows == _named(contracts, block.contract)] += block.lots
        for ratio in self.ratios:
            if ratio.day == day:
                mine = _of(contracts, rows, ratio.symbol)
                calls, puts = mine & contracts.is_call[rows], mine & ~contracts.is_call[rows]
                factor = ratio.ordinary * volume[calls].sum() / volume[puts].sum()
                volume[puts] = np.rint(volume[puts] * factor).astype(np.int64)
                missing = ratio.ratio * volume[calls].sum() - volume[puts].sum()
                for contract, share in ratio.contracts.items():
                    planted[rows == _named(contracts, contract)] += round(missing * share)
        return volume + planted, planted


def _underlying(contract: str) -> str:
    return symbology.underlying_of(symbology.parse_osi(contract).root)


def _named(contracts: Contracts, contract: str) -> int:
    """Row number of a contract. Raises ValueError where the market does not list it."""
    found = contracts.frame["contract"].index_of(contract)
    if found is None:
        raise ValueError(f"{contract} is not listed in this market, so nothing can be planted in it")
    return found


def _of(contracts: Contracts, rows: NDArray[np.int64], symbol: str) -> NDArray[np.bool_]:
    return (contracts.frame["underlying"] == symbol).to_numpy()[rows]
