"""Compiled work over the rows of a whole market, in two threads."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

_THREADS = 2
_ROWS_A_THREAD = 50_000
# So many rows' intermediate columns are about what a processor's own cache holds; fewer a part, and the interpreter's
# share of the work shows.
_ROWS_A_PART = 40_000


def in_parts(work: Callable[[slice], None], rows: int) -> None:
    """Run compiled work, which lets go of the interpreter, on parts of the rows in two threads."""
    if rows < _ROWS_A_THREAD:
        work(slice(0, rows))
        return
    edges = np.linspace(0, rows, 4 * _THREADS + 1).astype(int)
    in_pieces(work, [slice(first, last) for first, last in pairwise(edges)])


def in_pieces(work: Callable[[slice], None], parts: Sequence[slice]) -> None:
    """Run compiled work on the given parts, in two threads where there are many rows."""
    if len(parts) < 2 or parts[-1].stop < _ROWS_A_THREAD:
        for part in parts:
            work(part)
        return
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(work, parts))


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """What each of several functions returns, two of them running at a time."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return [future.result() for future in [pool.submit(work) for work in works]]


def whole_names(underlying: NDArray[np.int32]) -> list[slice]:
    """Cut rows into parts of some thousand such that no underlying is in two; shape (rows,), names from 0.

    The roots of one underlying need not be neighbours: SPXL stands between SPX and SPXW.
    """
    rows = len(underlying)
    begins = np.append(0, np.flatnonzero(underlying[1:] != underlying[:-1]) + 1)
    runs = underlying[begins]
    last = np.zeros(int(runs.max()) + 1, np.int64)
    last[runs] = np.arange(len(runs))
    closed = np.maximum.accumulate(last[runs]) == np.arange(len(runs))
    ends = np.append(begins[1:], rows)[closed]
    chosen = ends[
        np.unique(
            np.searchsorted(ends, np.arange(_ROWS_A_PART, rows + _ROWS_A_PART, _ROWS_A_PART)).clip(max=len(ends) - 1)
        )
    ]
    return [slice(first, end) for first, end in pairwise([0, *chosen.tolist()])]
