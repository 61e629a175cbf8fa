"""From surprises to a list: false-discovery rate, score and stars, tags, and repeated looks at one session."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

STAR_CUTS = (2.0, 3.0, 4.0, 5.0, 6.0)
LEAST_RANK, LEAST_LISTED = 2.0, 1.0
LEAST_LOTS, DRIP_LOTS = 50, 10
NEW_STRIKE_RANK = 1.5
LADDER_CHARGE = 0.5
OPENING_WEIGHT = 0.75
LEG_LOTS, LEG_TOLERANCE = 100, 0.005
ROLLED_LOTS = 40
TYPICAL_OPENING = 0.35
NAMED = 5


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
    large = (contracts["volume"] >= 100) & (contracts["combined_surprise"] >= 1.0)
    rows = large.arg_true()
    legs = contracts.select("underlying", "volume")[rows].with_columns(rows.alias("_row"))
    return _tag(contracts, "multi_leg_suspect", _equal_sizes(legs, 0.01))


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

    The legs have the same root, right and strike and at least 50 lots. Either two volumes are within a quarter of each
    other, or what the far leg traded beyond expectation fits into what a near one, or all near ones together, did: at
    most a quarter more and at least half of it, since an expiring contract has other closings. The far leg is rarer
    than one in ten, the near one, which usually trades a lot, than one in three; and what a near leg traded beyond
    expectation fits into its open interest, so that it can be a closing. Null where the volume or the surprise is not
    known.
    """
    key = ["root", "strike", "right"]
    days = (pl.col("expiry") - pl.col("session_date")).dt.total_days()
    legs = contracts.with_row_index("_row").filter((pl.col("volume") >= 50) & (pl.col("combined_surprise") >= 0.5))
    legs = legs.with_columns(beyond=pl.col("volume") - pl.col("volume_expected"))
    near = legs.filter((days <= 9) & (pl.col("beyond") <= 1.1 * pl.col("open_interest")))
    near = near.with_columns(together=pl.col("beyond").clip(0.0).sum().over(key))
    pairs = near.select(*key, "together", near="_row", size="volume", extra="beyond", first="expiry").join(
        legs.filter(pl.col("combined_surprise") >= 1.0).select(*key, "volume", "beyond", "expiry", far="_row"), on=key
    )
    beyond = (pl.col("extra") >= ROLLED_LOTS) & (_fits("beyond", "extra") | _fits("beyond", "together"))
    rolled = pairs.filter((pl.col("expiry") > pl.col("first")) & (_fits("volume", "size", least=0.8) | beyond))
    return _tag(contracts, "roll_suspect", pl.concat([rolled["near"], rolled["far"]]).to_numpy())


def _fits(size: str, into: str, least: float = 0.5) -> pl.Expr:
    """Whether a size is between ``least`` and one and a quarter times another."""
    return (pl.col(size) <= 1.25 * pl.col(into)) & (pl.col(size) >= least * pl.col(into))


def stories(contracts: pl.DataFrame, ladders: pl.DataFrame) -> pl.DataFrame:
    """The contracts of a session that stand out, and which of them tell one story.

    ``contracts`` is a scored chain sorted by root, expiry, strike and right, ``ladders`` the ladder frame. A contract
    takes part with at least 50 lots (of about a week, where it is a build-up of several sessions) and a rank of 1, or
    as a member of a ladder of at least 50 lots; rolls (see :func:`roll_suspects`) are left out. One story are, where
    they rank 2 or more: neighbouring strikes of one expiry, of either right; the same strike and right in several
    expiries; and equal sizes (at least 100 lots, within 0.5 %) in one underlying, the legs of a spread. Columns:
    ``underlying root expiry strike contract own rank story``: ``own`` is the contract's :func:`priority`, ``rank`` that
    or its ladder's surprise less 0.5, for the runs of many lengths looked at; ``story`` numbers the stories.
    """
    charged = pl.col("ladder_surprise") - LADDER_CHARGE
    in_ladder = (
        ladders.filter(pl.col("volume") >= LEAST_LOTS)
        .select("members", _ladder=charged)
        .explode("members", empty_as_null=True, keep_nulls=True)
    )
    places = contracts.select(
        _group=pl.struct("root", "expiry").rle_id(), _strike=pl.struct("root", "expiry", "strike").rle_id()
    )
    rolls = roll_suspects(contracts).fill_null(value=False)
    rows = (
        contracts.select(
            "underlying",
            "root",
            "expiry",
            "strike",
            "right",
            "contract",
            "volume",
            _lots=_lots(),
            own=priority(contracts),
        )
        .hstack(places)
        .join(in_ladder, left_on="contract", right_on="members", how="left", maintain_order="left")
        .filter(~rolls)
        .filter(((pl.col("own") >= LEAST_LISTED) & (pl.col("_lots") >= LEAST_LOTS)) | pl.col("_ladder").is_not_null())
        .with_columns(rank=pl.max_horizontal("own", "_ladder"))
    )
    names = ("underlying", "root", "expiry", "strike", "contract", "own", "rank")
    return rows.select(*names, story=pl.Series(_joined(rows), dtype=pl.Int32))


