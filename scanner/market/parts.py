"""One chain out of its parts: which recorded chains are pieces of one pull, and how they become one chain again.

Chains are often fetched and filed a piece at a time - an expiry, a right or a page to a file - within seconds or
minutes, or without any time. A piece taken for the chain judges nine contracts of fifty-four. What the pieces hold
tells them from whole chains:

* Only chains of one source, underlying and session can be pieces of one another, each at most ``APART`` after the one
  before it and all within ``SPAN``. A chain of many expiries, asked for politely, takes many minutes; quotes further
  apart no longer go together.
* Pieces that share less than half of their contracts (pages may overlap) belong to one pull. One that repeats what the
  pull already holds begins the next pull.
* A pull that lacks more than a tenth of what the one before it holds is not whole: it renews a part of that chain. Two
  whole pulls of a session, however near to each other, differ by a few newly listed contracts only, and stay two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

import polars as pl

from scanner.market import chain as chain_module

APART = timedelta(minutes=15)
SPAN = timedelta(hours=1)
# Pages of one listing share at most this much of the smaller one; pulls repeat nearly all of it.
_REPEATED = 0.5
# A pull with no more than this of the one before it is a renewed part of that one.
_WHOLE = 0.9
UNQUOTED_SHARE = 0.95


@dataclass(frozen=True)
class Part:
    """A recorded chain as far as it tells whether others complete it.

    ``listing`` is a digest of its contracts and ``read`` gives them: it is called only where the listings of chains
    near each other differ. ``item`` is whatever the caller knows the chain by.
    """

    item: Any
    moment: datetime
    listing: str
    read: Callable[[], Iterable[str]]

    @cached_property
    def contracts(self) -> frozenset[str]:
        """The contracts it holds."""
        return frozenset(self.read())


@dataclass
class Pull:
    """Parts that make one chain, oldest quotes first."""

    parts: list[Part]

    @property
    def begun(self) -> datetime:
        """The moment of its oldest quotes."""
        return self.parts[0].moment

    @property
    def moment(self) -> datetime:
        """The moment of its newest quotes, which is the chain's."""
        return self.parts[-1].moment

    @property
    def contracts(self) -> frozenset[str]:
        """All contracts its parts hold."""
        return frozenset[str]().union(*(part.contracts for part in self.parts))

    def _reaches(self, begun: datetime, moment: datetime) -> bool:
        """Whether quotes from one moment to another are near enough to its own."""
        return begun - self.moment <= APART and moment - self.begun <= SPAN

    def continued_by(self, part: Part) -> bool:
        """Whether a later part belongs to it, by its time and by bringing other contracts."""
        if not self._reaches(part.moment, part.moment) or any(part.listing == known.listing for known in self.parts):
            return False
        held = self.contracts
        return len(part.contracts & held) < _REPEATED * min(len(part.contracts), len(held))

    def completed_by(self, later: Pull) -> bool:
        """Whether a later pull only renews a part of it."""
        listings = {part.listing for part in later.parts}
        if not self._reaches(later.begun, later.moment) or all(part.listing in listings for part in self.parts):
            return False
        held = self.contracts
        return len(later.contracts & held) <= _WHOLE * len(held)


def pulls(parts: Iterable[Part]) -> list[Pull]:
    """The parts of one session of one name and source by the pull they belong to, oldest first."""
    begun: list[Pull] = []
    for part in sorted(parts, key=lambda part: part.moment):
        if begun and begun[-1].continued_by(part):
            begun[-1].parts.append(part)
        else:
            begun.append(Pull([part]))
    whole: list[Pull] = []
    for pull in begun:
        if whole and whole[-1].completed_by(pull):
            whole[-1].parts += pull.parts
        else:
            whole.append(pull)
    return whole


def join(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    """One chain of the frames of a pull: each contract once, by its newest quote, all as of the newest moment.

    Of two quotes of one moment the one with more volume counts, for volume only grows. The price of the underlying is
    the newest that any part has.
    """
    if len(frames) == 1:
        return frames[0]
    rows = pl.concat(frames).sort("quote_time", "volume", nulls_last=False, maintain_order=True)
    newest = rows.with_columns(
        pl.col("quote_time", "underlying").last(),
        spot=pl.col("spot").drop_nulls().last(),
    )
    once = newest.unique("contract", keep="last", maintain_order=True)
    return without_empty_quotes(once).sort(chain_module.SORT_KEY)


def told(what: str, moments: Iterable[datetime], contracts: int) -> str:
    """What was joined, for a person: ``6 files, one chain of 54 contracts, quotes 20:30:00-20:30:05 UTC``."""
    seconds = sorted(f"{moment:%H:%M:%S}" for moment in moments)
    span = seconds[0] if seconds[0] == seconds[-1] else f"{seconds[0]}-{seconds[-1]}"
    return f"{what}, one chain of {contracts:,} contracts, quotes {span} UTC"


def without_empty_quotes(rows: pl.DataFrame) -> pl.DataFrame:
    """Null the quotes of contracts that have none: an ask of zero, and the bid of zero beside it.

    A chain in which nothing is quoted keeps its zeros, so that one can tell "all zero" from "not given".
    """
    if not {"bid", "ask"} <= set(rows.columns):
        return rows
    least = rows["ask"].min()
    if (least is not None and least > 0) or not rows.select(is_quoted()).item():  # type: ignore[operator]
        return rows
    bid, ask = pl.col("bid").fill_null(0.0), pl.col("ask").fill_null(0.0)
    return rows.with_columns(
        bid=pl.when((bid > 0) | (ask > 0) | pl.col("ask").is_null()).then("bid"),
        ask=pl.when(ask > 0).then("ask"),
    )


def is_quoted() -> pl.Expr:
    """Whether anything is quoted in a chain, or among the rows of a group."""
    bid, ask = pl.col("bid").fill_null(0.0), pl.col("ask").fill_null(0.0)
    given = pl.col("bid").is_not_null() | pl.col("ask").is_not_null()
    return (given & (bid == 0) & (ask == 0)).sum() < UNQUOTED_SHARE * given.sum()
