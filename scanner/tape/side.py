"""On which side the customer of a print was, as a chance: 0.5 where nothing tells.

The rules are the classical ones: the side of the middle of the quotes that the price is on (quote rule), how far from
the middle, and - where quoted sizes are known - the trade-size and depth rules of Grauer, Schuster and Uhrig-Homburg
(SSRN 4098475): what takes exactly the size quoted on one side alone is likely to have met a customer's resting order
there, and in the middle customers are on the side of the larger depth. None of them is sure. On recorded trades of two
exchanges whose customers' sides are known, the quote rule is right on 60 to 64 of 100, and with the rules of sizes 67
to 76. So each case has a chance of its own, :data:`CHANCES`, which ``python -m benchmarks tape`` holds against known
sides.

The aggressor is somebody else: who trades at the ask took it, but where that was a customer's resting offer the
customer sold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from scanner.tape import judging
from scanner.tape.conditions import Kind, Mechanism, marked
from scanner.tape.prints import array

if TYPE_CHECKING:
    from numpy.typing import NDArray

UNTOLD = 0.5
PLACES, HINTS = pl.Enum(judging.PLACES), pl.Enum(judging.HINTS)

CHANCES: dict[tuple[str, str, str], float] = {
    ("book", "middle", "with"): 0.62,
    ("book", "inner", "unknown"): 0.62, ("book", "inner", "none"): 0.63,
    ("book", "inner", "with"): 0.72, ("book", "inner", "against"): 0.31,
    ("book", "outer", "unknown"): 0.62, ("book", "outer", "none"): 0.72,
    ("book", "outer", "with"): 0.72, ("book", "outer", "against"): 0.31,
    ("book", "quote", "unknown"): 0.62, ("book", "quote", "none"): 0.72,
    ("book", "quote", "with"): 0.72, ("book", "quote", "against"): 0.31,
    ("book", "beyond", "unknown"): 0.66, ("book", "beyond", "none"): 0.66,
    ("book", "beyond", "with"): 0.72, ("book", "beyond", "against"): 0.50,
    ("auction", "middle", "with"): 0.62,
    ("auction", "inner", "unknown"): 0.64, ("auction", "inner", "none"): 0.64,
    ("auction", "inner", "with"): 0.64, ("auction", "inner", "against"): 0.64,
    ("auction", "outer", "unknown"): 0.66, ("auction", "outer", "none"): 0.66,
    ("auction", "outer", "with"): 0.66, ("auction", "outer", "against"): 0.66,
    ("auction", "quote", "unknown"): 0.70, ("auction", "quote", "none"): 0.70,
    ("auction", "quote", "with"): 0.70, ("auction", "quote", "against"): 0.70,
    ("auction", "beyond", "unknown"): 0.66, ("auction", "beyond", "none"): 0.66,
    ("auction", "beyond", "with"): 0.66, ("auction", "beyond", "against"): 0.66,
}  # fmt: skip
"""By mechanism, place in the quote and what the sizes say of it: the chance that the side told is the customer's."""

_AT_THE_QUOTE = CHANCES["book", "quote", "unknown"]
_TABLE = np.array(
    [
        CHANCES.get((way, place, hint), UNTOLD)
        for way in ("book", "auction")
        for place in judging.PLACES
        for hint in judging.HINTS
    ]
)


_MARKS = {
    judging.WITHOUT_SIDE: lambda condition: (
        condition.kind in (Kind.multi_leg, Kind.stock_option, Kind.cross, Kind.floor)
    ),
    judging.AUCTION: lambda condition: condition.mechanism is Mechanism.auction,
}


def cases(prints: pl.DataFrame) -> pl.DataFrame:
    """What the rules look at, one row a print: ``direction`` (1 buy, -1 sell, 0 untold), ``mechanism place hint``.

    ``prints`` are cleaned ones.
    """
    direction, case, _ = _looked_at(prints)
    hints = len(judging.HINTS)
    place, auction = case // hints % len(judging.PLACES), case >= judging.CASES
    return pl.DataFrame(
        {
            "direction": direction,
            "mechanism": np.where(auction, "auction", "book"),
            "place": pl.Series(place).cat.to(PLACES),
            "hint": pl.Series(case % hints).cat.to(HINTS),
        }
    )


def buy_chance(prints: pl.DataFrame) -> pl.Series:
    """The chance that the customer bought, one value a print, never null: 0.5 where nothing tells.

    ``prints`` are cleaned ones. What no rule can tell - legs of packages, crosses, the floor, what is late - is 0.5.
    Where there is no quote, a side that the source tells counts as one told by a price at the quote.
    """
    direction, case, marks = _looked_at(prints)
    away = direction * (_TABLE[case] - UNTOLD)
    if prints["told_side"].null_count() < prints.height:
        side, tellable = prints["told_side"], (marks & judging.WITHOUT_SIDE) == 0
        by_source = tellable & (prints["use"] == "all").to_numpy() & ~prints["quoted"].to_numpy()
        told = np.where((side == "buy").fill_null(value=False).to_numpy(), 1, -1)
        away = np.where(by_source & side.is_not_null().to_numpy(), told * (_AT_THE_QUOTE - UNTOLD), away)
    return pl.Series("buy_chance", UNTOLD + away)


def _looked_at(prints: pl.DataFrame) -> tuple[NDArray[np.int8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Direction and case of each print (:func:`scanner.tape.judging.look`), and the marks of its condition."""
    marks = marked(prints["condition"], _MARKS, unknown=0)
    direction, case = judging.look(
        prints["use"].to_physical().to_numpy(),
        prints["quoted"].to_numpy(),
        marks,
        array(prints["price"]),
        array(prints["size"]),
        array(prints["bid"]),
        array(prints["ask"]),
        array(prints["bid_size"]),
        array(prints["ask_size"]),
    )
    return direction, case, marks
