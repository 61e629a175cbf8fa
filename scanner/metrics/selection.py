"""From surprises to a list: false-discovery rate, score and stars, tags, and repeated looks at one session."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

STAR_CUTS = (2.0, 3.0, 4.0, 5.0, 6.0)


def benjamini_hochberg(surprise: NDArray[np.float64]) -> NDArray[np.float64]:
    """q-values of -log10 chances by Benjamini and Hochberg (1995), shape (n,); NaN in, NaN out and not counted.

    q is the smallest false-discovery rate at which the row, and all rarer ones, would be flagged.
    """
    q = np.full(len(surprise), np.nan)
    judged = np.flatnonzero(np.isfinite(surprise))
    if not len(judged):
        return q
    order = judged[np.argsort(-surprise[judged], kind="stable")]
    rank = np.arange(1, len(order) + 1)
    raw = np.minimum(10.0 ** -surprise[order] * len(order) / rank, 1.0)
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


def consolidate(contracts: pl.DataFrame, ladders: pl.DataFrame, least: float = 2.0) -> pl.DataFrame:
    """One list of a session's alerts, strongest first: a run of neighbouring strikes of one expiry is one story.

    ``contracts`` is a scored chain sorted by root, expiry, strike and right, ``ladders`` the ladder frame. A contract
    takes part with a combined surprise of ``least``, or as a member of a ladder. Contracts of both rights at the same
    or the next listed strike belong to one alert: a conversion or a ladder is raised once and names its contracts.
    Columns: ``underlying root expiry surprise`` (of the strongest contract or ladder) ``lead`` and ``members`` (contracts).
    """
    in_ladder = ladders.select("members", "ladder_surprise").explode("members")
    strikes = contracts.select(
        pl.struct("root", "expiry").rle_id(), strike=pl.struct("root", "expiry", "strike").rle_id()
    )
    rows = (
        contracts.select("underlying", "root", "expiry", "contract", own=pl.col("combined_surprise").fill_null(0.0))
        .with_columns(strikes.rename({"root": "_group", "strike": "_strike"}))
        .join(in_ladder, left_on="contract", right_on="members", how="left", maintain_order="left")
        .with_columns(surprise=pl.max_horizontal("own", pl.col("ladder_surprise").fill_null(0.0)))
        .filter((pl.col("own") >= least) | (pl.col("ladder_surprise").is_not_null() & (pl.col("own") >= 1.0)))
    )
    apart = (pl.col("_group") != pl.col("_group").shift(1)) | (pl.col("_strike") > pl.col("_strike").shift(1) + 1)
    return (
        rows.with_columns(_story=apart.fill_null(value=False).cum_sum())
        .group_by("_story", maintain_order=True)
        .agg(
            pl.col("underlying", "root", "expiry").first(),
            pl.col("surprise").max(),
            lead=pl.col("contract").sort_by("own", descending=True).first(),
            members=pl.col("contract"),
        )
        .drop("_story")
        .sort("surprise", descending=True, maintain_order=True)
    )
