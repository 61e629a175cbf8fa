"""The markets of the demonstration: two stories over forty sessions each.

The size of each story, the market around it and the seed were chosen together, so that the stories stand out and little
else does: a demonstration shows that the pipeline works, and is no evidence of how much it finds. The noise of the
background is drawn as everywhere else, with tails as heavy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from scanner.errors import UsageError
from scanner.sources.simulation.names import NAMES, Name
from scanner.sources.simulation.stories import Block, Lift, PutCallRatio, Story


@dataclass(frozen=True, slots=True)
class Scenario:
    """A market with a planted story: its names, its forty sessions, its seed and the interest rate of the time."""

    title: str
    names: tuple[Name, ...]
    first: date
    last: date
    seed: int
    rate: float
    story: Story


# Where the names stood at the end of each scenario, dollars, roughly as in the real market.
_IN_2025 = {
    "SPY": 647, "QQQ": 576, "SPX": 6480, "AAPL": 239, "AMD": 151, "AMZN": 232, "CLX": 122, "GOOG": 232.7,
    "JPM": 294, "KO": 68, "META": 752, "MSFT": 495, "NVDA": 167, "TSLA": 351,
}  # fmt: skip
_IN_2024 = {
    "SPY": 547, "QQQ": 480, "SPX": 5473, "AAPL": 210, "AMD": 158, "AMZN": 186, "CLX": 135, "GOOG": 178,
    "JPM": 198, "KO": 62.7, "META": 496, "MSFT": 446, "NVDA": 130.8, "TSLA": 182,
}  # fmt: skip


def _names(levels: Mapping[str, float], **changes: dict[str, Any]) -> tuple[Name, ...]:
    """Names at the levels of the time, with what else was different then."""
    return tuple(replace(NAMES[symbol], level=level, **changes.get(symbol, {})) for symbol, level in levels.items())


def _ending(last: date, levels: Mapping[str, float]) -> dict[str, dict[date, float]]:
    """Pins that only say where each name ends."""
    return {symbol: {last: level} for symbol, level in levels.items()}


def _goog_235() -> Scenario:
    """GOOG gains 9 % in a week, volatility hardly moves, and the 235 calls that expire next Friday pile up."""
    tuesday, wednesday, thursday, friday = (date(2025, 9, day) for day in (2, 3, 4, 5))
    week = (tuesday, wednesday, thursday, friday)
    closes = {
        date(2025, 7, 11): 181.3,
        date(2025, 7, 23): 191.5,
        date(2025, 8, 1): 190.0,
        date(2025, 8, 15): 204.9,
        date(2025, 8, 22): 206.7,
        date(2025, 8, 29): 213.5,
        tuesday: 212.0,
        wednesday: 230.2,
        thursday: 231.6,
        friday: 232.7,  # 9 % above the Friday before
    }
    build_up = {tuesday: 2_500, wednesday: 9_000, thursday: 24_000, friday: 96_000}
    return Scenario(
        title="GOOG up 9 % in the week to 2025-09-05, 235 calls build up",
        names=_names(_IN_2025, GOOG={"activity": 9.8}),
        first=date(2025, 7, 11),
        last=friday,
        seed=1,
        rate=0.042,
        story=Story(
            pins=_ending(friday, _IN_2025) | {"GOOG": closes},
            volatility_lifts={"GOOG": {wednesday: 1.03, thursday: 1.03, friday: 1.04}},
            popular={"GOOG250912C00235000": -1.0},
            lifts=(
                # The day's move would make the whole name busy; behind mid-September nobody stirs.
                Lift("GOOG", week, -0.9, first_expiry=date(2025, 9, 15)),
            ),
            blocks=tuple(Block("GOOG250912C00235000", day, lots) for day, lots in build_up.items()),
        ),
    )


def _nvda_puts() -> Scenario:
    """NVDA's put/call ratio goes from 0.58 to 0.70 in a session, all of it in two strikes that expire the next day.

    Puts elsewhere are slack that day, and the two strikes, which hardly anybody had wanted, more than make up for it.
    """
    before, last = date(2024, 6, 18), date(2024, 6, 20)
    closes = {
        date(2024, 4, 24): 79.7,
        date(2024, 5, 22): 95.0,
        date(2024, 5, 23): 103.8,
        date(2024, 5, 31): 109.6,
        date(2024, 6, 7): 120.9,
        date(2024, 6, 10): 121.8,
        date(2024, 6, 14): 131.9,
        date(2024, 6, 17): 131.0,
        before: 135.6,
        last: 130.8,
    }
    puts = {"NVDA240621P00135000": 0.35, "NVDA240621P00130000": 0.65}
    return Scenario(
        title="NVDA put/call ratio 0.58 to 0.70 on 2024-06-20, 135 and 130 puts",
        names=_names(_IN_2024, NVDA={"step": 1.0, "activity": 9.6, "near": 0.45}),
        first=date(2024, 4, 24),
        last=last,
        seed=2,
        rate=0.053,
        story=Story(
            pins=_ending(last, _IN_2024) | {"NVDA": closes},
            popular={"NVDA240621P00135000": -1.0, "NVDA240621P00130000": -3.0},
            ratios=(
                PutCallRatio("NVDA", before, ordinary=0.58, ratio=0.58),
                PutCallRatio("NVDA", last, ordinary=0.38, ratio=0.70, contracts=puts),
            ),
        ),
    )


def scenario(name: str) -> Scenario:
    """A planted market by name. Raises UsageError naming the ones there are."""
    builders = {"goog-235": _goog_235, "nvda-puts": _nvda_puts}
    if name not in builders:
        raise UsageError(f"no simulated scenario {name!r}; there are {', '.join(builders)}")
    return builders[name]()
