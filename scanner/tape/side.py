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

import numpy as np
import polars as pl

from scanner.tape.conditions import Kind, Mechanism, is_of, met_by

UNTOLD = 0.5
# How far from the middle, as a part of half the spread, is still the middle, and from where on it is near the quote.
_MIDDLE, _NEAR = 1e-6, 0.6
_PLACES = ("none", "middle", "inner", "outer", "quote", "beyond")
_HINTS = ("unknown", "none", "with", "against")
PLACES, HINTS = pl.Enum(_PLACES), pl.Enum(_HINTS)

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
    [CHANCES.get((way, place, hint), UNTOLD) for way in ("book", "auction") for place in _PLACES for hint in _HINTS]
)


def cases(prints: pl.DataFrame) -> pl.DataFrame:
    """What the rules look at, one row a print: ``direction`` (1 buy, -1 sell, 0 untold), ``mechanism place hint``.

    ``prints`` are cleaned ones.
    """
    looked = _looked_at(prints)
    return looked.select(
        "direction",
        mechanism=pl.when("auction").then(pl.lit("auction")).otherwise(pl.lit("book")),
        place=pl.col("place").replace_strict(dict(enumerate(_PLACES)), return_dtype=PLACES),
        hint=pl.col("hint").replace_strict(dict(enumerate(_HINTS)), return_dtype=HINTS),
    )


def buy_chance(prints: pl.DataFrame) -> pl.Series:
    """The chance that the customer bought, one value a print, never null: 0.5 where nothing tells.

    ``prints`` are cleaned ones. What no rule can tell - legs of packages, crosses, the floor, what is late - is 0.5.
    Where there is no quote, a side that the source tells counts as one told by a price at the quote.
    """
    looked = _looked_at(prints)
    code = (pl.col("auction").cast(pl.Int32) * len(_PLACES) + pl.col("place")) * len(_HINTS) + pl.col("hint")
    arrays = looked.select("direction", code=code)
    away = arrays["direction"].to_numpy() * (_TABLE[arrays["code"].to_numpy()] - UNTOLD)
    if prints["told_side"].null_count() < prints.height:
        away = np.where(looked["by_source"].to_numpy(), looked["told"].to_numpy() * (_AT_THE_QUOTE - UNTOLD), away)
    return pl.Series("buy_chance", UNTOLD + away)


def _looked_at(prints: pl.DataFrame) -> pl.DataFrame:
    """The cases by numbers: ``direction``, ``auction``, ``place`` and ``hint`` as their enums count them."""
    middle, half = (pl.col("bid") + pl.col("ask")) / 2, (pl.col("ask") - pl.col("bid")) / 2
    off = pl.when(pl.col("quoted") & _tellable()).then(pl.col("price") - middle)
    looked = prints.select(
        away=pl.when(half > 0).then(off / half).otherwise(off.sign()),
        auction=met_by(Mechanism.auction),
        sized=_by_size(),
        depth=(pl.col("ask_size") - pl.col("bid_size")).sign().fill_null(0).cast(pl.Int8),
        unknown=pl.col("bid_size").is_null() | pl.col("ask_size").is_null(),
        told=pl.when(pl.col("told_side") == "buy").then(1).otherwise(-1).cast(pl.Int8),
        by_source=_tellable() & ~pl.col("quoted") & pl.col("told_side").is_not_null(),
    )
    distance = pl.col("away").abs()
    edges = (_MIDDLE, _NEAR, 1 - _MIDDLE, 1 + _MIDDLE)
    # In the middle, inner, outer, at the quote and beyond it are one step further each.
    steps = pl.sum_horizontal(
        (distance > edges[0]).cast(pl.Int32), *((distance >= edge).cast(pl.Int32) for edge in edges[1:])
    )
    looked = looked.with_columns(
        place=pl.when(distance.is_null()).then(0).otherwise(1 + steps).cast(pl.Int32),
        rule=pl.col("away").sign().fill_null(0).cast(pl.Int8),
    )
    in_middle = pl.col("place") == _PLACES.index("middle")
    sized = (
        pl.when(pl.col("sized") == 0)
        .then(_HINTS.index("none"))
        .otherwise(
            pl.when(pl.col("sized") == pl.col("rule")).then(_HINTS.index("with")).otherwise(_HINTS.index("against"))
        )
    )
    hint = pl.when(in_middle).then(_HINTS.index("with")).when("unknown").then(_HINTS.index("unknown")).otherwise(sized)
    return looked.select(
        "auction", "place", "told", "by_source",
        direction=pl.when(in_middle).then("depth").otherwise("rule"),
        hint=hint.cast(pl.Int32),
    )  # fmt: skip


def _tellable() -> pl.Expr:
    apart = is_of(Kind.multi_leg, Kind.stock_option, Kind.cross, Kind.floor)
    return (pl.col("use") == "all") & ~apart


def _by_size() -> pl.Expr:
    """The trade-size rule: 1 where the print took exactly what was bid, -1 exactly what was offered, else 0."""
    at_bid = (pl.col("size") == pl.col("bid_size")).fill_null(value=False)
    at_ask = (pl.col("size") == pl.col("ask_size")).fill_null(value=False)
    return (at_bid.cast(pl.Int8) - at_ask.cast(pl.Int8)).alias("sized")
