"""The sessions of a panel ranked as today is: listings out of the past, their contracts' keys and stories."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.activity.opening import Traded, opening_chance
from scanner.activity.ranking.keys import Day, Listing, keys
from scanner.activity.ranking.past import Found, Past
from scanner.activity.ranking.sizes import SESSIONS, Cells, Sizes, cells_of
from scanner.activity.ranking.stories import linked
from scanner.activity.selection import roll_suspects
from scanner.kernels.columns import nullable

if TYPE_CHECKING:
    from scanner.activity.history import Layout

_USUAL = 20
_MULTIPLIER = 100.0


@dataclass(frozen=True)
class Scored:
    """The contracts of one past session as a fit that has not seen it scores them: panel ``rows``, their surprises of
    one, three and five sessions (3, rows), ``combined``, and ``expected`` lots."""

    session: int
    rows: NDArray[np.int64]
    surprises: NDArray[np.float64]
    combined: NDArray[np.float64]
    expected: NDArray[np.float64]


def usual_volume(layout: Layout, session: int) -> NDArray[np.float64]:
    """Mean volume of every name over the twenty sessions before one, shape (names,); NaN where it has none."""
    recent = slice(max(session - _USUAL, 0), session)
    known = layout.known[:, recent]
    total = np.where(known, layout.volumes[:, recent], 0.0).sum(axis=1)
    return np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), np.nan)


def sizes_before(layout: Layout, session: int) -> Sizes:
    """The sizes of the fifteen sessions before one."""
    names, kept = len(layout.panel.underlyings), layout.cells
    recent = range(max(session - SESSIONS, 0), session)
    for number in recent:
        if number not in kept:
            volume = layout.panel.volume[:, number]
            days = layout.places.expiry - int(layout.market.day[number])
            kept[number] = Cells.of(volume, cells_of(layout.places.underlying, days), names)
    return Sizes.of([kept[number] for number in recent], names)


@dataclass(frozen=True)
class Rehearsed:
    """The contracts of one past session that may take a place in its list, laid out as today's are, shape (rows,).

    ``rows`` are theirs in the panel, ``judged`` (names,) tells which names the session was judged for; ``listing`` and
    ``day`` are of these contracts alone, as are their ``strike`` numbers, ``combined`` surprises and ``expected`` lots.
    ``risen`` is how far the open interest of each rose overnight, NaN where that is not known.
    """

    session: int
    rows: NDArray[np.int64]
    judged: NDArray[np.bool_]
    listing: Listing
    day: Day
    strike: NDArray[np.int64]
    combined: NDArray[np.float64]
    expected: NDArray[np.float64]
    traded: Traded
    risen: NDArray[np.float64]

    @classmethod
    def of(cls, layout: Layout, scored: Scored) -> Rehearsed:
        """Lay out a session of the panel."""
        panel, session = layout.panel, scored.session
        listing = _listing(layout, scored)
        day = Day.of(listing, panel.volume, panel.open_interest, session, usual_volume(layout, session))
        at, rows = day.at, scored.rows[day.at]
        traded = Traded(
            listing.volume[at],
            listing.open_interest[at],
            panel.delta[rows, session],
            listing.days[at],
            panel.mid[rows, session],
            day.opened,
            day.mean,
            listing.surprise[at],
            day.beside,
        )
        judged = np.bincount(listing.name, minlength=len(panel.underlyings)) > 0
        return cls(
            session,
            rows,
            judged,
            Listing(*(getattr(listing, column.name)[at] for column in fields(listing))),
            replace(day, at=np.arange(len(at))),
            layout.places.strike_numbers(scored.rows)[at],
            scored.combined[at],
            scored.expected[at],
            traded,
            _risen(layout, session, rows),
        )


def rehearse(layout: Layout, sessions: Sequence[Rehearsed], coefficients: NDArray[np.float64]) -> Past:
    """The stories of the past, session after session; ``coefficients`` are those of :mod:`scanner.activity.opening`."""
    judged = np.column_stack([part.judged for part in sessions])
    return Past.of(_found(layout, sessions, coefficients), judged, len(layout.panel.contracts))


def _found(layout: Layout, sessions: Sequence[Rehearsed], coefficients: NDArray[np.float64]) -> Iterator[Found]:
    panel = layout.panel
    for part in sessions:
        listing, rows = part.listing, part.rows
        frame = panel.contracts[rows].with_columns(
            session_date=pl.lit(panel.sessions[part.session]),
            place=pl.Series(part.strike),
            volume=pl.Series(listing.volume).cast(pl.Int64),
            open_interest=nullable("open_interest", listing.open_interest),
            combined_surprise=pl.Series(part.combined),
            volume_expected=pl.Series(part.expected),
        )
        rolled = roll_suspects(frame).fill_null(value=False).to_numpy()
        chance = opening_chance(part.traded, coefficients)
        found = keys(listing, part.day, sizes_before(layout, part.session), chance, rolled)
        told = np.isfinite(found).any(axis=0)
        frame = frame.filter(pl.Series(told)).with_columns(surprise=pl.col("combined_surprise"))
        premium = listing.volume * panel.mid[rows, part.session] * _MULTIPLIER
        yield Found(rows[told], listing.name[told], found[:, told], linked(frame), premium[told])


def _listing(layout: Layout, part: Scored) -> Listing:
    panel, places, rows = layout.panel, layout.places, part.rows
    volume = panel.volume[rows, part.session].astype(np.float64)
    return Listing(
        rows,
        places.underlying[rows].astype(np.int64),
        places.group[rows].astype(np.int64),
        places.call[rows],
        (places.expiry[rows] - int(layout.market.day[part.session])).astype(np.int64),
        volume,
        volume,
        panel.open_interest[rows, part.session].astype(np.float64),
        part.surprises[0],
        part.surprises[2],
    )


def _risen(layout: Layout, session: int, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """How far open interest rose by the morning after a session, where that morning told of the session's close."""
    panel = layout.panel
    if session + 1 >= len(panel.sessions):
        return np.full(len(rows), np.nan)
    asof = panel.oi_asof[:, session + 1]
    told = (np.isnat(asof) | (asof == np.datetime64(panel.sessions[session], "D")))[layout.places.underlying[rows]]
    risen = panel.open_interest[rows, session + 1].astype(np.float64) - panel.open_interest[rows, session]
    return np.where(told, risen, np.nan)