def _lots() -> pl.Expr:
    """The lots a contract's surprise speaks of: today's, or those of about a week where a longer window is the rarer.

    A build-up of forty lots a day is told by its five sessions, none of which says much alone.
    """
    longer = pl.max_horizontal("volume_surprise_3", "volume_surprise_5") > pl.col("volume_surprise")
    week = pl.col("volume") + 4 * pl.col("volume_avg_5").fill_null(0.0)
    return pl.when(longer & (pl.col("volume") >= DRIP_LOTS)).then(week).otherwise(pl.col("volume"))


def _joined(rows: pl.DataFrame) -> NDArray[np.int32]:
    """The number of the story of every row: what is linked, directly or through others, is one.

    What ranks below 2 alone stands alone: linked too, it would chain most of a busy chain together.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    numbered = rows.with_row_index("_row").filter((pl.col("own") >= LEAST_RANK) | pl.col("_ladder").is_not_null())
    links = [
        _linked(numbered, same="_group", close=pl.col("_strike") <= pl.col("_strike").shift(1) + 1),
        _linked(numbered.sort("root", "right", "strike", "expiry"), same=("root", "right", "strike")),
        _equal_sizes(numbered.filter(pl.col("volume") >= LEG_LOTS), LEG_TOLERANCE),
    ]
    first, second = np.concatenate(links, axis=1)
    graph = coo_array((np.ones(len(first), bool), (first, second)), shape=(rows.height, rows.height))
    return np.asarray(connected_components(graph, directed=False)[1], np.int32)


def _equal_sizes(rows: pl.DataFrame, tolerance: float) -> NDArray[np.int64]:
    """Numbers of the rows of one underlying whose volumes are neighbours within a tolerance, shape (2, pairs)."""
    close = pl.col("volume") <= pl.col("volume").shift(1) * (1 + tolerance)
    return _linked(rows.sort("underlying", "volume", "_row"), same="underlying", close=close)


def _linked(rows: pl.DataFrame, same: str | tuple[str, ...], close: pl.Expr | None = None) -> NDArray[np.int64]:
    """Numbers of the rows that are linked with the one before them in the order given, shape (2, links)."""
    keys = [same] if isinstance(same, str) else list(same)
    alike = pl.all_horizontal(pl.col(key) == pl.col(key).shift(1) for key in keys)
    pairs = rows.select("_row", before=pl.col("_row").shift(1), alike=alike if close is None else alike & close)
    return pairs.filter("alike").select("before", "_row").to_numpy().T.astype(np.int64)


def priority(contracts: pl.DataFrame) -> pl.Series:
    """What the alert budget ranks contracts by, in decades: how rare, and how much an alert would tell.

    The combined surprise; 1.5 more for a new strike (a family of few contracts in which openings are told apart best,
    so it gets more than its share of the list); and 0.75 of the decades by which the chance that the volume opens
    positions is above or below the typical one. Null where the surprise is.
    """
    raised = pl.when(pl.col("new_strike").fill_null(value=False)).then(NEW_STRIKE_RANK).otherwise(0.0)
    opens = (pl.col("opening_chance") / TYPICAL_OPENING).log(10.0).clip(-1.0, 1.0).fill_null(0.0)
    ranked = pl.col("combined_surprise") + raised + OPENING_WEIGHT * opens
    return contracts.select(priority=ranked).to_series()


def consolidate(contracts: pl.DataFrame, ladders: pl.DataFrame) -> pl.DataFrame:
    """One list of a session's alerts, strongest first: one for each story of :func:`stories`.

    Columns: ``underlying root expiry rank lead members``; ``lead`` is the strongest contract, whose root and expiry
    these are, ``members`` names the five strongest.
    """

    def strongest(*columns: str) -> pl.Expr:
        return pl.col(*columns).sort_by("own", descending=True, maintain_order=True)

    return (
        stories(contracts, ladders)
        .group_by("story", maintain_order=True)
        .agg(
            pl.col("underlying").first(),
            strongest("root", "expiry").first(),
            pl.col("rank").max(),
            lead=strongest("contract").first(),
            members=strongest("contract").head(NAMED),
        )
        .drop("story")
        .sort("rank", descending=True, maintain_order=True)
    )
