"""One chain with all that a scan would measure of it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING, cast

from scanner.app import clock, configuring, opening
from scanner.errors import ScanProblem, UsageError

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl

    from scanner.app.configuring import Place
    from scanner.config import Settings
    from scanner.frames import Frame
    from scanner.metrics.measure import Measured
    from scanner.sources.receiving import Received

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ChainView:
    """A chain as a scan at ``moment`` (UTC) would measure it.

    ``frame`` holds the contracts chosen, one row each, sorted by root, expiry, strike and right, with every
    contract-scope field of ``docs/fields.md``; ``frames`` the whole chain by scope (contract, strike, ladder, expiry,
    underlying, market). Prices are in dollars, volatilities and shares decimals, a missing number is null.
    ``discounting`` says where the interest rates are from, ``notes`` what else to know, ``problems`` what was left out.
    """

    frame: pl.DataFrame
    frames: Mapping[str, pl.DataFrame]
    moment: datetime
    discounting: str
    notes: tuple[str, ...]
    problems: tuple[ScanProblem, ...]

    def to_pandas(self) -> pd.DataFrame:
        """``frame`` as one of pandas; :mod:`scanner.frames` says which dtype becomes which."""
        from scanner.frames import to_pandas

        return to_pandas(self.frame)


def chain(
    symbol: str,
    *,
    expiry: str | date | None = None,
    right: str | None = None,
    near: int | None = None,
    limit: int | None = None,
    as_of: str | date | None = None,
    settings: Settings | Place | None = None,
    source: str | Sequence[str] | None = None,
    path: Place | None = None,
    chain: Frame | None = None,
    store: Place | None = None,
    accept_terms: Sequence[str] = (),
) -> ChainView:
    """One chain: quotes, implied volatility, greeks, volume, open interest and surprise, beside the store's history.

    Narrowed to one ``expiry`` (a date, or ``next`` for the nearest one that has not passed), one ``right`` (``C`` or
    ``P``), the ``near`` strikes on each side of spot, the first ``limit`` contracts. ``as_of`` alone takes what the
    store kept up to that moment. The other arguments are as in :func:`~scanner.app.scanning.scan`; nothing is kept.
    Raises SourceError where there is no chain, UsageError where no contract is left, and what opening a source raises.
    """
    from scanner.market.symbology import ticker
    from scanner.outputs import chain_table

    configured = configuring.settings(settings, store=store, source=source, path=path, accept_terms=accept_terms)
    wanted = right.strip().upper()[:1] if right else None
    if wanted not in (None, "C", "P"):
        raise UsageError(f"--right {right}: expected C or P")
    received, moment, measured = look_at(
        ticker(symbol), as_of, configured, named_source=bool(source or path), handed_in=chain
    )
    found = measured.frames
    contracts = found["contract"]
    chosen = chain_table.select(contracts, expiry=_expiry(expiry, contracts), right=wanted, near=near)
    if chosen.is_empty():
        raise UsageError(f"{symbol}: no contract is left by --expiry, --right and --near")
    notes = tuple(_notes(chosen, near))
    discounting = _discounting(found["expiry"], contracts, configured)
    chosen = chosen.head(limit) if limit else chosen
    return ChainView(chosen, found, moment, discounting, notes, tuple(received.problems))


def look_at(
    symbol: str, as_of: str | date | None, settings: Settings, *, named_source: bool, handed_in: Frame | None
) -> tuple[Received, datetime, Measured]:
    """One symbol's chain, fetched or as the store kept it, its moment, and it measured beside what the store remembers.

    Raises as :func:`~scanner.app.opening.chain_of` does.
    """
    from scanner import pipeline
    from scanner.app import preparing
    from scanner.sources.receiving import Request

    calendar = settings.exchange_calendar
    request = Request((symbol,), configuring.instant_for(as_of, calendar), clock.right_now(), "look")
    received, moment = opening.chain_of(settings, request, named_source=named_source, handed_in=handed_in)
    assert received.chain is not None
    with opening.memory_if_there(settings, calendar.session_of(moment)) as memory:
        setup = preparing.setup(settings, memory.store, memory.state)
        return received, moment, pipeline.look(received.chain, moment, setup)


def _expiry(named: str | date | None, contracts: pl.DataFrame) -> date | None:
    """``expiry``: a date, or ``next`` for the nearest one that has not passed."""
    if named is None:
        return None
    if isinstance(named, date) or named.strip().lower() != "next":
        return configuring.day_for("--expiry", named)
    coming = contracts.filter(contracts["years"] > 0)["expiry"]
    return cast("date | None", coming.min())


def _notes(chosen: pl.DataFrame, near: int | None) -> Iterator[str]:
    if near is not None and chosen["spot"].is_null().any():
        yield "--near: no price of the underlying; strikes are counted from the forward, where there is one"


def _discounting(expiries: pl.DataFrame, chain: pl.DataFrame, settings: Settings) -> str:
    """Where the interest rates are from, for a person."""
    from scanner.app import preparing

    source = preparing.curve(settings).source(cast("date", chain["session_date"].max()))
    told = (expiries["discount_source"] == "chain").sum()
    by_chain = f"; shifted in {told} expiries to the rate their own calls and puts tell" if told else ""
    return f"Discounted by the {source}{by_chain}."
