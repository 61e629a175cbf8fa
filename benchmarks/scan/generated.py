"""A market in a folder: sessions of closes, then moments of one session, as canonical Parquet; the same from one seed.

Names list as many contracts as names do: 364 on average, log-normal, so that a few list most. What trades depends on
the name's liquidity, the moneyness, the maturity and a contract's own habit; in the session judged some contracts trade
far more than that. Prices are American, with yields and smiles by name, and widths of quotes that differ.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from benchmarks.market import SESSION, listing
from scanner.market.calendar import Calendar
from scanner.pricing import american
from scanner.pricing.curve import built_in

PER_NAME = 364
SESSIONS = 12
MOMENTS = 4
SEED = 5
_FIRST_MOMENT = datetime(SESSION.year, SESSION.month, SESSION.day, 19, 0, tzinfo=UTC)
_APART = timedelta(minutes=15)
# Of what a session trades, the share that had traded by the first moment, and that trades from one to the next.
_BY_FIRST, _BETWEEN = 0.8, 0.04
# One contract in so many trades what it never does, and no fewer than so many contracts.
_ONE_SPIKE_IN, _LEAST_SPIKES = 20_000, 5


@dataclass(frozen=True)
class Folder:
    """The files of a generated market."""

    path: Path

    @property
    def history(self) -> Path:
        """A file for each session before the one that is scanned."""
        return self.path / "history"

    def moment(self, number: int) -> Path:
        """The folder with the whole market at one moment of the session that is scanned."""
        return self.path / f"moment-{number}"

    @property
    def contracts(self) -> int:
        """How many contracts the market lists."""
        return int(json.loads((self.path / "market.json").read_text())["contracts"])


def market(folder: Path, names: int, sessions: int = SESSIONS) -> Folder:
    """The market of so many names after so many sessions, generated where it is not there yet; whole or not at all."""
    made = Folder(folder / f"{names}-names-{sessions}-sessions-seed-{SEED}")
    if not (made.path / "market.json").exists():
        _generate(made, names, sessions)
    return made


@dataclass
class _Market:
    """What the contracts and the names of a market are like, and what goes on from one session to the next."""

    rows: pl.DataFrame
    random: np.random.Generator
    name: NDArray[np.int64] = field(init=False)
    sign: NDArray[np.int8] = field(init=False)
    habit: NDArray[np.float64] = field(init=False)
    open_interest: NDArray[np.int64] = field(init=False)
    volume: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        rows, random = self.rows, self.random
        self.name = rows["number"].to_numpy()
        self.sign = np.where(rows["right"].to_physical().to_numpy() == 0, 1, -1).astype(np.int8)
        names, count = int(self.name.max()) + 1, rows.height
        self.spot = rows["spot"].to_numpy()[np.unique(self.name, return_index=True)[1]]
        self.level = random.uniform(0.2, 0.8, names)
        self.paid = np.where(random.random(names) < 0.5, 0.0, random.uniform(0.0, 0.05, names))
        self.width = random.uniform(0.005, 0.06, names)
        liquidity = np.exp(random.normal(0.0, 1.0, names)) * np.bincount(self.name) / PER_NAME
        self.habit = random.gamma(0.6, 1.0, count) * liquidity[self.name]
        self.open_interest = (30 * self.habit * random.gamma(1.0, 1.0, count)).astype(np.int64)
        self.volume = np.zeros(count, np.int64)

    def next_session(self) -> None:
        """Spots and levels of volatility move, and the open interest takes what traded."""
        names = len(self.spot)
        self.spot = self.spot * np.exp(self.random.normal(0.0, 0.015, names))
        self.level = self.level * np.exp(self.random.normal(0.0, 0.03, names))
        opened = np.round(self.random.uniform(-0.5, 0.9, len(self.volume)) * self.volume).astype(np.int64)
        self.open_interest = np.maximum(self.open_interest + opened, 0)
        self.volume[:] = 0

    def trade(self, session: date, share: float) -> None:
        """A share of a session's volume trades."""
        distance = np.abs(self._distance(self._years(session)))
        usual = 6 * self.habit * np.exp(-2.5 * distance - self._years(session))
        usual *= share * np.exp(self.random.normal(-0.3, 0.8, len(usual)))
        self.volume += self.random.poisson(np.minimum(usual, 1e6))

    def surprise(self) -> None:
        """Some contracts trade what they never do."""
        count = max(len(self.volume) // _ONE_SPIKE_IN, _LEAST_SPIKES)
        hit = self.random.choice(len(self.volume), count, replace=False)
        self.volume[hit] = self.volume[hit] * 30 + 2_000

    def quoted(self, session: date, moment: datetime) -> pl.DataFrame:
        """The market at a moment, as a file of canonical columns has it."""
        years, strike = self._years(session), self.rows["strike"].to_numpy()
        spot = np.round(self.spot, 2)[self.name]
        distance = self._distance(years)
        smile = self.level[self.name] * (1 - 0.15 * distance + 0.1 * distance**2)
        volatility = np.clip(smile, 0.1, 3.0) * np.exp(self.random.normal(0.0, 0.01, len(strike)))
        rate = built_in().rates(session, years)
        price = american.price(self.sign, spot, strike, years, rate, self.paid[self.name], volatility)
        half = np.maximum(0.01, self.width[self.name] * np.sqrt(price))
        return self.rows.select("underlying", "expiry", "strike", pl.col("right").cast(pl.String)).with_columns(
            session_date=pl.lit(session),
            quote_time=pl.lit(moment).cast(pl.Datetime("us", "UTC")),
            bid=pl.Series(np.maximum(np.round((price - half) * 100) / 100, 0.0)),
            ask=pl.Series(np.round((price + half) * 100 + 0.5) / 100),
            last=pl.Series(np.round(price, 2)),
            volume=pl.Series(self.volume),
            open_interest=pl.Series(self.open_interest),
            spot=pl.Series(spot),
            bid_size=pl.Series(self.random.integers(1, 200, len(strike))),
            ask_size=pl.Series(self.random.integers(1, 200, len(strike))),
        )

    def _years(self, session: date) -> NDArray[np.float64]:
        return (self.rows["expiry"] - session).dt.total_days().to_numpy() / 365 + 1 / 8760

    def _distance(self, years: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.log(self.rows["strike"].to_numpy() / self.spot[self.name]) / np.sqrt(years + 0.05)


def _generate(made: Folder, names: int, sessions: int) -> None:
    random = np.random.default_rng(SEED)
    market = _Market(listing(names, names * PER_NAME, random), random)
    calendar = Calendar.standard()
    for back in range(sessions, 0, -1):
        session = calendar.previous_session(SESSION, back)
        market.next_session()
        market.trade(session, 1.0)
        _write(made.history / f"{session}.parquet", market.quoted(session, calendar.session_close(session)))
    market.next_session()
    market.trade(SESSION, _BY_FIRST)
    market.surprise()
    for number in range(MOMENTS):
        if number:
            market.trade(SESSION, _BETWEEN)
        _write(made.moment(number) / f"{SESSION}.parquet", market.quoted(SESSION, _FIRST_MOMENT + number * _APART))
    (made.path / "market.json").write_text(json.dumps({"names": names, "contracts": market.rows.height}))


def _write(path: Path, rows: pl.DataFrame) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rows.write_parquet(path, compression="zstd", compression_level=1)
