"""Which contracts are listed when: the exchange's expiry calendar and strike grids that grow with the spot.

Monthlies expire on the third Friday, weeklies on the other Fridays, dailies on every session; an expiry on a holiday
moves to the session before. Serial months are listed two months ahead, cycle months nine, the quarterly ones of large
names sixteen, Januaries in the September 28 months before, weeklies five weeks and dailies nine days ahead. Strikes
cover a band around the spot and are added, never taken away, when the spot moves the band: those are the new strikes
of a session.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.market import symbology
from scanner.market.calendar import Calendar
from scanner.sources.simulation.draws import Floats, key, name_key
from scanner.sources.simulation.names import Expiries, Name

_FINE_DAYS = 36
_DAILY_DAYS = 9
_DAILY_BAND, _FINE_BAND, _COARSE_BAND = 1.3, 1.4, 2.1  # standard deviations to expiry on each side
_WIDEST = 0.9
_FARTHEST_MONTHS = 29


@dataclass(frozen=True, slots=True)
class Layer:
    """A strike grid of one expiry: from which day on, how fine (dollars), and how wide (log-moneyness)."""

    listed: date
    step: float
    width: float


@dataclass(frozen=True, slots=True)
class Expiry:
    """One expiry of one root with its strike grids, coarse before fine."""

    root: str
    day: date
    monthly: bool
    layers: tuple[Layer, ...]


@dataclass(frozen=True)
class Contracts:
    """Every contract of a market, sorted by root, expiry, strike and right; arrays of one length.

    ``name`` numbers the underlying; ``expiry`` counts days and ``expires`` seconds since 1970; ``first`` and ``last``
    are positions of the first and last session a contract trades in; ``identity`` is what its random draws hang on.
    """

    frame: pl.DataFrame
    name: NDArray[np.int64]
    expiry: NDArray[np.int64]
    expires: NDArray[np.int64]
    strike: Floats
    is_call: NDArray[np.bool_]
    monthly: NDArray[np.bool_]
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    identity: NDArray[np.uint64]

    def __len__(self) -> int:
        """How many contracts there are."""
        return len(self.strike)

    def alive(self, session: int) -> NDArray[np.int64]:
        """Row numbers of the contracts that trade in a session."""
        return np.flatnonzero((self.first <= session) & (session <= self.last))


def third_friday(year: int, month: int) -> date:
    """The third Friday of a month, whether or not it is a session; months beyond 12 or below 1 carry over."""
    year, month = year + (month - 1) // 12, (month - 1) % 12 + 1
    first = date(year, month, 1)
    return first + timedelta(days=(4 - first.weekday()) % 7 + 14)


def expiries(name: Name, start: date, end: date) -> Iterator[Expiry]:
    """Every expiry of a name on or after ``start`` that has been listed by ``end``, in no particular order."""
    monthlies = list(_monthlies(name, start, end))
    taken = {expiry.day for expiry in monthlies if expiry.root == name.root(monthly=False)}
    others: dict[date, tuple[int, float]] = {}
    for day in _other_days(name, start, end + timedelta(days=_FINE_DAYS)):
        weekly = day.weekday() == 4 or not Calendar.standard().is_session(_friday(day))
        others[day] = (_FINE_DAYS, _FINE_BAND) if weekly else (_DAILY_DAYS, _DAILY_BAND)
    for expiry in monthlies:
        if expiry.day >= start and expiry.layers[0].listed <= end:
            yield expiry
    for day, (ahead, band) in others.items():
        layer = Layer(_listing_session(day - timedelta(days=ahead)), name.step, _width(name, ahead, band))
        if day >= start and day not in taken and layer.listed <= end:
            yield Expiry(name.root(monthly=False), day, monthly=False, layers=(layer,))


def _friday(day: date) -> date:
    return day + timedelta(days=4 - day.weekday())


def _other_days(name: Name, start: date, end: date) -> Iterator[date]:
    """Weekly or daily expiry dates, the third Fridays included (an index lists both roots there)."""
    if name.expiries is Expiries.DAILY:
        yield from Calendar.standard().sessions_between(start, end)
    elif name.expiries is Expiries.WEEKLY:
        friday = _friday(start)
        while friday <= end:
            yield Calendar.standard().session_on_or_before(friday)
            friday += timedelta(days=7)


def _monthlies(name: Name, start: date, end: date) -> Iterator[Expiry]:
    for ahead in range(_FARTHEST_MONTHS + (end.year - start.year) * 12 + end.month - start.month + 1):
        friday = third_friday(start.year, start.month + ahead)
        months = 2
        if friday.month == 1 and name.leaps:
            months = 28
        elif friday.month % 3 == 0 and name.leaps:
            months = 16
        elif friday.month % 3 == name.cycle % 3:
            months = 9
        listed = _listing_session(third_friday(friday.year, friday.month - months) + timedelta(days=1))
        life = (friday - listed).days
        coarse = Layer(listed, name.step * (4 if months > 9 else 2), _width(name, life, _COARSE_BAND))
        near = _listing_session(friday - timedelta(days=_FINE_DAYS))
        fine = Layer(near, name.step, _width(name, _FINE_DAYS, _FINE_BAND))
        day = Calendar.standard().session_on_or_before(friday)
        yield Expiry(name.root(monthly=True), day, monthly=True, layers=(coarse, fine))


def _listing_session(day: date) -> date:
    return day if Calendar.standard().is_session(day) else Calendar.standard().next_session(day)


def _width(name: Name, days: int, band: float) -> float:
    return min(band * name.volatility * float(np.sqrt(days / 365)), _WIDEST)


def list_contracts(names: Sequence[Name], closes: Floats, days: Sequence[date], first: int) -> Contracts:
    """Every contract that trades in some session from position ``first`` in ``days`` to the last one.

    ``closes`` is (sessions, names); a session's grid follows the close of the session before it.
    """
    parts = []
    for number, name in enumerate(names):
        for expiry in expiries(name, days[first], days[-1]):
            strikes, listed = _strikes(expiry, closes[:, number], days)
            settles_in_the_morning = symbology.root_info(expiry.root).settlement == "AM"
            final = bisect_left(days, expiry.day) - settles_in_the_morning
            if final >= first and len(strikes):
                parts.append(_rows(number, expiry, strikes, listed, final))
    return _assemble(pl.concat(parts), names)


def _strikes(expiry: Expiry, closes: Floats, days: Sequence[date]) -> tuple[Floats, NDArray[np.int64]]:
    """The strikes of an expiry and the session each is first listed in."""
    found: dict[float, int] = {}
    for layer in expiry.layers:
        start, stop = bisect_left(days, layer.listed), min(len(days) - 1, bisect_left(days, expiry.day))
        if start > stop:
            continue
        known = closes[start - 1 : stop]
        highest = np.maximum.accumulate(known) * np.exp(layer.width)
        lowest = np.minimum.accumulate(known) * np.exp(-layer.width)
        grid = np.arange(np.ceil(lowest[-1] / layer.step), np.floor(highest[-1] / layer.step) + 1) * layer.step
        grid = grid[grid > 0]
        reached = np.maximum(np.searchsorted(highest, grid), np.searchsorted(-lowest, -grid))
        for strike, wait in zip(grid.tolist(), reached.tolist(), strict=True):
            found[strike] = min(found.get(strike, start + wait), start + wait)
    ordered = sorted(found)
    return np.array(ordered), np.array([found[strike] for strike in ordered], dtype=np.int64)


def _rows(number: int, expiry: Expiry, strikes: Floats, listed: NDArray[np.int64], final: int) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "name": number,
            "root": expiry.root,
            "expiry": expiry.day,
            "strike": np.repeat(strikes, 2),
            "right": np.tile(["C", "P"], len(strikes)),
            "monthly": expiry.monthly,
            "first": np.repeat(listed, 2),
            "last": final,
        },
        schema_overrides={"name": pl.Int64, "last": pl.Int64, "first": pl.Int64},
    )


def _assemble(rows: pl.DataFrame, names: Sequence[Name]) -> Contracts:
    rows = rows.sort("root", "expiry", "strike", "right").with_columns(contract=symbology.format_osi_column())
    root_keys = {root: name_key(root) for root in rows["root"].unique()}
    expiry = rows["expiry"].to_physical().cast(pl.Int64).to_numpy()
    is_call = (rows["right"] == "C").to_numpy()
    strike = rows["strike"].to_numpy()
    roots = rows["root"].replace_strict(root_keys, return_dtype=pl.Int64).to_numpy()
    settlement = rows["root"].replace_strict({root: symbology.root_info(root).settlement for root in root_keys})
    symbols = pl.DataFrame({"name": range(len(names)), "underlying": [name.symbol for name in names]})
    frame = rows.join(symbols, on="name", how="left", maintain_order="left").select(
        "underlying", "root", "contract", "expiry", "strike", "right"
    )
    return Contracts(
        frame=frame,
        name=rows["name"].to_numpy(),
        expiry=expiry,
        expires=Calendar.standard().expiry_instants(rows["expiry"], settlement).dt.epoch("s").to_numpy(),
        strike=strike,
        is_call=is_call,
        monthly=rows["monthly"].to_numpy(),
        first=rows["first"].to_numpy(),
        last=rows["last"].to_numpy(),
        identity=key(roots, expiry, np.rint(strike * 1000).astype(np.int64), is_call),
    )
