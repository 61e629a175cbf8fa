"""What underlyings and expiries traded in all in past sessions, beside what was usual: what today is held against."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.activity.history import Layout, Memory
from scanner.kernels.compile import kernel
from scanner.market.levels import EXPIRY

BACK_END_DAYS = 14


class Totals(NamedTuple):
    """Volume and usual volume of every entity and past session, shape (entities, sessions); NaN where unknown."""

    volume: NDArray[np.float64]
    usual: NDArray[np.float64]


class NameTotals(NamedTuple):
    """The totals of every underlying of a panel: whole, beyond ``BACK_END_DAYS``, and of the puts."""

    whole: Totals
    back: Totals
    puts: Totals


class ExpiryTotals(NamedTuple):
    """The totals of every expiry of a panel; ``entities`` has ``underlying root expiry entity``, the row of each."""

    entities: pl.DataFrame
    totals: Totals


def of_names(layout: Layout, memory: Memory) -> NameTotals:
    """Sums over the contracts of every underlying."""
    places, names = layout.places, len(layout.panel.underlyings)
    every, always = _every(layout)
    usual = _usual(memory)
    return NameTotals(
        _summed(layout, usual, places.underlying, names, every, always),
        _summed(layout, usual, places.underlying, names, every, places.expiry - BACK_END_DAYS),
        _summed(layout, usual, places.underlying, names, ~places.call, always),
    )


def of_expiries(layout: Layout, memory: Memory) -> ExpiryTotals:
    """Sums over the contracts of every expiry of a root of an underlying."""
    places, key = layout.places, list(EXPIRY)
    firsts = np.flatnonzero(np.diff(places.group, prepend=-1))
    # Where two underlyings list the same root their rows alternate, and an expiry is in many groups.
    groups = layout.panel.contracts[firsts].select(key)
    entities = groups.unique(maintain_order=True).with_row_index("entity").cast({"entity": pl.Int32})
    of_group = groups.join(entities, on=key, how="left", maintain_order="left")["entity"].to_numpy()
    every, always = _every(layout)
    entity = of_group[places.group]
    return ExpiryTotals(entities, _summed(layout, _usual(memory), entity, entities.height, every, always))


def _every(layout: Layout) -> tuple[NDArray[np.bool_], NDArray[np.int32]]:
    """Every contract, and a day that comes before none of its sessions."""
    count = len(layout.places.call)
    return np.ones(count, bool), np.full(count, np.iinfo(np.int32).max, np.int32)


def _usual(memory: Memory) -> NDArray[np.float32]:
    """What every contract usually trades in a session."""
    return np.asarray(np.expm1(np.maximum(memory.predicted, 0.0)), np.float32)


def _summed(
    layout: Layout,
    usual: NDArray[np.float32],
    entity: NDArray[np.int32],
    entities: int,
    member: NDArray[np.bool_],
    until: NDArray[np.int32],
) -> Totals:
    """Totals of the members, each in the sessions before a day of its own."""
    shape = (entities, layout.sessions)
    totals = Totals(np.full(shape, np.nan), np.full(shape, np.nan))
    for session in range(layout.sessions):
        volume = np.ascontiguousarray(layout.panel.volume[:, session])
        expected = np.ascontiguousarray(usual[:, session])
        day = int(layout.market.day[session])
        _add_up(volume, expected, entity, member, until, day, totals.volume[:, session], totals.usual[:, session])
    return totals


@kernel
def _add_up(
    volume: NDArray[np.float32],
    usual: NDArray[np.float32],
    entity: NDArray[np.int32],
    member: NDArray[np.bool_],
    until: NDArray[np.int32],
    day: int,
    volumes: NDArray[np.float64],
    usuals: NDArray[np.float64],
) -> None:  # pragma: no cover - compiled
    for i in range(len(volume)):
        if member[i] and day < until[i] and np.isfinite(volume[i]):
            mine = entity[i]
            if np.isnan(volumes[mine]):
                volumes[mine], usuals[mine] = 0.0, 0.0
            volumes[mine] += volume[i]
            usuals[mine] += usual[i]
