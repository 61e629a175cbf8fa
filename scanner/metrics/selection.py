"""From surprises to a list: false-discovery rate, score and stars, tags, and repeated looks at one session."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

STAR_CUTS = (2.0, 3.0, 4.0, 5.0, 6.0)
LEAST_RANK = 2.0
LEAST_LOTS = 50
NEW_STRIKE_RANK = 1.5
LADDER_CHARGE = 0.5
NAMED = 5


def benjamini_hochberg(surprise: NDArray[np.float64], tests: int | None = None) -> NDArray[np.float64]:
    """q-values of -log10 chances by Benjamini and Hochberg (1995), shape (n,); NaN in, NaN out and not counted.

    q is the smallest false-discovery rate at which the row, and all rarer ones, would be flagged. ``tests`` is how many
    were looked at, where only the rarest of them are given.
    """
    q = np.where(np.isfinite(surprise), 1.0, np.nan)
    tests = tests or len(surprise) - int(np.isnan(q).sum())
    below_one = np.flatnonzero(surprise > 0)  # a chance of 1 ranks last and has the q-value 1
    order = below_one[np.argsort(-surprise[below_one])]
    raw = np.minimum(10.0 ** -surprise[order] * tests / np.arange(1, len(order) + 1), 1.0)
    q[order] = np.minimum.accumulate(raw[::-1])[::-1]
    return q


def stars(surprise: NDArray[np.float64]) -> NDArray[np.int32]:
    """One to five stars for a chance below 1e-2, 1e-3, 1e-4, 1e-5, 1e-6; 0 above that or where there is none."""
    return np.searchsorted(STAR_CUTS, np.nan_to_num(surprise), side="right").astype(np.int32)


def score(parts: pl.DataFrame) -> pl.Series:
    """Combined score 0-100 of rows whose columns are the surprises of its channels; null where all are null.

    The strongest channel counts in full, the others by a quarter of what they add; 100 stands for eight decades.
    """
    values = np.nan_to_num(parts.cast(pl.Float64).fill_null(np.nan).to_numpy(), nan=0.0).clip(0, None)
    known = parts.select(pl.any_horizontal(pl.all().is_not_null())).to_series()
    strongest = values.max(axis=1)
    total = strongest + 0.25 * (values.sum(axis=1) - strongest)
    filled = pl.Series("score", np.minimum(100.0, total / 8.0 * 100.0).round(1))
    return pl.select(pl.when(known).then(filled)).to_series().alias("score")


def session_maximum(
    now: NDArray[np.float64], before: NDArray[np.float64], looks: int | NDArray[np.float64]
) -> NDArray[np.float64]:
    """The surprise of a session's maximum over repeated scans, so that scanning more often does not alarm more often.

    ``now`` are this scan's surprises, ``before`` the largest of the session's earlier scans (NaN where there was none),
    ``looks`` the number of scans including this one. The scans of one session look at the same growing count: in
    simulated over-dispersed counts (negative-binomial sizes 0.05 to 0.5, up to 27 looks) the maximum comes 1 + 0.22
    ln(looks) times as often as one look's surprise says, at 1e-2, 1e-3 and 1e-4 alike, and that is taken off.
    """
    return np.asarray(np.maximum(np.fmax(now, before) - np.log10(1.0 + 0.22 * np.log(looks)), 0.0))


def multi_leg_suspects(contracts: pl.DataFrame) -> pl.Series:
    """Whether an equal size traded in another unusual contract of the same underlying; a tag, no verdict.

    Equal means within 1 % and at least 100 lots, both rarer than one in ten: two legs of one spread. Null where the
    volume or the surprise is not known.
    """
    rows = contracts.select("underlying", "volume", "combined_surprise").with_row_index("_row")
    legs = rows.filter((pl.col("volume") >= 100) & (pl.col("combined_surprise") >= 1.0)).sort("underlying", "volume")
    close = (pl.col("volume").shift(-1) <= pl.col("volume") * 1.01) & (
        pl.col("underlying").shift(-1) == pl.col("underlying")
    )
    above = legs.select(close.fill_null(value=False)).to_series()
    suspects = legs.filter(above | above.shift(1, fill_value=False))["_row"]
    known = contracts["volume"].is_not_null() & contracts["combined_surprise"].is_not_null()
    tagged = rows["_row"].is_in(suspects.implode())
    return pl.select(pl.when(known).then(tagged)).to_series().alias("multi_leg_suspect")


def roll_suspects(contracts: pl.DataFrame) -> pl.Series:
    """Whether a contract looks like a leg of a position rolled from an expiry of the next nine days to a later one.

    Both legs have the same root, right and strike, at least 50 lots each, sizes within a quarter of each other, and are
    both rarer than one in ten; the near leg's volume fits into its open interest, so that it can be a closing. Null
    where the volume or the surprise is not known.
    """
    key = ["root", "strike", "right"]
    days = (pl.col("expiry") - pl.col("session_date")).dt.total_days()
    legs = contracts.with_row_index("_row").filter((pl.col("volume") >= 50) & (pl.col("combined_surprise") >= 1.0))
    near = legs.filter((days <= 9) & (pl.col("volume") <= 1.1 * pl.col("open_interest")))
    pairs = near.select(*key, near="_row", size="volume", first="expiry").join(
        legs.select(*key, "volume", "expiry", far="_row"), on=key
    )
    rolled = pairs.filter(
        (pl.col("expiry") > pl.col("first"))
        & (pl.col("volume") <= 1.25 * pl.col("size"))
        & (pl.col("volume") >= 0.8 * pl.col("size"))
    )
    marked = pl.concat([rolled["near"], rolled["far"]]).unique()
    known = contracts["volume"].is_not_null() & contracts["combined_surprise"].is_not_null()
    tagged = pl.Series(np.isin(np.arange(contracts.height), marked.to_numpy()), dtype=pl.Boolean)
    return pl.select(pl.when(known).then(tagged)).to_series().alias("roll_suspect")


def consolidate(contracts: pl.DataFrame, ladders: pl.DataFrame) -> pl.DataFrame:
    """One list of a session's alerts, strongest first: a run of neighbouring strikes of one expiry is one story.

    ``contracts`` is a scored chain sorted by root, expiry, strike and right, ``ladders`` the ladder frame. A contract
    takes part with at least 50 lots and a rank of 2, or as a member of a ladder; contracts of either right at the same
    or the next listed strike belong to one alert, which names its five strongest. A contract's rank is its combined
    surprise, 1.5 higher for a new strike (a family of few contracts in which openings are told apart best, so it gets
    more than its share of the list); that of a ladder is its surprise less 0.5, for the runs of many lengths looked at.
    Rolls (see :func:`roll_suspects`) are left out. Columns: ``underlying root expiry first_strike last_strike rank lead
    members``, ``lead`` the strongest contract, ``members`` all named.
    """
    charged = pl.col("ladder_surprise") - LADDER_CHARGE
    in_ladder = ladders.select("members", _ladder=charged).explode("members", empty_as_null=True, keep_nulls=True)
    places = contracts.select(
        _group=pl.struct("root", "expiry").rle_id(), _strike=pl.struct("root", "expiry", "strike").rle_id()
    )
    raised = pl.when(pl.col("new_strike").fill_null(value=False)).then(NEW_STRIKE_RANK).otherwise(0.0)
    rolls = roll_suspects(contracts).fill_null(value=False)
    rows = (
        contracts.select(
            "underlying", "root", "expiry", "strike", "contract", "volume", own=pl.col("combined_surprise") + raised
        )
        .hstack(places)
        .join(in_ladder, left_on="contract", right_on="members", how="left", maintain_order="left")
        .filter(~rolls)
        .filter(((pl.col("own") >= LEAST_RANK) & (pl.col("volume") >= LEAST_LOTS)) | pl.col("_ladder").is_not_null())
        .with_columns(rank=pl.max_horizontal("own", "_ladder"))
    )
    apart = (pl.col("_group") != pl.col("_group").shift(1)) | (pl.col("_strike") > pl.col("_strike").shift(1) + 1)
    return (
        rows.with_columns(_story=apart.fill_null(value=False).cum_sum())
        .group_by("_story", maintain_order=True)
        .agg(
            pl.col("underlying", "root", "expiry").first(),
            pl.col("rank").max(),
            first_strike=pl.col("strike").min(),
            last_strike=pl.col("strike").max(),
            lead=pl.col("contract").sort_by("own", descending=True, maintain_order=True).first(),
            members=pl.col("contract").sort_by("own", descending=True, maintain_order=True).head(NAMED),
        )
        .drop("_story")
        .sort("rank", descending=True, maintain_order=True)
    )
