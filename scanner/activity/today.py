"""A chain laid out beside what is remembered: where its contracts stand, and what the underlyings do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.activity import features
from scanner.activity.geometry import Places, fill_spot
from scanner.activity.history import standardised_move
from scanner.activity.parts import whole_names
from scanner.history.panel import Panel
from scanner.kernels.columns import floats, integers
from scanner.kernels.compile import kernel
from scanner.kernels.threads import at_once, in_parts, in_pieces

if TYPE_CHECKING:
    from scanner.activity.model import VolumeModel


@dataclass(frozen=True)
class Today:
    """A chain laid out beside the panel: places, counts, and what the underlyings do.

    ``rows`` is the panel's dense id or -1; ``volume`` and ``open_interest`` are -1 where unknown. ``parts`` are slices
    of the rows such that every underlying is in one of them alone.
    """

    names: tuple[str, ...]
    rows: NDArray[np.int32]
    underlying: NDArray[np.int32]
    log_strike: NDArray[np.float64]
    call: NDArray[np.bool_]
    expiry: NDArray[np.int32]
    day: int
    volume: NDArray[np.int64]
    open_interest: NDArray[np.int64]
    parts: list[slice]
    log_spot: NDArray[np.float64]
    volatility: NDArray[np.float64]

    @classmethod
    def of(cls, model: VolumeModel, contracts: pl.DataFrame, panel: Panel) -> Today:
        """Lay out a chain that is sorted by root, expiry, strike and right."""
        rows, iv, spot, volume, open_interest = at_once(
            lambda: panel.rows_of(contracts),
            lambda: floats(contracts["iv" if "iv" in contracts.columns else "vendor_iv"]),
            lambda: _spots(contracts),
            lambda: _counts(contracts, "volume"),
            lambda: _counts(contracts, "open_interest"),
        )
        fresh = np.flatnonzero(rows < 0)
        unknown = contracts["underlying"].gather(fresh).unique()
        names = panel.underlyings + tuple(sorted(set(unknown) - set(panel.underlyings)))
        underlying, log_strike = _placed(model.layout.places, contracts, rows, fresh, names)
        expiry, day = integers(contracts["expiry"]), int(contracts["session_date"].to_physical()[0])
        call = contracts["right"].to_physical().to_numpy() == 0
        parts = whole_names(underlying)
        first = np.full(len(names), np.nan)
        in_pieces(lambda part: _first_known(spot[part], underlying[part], first), parts)
        for volatility_of, delta_of in (("iv", "delta"), ("vendor_iv", "vendor_delta")):
            if np.isnan(first).any() and {volatility_of, delta_of} <= set(contracts.columns):
                smile = floats(contracts[volatility_of]), floats(contracts[delta_of])
                first = fill_spot(first, underlying, log_strike, call, smile[0], smile[1], expiry - day)
        log_spot, volatility = model.layout.market.today(underlying, log_strike, expiry - day, parts, first, iv)
        return cls(
            names, rows, underlying, log_strike, call, expiry, day, volume, open_interest, parts, log_spot, volatility
        )

    def moves(self, model: VolumeModel) -> NDArray[np.float64]:
        """Return of every underlying over each window that ends now, in standard deviations, (windows, names)."""
        past = model.layout.market
        result = []
        for window in features.WINDOWS:
            before = np.full(len(self.names), np.nan)
            if len(past.day) >= window:
                before[: len(past.told)] = past.spot_of(-window)
            result.append(standardised_move(self.log_spot - before, self.volatility, window))
        return np.stack(result)

    def earlier_activity(self, model: VolumeModel) -> NDArray[np.float64]:
        """Sum of how busy each underlying was in the sessions of each window before today, (windows, names)."""
        past = model.memory.activity
        result = np.zeros((len(features.WINDOWS), len(self.names)))
        for number, window in enumerate(features.WINDOWS):
            if window > 1 and past.shape[1]:
                result[number, : len(past)] = past[:, -(window - 1) :].sum(axis=1)
        return result


def _counts(contracts: pl.DataFrame, column: str) -> NDArray[np.int64]:
    """A column of whole numbers with -1 for null."""
    values = contracts[column].cast(pl.Int64).rechunk()
    return (values.fill_null(-1) if values.null_count() else values).to_numpy()


def _placed(
    known: Places, contracts: pl.DataFrame, rows: NDArray[np.int32], fresh: NDArray[np.int64], names: tuple[str, ...]
) -> tuple[NDArray[np.int32], NDArray[np.float64]]:
    """The underlying and the log strike of every row: of known ones from the panel's places, of fresh ones anew."""
    underlying, log_strike = np.empty(len(rows), np.int32), np.empty(len(rows))

    def take(part: slice) -> None:
        _take(rows[part], known.underlying, known.log_strike, underlying[part], log_strike[part])

    in_parts(take, len(rows))
    if len(fresh):
        new = Places.of(contracts.select("underlying", "expiry", "strike", "right")[fresh], names)
        underlying[fresh], log_strike[fresh] = new.underlying, new.log_strike
    return underlying, log_strike


@kernel
def _take(
    rows: NDArray[np.int32],
    known_underlying: NDArray[np.int32],
    known_log_strike: NDArray[np.float64],
    underlying: NDArray[np.int32],
    log_strike: NDArray[np.float64],
) -> None:  # pragma: no cover - compiled
    for i in range(len(rows)):
        if rows[i] >= 0:
            underlying[i] = known_underlying[rows[i]]
            log_strike[i] = known_log_strike[rows[i]]


def _spots(contracts: pl.DataFrame) -> NDArray[np.float64]:
    """Spot by row: what the row tells, else what put-call parity says of its expiry; NaN without either.

    Carrying yesterday's price forward instead would make the strikes at the money of a day that moved look far away.
    """
    spot = floats(contracts["spot"])
    if "forward" not in contracts.columns or not contracts["spot"].null_count():
        return spot
    return np.where(np.isfinite(spot), spot, floats(contracts["forward"]) * floats(contracts["discount"]))


@kernel
def _first_known(
    values: NDArray[np.float64], underlying: NDArray[np.int32], first: NDArray[np.float64]
) -> None:  # pragma: no cover - compiled
    """Fill the first finite value of every name that has one."""
    for i in range(len(values)):
        if np.isnan(first[underlying[i]]) and np.isfinite(values[i]):
            first[underlying[i]] = values[i]
