"""How spots, volatilities and the appetite to trade move from session to session.

Log spots revert slowly to a level (half-life 120 sessions, so that a name stays itself over the years) under shocks
from a common market factor and their own, both with clustered turbulence. Volatility reverts faster and rises when the
spot falls. Activity has a market-wide factor (busy days), one per name, and a tilt between puts and calls.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

import numpy as np
from numpy.typing import NDArray

from scanner.sources.simulation.draws import Floats, Purpose, name_key, normal
from scanner.sources.simulation.names import Name
from scanner.sources.simulation.stories import Story

_MARKET_VOLATILITY = 0.15
_SPOT_REVERSION = np.log(2) / 120
_STEPS = 78


@dataclass(frozen=True)
class Paths:
    """Arrays (sessions, names) at each session's close.

    ``spot`` dollars; ``move`` the day's log return in daily standard deviations; ``volatility`` the instantaneous
    annual one; ``activity`` and ``put_tilt`` additions to the log of expected volume.
    """

    days: tuple[date, ...]
    names: tuple[Name, ...]
    seed: int
    spot: Floats
    move: Floats
    volatility: Floats
    activity: Floats
    put_tilt: Floats

    def until(self, last: date) -> Paths:
        """The same paths up to a session."""
        count = bisect_right(self.days, last)
        fields = ("spot", "move", "volatility", "activity", "put_tilt")
        return replace(self, days=self.days[:count], **{field: getattr(self, field)[:count] for field in fields})

    def within(self, session: int, elapsed: float) -> tuple[Floats, Floats]:
        """Spot and volatility of every name when a fraction of a session has passed: a bridge from close to close."""
        before, after = np.log(self.spot[session - 1]), np.log(self.spot[session])
        step = min(int(elapsed * _STEPS), _STEPS)
        if step == _STEPS:
            return self.spot[session], self.volatility[session]
        keys = np.array([name_key(name.symbol) for name in self.names])[:, None]
        draws = normal(self.seed, keys, self.days[session].toordinal(), np.arange(_STEPS), Purpose.INTRADAY_SPOT)
        walk = np.concatenate([np.zeros((len(self.names), 1)), np.cumsum(draws, axis=1)], axis=1)
        bridge = walk[:, step] - walk[:, -1] * step / _STEPS
        daily = np.array([name.volatility for name in self.names]) / np.sqrt(252)
        overnight = 0.35
        share = overnight + (1 - overnight) * step / _STEPS
        log_spot = before + (after - before) * share + 0.8 * daily * bridge / np.sqrt(_STEPS)
        volatility = self.volatility[session - 1] ** (1 - share) * self.volatility[session] ** share
        return np.round(np.exp(log_spot), 2), volatility


def walk(seed: int, names: Sequence[Name], days: Sequence[date], story: Story) -> Paths:
    """Walk all names through all sessions, through the pins and volatility lifts of the story.

    Between two pins a path keeps its own noise.
    """
    ordinals = np.array([day.toordinal() for day in days])[:, None]
    keys = np.array([name_key(name.symbol) for name in names])[None, :]
    daily = np.array([name.volatility for name in names]) / np.sqrt(252)
    shocks = _shocks(seed, names, keys, ordinals)
    logs = _reverting(shocks, _SPOT_REVERSION, np.zeros(len(names)))
    leverage = np.where(np.array([name.is_index or name.penny for name in names]), 0.055, 0.03)
    own = 0.02 * normal(seed, keys, ordinals, Purpose.VOLATILITY)
    log_volatility = _reverting(own - leverage * shocks / daily, 0.06, np.zeros(len(names)))
    for number, name in enumerate(names):
        logs[:, number] = _pinned(logs[:, number] + np.log(name.level), days, story.pins.get(name.symbol, {}))
        for day, lift in story.volatility_lifts.get(name.symbol, {}).items():
            log_volatility[days.index(day), number] += np.log(lift)
    spot = np.asarray(np.round(np.exp(logs), 2), dtype=np.float64)
    returns = np.diff(np.log(spot), axis=0, prepend=np.log(spot[:1]))
    market = _reverting(0.17 * normal(seed, ordinals, Purpose.MARKET_ACTIVITY), 0.5, np.zeros(1))
    single = _reverting(0.25 * normal(seed, keys, ordinals, Purpose.NAME_ACTIVITY), 0.4, np.zeros(len(names)))
    return Paths(
        days=tuple(days),
        names=tuple(names),
        seed=seed,
        spot=spot,
        move=returns / daily,
        volatility=np.exp(log_volatility) * np.array([name.volatility for name in names]),
        activity=market + single,
        put_tilt=_reverting(0.14 * normal(seed, keys, ordinals, Purpose.PUT_TILT), 0.4, np.zeros(len(names))),
    )


def _shocks(seed: int, names: Sequence[Name], keys: NDArray[Any], ordinals: NDArray[Any]) -> Floats:
    """Daily log shocks (sessions, names): the market's by beta and the name's own, together of the stated size."""
    beta = np.array([name.beta for name in names]) * _MARKET_VOLATILITY
    total = np.array([name.volatility for name in names])
    own = np.sqrt(np.maximum(total**2 - beta**2, 0.0))
    common = normal(seed, ordinals, Purpose.MARKET_RETURN) * _turbulence(seed, 0, ordinals)
    single = normal(seed, keys, ordinals, Purpose.OWN_RETURN) * _turbulence(seed, keys, ordinals)
    return np.asarray((beta * common + own * single) / np.sqrt(252))


def _turbulence(seed: int, keys: NDArray[Any] | int, ordinals: NDArray[Any]) -> Floats:
    """Persistent log-normal scale of returns, mean square one: calm and rough weeks, and fat tails."""
    drawn = normal(seed, keys, ordinals, Purpose.TURBULENCE)
    scale = _reverting(0.15 * drawn, 0.1, np.zeros(drawn.shape[1]))
    variance = 0.15**2 / (1 - 0.9**2)
    return np.exp(scale - variance)


def _reverting(shocks: Floats, speed: float, start: Floats) -> Floats:
    """First-order autoregression down the rows: x[t] = (1 - speed) x[t-1] + shock[t]."""
    values = np.empty_like(shocks)
    current = start
    for row, shock in enumerate(shocks):
        current = (1 - speed) * current + shock
        values[row] = current
    return values


def _pinned(logs: Floats, days: Sequence[date], pins: Mapping[date, float]) -> Floats:
    """Shift a log path so that it passes through the pins, spreading each correction evenly between them."""
    if not pins:
        return logs
    places = np.array([days.index(day) for day in sorted(pins)])
    wanted = np.log([pins[day] for day in sorted(pins)])
    correction = np.interp(np.arange(len(logs)), places, wanted - logs[places])
    return np.asarray(logs + correction)
