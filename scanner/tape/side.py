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

import polars as pl

from scanner.tape.conditions import Kind, Mechanism, is_of, met_by

UNTOLD = 0.5
# How far from the middle, as a part of half the spread, is still the middle, and from where on it is near the quote.
_MIDDLE, _NEAR = 1e-6, 0.6
PLACES = pl.Enum(["none", "middle", "inner", "outer", "quote", "beyond"])
HINTS = pl.Enum(["unknown", "none", "with", "against"])

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


def cases(prints: pl.DataFrame) -> pl.DataFrame:
    """What the rules look at, one row a print: ``direction`` (1 buy, -1 sell, 0 untold), ``mechanism place hint``.

    ``prints`` are cleaned ones.
    """
    return _looked_at(prints.lazy()).collect()


def _looked_at(prints: pl.LazyFrame) -> pl.LazyFrame:
    middle, half = (pl.col("bid") + pl.col("ask")) / 2, (pl.col("ask") - pl.col("bid")) / 2
    off = pl.when(pl.col("quoted")).then(pl.col("price") - middle)
    away = pl.when(half > 0).then(off / half).otherwise(off.sign())
    looked = prints.select(
        "price", "size", "bid_size", "ask_size", "told_side", "condition", away=away, tellable=_tellable()
    )
    distance = pl.col("away").abs()
    place = (
        pl.when(~pl.col("tellable") | distance.is_null()).then(pl.lit("none"))
        .when(distance <= _MIDDLE).then(pl.lit("middle"))
        .when(distance < _NEAR).then(pl.lit("inner"))
        .when(distance < 1 - _MIDDLE).then(pl.lit("outer"))
        .when(distance <= 1 + _MIDDLE).then(pl.lit("quote"))
        .otherwise(pl.lit("beyond")).cast(PLACES)
    )  # fmt: skip
    looked = looked.with_columns(
        place=place,
        mechanism=pl.when(met_by(Mechanism.auction)).then(pl.lit("auction")).otherwise(pl.lit("book")),
        sized=_by_size(),
        depth=(pl.col("ask_size") - pl.col("bid_size")).sign().fill_null(0).cast(pl.Int8),
    )
    in_middle = pl.col("place") == "middle"
    quote_rule = pl.when(pl.col("place") == "none").then(0).otherwise(pl.col("away").sign()).cast(pl.Int8)
    hint = (
        pl.when(pl.col("bid_size").is_null() | pl.col("ask_size").is_null()).then(pl.lit("unknown"))
        .when(pl.col("sized") == 0).then(pl.lit("none"))
        .when(pl.col("sized") == quote_rule).then(pl.lit("with"))
        .otherwise(pl.lit("against"))
    )  # fmt: skip
    return looked.select(
        "told_side",
        "tellable",
        "mechanism",
        "place",
        direction=pl.when(in_middle).then(pl.col("depth")).otherwise(quote_rule),
        hint=pl.when(in_middle).then(pl.lit("with")).otherwise(hint).cast(HINTS),
    )


def buy_chance(prints: pl.DataFrame) -> pl.Series:
    """The chance that the customer bought, one value a print, never null: 0.5 where nothing tells.

    ``prints`` are cleaned ones. What no rule can tell - legs of packages, crosses, the floor, what is late - is 0.5.
    Where there is no quote, a side that the source tells counts as one told by a price at the quote.
    """
    table = pl.DataFrame(
        [(*case, chance) for case, chance in CHANCES.items()],
        schema={"mechanism": pl.String, "place": PLACES, "hint": HINTS, "right": pl.Float64},
        orient="row",
    )
    told = pl.when(pl.col("told_side") == "buy").then(1).otherwise(-1)
    by_source = pl.col("tellable") & (pl.col("place") == "none") & pl.col("told_side").is_not_null()
    at_the_quote = CHANCES["book", "quote", "unknown"]
    found = (
        cases(prints)
        .join(table, on=["mechanism", "place", "hint"], how="left", maintain_order="left")
        .select(
            chance=pl.when(by_source)
            .then(UNTOLD + told * (at_the_quote - UNTOLD))
            .otherwise(UNTOLD + pl.col("direction") * (pl.col("right").fill_null(UNTOLD) - UNTOLD))
        )
    )
    return found["chance"].alias("buy_chance")


def _tellable() -> pl.Expr:
    apart = is_of(Kind.multi_leg, Kind.stock_option, Kind.cross, Kind.floor)
    return (pl.col("use") == "all") & ~apart


def _by_size() -> pl.Expr:
    """The trade-size rule: 1 where the print took exactly what was bid, -1 exactly what was offered, else 0."""
    at_bid = (pl.col("size") == pl.col("bid_size")).fill_null(value=False)
    at_ask = (pl.col("size") == pl.col("ask_size")).fill_null(value=False)
    return (at_bid.cast(pl.Int8) - at_ask.cast(pl.Int8)).alias("sized")
