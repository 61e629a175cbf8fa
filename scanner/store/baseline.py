"""The resident baseline: the newest sessions of one source as dense arrays, moved on in place after each session.

Contracts are numbered once, in the order root, expiry, strike, right. A session's column is appended, the oldest falls
out of the window, and contracts that no session of the window lists any more leave. Views handed out earlier stay true:
a column that was written is never written again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date

import numpy as np
import numpy.typing as npt
import polars as pl

from scanner.chain import SORT_KEY
from scanner.panel import CONTRACT_SCHEMA, FIELDS, ContractIndex, Matrix

# Columns kept free behind the window, so that appending a session seldom has to move the others.
_SLACK = 8


class Baseline:
    """A window of ``depth`` sessions. Arrays are held session by session, and seen as (contracts, sessions)."""

    def __init__(self, depth: int) -> None:
        self.depth = depth
        self.sessions: tuple[date, ...] = ()
        self.contracts = pl.DataFrame(schema=CONTRACT_SCHEMA)
        self._index = ContractIndex(self.contracts)
        self._listed = np.empty(0, np.int64)
        self._start = 0
        self._buffers = {field: self._buffer(0) for field in FIELDS}

    @classmethod
    def build(cls, depth: int, sessions: Sequence[date], rows: Iterable[pl.DataFrame]) -> Baseline:
        """A baseline of the sessions given, oldest first; ``rows`` are their contract rows, in the same order."""
        baseline = cls(depth)
        for session, frame in zip(sessions, rows, strict=True):
            baseline.advance(session, frame)
        return baseline

    def advance(self, session: date, rows: pl.DataFrame) -> None:
        """Append one session: a frame with the contract columns and ``volume open_interest iv delta mid``."""
        if self.sessions and session <= self.sessions[-1]:
            raise ValueError(f"session {session} is not after {self.sessions[-1]}")
        self._renumber(session, rows)
        if self._start + len(self.sessions) == self._capacity:
            self._move(np.arange(len(self._listed)))
        if len(self.sessions) == self.depth:
            self._start += 1
            self.sessions = self.sessions[1:]
        ids = self._index.rows_of(rows)
        column = self._start + len(self.sessions)
        for field, buffer in self._buffers.items():
            buffer[column] = np.nan
            buffer[column, ids] = rows[field].cast(pl.Float32).to_numpy()
        self.sessions = (*self.sessions, session)
        self._listed[ids] = session.toordinal()

    def view(self, field: str) -> Matrix:
        """One field as (contracts, sessions), float32, without a copy."""
        return self._buffers[field][self._start : self._start + len(self.sessions)].T

    @property
    def _capacity(self) -> int:
        return self.depth + _SLACK

    def _buffer(self, contracts: int) -> Matrix:
        return np.empty((self._capacity, contracts), np.float32)

    def _renumber(self, session: date, rows: pl.DataFrame) -> None:
        """Take in contracts not seen before, and let go of those that no session of the coming window lists."""
        kept_sessions = (*self.sessions, session)[-self.depth :]
        alive = self._listed >= kept_sessions[0].toordinal()
        unknown = self._index.rows_of(rows) < 0
        # A contract about to leave may be listed again by this very session.
        alive[self._index.rows_of(rows)[~unknown]] = True
        if alive.all() and not unknown.any():
            return
        fresh = rows.filter(pl.Series(unknown)).select(CONTRACT_SCHEMA.names())
        old = self.contracts.with_columns(_row=pl.Series(np.arange(len(alive)))).filter(pl.Series(alive))
        merged = pl.concat([old, fresh.with_columns(_row=pl.lit(-1, pl.Int64))]).sort(SORT_KEY)
        self.contracts = merged.drop("_row")
        self._index = ContractIndex(self.contracts)
        self._move(merged["_row"].to_numpy())

    def _move(self, rows: npt.NDArray[np.int64]) -> None:
        """Copy the window to the front of new buffers, with the contracts in a new order; -1 is a new contract."""
        new = rows < 0
        source = np.where(new, 0, rows)
        held = len(self.sessions)
        for field, buffer in self._buffers.items():
            moved = self._buffer(len(rows))
            for column in range(held if len(self._listed) else 0):
                np.take(buffer[self._start + column], source, out=moved[column])
            moved[:held, new] = np.nan
            self._buffers[field] = moved
        listed = self._listed[source] if len(self._listed) else np.zeros(len(rows), np.int64)
        self._listed = np.where(new, 0, listed)
        self._start = 0
