"""What a tape's prints and orders come to contract by contract: kernels, one pass each.

Contracts are numbered from 0 on, and every array that comes back has one entry for each of them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scanner.kernels.compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEGS, AUCTION, FLOOR, BOOK, SWEEP = 1, 2, 4, 8, 16
"""What a print's condition says of it, as bits that may stand together."""


@kernel
def of_prints(
    contract: NDArray[np.int32],
    contracts: int,
    apart: NDArray[np.bool_],
    size: NDArray[np.int32],
    price: NDArray[np.float64],
    chance: NDArray[np.float64],
    marks: NDArray[np.uint8],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Sums over the prints that are not ``apart``.

    Whole numbers, shape (8, contracts): the first print (-1: none), prints, lots, lots of which a side is told, lots in
    legs, in auctions and on the floor, prints of one lot. Others, shape (3, contracts): money for one share a contract,
    that money times twice the chance less one, and lots expected to be bought among those whose side is told.
    """
    whole, parts = np.zeros((8, contracts), np.int64), np.zeros((3, contracts))
    whole[0] = -1
    for row in range(contract.shape[0]):
        if apart[row]:
            continue
        number, lots, mark = contract[row], np.int64(size[row]), marks[row]
        if whole[0, number] < 0:
            whole[0, number] = row
        whole[1, number] += 1
        whole[2, number] += lots
        money = price[row] * lots
        parts[0, number] += money
        if chance[row] != 0.5:
            whole[3, number] += lots
            parts[1, number] += (2.0 * chance[row] - 1.0) * money
            parts[2, number] += chance[row] * lots
        if mark & LEGS:
            whole[4, number] += lots
        if mark & AUCTION:
            whole[5, number] += lots
        if mark & FLOOR:
            whole[6, number] += lots
        if lots == 1:
            whole[7, number] += 1
    return whole, parts


@kernel
def of_orders(
    contract: NDArray[np.int32],
    contracts: int,
    time: NDArray[np.int64],
    first: NDArray[np.int32],
    lots: NDArray[np.int32],
    venues: NDArray[np.uint8],
    sided: NDArray[np.float64],
    marks: NDArray[np.uint8],
    limits: NDArray[np.int64],
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """What the orders of each contract do; orders come contract by contract; ``contract time marks`` are of prints.

    ``limits`` are four: lots of a block, usual orders of a block, orders of a campaign, and the pause in ns that ends
    one. Whole numbers, shape (6, contracts): orders, the largest one's lots, lots in blocks, lots in sweeps, lots and
    orders of the largest campaign. Beside them the median order, NaN without any.
    """
    whole, usual = np.zeros((6, contracts), np.int64), np.full(contracts, np.nan)
    begin = 0
    while begin < first.shape[0]:
        number, end = contract[first[begin]], begin
        while end < first.shape[0] and contract[first[end]] == number:
            end += 1
        ordered = np.sort(lots[begin:end])
        middle = ordered.shape[0] // 2
        median = float(ordered[middle])
        if ordered.shape[0] % 2 == 0:
            median = (float(ordered[middle - 1]) + median) / 2.0
        threshold = max(float(limits[0]), limits[1] * max(median, 1.0))
        sides = np.zeros(2, np.int64)
        for order in range(begin, end):
            size, mark = np.int64(lots[order]), marks[first[order]]
            if size >= threshold:
                whole[2, number] += size
            if mark & SWEEP or (mark & BOOK and venues[order] > 1):
                whole[3, number] += size
            if sided[order] != 0.5 * size:
                sides[1 if sided[order] > 0.5 * size else 0] += size
        whole[0, number], whole[1, number] = end - begin, ordered[-1]
        usual[number] = median
        begun = np.int64(0)
        for side in range(2):
            if sides[side] >= threshold:
                found = _largest_campaign(begin, end, side, time, first, lots, sided, threshold, limits)
                if found[0] > whole[4, number] or (found[0] == whole[4, number] and found[2] < begun):
                    whole[4, number], whole[5, number], begun = found
        begin = end
    return whole, usual


@kernel
def _largest_campaign(
    begin: int,
    end: int,
    side: int,
    time: NDArray[np.int64],
    first: NDArray[np.int32],
    lots: NDArray[np.int32],
    sided: NDArray[np.float64],
    threshold: float,
    limits: NDArray[np.int64],
) -> tuple[np.int64, np.int64, np.int64]:
    """Lots, orders and beginning of the largest campaign of one side among the orders from one place to another."""
    mine = np.empty(end - begin, np.int64)
    count = 0
    for order in range(begin, end):
        if sided[order] != 0.5 * lots[order] and (sided[order] > 0.5 * lots[order]) == (side == 1):
            mine[count] = order
            count += 1
    mine = mine[:count]
    mine = mine[np.argsort(time[first[mine]], kind="mergesort")]
    best, best_orders, best_begun = np.int64(0), np.int64(0), np.int64(0)
    total, orders, begun = np.int64(0), np.int64(0), np.int64(0)
    for place in range(count + 1):
        at = time[first[mine[place]]] if place < count else np.int64(0)
        if place == count or (orders and at - time[first[mine[place - 1]]] > limits[3]):
            if orders >= limits[2] and total >= threshold and total > best:
                best, best_orders, best_begun = total, orders, begun
            total, orders = np.int64(0), np.int64(0)
        if place < count:
            begun = at if orders == 0 else begun
            total += lots[mine[place]]
            orders += 1
    return best, best_orders, best_begun
