"""The simulated market as a source of live chains and as a generator of history. Everything it gives says so."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import date, datetime

import polars as pl

from scanner.errors import SourceError
from scanner.market.calendar import Calendar
from scanner.sources.base import Clock, Fetched, SourceSettings, failed
from scanner.sources.registry import VENDORS
from scanner.sources.simulation.market import SOURCE, Market
from scanner.sources.simulation.names import NAMES, Name, known, unknown
from scanner.sources.simulation.scenarios import Scenario, scenario
from scanner.sources.simulation.stories import Story

DEFAULT_SEED, DEFAULT_RATE = 1, 0.042
SYMBOLS: tuple[str, ...] = tuple(sorted(NAMES))


def open_source(settings: SourceSettings, calendar: Calendar, clock: Clock | None) -> SimulatedSource:
    """The plain simulated market, which keeps to the standard calendar whatever the exchange announces."""
    del settings, calendar, clock
    return SimulatedSource()


class SimulatedSource:
    """Chains of a market that does not exist, at any moment between 2018 and 2030, without a network or a key.

    ``SYMBOLS`` are all it lists. Outside trading hours the chain is the close of the newest session. The same seed,
    symbol and moment always give the same chain; ``story`` plants something in it (:mod:`.simulation.stories`).
    """

    vendor = VENDORS[SOURCE]

    def __init__(self, seed: int = DEFAULT_SEED, planted: Scenario | None = None) -> None:
        if planted is None:
            self._names, self._seed, self._rate, self._story = NAMES, seed, DEFAULT_RATE, Story()
        else:
            self._names = {name.symbol: name for name in planted.names}
            self._seed, self._rate, self._story = planted.seed, planted.rate, planted.story

    @classmethod
    def of_scenario(cls, name: str) -> SimulatedSource:
        """The market of a planted scenario (``goog-235``, ``nvda-puts``), to be scanned like a live one."""
        return cls(planted=scenario(name))

    def chains(self, symbols: Iterable[str], now: datetime) -> Iterator[Fetched]:
        """One answer per symbol, in the order asked: its chain as of ``now``, or why there is none."""
        asked = list(symbols)
        names = [self._names[symbol] for symbol in dict.fromkeys(asked) if symbol in self._names]
        try:
            frames = self._frames(names, now)
        except (SourceError, ValueError) as error:
            yield from (failed(symbol, "outside_simulation", str(error)) for symbol in asked)
            return
        for symbol in asked:
            if symbol in frames:
                yield Fetched(symbol, frames[symbol])
            else:
                yield failed(symbol, "unknown_symbol", unknown(symbol, self._names))

    def tape(self, symbol: str, now: datetime) -> pl.DataFrame:
        """Every print of a name in the session of ``now``, up to it, with the truth behind each.

        Raises SourceError for a name that is not listed and a session that is not simulated.
        """
        if symbol not in self._names:
            raise SourceError(unknown(symbol, self._names), code="unknown_symbol")
        session = Calendar.standard().session_of(now)
        market = Market(
            [self._names[symbol]], session, session, seed=self._seed, rate=self._rate, story=self._story.of({symbol})
        )
        return market.tape().filter(pl.col("time") <= now)

    def _frames(self, names: list[Name], now: datetime) -> dict[str, pl.DataFrame]:
        if not names:
            return {}
        session = Calendar.standard().session_of(now)
        story = self._story.of({name.symbol for name in names})
        frame = Market(names, session, session, seed=self._seed, rate=self._rate, story=story).at(now)
        return {str(part["underlying"][0]): part for part in frame.partition_by("underlying", maintain_order=True)}


def sessions(
    market: str | Iterable[str],
    first: date | None = None,
    last: date | None = None,
    seed: int = DEFAULT_SEED,
    story: Story | None = None,
    symbols: Collection[str] | None = None,
) -> Iterator[pl.DataFrame]:
    """The whole market at each session's close from ``first`` to ``last``: one chain frame a session, oldest first.

    ``market`` is the name of a scenario, whose dates, seed and story are its own (``first`` and ``last`` may narrow
    them, ``symbols`` leave names out: the others stay as they are), or the symbols of a plain market, which needs both
    dates and takes a ``story``. Raises UsageError for an unknown scenario and SourceError for an unknown symbol.
    """
    if isinstance(market, str):
        planted = scenario(market)
        first, last = max(first or planted.first, planted.first), min(last or planted.last, planted.last)
        names = tuple(name for name in planted.names if symbols is None or name.symbol in symbols)
        seed, rate, story = planted.seed, planted.rate, planted.story.of({name.symbol for name in names})
    else:
        names, rate = known(market), DEFAULT_RATE
    if first is None or last is None:
        raise SourceError("a plain simulated market needs its first and its last session")
    yield from Market(names, first, last, seed=seed, rate=rate, story=story).sessions()


def sample_market(
    seed: int,
    symbols: Iterable[str] = SYMBOLS,
    last: date = date(2025, 6, 13),
    count: int = 30,
    story: Story | None = None,
) -> list[pl.DataFrame]:
    """``count`` sessions ending with ``last``, one chain frame each; nothing is planted in them but the ``story``."""
    first = Calendar.standard().previous_session(last, count - 1)
    return list(sessions(symbols, first, last, seed, story))


def sample_tape(seed: int, symbols: Iterable[str], session: date) -> pl.DataFrame:
    """Every print of a session of the market that :func:`sample_market` gives, with the truth behind each."""
    return Market(known(symbols), session, session, seed=seed, rate=DEFAULT_RATE).tape()
