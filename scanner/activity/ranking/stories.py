"""Which contracts tell one story, found before anything is held back.

One story are neighbouring strikes of one expiry, of either right; the same strike and right in several expiries; and
equal sizes in one underlying, the legs of a spread. Only what stands out takes part in the linking: linked too, the
rest would chain most of a busy chain together. Where as much as that is chained all the same, only what stands out
more stays linked, for a story names five of its contracts, and a large opening is not to be lost as the sixth.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

# Decades from which on contracts are linked. Asked for more, strikes of one order stay apart and fill the list.
LEAST_LINKED = 1.5
# A story of more contracts than these is linked anew, from so many decades on.
_MOST_TOGETHER, _THEN_LINKED = 15, (2.0, 2.5)
LEG_LOTS, LEG_TOLERANCE = 100, 0.005


def linked(rows: pl.DataFrame) -> NDArray[np.int32]:
    """The number of the story of every row: what is linked, directly or through others, is one.

    ``rows`` are contracts of a session with ``underlying root expiry strike right volume place surprise``: ``place``
    numbers the listed strikes of all expiries in order, ``surprise`` is how rare their volume is, in decades.
    """
    numbered = rows.with_row_index("_row")
    story = _together(numbered.filter(pl.col("surprise") >= LEAST_LINKED), rows.height)
    for least in _THEN_LINKED:
        large = np.bincount(story)[story] > _MOST_TOGETHER
        if not large.any():
            break
        apart = _together(numbered.filter(pl.Series(large) & (pl.col("surprise") >= least)), rows.height)
        story = np.unique(np.where(large, rows.height + apart, story), return_inverse=True)[1]
    return story.astype(np.int32)


def _together(numbered: pl.DataFrame, rows: int) -> NDArray[np.int64]:
    """The number of what is linked for each of so many rows; ``numbered`` are those that take part, by ``_row``."""
    links = [
        _neighbours(numbered.sort("place"), ("root", "expiry"), pl.col("place") <= pl.col("place").shift(1) + 1),
        _neighbours(numbered.sort("root", "right", "strike", "expiry"), ("root", "right", "strike")),
        equal_sizes(numbered.filter(pl.col("volume") >= LEG_LOTS), LEG_TOLERANCE),
    ]
    first, second = np.concatenate(links, axis=1)
    return connected(first, second, rows)


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


def equal_sizes(rows: pl.DataFrame, tolerance: float) -> NDArray[np.int64]:
    """Numbers of the rows of one underlying whose volumes are neighbours within a tolerance, shape (2, pairs)."""
    close = pl.col("volume") <= pl.col("volume").shift(1) * (1 + tolerance)
    return _neighbours(rows.sort("underlying", "volume", "_row"), ("underlying",), close)


def _neighbours(rows: pl.DataFrame, same: tuple[str, ...], close: pl.Expr | None = None) -> NDArray[np.int64]:
    """Numbers of the rows that are linked with the one before them in the order given, shape (2, links)."""
    alike = pl.all_horizontal(pl.col(key) == pl.col(key).shift(1) for key in same)
    pairs = rows.select("_row", before=pl.col("_row").shift(1), alike=alike if close is None else alike & close)
    return pairs.filter("alike").select("before", "_row").to_numpy().T.astype(np.int64)
