"""Dense ids of contracts, found by merging sorted integer keys instead of hashing text.

A contract's key packs the rank of its root, expiry, strike in thousandths and right into 64 bits, so that keys ascend
in the order chains are sorted in: root, expiry, strike, right. The text of a root is looked at only where it changes
from one row to the next, and two sorted chains are joined in one pass over their keys.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from scanner.kernels.columns import floats, integers, run_starts
from scanner.kernels.compile import kernel
from scanner.kernels.threads import over_items

Keys = npt.NDArray[np.uint64]
Ids = npt.NDArray[np.int32]
Columns = tuple[
    npt.NDArray[np.int64],
    npt.NDArray[np.int64],
    npt.NDArray[np.int32],
    npt.NDArray[np.float64],
    npt.NDArray[np.uint8],
]

# 20 bits of root, 16 of expiry (days since 1970), 27 of strike, 1 of right.
_ROOT = np.uint64(44)
_EXPIRY = np.uint64(28)
_STRIKE = np.uint64(1)
_LOW_BITS = np.uint64((1 << 44) - 1)
_LAST = np.uint64((1 << 64) - 1)
# A few names list most contracts: the rows are dealt out, not the names.
_PARTS = 64


class ContractIndex:
    """Contracts and their ids: those it began with in their own order, later ones behind them as they came."""

    def __init__(self, contracts: pl.DataFrame) -> None:
        self._parts = [contracts.clear()]
        self._roots: list[str] = []
        self._keys = np.empty(0, np.uint64)
        self._ids = np.empty(0, np.int32)
        self._take_in(contracts)

    def __len__(self) -> int:
        return len(self._keys)

    @property
    def contracts(self) -> pl.DataFrame:
        """The contracts by id."""
        if len(self._parts) > 1:
            self._parts = [pl.concat(self._parts)]
        return self._parts[0]

    @property
    def order(self) -> Ids:
        """All ids in the order root, expiry, strike, right."""
        return self._ids

    def rows_of(self, frame: pl.DataFrame) -> Ids:
        """The id of every row of a frame with ``root expiry strike right``; -1 where the contract is not known."""
        bounds, ranks, expiry, strike, right = _columns(frame, self._roots)
        out = np.empty(frame.height, np.int32)
        edges = np.searchsorted(bounds, np.linspace(0, frame.height, _PARTS + 1)).tolist()

        def find(part: int, next_part: int) -> None:
            first, last = edges[part], edges[next_part]
            _find(self._keys, self._ids, bounds[first : last + 1], ranks[first:last], expiry, strike, right, out)

        over_items(find, _PARTS, frame.height)
        return out

    def add(self, rows: pl.DataFrame) -> Ids:
        """Number the contracts of a frame that have no id yet. Returns the id of every row."""
        ids = self.rows_of(rows)
        fresh = np.flatnonzero(ids < 0)
        if not len(fresh):
            return ids
        first = len(self)
        self._take_in(rows[fresh].select(self._parts[0].columns))
        ids[fresh] = np.arange(first, len(self), dtype=np.int32)
        return ids

    def _take_in(self, contracts: pl.DataFrame) -> None:
        first = len(self)
        self._rank_roots(contracts["root"])
        keys = _packed(*_columns(contracts, self._roots))
        ids = np.arange(first, first + len(keys), dtype=np.int32)
        if not _ascends(keys):
            order = np.argsort(keys, kind="stable")
            keys, ids = keys[order], ids[order]
        self._keys, self._ids = _merged(self._keys, self._ids, keys, ids)
        self._parts.append(contracts)

    def _rank_roots(self, column: pl.Series) -> None:
        """Give new roots their place among the known ones; ranks move up, the order of the keys stays."""
        known = set(self._roots)
        fresh = set(_root_runs(column)[1]) - known
        if not fresh:
            return
        roots = sorted(known | fresh)
        rank = {root: number for number, root in enumerate(roots)}
        if len(self._keys):
            moved = np.array([rank[root] for root in self._roots], np.uint64)
            self._keys = moved[(self._keys >> _ROOT).astype(np.int64)] << _ROOT | self._keys & _LOW_BITS
        self._roots = roots


def _columns(frame: pl.DataFrame, roots: list[str]) -> Columns:
    """What keys are made of: where runs of one root begin, the rank of each (-1: not known), expiry, strike, right."""
    starts, texts = _root_runs(frame["root"])
    rank = {root: number for number, root in enumerate(roots)}
    return (
        np.append(starts, frame.height),
        np.array([rank.get(text, -1) for text in texts], np.int64),
        integers(frame["expiry"]),
        floats(frame["strike"]),
        (frame["right"] == "P").to_numpy().view(np.uint8),
    )


def _root_runs(column: pl.Series) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Where runs of one root begin, and the root of each."""
    starts = run_starts(column)
    return starts, column[starts].to_list()


@kernel(inline="always")
def _key(root: np.uint64, expiry: np.int32, strike: np.float64, right: np.uint8) -> np.uint64:
    thousandths = np.uint64(np.rint(strike * 1000.0))
    return root << _ROOT | np.uint64(expiry) << _EXPIRY | thousandths << _STRIKE | np.uint64(right)


@kernel
def _packed(
    bounds: npt.NDArray[np.int64],
    ranks: npt.NDArray[np.int64],
    expiry: npt.NDArray[np.int32],
    strike: npt.NDArray[np.float64],
    right: npt.NDArray[np.uint8],
) -> Keys:
    keys = np.empty(expiry.shape[0], np.uint64)
    for run in range(ranks.shape[0]):
        root = np.uint64(ranks[run])
        for row in range(bounds[run], bounds[run + 1]):
            keys[row] = _key(root, expiry[row], strike[row], right[row])
    return keys


@kernel
def _find(
    known: Keys,
    ids: Ids,
    bounds: npt.NDArray[np.int64],
    ranks: npt.NDArray[np.int64],
    expiry: npt.NDArray[np.int32],
    strike: npt.NDArray[np.float64],
    right: npt.NDArray[np.uint8],
    out: Ids,
) -> None:
    """The id of every row: a step forward among the known keys where the rows ascend, a search where they do not."""
    place, last = np.int64(0), _LAST
    for run in range(ranks.shape[0]):
        if ranks[run] < 0:
            out[bounds[run] : bounds[run + 1]] = -1
            continue
        root = np.uint64(ranks[run])
        for row in range(bounds[run], bounds[run + 1]):
            key = _key(root, expiry[row], strike[row], right[row])
            if key < last:
                place = np.searchsorted(known, key)
            last = key
            while place < known.shape[0] and known[place] < key:
                place += 1
            out[row] = ids[place] if place < known.shape[0] and known[place] == key else -1


@kernel
def _ascends(keys: Keys) -> bool:
    falls = 0
    for row in range(1, keys.shape[0]):
        falls += keys[row] < keys[row - 1]
    return falls == 0


@kernel
def _merged(keys: Keys, ids: Ids, more: Keys, more_ids: Ids) -> tuple[Keys, Ids]:
    """Two ascending lists of keys as one, with their ids."""
    out, out_ids = np.empty(len(keys) + len(more), np.uint64), np.empty(len(keys) + len(more), np.int32)
    one = other = 0
    for place in range(len(out)):
        if other == len(more) or (one < len(keys) and keys[one] <= more[other]):
            out[place], out_ids[place] = keys[one], ids[one]
            one += 1
        else:
            out[place], out_ids[place] = more[other], more_ids[other]
            other += 1
    return out, out_ids
