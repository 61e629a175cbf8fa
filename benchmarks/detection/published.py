"""The published rules of the field as ranked detectors, each read in the way that serves it best.

A rule gives a number to every contract of a session: 0 or less where it does not fire, else the number it would rank
its alerts by. Ratios have a floor of one lot under them, so that a contract without a past can fire, and ask for at
least 50 lots, so that they are not drowned in ones and twos; no published text asks for less.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
_LEAST = 50


@dataclass(frozen=True)
class Session:
    """What the rules look at, one row a contract.

    ``past`` (contracts, up to 90 sessions, newest last) holds earlier volumes, NaN where not listed; ``underlying`` is
    a number; ``otm_pct`` is the distance out of the money as a fraction of spot; ``price`` is dollars a share.
    """

    volume: Array
    open_interest: Array
    price: Array
    days: NDArray[np.int32]
    otm_pct: Array
    call: NDArray[np.bool_]
    underlying: NDArray[np.int32]
    past: NDArray[np.float32]

    @property
    def premium(self) -> Array:
        """Traded value in dollars; 0 where no price is known."""
        return np.nan_to_num(self.volume * self.price * 100)

    def mean(self, sessions: int) -> Array:
        """Mean volume of the last sessions a contract was listed in; 0 without any."""
        recent = self.past[:, -sessions:]
        known = np.isfinite(recent)
        return np.asarray(np.where(known, recent, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1), np.float64)

    def by_underlying(self, values: Array) -> Array:
        """The sum of values over each contract's underlying."""
        return np.asarray(np.bincount(self.underlying, values)[self.underlying], np.float64)


def barchart(session: Session) -> Array:
    """Volume > 500, open interest > 100, last > $0.10, volume / open interest >= 1.25; ranked by that ratio."""
    ratio = session.volume / np.maximum(session.open_interest, 1)
    fires = (session.volume > 500) & (session.open_interest > 100) & (session.price > 0.10) & (ratio >= 1.25)
    return np.where(fires, ratio, 0.0)


def volume_to_open_interest(session: Session) -> Array:
    """Volume / open interest; the ratio that most free lists sort by."""
    ratio = session.volume / np.maximum(session.open_interest, 1)
    return np.where((session.volume >= _LEAST) & (ratio > 1), ratio, 0.0)


def sizzle(session: Session) -> Array:
    """thinkorswim: the underlying's calls (or puts) / their five-day mean, its contracts in order of volume."""
    side = session.underlying * 2 + session.call
    today = np.bincount(side, session.volume)[side]
    mean = np.bincount(side, session.mean(5))[side]
    return np.where(session.volume >= _LEAST, today / np.maximum(mean, 1) + session.volume / (today + 1), 0.0)


def ratio_to_five_days(session: Session) -> Array:
    """The same idea contract by contract: volume / mean of the last five days."""
    return np.where(session.volume >= _LEAST, session.volume / np.maximum(session.mean(5), 1), 0.0)


def market_chameleon(session: Session) -> Array:
    """Volume of the contract as a share of the underlying's 90-day average."""
    share = session.volume / np.maximum(session.by_underlying(session.mean(90)), 1)
    return np.where(session.volume >= _LEAST, share, 0.0)


def interactive_brokers(session: Session) -> Array:
    """Volume / 30-day exponential average."""
    weight = np.where(np.isfinite(session.past), (1 - 2 / 31) ** np.arange(session.past.shape[1])[::-1], 0.0)
    average = np.where(weight > 0, session.past, 0) * weight
    mean = average.sum(axis=1) / np.maximum(weight.sum(axis=1), 1e-9)
    return np.where(session.volume >= _LEAST, session.volume / np.maximum(mean, 1), 0.0)


def livevol(session: Session) -> Array:
    """Volume / 63-day average."""
    return np.where(session.volume >= _LEAST, session.volume / np.maximum(session.mean(63), 1), 0.0)


def ask_flow(session: Session) -> Array:
    """Unusual Whales: >= $10K, volume > open interest, volume >= 500, open interest <= 5,000, out of the money.

    The side of the trades cannot be seen in a chain, so that condition is left out. Ranked by premium.
    """
    fires = (session.premium >= 1e4) & (session.volume > session.open_interest) & (session.volume >= 500)
    fires &= (session.open_interest <= 5000) & (session.otm_pct > 0)
    return np.where(fires, session.premium, 0.0)


def insider_finance(session: Session) -> Array:
    """At least 10 % out of the money and under 35 days, ranked by premium."""
    fires = (session.otm_pct >= 0.10) & (session.days < 35) & (session.volume > 0)
    return np.where(fires, session.premium, 0.0)


def golden(session: Session) -> Array:
    """InsiderFinance's golden sweep without the tape: premium > $1M and size > open interest, ranked by premium."""
    return np.where((session.premium > 1e6) & (session.volume > session.open_interest), session.premium, 0.0)


def massive(session: Session) -> Array:
    """Premium >= $100K or size >= 1,000, ranked by premium."""
    fires = (session.premium >= 1e5) | (session.volume >= 1000)
    return np.where(fires, session.premium + 1, 0.0)


def trader_daddy(session: Session) -> Array:
    """Volume / open interest by its percentile among the name's own contracts, ties by the ratio itself."""
    ratio = np.where(session.volume >= _LEAST, session.volume / np.maximum(session.open_interest, 1), 0.0)
    result = np.zeros(len(ratio))
    for name in np.unique(session.underlying):
        rows = np.flatnonzero(session.underlying == name)
        result[rows] = np.argsort(np.argsort(ratio[rows], kind="stable"), kind="stable") / len(rows)
    return np.where(ratio > 0, result + 1e-9 * ratio, 0.0)


def median_deviation(session: Session) -> Array:
    """The 3.5-MAD rule: (volume - median) / (1.4826 MAD) over 20 days, the MAD at least one lot."""
    recent = np.sort(session.past[:, -20:], axis=1)
    median = _median(recent)
    spread = _median(np.sort(np.abs(recent - median[:, None]), axis=1))
    score = (session.volume - np.nan_to_num(median)) / (1.4826 * np.maximum(np.nan_to_num(spread), 1))
    return np.where((session.volume >= _LEAST) & (score > 3.5), score, 0.0)


def _median(ordered: NDArray[np.float32]) -> Array:
    """Median of each ascending row, its NaNs last; NaN where all are."""
    count = np.isfinite(ordered).sum(axis=1)
    row, last = np.arange(len(ordered)), np.maximum(count - 1, 0)
    middle = (ordered[row, last // 2] + ordered[row, (last + 1) // 2]) / 2
    return np.where(count > 0, middle, np.nan).astype(np.float64)


RULES: dict[str, Callable[[Session], Array]] = {
    "Barchart": barchart,
    "volume / open interest": volume_to_open_interest,
    "thinkorswim Sizzle": sizzle,
    "volume / 5-day mean": ratio_to_five_days,
    "Market Chameleon": market_chameleon,
    "Interactive Brokers": interactive_brokers,
    "Cboe LiveVol": livevol,
    "Unusual Whales Ask Flow": ask_flow,
    "InsiderFinance": insider_finance,
    "InsiderFinance golden": golden,
    "Massive": massive,
    "TraderDaddy": trader_daddy,
    "3.5 MAD": median_deviation,
}
