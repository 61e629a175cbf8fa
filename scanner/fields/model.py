"""What the field dictionary says of a name, and the words in which a row of it is written."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from scanner import wording


class Kind(StrEnum):
    """What kind of value a field holds; decides which comparisons make sense."""

    number = "number"
    integer = "integer"
    text = "text"
    flag = "flag"
    date = "date"
    instant = "instant"


class Unit(StrEnum):
    """What a number counts or measures. ``fraction``, ``ratio`` and ``chance`` are pure numbers and may be compared."""

    none = "-"
    contracts = "contracts"
    shares = "shares"
    dollars = "dollars"
    fraction = "fraction of 1"
    ratio = "ratio"
    chance = "chance"
    surprise = "-log10 of a chance"
    decades = "powers of ten"
    volatility = "volatility"
    deviations = "standard deviations"
    days = "days"
    sessions = "sessions"
    minutes = "minutes"
    years = "years"
    counted = "count"
    per_contract = "per contract"
    per_dollar = "delta per dollar"
    dollars_per_vol_point = "dollars per vol point"
    dollars_per_day = "dollars per day"
    dollars_per_rate_point = "dollars per rate point"


class OnSplit(StrEnum):
    """What a split does to a remembered value, so that it can be compared with one of today."""

    none = "none"
    price = "price"
    """Of one share: divided by the ratio of new shares to old."""
    contracts = "contracts"
    """A count of them: multiplied by the ratio where they keep their roots."""


@dataclass(frozen=True, slots=True)
class Field:
    """One field of one scope, with everything that is true of it wherever it is met.

    ``null`` says what a missing value means and is empty where none can be missing; ``low`` and ``high`` bound true
    values, ``choices`` lists them. ``compact`` columns are enums or 32 bits wide, for there are millions of such rows.
    ``from_chain`` columns come with the chain as received, and ``switched_off_with`` says with which part of it the
    quality gate nulls them. ``denominator`` names the fields of the scope a floor on one of which keeps a ratio's
    denominator from being next to nothing; a ``baseline`` is what something observed is compared with; a ``part`` is a
    share, or a move or distance as a part of a price, hardly ever beyond 1. ``calibrated`` values are chances, or
    their logarithms, that were checked against real frequencies. ``remembered`` values are kept of a session for later
    ones, which restate them by ``on_split``. ``title`` is what a person calls it.
    """

    scope: str
    name: str
    kind: Kind
    unit: Unit
    meaning: str
    null: str = ""
    low: float = -math.inf
    high: float = math.inf
    choices: tuple[str, ...] = ()
    title: str = ""
    compact: bool = False
    from_chain: bool = False
    switched_off_with: str = ""
    denominator: tuple[str, ...] = ()
    baseline: bool = False
    part: bool = False
    calibrated: bool = False
    remembered: bool = False
    on_split: OnSplit = OnSplit.none

    def __post_init__(self) -> None:
        if not self.title:
            object.__setattr__(self, "title", self.name.replace("_", " "))

    @property
    def can_be_missing(self) -> bool:
        """Whether a row may hold null here."""
        return bool(self.null)

    @property
    def numeric(self) -> bool:
        """Whether arithmetic and ordering by size make sense."""
        return self.kind in (Kind.number, Kind.integer)

    def say(self, value: Any) -> str:
        """A value as a person reads it: in its unit, a change with its sign; what is missing is ``-``."""
        if value is None or isinstance(value, bool):
            return wording.MISSING if value is None else ("yes" if value else "no")
        if not isinstance(value, int | float):
            return str(value)
        if self.part:
            return wording.percent(value, signed=self.low < 0)
        if self.unit is Unit.volatility:
            return wording.points(value) if self.low < 0 else wording.percent(value)
        if self.unit is Unit.dollars:
            return self._say_dollars(value)
        return wording.chance(value) if self.unit is Unit.surprise else wording.number(value)

    def _say_dollars(self, value: float) -> str:
        if self.on_split is OnSplit.price:
            return wording.price(value)
        return wording.signed_money(value) if self.low < 0 else wording.money(value)


@dataclass(frozen=True, slots=True)
class Rows:
    """Writes the rows of one scope; each method is one sort of field, and what else is true of it is named.

    >>> Rows("strike").contracts("call_volume", "volume of the call", "volume not known").unit.value
    'contracts'
    """

    scope: str
    from_chain: bool = False

    def text(self, name: str, meaning: str, null: str = "", **more: Any) -> Field:
        """A word: of ``choices``, or any."""
        return self._row(name, Kind.text, Unit.none, meaning, null, **more)

    def flag(self, name: str, meaning: str, null: str = "", **more: Any) -> Field:
        """Yes or no."""
        return self._row(name, Kind.flag, Unit.none, meaning, null, **more)

    def date(self, name: str, meaning: str, null: str = "", **more: Any) -> Field:
        """A day."""
        return self._row(name, Kind.date, Unit.none, meaning, null, **more)

    def instant(self, name: str, meaning: str, null: str = "", **more: Any) -> Field:
        """A moment, UTC."""
        return self._row(name, Kind.instant, Unit.none, meaning, null, **more)

    def integer(self, name: str, unit: Unit, meaning: str, null: str = "", *, low: float = 0, **more: Any) -> Field:
        """A whole number, not negative unless told."""
        return self._row(name, Kind.integer, unit, meaning, null, low=low, **more)

    def number(self, name: str, unit: Unit, meaning: str, null: str = "", **more: Any) -> Field:
        """A number within ``low`` and ``high``."""
        return self._row(name, Kind.number, unit, meaning, null, **more)

    def contracts(self, name: str, meaning: str, null: str = "", **more: Any) -> Field:
        """A whole number of contracts."""
        return self.integer(name, Unit.contracts, meaning, null, on_split=OnSplit.contracts, **more)

    def price(self, name: str, meaning: str, null: str = "", **more: Any) -> Field:
        """Dollars that one share, or an option on one, costs."""
        return self.number(name, Unit.dollars, meaning, null, low=0, on_split=OnSplit.price, **more)

    def dollars(self, name: str, meaning: str, null: str = "", *, low: float = 0, **more: Any) -> Field:
        """A sum of money, which no split changes."""
        return self.number(name, Unit.dollars, meaning, null, low=low, **more)

    def volatility(self, name: str, meaning: str, null: str, *, low: float = 0, **more: Any) -> Field:
        """A volatility; ``low=-20`` where it is a difference of two."""
        return self.number(name, Unit.volatility, meaning, null, low=low, high=20, **more)

    def ratio(self, name: str, meaning: str, null: str, *, low: float = 0, **more: Any) -> Field:
        """One number over another; ``denominator`` names those that keep the lower one from being next to nothing."""
        return self.number(name, Unit.ratio, meaning, null, low=low, **more)

    def part(self, name: str, meaning: str, null: str = "", **more: Any) -> Field:
        """A move or a distance as a part of a price."""
        return self.number(name, Unit.fraction, meaning, null, part=True, **more)

    def share(self, name: str, meaning: str, null: str, **more: Any) -> Field:
        """What part of a whole it is."""
        return self.part(name, meaning, null, low=0, high=1, **more)

    def surprise(self, name: str, meaning: str, null: str, **more: Any) -> Field:
        """How rare something is, calibrated: minus the decimal logarithm of its chance."""
        return self.number(name, Unit.surprise, meaning, null, low=0, high=20, calibrated=True, **more)

    def false_discovery_rate(self, name: str, meaning: str, null: str, **more: Any) -> Field:
        """Of the findings up to this one, the share that are false ones."""
        return self.number(name, Unit.chance, meaning, null, low=0, high=1, calibrated=True, **more)

    def _row(self, name: str, kind: Kind, unit: Unit, meaning: str, null: str, **more: Any) -> Field:
        return Field(self.scope, name, kind, unit, meaning, null, from_chain=self.from_chain, **more)
