"""How a print came about: the one list of the options tape's conditions, and every way they are written.

The consolidated tape (OPRA) gives each print one letter. Vendors write the letter, its name, or a number of their own;
each means exactly one :class:`Condition` here, and its ``name`` in small letters is what a tape's column holds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from numpy.typing import NDArray


class Kind(StrEnum):
    """What a condition means to a reader of the tape."""

    electronic = "electronic"
    sweep = "sweep"
    auction = "auction"
    cross = "cross"
    floor = "floor"
    multi_leg = "multi-leg"
    stock_option = "stock-option"
    late = "late"
    cancel = "cancel"
    compression = "compression"
    extended_hours = "extended hours"


class Mechanism(StrEnum):
    """Where buyer and seller met."""

    book = "book"
    auction = "auction"
    cross = "cross"
    floor = "floor"
    none = "none"


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition: its name, the tape's letter, the numbers of two vendors, and what it means.

    ``theta`` and ``massive`` are None where the vendor has no number for it.
    """

    name: str
    letter: str
    massive: int
    theta: int | None
    kind: Kind
    mechanism: Mechanism = Mechanism.book


_CANCELS = (
    Condition("canc", "A", 201, 40, Kind.cancel, Mechanism.none),
    Condition("cncl", "C", 203, 41, Kind.cancel, Mechanism.none),
    Condition("cnco", "E", 205, 42, Kind.cancel, Mechanism.none),
    Condition("cnol", "G", 207, 43, Kind.cancel, Mechanism.none),
)
_REPORTED_LATE = (
    Condition("oseq", "B", 202, None, Kind.late, Mechanism.none),
    Condition("late", "D", 204, None, Kind.late, Mechanism.none),
    Condition("open", "F", 206, None, Kind.late, Mechanism.none),
    Condition("opnl", "H", 208, None, Kind.late, Mechanism.none),
)
_SINGLE_LEG = (
    Condition("auto", "I", 209, 18, Kind.electronic),
    Condition("reop", "J", 210, None, Kind.electronic),
    Condition("isoi", "S", 219, 95, Kind.sweep),
    Condition("slan", "a", 227, 125, Kind.auction, Mechanism.auction),
    Condition("slai", "b", 228, 126, Kind.sweep, Mechanism.auction),
    Condition("slcn", "c", 229, 127, Kind.cross, Mechanism.cross),
    Condition("slci", "d", 230, 128, Kind.cross, Mechanism.cross),
    Condition("slft", "e", 231, 129, Kind.floor, Mechanism.floor),
)
_SEVERAL_LEGS = (
    Condition("mlet", "f", 232, 130, Kind.multi_leg),
    Condition("mlat", "g", 233, 131, Kind.multi_leg, Mechanism.auction),
    Condition("mlct", "h", 234, 132, Kind.multi_leg, Mechanism.cross),
    Condition("mlft", "i", 235, 133, Kind.multi_leg, Mechanism.floor),
    Condition("mesl", "j", 236, 134, Kind.multi_leg),
    Condition("masl", "l", 238, 136, Kind.multi_leg, Mechanism.auction),
    Condition("mfsl", "m", 239, 137, Kind.multi_leg, Mechanism.floor),
)
_WITH_STOCK = (
    Condition("tlat", "k", 237, 135, Kind.stock_option, Mechanism.auction),
    Condition("tlet", "n", 240, 138, Kind.stock_option),
    Condition("tlct", "o", 241, 139, Kind.stock_option, Mechanism.cross),
    Condition("tlft", "p", 242, 140, Kind.stock_option, Mechanism.floor),
    Condition("tesl", "q", 243, 141, Kind.stock_option),
    Condition("tasl", "r", 244, 142, Kind.stock_option, Mechanism.auction),
    Condition("tfsl", "s", 245, 143, Kind.stock_option, Mechanism.floor),
)
_APART = (
    Condition("cbmo", "t", 246, 144, Kind.compression, Mechanism.none),
    Condition("mctp", "u", 247, 147, Kind.compression, Mechanism.none),
    Condition("exht", "v", 248, 148, Kind.extended_hours),
)

CONDITIONS: tuple[Condition, ...] = (
    *_SINGLE_LEG, *_SEVERAL_LEGS, *_WITH_STOCK, *_REPORTED_LATE, *_CANCELS, *_APART,
)  # fmt: skip
CODES = pl.Enum([condition.name for condition in CONDITIONS])
"""The dtype of a tape's ``condition``."""

# One more number of a vendor's for cancels, beside the four that the four letters have.
_THETA_CANCEL = 44


def named(kinds: frozenset[Kind] | set[Kind]) -> list[str]:
    """The names of the conditions of some kinds."""
    return [condition.name for condition in CONDITIONS if condition.kind in kinds]


def is_of(*kinds: Kind) -> pl.Expr:
    """Whether a print's condition is of one of some kinds; false where it is not known."""
    return pl.col("condition").is_in(named(set(kinds))).fill_null(value=False)


def met_by(mechanism: Mechanism) -> pl.Expr:
    """Whether a print came about in one way; false where its condition is not known."""
    names = [condition.name for condition in CONDITIONS if condition.mechanism is mechanism]
    return pl.col("condition").is_in(names).fill_null(value=False)


def marked(column: pl.Series, marks: Mapping[int, Callable[[Condition], bool]], unknown: int) -> NDArray[np.uint8]:
    """For each print's condition the sum of the marks that are true of it; ``unknown`` where it is not known."""
    table = np.full(256, unknown, np.uint8)
    for code, condition in enumerate(CONDITIONS):
        table[code] = sum(mark for mark, holds in marks.items() if holds(condition))
    return coded(column, table)


def coded(column: pl.Series, table: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What a table of 256 has for each print's condition, by its place in :data:`CODES`; the last: not known."""
    return np.asarray(table[column.to_physical().cast(pl.UInt8).fill_null(255).to_numpy()])


def kind_of(column: str = "condition") -> pl.Expr:
    """The kind of a print's condition as text; null where the condition is."""
    kinds = {condition.name: condition.kind.value for condition in CONDITIONS}
    return pl.col(column).cast(pl.String).replace_strict(kinds, default=None, return_dtype=pl.String)


def spellings() -> Mapping[str, str]:
    """Everything a text may call a condition, and its name: letters as they are, names in any case."""
    return dict(_spellings())


def _spellings() -> Iterator[tuple[str, str]]:
    for condition in CONDITIONS:
        yield condition.letter, condition.name
        yield condition.name, condition.name
        yield condition.name.upper(), condition.name


def of_massive() -> Mapping[int, str]:
    """That vendor's numbers and the names."""
    return {condition.massive: condition.name for condition in CONDITIONS}


def of_theta() -> Mapping[int, str]:
    """That vendor's numbers and the names; those it has none for are never met there."""
    numbers = {condition.theta: condition.name for condition in CONDITIONS if condition.theta is not None}
    return {**numbers, _THETA_CANCEL: "canc"}
