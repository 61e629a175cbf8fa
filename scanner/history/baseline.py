"""The resident baseline: the newest sessions of one source as dense columns, moved on after each session.

Contracts are numbered once, as they come. A session is one column for each field, as long as there were contracts that
day; adding a session writes that column and touches no other. What a panel needs is gathered from the columns when it
is asked for, in the order root, expiry, strike, right.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import uuid4

import numpy as np
import numpy.typing as npt
import polars as pl

from scanner.history.contract_ids import ContractIndex, Ids
from scanner.history.panel import CONTRACT_SCHEMA, FIELDS, Matrix
from scanner.kernels.compile import kernel
from scanner.kernels.threads import over_items

# A baseline is packed again once more than this share of its contracts has left the window.
_GONE_SHARE = 0.5


@dataclass(frozen=True, slots=True)
class Column:
    """One session: ``values`` has shape (fields, contracts), float32, NaN where unknown or not listed."""

    session: date
    values: Matrix


class Baseline:
    """A window of ``depth`` sessions of a source, or of some of its underlyings."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        # Ids mean the same as long as this does: it changes when contracts are numbered anew.
        self.generation = uuid4().hex
        self.columns: tuple[Column, ...] = ()
        self.index = ContractIndex(pl.DataFrame(schema=CONTRACT_SCHEMA))
        # The ordinal of the newest session that listed each contract.
        self.last_listed = np.empty(0, np.int32)

    @classmethod
    def build(cls, depth: int, sessions: Sequence[date], rows: Iterable[pl.DataFrame]) -> Baseline:
        """A baseline of the sessions given, oldest first; ``rows`` are their contract rows, in the same order."""
        baseline = cls(depth)
        for session, frame in zip(sessions, rows, strict=True):
            baseline.advance(session, frame)
        return baseline

    @property
    def sessions(self) -> tuple[date, ...]:
        """The sessions of the window, ascending."""
        return tuple(column.session for column in self.columns)

    def advance(self, session: date, rows: pl.DataFrame) -> None:
        """Add one session: a frame with the contract columns and ``volume open_interest iv delta mid``."""
        if self.columns and session <= self.columns[-1].session:
            raise ValueError(f"session {session} is not after {self.columns[-1].session}")
        ids = self.index.add(rows)
        values = np.empty((len(FIELDS), len(self.index)), np.float32)
        given = [_plain(rows[field]) for field in FIELDS]

        def fill(first: int, last: int) -> None:
            for line in range(first, last):
                _scatter(given[line], ids, values[line])

        over_items(fill, len(FIELDS), rows.height)
        listed = np.zeros(len(self.index), np.int32)
        listed[: len(self.last_listed)] = self.last_listed
        listed[ids] = session.toordinal()
        self.last_listed = listed
        self.columns = (*self.columns, Column(session, values))[-self.depth :]
        if (listed < self.columns[0].session.toordinal()).mean() > _GONE_SHARE:
            self._pack()

    def listed(self) -> Ids:
        """The ids of the contracts that some session of the window lists, by root, expiry, strike and right."""
        if not self.columns:
            return np.empty(0, np.int32)
        order = self.index.order
        return order[self.last_listed[order] >= self.columns[0].session.toordinal()]

    def _pack(self) -> None:
        """Let go of the contracts that have left the window, and number the others anew."""
        ids = self.listed()
        self.generation = uuid4().hex
        self.columns = tuple(
            Column(column.session, np.stack([_taken(line, ids) for line in column.values])) for column in self.columns
        )
        self.last_listed = self.last_listed[ids]
        self.index = ContractIndex(self.index.contracts[ids])


def _plain(column: pl.Series) -> npt.NDArray[np.generic]:
    """A column as numbers, NaN where null; no copy where there is no null."""
    return (column.cast(pl.Float32).fill_null(np.nan) if column.null_count() else column).rechunk().to_numpy()


def gather(columns: Sequence[Column], field: str, ids: Ids) -> Matrix:
    """One field of some contracts as (contracts, sessions), float32."""
    matrix = np.empty((len(columns), len(ids)), np.float32)
    for line, column in enumerate(columns):
        _take(column.values[FIELDS.index(field)], ids, matrix[line])
    return matrix.T


def _taken(line: npt.NDArray[np.float32], ids: Ids) -> npt.NDArray[np.float32]:
    out = np.empty(len(ids), np.float32)
    _take(line, ids, out)
    return out


@kernel
def _scatter(values: npt.NDArray[np.generic], ids: Ids, out: npt.NDArray[np.float32]) -> None:
    out[:] = np.nan
    for row in range(ids.shape[0]):
        out[ids[row]] = values[row]


@kernel
def _take(line: npt.NDArray[np.float32], ids: Ids, out: npt.NDArray[np.float32]) -> None:
    """Gather from one session's column, which ends before the contracts that were listed later."""
    for row in range(ids.shape[0]):
        out[row] = line[ids[row]] if ids[row] < line.shape[0] else np.nan
