"""What is remembered of past sessions, dense: the panel that every baseline reads.

A panel holds one source only, and only sessions before the one that is judged. Rows are contracts (their row number is
the dense id), columns are sessions. NaN means unknown: not listed that day, or a session that is not trusted for that
field. A listed contract without a trade has volume 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from functools import cached_property

import numpy as np
import numpy.typing as npt
import polars as pl

from scanner.chain import RIGHT

FIELDS = ("volume", "open_interest", "iv", "delta", "mid")
CONTRACT_SCHEMA = pl.Schema(
    [
        ("underlying", pl.String),
        ("root", pl.String),
        ("contract", pl.String),
        ("expiry", pl.Date),
        ("strike", pl.Float64),
        ("right", RIGHT),
    ]
)
UNDERLYING_SCHEMA = pl.Schema({"session_date": pl.Date, "underlying": pl.String})

Matrix = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Panel:
    """Past sessions of one source, dense.

    ``volume``, ``open_interest``, ``iv``, ``delta`` and ``mid`` have shape (contracts, sessions), float32. ``spot``
    (dollars) and ``oi_asof`` (the close that the open interest of a session describes) have shape (underlyings,
    sessions). ``underlying_sessions`` holds one row per session and underlying with the underlying-scope metrics as
    they stood at that close; it may reach further back than ``sessions``.
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
    underlying_sessions: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=UNDERLYING_SCHEMA))

    @classmethod
    def empty(cls, source: str = "") -> Panel:
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
        )

    def rows_of(self, chain: pl.DataFrame) -> npt.NDArray[np.int32]:
        """The dense id of every row of a frame with ``root expiry strike right``; -1 where it is not in the panel."""
        return self._index.rows_of(chain)

    def underlying_rows(self, underlyings: pl.Series) -> npt.NDArray[np.int32]:
        """The row of ``spot`` and ``oi_asof`` for each name of a column; -1 where it is not in the panel."""
        numbered = dict(zip(self.underlyings, range(len(self.underlyings)), strict=True))
        return underlyings.replace_strict(numbered, default=-1, return_dtype=pl.Int32).to_numpy()

    @cached_property
    def _index(self) -> ContractIndex:
        return ContractIndex(self.contracts)


class ContractIndex:
    """Finds the dense ids of contracts by one integer key per contract.

    The key packs root, expiry, strike in thousandths and right, so that keys ascend in the order the contracts are
    sorted in: root, expiry, strike, right.
    """

    _ROOT_SHIFT, _EXPIRY_SHIFT, _STRIKE_SHIFT = np.uint64(44), np.uint64(28), np.uint64(1)

    def __init__(self, contracts: pl.DataFrame) -> None:
        self._roots = pl.Enum(contracts["root"].unique().sort())
        self._keys, _ = self._keys_of(contracts)

    def rows_of(self, frame: pl.DataFrame) -> npt.NDArray[np.int32]:
        """The dense id of every row; -1 where the contract is not known."""
        keys, known = self._keys_of(frame)
        if np.array_equal(keys, self._keys):
            rows = np.arange(len(keys), dtype=np.int32)
        elif len(self._keys):
            rows = np.searchsorted(self._keys, keys).astype(np.int32)
            found = self._keys[np.minimum(rows, len(self._keys) - 1)] == keys
            rows[~found] = -1
        else:
            rows = np.full(len(keys), -1, np.int32)
        rows[~known] = -1
        return rows

    def _keys_of(self, frame: pl.DataFrame) -> tuple[npt.NDArray[np.uint64], npt.NDArray[np.bool_]]:
        codes = frame["root"].cast(self._roots, strict=False).to_physical()
        known = codes.is_not_null().to_numpy()
        root = codes.fill_null(0).to_numpy().astype(np.uint64)
        expiry = frame["expiry"].to_physical().to_numpy().astype(np.uint64)
        strike = np.rint(frame["strike"].to_numpy() * 1000).astype(np.uint64)
        right = frame["right"].to_physical().to_numpy().astype(np.uint64)
        keys = root << self._ROOT_SHIFT | expiry << self._EXPIRY_SHIFT | strike << self._STRIKE_SHIFT | right
        return keys, known
