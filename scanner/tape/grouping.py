"""Which prints are fills of one order, and what its fills add up to: kernels over arrays with one entry a print."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scanner.kernels.compile import kernel
from scanner.tape.judging import ALONE

if TYPE_CHECKING:
    from numpy.typing import NDArray

VENUES = 64
RECENT = 8
STRANGERS, STRANGERS_OF_TWO = 0.1, 0.03
NEAR, SPREAD = 20_000_000, 4
"""Venues are numbers below the first. Of how many orders before it is known how fast they follow, and how many
strangers may come in the time of one order, and of its first two fills; how long after the last fill one at another
price may be, and after the last of three fills or more any: in ns, and in times of what they took."""


@kernel
def streams(
    contract: NDArray[np.uint32],
    lowest: int,
    way: NDArray[np.int8],
    ways: int,
    use: NDArray[np.uint8],
    price: NDArray[np.float64],
    bid: NDArray[np.float64],
    ask: NDArray[np.float64],
) -> NDArray[np.int32]:
    """The number of each print's stream: its contract, how it traded, and on which side of the middle.

    -1 where it is a leg (``way`` below 0) or apart; contracts are numbered from ``lowest`` on, ways from 0 to ``ways``.
    """
    stream = np.full(price.shape[0], np.int32(-1))
    for row in range(price.shape[0]):
        if way[row] >= 0 and use[row] != ALONE:
            off = price[row] * 2.0 - bid[row] - ask[row]
            side = 1 + int(off > 0.0) - int(off < 0.0)
            stream[row] = ((np.int64(contract[row]) - lowest) * ways + way[row]) * 3 + side
    return stream


@kernel
def by_stream(
    stream: NDArray[np.int32],
    count: int,
    time: NDArray[np.int64],
    size: NDArray[np.int32],
    venue: NDArray[np.uint8],
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each stream begins, shape (count + 1), and its fills as they came; those of no stream (-1) are left out.

    A fill is a row, a time, and a size and venue as one number, shape (fills, 3): whatever is asked of it next stands
    together, and nothing has to be looked for in a whole session.
    """
    begins = np.zeros(count + 1, np.int64)
    for row in range(stream.shape[0]):
        begins[stream[row] + 1] += 1
    # What is of no stream was counted where the first stream begins.
    begins[0] = 0
    for number in range(count):
        begins[number + 1] += begins[number]
    fills = np.empty((begins[count], 3), np.int64)
    free = begins.copy()
    for row in range(stream.shape[0]):
        if stream[row] >= 0:
            place = free[stream[row]]
            fills[place, 0], fills[place, 1] = row, time[row]
            fills[place, 2] = size[row] * np.int64(VENUES) + venue[row]
            free[stream[row]] += 1
    return begins, fills


@kernel
def number_orders(
    prints: int,
    begins: NDArray[np.int64],
    fills: NDArray[np.int64],
    spread: NDArray[np.bool_],
    price: NDArray[np.float64],
    spans: NDArray[np.int64],
    fewest: int,
) -> NDArray[np.int32]:
    """Number the orders, from 0 on: one number a print, -1 for those of no stream.

    ``begins`` and ``fills`` are those of :func:`by_stream`, times in ns and ascending in a stream; ``spread`` tells of
    each way to trade whether it takes the book. ``spans`` are five in ns: longest, of two, shortest, repeat and at
    once. What takes the book is spread over venues: all within the longest of the first fill, the second within its
    own, no venue again after the repeat, and what has another price at the heels of the fill before. Where orders of a
    stream follow each other so fast that strangers would meet in that time, it is as long as brings
    :data:`STRANGERS` of them, and at least the shortest; and what comes long after three fills or more, for the time
    that these took, is another order. Fills that come to fewer lots than ``fewest`` are orders of their own.
    Everything else happens at one venue at once.
    """
    longest, of_two, shortest, repeat, at_once = spans[0], spans[1], spans[2], spans[3], spans[4]
    orders = np.full(prints, np.int32(-1))
    last_at = np.zeros(VENUES, np.int64)
    seen = np.full(VENUES, np.int64(-1))
    begun_at = np.zeros(RECENT, np.int64)
    number = 0
    for stream in range(begins.shape[0] - 1):
        first, end = int(begins[stream]), int(begins[stream + 1])
        by_book = bool(spread[stream // 3 % spread.shape[0]])
        count, lots, started = 0, np.int64(0), first
        window, second, before, begun = longest, of_two, np.int64(0), np.int64(0)
        for position in range(first, end):
            time, venue = fills[position, 1], fills[position, 2] % VENUES
            if position == first:
                one = False
            elif by_book:
                again = seen[venue] == started and time - last_at[venue] > repeat
                near = position - started < 3 or time - before <= NEAR + SPREAD * (before - begun)
                soon = time - begun <= (window if position - started > 1 else second)
                one = bool(soon and near and not again)
                if one and time - before > NEAR:
                    one = bool(price[fills[position, 0]] == price[fills[position - 1, 0]])
            else:
                one = bool(time - before <= at_once and venue == fills[position - 1, 2] % VENUES)
            if not one:
                number = _closed(orders, fills, started, position, number, bool(by_book and lots < fewest))
                started, lots, begun, window, second = position, np.int64(0), time, longest, of_two
                if count >= RECENT:
                    usual = (begun - begun_at[count % RECENT]) / RECENT
                    window = max(shortest, min(longest, np.int64(STRANGERS * usual)))
                    second = max(shortest, min(of_two, np.int64(STRANGERS_OF_TWO * usual)))
                begun_at[count % RECENT] = begun
                count += 1
            lots += fills[position, 2] // VENUES
            before = time
            last_at[venue], seen[venue] = time, started
        number = _closed(orders, fills, started, end, number, bool(by_book and lots < fewest))
    return orders


@kernel
def _closed(orders: NDArray[np.int32], fills: NDArray[np.int64], first: int, end: int, number: int, apart: bool) -> int:
    """Give the fills from one position to another their number, or each its own; the next free number."""
    for position in range(first, end):
        orders[fills[position, 0]] = number
        number += apart
    return number if apart or first == end else number + 1


@kernel
def add_up(
    order: NDArray[np.int32],
    count: int,
    size: NDArray[np.int32],
    chance: NDArray[np.float64],
    venue: NDArray[np.uint8],
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.uint8], NDArray[np.float64]]:
    """What the fills of each order come to; prints are in the order of time, and an ``order`` below 0 is none.

    First print, lots, venues, and lots times the chance that the customer bought.
    """
    first = np.full(count, np.int32(-1))
    lots, venues = np.zeros(count, np.int32), np.zeros(count, np.uint8)
    met, sided = np.zeros(count, np.uint64), np.zeros(count)
    for row in range(order.shape[0]):
        number = order[row]
        if number < 0:
            continue
        if first[number] < 0:
            first[number] = row
        lots[number] += size[row]
        mark = np.uint64(1) << np.uint64(venue[row] & 63)
        if not met[number] & mark:
            met[number] |= mark
            venues[number] += 1
        sided[number] += chance[row] * size[row]
    return first, lots, venues, sided


@kernel
def spent(
    order: NDArray[np.int32], count: int, size: NDArray[np.int32], price: NDArray[np.float64]
) -> NDArray[np.float64]:
    """What the fills of each order cost, for one share a contract; an ``order`` below 0 is none."""
    money = np.zeros(count)
    for row in range(order.shape[0]):
        if order[row] >= 0:
            money[order[row]] += price[row] * size[row]
    return money
