"""Two threads for kernels that release the GIL.

numba's own threading layer is not safe to call from several threads at once, and the scheduler has threads; plain
threads over chunks of the rows are.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import NDArray

_THREADS = min(2, os.cpu_count() or 1)
_CHUNKS_PER_THREAD = 4
_WORTH_A_THREAD = 20_000
# Small enough that a piece's arrays stay in the cache.
_PIECE = 65_536


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


def over_rows(
    out: tuple[NDArray[Any], ...],
    function: Callable[..., tuple[NDArray[Any], ...]],
    arguments: tuple[NDArray[Any], ...],
    spans: Sequence[tuple[int, int]],
) -> None:
    """Write ``function(*arguments)`` of some ranges of rows into ``out``, in place; other rows stay as they are."""

    def run(start: int, stop: int) -> None:
        results = function(*(array[start:stop] for array in arguments))
        for kept, computed in zip(out, results, strict=True):
            kept[start:stop] = computed

    if sum(stop - start for start, stop in spans) < _WORTH_A_THREAD:
        for start, stop in spans:
            run(start, stop)
        return
    pieces = [(at, min(at + _PIECE, stop)) for start, stop in spans for at in range(start, stop, _PIECE)]
    with ThreadPoolExecutor(_THREADS) as pool:
        for done in [pool.submit(run, start, stop) for start, stop in pieces]:
            done.result()


def over_spans(
    out: tuple[NDArray[Any], ...],
    function: Callable[..., tuple[NDArray[Any], ...]],
    arguments: tuple[NDArray[Any], ...],
    spans: Sequence[tuple[int, int, Any]],
) -> None:
    """:func:`over_rows` for few and slow rows: each span with one argument more of its own, each as a piece."""

    def run(start: int, stop: int, own: Any) -> None:
        results = function(*(array[start:stop] for array in arguments), own)
        for kept, computed in zip(out, results, strict=True):
            kept[start:stop] = computed

    if not spans:
        return
    with ThreadPoolExecutor(_THREADS) as pool:
        for done in [pool.submit(run, *span) for span in spans]:
            done.result()
