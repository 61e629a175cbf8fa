"""Chains that a caller holds as a frame, of pandas or polars, as a source."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

import polars as pl

from scanner.errors import ChainError
from scanner.frames import to_polars
from scanner.market.calendar import Calendar
from scanner.market.chain import INSTANT, SCHEMA, conform
from scanner.market.symbology import plain_ticker, written_alike
from scanner.sources.base import Fetched, Vendor, failed
from scanner.sources.files import known_at

if TYPE_CHECKING:
    from scanner.frames import Frame


def chain_from(frame: Frame, calendar: Calendar) -> pl.DataFrame:
    """A caller's frame as a chain (:mod:`scanner.market.chain` has its columns).

    Raises UsageError for what is no frame, ChainError that says all that is wrong with one: columns missing or of the
    wrong type, moments without a time zone, contracts that come twice, a name with rows of two sources.
    """
    given = to_polars(frame)
    floating = [
        name
        for name, dtype in SCHEMA.items()
        if dtype == INSTANT and name in given.columns and _is_floating(given.schema[name])
    ]
    if floating:
        raise ChainError(
            f"moments without a time zone: {', '.join(floating)}; give them one (.dt.tz_localize('UTC') in pandas)"
        )
    chain = written_alike(conform(given, calendar))
    mixed = chain.group_by("underlying").agg(pl.col("source").unique().sort()).filter(pl.col("source").list.len() > 1)
    if mixed.height:
        name, sources = mixed.sort("underlying").row(0)
        raise ChainError(f"{name}: rows of {' and '.join(sources)}, whose volumes do not compare; hand in one of them")
    return chain


def _is_floating(dtype: pl.DataType) -> bool:
    return dtype == pl.Date or (isinstance(dtype, pl.Datetime) and dtype.time_zone is None)


class FrameSource:
    """The newest chain of each name at or before ``now`` out of a frame that is a chain (:func:`chain_from`)."""

    def __init__(self, chain: pl.DataFrame, calendar: Calendar) -> None:
        self._calendar = calendar
        self.vendor = Vendor(
            ",".join(chain["source"].unique().sort()),
            "chains handed in as a frame",
            module="",
            recorded=True,
            simulated=bool(chain["simulated"].any()),
        )
        self._names: dict[str, list[pl.DataFrame]] = {}
        moments = chain.sort("session_date", "quote_time", maintain_order=True).partition_by(
            "underlying", "session_date", maintain_order=True
        )
        for part in moments:
            self._names.setdefault(plain_ticker(part["underlying"][0]), []).append(part)

    def chains(self, symbols: Iterable[str], now: datetime) -> Iterator[Fetched]:
        """One answer for each symbol asked, in that order; without symbols, for every name in the frame."""
        for symbol in tuple(symbols) or sorted(self._names):
            known = [part for part in self._names.get(plain_ticker(symbol), ()) if known_at(part, self._calendar, now)]
            if known:
                yield Fetched(symbol, known[-1])
            else:
                said = f"{symbol}: no chain of it up to {now:%Y-%m-%d %H:%M} UTC in the frame handed in"
                yield failed(symbol, "unknown_symbol", said)
