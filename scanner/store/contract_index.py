"""Dense ids of contracts, found by merging sorted integer keys instead of hashing text.

A contract's key packs the rank of its root, expiry, strike in thousandths and right into 64 bits, so that keys ascend
in the order chains are sorted in: root, expiry, strike, right. The text of a root is looked at only where it changes
from one row to the next, and two sorted chains are joined in one pass over their keys.
"""

from __future__ import annotations

import numba
import numpy as np
import numpy.typing as npt
import polars as pl

Keys = npt.NDArray[np.uint64]
Ids = npt.NDArray[np.int32]

# 20 bits of root, 16 of expiry (days since 1970), 27 of strike, 1 of right.
_ROOT = np.uint64(44)
_EXPIRY = np.uint64(28)
_STRIKE = np.uint64(1)
_LOW_BITS = np.uint64((1 << 44) - 1)


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
        keys, known = _pack(frame, self._roots)
        places = _merge(self._keys, keys) if _ascends(keys) else _search(self._keys, keys)
        ids = _looked_up(self._ids, places)
        if not known.all():
            ids[~known] = -1
        return ids

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
        fresh, _ = _pack(contracts, self._roots)
        keys = np.concatenate([self._keys, fresh])
        ids = np.concatenate([self._ids, np.arange(first, len(keys), dtype=np.int32)])
        if not _ascends(keys):
            order = np.argsort(keys, kind="stable")
            keys, ids = keys[order], ids[order]
        self._keys, self._ids = keys, ids
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


def _pack(frame: pl.DataFrame, roots: list[str]) -> tuple[Keys, npt.NDArray[np.bool_]]:
    """The key of every row, and whether its root is known at all."""
    starts, texts = _root_runs(frame["root"])
    rank = {root: number for number, root in enumerate(roots)}
    ranks = np.array([rank.get(text, -1) for text in texts], np.int64)
    ends = np.append(starts[1:], frame.height)
    known = np.ones(frame.height, np.bool_) if (ranks >= 0).all() else np.repeat(ranks >= 0, ends - starts)
    keys = _packed(
        starts,
        ends,
        np.maximum(ranks, 0).astype(np.uint64),
        frame["expiry"].to_physical().to_numpy(),
        frame["strike"].to_numpy(),
        frame["right"].to_physical().to_numpy(),
    )
    return keys, known


def _root_runs(column: pl.Series) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Where runs of one root begin, and the root of each."""
    if column.is_empty():
        return np.empty(0, np.int64), []
    # Arrow keeps a string of up to 12 bytes inside its 16-byte view: equal views are equal strings.
    views = column.rechunk().to_arrow(compat_level=pl.CompatLevel.newest())
    words = np.frombuffer(views.buffers()[1], np.uint64).reshape(-1, 2)[views.offset : views.offset + len(views)]
    starts = _run_starts(words)
    return starts, column.gather(starts).to_list()


@numba.njit(nogil=True, cache=True)
def _run_starts(words: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    starts = np.empty(words.shape[0], np.int64)
    count = 0
    for row in range(words.shape[0]):
        if row == 0 or words[row, 0] != words[row - 1, 0] or words[row, 1] != words[row - 1, 1]:
            starts[count] = row
            count += 1
    return starts[:count].copy()


@numba.njit(nogil=True, cache=True)
def _packed(
    starts: npt.NDArray[np.int64],
    ends: npt.NDArray[np.int64],
    ranks: npt.NDArray[np.uint64],
    expiry: npt.NDArray[np.int32],
    strike: npt.NDArray[np.float64],
    right: npt.NDArray[np.uint8],
) -> Keys:
    keys = np.empty(expiry.shape[0], np.uint64)
    for run in range(starts.shape[0]):
        root = ranks[run] << _ROOT
        for row in range(starts[run], ends[run]):
            thousandths = np.uint64(np.rint(strike[row] * 1000.0))
            keys[row] = root | np.uint64(expiry[row]) << _EXPIRY | thousandths << _STRIKE | np.uint64(right[row])
    return keys


@numba.njit(nogil=True, cache=True)
def _ascends(keys: Keys) -> bool:
    falls = 0
    for row in range(1, keys.shape[0]):
        falls += keys[row] < keys[row - 1]
    return falls == 0


@numba.njit(nogil=True, cache=True)
def _merge(known: Keys, keys: Keys) -> Ids:
    """The place of each key among the known ones, both ascending; -1 where it is not among them."""
    places = np.empty(keys.shape[0], np.int32)
    place = 0
    for row in range(keys.shape[0]):
        while place < known.shape[0] and known[place] < keys[row]:
            place += 1
        places[row] = place if place < known.shape[0] and known[place] == keys[row] else -1
    return places


@numba.njit(nogil=True, cache=True)
def _search(known: Keys, keys: Keys) -> Ids:
    """As :func:`_merge`, for keys in any order."""
    places = np.empty(keys.shape[0], np.int32)
    for row in range(keys.shape[0]):
        place = np.searchsorted(known, keys[row])
        places[row] = place if place < known.shape[0] and known[place] == keys[row] else -1
    return places


@numba.njit(nogil=True, cache=True)
def _looked_up(ids: Ids, places: Ids) -> Ids:
    found = np.empty(places.shape[0], np.int32)
    for row in range(places.shape[0]):
        found[row] = ids[places[row]] if places[row] >= 0 else -1
    return found
