"""What is remembered of past sessions, dense: the panel that every baseline reads.

A panel holds one source only, and only sessions before the one that is judged. Rows are contracts (their row number is
the dense id), columns are sessions. NaN means unknown: not listed that day, or a session that is not trusted for that
field. A listed contract without a trade has volume 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from dataclasses import fields as members
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from scanner.fields.columns import remembered
from scanner.history.contract_ids import ContractIndex
from scanner.market.calendar import Calendar

FIELDS = ("volume", "open_interest", "iv", "delta", "mid")
# What tells the contracts apart: all that is remembered of them but their figures.
CONTRACT_SCHEMA = pl.Schema({name: dtype for name, dtype in remembered("contract").items() if name not in FIELDS})
UNDERLYING_SCHEMA = pl.Schema({"session_date": pl.Date, "underlying": pl.String})

Matrix = npt.NDArray[np.float32]
# Sessions that whatever counts back from today looks at: means, build-ups, what was listed before.
_COUNTED_BACK = 20


@dataclass(frozen=True, eq=False)
class Panel:
    """Past sessions of one source, dense.

    ``volume``, ``open_interest``, ``iv``, ``delta`` and ``mid`` have shape (contracts, sessions), float32. ``spot``
    (dollars) and ``oi_asof`` (the close that the open interest of a session describes) have shape (underlyings,
    sessions). ``underlying_sessions`` holds one row per session and underlying with the underlying-scope metrics as
    they stood at that close; it may reach further back than ``sessions``. ``calendar`` is the one by which sessions are
    counted, here and by whoever judges beside the panel. ``fingerprint`` changes whenever anything in the panel could
    have changed; empty where nobody keeps count.
    """

    source: str
    sessions: tuple[date, ...]
    contracts: pl.DataFrame
    volume: Matrix
    open_interest: Matrix
    iv: Matrix
    delta: Matrix
    mid: Matrix
    underlyings: tuple[str, ...]
    spot: npt.NDArray[np.float64]
    oi_asof: npt.NDArray[np.datetime64]
    calendar: Calendar
    underlying_sessions: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=UNDERLYING_SCHEMA))
    fingerprint: str = ""

    @classmethod
    def empty(cls, source: str = "", *, calendar: Calendar) -> Panel:
        """A panel of no sessions: nothing is remembered."""
        nothing = np.empty((0, 0), np.float32)
        return cls(
            source=source,
            sessions=(),
            contracts=pl.DataFrame(schema=CONTRACT_SCHEMA),
            volume=nothing,
            open_interest=nothing,
            iv=nothing,
            delta=nothing,
            mid=nothing,
            underlyings=(),
            spot=np.empty((0, 0)),
            oi_asof=np.empty((0, 0), "datetime64[D]"),
            calendar=calendar,
        )

    def by_calendar(self, today: date) -> Panel:
        """The panel with a column of NaN for each session that is missing among the twenty before a day.

        What counts columns back from today - a mean of five sessions, a build-up over three - counts the exchange's
        sessions in it, and what was not kept is not known. Before the first session nothing is missing.
        """
        recent = self.calendar.sessions_before(today, _COUNTED_BACK) if self.sessions else []
        missing = [day for day in recent if day > self.sessions[0] and day not in self.sessions]
        if not missing:
            return self
        sessions = tuple(sorted((*self.sessions, *missing)))
        held = np.searchsorted(np.array(sessions, "datetime64[D]"), np.array(self.sessions, "datetime64[D]"))
        known = {member.name: getattr(self, member.name) for member in members(Panel) if member.name not in FIELDS}
        known["sessions"] = sessions
        known["spot"] = _spread(self.spot, held, len(sessions), np.nan)
        known["oi_asof"] = _spread(self.oi_asof, held, len(sessions), np.datetime64("NaT"))
        known["fingerprint"] = self.fingerprint and f"{self.fingerprint}, without {', '.join(map(str, missing))}"
        placed = self._spread(held, known)
        object.__setattr__(placed, "_index", self._index)  # Its contracts are the same.
        return placed

    def _spread(self, held: npt.NDArray[np.intp], known: dict[str, Any]) -> Panel:
        """A panel of more sessions, of which those ``held`` are its own; ``known`` is all of it but the matrices."""
        count = len(known["sessions"])
        wider: dict[str, Any] = {name: _spread(getattr(self, name), held, count, np.nan) for name in FIELDS}
        return Panel(**known, **wider)

    def rows_of(self, chain: pl.DataFrame) -> npt.NDArray[np.int32]:
        """The dense id of every row of a frame with ``root expiry strike right``; -1 where it is not in the panel."""
        return self._index.rows_of(chain)

    def underlying_rows(self, underlyings: pl.Series) -> npt.NDArray[np.int32]:
        """The row of ``spot`` and ``oi_asof`` for each name of a column; -1 where it is not in the panel."""
        numbered = dict(zip(self.underlyings, range(len(self.underlyings)), strict=True))
        return np.array([numbered.get(name, -1) for name in underlyings], np.int32)

    @cached_property
    def _index(self) -> ContractIndex:
        return ContractIndex(self.contracts)


def taken(matrix: Matrix, rows: npt.NDArray[np.int32], column: int | npt.NDArray[np.integer]) -> Matrix:
    """One column of a panel's matrix for some rows, or one of its own for each; NaN where either is -1."""
    if not matrix.size:
        return np.full(len(rows), np.nan, np.float32)
    values: Matrix = matrix[:, column][rows] if isinstance(column, int) else matrix[rows, column]
    values[(rows < 0) | (column < 0)] = np.nan
    return values


def _spread(values: npt.NDArray[Any], held: npt.NDArray[np.intp], sessions: int, unknown: Any) -> npt.NDArray[Any]:
    """A matrix of more sessions, in which its own columns are those ``held``."""
    result = np.full((len(values), sessions), unknown, values.dtype, order="F")
    result[:, held] = values
    return result
