"""All that a judgement may know of the past: nothing of it is later than the chain that is judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import polars as pl

    from scanner.history.panel import Panel

OF_EARLIER = ("contract", "underlying", "session_date", "quote_time", "last_trade_time", "volume")
"""What of a session's earlier snapshot its later chains are compared by."""


@dataclass(frozen=True, slots=True)
class Look:
    """One earlier scan of an underlying: the moment its quotes described, and what stood out (contract: surprise)."""

    source: str
    session_date: date
    underlying: str
    quote_time: datetime
    surprises: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Looks:
    """The earlier looks at a session: how many at each underlying, and the largest surprise of a contract in them."""

    counts: Mapping[str, int] = field(default_factory=dict)
    highest: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, earlier: list[Look]) -> Looks:
        """Put looks together."""
        counts: dict[str, int] = {}
        highest: dict[str, float] = {}
        for look in earlier:
            counts[look.underlying] = counts.get(look.underlying, 0) + 1
            for contract, surprise in look.surprises.items():
                highest[contract] = max(surprise, highest.get(contract, surprise))
        return cls(counts, highest)


@dataclass(frozen=True, slots=True)
class KnownBefore:
    """What was known before a chain: all that its numbers rest on but the chain itself.

    ``panel`` remembers the sessions before it, by the calendar that all is judged by; ``earlier`` (:data:`OF_EARLIER`)
    is the newest snapshot of its session before it, ``events`` are earnings, dividends and splits, ``looked`` is what
    earlier scans saw of it. ``closes`` (``underlying session_date close``) are daily closes before the session, on its
    basis, by whoever keeps closes and not chains. ``prints`` is the tape of the chain's session up to its moment, and
    ``largest_orders`` (``orders largest_order``) what contracts traded on the tapes of earlier sessions; None: no tape.
    ``news`` (``underlying at kind what source``) is what happened since the close before, and ``asked`` the kinds of
    news that somebody is asked for. ``stock_prints`` are those of the session up to its moment, ``stock_before`` what
    earlier sessions are compared by (:mod:`scanner.tape.off_exchange`), and ``off_exchange`` (``underlying session_date
    shares short_shares``) what was reported of an earlier day as a whole, ``weeks`` (``underlying week shares trades``)
    what traded on alternative trading systems in an earlier week; None: there are none.
    """

    panel: Panel
    earlier: pl.DataFrame | None = None
    events: pl.DataFrame | None = None
    looked: Looks = field(default_factory=Looks)
    closes: pl.DataFrame | None = None
    prints: pl.DataFrame | None = None
    largest_orders: pl.DataFrame | None = None
    news: pl.DataFrame | None = None
    asked: frozenset[str] = frozenset()
    stock_prints: pl.DataFrame | None = None
    stock_before: pl.DataFrame | None = None
    off_exchange: pl.DataFrame | None = None
    weeks: pl.DataFrame | None = None
