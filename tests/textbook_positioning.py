"""Positioning of one name, written from textbooks in plain Python: what the scanner's figures are held against.

Nothing of the scanner is used here. Prices, gammas and deltas are those of Black (1976) on each expiry's forward (Hull,
Options, Futures, and Other Derivatives, chapters 18 and 19), vanna and charm differences of deltas, roots Brent's.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from scipy.optimize import brentq
from scipy.special import ndtr


@dataclass(frozen=True)
class Option:
    """One contract; ``level`` is the spot that the forwards stand on, where that is not the one told."""

    right: str
    strike: float
    expiry: date
    years: float
    spot: float
    forward: float
    discount: float
    volatility: float | None
    open_interest: int
    multiplier: int = 100
    gamma: float | None = None
    delta: float | None = None
    level: float | None = None

    @property
    def side(self) -> int:
        """What a dealer is taken to hold of it: long calls, short puts."""
        return 1 if self.right == "C" else -1

    @property
    def lots(self) -> int:
        return self.open_interest * self.multiplier


def black(right: str, forward: float, strike: float, years: float, discount: float, volatility: float) -> float:
    """The price of a European option."""
    deviation = volatility * math.sqrt(years)
    d1 = math.log(forward / strike) / deviation + deviation / 2
    side = 1 if right == "C" else -1
    return discount * side * (forward * ndtr(side * d1) - strike * ndtr(side * (d1 - deviation)))


def implied(right: str, price: float, forward: float, strike: float, years: float, discount: float) -> float | None:
    """The volatility of a price by bisection; None where no volatility has it."""

    def miss(volatility: float) -> float:
        return black(right, forward, strike, years, discount, volatility) - price

    return float(brentq(miss, 1e-6, 10.0, xtol=1e-14)) if miss(1e-6) < 0 < miss(10.0) else None


def gamma(option: Option, spot: float | None = None) -> float:
    """Change of delta for a dollar of spot; at another spot the forward moves in proportion."""
    assert option.volatility is not None
    base = option.level or option.spot
    at = base if spot is None else spot
    forward = option.forward * at / base
    deviation = option.volatility * math.sqrt(option.years)
    d1 = math.log(forward / option.strike) / deviation + deviation / 2
    return math.exp(-d1 * d1 / 2) / math.sqrt(2 * math.pi) * option.discount * forward / at / (at * deviation)


def delta(option: Option, spot: float, volatility: float | None = None, passed: float = 0.0) -> float:
    """Change of the price for a dollar of spot, at another volatility, or when some years have passed."""
    assert option.volatility is not None
    years = option.years - passed
    carry = math.log(option.forward / spot) / option.years
    forward, discount = spot * math.exp(carry * years), option.discount ** (years / option.years)
    deviation = (option.volatility if volatility is None else volatility) * math.sqrt(years)
    d1 = math.log(forward / option.strike) / deviation + deviation / 2
    return discount * forward / spot * option.side * float(ndtr(option.side * d1))


def gamma_exposure(option: Option) -> float:
    """Dollars of delta that a move of 1 % changes, of what dealers are taken to hold."""
    sensitivity = gamma(option) if option.gamma is None else option.gamma
    return option.side * option.lots * sensitivity * option.spot * (option.spot / 100)


def delta_exposure(option: Option) -> float:
    """Dollars."""
    return (
        option.side
        * option.lots
        * (delta(option, option.level or option.spot) if option.delta is None else option.delta)
        * option.spot
    )


def vanna_exposure(option: Option) -> float:
    """Dollars of delta that a point of volatility changes: a central difference, four points wide (Richardson)."""
    assert option.volatility is not None
    level = option.volatility
    slope = _slope(lambda change: delta(option, option.spot, level + change), 1e-3 * level)
    return option.side * option.lots * slope * 0.01 * option.spot


def charm_exposure(option: Option) -> float:
    """Dollars of delta that a day changes."""
    slope = _slope(lambda passed: delta(option, option.spot, passed=passed), 1e-3 * option.years)
    return option.side * option.lots * slope / 365 * option.spot


def _slope(of: Callable[[float], float], step: float) -> float:
    """The slope at zero, to the fourth order of a step."""
    return (8 * (of(step) - of(-step)) - (of(2 * step) - of(-2 * step))) / (12 * step)


def zero_gamma(book: Sequence[Option]) -> float | None:
    """The spot nearest to today's, within a quarter of it, at which the book's gamma is nothing, priced anew."""
    open_ones = [option for option in book if option.volatility and option.open_interest > 0 and option.years > 0]
    priced = [replace(option, level=None) for option in open_ones]  # one spot moves, and all forwards with it
    spot = priced[0].spot

    def exposure(at: float) -> float:
        return sum(option.side * option.lots * gamma(option, at) for option in priced)

    # Steps of 0.05 %, outward on both sides; of crossings in one step of either side the nearer one.
    last = {1: exposure(spot), -1: exposure(spot)}
    for step in range(1, 501):
        found = []
        for side in (1, -1):
            low, high = spot * (1 + side * (step - 1) * 5e-4), spot * (1 + side * step * 5e-4)
            now = exposure(high)
            if last[side] * now < 0:
                found.append(float(brentq(exposure, low, high, xtol=1e-12)))
            last[side] = now
        if found:
            return min(found, key=lambda root: abs(root - spot))
    return None


def wall(book: Iterable[Option], right: str) -> float:
    """The strike with the most gamma times open interest of calls, or of puts."""
    weights: dict[float, float] = defaultdict(float)
    for option in book:
        if option.right == right and option.volatility:
            weights[option.strike] += (option.gamma or gamma(option)) * option.open_interest
    return max(sorted(weights), key=weights.__getitem__)


def max_pain(book: Sequence[Option]) -> float:
    """The strike at which the open interest pays out least: every contract's payout, at every strike."""

    def payout(at: float) -> float:
        return sum(max(option.side * (at - option.strike), 0.0) * option.open_interest for option in book)

    return min(sorted({option.strike for option in book}), key=payout)


