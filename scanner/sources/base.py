"""What every source is: its row in the register of vendors, and chains for symbols.

A source turns symbols into chains (:mod:`scanner.market.chain`) one at a time, and turns everything that can go wrong
with one symbol into a :class:`Fetched` that says so, so that the next symbol goes on. It knows nothing of what is done
with the chains.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from scanner.errors import ScanProblem

if TYPE_CHECKING:
    import polars as pl

STAGE = "source"
# Tells the time, UTC.
Clock = Callable[[], datetime]


class Gives(StrEnum):
    """A kind of data that a vendor has."""

    chains = "chains"
    trades = "trades"
    events = "events"


@dataclass(frozen=True, slots=True)
class Vendor:
    """One vendor, or one other place that chains come from.

    ``says`` is what it is, in a few words; ``module`` the module that opens it. A ``recorded`` vendor holds chains of
    the past and is judged as of their own quotes; a ``live`` one has the chains of now alone; a simulated one is
    neither. ``delay`` is how far its quotes are behind the market. ``terms`` names the site whose terms restrict
    automated or non-personal use and have to be accepted first, ``key`` the environment variable that holds the
    credential; both are empty where there is none.
    """

    name: str
    says: str
    module: str
    live: bool = False
    recorded: bool = False
    simulated: bool = False
    delay: timedelta = timedelta()
    terms: str = ""
    key: str = ""
    gives: frozenset[Gives] = frozenset({Gives.chains})


@dataclass(frozen=True, slots=True)
class Fetched:
    """What a source had for one symbol: a chain, or the problem instead; ``notes`` say what was mended or left out."""

    symbol: str
    chain: pl.DataFrame | None
    error: ScanProblem | None = None
    notes: tuple[str, ...] = ()


def failed(symbol: str, code: str, message: str) -> Fetched:
    """The answer for a symbol that has no chain."""
    return Fetched(symbol, None, ScanProblem(symbol, STAGE, code, message))


class Source(Protocol):
    """Chains by symbol, as known at ``now`` (UTC). Nothing about one symbol raises; it comes back as an error."""

    vendor: Vendor

    def chains(self, symbols: Iterable[str], now: datetime) -> Iterator[Fetched]:
        """One :class:`Fetched` for each symbol, in the order asked."""
        ...


class SourceSettings(Protocol):
    """What opening a source needs to know; the configuration's settings have this shape."""

    @property
    def path(self) -> Path | None:
        """The file, folder or glob of recorded chains."""
        ...
