"""From surprises to a list: false-discovery rate, score, tags, and repeated looks at one session."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from scanner.activity.ranking.stories import equal_sizes
from scanner.kernels.columns import floats, integers, text_numbers

ROLLED_LOTS = 50
_LEAST_EXTRA = 40
_NEAR_DAYS = 9
_SAME, _ABOUT = (0.95, 1.05), (0.7, 1.25)
# From so many legs on, and such a share of what is rare in an expiry, a whole month moves into it.
_LEAST_LEGS, _LEAST_SHARE = 5, 1 / 3


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
    rows = large.arg_true().to_numpy()
    legs = contracts["underlying", "volume"][rows]
    pairs = equal_sizes(text_numbers(legs["underlying"]), floats(legs["volume"]), 0.01)
    return _tag(contracts, "multi_leg_suspect", rows[pairs])


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
    volume, surprise = floats(contracts["volume"]), floats(contracts["combined_surprise"])
    rows = np.flatnonzero(volume >= ROLLED_LOTS)
    expiry = integers(contracts["expiry"][rows])
    days, rare = expiry - integers(contracts["session_date"][rows]), surprise[rows] >= 1.0
    if not rare.any() or not (days <= _NEAR_DAYS).any():
        return _tag(contracts, "roll_suspect", np.empty(0, np.int64))
    root, interest = text_numbers(contracts["root"][rows]), floats(contracts["open_interest"])[rows]
    beyond = volume[rows] - floats(contracts["volume_expected"])[rows]
    legs = _Legs(
        _numbers((contracts["right"][rows] == "C").to_numpy(), floats(contracts["strike"][rows]), root),
        _numbers(expiry, root),
        expiry,
        volume[rows],
        beyond,
        np.fmin(volume[rows], interest),
        (surprise[rows] >= 0.5) & (beyond <= 1.1 * interest),
    )
    return _tag(contracts, "roll_suspect", rows[_rolled(legs, np.flatnonzero(days <= _NEAR_DAYS), rare)])


class _Legs(NamedTuple):
    """What rolls are looked for among, shape (rows,): contracts of a session that traded enough.

    ``strike`` numbers the root, strike and right of each, ``month`` its root and expiry. ``most`` is what volume and
    open interest can hold of a closing; ``closing`` tells whether what traded beyond expectation can be one.
    """

    strike: NDArray[np.int64]
    month: NDArray[np.int64]
    expiry: NDArray[np.int32]
    volume: NDArray[np.float64]
    beyond: NDArray[np.float64]
    most: NDArray[np.float64]
    closing: NDArray[np.bool_]


def _rolled(legs: _Legs, near: NDArray[np.int64], rare: NDArray[np.bool_]) -> NDArray[np.int64]:
    """The rows of both legs of what looks rolled from ``near`` expiries to one that is ``rare``."""
    strikes = int(legs.strike.max()) + 1
    closing = near[legs.closing[near]]
    extra = np.nan_to_num(np.maximum(legs.beyond[closing], 0.0))
    together = np.asarray(np.bincount(legs.strike[closing], extra, minlength=strikes), np.float64)
    held = np.nan_to_num(legs.most[near])
    most = np.asarray(np.bincount(legs.strike[near], held, minlength=strikes), np.float64)
    first, far = _pairs(legs.strike[near], legs.strike[rare])
    first, far = near[first], np.flatnonzero(rare)[far]
    later = legs.expiry[far] > legs.expiry[first]
    first, far = first[later], far[later]
    strike = legs.strike[far]

    def matches(share: tuple[float, float]) -> NDArray[np.bool_]:
        """Whether a far leg's volume is such a share of a near one's, as they are or beyond expectation."""
        beyond = _fits(legs.beyond[far], legs.beyond[first], share) | _fits(legs.beyond[far], together[strike], share)
        return _fits(legs.volume[far], legs.volume[first], share) | (beyond & (legs.beyond[first] >= _LEAST_EXTRA))

    about = legs.closing[first] & matches(_ABOUT)
    months = int(legs.month.max()) + 1
    moved = np.bincount(legs.month[np.unique(far[about])], minlength=months)
    unusual = np.bincount(legs.month[rare], minlength=months)
    moving = (moved >= _LEAST_LEGS) & (moved >= _LEAST_SHARE * unusual)
    drowned = moving[legs.month[far]] & _fits(legs.beyond[far], most[strike], (0.0, 1.25))
    rolled = (about & matches(_SAME)) | drowned
    return np.concatenate([first[rolled], far[rolled]])


def _pairs(one: NDArray[np.int64], other: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Every place in ``one`` beside every place in ``other`` that has the same number."""
    order = np.argsort(one, kind="stable")
    begin, end = (np.searchsorted(one[order], other, side=side) for side in ("left", "right"))
    count = end - begin
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return order[np.repeat(begin, count) + within], np.repeat(np.arange(len(other)), count)


def _fits(size: NDArray[np.float64], into: NDArray[np.float64], share: tuple[float, float]) -> NDArray[np.bool_]:
    """Whether a size is between two shares of another."""
    least, most = share
    return (size >= least * into) & (size <= most * into)


def _numbers(*keys: NDArray[np.generic]) -> NDArray[np.int64]:
    """A number for each row, the same for rows that agree in all keys."""
    order = np.lexsort(keys)
    begins = np.zeros(len(order), bool)
    for key in keys:
        begins[1:] |= key[order[1:]] != key[order[:-1]]
    numbers = np.empty(len(order), np.int64)
    numbers[order] = np.cumsum(begins)
    return numbers