def notional(book: Iterable[Option]) -> float:
    """Dollars of stock that everything open is on."""
    return sum(option.lots * option.spot for option in book)


def straddle(forward: float, years: float, discount: float, volatility: float) -> float:
    """Call and put struck at the forward, as a part of it."""
    prices = [black(right, forward, forward, years, discount, volatility) for right in "CP"]
    return sum(prices) / forward


def smile_move(quotes: Mapping[str, Mapping[float, tuple[float, float]]], forward: float, discount: float) -> float:
    """One standard deviation of the move, by Cboe's VIX paper: ``quotes`` of calls and puts are bid and ask by strike.

    The strike below the forward counts with the mean of call and put; outward from it what has a bid counts, until two
    strikes in a row have none.
    """
    centre = max(strike for strike in quotes["P"] if strike <= forward)
    taken = {centre: sum(sum(quotes[right][centre]) / 2 for right in "CP") / 2}
    for right, strikes in (
        ("P", sorted((strike for strike in quotes["P"] if strike < centre), reverse=True)),
        ("C", sorted(strike for strike in quotes["C"] if strike > centre)),
    ):
        empty = 0
        for strike in strikes:
            bid, ask = quotes[right][strike]
            empty = 0 if bid > 0 else empty + 1
            if empty == 2:
                break
            if bid > 0:
                taken[strike] = (bid + ask) / 2
    ladder = sorted(taken)
    total = 0.0
    for place, strike in enumerate(ladder):
        low, high = ladder[max(place - 1, 0)], ladder[min(place + 1, len(ladder) - 1)]
        width = (high - low) / 2 if low < strike < high else high - low
        total += 2 * width / strike**2 * taken[strike] / discount
    return math.sqrt(total - (forward / centre - 1) ** 2)


def options(rows: Sequence[Mapping[str, Any]], *, european: bool) -> list[Option]:
    """Contracts out of rows of the contract scope.

    Of European ones the volatility is found anew: in the own mid, or in that of the same strike's other right where the
    row says that it is its ``twin``'s. The spot that an expiry's forward stands on is told by the deltas of a call and
    a put of one strike, which are e to the minus yield times years apart. American gammas, deltas and volatilities are
    taken.
    """
    by_terms = {(row["root"], row["expiry"], row["strike"], row["right"]): row for row in rows}

    def volatility(row: Mapping[str, Any]) -> float | None:
        if not european or row["iv_source"] not in ("own", "twin"):
            return row["iv"]
        right = row["right"] if row["iv_source"] == "own" else {"C": "P", "P": "C"}[row["right"]]
        priced = by_terms[(row["root"], row["expiry"], row["strike"], right)]
        price = priced["last"] if priced["mid"] is None else priced["mid"]
        return implied(right, price, row["forward"], row["strike"], row["years"], row["discount"])

    # Where both rights have one volatility, that is; elsewhere their deltas are of two models.
    levels: dict[tuple[str, date], tuple[float, float]] = {}
    for (root, expiry, strike, right), call in by_terms.items():
        put = by_terms.get((root, expiry, strike, "P"))
        if european and right == "C" and put and call["delta"] is not None and put["delta"] is not None:
            apart = abs(call["iv"] - put["iv"]), call["forward"] * call["discount"] / (call["delta"] - put["delta"])
            levels[(root, expiry)] = min(apart, levels.get((root, expiry), (math.inf, 0.0)))
    return [
        Option(
            row["right"], row["strike"], row["expiry"], row["years"], row["spot"], row["forward"], row["discount"],
            volatility(row), row["open_interest"] or 0, row["multiplier"],
            None if european else row.get("gamma"), None if european else row.get("delta"),
            levels.get((row["root"], row["expiry"]), (0.0, None))[1],
        )
        for row in rows
    ]  # fmt: skip
