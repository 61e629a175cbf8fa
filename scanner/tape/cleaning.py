"""What of a tape counts for what: cancels undone, and prints apart that would mislead.

A print that is out of its place in time still traded, so it counts as volume, but the quote beside it is not the one it
met and never tells its side. Compression trades shift positions at negotiated prices, and extended hours have quotes of
their own: both are kept apart.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import TYPE_CHECKING

import polars as pl

from scanner.tape.conditions import Kind, is_of, marked
from scanner.tape.prints import Problem, array

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

USES = pl.Enum(["all", "volume", "apart"])
"""What a print counts for: everything, volume and money alone, or nothing but itself."""

# A price so far from its quote is a misprint, or of a contract that was changed meanwhile.
_FAR = 10.0
_MATCH = ("contract", "exchange", "price", "size")


@dataclass(frozen=True, slots=True)
class Cleaned:
    """The prints that stand, with ``use`` and ``quoted``, and what was found.

    ``quoted`` says that the quote beside the print stood before it and can be believed.
    """

    prints: pl.DataFrame
    problems: tuple[Problem, ...]


def clean(prints: pl.DataFrame) -> Cleaned:
    """Undo what was cancelled, and say what each print that stands counts for. Rows keep their order.

    ``prints`` obey :mod:`scanner.tape.prints`. A tape that ends at some moment knows the cancels up to then, so a
    print that is cancelled later still stands.
    """
    standing, problems = _without_cancelled(prints)
    use, quoted, counts = _judged(standing)
    standing = standing.with_columns(pl.Series("use", use).cat.to(USES), pl.Series("quoted", quoted))
    return Cleaned(standing, (*problems, *_told(counts), *_expired(standing)))


def _without_cancelled(prints: pl.DataFrame) -> tuple[pl.DataFrame, list[Problem]]:
    marked = prints.select(pl.col("cancelled").sum()).item()
    cancels = prints.filter(is_of(Kind.cancel))
    problems = [Problem("cancelled", "cancelled, as their source marks them; left out", marked)] if marked else []
    if marked:
        prints = prints.filter(~pl.col("cancelled"))
    if cancels.is_empty():
        return prints, problems
    numbered = prints.with_row_index("row")
    asked = numbered.filter(~is_of(Kind.cancel)).join(
        cancels.select(_MATCH).unique(), on=_MATCH, how="semi", nulls_equal=True
    )
    undone, unmatched = _matched(asked, cancels)
    if undone:
        problems.append(Problem("cancelled", "cancelled by a later message; both left out", len(undone)))
    if unmatched:
        problems.append(Problem("cancel_of_nothing", "cancel something that is not on this tape; left out", unmatched))
    gone = pl.Series(undone, dtype=pl.UInt32).implode()
    return numbered.filter(~is_of(Kind.cancel) & ~pl.col("row").is_in(gone)).drop("row"), problems


def _matched(candidates: pl.DataFrame, cancels: pl.DataFrame) -> tuple[list[int], int]:
    """For each cancel the newest print before it that has its contract, venue, price and size and is not taken yet."""
    waiting: dict[tuple[object, ...], list[tuple[int, int]]] = {}
    for row, *key, time in candidates.select("row", *_MATCH, pl.col("time").to_physical()).iter_rows():
        waiting.setdefault(tuple(key), []).append((time, row))
    undone, unmatched = [], 0
    for *key, time in cancels.sort("time").select(*_MATCH, pl.col("time").to_physical()).iter_rows():
        before = [item for item in waiting.get(tuple(key), []) if item[0] <= time]
        if before:
            waiting[tuple(key)].remove(before[-1])
            undone.append(before[-1][1])
        else:
            unmatched += 1
    return undone, unmatched


def _judged(prints: pl.DataFrame) -> tuple[NDArray[np.uint8], NDArray[np.bool_], NDArray[np.int64]]:
    """What each print counts for, whether its quote can be believed, and how many each of :data:`_NAMED` concerns."""
    from scanner.tape.judging import APART, LATE, UNKNOWN, judge

    marks = {
        LATE: lambda condition: condition.kind is Kind.late,
        APART: lambda condition: condition.kind in (Kind.compression, Kind.extended_hours),
    }
    return judge(
        marked(prints["condition"], marks, unknown=UNKNOWN),
        array(prints["time"]),
        array(prints["quote_time"]),
        array(prints["price"]),
        array(prints["bid"]),
        array(prints["ask"]),
        _FAR,
    )


_NAMED = (
    ("late", "late or out of sequence; they count as volume, their side is not told"),
    ("apart", "compression trades or of extended hours; kept apart"),
    ("far_from_quote", f"priced outside {_FAR:g} times their quote; their side is not told"),
    ("quote_not_before", "with a quote not from before them; it tells no side"),
    ("crossed", "with a bid above the ask; their side is not told"),
    ("no_quote", "without a quote; their side is not told by one"),
    ("no_condition", "do not say how they traded, or by a code that is not known"),
)


def _told(counts: NDArray[np.int64]) -> Iterator[Problem]:
    for (code, reason), count in zip(_NAMED, counts, strict=True):
        if count:
            yield Problem(code, reason, int(count))


def _expired(prints: pl.DataFrame) -> Iterator[Problem]:
    """Prints of contracts that had expired before their session: nothing that trades, but they are on the tape."""
    newest = prints["session_date"].max()
    if newest is None:
        return
    assert isinstance(newest, date)
    gone = prints["contract"].unique().cast(pl.String).to_frame().with_columns(expiry=_expiry("contract"))
    gone = gone.filter(pl.col("expiry") < f"{newest:%y%m%d}").with_columns(pl.col("contract").cast(pl.Categorical))
    if gone.is_empty():
        return
    late = prints.select("contract", "session_date").join(gone, on="contract")
    late = late.filter(pl.col("session_date").dt.strftime("%y%m%d") > pl.col("expiry"))
    if late.height:
        example = late["contract"].cast(pl.String).min()
        yield Problem("expired", "of contracts that had expired before", late.height, str(example))


def _expiry(symbol: str) -> pl.Expr:
    """The six digits of the expiry in a compact symbol, which ends in them, the right, and eight of the strike."""
    return pl.col(symbol).str.slice(-15, 6)
