"""Work that is cut into parts for two threads is done once for every row, and what goes wrong in it is told."""

from __future__ import annotations

import numpy as np
import pytest
import threadpoolctl
from hypothesis import given
from hypothesis import strategies as st

from scanner.kernels import threads

# Below and above what a second thread is worth.
ROWS = st.sampled_from([0, 1, 19_999, 20_000, 49_999, 50_001, 200_003])


@given(ROWS)
def test_every_row_is_worked_on_once_however_the_rows_are_cut(rows: int) -> None:
    seen = np.zeros(rows, np.int64)

    def work(part: slice) -> None:
        seen[part] += 1

    threads.in_parts(work, rows)
    assert (seen == 1).all()


@given(st.integers(1, 70), ROWS)
def test_every_item_is_worked_on_once_by_one_thread_or_two(items: int, rows: int) -> None:
    seen = np.zeros(items, np.int64)

    def work(first: int, last: int) -> None:
        seen[first:last] += 1

    threads.over_items(work, items, rows)
    assert (seen == 1).all()


@given(st.lists(st.integers(1, 9_000), min_size=1, max_size=30))
def test_groups_are_never_cut(sizes: list[int]) -> None:
    offsets = np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
    sums = np.zeros(len(sizes), np.int64)

    def kernel(first: int, last: int, bounds: np.ndarray, ones: np.ndarray) -> None:
        for group in range(first, last):
            sums[group] += ones[bounds[group] : bounds[group + 1]].sum()

    threads.over_groups(kernel, offsets, np.ones(offsets[-1], np.int64))
    assert sums.tolist() == sizes


def test_results_are_written_into_the_given_ranges_alone() -> None:
    values, doubled = np.arange(100_000.0), np.full(100_000, -1.0)
    threads.over_rows((doubled,), lambda given: (2 * given,), (values,), [(10, 20), (30_000, 99_000)])
    inside = np.r_[10:20, 30_000:99_000]
    assert (doubled[inside] == 2 * values[inside]).all()
    assert (np.delete(doubled, inside) == -1.0).all()
    threads.over_spans((doubled,), lambda given, own: (given + own,), (values,), [(0, 2, 5.0), (4, 6, 7.0)])
    assert doubled[:7].tolist() == [5.0, 6.0, -1.0, -1.0, 11.0, 12.0, -1.0]


@pytest.mark.parametrize("rows", [10, 60_000])
def test_what_goes_wrong_in_a_thread_reaches_whoever_asked(rows: int) -> None:
    def work(part: slice) -> None:
        raise ZeroDivisionError(f"{part.start}")

    with pytest.raises(ZeroDivisionError):
        threads.in_parts(work, rows)


def test_linear_algebra_computes_in_one_thread_meanwhile_and_as_before_afterwards() -> None:
    def used() -> set[int]:
        return {pool["num_threads"] for pool in threadpoolctl.threadpool_info() if pool["user_api"] == "blas"}

    with threadpoolctl.threadpool_limits(2, user_api="blas"):
        with threads.one_thread_of_blas():
            meanwhile = used()
        assert (meanwhile, used()) == ({1}, {2})
