"""What a weekly column rests on, a name at a time; what is not known is None and is not spoken of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from scanner.outputs.moves import Held

SEVEN = ("AAPL", "AMZN", "GOOG", "META", "MSFT", "NVDA", "TSLA")
BENCHMARK = "SPY"


@dataclass(frozen=True, slots=True)
class Episode:
    """The strongest thing that was told of a name in the week.

    ``traded`` beside what is ``usual`` in so many ``sessions``; ``opened`` tells whether open interest rose by half of
    it the next morning (None: not told yet), ``rises`` how many mornings in a row it rose up to the newest;
    ``strength`` is what sorts alerts for people.
    """

    session: date
    strikes: tuple[float, float]
    rights: str
    expiries: tuple[date, date]
    traded: float
    usual: float | None
    sessions: int
    once_in_sessions: float | None
    opened: bool | None
    rises: int
    strength: tuple[float, ...] = ()

    @property
    def order(self) -> tuple[float, ...]:
        """What sorts the names of a week: how strong it is, then how rare."""
        return *self.strength, self.once_in_sessions or 0.0


@dataclass(frozen=True, slots=True)
class Expiring:
    """What expires next of a name: notional in dollars, and what part of open interest and of gamma goes with it."""

    expiry: date
    notional: float | None
    open_interest: float | None
    gamma: float | None
    positive_gamma: float | None


@dataclass(frozen=True, slots=True)
class NameWeek:
    """One name's week: returns are decimals, ``year`` since the last close of the year before.

    ``context`` is what was measured of the name at its newest session of the week, with ``iv30_change`` and
    ``put_call_volume_prev`` against the last session of the week before.
    """

    name: str
    returned: float | None
    year: float | None
    context: Mapping[str, Any]
    episode: Episode | None = None
    expiring: Expiring | None = None
    events: Sequence[Held] = ()


@dataclass(frozen=True, slots=True)
class Basket:
    """The seven names in equal weights, rebalanced at the end of each quarter, beside the benchmark, since a day."""

    since: date
    seven: float
    benchmark: float | None


@dataclass(frozen=True, slots=True)
class Week:
    """A week: its sessions up to ``last``, of which those ``missing`` are not in the store."""

    last: date
    sessions: Sequence[date]
    missing: Sequence[date]
    names: Sequence[NameWeek]
    basket: Basket | None
    simulated: bool
    judged_anew: bool = False
    notes: Sequence[str] = field(default_factory=tuple)


def basket(
    closes: Mapping[str, Mapping[date, float]], names: Sequence[str], benchmark: Mapping[date, float], last: date
) -> Basket | None:
    """The basket from the first session on which every name has a close up to ``last``; None where there are not two.

    Between two ends of a quarter each name runs on by itself; at the last close of a quarter all are made equal again.
    """
    if any(name not in closes for name in names):
        return None
    days = sorted(set.intersection(*(set(closes[name]) for name in names)))
    days = [day for day in days if day <= last]
    if len(days) < 2 or days[-1] != last:
        return None
    value, start = 1.0, days[0]
    for place, day in enumerate(days[1:], start=1):
        quarter_ends = day == days[-1] or _quarter(days[place + 1]) != _quarter(day)
        if quarter_ends:
            value *= sum(closes[name][day] / closes[name][start] for name in names) / len(names)
            start = day
    beside = benchmark[last] / benchmark[days[0]] - 1 if last in benchmark and days[0] in benchmark else None
    return Basket(days[0], value - 1, beside)


def _quarter(day: date) -> tuple[int, int]:
    return day.year, (day.month - 1) // 3
