"""Who sent the orders behind a session's volume: the parents of the prints on the simulated tape.

A contract's volume arrives in a dozen clumps (:func:`.activity.arrivals`). Each clump is cut into orders, whose sizes
are what tapes show: about half are of one lot, many of a round number, and the tail is a Pareto one. An order has an
aggressor's side and a customer's, which are not the same: some fills at the quote belong to customers whose resting
orders were taken. Some orders are legs of a package; both legs trade at one instant.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from scanner.sources.simulation.draws import Floats

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

_ONE_LOT, _ROUND, _TAIL = 0.48, 0.3, 1.5
_ROUND_SIZES = np.array([2, 3, 4, 5, 5, 10, 10, 10, 20, 25, 50, 100])
# A clump of some size is one order this often: somebody wanted just that.
_WHOLE, _WHOLE_FROM = 0.12, 10
_GROWTH = 60
_LARGE = 50
# How orders trade, by chance: of small ones, and of large ones.
KINDS = ("book", "auction", "package", "cross", "floor", "late", "compression")
_SMALL_CHANCES = np.array([0.449, 0.23, 0.32, 0.0004, 0.0002, 0.0002, 0.0002])
_LARGE_CHANCES = np.array([0.37, 0.13, 0.42, 0.03, 0.04, 0.002, 0.008])
# So often is the customer the one who took the quote, and not the one whose order was taken.
_TAKES = 0.62


@dataclass(frozen=True)
class Orders:
    """Arrays, one row an order: ``contract`` counts the rows of the session, ``moment`` is a share of the day's volume.

    ``kind`` numbers :data:`KINDS`; ``aggressor`` and ``customer`` are 1 where that side bought and -1 where it sold;
    ``package`` numbers the package an order is a leg of, -1 where it is none.
    """

    contract: Ints
    moment: Floats
    size: Ints
    kind: Ints
    aggressor: Ints
    customer: Ints
    package: Ints


def send(rng: np.random.Generator, moments: Floats, totals: Ints, expiry: Ints, is_call: Flags) -> Orders:
    """The orders of one name's session.

    ``moments`` and ``totals`` are (contracts, clumps), as :func:`.activity.arrivals` gives them; the rest is one value
    a contract. The sizes of its orders add up to its volume, and the last order of each clump comes at its end.
    """
    lots = np.diff(totals, axis=1, prepend=0)
    begins = np.concatenate([np.zeros((len(moments), 1)), moments[:, :-1]], axis=1)
    clump, size, last = _cut(rng, lots.ravel())
    begin, end = begins.ravel()[clump], moments.ravel()[clump]
    moment = np.where(last, end, begin + (end - begin) * rng.random(len(clump)))
    contract = clump // lots.shape[1]
    draws = rng.random(len(size))
    kind = np.where(size >= _LARGE, _chosen(draws, _LARGE_CHANCES), _chosen(draws, _SMALL_CHANCES))
    # The last order of a clump keeps its moment, so it is no leg.
    kind = np.where(last & (kind == KINDS.index("package")), 0, kind)
    tilt = np.clip(0.5 + 0.12 * rng.standard_normal(len(moments)), 0.1, 0.9)
    aggressor = np.where(rng.random(len(size)) < tilt[contract], 1, -1)
    takes = (kind == KINDS.index("auction")) | (rng.random(len(size)) < _TAKES)
    customer = np.where(takes, aggressor, -aggressor)
    package = np.full(len(size), -1)
    legs = np.flatnonzero(kind == KINDS.index("package"))
    first, second = _paired(size, contract, expiry, legs, moment)
    package[first] = package[second] = np.arange(len(first))
    moment[second] = moment[first] = np.minimum(moment[first], moment[second])
    one_right = is_call[contract[first]] == is_call[contract[second]]
    # Of one right the legs are on opposite sides; of a call and a put half the time.
    opposite = one_right | (rng.random(len(first)) < 0.5)
    for sides in (aggressor, customer):
        sides[second] = np.where(opposite, -sides[first], sides[first])
    kind[legs[package[legs] < 0]] = KINDS.index("book")
    return Orders(contract, moment, size, kind, aggressor, customer, package)


def _cut(rng: np.random.Generator, lots: Ints) -> tuple[Ints, Ints, Flags]:
    """Cut clumps into orders: the clump of each, its size, and whether it is the clump's last one."""
    left = lots.copy()
    whole = (lots >= _WHOLE_FROM) & (rng.random(len(lots)) < _WHOLE)
    clumps, sizes = [np.flatnonzero(whole)], [lots[whole]]
    left[whole] = 0
    passes = 0
    while len(active := np.flatnonzero(left)):
        # The more a clump holds, the larger its later orders: nobody sends ten thousand lots by ones.
        drawn = _sizes(rng, len(active)) * (1 + passes // _GROWTH)
        taken = np.minimum(drawn, left[active])
        left[active] -= taken
        clumps.append(active)
        sizes.append(taken)
        passes += 1
    clump, size = np.concatenate(clumps), np.concatenate(sizes)
    order = np.argsort(clump, kind="stable")
    clump, size = clump[order], size[order]
    return clump, size, np.append(clump[1:] != clump[:-1], np.ones(min(len(clump), 1), dtype=bool))


def _sizes(rng: np.random.Generator, count: int) -> Ints:
    draws = rng.random(count)
    tail = np.ceil(rng.random(count) ** (-1 / _TAIL) * 2).astype(np.int64)
    sizes = np.where(draws < _ONE_LOT + _ROUND, rng.choice(_ROUND_SIZES, count), np.minimum(tail, 20_000))
    return np.where(draws < _ONE_LOT, 1, sizes)


def _chosen(draws: Floats, chances: Floats) -> Ints:
    return np.minimum(np.searchsorted(np.cumsum(chances / chances.sum()), draws), len(chances) - 1)


def _paired(size: Ints, contract: Ints, expiry: Ints, legs: Ints, moment: Floats) -> tuple[Ints, Ints]:
    """Legs of one size in two contracts that come about the same time, as two lists; most of one expiry."""
    hour = np.floor(moment[legs] * 12).astype(np.int64)
    ordered = legs[np.lexsort((moment[legs], expiry[contract[legs]], hour, size[legs]))]
    left, right = ordered[:-1:2], ordered[1::2]
    left = left[: len(right)]
    fits = (size[left] == size[right]) & (contract[left] != contract[right])
    return left[fits], right[fits]


def together(elapsed: Floats, package: Ints) -> Floats:
    """When orders come, with both legs of a package at the earlier moment of the two."""
    legs = np.flatnonzero(package >= 0)
    first = np.full(int(package.max(initial=-1)) + 1, np.inf)
    np.minimum.at(first, package[legs], elapsed[legs])
    changed = elapsed.copy()
    changed[legs] = first[package[legs]]
    return changed
