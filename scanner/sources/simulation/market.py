"""The whole market put together: one chain frame per session, or for one moment within it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.errors import SourceError
from scanner.market import chain
from scanner.market.calendar import Calendar
from scanner.sources.simulation import orders
from scanner.sources.simulation.activity import Session, Trading, arrivals, elapsed_at, so_far
from scanner.sources.simulation.draws import Floats, key, name_key
from scanner.sources.simulation.listing import list_contracts
from scanner.sources.simulation.names import Name
from scanner.sources.simulation.paths import walk
from scanner.sources.simulation.prints import Quotes, fill
from scanner.sources.simulation.quotes import Terms, quote
from scanner.sources.simulation.stories import Story

EPOCH = date(2015, 1, 2)
EARLIEST, LATEST = date(2018, 1, 2), date(2030, 6, 28)
SOURCE = "simulated"
_REQUOTES = 78
_SECONDS_A_YEAR = 365 * 86_400
_ORDINAL_OF_1970 = date(1970, 1, 1).toordinal()
_NANOSECONDS = 1_000_000_000
# A quote stands from a little before the round minute on, so that it is older than every fill of an order then.
_QUOTED_BEFORE = 300_000_000


class Market:
    """Some names over some sessions. The same seed, name and session always give the same chain.

    Raises SourceError where a session lies outside the years the simulation covers.
    """

    def __init__(
        self,
        names: Sequence[Name],
        first: date,
        last: date,
        *,
        seed: int,
        rate: float = 0.042,
        story: Story | None = None,
    ) -> None:
        if not EARLIEST <= first <= last <= LATEST:
            raise SourceError(f"the simulated market runs from {EARLIEST} to {LATEST}, not {first} to {last}")
        story = story or Story()
        calendar = Calendar.standard()
        self._paths = walk(seed, names, calendar.sessions_between(EPOCH, max(last, story.end)), story).until(last)
        self._days, self._rate = self._paths.days, rate
        self._first = len(self._days) - len(calendar.sessions_between(first, last))
        self._contracts = list_contracts(names, self._paths.spot, self._days, self._first)
        self._trading = Trading(seed, self._contracts, self._paths, story)
        self._by_name = {
            "width": np.array([name.width for name in names]),
            "penny": np.array([name.penny for name in names]),
            "index": np.array([name.is_index or name.penny for name in names]),
            "european": np.array([name.is_index for name in names]),
            "dividend_yield": np.array([name.dividend_yield for name in names]),
            "level": np.array([name.volatility for name in names]),
        }

    def sessions(self) -> Iterator[pl.DataFrame]:
        """The chain of the whole market at each session's close, oldest first."""
        for session in self._trading.sessions(self._first):
            yield self._frame(session, Calendar.standard().session_close(self._days[session.position]))

    def at(self, instant: datetime) -> pl.DataFrame:
        """The chain at an instant of the last session (its close, where the instant is later)."""
        *_, session = self._trading.sessions(self._first)
        return self._frame(session, min(instant, Calendar.standard().session_close(self._days[session.position])))

    def tape(self) -> pl.DataFrame:
        """Every print of the last session, sorted by time, with the truth behind each (:func:`.prints.fill`).

        Sizes, less what is cancelled, add up to the volumes of the chain at the close; before it the tape is never
        behind the chain, and ahead of it by less than a dozenth of the day.
        """
        *_, session = self._trading.sessions(self._first)
        tapes = [self._tape_of(session, number, name.symbol) for number, name in enumerate(self._paths.names)]
        tape = pl.concat([part for part in tapes if part is not None]).sort("time", maintain_order=True)
        day = self._days[session.position]
        return tape.with_columns(source=pl.lit(SOURCE), simulated=pl.lit(value=True), session_date=pl.lit(day))

    def _tape_of(self, session: Session, number: int, symbol: str) -> pl.DataFrame | None:
        """The prints of one name; None where nothing of it traded. A name's draws are its own."""
        active = np.flatnonzero((session.volume > 0) & (self._contracts.name[session.rows] == number))
        if not len(active):
            return None
        day = self._days[session.position]
        rows = session.rows[active]
        own = name_key(symbol)
        rng = np.random.default_rng([self._trading.seed, own, day.toordinal()])
        sent = orders.send(rng, *arrivals(session, active), self._contracts.expiry[rows], self._contracts.is_call[rows])
        same_day = self._contracts.expiry[rows] == day.toordinal() - _ORDINAL_OF_1970
        elapsed = orders.together(elapsed_at(sent.moment, same_day[sent.contract]), sent.package)
        opened, closed = Calendar.standard().session_open(day), Calendar.standard().session_close(day)
        length, start = (
            round((closed - opened).total_seconds()) * _NANOSECONDS,
            round(opened.timestamp()) * _NANOSECONDS,
        )
        comes = start + (elapsed * length).astype(np.int64)
        prints = fill(rng, sent, comes, self._standing(session, active, sent.contract, elapsed))
        symbols = self._contracts.frame[rows]
        return prints.with_columns(
            sequence=pl.int_range(pl.len(), dtype=pl.Int64) + (own << 24),
            order=pl.col("order") + (own << 24),
            package=pl.col("package") + (own << 24),
            underlying=pl.lit(symbol),
            contract=symbols["contract"].gather(prints["contract"]),
        )

    def _standing(
        self, session: Session, active: NDArray[np.int64], contract: NDArray[np.int64], elapsed: Floats
    ) -> Quotes:
        """The quotes that stood when orders for some of the ``active`` contracts came: those of the chain then."""
        day = self._days[session.position]
        opened, closed = Calendar.standard().session_open(day), Calendar.standard().session_close(day)
        step = np.minimum((elapsed * _REQUOTES).astype(np.int64), _REQUOTES - 1)
        seen, place = np.unique(step * len(active) + contract, return_inverse=True)
        parts: list[dict[str, NDArray[Any]]] = []
        for number in range(_REQUOTES):
            mine = seen[seen // len(active) == number] % len(active)
            rows = session.rows[active[mine]]
            spot, volatility = self._paths.within(session.position, number / _REQUOTES)
            moment = opened + (closed - opened) * number / _REQUOTES
            terms = self._terms(rows, moment, spot, volatility)
            told = quote(terms, key(session.cells[active[mine]], number), np.ones(len(mine), dtype=bool))
            since = np.full(len(mine), round(moment.timestamp()) * _NANOSECONDS - _QUOTED_BEFORE)
            kept = {name: told[name].to_numpy() for name in ("bid", "ask", "bid_size", "ask_size")}
            parts.append({**kept, "since": since, "spot": terms.spot, "penny": terms.penny})
        whole = {name: np.concatenate([part[name] for part in parts])[place] for name in parts[0]}
        return Quotes(**whole)

    def _frame(self, session: Session, instant: datetime) -> pl.DataFrame:
        day = self._days[session.position]
        elapsed = Calendar.standard().elapsed_fraction(instant)
        same_day = self._contracts.expiry[session.rows] == day.toordinal() - _ORDINAL_OF_1970
        volume, when = so_far(session, same_day, elapsed)
        spot, volatility = self._paths.within(session.position, elapsed)
        terms = self._terms(session.rows, instant, spot, volatility)
        moment = key(session.cells, int(elapsed * _REQUOTES))
        return chain.conform(
            self._contracts.frame[session.rows].with_columns(
                source=pl.lit(SOURCE),
                simulated=pl.lit(True),
                session_date=pl.lit(day),
                quote_time=pl.lit(instant, dtype=chain.INSTANT),
                spot=pl.Series(terms.spot),
                volume=pl.Series(volume),
                open_interest=pl.Series(session.open_interest),
                oi_asof=pl.lit(self._days[session.position - 1]),
                last_trade_time=_clock(day, when),
                **quote(terms, moment, volume > 0),
            ),
            Calendar.standard(),
        )

    def _terms(self, rows: NDArray[np.int64], instant: datetime, spot: Floats, volatility: Floats) -> Terms:
        name = self._contracts.name[rows]
        return Terms(
            spot=spot[name],
            strike=self._contracts.strike[rows],
            years=(self._contracts.expires[rows] - instant.timestamp()) / _SECONDS_A_YEAR,
            is_call=self._contracts.is_call[rows],
            volatility=volatility[name],
            rate=self._rate,
            **{field: values[name] for field, values in self._by_name.items()},
        )


def _clock(day: date, when: Floats) -> pl.Series:
    """Fractions of a session as instants, to the second; NaN becomes null."""
    opened, closed = Calendar.standard().session_open(day), Calendar.standard().session_close(day)
    seconds = pl.Series(when * (closed - opened).total_seconds()).fill_nan(None).round().cast(pl.Int64)
    start = int((opened - datetime(1970, 1, 1, tzinfo=opened.tzinfo)) / timedelta(seconds=1))
    return ((seconds + start) * 1_000_000).cast(chain.INSTANT)
