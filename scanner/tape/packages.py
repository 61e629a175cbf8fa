"""Packages out of prints: the legs that traded together as one structure, and what it is called.

The tape has no number for a complex order. Its legs are prints with a multi-leg condition, at one venue, in one name,
each within a millisecond of the one before. What they are is told by their contracts and sizes alone: on which side
each leg was is not known, for legs may trade anywhere, even outside their own quotes. So a call and a put of one strike
are ``straddle or synthetic``, and that is all that can be said.
"""

from __future__ import annotations

import polars as pl

from scanner.tape.conditions import Kind, is_of
from scanner.tape.prints import contracts_of

APART = 1_000_000
"""Nanoseconds between two legs of one package, at most."""

_MOST_LEGS = 4


def packages(prints: pl.DataFrame) -> pl.DataFrame:
    """One row a package, by time; ``prints`` are cleaned ones.

    Columns: ``underlying time exchange legs lots structure with_stock premium contracts``. ``lots`` are those of the
    smallest leg, ``premium`` is the sum over the legs for 100 shares a contract, ``contracts`` a list. Where only one
    leg is seen, ``structure`` says so.
    """
    legs = prints.filter(is_of(Kind.multi_leg, Kind.stock_option) & (pl.col("use") == "all"))
    key = ("underlying", "exchange", "condition")
    # Of one contract there may be several fills: they are one leg.
    told = contracts_of(legs)
    ordered = legs.sort(*key, "time", maintain_order=True)
    fresh = pl.any_horizontal(pl.col(name).ne_missing(pl.col(name).shift(1)) for name in key)
    pause = pl.col("time").diff().dt.total_nanoseconds() > APART
    by_leg = (
        ordered.with_columns(package=(fresh | pause).fill_null(value=True).cum_sum())
        .group_by("package", "contract", maintain_order=True)
        .agg(
            pl.col("source", "simulated", "session_date", "underlying", "exchange").first(),
            pl.col("time").min(),
            with_stock=is_of(Kind.stock_option).any(),
            lots=pl.col("size").sum().cast(pl.Int64),
            money=(pl.col("price") * pl.col("size")).sum(),
        )
        .join(told, on="contract", how="left", maintain_order="left")
        .sort("package", "expiry", "strike", "right", maintain_order=True)
    )
    found = by_leg.group_by("package", maintain_order=True).agg(
        pl.col("source", "simulated", "session_date", "underlying", "exchange").first(),
        pl.col("time").min(),
        pl.col("with_stock").any(),
        legs=pl.len(),
        lots=pl.col("lots").min(),
        ratio=pl.col("lots").max() / pl.col("lots").min(),
        lots_of=pl.col("lots"),
        premium=pl.col("money").sum() * 100,
        contracts=pl.col("contract").cast(pl.String),
        expiries=pl.col("expiry").n_unique(),
        strikes=pl.col("strike").n_unique(),
        rights=pl.col("right").n_unique(),
        calls=(pl.col("right") == "C").sum(),
        wings=(pl.col("strike").max() + pl.col("strike").min()) / 2 == pl.col("strike").median(),
    )
    return found.with_columns(structure=_name()).select(
        "source", "simulated", "session_date", "underlying", "time", "exchange", "legs", "lots", "structure",
        "with_stock", "premium", "contracts",
    ).sort("time", "underlying")  # fmt: skip


def _name() -> pl.Expr:
    """What the legs are together; where two structures have the same legs, both."""
    two = pl.col("legs") == 2
    one_expiry, one_strike, one_right = (pl.col(name) == 1 for name in ("expiries", "strikes", "rights"))
    equal = pl.col("ratio") == 1
    middle = (pl.col("legs") == 3) & one_expiry & one_right & pl.col("wings")
    butterfly = middle & (pl.col("lots_of").list.get(1, null_on_oob=True) == 2 * pl.col("lots"))
    four = (pl.col("legs") == _MOST_LEGS) & one_expiry & equal
    return (
        pl.when((pl.col("legs") == 1) & pl.col("with_stock")).then(pl.lit("option with stock"))
        .when(pl.col("legs") == 1).then(pl.lit("one leg, the others not seen"))
        .when(two & pl.col("with_stock") & (pl.col("rights") == 2)).then(pl.lit("collar or conversion, with stock"))
        .when(two & one_expiry & one_right & equal).then(pl.lit("vertical"))
        .when(two & one_expiry & one_right).then(pl.lit("vertical, unequal sizes"))
        .when(two & one_strike & one_right).then(pl.lit("calendar or roll"))
        .when(two & one_right).then(pl.lit("diagonal or roll"))
        .when(two & one_expiry & one_strike).then(pl.lit("straddle or synthetic"))
        .when(two & one_expiry).then(pl.lit("strangle or risk reversal"))
        .when(two).then(pl.lit("call and put of two expiries"))
        .when(butterfly).then(pl.lit("butterfly"))
        .when(four & one_right).then(pl.lit("condor"))
        .when(four & (pl.col("calls") == 2) & (pl.col("strikes") == 2)).then(pl.lit("box"))
        .when(four & (pl.col("calls") == 2)).then(pl.lit("iron condor or butterfly"))
        .otherwise(pl.lit("several legs"))
    )  # fmt: skip
