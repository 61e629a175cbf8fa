"""One name's contracts at the close of each session, dense: what became of positions is read from here.

Open interest is published the morning after, so that the figure of a close stands in a later session's chain
(``oi_asof``); here it stands at the close that it describes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.kernels.columns import floats
from scanner.market.calendar import Calendar

COLUMNS = ("contract", "right", "expiry", "session_date", "oi_asof", "open_interest", "volume", "bid", "ask", "last",
           "iv", "delta", "spot")  # fmt: skip
_VALUES = ("volume", "bid", "ask", "last", "iv", "delta")
Matrix = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Closes:
    """Contracts (rows) by sessions (columns), float64, NaN where unknown.

    ``open_interest`` is that of the close itself. ``spot`` has one value a session, ``expiry`` and ``right`` one a
    contract. ``sessions`` are consecutive sessions of the exchange; one without a chain is NaN throughout.
    """

    contracts: tuple[str, ...]
    right: tuple[str, ...]
    expiry: tuple[date, ...]
    sessions: tuple[date, ...]
    open_interest: Matrix
    volume: Matrix
    bid: Matrix
    ask: Matrix
    last: Matrix
    iv: Matrix
    delta: Matrix
    spot: NDArray[np.float64]

    @classmethod
    def of(cls, chains: Iterable[pl.DataFrame], calendar: Calendar) -> Closes | None:
        """The closes of one name's chains, which have ``COLUMNS``; None where there is no row."""
        frame = pl.concat([chain.select(COLUMNS) for chain in chains], how="vertical_relaxed")
        if frame.is_empty():
            return None
        first, last = frame["session_date"].min(), frame["session_date"].max()
        assert isinstance(first, date)
        assert isinstance(last, date)
        sessions = tuple(calendar.sessions_between(calendar.previous_session(first), last))
        about = frame.group_by("contract", maintain_order=True).agg(
            pl.col("right").cast(pl.String).first(), pl.col("expiry").first()
        )
        rows = pl.DataFrame({"contract": about["contract"], "_row": np.arange(about.height)})
        columns = pl.DataFrame({"session_date": sessions, "_column": np.arange(len(sessions))})
        placed = frame.join(rows, on="contract").join(columns, on="session_date")
        shape = about.height, len(sessions)
        known = placed.filter(pl.col("oi_asof").is_not_null() & pl.col("open_interest").is_not_null())
        of_close = known.drop("_column").join(columns, left_on="oi_asof", right_on="session_date")
        spot = np.full(len(sessions), np.nan)
        quoted = placed.filter(pl.col("spot").is_not_null()).group_by("_column").agg(pl.col("spot").first())
        spot[quoted["_column"].to_numpy()] = quoted["spot"].to_numpy()
        values = {name: _placed(placed, name, shape) for name in _VALUES}
        return cls(
            contracts=tuple(about["contract"]),
            right=tuple(about["right"]),
            expiry=tuple(about["expiry"]),
            sessions=sessions,
            open_interest=_placed(of_close, "open_interest", shape),
            spot=spot,
            **values,
        )

    def until(self, calendar: Calendar, now: datetime) -> Closes:
        """Those of the sessions that have closed by a moment: the prices of another are not those of its close."""
        count = sum(calendar.session_close(day) <= now for day in self.sessions)
        cut = {name: getattr(self, name)[:, :count] for name in ("open_interest", *_VALUES)}
        return replace(self, sessions=self.sessions[:count], spot=self.spot[:count], **cut)

    @cached_property
    def row_of(self) -> dict[str, int]:
        """The row of a contract."""
        return {name: row for row, name in enumerate(self.contracts)}

    @cached_property
    def column_of(self) -> dict[date, int]:
        """The column of a session."""
        return {day: column for column, day in enumerate(self.sessions)}

    def rows(self, contracts: Sequence[str]) -> NDArray[np.int64]:
        """The rows of those contracts that are there."""
        return np.array([self.row_of[name] for name in contracts if name in self.row_of], dtype=np.int64)


def _placed(frame: pl.DataFrame, name: str, shape: tuple[int, int]) -> Matrix:
    matrix = np.full(shape, np.nan)
    matrix[frame["_row"].to_numpy(), frame["_column"].to_numpy()] = floats(frame[name])
    return matrix
