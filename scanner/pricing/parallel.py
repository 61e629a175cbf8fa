"""Two threads for kernels that release the GIL.

numba's own threading layer is not safe to call from several threads at once, and the scheduler has threads; plain
threads over chunks of the rows are.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

_THREADS = min(2, os.cpu_count() or 1)
_CHUNKS_PER_THREAD = 4
_WORTH_A_THREAD = 20_000


def over_groups(kernel: Callable[..., None], offsets: NDArray[np.int64], *arguments: Any) -> None:
    """Call ``kernel(first_group, last_group, offsets, *arguments)`` over chunks of groups with about equal rows."""
    groups = offsets.shape[0] - 1
    if offsets[-1] < _WORTH_A_THREAD:
        kernel(0, groups, offsets, *arguments)
        return
    cuts = np.linspace(0, offsets[-1], _THREADS * _CHUNKS_PER_THREAD + 1)
    bounds = np.unique(np.concatenate(([0], np.searchsorted(offsets, cuts[1:-1]), [groups])))
    with ThreadPoolExecutor(_THREADS) as pool:
        chunks = zip(bounds[:-1].tolist(), bounds[1:].tolist(), strict=True)
        for done in [pool.submit(kernel, first, last, offsets, *arguments) for first, last in chunks]:
            done.result()


def over_rows(function: Callable[..., tuple[NDArray[Any], ...]], *arrays: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """``function(*arrays)`` with the rows shared among the threads; each result array is joined again."""
    rows = arrays[0].shape[0]
    if rows < _WORTH_A_THREAD:
        return function(*arrays)
    cuts = np.linspace(0, rows, _THREADS * _CHUNKS_PER_THREAD + 1).astype(np.int64).tolist()
    with ThreadPoolExecutor(_THREADS) as pool:
        pieces = list(
            pool.map(
                lambda span: function(*(array[span[0] : span[1]] for array in arrays)),
                pairwise(cuts),
            )
        )
    return tuple(np.concatenate(parts) for parts in zip(*pieces, strict=True))
