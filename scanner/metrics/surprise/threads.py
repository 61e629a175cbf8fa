"""Compiled work over the rows of a whole market, in two threads."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np

_THREADS = 2
_ROWS_A_THREAD = 50_000


def in_parts(work: Callable[[slice], None], rows: int) -> None:
    """Run compiled work, which lets go of the interpreter, on parts of the rows in two threads."""
    if rows < _ROWS_A_THREAD:
        work(slice(0, rows))
        return
    edges = np.linspace(0, rows, 4 * _THREADS + 1).astype(int)
    with ThreadPoolExecutor(_THREADS) as pool:
        list(pool.map(work, [slice(first, last) for first, last in pairwise(edges)]))
