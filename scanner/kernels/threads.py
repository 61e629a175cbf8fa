"""Threads for compiled work, which lets go of the interpreter; never more than two.

numba's own threading layer is not safe to call from several threads at once, and the scheduler has threads; plain
threads over parts of the rows are. How rows are cut changes how long the work takes and nothing else.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

# What bounds polars' threads bounds these: of several processes on one machine each has its share of it.
_THREADS = max(1, min(2, int(os.environ.get("POLARS_MAX_THREADS") or os.cpu_count() or 1)))
_PARTS_A_THREAD = 4
# From how many rows on a thread is worth its start: rows to be priced, scored, and looked up or filled in.
_WORTH_PRICING, _ROWS_A_THREAD, _WORTH_LOOKING_UP = 20_000, 50_000, 200_000
# Small enough that a piece's arrays stay in the cache.
_PIECE = 65_536


@contextmanager
def one_thread_of_blas() -> Iterator[None]:
    """Have numpy's and scipy's linear algebra compute in one thread meanwhile; also a decorator.

    Its threads wait for each other by turning in a circle, which costs more than half of the time that narrow matrices
    take; and a sum cut for two processors ends in other last digits than one cut for four.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(1, user_api="blas"):
        yield


def at_once(*works: Callable[[], Any]) -> list[Any]:
    """What each of several functions returns, two of them running at a time."""
    with ThreadPoolExecutor(_THREADS) as pool:
        return [future.result() for future in [pool.submit(work) for work in works]]


def _each(work: Callable[..., object], parts: Iterable[tuple[Any, ...]]) -> None:
    """Call ``work(*part)`` for every part, two of them running at a time."""
    at_once(*(partial(work, *part) for part in parts))


def in_parts(work: Callable[[slice], None], rows: int) -> None:
    """Run work on parts of the rows, in two threads where there are many."""
    if rows < _ROWS_A_THREAD:
        work(slice(0, rows))
        return
    edges = np.linspace(0, rows, _PARTS_A_THREAD * _THREADS + 1).astype(int)
    in_pieces(work, [slice(first, last) for first, last in pairwise(edges)])


def in_pieces(work: Callable[[slice], None], parts: Sequence[slice]) -> None:
    """Run work on the given parts, in two threads where there are many rows."""
    if len(parts) < 2 or parts[-1].stop < _ROWS_A_THREAD:
        for part in parts:
            work(part)
        return
    _each(work, ((part,) for part in parts))


def over_items(work: Callable[[int, int], None], items: int, rows: int) -> None:
    """Call ``work(first, last)`` over items that have so many rows together: all at once, or a share a thread."""
    shares = min(_THREADS, items) if rows >= _WORTH_LOOKING_UP else 1
    if shares < 2:
        work(0, items)
        return
    _each(work, pairwise(items * share // shares for share in range(shares + 1)))


def over_groups(kernel: Callable[..., None], offsets: NDArray[np.int64], *arguments: Any) -> None:
    """Call ``kernel(first_group, last_group, offsets, *arguments)`` over chunks of groups with about equal rows."""
    groups = offsets.shape[0] - 1
    if offsets[-1] < _WORTH_PRICING:
        kernel(0, groups, offsets, *arguments)
        return
    cuts = np.linspace(0, offsets[-1], _THREADS * _PARTS_A_THREAD + 1)
    bounds = np.unique(np.concatenate(([0], np.searchsorted(offsets, cuts[1:-1]), [groups])))
    _each(kernel, ((first, last, offsets, *arguments) for first, last in pairwise(bounds.tolist())))


def over_rows(
    out: tuple[NDArray[Any], ...],
    function: Callable[..., tuple[NDArray[Any], ...]],
    arguments: tuple[NDArray[Any], ...],
    spans: Sequence[tuple[int, int]],
) -> None:
    """Write ``function(*arguments)`` of some ranges of rows into ``out``, in place; other rows stay as they are."""
    run = partial(_write, out, function, arguments)
    if sum(stop - start for start, stop in spans) < _WORTH_PRICING:
        for start, stop in spans:
            run(start, stop)
        return
    _each(run, [(at, min(at + _PIECE, stop)) for start, stop in spans for at in range(start, stop, _PIECE)])


def over_spans(
    out: tuple[NDArray[Any], ...],
    function: Callable[..., tuple[NDArray[Any], ...]],
    arguments: tuple[NDArray[Any], ...],
    spans: Sequence[tuple[int, int, Any]],
) -> None:
    """:func:`over_rows` for few and slow rows: each span with one argument more of its own, each as a piece."""
    if spans:
        _each(partial(_write, out, function, arguments), spans)


def _write(
    out: tuple[NDArray[Any], ...],
    function: Callable[..., tuple[NDArray[Any], ...]],
    arguments: tuple[NDArray[Any], ...],
    start: int,
    stop: int,
    *own: Any,
) -> None:
    """Put a function's results for one range of rows in their place."""
    results = function(*(array[start:stop] for array in arguments), *own)
    for kept, computed in zip(out, results, strict=True):
        kept[start:stop] = computed
