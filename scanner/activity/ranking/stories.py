"""Which contracts tell one story, found before anything is held back.

One story are neighbouring strikes of one expiry, of either right; the same strike and right in several expiries; and
equal sizes in one underlying, the legs of a spread. Only what stands out takes part in the linking: linked too, the
rest would chain most of a busy chain together. Where as much as that is chained all the same, only what stands out
more stays linked, for a story names five of its contracts, and a large opening is not to be lost as the sixth.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.kernels.columns import floats, integers, text_numbers

# Decades from which on contracts are linked. Asked for more, strikes of one order stay apart and fill the list.
LEAST_LINKED = 1.5
# A story of more contracts than these is linked anew, from so many decades on.
_MOST_TOGETHER, _THEN_LINKED = 15, (2.0, 2.5)
LEG_LOTS, LEG_TOLERANCE = 100, 0.005


class _Contracts(NamedTuple):
    """What is looked at of contracts, shape (rows,); names and roots as numbers, volumes NaN where not known."""

    name: NDArray[np.int64]
    root: NDArray[np.int64]
    expiry: NDArray[np.int32]
    strike: NDArray[np.float64]
    call: NDArray[np.bool_]
    place: NDArray[np.int64]
    volume: NDArray[np.float64]


def linked(rows: pl.DataFrame) -> NDArray[np.int32]:
    """The number of the story of every row: what is linked, directly or through others, is one.

    ``rows`` are contracts of a session with ``underlying root expiry strike right volume place surprise``: ``place``
    numbers the listed strikes of all expiries in order, ``surprise`` is how rare their volume is, in decades.
    """
    surprise = floats(rows["surprise"])
    contracts = _Contracts(
        text_numbers(rows["underlying"]),
        text_numbers(rows["root"]),
        integers(rows["expiry"]),
        floats(rows["strike"]),
        (rows["right"] == "C").to_numpy(),
        rows["place"].to_numpy(),
        floats(rows["volume"]),
    )
    story = _together(contracts, np.flatnonzero(surprise >= LEAST_LINKED))
    for least in _THEN_LINKED:
        large = np.bincount(story)[story] > _MOST_TOGETHER
        if not large.any():
            break
        apart = _together(contracts, np.flatnonzero(large & (surprise >= least)))
        story = np.unique(np.where(large, rows.height + apart, story), return_inverse=True)[1]
    return story.astype(np.int32)


def _together(contracts: _Contracts, rare: NDArray[np.int64]) -> NDArray[np.int64]:
    """The number of what is linked for each contract; ``rare`` are the rows that take part."""
    name, root, expiry, strike, call, place, volume = contracts
    by_place = rare[np.argsort(place[rare], kind="stable")]
    beside = np.diff(place[by_place]) <= 1
    by_strike = rare[np.lexsort((expiry[rare], strike[rare], call[rare], root[rare]))]
    legs = rare[volume[rare] >= LEG_LOTS]
    links = [
        _alike_as_before(by_place, (root, expiry), beside),
        _alike_as_before(by_strike, (root, call, strike)),
        legs[equal_sizes(name[legs], volume[legs], LEG_TOLERANCE)],
    ]
    first, second = np.concatenate(links, axis=1)
    return connected(first, second, len(name))


def connected(first: NDArray[np.int64], second: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The number of the component of each of ``count`` things of which pairs are linked, in the order of their firsts.

    Every component hangs on the least that one of its links leads to, and what hangs on others on what they hang on,
    until none leads further (Shiloach and Vishkin, An O(log n) parallel connectivity algorithm, 1982).
    """
    root = np.arange(count)
    while True:
        one, other = root[first], root[second]
        apart = one != other
        if not apart.any():
            return (np.cumsum(root == np.arange(count)) - 1)[root]
        low, high = np.minimum(one, other)[apart], np.maximum(one, other)[apart]
        np.minimum.at(root, high, low)
        while not np.array_equal(above := root[root], root):
            root = above


def equal_sizes(name: NDArray[np.int64], volume: NDArray[np.float64], tolerance: float) -> NDArray[np.int64]:
    """Numbers of the rows of one name whose volumes are neighbours within a tolerance, shape (2, pairs)."""
    order = np.lexsort((volume, name))
    close = volume[order[1:]] <= volume[order[:-1]] * (1 + tolerance)
    return _alike_as_before(order, (name,), close)


def _alike_as_before(
    order: NDArray[np.int64], keys: tuple[NDArray[np.generic], ...], close: NDArray[np.bool_] | None = None
) -> NDArray[np.int64]:
    """The rows, in the order given, that agree in the keys with the one before, beside that, shape (2, links).

    ``close`` tells of each but the first, in that order, whether it is as near to the one before as is asked.
    """
    before, after = order[:-1], order[1:]
    alike = np.ones(len(after), bool) if close is None else close
    for key in keys:
        alike = alike & (key[after] == key[before])
    return np.stack([before[alike], after[alike]])
