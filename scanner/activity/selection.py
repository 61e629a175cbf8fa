"""From surprises to a list: false-discovery rate, score, tags, and repeated looks at one session."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.activity.ranking.stories import equal_sizes

ROLLED_LOTS = 50
_LEAST_EXTRA = 40
_NEAR_DAYS = 9
_SAME, _ABOUT = (0.95, 1.05), (0.7, 1.25)
# From so many legs on, and such a share of what is rare in an expiry, a whole month moves into it.
_LEAST_LEGS, _LEAST_SHARE = 5, 1 / 3
_STRIKE = ("root", "strike", "right")
_LOOKED_AT = (*_STRIKE, "expiry", "session_date", "volume", "volume_expected", "open_interest", "combined_surprise")


def benjamini_hochberg(surprise: NDArray[np.float64], tests: int | None = None) -> NDArray[np.float64]:
    """q-values of -log10 chances by Benjamini and Hochberg (1995), shape (n,); NaN in, NaN out and not counted.

    q is the smallest false-discovery rate at which the row, and all rarer ones, would be flagged. ``tests`` is how many
    were looked at, where only the rarest of them are given.
    """
    known = np.isfinite(surprise)
    q = np.where(known, 1.0, np.nan)
    tests = tests or int(np.count_nonzero(known))
    order = _rarest_first(surprise)  # a chance of 1 ranks last and has the q-value 1
    raw = np.minimum(10.0 ** -surprise[order] * tests / np.arange(1, len(order) + 1), 1.0)
    q[order] = np.minimum.accumulate(raw[::-1])[::-1]
    return q


def _rarest_first(surprise: NDArray[np.float64]) -> NDArray[np.int64]:
    """Numbers of the rows with a surprise above 0, the rarest first; equal to seven digits, in any order.

    The bits of positive numbers ascend as the numbers do: with the row's own number beside them they are sorted as
    integers, in a third of the time that sorting row numbers takes.
    """
    rows = np.flatnonzero(surprise > 0)
    bits = surprise[rows].astype(np.float32).view(np.uint32).astype(np.uint64)
    keys = np.sort(bits << np.uint64(32) | rows.astype(np.uint64))
    return (keys[::-1] & np.uint64(0xFFFFFFFF)).astype(np.int64)


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


def charge_of(looks: int | NDArray[np.float64]) -> NDArray[np.float64]:
    """The decades that the largest surprise of so many scans of one session, this one among them, is too much.

    The scans of one session look at the same growing count: in simulated over-dispersed counts (negative-binomial sizes
    0.05 to 0.5, up to 27 looks) the maximum comes 1 + 0.22 ln(looks) times as often as one look's surprise says, at
    1e-2, 1e-3 and 1e-4 alike.
    """
    return np.asarray(np.log10(1.0 + 0.22 * np.log(looks)))


def session_maximum(largest: NDArray[np.float64], charge: NDArray[np.float64]) -> NDArray[np.float64]:
    """The surprise of a session's maximum over repeated scans, so that scanning more often does not alarm more often.

    ``largest`` are the surprises of the scan in which each was largest, NaN where there is none, and ``charge`` what
    :func:`charge_of` takes off for the scans there were.
    """
    return np.maximum(largest - charge, 0.0)


def multi_leg_suspects(contracts: pl.DataFrame) -> pl.Series:
    """Whether an equal size traded in another unusual contract of the same underlying; a tag, no verdict.

    Equal means within 1 % and at least 100 lots, both rarer than one in ten: two legs of one spread. Null where the
    volume or the surprise is not known.
    """
    large = (contracts["volume"] >= 100) & (contracts["combined_surprise"] >= 1.0)
    rows = large.arg_true()
    legs = contracts.select("underlying", "volume")[rows].with_columns(rows.alias("_row"))
    return _tag(contracts, "multi_leg_suspect", equal_sizes(legs, 0.01))


def _tag(contracts: pl.DataFrame, name: str, marked: NDArray[np.integer]) -> pl.Series:
    """True for the rows of the marked numbers, False for others, null where volume or surprise is not known."""
    tagged = np.zeros(contracts.height, bool)
    tagged[marked] = True
    columns = contracts["volume"], contracts["combined_surprise"]
    if not any(column.null_count() for column in columns):
        return pl.Series(name, tagged)
    known = columns[0].is_not_null() & columns[1].is_not_null()
    return pl.select(pl.when(known).then(pl.Series(tagged))).to_series().alias(name)


def roll_suspects(contracts: pl.DataFrame) -> pl.Series:
    """Whether a contract looks like a leg of a position rolled from expiries of the next nine days to a later one.

    The legs have the same root, right and strike and at least 50 lots. The far one traded as much as a near one, within
    a twentieth, or as much beyond expectation as a near one, or all near ones together, did. The far leg is rarer than
    one in ten, the near one, which usually trades a lot, than one in three; and what a near leg traded beyond
    expectation fits into its open interest, so that it can be a closing. On recorded mornings the open interest of near
    legs that fit less closely fell no more often than that of others: they agree by chance.

    What chance does not explain is that many strikes of one expiry fit. Where five of its contracts, and a third of
    what is rare in it, are .7 to 1.25 times a near leg in this way, a whole month is moving there: then it is enough
    that volume and open interest of the near legs can hold what the far one traded beyond expectation, for in a busy
    one a roll drowns. Null where the volume or the surprise is not known.
    """
    told = contracts.select(*_LOOKED_AT).with_row_index("_row")
    # Few rows are left: planning what is asked of them would take longer than the answers.
    traded = told.filter(pl.col("volume") >= ROLLED_LOTS).with_columns(
        beyond=pl.col("volume") - pl.col("volume_expected"),
        days=(pl.col("expiry") - pl.col("session_date")).dt.total_days(),
    )
    near, rare = traded.filter(pl.col("days") <= _NEAR_DAYS), traded.filter(pl.col("combined_surprise") >= 1.0)
    if near.is_empty() or rare.is_empty():
        return _tag(contracts, "roll_suspect", np.empty(0, np.int64))
    closing = (pl.col("combined_surprise") >= 0.5) & (pl.col("beyond") <= 1.1 * pl.col("open_interest"))
    near = near.with_columns(closing=closing).select(
        *_STRIKE,
        "closing",
        near="_row",
        size="volume",
        extra="beyond",
        first="expiry",
        together=pl.when("closing").then(pl.col("beyond").clip(0.0)).sum().over(_STRIKE),
        most=pl.min_horizontal("volume", "open_interest").sum().over(_STRIKE),
    )
    rare = rare.select(*_STRIKE, "volume", "beyond", "expiry", far="_row")
    pairs = near.join(rare, on=_STRIKE).filter(pl.col("expiry") > pl.col("first"))
    about = pairs.filter("closing").filter(_matches(_ABOUT))
    legs = about.group_by("root", "expiry").agg(legs=pl.col("far").n_unique())
    legs = legs.join(rare.group_by("root", "expiry").agg(rare=pl.len()), on=["root", "expiry"])
    moving = legs.filter((pl.col("legs") >= _LEAST_LEGS) & (pl.col("legs") >= _LEAST_SHARE * pl.col("rare")))
    held = pairs.filter(_fits("beyond", "most", (0.0, 1.25))).join(moving, on=["root", "expiry"], how="semi")
    rolled = pl.concat([about.filter(_matches(_SAME)), held]).select("near", "far")
    return _tag(contracts, "roll_suspect", pl.concat([rolled["near"], rolled["far"]]).to_numpy())


def _matches(share: tuple[float, float]) -> pl.Expr:
    """Whether a far leg's volume is such a share of a near one's, as they are or beyond expectation."""
    beyond = _fits("beyond", "extra", share) | _fits("beyond", "together", share)
    return _fits("volume", "size", share) | ((pl.col("extra") >= _LEAST_EXTRA) & beyond)


def _fits(size: str, into: str, share: tuple[float, float]) -> pl.Expr:
    """Whether a size is between two shares of another."""
    least, most = share
    return (pl.col(size) >= least * pl.col(into)) & (pl.col(size) <= most * pl.col(into))
