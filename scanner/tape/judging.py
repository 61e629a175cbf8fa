"""What is looked at print by print, one pass over a tape each: whether it counts, and which side its price tells.

Kernels over arrays with one entry a print. Dollars that are not known are NaN, sizes -1, instants the smallest integer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from scanner.kernels.compile import kernel

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNKNOWN, LATE, APART = 1, 2, 4
"""What a condition says to :func:`judge`, as bits."""

WITHOUT_SIDE, AUCTION = 1, 2
"""What a condition says to :func:`look`, as bits."""

ALL, VOLUME, ALONE = 0, 1, 2
"""What a print counts for, in the order of :data:`scanner.tape.cleaning.USES`."""

PLACES = ("none", "middle", "inner", "outer", "quote", "beyond")
HINTS = ("unknown", "none", "with", "against")
CASES = len(PLACES) * len(HINTS)
"""Where in its quotes a price is, and what the sizes say of that side; so many cases has a mechanism."""

# How far from the middle, as a part of half the spread, is still the middle, and from where on it is near the quote.
_MIDDLE, _NEAR = 1e-6, 0.6
_IN_MIDDLE = PLACES.index("middle")
_NOTHING, _NONE, _WITH, _AGAINST = (HINTS.index(hint) for hint in HINTS)


@kernel
def judge(
    marks: NDArray[np.uint8],
    time: NDArray[np.int64],
    quoted_at: NDArray[np.int64],
    price: NDArray[np.float64],
    bid: NDArray[np.float64],
    ask: NDArray[np.float64],
    far: float,
) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.int64]]:
    """What each print counts for, whether its quote stood before it and can be believed, and what is told of prints.

    The counts are of those that are late, apart, priced outside ``far`` times their quote, with a quote not from
    before them, with a crossed quote, without one, and without a condition.
    """
    use = np.zeros(price.shape[0], np.uint8)
    quoted = np.zeros(price.shape[0], np.bool_)
    counts = np.zeros(7, np.int64)
    for row in range(price.shape[0]):
        if marks[row] & APART:
            use[row] = ALONE
        elif marks[row] & LATE:
            use[row] = VOLUME
        counts[0] += use[row] == VOLUME
        counts[1] += use[row] == ALONE
        is_far = price[row] > far * ask[row] or price[row] < bid[row] / far
        sound = bid[row] >= 0.0 and ask[row] > 0.0 and bid[row] <= ask[row]
        quoted[row] = quoted_at[row] < time[row] and sound and not is_far
        counts[2] += is_far
        counts[3] += quoted_at[row] >= time[row]
        counts[4] += bid[row] > ask[row]
        counts[5] += np.isnan(bid[row]) or np.isnan(ask[row])
        counts[6] += (marks[row] & UNKNOWN) != 0
    return use, quoted, counts


@kernel
def look(
    use: NDArray[np.uint8],
    quoted: NDArray[np.bool_],
    marks: NDArray[np.uint8],
    price: NDArray[np.float64],
    size: NDArray[np.int32],
    bid: NDArray[np.float64],
    ask: NDArray[np.float64],
    bid_size: NDArray[np.int32],
    ask_size: NDArray[np.int32],
) -> tuple[NDArray[np.int8], NDArray[np.uint8]]:
    """The side that each print's price or, in the middle, the depth tells (1 buy, -1 sell, 0 none), and its case.

    A case is ``(auction * len(PLACES) + place) * len(HINTS) + hint``. ``use`` and ``quoted`` are of :func:`judge`.
    """
    direction = np.zeros(price.shape[0], np.int8)
    case = np.zeros(price.shape[0], np.uint8)
    for row in range(price.shape[0]):
        unknown = bid_size[row] < 0 or ask_size[row] < 0
        place, hint, rule = 0, _NOTHING if unknown else _NONE, 0
        if quoted[row] and use[row] == ALL and not marks[row] & WITHOUT_SIDE:
            half = (ask[row] - bid[row]) / 2.0
            off = price[row] - (bid[row] + ask[row]) / 2.0
            away = off / half if half > 0.0 else np.sign(off)
            distance = abs(away)
            rule = int(np.sign(away))
            place = _IN_MIDDLE + int(distance > _MIDDLE) + int(distance >= _NEAR)
            place += int(distance >= 1.0 - _MIDDLE) + int(distance >= 1.0 + _MIDDLE)
        sized = int(size[row] == bid_size[row]) - int(size[row] == ask_size[row])
        if not unknown and sized:
            hint = _WITH if sized == rule else _AGAINST
        if place == _IN_MIDDLE:
            hint = _WITH
            rule = 0 if unknown else int(ask_size[row] > bid_size[row]) - int(ask_size[row] < bid_size[row])
        direction[row] = rule
        case[row] = (place + (len(PLACES) if marks[row] & AUCTION else 0)) * len(HINTS) + hint
    return direction, case
