"""Chains received: sources asked in turn, each contract once, and the moment that what came is judged as of."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, cast

import polars as pl

from scanner.errors import ScanProblem
from scanner.market.calendar import Calendar
from scanner.market.chain import SORT_KEY, distinct, in_order
from scanner.market.symbology import each_once, plain_ticker

if TYPE_CHECKING:
    from scanner.sources.base import Source


@dataclass(frozen=True, slots=True)
class Request:
    """What a scan is asked for: which symbols (none: all the source has), as of when, and by what name it goes.

    ``as_of`` None means now; for recorded chains, the newest moment recorded.
    """

    symbols: tuple[str, ...]
    as_of: datetime | None
    now: datetime
    scan_id: str


@dataclass
class Received:
    """What the sources gave: one chain frame of all symbols, what failed, and what was mended on the way."""

    chain: pl.DataFrame | None = None
    problems: list[ScanProblem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def symbols(self) -> int:
        """How many names were given or failed."""
        found = 0 if self.chain is None else self.chain["underlying"].n_unique()
        return found + len({problem.symbol for problem in self.problems})


def receive_as_of(sources: Sequence[Source], request: Request, calendar: Calendar) -> tuple[Received, datetime]:
    """What the sources give that can be judged, and the moment it is judged as of."""
    received = receive(sources, request)
    moment = _moment(request, sources, received.chain)
    return (_of_one_session(received, calendar.session_of(moment)) if _recorded(sources) else received), moment


def receive(sources: Sequence[Source], request: Request) -> Received:
    """Ask each source in turn for what the ones before it could not give; the chain holds each contract once.

    A name asked for in two spellings is asked for once. Why an earlier source did not give one is noted, or told with
    the failure of the last.
    """
    received = Received()
    frames: list[pl.DataFrame] = []
    given: set[str] = set()
    open_symbols = each_once(request.symbols)
    asked = {plain_ticker(symbol): symbol for symbol in open_symbols}
    failures: dict[str, list[ScanProblem]] = {}
    for source in sources:
        if frames and not open_symbols:
            break
        for fetched in source.chains(open_symbols, request.as_of or request.now):
            received.notes += [note for note in fetched.notes if note not in received.notes]
            if fetched.chain is not None:
                chain, again = _not_given_yet(fetched.chain, given)
                frames.append(chain)
                received.notes += [
                    f"{name}: {source.vendor.name} gave it again; the chain it gave first counts" for name in again
                ]
                for name in (fetched.symbol, *chain["underlying"].unique()) if failures else ():
                    symbol = asked.get(plain_ticker(name), name)
                    received.notes += _fallen_back(symbol, source.vendor.name, failures.pop(symbol, []))
            elif fetched.error is not None:
                failures.setdefault(fetched.symbol, []).append(fetched.error)
        open_symbols = tuple(symbol for symbol in open_symbols if plain_ticker(symbol) not in given)
    received.problems += [replace(found[-1], message=_joined(found)) for found in failures.values()]
    if frames:
        received.chain, dropped = _each_contract_once(pl.concat(frames))
        received.notes += dropped
    return received


def _fallen_back(symbol: str, vendor: str, before: Sequence[ScanProblem]) -> list[str]:
    """Why a symbol is from a vendor that others were asked before; nothing where none was."""
    if not before:
        return []
    why = _joined(before).removeprefix(f"{before[0].symbol}: ")
    return [f"{symbol}: from {vendor}, because of {why}"]


def _joined(problems: Sequence[ScanProblem]) -> str:
    """What several sources said of one symbol, in the order they were asked."""
    first, *others = (problem.message for problem in problems)
    return "; ".join([first, *(said.removeprefix(f"{problems[0].symbol}: ") for said in others)])


def _not_given_yet(chain: pl.DataFrame, given: set[str]) -> tuple[pl.DataFrame, list[str]]:
    """The chains of an answer whose names, however spelled, were not given before; and the names of the others.

    ``given`` is told of the new ones.
    """
    again: dict[str, str] = {}
    for spelled in distinct(chain["underlying"]):
        name = plain_ticker(spelled)
        if name in given:
            again[spelled] = name
        given.add(name)
    if not again:
        return chain, []
    return chain.filter(~pl.col("underlying").is_in(list(again))), list(again.values())


def _each_contract_once(chain: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """The rows sorted as every chain is, none with a contract that another one before it has; and what was dropped."""
    if in_order(chain):
        return chain, []
    duplicated = chain["contract"].is_duplicated()
    if not duplicated.any():
        return chain.sort(SORT_KEY), []
    # Of two names that list one contract, the one that came first counts, wherever the rows of the other lie.
    by_name = pl.concat(chain.partition_by("underlying", maintain_order=True))
    once = by_name.unique("contract", keep="first", maintain_order=True).sort(SORT_KEY)
    again = chain.filter(duplicated)
    names = ", ".join(again["underlying"].unique().sort())
    dropped = chain.height - once.height
    return once, [
        f"{names}: {dropped:,} rows came with a contract that was there already, such as {again['contract'][0]}"
    ]


def newest_quotes(chain: pl.DataFrame) -> datetime:
    """The newest moment that a chain's quotes describe."""
    return cast("datetime", chain["quote_time"].max())


def _moment(request: Request, sources: Sequence[Source], chain: pl.DataFrame | None) -> datetime:
    """The moment judged: the one asked for, else now; recorded chains are judged as of their newest quotes."""
    if request.as_of is not None:
        return request.as_of
    if chain is not None and _recorded(sources):
        return newest_quotes(chain)
    return request.now


def _recorded(sources: Sequence[Source]) -> bool:
    return all(source.vendor.recorded for source in sources)


def _of_one_session(received: Received, session: date) -> Received:
    """Recorded chains without those of names whose newest one is older than the session judged: those are stale."""
    chain = received.chain
    if chain is None or cast("date", chain["session_date"].min()) >= session:
        return received
    stale = chain.filter(pl.col("session_date") < session).group_by("underlying", maintain_order=True)
    problems = [
        ScanProblem(name, "quality", "stale", _too_old(newest, session))
        for name, newest in stale.agg(pl.col("session_date").max()).iter_rows()
    ]
    kept = chain.filter(pl.col("session_date") >= session)
    return Received(None if kept.is_empty() else kept, [*received.problems, *problems], received.notes)


def _too_old(newest: date, session: date) -> str:
    return f"its newest chain is of {newest}, not of the session judged ({session}); judge it with --as-of {newest}"
