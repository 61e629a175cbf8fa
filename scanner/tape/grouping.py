"""Which prints are fills of one order: the kernel, over prints sorted by contract, stream and time."""

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
def number_orders(
    stream: NDArray[np.int64],
    time: NDArray[np.int64],
    venue: NDArray[np.int64],
    by_book: NDArray[np.bool_],
    longest: np.int64,
    shortest: np.int64,
    repeat: np.int64,
    at_once: np.int64,
) -> NDArray[np.int64]:
    """Number the orders, from 0 on; one number a print.

    ``stream`` tells prints apart that are never of one order, ``time`` is in ns and ascending in a stream. What takes
    the book is spread over venues: all within ``longest`` ns of the first fill, and no venue again after ``repeat`` ns.
    Where orders of a stream follow each other so fast that strangers would meet in that time, it is as long as brings
    :data:`STRANGERS` of them, and at least ``shortest``; and what comes long after three fills or more, for the time
    that these took, is another order. Everything else happens at one venue within ``at_once`` ns. Venues are
    numbers from 0 to 63.
    """
    orders = np.empty(stream.shape[0], np.int64)
    last_at = np.full(64, np.int64(-1))
    seen = np.full(64, np.int64(-1))
    begins = np.zeros(RECENT, np.int64)
    number, begun, before, window = np.int64(-1), np.int64(0), np.int64(0), longest
    count, fills = 0, 0
    for row in range(stream.shape[0]):
        place = venue[row] & 63
        one = row > 0 and stream[row] == stream[row - 1]
        if one and by_book[row]:
            again = seen[place] == number and time[row] - last_at[place] > repeat
            near = fills < 3 or time[row] - before <= NEAR + SPREAD * (before - begun)
            one = time[row] - begun <= window and near and not again
        elif one:
            one = time[row] - before <= at_once and venue[row] == venue[row - 1]
        if not one:
            number += 1
            fills = 0
            begun = time[row]
            if row == 0 or stream[row] != stream[row - 1]:
                count = 0
            window = longest
            if count >= RECENT:
                window = max(shortest, min(longest, np.int64(STRANGERS * (begun - begins[count % RECENT]) / RECENT)))
            begins[count % RECENT] = begun
            count += 1
        orders[row] = number
        fills += 1
        before = time[row]
        last_at[place] = time[row]
        seen[place] = number
    return orders
