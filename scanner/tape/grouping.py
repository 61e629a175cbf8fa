"""Which prints are fills of one order, and what its fills add up to: kernels over arrays with one entry a print."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scanner.kernels.compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

RECENT = 8
STRANGERS = 0.1
NEAR, SPREAD = 20_000_000, 4
"""Of how many orders before it is known how fast they follow, and how many strangers may come in one order's time;
how long after the last of three fills or more the next one may be: in ns, and in times of what they took."""


@kernel
def by_stream(stream: NDArray[np.int32], streams: int) -> NDArray[np.int64]:
    """The places of the prints stream by stream, in a stream as they came; streams are numbered from 0 on."""
    begins = np.zeros(streams + 1, np.int64)
    for row in range(stream.shape[0]):
        begins[stream[row] + 1] += 1
    for number in range(streams):
        begins[number + 1] += begins[number]
    places = np.empty(stream.shape[0], np.int64)
    for row in range(stream.shape[0]):
        places[begins[stream[row]]] = row
        begins[stream[row]] += 1
    return places


@kernel
def number_orders(
    places: NDArray[np.int64],
    stream: NDArray[np.int32],
    time: NDArray[np.int64],
    venue: NDArray[np.uint8],
    by_book: NDArray[np.bool_],
    size: NDArray[np.int32],
    spans: NDArray[np.int64],
    fewest: int,
) -> tuple[NDArray[np.int32], np.int64]:
    """Number the orders, from 0 on: one number a print, and how many there are.

    ``places`` are those of :func:`by_stream`; ``stream`` tells prints apart that are never of one order, ``time`` is
    in ns and ascending in a stream. ``spans`` are four in ns: longest, shortest, repeat and at once. What takes the
    book is spread over venues: all within the longest of the first fill, and no venue again after the repeat. Where
    orders of a stream follow each other so fast that strangers would meet in that time, it is as long as brings
    :data:`STRANGERS` of them, and at least the shortest; and what comes long after three fills or more, for the time
    that these took, is another order. Fills that come to fewer lots than ``fewest`` are orders of their own.
    Everything else happens at one venue at once. Venues are numbers from 0 to 63.
    """
    longest, shortest, repeat, at_once = spans[0], spans[1], spans[2], spans[3]
    orders = np.empty(stream.shape[0], np.int32)
    last_at = np.full(64, np.int64(-1))
    seen = np.full(64, np.int64(-1))
    begins = np.zeros(RECENT, np.int64)
    number, begun, before, window, started = np.int64(0), np.int64(0), np.int64(0), longest, np.int64(0)
    count, fills, lots = 0, 0, 0
    for position in range(places.shape[0]):
        row = places[position]
        place = venue[row] & 63
        one = position > 0 and stream[row] == stream[places[position - 1]]
        if one and by_book[row]:
            again = seen[place] == started and time[row] - last_at[place] > repeat
            near = fills < 3 or time[row] - before <= NEAR + SPREAD * (before - begun)
            one = time[row] - begun <= window and near and not again
        elif one:
            one = time[row] - before <= at_once and venue[row] == venue[places[position - 1]]
        if not one:
            number = _closed(orders, places, started, position, number, by_book, lots, fewest)
            started, fills, lots, begun = np.int64(position), 0, 0, time[row]
            if position == 0 or stream[row] != stream[places[position - 1]]:
                count = 0
            window = longest
            if count >= RECENT:
                window = max(shortest, min(longest, np.int64(STRANGERS * (begun - begins[count % RECENT]) / RECENT)))
            begins[count % RECENT] = begun
            count += 1
        fills += 1
        lots += size[row]
        before = time[row]
        last_at[place] = time[row]
        seen[place] = started
    return orders, _closed(orders, places, started, places.shape[0], number, by_book, lots, fewest)


@kernel
def _closed(
    orders: NDArray[np.int32],
    places: NDArray[np.int64],
    first: np.int64,
    end: int,
    number: np.int64,
    by_book: NDArray[np.bool_],
    lots: int,
    fewest: int,
) -> np.int64:
    """Give the fills from one position to another their number, or each its own; the next free number."""
    if first == end:
        return number
    apart = by_book[places[first]] and lots < fewest
    for position in range(first, end):
        orders[places[position]] = number + (position - first if apart else 0)
    return number + (end - first if apart else 1)


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
