"""Where the rows of a market are cut for work that looks at whole names."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

# So many rows' intermediate columns are about what a processor's own cache holds; fewer a part, and the interpreter's
# share of the work shows.
_ROWS_A_PART = 40_000


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
